"""The seven steps of an empty workspace; each counted from what is really there."""

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from campaigns.selectors import announcements_visible_to
from community_ops.common.actors import Actor
from conversion.selectors import flash_sales_visible_to
from groups.selectors import communities_visible_to, groups_visible_to
from members.selectors import members_visible_to
from messaging.selectors import deliveries_visible_to

FIRST_MEMBERS = 10


def start_list(actor: Actor, slug: str) -> list[dict[str, Any]]:
    """Context of components/_steps.html; the first step not done is the current one."""
    groups = groups_visible_to(actor)
    done = {
        "community": communities_visible_to(actor).exists(),
        "group": groups.exists(),
        "channel": groups.filter(endpoint__isnull=False).exists(),
        "members": members_visible_to(actor).count() >= FIRST_MEMBERS,
        "announcement": announcements_visible_to(actor).exclude(state="draft").exists(),
        "arrived": deliveries_visible_to(actor).filter(accepted_at__isnull=False).exists(),
        "sale": flash_sales_visible_to(actor).exclude(state="draft").exists(),
    }
    current = next((key for key, is_done in done.items() if not is_done), "")
    steps = _steps(slug) | {"channel": _channel_step(slug, groups.values_list("pk", flat=True).first())}
    return [{**steps[key], "is_done": is_done, "is_current": key == current} for key, is_done in done.items()]


def _channel_step(slug: str, group_id: int | None) -> dict[str, Any]:
    """A channel counts once a group sends through it, so the way leads to the group as soon as there is one."""
    step = {
        "title": _("Give it a delivery channel"),
        "text": _(
            "A sandbox room shows the group as its members see it; a robot or a webhook reaches the real one. "
            "Done once the channel is chosen on the group's page: making one is not enough."
        ),
        "minutes": 2,
    }
    if group_id is None:
        return step | {"action_label": _("Delivery channels"), "url": reverse("messaging:endpoints", args=[slug])}
    url = reverse("groups:group_detail", args=[slug, group_id])
    return step | {"action_label": _("Choose a channel"), "url": f"{url}#channel"}


def _steps(slug: str) -> dict[str, dict[str, Any]]:
    def step(title: str, text: str, minutes: int, action: str, route: str) -> dict[str, Any]:
        url = reverse(route, args=[slug])
        return {"title": title, "text": text, "minutes": minutes, "action_label": action, "url": url}

    return {
        "community": step(
            _("Say what you do together"),
            _("A community is people doing one thing together: run every day, read 20 pages a day."),
            3,
            _("Found a community"),
            "groups:community_new",
        ),
        "group": step(
            _("Add the first group"),
            _("A record can exist before the real group does."),
            2,
            _("New group"),
            "groups:group_new",
        ),
        "members": step(
            _("Bring in the first 10 members"),
            _("From a table, from a chat export, or one by one."),
            5,
            _("Import"),
            "members:import_list",
        ),
        "announcement": step(
            _("Schedule the first announcement"),
            _("See it as a chat bubble first, then schedule it."),
            2,
            _("Write"),
            "campaigns:announcement_new",
        ),
        "arrived": step(
            _("Watch it arrive"),
            _("The record says what is known: accepted by the platform, to be checked, or why not."),
            1,
            _("Delivery record"),
            "messaging:deliveries",
        ),
        "sale": step(
            _("Prepare the first flash sale"),
            _("The whole plan is shown before anything is scheduled."),
            5,
            _("New flash sale"),
            "conversion:sale_new",
        ),
    }
