"""The left rail. A page that does not exist yet is not shown, nor one that the role may not open."""

from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from community_ops.accounts.policies import may
from community_ops.common.actors import Actor


@dataclass(frozen=True)
class Entry:
    """A line of the rail; `action`: the row of the role table that opens its page.

    `also`: how the paths of its pages that lie elsewhere begin, after the workspace's.
    """

    label: Any
    route: str
    action: str = "workspace.view"
    icon: str = ""
    stage: str = ""
    children: "tuple[Entry, ...]" = ()
    also: tuple[str, ...] = ()


SECTIONS: tuple[tuple[Entry, ...], ...] = (
    (
        Entry(_("Today"), "dashboard:today", icon="sun", also=("needs/",)),
        Entry(_("Groups"), "groups:group_list", "groups.view", icon="chat-bubble-left-right"),
        Entry(pgettext_lazy("navigation", "Members"), "members:member_list", "members.view", icon="users"),
    ),
    (
        Entry(
            pgettext_lazy("stage", "Build"),
            "groups:community_new",
            "communities.manage",
            stage="build",
            children=(
                Entry(_("New community"), "groups:community_new", "communities.manage"),
                Entry(_("New group"), "groups:group_new", "groups.manage"),
            ),
        ),
        Entry(
            pgettext_lazy("stage", "Acquire"),
            "members:import_list",
            "members.import",
            stage="acquire",
            children=(Entry(_("Import"), "members:import_list", "members.import"),),
        ),
        Entry(
            pgettext_lazy("stage", "Activate"),
            "campaigns:announcements",
            "announcements.view",
            stage="activate",
            children=(
                Entry(_("Announcements"), "campaigns:announcements", "announcements.view"),
                Entry(_("Playbooks"), "campaigns:playbooks", "playbooks.view"),
                Entry(_("To-send list"), "messaging:tasks", "tasks.view"),
                Entry(_("Delivery record"), "messaging:deliveries", "deliveries.view"),
            ),
        ),
        Entry(
            pgettext_lazy("stage", "Convert"),
            "conversion:sale_list",
            "sales.view",
            stage="convert",
            children=(
                Entry(_("Products"), "conversion:product_list", "products.view"),
                Entry(_("Flash sales"), "conversion:sale_list", "sales.view"),
                Entry(_("Orders"), "conversion:order_list", "orders.view"),
            ),
        ),
    ),
    (
        Entry(_("Calendar"), "campaigns:calendar", "announcements.view", icon="calendar-days"),
        Entry(
            _("Settings"),
            "messaging:endpoints",
            "endpoints.view",
            icon="cog-6-tooth",
            children=(
                Entry(
                    _("Delivery channels"),
                    "messaging:endpoints",
                    "endpoints.view",
                    also=("connections/", "chats/", "rooms/"),
                ),
                Entry(_("Send rules"), "messaging:send_rules", "send_rules.view"),
                Entry(_("Webhooks"), "messaging:webhooks", "webhooks.view"),
                Entry(_("Team"), "accounts:team", "workspace.manage"),
                Entry(_("Parked events"), "dashboard:parked", "jobs.repair"),
            ),
        ),
    ),
)


def sections(actor: Actor, slug: str, *, current_path: str) -> list[dict[str, Any]]:
    """Context of components/_rail.html: sections of items for this role; the item of the open page is current."""
    longest = _longest_match(slug, current_path)
    shown = [
        [_item(entry, actor, slug, longest) for entry in entries if may(actor, entry.action)] for entries in SECTIONS
    ]
    return [{"items": items} for items in shown if items]


def _item(entry: Entry, actor: Actor, slug: str, current_url: str) -> dict[str, Any]:
    children = [_item(child, actor, slug, current_url) for child in entry.children if may(actor, child.action)]
    url = reverse(entry.route, args=[slug])
    return {
        "label": entry.label,
        "url": url,
        "icon": entry.icon,
        "stage": entry.stage,
        "is_current": url == current_url or any(child["is_current"] for child in children),
        "children": children,
    }


def _longest_match(slug: str, current_path: str) -> str:
    """The address of the entry the open page lies below, so that a detail page marks its list."""
    entries = [entry for group in SECTIONS for entry in group]
    entries += [child for entry in entries for child in entry.children]
    home = reverse("dashboard:today", args=[slug]).removesuffix("today/")
    below = {reverse(entry.route, args=[slug]): entry for entry in entries}
    begins = [(url, url) for url in below]
    begins += [(home + path, url) for url, entry in below.items() for path in entry.also]
    found = [(len(beginning), url) for beginning, url in begins if current_path.startswith(beginning)]
    return max(found, default=(0, ""))[1]
