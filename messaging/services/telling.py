"""Telling people that work waits: one message for all cards of a person whose moment has come."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.db.models import Count, QuerySet
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from community_ops.common import audit
from community_ops.common.actors import Actor
from community_ops.common.errors import InvalidTransition
from messaging.errors import NoNoticeChannel, NudgedTooSoon
from messaging.models import Assignee, Delivery, HumanTask, TaskItem, TaskKind, TaskState
from messaging.services import cards
from messaging.services.card_holds import held_items
from messaging.services.planning import PlannedSend, plan_deliveries
from messaging.task_policies import NUDGE_EVERY, is_late, telling

ORIGIN, TARGET, EXEMPTION = "task", "staff", "staff"
TELLER = Actor.system("messaging.tell_assignees")
ASK_AGAIN = timedelta(minutes=5)  # where nobody can say when a rule lets go
LATEST = timedelta(minutes=10)  # word of a card that is older than that says nothing new
MOST_PEOPLE = 200  # of one run; the next follows in two seconds


def tell_assignees(*, now: datetime) -> int:
    """Tell everybody whose cards are to be told of now; returns how many messages were planned. Safe to repeat.

    The rhythm of each card is its own (`task_policies.telling`); it goes on when nothing holds all of the card back any
    more, a send rule or a pause. Whoever has no channel to be told by is passed over
    and told as soon as there is one.
    """
    people = _to_tell(now).order_by().values_list("assignee_id", flat=True).distinct()[:MOST_PEOPLE]
    return sum(_tell(pk, now) for pk in list(people))


def _to_tell(now: datetime) -> QuerySet[HumanTask]:
    rows = HumanTask.objects.filter(state=TaskState.OPEN, next_tell_at__lte=now)
    return rows.filter(assignee__notice_endpoint__isnull=False, assignee__notice_endpoint__archived_at__isnull=True)


@transaction.atomic
def _tell(assignee_id: int, now: datetime) -> int:
    """A second teller waits for the first one's locks and finds nothing left to tell."""
    rows = _to_tell(now).filter(assignee_id=assignee_id).select_for_update(of=("self",)).select_related("assignee")
    due = list(rows.order_by("due_at", "pk"))
    told, held = [], _held_until(due, now)
    for task in due:
        if task.pk in held:
            task.next_tell_at = held[task.pk]
            task.save(update_fields=["next_tell_at", "updated_at"])
            continue
        then = telling(task.tell_step, is_opened=task.opened_at is not None, now=now)
        task.tell_step, task.next_tell_at = then.step, then.next_at
        task.save(update_fields=["tell_step", "next_tell_at", "updated_at"])
        if then.is_told:
            told.append(task)
    if told:
        _send(told, actor=TELLER, now=now)
    return 1 if told else 0


def _held_until(tasks: Sequence[HumanTask], now: datetime) -> dict[int, datetime]:
    """By id the cards of which nothing can be posted now, with the moment from which on something can."""
    items = TaskItem.objects.filter(task__in=[task.pk for task in tasks], state=TaskState.OPEN)
    rows = list(items.select_related("task", "delivery").order_by("pk"))
    held = held_items(rows, now=now)
    by_task: dict[int, list[datetime]] = defaultdict(list)
    for item in rows:
        why = held.get(item.pk)
        by_task[item.task_id].append(now if why is None else why.until or now + ASK_AGAIN)
    return {pk: min(moments) for pk, moments in by_task.items() if min(moments) > now}


@transaction.atomic
def nudge_card(*, task: HumanTask, actor: Actor, now: datetime) -> Delivery:
    """Tell the person of this card once more, now, and return the message. The card's own rhythm goes on.

    Writes an audit row. Raises InvalidTransition when the card is closed, NoNoticeChannel when she cannot be told,
    NudgedTooSoon within a minute of the last word about it.
    """
    task = cards.lock_card(task)
    if task.state != TaskState.OPEN:
        raise InvalidTransition(_("Nothing on this card is open."))
    if not can_be_told(task.assignee):
        raise NoNoticeChannel
    if task.told_at is not None and now < task.told_at + NUDGE_EVERY:
        raise NudgedTooSoon
    audit.record(actor=actor, verb="task.nudged", target=task, now=now)
    return _send([task], actor=actor, now=now)


def can_be_told(assignee: Assignee) -> bool:
    """Whether there is a live channel to tell her by."""
    return assignee.notice_endpoint is not None and assignee.notice_endpoint.archived_at is None


def is_out_of_reach(assignee: Assignee) -> bool:
    """Whether she neither hears of a card nor can open it: no channel, no personal link, no account here."""
    return not (can_be_told(assignee) or assignee.link_digest or assignee.user_id)


def hears_of_nothing(assignee: Assignee) -> bool:
    """Whether a card handed to her is one she does not know of: out of reach, or her link was never opened and it is
    all she has."""
    has_looked = bool(assignee.user_id or (assignee.link_digest and assignee.link_seen_at))
    return not (can_be_told(assignee) or has_looked)


def _send(tasks: Sequence[HumanTask], *, actor: Actor, now: datetime) -> Delivery:
    """Plan one message about these locked cards of one person, and note it on them."""
    first, person = tasks[0], tasks[0].assignee
    plan = PlannedSend(
        source_key=f"told:{first.pk}:{first.told_count + 1}",
        endpoint_id=person.notice_endpoint_id,
        text=_words(tasks, person, now),
        due_at=now,
        latest_at=now + LATEST,
        origin=ORIGIN,
        origin_id=first.pk,
        target_kind=TARGET,
        target_id=person.pk,
        target_label=person.name,
        exemption=EXEMPTION,
    )
    delivery = plan_deliveries(workspace_id=first.workspace_id, plans=[plan], actor=actor, now=now)[0]
    for task in tasks:
        task.telling, task.told_at, task.told_count = delivery, now, task.told_count + 1
        task.save(update_fields=["telling", "told_at", "told_count", "updated_at"])
    return delivery


def _words(tasks: Sequence[HumanTask], person: Assignee, now: datetime) -> str:
    """E.g. "20:00 待发 1 张：开抢提醒 · 5 个群 → https://…/t/", in her own language where she has an account."""
    language = person.user.language if person.user is not None else ""
    with translation.override(language or settings.LANGUAGE_CODE):
        counts = _open_counts([task.pk for task in tasks])
        lines = [_line(task, counts.get(task.pk, 0), now) for task in tasks]
        count = ngettext("%(count)d card to do", "%(count)d cards to do", len(tasks)) % {"count": len(tasks)}
        facts = {"count": count, "what": lines[0], "url": f"{settings.PUBLIC_URL}/t/"}
        if len(tasks) == 1:
            words = _("%(count)s: %(what)s → %(url)s") % facts
        else:
            words = "\n".join([_("%(count)s → %(url)s") % facts, *lines])
    name = "".join(sign for sign in person.name if sign not in "[]\n")[:64]
    return f"@[{name}]({person.mention}) {words}" if person.mention else words


def _line(task: HumanTask, count: int, now: datetime) -> str:
    """One card: its time, how late it is, what it is and how much of it is open."""
    at = f"{task.due_at.astimezone(ZoneInfo(task.zone)):%H:%M}"
    if is_late(task.due_at, task.latest_at, now):
        minutes = int((now - task.due_at).total_seconds() // 60)
        at = _("%(at)s (%(minutes)d min late)") % {"at": at, "minutes": minutes}
    return " · ".join(filter(None, (f"{at} {task.title}", _how_many(task, count))))


def _how_many(task: HumanTask, count: int) -> str:
    if task.kind == TaskKind.MESSAGE:
        return ngettext("%(count)d group", "%(count)d groups", count) % {"count": count}
    return ngettext("%(count)d item", "%(count)d items", count) % {"count": count} if count > 1 else ""


def _open_counts(task_ids: Collection[int]) -> dict[int, int]:
    rows = TaskItem.objects.filter(task_id__in=task_ids, state=TaskState.OPEN).order_by()
    return dict(rows.values_list("task_id").annotate(count=Count("pk")))
