"""群消息: the list, and one announcement with what became of it in each group. The composer is `composing`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from campaigns import origins, selectors, services, wording
from campaigns.models import Announcement, AnnouncementState
from campaigns.views.acting import GONE_OUT, PAUSED_STATES, Dialogs, dialogs_of, offered, zone_of
from campaigns.views.composing import Draft, bubbles, crumbs, known_troubles, visible_groups
from campaigns.views.requeueing import requeue_url
from community_ops.accounts.pages import WorkspaceRequest, page
from community_ops.accounts.policies import may
from community_ops.common import clock
from groups.services import Warned
from messaging import selectors as messaging

if TYPE_CHECKING:
    from groups.models import ChatGroup

PAGE_SIZE = 50
_AHEAD = ("draft", "scheduled", "paused")
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
    mine = messaging.deliveries_visible_to(request.actor).filter(origin=origins.ANNOUNCEMENT, origin_id__in=ids)
    people = messaging.who_has_of(mine)
    return [
        {
            "announcement": announcement,
            "groups": [target.group for target in announcement.targets.all()],
            "zone": zone_of(announcement, request),
            "state": selectors.state_shown(announcement, counts.get(announcement.pk, {})),
            "counts": counts.get(announcement.pk, {}),
            "by_hand": wording.by_hand(people.get(announcement.pk, [])),
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
    groups = visible_groups(announcement)
    rows = selectors.states_of_announcement(announcement, request.actor, now=now)
    counts = _counts(rows)
    state = selectors.state_shown(announcement, counts)
    overall = selectors.PARTLY_SENT if state == "finished" and _is_mixed(counts) else state
    zone = zone_of(announcement, request)
    dialogs = dialogs_of(request, announcement, groups, rows, zone)
    draft = Draft.written(announcement)
    arrived = services.arrivals(groups, draft.content, may_split=draft.may_split)
    is_ahead = state in _AHEAD
    return {
        "announcement": announcement,
        "groups": groups,
        "rows": [_in_group(request, row, is_paused=announcement.paused_at is not None) for row in rows],
        "badge": wording.announcement_badge(overall) if overall != "finished" else None,
        "counts": counts if overall in (selectors.PARTLY_SENT, selectors.REST_CANCELLED) else {},
        "paused": wording.paused_words(sum(counts.get(one, 0) for one in PAUSED_STATES)) if state == "paused" else "",
        "zone": zone,
        "latest": wording.latest_words(announcement, zone),
        "is_open": _is_open(announcement, rows),
        "bubbles": bubbles(groups, draft, arrived),
        "warnings": _warnings(announcement, groups, arrived, dialogs) if is_ahead and not request.htmx else [],
        "dialogs": offered(dialogs, announcement, rows),
        "questions": dialogs,
        "requeue_url": requeue_url(request, announcement),
        "needs_operator": state == "draft" and not may(request.actor, "announcements.send"),
        "may_write": may(request.actor, "announcements.write"),
        "may_decide": may(request.actor, "deliveries.decide"),
        "back": request.path,
        "breadcrumbs": crumbs(request),
    }


def _is_mixed(counts: Mapping[str, int]) -> bool:
    """Whether it has gone out to some groups and not to others."""
    return bool(counts.keys() & GONE_OUT and counts.keys() - GONE_OUT)


def _in_group(request: WorkspaceRequest, row: selectors.GroupState, *, is_paused: bool) -> dict[str, Any]:
    """A row of what became of it in each group."""
    badge = wording.badge_of(row)
    return {
        "row": row,
        "badge": wording.paused_badge(badge) if is_paused and row.state == "waiting" else badge,
        "answer": wording.answer_of(row),
        "confirmed_by": wording.confirmed_by(row),
        "is_unknown": row.state == "unknown",
        "next_step": _next_step(request, row),
        "may_requeue": row.reason == messaging.CHANNEL_SINCE and may(request.actor, "deliveries.decide"),
    }


def _next_step(request: WorkspaceRequest, row: selectors.GroupState) -> dict[str, str] | None:
    """Where what made it fail can be put right, for whoever may do that; a refusal's own page knows the channel."""
    slug = request.workspace.slug
    if row.state == "failed" and row.reason == "no_endpoint" and may(request.actor, "groups.manage"):
        address = reverse("groups:group_detail", args=[slug, row.group_id])
        return {"text": _("Connect a channel to this group"), "url": address}
    if row.reason == "refused" and may(request.actor, "endpoints.manage"):
        return {"text": _("Check the channel"), "url": reverse("messaging:delivery", args=[slug, row.delivery_id])}
    return None


def _warnings(
    announcement: Announcement,
    groups: Sequence["ChatGroup"],
    arrived: Mapping[str, messaging.Arrival],
    dialogs: Dialogs,
) -> list[Warned]:
    """What is known beforehand: of the groups, of the words, and what the send rules would hold back at its time.

    That a channel fails is left to the forecast where one of the dialogs has it.
    """
    is_foreseen = any("forecast" in dialog for dialog in dialogs.values())
    troubles = services.no_endpoint_warnings(groups) if is_foreseen else known_troubles(groups)
    held = services.announcement_held_warnings(announcement, groups)
    return [*troubles, *services.arrival_warnings(arrived.values()), *held]


def _is_open(announcement: Announcement, rows: Sequence[selectors.GroupState]) -> bool:
    """Whether something may still happen; of a cancelled one that is what was being sent at that moment."""
    is_cancelled = announcement.state == AnnouncementState.CANCELLED
    return any(row.state in ({"sending"} if is_cancelled else selectors.OPEN_STATES) for row in rows)


def _counts(rows: Sequence[selectors.GroupState]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.state] = counts.get(row.state, 0) + 1
    return counts
