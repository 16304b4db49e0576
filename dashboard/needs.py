"""待我处理: what waits for a person, sorted by when it is due. Each line leads to where it is done."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from campaigns.selectors import drafts_of_others, paused_sends
from community_ops.accounts.policies import may
from community_ops.common import dbtime, outbox, pulses
from community_ops.common.actors import Actor
from community_ops.common.templatetags.state_words import words_of
from conversion.selectors import awaited_payments, orders_visible_to
from dashboard.job_words import JOB_WORDS
from groups.selectors import groups_visible_to
from messaging import inbound_selectors
from messaging.selectors import (
    WHY_OFF,
    Trouble,
    doubts,
    first_words_of,
    held_back_since,
    joined,
    parts_said,
    rest_words,
    resting_accounts,
    troubles,
    webhooks_switched_off,
)
from messaging.task_selectors import OnBoard, board
from messaging.task_wording import late_words, not_now_words

if TYPE_CHECKING:
    from messaging.models import Delivery, HumanTask

FAILED_SINCE = timedelta(days=3)
EXPIRED_SINCE = timedelta(days=1)
HELD_BACK_SINCE = timedelta(days=1)
DRAFTED_SINCE = timedelta(days=14)
PAGES = {"announcement": "campaigns:announcement", "touch": "campaigns:run"}  # of a delivery's origin
SENTENCE_ENDS = ("。", ".", "！", "!", "？", "?", "…", "~", "～")
AT_MOST = 12  # lines on Today, and at least one of each kind
MOST_OF_A_KIND = 50  # lines that are read at all


@dataclass(frozen=True)
class Need:
    """One thing for a person. `tone` as in components/_badge.html; the other addresses let the row act in place.

    `key` begins with its kind, e.g. "failed-announcement-7".
    """

    key: str
    tone: str
    label: str
    text: str
    due_at: datetime
    url: str
    decide_url: str = ""
    nudge_url: str = ""

    @property
    def kind(self) -> str:
        """What sort of thing it is: one sort never hides another (`needs_in_short`)."""
        return self.key.partition("-")[0]


@dataclass(frozen=True)
class Needs:
    """What waits for a person, the longest overdue first; `more_count` lines were left out. `is_cut`: there may be
    more yet, because of one kind `MOST_OF_A_KIND` were found and no more were read."""

    lines: list[Need]
    more_count: int = 0
    is_cut: bool = False


def needs_in_short(actor: Actor, slug: str, *, now: datetime) -> Needs:
    """The first line of each kind, and as many others, the longest overdue first, as make it twelve."""
    found = all_needs(actor, slug, now=now)
    firsts = _first_of_each_kind(found.lines)
    others = [need for need in found.lines if need not in firsts]
    room = max(AT_MOST - len(firsts), 0)
    return Needs(_by_time([*firsts, *others[:room]]), more_count=len(others[room:]), is_cut=found.is_cut)


def _first_of_each_kind(lines: Iterable[Need]) -> list[Need]:
    firsts: dict[str, Need] = {}
    for need in lines:
        firsts.setdefault(need.kind, need)
    return list(firsts.values())


def _by_time(lines: Iterable[Need]) -> list[Need]:
    return sorted(lines, key=lambda need: need.due_at)


def all_needs(actor: Actor, slug: str, *, now: datetime) -> Needs:
    """Everything that waits; of each kind no more than `MOST_OF_A_KIND` lines."""
    on_board = board(actor, now=now)
    found = [
        _in_doubt(actor, slug),
        _not_sent(actor, slug, now=now),
        _held_back(actor, slug, now=now),
        _paused(actor, slug, now=now),
        _late_cards(actor, slug, on_board, now=now),
        _held_cards(slug, on_board, now=now),
        _cards_nobody_sees(actor, slug, on_board),
        _drafts(actor, slug, now=now),
        _late_payments(actor, slug),
        _awaited_payments(actor, slug, now=now),
        _parked_events(actor, slug),
        _events_not_read(actor, slug),
        _chats_not_asked(actor, slug, now=now),
        _resting_accounts(actor, slug, now=now),
        _groups_without_channel(actor, slug),
        _webhooks_off(actor, slug),
    ]
    lines = [need for kind in found for need in kind[:MOST_OF_A_KIND]]
    return Needs(_by_time(lines), is_cut=any(len(kind) >= MOST_OF_A_KIND for kind in found))


def _in_doubt(actor: Actor, slug: str) -> list[Need]:
    """One line for a message, which is decided in it; one for all of an announcement, run or card, to the record."""
    words, may_decide = words_of("delivery", "unknown"), may(actor, "deliveries.decide")
    found = doubts(actor)
    parts = parts_said([doubt.last for doubt in found if doubt.count == 1])
    return [
        Need(
            key=f"unknown-{doubt.last.origin}-{doubt.last.origin_id}",
            tone=words.tone,
            label=str(words.label),
            text=" · ".join(filter(None, (_messages(doubt), parts.get(doubt.last.pk)))),
            due_at=doubt.first_due_at,
            url=_doubts_url(doubt, slug),
            decide_url=reverse("messaging:delivery_decide", args=[slug, doubt.last.pk])
            if may_decide and doubt.count == 1
            else "",
        )
        for doubt in found
    ]


def _doubts_url(doubt: Trouble, slug: str) -> str:
    row = doubt.last
    if doubt.count == 1:
        return reverse("messaging:delivery", args=[slug, row.pk])
    query = urlencode({"state": doubt.state, "origin": row.origin, "origin_id": row.origin_id})
    return f"{reverse('messaging:deliveries', args=[slug])}?{query}"


def _not_sent(actor: Actor, slug: str, *, now: datetime) -> list[Need]:
    """Failed, too late, or not getting through: one line for a message, one for all of an announcement or run."""
    found = troubles(actor, failed_since=now - FAILED_SINCE, expired_since=now - EXPIRED_SINCE, now=now)
    return [_trouble(trouble, slug) for trouble in found]


def _trouble(trouble: Trouble, slug: str) -> Need:
    row, words = trouble.last, words_of("delivery", trouble.state)
    url = reverse("messaging:delivery", args=[slug, row.pk])
    if trouble.count > 1:
        page = PAGES.get(row.origin)
        record = reverse("messaging:deliveries", args=[slug]) + f"?state={trouble.state}"
        url = reverse(page, args=[slug, row.origin_id]) if page else record
    return Need(
        key=f"{trouble.state}-{row.origin}-{row.origin_id}",
        tone=words.tone,
        label=str(words.label),
        text=_messages(trouble),
        due_at=trouble.first_due_at,
        url=url,
    )


def _held_back(actor: Actor, slug: str, *, now: datetime) -> list[Need]:
    """What send rules kept in the last day, one line a kind of rule: nobody was asked, and nothing sends it later."""
    if not may(actor, "announcements.send"):
        return []
    record = reverse("messaging:deliveries", args=[slug])
    return [
        Need(
            key=f"held-{held.reason}",
            tone="warn",
            label=str(words_of("delivery", held.reason).label),
            text=ngettext(
                "%(count)d message of the last 24 hours did not go out and will not.",
                "%(count)d messages of the last 24 hours did not go out and will not.",
                held.count,
            )
            % {"count": held.count},
            due_at=held.first_due_at,
            url=f"{record}?state={held.reason}",
        )
        for held in held_back_since(actor, now - HELD_BACK_SINCE)
    ]


def _paused(actor: Actor, slug: str, *, now: datetime) -> list[Need]:
    """What was paused and waits for somebody to let it go on."""
    if not may(actor, "announcements.send"):
        return []
    words = words_of("announcement", "paused")
    return [
        Need(
            key=f"paused-{one.origin}-{one.object_id}",
            tone=words.tone,
            label=str(words.label),
            text=ngettext("%(name)s: %(count)d message waits.", "%(name)s: %(count)d messages wait.", one.count)
            % {"name": one.name, "count": one.count},
            due_at=one.paused_at,
            url=reverse(PAGES[one.origin], args=[slug, one.object_id]),
        )
        for one in paused_sends(actor, now=now)[:MOST_OF_A_KIND]
    ]


def _messages(trouble: Trouble) -> str:
    if trouble.count == 1:
        return _one_message(trouble.last)
    facts = {"count": trouble.count, "text": first_words_of(trouble.last)}
    return _("%(count)d messages, the last one: %(text)s") % facts


def _one_message(row: "Delivery") -> str:
    group = row.target_label or row.target_id
    return _("Message to %(group)s: %(text)s") % {"group": group, "text": first_words_of(row)}


def _late_cards(actor: Actor, slug: str, on_board: list[OnBoard], *, now: datetime) -> list[Need]:
    """What somebody should have done by hand by now, one line a person; she can be told once more from here."""
    found = [one for one in on_board if one.late_count]
    return [_late_card(one, slug, may_nudge=may(actor, "tasks.manage") and one.can_be_told, now=now) for one in found]


def _late_card(one: OnBoard, slug: str, *, may_nudge: bool, now: datetime) -> Need:
    first, more_count = one.cards[0], one.late_count - 1
    text = _("%(name)s by hand: %(title)s")
    if more_count:
        text = ngettext(
            "%(name)s by hand: %(title)s, and %(count)d more",
            "%(name)s by hand: %(title)s, and %(count)d more",
            more_count,
        )
    return Need(
        key=f"task-{first.pk}",
        tone="warn",
        label=late_words(first, now),
        text=text % {"name": one.assignee.name, "title": first.title, "count": more_count},
        due_at=first.due_at,
        url=reverse("messaging:tasks", args=[slug]) if more_count else reverse("messaging:task", args=[slug, first.pk]),
        nudge_url=reverse("messaging:task_nudge", args=[slug, first.pk]) if may_nudge else "",
    )


def _held_cards(slug: str, on_board: list[OnBoard], *, now: datetime) -> list[Need]:
    """Cards whose time is over because a send rule lets nobody send them now: nobody is late, so nobody is nudged."""
    return [_held_card(one, card, slug, now=now) for one in on_board for card in one.cards if card.pk in one.held]


def _held_card(one: OnBoard, card: "HumanTask", slug: str, *, now: datetime) -> Need:
    why = one.held[card.pk]
    is_ended = card.title.endswith(SENTENCE_ENDS)
    words = _("%(name)s by hand: %(title)s") if is_ended else _("%(name)s by hand: %(title)s.")
    facts = {"name": one.assignee.name, "title": card.title}
    return Need(
        key=f"kept-{card.pk}",
        tone="warn" if why.latest_at is not None else "neutral",
        label=_("Blocked by a rule") if why.latest_at is not None else _("Held by a rule"),
        text=joined(words % facts, not_now_words(why, kind=card.kind, zone=card.zone, now=now)),
        due_at=card.due_at,
        url=reverse("messaging:task", args=[slug, card.pk]),
    )


def _cards_nobody_sees(actor: Actor, slug: str, on_board: list[OnBoard]) -> list[Need]:
    """One line for each person with open cards who is neither told of them nor can open them."""
    if not may(actor, "tasks.manage"):
        return []
    return [
        Need(
            key=f"unseen-{one.assignee.pk}",
            tone="warn",
            label=_("Cannot be seen"),
            text=_("%(name)s has cards to do, but no personal link and no channel to be told by")
            % {"name": one.assignee.name},
            due_at=one.cards[0].due_at,
            url=reverse("messaging:assignee_edit", args=[slug, one.assignee.pk]),
        )
        for one in on_board
        if one.cards and one.is_out_of_reach
    ]


def _drafts(actor: Actor, slug: str, *, now: datetime) -> list[Need]:
    """What people wrote who may not send it themselves, and what tools wrote."""
    if not may(actor, "announcements.send"):
        return []
    return [
        Need(
            key=f"draft-{draft.announcement.pk}",
            tone="info",
            label=_("Draft waiting to be scheduled"),
            text=_("Draft of %(name)s: %(text)s") % {"name": draft.written_by, "text": draft.announcement.words[:40]},
            due_at=draft.announcement.due_at,
            url=reverse("campaigns:announcement", args=[slug, draft.announcement.pk]),
        )
        for draft in drafts_of_others(actor, since=now - DRAFTED_SINCE)[:MOST_OF_A_KIND]
    ]


def _late_payments(actor: Actor, slug: str) -> list[Need]:
    rows = orders_visible_to(actor).filter(state="paid_late").order_by("updated_at")[:MOST_OF_A_KIND]
    return [
        Need(
            key=f"order-{row.pk}",
            tone="warn",
            label=_("Paid late, to be decided"),
            text=_("Order %(id)s of %(member)s was paid after its time.") % {"id": row.pk, "member": row.member},
            due_at=row.updated_at,
            url=reverse("conversion:order_list", args=[slug]) + "?state=paid_late",
        )
        for row in rows
    ]


def _awaited_payments(actor: Actor, slug: str, *, now: datetime) -> list[Need]:
    """One line for each sale whose buyers wait until somebody has looked whether their money is there."""
    if not may(actor, "orders.manage"):
        return []
    words, orders = words_of("order", "held"), reverse("conversion:order_list", args=[slug])
    return [
        Need(
            key=f"payments-{row.sale_id}",
            tone="warn",
            label=str(words.label),
            text=ngettext(
                "%(sale)s: %(count)d order waits for your look at the payment.",
                "%(sale)s: %(count)d orders wait for your look at the payment.",
                row.count,
            )
            % {"sale": row.sale_name, "count": row.count},
            due_at=row.first_expires_at,
            url=f"{orders}?state=held&sale={row.sale_id}",
        )
        for row in awaited_payments(actor, now=now)[:MOST_OF_A_KIND]
    ]


def _parked_events(actor: Actor, slug: str) -> list[Need]:
    if not may(actor, "jobs.repair") or actor.workspace_id is None:
        return []
    return [
        Need(
            key=f"receipt-{row.pk}",
            tone="bad",
            label=_("Failed several times, parked"),
            text=f"{row.handler}: {row.last_error[:80]}",
            due_at=row.next_try_at,
            url=reverse("dashboard:parked", args=[slug]),
        )
        for row in outbox.parked_receipts(actor.workspace_id)[:MOST_OF_A_KIND]
    ]


def _events_not_read(actor: Actor, slug: str) -> list[Need]:
    if not may(actor, "jobs.repair"):
        return []
    return [
        Need(
            key=f"unread-{row.connection_id or 'pasted'}",
            tone="bad",
            label=_("Could not be read"),
            text=ngettext("%(count)d event of %(name)s", "%(count)d events of %(name)s", row.count)
            % {"count": row.count, "name": row.name or _("the paste box")},
            due_at=row.since,
            url=reverse("messaging:inbound", args=[slug, row.connection_id])
            if row.connection_id
            else f"{reverse('admin:messaging_rawevent_changelist')}?state__exact=failed",
        )
        for row in inbound_selectors.events_not_read(actor)[:MOST_OF_A_KIND]
    ]


def _chats_not_asked(actor: Actor, slug: str, *, now: datetime) -> list[Need]:
    if not may(actor, "endpoints.manage"):
        return []
    return [
        Need(
            key=f"unasked-{row.pk}",
            tone="warn",
            label=_("Nothing is heard"),
            text=f"{row.endpoint.name}: {row.failure}",
            due_at=row.failing_since or now,
            url=reverse("messaging:inbound", args=[slug, row.endpoint.connection_id]),
        )
        for row in inbound_selectors.chats_not_asked(actor, now=now)[:MOST_OF_A_KIND]
    ]


def _resting_accounts(actor: Actor, slug: str, *, now: datetime) -> list[Need]:
    """Platform accounts that nothing goes out through until somebody enters a key that is good."""
    if not may(actor, "endpoints.manage"):
        return []
    return [
        Need(
            key=f"resting-{account.connection_id}",
            tone="bad",
            label=_("Key refused"),
            text=pgettext("need", "%(name)s: %(why)s") % {"name": account.name, "why": rest_words()},
            due_at=account.refused_at,
            url=reverse("messaging:endpoint_edit", args=[slug, account.endpoint_id]),
        )
        for account in resting_accounts(actor, now=now)[:MOST_OF_A_KIND]
    ]


def _groups_without_channel(actor: Actor, slug: str) -> list[Need]:
    if not may(actor, "groups.manage"):
        return []
    rows = groups_visible_to(actor).filter(endpoint__isnull=True)
    count, first = rows.count(), rows.first()
    if first is None:
        return []
    text = ngettext("%(name)s has no delivery channel.", "%(count)s groups have no delivery channel.", count)
    return [
        Need(
            key="groups-without-channel",
            tone="neutral",
            label=_("To be set up"),
            text=text % {"name": first.name, "count": count},
            due_at=first.created_at,
            url=reverse("groups:group_detail", args=[slug, first.pk]),
        )
    ]


def _webhooks_off(actor: Actor, slug: str) -> list[Need]:
    """Other tools that are told nothing any more, without a person having wanted it."""
    if not may(actor, "webhooks.manage"):
        return []
    return [
        Need(
            key=f"webhook-{row.pk}",
            tone="bad",
            label=_("Webhook switched off"),
            text=pgettext("need", "%(name)s: %(why)s") % {"name": row.name, "why": WHY_OFF[row.off_reason]},
            due_at=row.switched_off_at or row.updated_at,
            url=reverse("messaging:webhook", args=[slug, row.pk]),
        )
        for row in webhooks_switched_off(actor)[:MOST_OF_A_KIND]
    ]


@dataclass(frozen=True)
class Job:
    """A periodic job as the watchdog shows it; times are the database's."""

    name: str
    label: str
    last_ok_at: datetime | None
    is_late: bool
    grace_seconds: int
    last_error: str


def watchdog() -> list[Job]:
    """Every job that has ever run, late ones first."""
    now = dbtime.now()
    rows = [
        Job(
            row.name,
            str(JOB_WORDS.get(row.name, row.name)),
            row.last_ok_at,
            pulses.is_late(row, now=now),
            row.grace_seconds,
            row.last_error,
        )
        for row in pulses.all_pulses()
    ]
    return sorted(rows, key=lambda job: (not job.is_late, job.name))
