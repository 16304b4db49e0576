"""群消息: the list, the composer, one announcement with what became of it in each group."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from campaigns import origins, selectors, services, wording
from campaigns.forms import BUBBLE_ID, AnnouncementForm, MoveForm, chosen_groups, initial_of
from campaigns.models import Announcement, AnnouncementState
from community_ops.accounts.pages import WorkspaceRequest, page, tell
from community_ops.accounts.policies import may
from community_ops.common import clock
from community_ops.common.errors import DomainError
from community_ops.common.templatetags.wording import grouped, in_zone
from groups.services import Warned
from messaging import selectors as messaging

if TYPE_CHECKING:
    from groups.models import ChatGroup

PAGE_SIZE = 50
SHOWN_NAMES = 20
SHOWN_SIGNS = 60
AT_ONCE = timedelta(seconds=15)  # what is due shorter than this is about to be sent: nothing to change about it
_AHEAD = ("draft", "scheduled")
STOP_POLLING = 286  # the status that tells htmx so


@page("announcements.view")
@require_safe
def announcement_list(request: WorkspaceRequest) -> HttpResponse:
    """By send time, the latest first. `?cursor=` (a time and an id: what comes after it) stands in the address."""
    cursor = request.GET.get("cursor", "")
    rows = selectors.announcements_visible_to(request.actor).order_by("-due_at", "-id")
    if place := _place(cursor):
        due_at, pk = place
        rows = rows.filter(Q(due_at__lt=due_at) | Q(due_at=due_at, pk__lt=pk))
    found = list(rows[: PAGE_SIZE + 1])
    shown = found[:PAGE_SIZE]
    context = {
        "rows": _listed(request, shown),
        "pager": _pager(cursor, shown, more=len(found) > PAGE_SIZE),
        "may_write": may(request.actor, "announcements.write"),
        "empty": _empty(request),
    }
    return render(request, "campaigns/announcement_list.html", context)


def _place(cursor: str) -> tuple[datetime, int] | None:
    """The time and the id that `_pager` wrote, or nothing."""
    moment, _separator, pk = cursor.partition("_")
    try:
        due_at = datetime.fromisoformat(moment)
    except ValueError:
        return None
    is_whole = due_at.tzinfo is not None and pk.isascii() and pk.isdigit() and len(pk) < 19
    return (due_at, int(pk)) if is_whole else None


def _listed(request: WorkspaceRequest, shown: Sequence[Announcement]) -> list[dict[str, Any]]:
    ids = [announcement.pk for announcement in shown]
    counts = messaging.counts_by_origin(
        workspace_id=request.workspace.pk,
        origin=origins.ANNOUNCEMENT,
        origin_ids=ids,
        now=clock.now(),
        actor=request.actor,
    )
    return [
        {
            "announcement": announcement,
            "groups": [target.group for target in announcement.targets.all()],
            "zone": _zone_of(announcement, request),
            "state": selectors.state_shown(announcement, counts.get(announcement.pk, {})),
            "counts": counts.get(announcement.pk, {}),
        }
        for announcement in shown
    ]


def _pager(cursor: str, shown: Sequence[Announcement], *, more: bool) -> dict[str, str]:
    pager = {"previous_url": "?"} if cursor else {}
    if more:
        last = shown[-1]
        pager["next_url"] = f"?{urlencode({'cursor': f'{last.due_at.isoformat()}_{last.pk}'})}"
    return pager


def _empty(request: WorkspaceRequest) -> dict[str, str]:
    empty = {
        "icon": "megaphone",
        "title": _("No announcements yet"),
        "text": _("Write one text, choose groups and a time. You see what became of it in each group."),
    }
    if may(request.actor, "announcements.write"):
        address = reverse("campaigns:announcement_new", args=[request.workspace.slug])
        empty |= {"action_url": address, "action_label": _("Write an announcement")}
    return empty


# --- the composer ------------------------------------------------------------------------------------


@page("announcements.write")
def announcement_new(request: WorkspaceRequest) -> HttpResponse:
    """Write a draft. The same address shows the bubbles of what is typed (`preview`), without saving."""
    zone = selectors.home_zone(request.actor)
    initial = {"due_at": _next_full_hour(zone), "groups": request.GET.getlist("group")}
    form = AnnouncementForm(request.POST or None, actor=request.actor, zone=zone, initial=initial)
    if _wants_preview(request):
        return _preview(request)
    if request.method == "POST" and form.is_valid() and (made := _create(request, form)):
        return redirect("campaigns:announcement", slug=request.workspace.slug, announcement_id=made.pk)
    return _composer(request, form, heading=_("New announcement"))


@page("announcements.write")
def announcement_edit(request: WorkspaceRequest, announcement_id: int) -> HttpResponse:
    """Write a draft anew."""
    announcement = selectors.get_announcement(request.actor, announcement_id)
    if _wants_preview(request):
        return _preview(request)
    zone = _zone_of(announcement, request)
    form = AnnouncementForm(
        request.POST or None, actor=request.actor, zone=zone, initial=initial_of(announcement, zone)
    )
    if request.method == "POST" and form.is_valid() and _change(request, announcement, form):
        return redirect("campaigns:announcement", slug=request.workspace.slug, announcement_id=announcement.pk)
    return _composer(request, form, heading=_("Change the draft"))


def _wants_preview(request: WorkspaceRequest) -> bool:
    return bool(request.htmx) and request.method == "POST"


def _preview(request: WorkspaceRequest) -> HttpResponse:
    groups = chosen_groups(request.actor, request.POST.getlist("groups"))
    context = {"bubbles": bubbles(groups, request.POST.get("text", "")), "notes": _warnings(groups)}
    return render(request, "campaigns/_preview.html", context)


def _composer(request: WorkspaceRequest, form: AnnouncementForm, *, heading: str) -> HttpResponse:
    groups = chosen_groups(request.actor, [str(value) for value in form["groups"].value() or []])
    context = {
        "form": form,
        "heading": heading,
        "bubbles": bubbles(groups, form["text"].value() or ""),
        "notes": _warnings(groups),
        "no_groups": None if selectors.groups_to_choose(request.actor).exists() else _no_groups(request),
        "breadcrumbs": _crumbs(request),
    }
    return render(request, "campaigns/announcement_form.html", context, status=422 if form.errors else 200)


def _no_groups(request: WorkspaceRequest) -> dict[str, str]:
    """What stands in the place of the form while there is nobody to write to."""
    empty = {"icon": "user-group", "title": _("No group yet"), "text": _("An operator makes or assigns the groups.")}
    if may(request.actor, "groups.manage"):
        empty |= {
            "text": _("An announcement goes to groups. Make the first one, then write to it."),
            "action_url": reverse("groups:group_new", args=[request.workspace.slug]),
            "action_label": _("New group"),
        }
    return empty


def _create(request: WorkspaceRequest, form: AnnouncementForm) -> Announcement | None:
    try:
        return services.create_announcement(
            workspace_id=request.workspace.pk, **form.cleaned(), actor=request.actor, now=clock.now()
        )
    except DomainError as refusal:
        form.refuse(refusal)
        return None


def _change(request: WorkspaceRequest, announcement: Announcement, form: AnnouncementForm) -> Announcement | None:
    try:
        return services.change_announcement(
            announcement=announcement, **form.cleaned(), actor=request.actor, now=clock.now()
        )
    except DomainError as refusal:
        form.refuse(refusal)
        return None


def bubbles(groups: Sequence["ChatGroup"], text: str) -> list[dict[str, Any]]:
    """One bubble per platform the groups are on, the strictest first, each with its size as that platform counts.

    One without a platform while no group is chosen, or none that has a channel.
    """
    of_platform: dict[str, list[ChatGroup]] = {}
    for group in groups:
        if group.endpoint is not None:
            of_platform.setdefault(group.endpoint.connection.platform, []).append(group)
    size = len(text.encode("utf-8", "replace"))
    strictest_first = sorted(of_platform, key=lambda platform: (messaging.text_limit_bytes(platform), platform))
    shown: list[dict[str, Any]] = [
        {
            "platform": _platform_label(of_platform[platform][0]),
            "group": wording.names([group.name for group in of_platform[platform][:3]]),
            "size": size,
            "limit": messaging.text_limit_bytes(platform),
            "unit": "bytes",
        }
        for platform in strictest_first
    ] or [{"platform": _("No delivery channel") if groups else _("Preview")}]
    shown[0]["id"] = BUBBLE_ID
    return [bubble | {"sender": _("Group assistant"), "text": text} for bubble in shown]


def _platform_label(group: "ChatGroup") -> str:
    return group.endpoint.connection.get_platform_display() if group.endpoint is not None else ""


# --- one announcement --------------------------------------------------------------------------------


@page("announcements.view")
@require_safe
def announcement_detail(request: WorkspaceRequest, announcement_id: int) -> HttpResponse:
    """Its text, and its honest state in each group; htmx asks again while something may still happen."""
    announcement = selectors.get_announcement(request.actor, announcement_id)
    context = _detail(request, announcement)
    if not request.htmx:
        return render(request, "campaigns/announcement_detail.html", context)
    status = 200 if context["is_open"] else STOP_POLLING
    return render(request, "campaigns/_announcement_live.html", context, status=status)


def _detail(request: WorkspaceRequest, announcement: Announcement) -> dict[str, Any]:
    now = clock.now()
    groups = services.target_groups(announcement)
    visible = {target.group_id for target in announcement.targets.all()}
    groups = [group for group in groups if group.pk in visible]
    rows = selectors.states_of_announcement(announcement, request.actor, now=now)
    counts = _counts(rows)
    state = selectors.state_shown(announcement, counts)
    zone = _zone_of(announcement, request)
    dialogs = _dialogs(request, announcement, groups, zone)
    return {
        "announcement": announcement,
        "groups": groups,
        "rows": [_in_group(row) for row in rows],
        "badge": wording.announcement_badge(state) if state != "finished" else None,
        "counts": counts if state in (selectors.PARTLY_SENT, selectors.REST_CANCELLED) else {},
        "zone": zone,
        "is_open": _is_open(announcement, rows),
        "bubbles": bubbles(groups, announcement.text),
        "warnings": _all_warnings(announcement, groups) if state in _AHEAD and not request.htmx else [],
        "dialogs": dialogs if _is_changeable(announcement, rows) else {},
        "questions": dialogs,
        "needs_operator": state == "draft" and not may(request.actor, "announcements.send"),
        "may_write": may(request.actor, "announcements.write"),
        "may_decide": may(request.actor, "deliveries.decide"),
        "back": request.path,
        "breadcrumbs": _crumbs(request),
    }


def _in_group(row: selectors.GroupState) -> dict[str, Any]:
    """A row of what became of it in each group."""
    return {
        "row": row,
        "badge": wording.badge_of(row),
        "answer": wording.answer_of(row),
        "is_unknown": row.state == "unknown",
    }


def _warnings(groups: Sequence["ChatGroup"]) -> list[Warned]:
    """What is known to go wrong for these groups, said before anything is scheduled."""
    return [*services.no_endpoint_warnings(groups), *services.failing_endpoint_warnings(groups)]


def _all_warnings(announcement: Announcement, groups: Sequence["ChatGroup"]) -> list[Warned]:
    """The same, and what the send rules would hold back at its time."""
    sends = services.sends_of(announcement, groups)
    return [*_warnings(groups), *services.held_warnings(workspace_id=announcement.workspace_id, sends=sends)]


def _is_open(announcement: Announcement, rows: Sequence[selectors.GroupState]) -> bool:
    """Whether something may still happen; of a cancelled one that is what was being sent at that moment."""
    is_cancelled = announcement.state == AnnouncementState.CANCELLED
    return any(row.state in ({"sending"} if is_cancelled else selectors.OPEN_STATES) for row in rows)


def _counts(rows: Sequence[selectors.GroupState]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.state] = counts.get(row.state, 0) + 1
    return counts


def _dialogs(
    request: WorkspaceRequest,
    announcement: Announcement,
    groups: Sequence["ChatGroup"],
    zone: str,
) -> dict[str, Any]:
    """What the person may ever do about it; each first shows whom it touches. They are on the page beforehand, for
    what can be done changes while somebody looks."""
    if not may(request.actor, "announcements.send") or announcement.state == AnnouncementState.CANCELLED:
        return {}
    if announcement.state == AnnouncementState.DRAFT:
        return {kind: _dialog(request, announcement, kind, groups) for kind in ("schedule", "send_now", "cancel")}
    move = _dialog(request, announcement, "move", groups)
    move["form"] = MoveForm(zone=zone, initial={"due_at": announcement.due_at.astimezone(ZoneInfo(zone))})
    return {"move": move, "cancel": _dialog(request, announcement, "cancel", groups)}


def _is_changeable(announcement: Announcement, rows: Sequence[selectors.GroupState]) -> bool:
    """Whether it is a draft, or something is planned that is not just being sent."""
    if announcement.state == AnnouncementState.DRAFT:
        return True
    now = clock.now()
    states = {row.state for row in rows}
    is_overdue = announcement.due_at < now - AT_ONCE
    return bool(states & {"planned", "retrying"}) or ("due" in states and is_overdue)


def _dialog(
    request: WorkspaceRequest, announcement: Announcement, kind: str, groups: Sequence["ChatGroup"]
) -> dict[str, Any]:
    words = {
        "schedule": (_("Schedule for these groups?"), _("Schedule")),
        "send_now": (_("Send to these groups now?"), _("Send now")),
        "move": (_("Send at another time?"), _("Change the time")),
        "cancel": (_("Cancel what has not gone out?"), _("Cancel this announcement")),
    }
    title, label = words[kind]
    return {
        "id": f"dialog-{kind}",
        "title": title,
        "facts": _facts(request, announcement, kind, len(groups)),
        "confirm_label": label,
        "action": reverse(
            "campaigns:announcement_act",
            kwargs={"slug": request.workspace.slug, "announcement_id": announcement.pk, "action": kind},
        ),
        "is_bad": kind == "cancel",
        "names": [group.name for group in groups[:SHOWN_NAMES]],
        "names_total": len(groups) if len(groups) > SHOWN_NAMES else None,
    }


def _facts(request: WorkspaceRequest, announcement: Announcement, kind: str, group_count: int) -> list[dict[str, Any]]:
    """What a person agrees to: when, what, to how many."""
    zone = _zone_of(announcement, request)
    when = _("At once") if kind == "send_now" else f"{in_zone(announcement.due_at, zone)} ({zone})"
    return [
        {"label": _("When"), "value": when},
        {"label": _("Text"), "value": Truncator(announcement.text).chars(SHOWN_SIGNS)},
        {"label": _("Groups"), "value": grouped(group_count)},
    ]


@page("announcements.send")
@require_POST
def announcement_act(request: WorkspaceRequest, announcement_id: int, action: str) -> HttpResponse:
    """Schedule, send now, move or cancel; a refusal is said on the next page."""
    announcement = selectors.get_announcement(request.actor, announcement_id)
    now = clock.now()
    try:
        if action == "cancel":
            services.cancel_announcement(announcement=announcement, actor=request.actor, now=now)
        elif action == "move":
            _move(request, announcement, now)
        else:
            due_at = now if action == "send_now" else None
            services.schedule_announcement(announcement=announcement, due_at=due_at, actor=request.actor, now=now)
    except DomainError as refusal:
        tell(request, refusal)
    return redirect("campaigns:announcement", slug=request.workspace.slug, announcement_id=announcement.pk)


def _move(request: WorkspaceRequest, announcement: Announcement, now: datetime) -> None:
    form = MoveForm(request.POST, zone=_zone_of(announcement, request))
    if form.is_valid():
        services.move_announcement(
            announcement=announcement, due_at=form.moment("due_at"), actor=request.actor, now=now
        )
    else:
        messages.error(request, str(form.errors["due_at"][0]))


def _zone_of(announcement: Announcement, request: WorkspaceRequest) -> str:
    """The zone the announcement's times are written in: that of its first group."""
    first = next((target.group for target in announcement.targets.all()), None)
    return first.zone.key if first else selectors.home_zone(request.actor)


def _next_full_hour(zone: str) -> datetime:
    local = clock.now().astimezone(ZoneInfo(zone)) + timedelta(hours=1)
    return local.replace(minute=0, second=0, microsecond=0, tzinfo=None)


def _crumbs(request: WorkspaceRequest) -> list[dict[str, str]]:
    return [{"label": _("Announcements"), "url": reverse("campaigns:announcements", args=[request.workspace.slug])}]
