"""What can be done about an announcement: the questions asked beforehand, and doing it."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_POST

from campaigns import policies, selectors, services, wording
from campaigns.forms import MoveForm
from campaigns.models import Announcement, AnnouncementState
from community_ops.accounts.pages import WorkspaceRequest, page, tell
from community_ops.accounts.policies import may
from community_ops.common import clock
from community_ops.common.errors import DomainError
from community_ops.common.templatetags.wording import grouped, in_zone
from messaging.selectors import copied_by_hand, copied_words

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from groups.models import ChatGroup
    from messaging.models import Delivery

SHOWN_NAMES = 20
SHOWN_SIGNS = 60
AT_ONCE = timedelta(seconds=15)  # what is due shorter than this is about to be sent: nothing to change about it
PAUSABLE = frozenset({"planned", "due", "retrying", "waiting"})  # `waiting`: for a person, who is told on her card
WAITING = PAUSABLE | {"paused"}
TOUCHED = {"cancel": WAITING, "move": WAITING - {"waiting"}}  # states of what is cancelled, or moved
GONE_OUT = frozenset({"accepted", "confirmed"})
PAUSED_STATES = frozenset({"paused", "waiting"})  # of what is paused: those that wait until it goes on
Dialogs = dict[str, dict[str, Any]]


def dialogs_of(
    request: WorkspaceRequest,
    announcement: Announcement,
    groups: Sequence["ChatGroup"],
    rows: Sequence[selectors.GroupState],
    zone: str,
) -> Dialogs:
    """What the person may ever do about it; each first shows whom it touches. They are on the page beforehand, for
    what can be done changes while somebody looks."""
    if not may(request.actor, "announcements.send") or announcement.state == AnnouncementState.CANCELLED:
        return {}
    is_draft = announcement.state == AnnouncementState.DRAFT
    kinds = ("schedule", "send_now", "cancel") if is_draft else ("move", "pause", "resume", "cancel")
    dialogs = {kind: _dialog(request, announcement, kind, groups, rows) for kind in kinds}
    if any(row.state == "waiting" for row in rows):
        copied = copied_facts(selectors.deliveries_of(announcement, request.actor))
        for kind in {"pause", "cancel"} & dialogs.keys():
            dialogs[kind]["facts"] += copied
    if is_draft:
        _add_forecasts(request, dialogs, announcement, groups, zone)
    else:
        initial = {"due_at": announcement.due_at.astimezone(ZoneInfo(zone))}
        dialogs["move"]["form"] = MoveForm(zone=zone, initial=initial)
    return dialogs


def _add_forecasts(
    request: WorkspaceRequest,
    dialogs: Dialogs,
    announcement: Announcement,
    groups: Sequence["ChatGroup"],
    zone: str,
) -> None:
    """What it takes, in the question whether to schedule or send it; nothing at a time that would be refused.

    Where it would reach nobody the question leads to another time first, to the one from which the rules let it go.
    """
    now = clock.now()
    moments = {"send_now": now}
    if announcement.due_at >= now - policies.PAST_MEANS_NOW:
        moments["schedule"] = announcement.due_at
    for kind, due_at in moments.items():
        found = services.forecast_announcement(announcement, groups, now=now, due_at=due_at)
        dialogs[kind]["forecast"] = services.forecast_words(found, zone=zone)
        if found.rows and found.last is None:
            edit = reverse("campaigns:announcement_edit", args=[request.workspace.slug, announcement.pk])
            url = f"{edit}{_at(services.free_from(found), zone)}"
            dialogs[kind]["instead"] = {"url": url, "label": pgettext("button", "Change the time")}


def _at(moment: datetime | None, zone: str) -> str:
    """What makes the form of a draft begin with this send time: the first that no rule holds."""
    return "" if moment is None else f"?due_at={moment.astimezone(ZoneInfo(zone)):%Y-%m-%dT%H:%M}"


def offered(dialogs: Dialogs, announcement: Announcement, rows: Sequence[selectors.GroupState]) -> Dialogs:
    """Those of the dialogs that there is a button for now."""
    states = {row.state for row in rows}
    is_paused = announcement.paused_at is not None
    kinds = {"schedule", "send_now", "move", "cancel"} if _is_changeable(announcement, states) else set()
    kinds |= {"cancel"} if "waiting" in states else set()
    kinds |= {"pause"} if not is_paused and states & PAUSABLE else set()
    kinds |= {"resume"} if is_paused and states & selectors.OPEN_STATES else set()
    return {kind: dialog for kind, dialog in dialogs.items() if kind in kinds}


def _is_changeable(announcement: Announcement, states: set[str]) -> bool:
    """Whether it is a draft, or something is planned that is not just being sent."""
    if announcement.state == AnnouncementState.DRAFT:
        return True
    is_overdue = announcement.due_at < clock.now() - AT_ONCE
    return bool(states & {"planned", "paused", "retrying"}) or ("due" in states and is_overdue)


def _dialog(
    request: WorkspaceRequest,
    announcement: Announcement,
    kind: str,
    groups: Sequence["ChatGroup"],
    rows: Sequence[selectors.GroupState],
) -> dict[str, Any]:
    title, label, text = _words(announcement, kind)
    names, counts = _touched(announcement, kind, groups, rows)
    facts = [*_facts(request, announcement, kind), *counts]
    if text:
        facts.append(still_to_go(row.state for row in rows))
    return {
        "id": f"dialog-{kind}",
        "title": title,
        "text": text,
        "facts": facts,
        "confirm_label": label,
        "action": reverse(
            "campaigns:announcement_act",
            kwargs={"slug": request.workspace.slug, "announcement_id": announcement.pk, "action": kind},
        ),
        "is_bad": kind == "cancel",
        "names": names[:SHOWN_NAMES],
        "names_total": len(names) if len(names) > SHOWN_NAMES else None,
    }


def _touched(
    announcement: Announcement, kind: str, groups: Sequence["ChatGroup"], rows: Sequence[selectors.GroupState]
) -> tuple[list[str], list[dict[str, str]]]:
    """The names of the groups it touches, and their number: of what is cancelled or moved only those that have not got
    it yet, with how many have."""
    if announcement.state == AnnouncementState.DRAFT or kind not in TOUCHED:
        return [group.name for group in groups], [{"label": _("Groups"), "value": grouped(len(groups))}]
    names = [row.group_name for row in rows if row.state in TOUCHED[kind] and not (kind == "move" and row.parts)]
    label = _("Will be cancelled") if kind == "cancel" else _("Will be moved")
    counts = [{"label": label, "value": grouped(len(names))}]
    if gone_out := sum(row.state in GONE_OUT for row in rows):
        counts.append({"label": _("Gone out already"), "value": grouped(gone_out)})
    return names, counts


def _words(announcement: Announcement, kind: str) -> tuple[str, str, str]:
    """Title, label of the button, and what follows from it where that is not plain."""
    return {
        "schedule": (_("Schedule for these groups?"), _("Schedule"), ""),
        "send_now": (_("Send to these groups now?"), _("Send now"), ""),
        "move": (_("Send at another time?"), _("Change the time"), ""),
        "pause": (_("Pause sending?"), pgettext("button", "Pause sending"), pause_words()),
        "resume": (_("Go on sending?"), pgettext("button", "Go on sending"), _resume_words(announcement)),
        "cancel": (_("Cancel what has not gone out?"), _("Cancel this announcement"), ""),
    }[kind]


def _resume_words(announcement: Announcement) -> str:
    if announcement.latest_at is not None:
        return _("What is due goes out at once; what has passed its latest moment meanwhile is not sent.")
    return _("What is due goes out at once, however late it is by now; the rest goes out at its time.")


def pause_words() -> str:
    """What people agree to when they pause."""
    return _(
        "What has not gone out waits until somebody lets it go on, by hand too: the cards of your colleagues say so."
        " What is being sent at this moment still goes out."
    )


def still_to_go(states: Iterable[str]) -> dict[str, str]:
    """How many deliveries have not begun, as a fact of a dialog."""
    return {"label": _("Still to go"), "value": grouped(sum(state in WAITING for state in states))}


def copied_facts(deliveries: "QuerySet[Delivery]") -> list[dict[str, str]]:
    """Of what is to be stopped: who was given its text by then and may have posted it. One query."""
    words = dict.fromkeys(copied_words(item) for item in copied_by_hand(deliveries))
    return [{"label": _("By hand"), "value": one} for one in words]


def _facts(request: WorkspaceRequest, announcement: Announcement, kind: str) -> list[dict[str, Any]]:
    """What a person agrees to: when and what."""
    zone = zone_of(announcement, request)
    when = _("At once") if kind == "send_now" else f"{in_zone(announcement.due_at, zone)} ({zone})"
    late = announcement.may_be_late
    return [
        {"label": _("When"), "value": when},
        *([{"label": _("If it is late"), "value": wording.late_words(late)}] if late is not None else []),
        {"label": _("Text"), "value": Truncator(announcement.words).chars(SHOWN_SIGNS)},
    ]


@page("announcements.send")
@require_POST
def announcement_act(request: WorkspaceRequest, announcement_id: int, action: str) -> HttpResponse:
    """Schedule, send now, move, pause, resume or cancel; a refusal is said on the next page."""
    announcement = selectors.get_announcement(request.actor, announcement_id)
    try:
        _do(request, announcement, action, clock.now())
    except DomainError as refusal:
        tell(request, refusal)
    return redirect("campaigns:announcement", slug=request.workspace.slug, announcement_id=announcement.pk)


def _do(request: WorkspaceRequest, announcement: Announcement, action: str, now: datetime) -> None:
    plain = {
        "cancel": services.cancel_announcement,
        "pause": services.pause_announcement,
        "resume": services.resume_announcement,
    }
    if action in plain:
        plain[action](announcement=announcement, actor=request.actor, now=now)
    elif action == "move":
        _move(request, announcement, now)
    else:
        due_at = now if action == "send_now" else None
        services.schedule_announcement(announcement=announcement, due_at=due_at, actor=request.actor, now=now)


def _move(request: WorkspaceRequest, announcement: Announcement, now: datetime) -> None:
    form = MoveForm(request.POST, zone=zone_of(announcement, request))
    if form.is_valid():
        services.move_announcement(
            announcement=announcement, due_at=form.moment("due_at"), actor=request.actor, now=now
        )
    else:
        messages.error(request, str(form.errors["due_at"][0]))


def zone_of(announcement: Announcement, request: WorkspaceRequest) -> str:
    """The zone the announcement's times are written in: that of its first group."""
    first = next((target.group for target in announcement.targets.all()), None)
    return first.zone.key if first else selectors.home_zone(request.actor)
