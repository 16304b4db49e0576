"""Cards in words: what is to do where, how late it is, what became of each place. Formatting only."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext, pgettext_lazy

from community_ops.common.models import AuditEntry
from community_ops.common.templatetags.reason_words import reason_words
from community_ops.common.templatetags.wording import grouped, in_zone, money, since, time_in_zone
from messaging import task_policies
from messaging.models import Assignee, HumanTask, TaskItem, TaskKind, TaskState
from messaging.policies import CAP, HOLIDAY, QUIET_HOURS
from messaging.ports import PAUSED
from messaging.services import NotNow, hears_of_nothing, is_out_of_reach
from messaging.showing import joined
from messaging.task_policies import Field, Type
from messaging.wording import Told

_PEOPLE = frozenset({TaskKind.PRIVATE, TaskKind.PULL_IN})  # whose items are people, not groups
_ONE_THING = frozenset({TaskKind.MOMENTS, TaskKind.NEW_GROUP, TaskKind.PAYMENT})  # whose items are neither

SENDING = task_policies.POSTS  # where something is sent; elsewhere something is done

# What the button says that ends the work of a kind.
DONE_WORDS: Mapping[str, str | Promise] = {
    TaskKind.NEW_GROUP: pgettext_lazy("task button", "It is open"),
    TaskKind.PULL_IN: pgettext_lazy("task button", "They are in"),
    TaskKind.NEW_QR: pgettext_lazy("task button", "It is renewed"),
    TaskKind.PAYMENT: pgettext_lazy("task button", "Save the result"),
    TaskKind.GROUP_REPORT: pgettext_lazy("task button", "Save the report"),
}
# What kinds are about, where a new card is made.
ABOUT: Mapping[str, str | Promise] = {
    TaskKind.MESSAGE: gettext_lazy("Post a text in groups without a robot."),
    TaskKind.NOTICE: gettext_lazy("Put up a group's own notice, which only people can."),
    TaskKind.PRIVATE: gettext_lazy("Write to some people one by one."),
    TaskKind.MOMENTS: gettext_lazy("Post to the moments of one's own account."),
    TaskKind.RED_PACKET: gettext_lazy("Send red packets in groups; what was really sent is kept with the card."),
    TaskKind.NEW_GROUP: gettext_lazy("Open a group and hand in its QR code."),
    TaskKind.PULL_IN: gettext_lazy("Bring people in by name, once a QR code takes no more."),
    TaskKind.NEW_QR: gettext_lazy("Renew QR codes before they run out."),
    TaskKind.PAYMENT: gettext_lazy("Look whether a payment has arrived."),
    TaskKind.GROUP_REPORT: gettext_lazy("How lively the groups were today, in ten seconds each."),
}
# What to know before doing it, for whoever does it the first time. No promise of what no app does with the answers.
HINTS: Mapping[str, str | Promise] = {
    TaskKind.NOTICE: gettext_lazy("Only the owner or an admin of the group can post a notice."),
    TaskKind.PRIVATE: gettext_lazy("One private message to each person."),
    TaskKind.RED_PACKET: gettext_lazy(
        "Please enter what was really sent: it is kept with the card, where the team sees it."
    ),
    TaskKind.NEW_GROUP: gettext_lazy(
        "Open the group, then upload its QR code here. Name and code are kept with the card."
    ),
    TaskKind.PULL_IN: gettext_lazy("Tick who is in the group. Anyone who still has to agree can wait."),
    TaskKind.NEW_QR: gettext_lazy(
        "Take a new QR code in the group and upload it here, one group at a time. It is kept with the card."
    ),
    TaskKind.PAYMENT: gettext_lazy(
        "Look whether the money has arrived, then say so here. It is kept with the card and changes no order."
    ),
    TaskKind.GROUP_REPORT: gettext_lazy("Ten seconds a group: three taps."),
}
LEAVE_OUT_REASONS: tuple[str | Promise, ...] = (
    gettext_lazy("Too late for it"),
    gettext_lazy("The group is busy with something else"),
    gettext_lazy("The group owner does not want it"),
)


# Said above the button that copies, by the rule and whether its end is known.
_NOT_NOW: Mapping[tuple[str, bool], str | Promise] = {
    (QUIET_HOURS, True): gettext_lazy("Not now: these are quiet hours. It can be copied from %(at)s on."),
    (QUIET_HOURS, False): gettext_lazy("Not now: these are quiet hours."),
    (HOLIDAY, True): gettext_lazy("Not now: it is a holiday. It can be copied from %(at)s on."),
    (HOLIDAY, False): gettext_lazy("Not now: it is a holiday."),
    (PAUSED.reason, False): gettext_lazy("Paused: do not send it yet."),
    (CAP, False): gettext_lazy("Not now: there have been as many messages as the limit allows."),
}
# Of what has no text to be copied: red packets.
_NOT_SENT_NOW: Mapping[tuple[str, bool], str | Promise] = {
    **_NOT_NOW,
    (QUIET_HOURS, True): gettext_lazy("Not now: these are quiet hours. It can be sent from %(at)s on."),
    (HOLIDAY, True): gettext_lazy("Not now: it is a holiday. It can be sent from %(at)s on."),
}
# The same where the rule holds it until after its latest moment.
_NEVER: Mapping[tuple[str, bool], str | Promise] = {
    (QUIET_HOURS, True): gettext_lazy("These are quiet hours until %(at)s."),
    (QUIET_HOURS, False): gettext_lazy("These are quiet hours."),
    (HOLIDAY, True): gettext_lazy("It is a holiday until %(at)s."),
    (HOLIDAY, False): gettext_lazy("It is a holiday."),
}
A_DAY = timedelta(days=1)
_NAMES_IN_A_SENTENCE = 8


def done_words(kind: str) -> str:
    """The words of the button that ends the work."""
    return str(DONE_WORDS.get(kind) or pgettext("task button", "Posted"))


def late_words(task: HumanTask, now: datetime) -> str:
    """E.g. "12 minutes late"; empty for a card that is in time."""
    if task.state != TaskState.OPEN or not task_policies.is_late(task.due_at, task.latest_at, now):
        return ""
    return _("%(span)s late") % {"span": since(task.due_at, now)}


def past_latest_words(task: HumanTask, now: datetime) -> str:
    """That its latest moment is over; empty before, and for a card that is closed."""
    if task.state != TaskState.OPEN or not task_policies.is_past_latest(task.latest_at, now):
        return ""
    latest = time_in_zone(task.latest_at, task.zone)
    return _("The latest moment, %(at)s, is over: ask the team before you do it") % {"at": latest}


def not_now_words(
    why: NotNow, *, zone: str, now: datetime, kind: str = TaskKind.MESSAGE, names: Sequence[str] = ()
) -> str:
    """Why she must not post it now: paused, or a send rule; from when on that lets her, or that it does not before its
    latest moment; with the places where these are not all."""
    words = _not_in_time(why, zone, now) if why.latest_at is not None else _not_yet(why, kind, zone, now)
    if not names:
        return words
    return _("%(names)s: %(why)s") % {"names": pgettext("between names", ", ").join(names), "why": words}


def _not_yet(why: NotNow, kind: str, zone: str, now: datetime) -> str:
    words = (_NOT_NOW if kind in task_policies.HAS_TEXT else _NOT_SENT_NOW)[why.reason, why.until is not None]
    return str(words % {"at": _clock(why.until, zone, now)} if why.until is not None else words)


def _not_in_time(why: NotNow, zone: str, now: datetime) -> str:
    """Said of one that nobody can send in time: what stands in the way, and that she need not do anything."""
    assert why.latest_at is not None
    blocked = _("A rule blocks it: it cannot be sent before its latest moment (%(at)s).")
    words = _NEVER[why.reason, why.until is not None]
    because = words % {"at": _clock(why.until, zone, now)} if why.until is not None else words
    then = _("There is nothing to do: it ends by itself and does not count as late.")
    return joined(joined(blocked % {"at": _clock(why.latest_at, zone, now)}, str(because)), then)


def never_words(why: NotNow, *, zone: str, now: datetime) -> str:
    """The same of a card whose time is still to come: only before it somebody could post it."""
    assert why.latest_at is not None
    at, latest = _clock(why.until, zone, now) if why.until is not None else "", _clock(why.latest_at, zone, now)
    if not at:
        words = _("A rule blocks it from its time on: it cannot be sent before its latest moment (%(latest)s).")
    else:
        words = _(
            "A rule blocks it from its time on, until %(at)s: it cannot be sent before its latest moment (%(latest)s)."
        )
    return words % {"at": at, "latest": latest}


def held_at_due_words(why: NotNow, *, zone: str, now: datetime) -> str:
    """Of a card whose time is still to come and falls under a rule, also where she can post it after that."""
    if why.latest_at is not None:
        return never_words(why, zone=zone, now=now)
    if why.until is None:
        return _("A rule blocks it from its time on.")
    return _("A rule blocks it from its time on, until %(at)s.") % {"at": _clock(why.until, zone, now)}


def blocked_words() -> str:
    """Of what is planned for her and will be cancelled by a rule when its time comes."""
    return _("A rule blocks it at its time: it will not be sent.")


def _clock(moment: datetime, zone: str, now: datetime) -> str:
    """Its time; with the day where it is not within a day."""
    return (time_in_zone if moment - now < A_DAY else in_zone)(moment, zone)


def places_words(kind: str, count: int, label: str = "") -> str:
    """How many groups or people; one place by its name, and nothing for what is no place."""
    if count == 1 and (label or kind in _ONE_THING):
        return "" if kind in _ONE_THING else label
    if kind in _PEOPLE:
        return ngettext("%(count)d person", "%(count)d people", count) % {"count": count}
    if kind in _ONE_THING:
        return ngettext("%(count)d thing", "%(count)d things", count) % {"count": count}
    return ngettext("%(count)d group", "%(count)d groups", count) % {"count": count}


def progress_words(task: HumanTask, item_count: int, open_count: int) -> str:
    """How many places there are and, once some have ended, how many are open."""
    words = places_words(task.kind, item_count)
    if task.state == TaskState.OPEN and open_count < item_count:
        return _("%(places)s, %(count)d left") % {"places": words, "count": open_count}
    return words


def told_words(task: HumanTask, *, can_be_told: bool) -> list[str]:
    """What is known of her having heard of it: told, opened, copied, each with its time. "Not yet" promises that she
    will be told, so who has no channel for it is not said to be waiting for it."""
    words = []
    if task.told_at is not None:
        told = ngettext("told once, %(at)s", "told %(count)d times, last %(at)s", task.told_count)
        words.append(told % {"count": task.told_count, "at": time_in_zone(task.told_at, task.zone)})
    else:
        words.append(_("not told yet") if can_be_told else _("no way to tell her"))
    if task.opened_at is not None:
        words.append(_("opened %(at)s") % {"at": time_in_zone(task.opened_at, task.zone)})
    if task.copied_at is not None:
        words.append(_("copied %(at)s") % {"at": time_in_zone(task.copied_at, task.zone)})
    return words


def item_words(item: TaskItem, task: HumanTask) -> tuple[str, str]:
    """What became of a place of this card, with its tone."""
    if item.state == TaskState.DONE:
        facts = {"name": item.done_by.name if item.done_by else "", "at": time_in_zone(item.done_at, task.zone)}
        if item.reason:
            words = _("%(reason)s But %(name)s said at %(at)s that it had been posted already.")
            return words % (facts | {"reason": item_reason(item)}), "warn"
        words = (_("%(name)s, %(at)s") if item.done_by else _("done %(at)s")) % facts
        if task_policies.is_past_latest(task.latest_at, item.done_at or task.due_at):
            after = _("after its latest moment, %(at)s") % {"at": time_in_zone(task.latest_at, task.zone)}
            return " · ".join((words, after)), "warn"
        return words, "good"
    if item.state == TaskState.LEFT_OUT:
        words = _("Not sent: %(reason)s") if task.kind in SENDING else _("Not done: %(reason)s")
        return words % {"reason": item.note}, "warn"
    if item.state == TaskState.WITHDRAWN:
        return _("Not to be done: %(reason)s") % {"reason": reason_words(item.reason)}, "neutral"
    return str(TaskState.OPEN.label), "info"


def item_reason(item: TaskItem) -> str:
    """Why a place was taken away from her."""
    return str(reason_words(item.reason))


def closed_words(task: HumanTask, item_count: int, done_count: int) -> tuple[str, str]:
    """What became of a card that is closed, with its tone; in how many places, where not all of it was done."""
    if task.state == TaskState.DONE and done_count < item_count:
        words = (
            _("Sent %(done)d, not sent %(rest)d.") if task.kind in SENDING else _("Done %(done)d, not done %(rest)d.")
        )
        return words % {"done": done_count, "rest": item_count - done_count}, "warn"
    if task.state == TaskState.DONE:
        return _("All done."), "good"
    if task.state == TaskState.LEFT_OUT:
        return (_("Not sent this time.") if task.kind in SENDING else _("Not done this time.")), "warn"
    if task.reason:
        return _("Not to be done any more: %(reason)s") % {"reason": reason_words(task.reason)}, "info"
    return _("Not to be done any more."), "info"


def colleague_words(person: Assignee) -> str:
    """A colleague where a card can be handed on to her."""
    if is_out_of_reach(person):
        return _("%(name)s (has no link yet, is not told)") % {"name": person.name}
    if hears_of_nothing(person):
        return _("%(name)s (has never opened the link, is not told)") % {"name": person.name}
    return person.name


def handed_on_words(person: Assignee) -> str:
    """Said once a card was handed on."""
    if is_out_of_reach(person):
        return _("Handed on to %(name)s, who has no personal link yet and is not told. Please tell her yourself.") % {
            "name": person.name
        }
    if hears_of_nothing(person):
        words = _("Handed on to %(name)s, who has never opened her link and is not told. Please tell her yourself.")
        return words % {"name": person.name}
    return _("Handed on to %(name)s.") % {"name": person.name}


def left_out_question(names: Sequence[str], *, is_sending: bool) -> str:
    """Asked back where no place was ticked: all of them may be meant."""
    if is_sending:
        words = _("None was ticked. If it was sent to none of these %(count)d, press again: %(names)s")
    else:
        words = _("None was ticked. If all of these %(count)d are left out, press again: %(names)s")
    return words % {"count": len(names), "names": _some_of(names)}


def left_out_words(names: Sequence[str]) -> str:
    """Said once places of a card are left out, with the way back; no name when none was open any more."""
    if not names:
        return _("Noted: it is left out.")
    words = ngettext(
        "Noted, left out: %(names)s. This can be undone for ten minutes.",
        "Noted, %(count)d left out: %(names)s. This can be undone for ten minutes.",
        len(names),
    )
    return words % {"count": len(names), "names": _some_of(names)}


def said_after_words() -> str:
    """Said to whoever ticked what had been called off while she was at it."""
    return _("It was cancelled, but it is noted: you said that it has been posted in the group.")


def copied_words(item: TaskItem) -> str:
    """Of one that waits by hand: that it may be posted by now."""
    facts = {"name": item.task.assignee.name, "at": time_in_zone(item.task.copied_at, item.task.zone)}
    return _("%(name)s copied it at %(at)s and may have posted it already.") % facts


def _some_of(names: Sequence[str]) -> str:
    more = "…" if len(names) > _NAMES_IN_A_SENTENCE else ""
    return pgettext("between names", ", ").join(names[:_NAMES_IN_A_SENTENCE]) + more


def story(task: HumanTask, entries: Iterable[AuditEntry], items: Iterable[TaskItem]) -> list[Told]:
    """What people did with a card, newest first, and with which of its places."""
    labels = {item.pk: item.label for item in items}
    told = [Told(entry.at, _did(entry), _which(entry, labels), actor=entry.actor_label) for entry in entries]
    if "task.created" not in {entry.verb for entry in entries}:
        told.insert(0, Told(task.created_at, _("Came onto the list")))
    return sorted(told, key=lambda one: one.at, reverse=True)


def _which(entry: AuditEntry, labels: Mapping[int, str]) -> str:
    """The places it was about, by name, and the reason that was given."""
    named = set(entry.after.get("items", ())) if isinstance(entry.after, dict) else set()
    names = [label for pk, label in labels.items() if pk in named]
    return " · ".join(filter(None, (_some_of(names), entry.reason)))


def _did(entry: AuditEntry) -> str:
    after = entry.after if isinstance(entry.after, dict) else {}
    count = len(after.get("items", ()))
    words = {
        "task.created": _("Made by hand"),
        "task.copied": _("Text copied"),
        "task.done_after": _("Said to be posted already when it was called off"),
        "task.done": ngettext("Ticked", "Ticked: %(count)d", count),
        "task.undone": _("Undone: it is open again."),
        "task.left_out": pgettext("task", "Left out"),
        "task.handed_on": _("Handed on to %(name)s"),
        "task.withdrawn": _("Withdrawn"),
        "task.nudged": _("Nudged"),
    }.get(entry.verb, entry.verb)
    return words % {"count": count, "name": after.get("assignee", "")} if "%(" in words else words


def begun_words(task: HumanTask) -> str:
    """Of a card with the rest of a message: which parts are in the groups already, lest she posts them twice."""
    begun = task.facts.get(task_policies.BEGUN)
    if begun is None:
        return ""
    what = f"“{begun['words']}”" if begun["words"] else _("the picture") if begun["has_image"] else ""
    facts = {"sent": begun["sent"], "count": begun["count"], "what": what}
    words = ngettext(
        "The first of %(count)d messages is in the group already: %(what)s. Please post only what follows here.",
        "The first %(sent)d of %(count)d messages are in the group already: %(what)s. Please post only what follows"
        " here.",
        begun["sent"],
    )
    return words % facts


def facts_words(task: HumanTask) -> list[dict[str, str]]:
    """What a kind says besides its text: label and value."""
    return _told(task_policies.FACTS.get(task.kind, ()), task.facts, str(task.facts.get("currency", "")))


def answers_words(item: TaskItem, kind: str, currency: str) -> str:
    """What she answered, on one line."""
    told = _told(task_policies.ANSWERS.get(kind, ()), item.answers, currency)
    return " · ".join(_("%(label)s %(value)s") % one for one in told)


def _told(fields: tuple[Field, ...], values: Mapping[str, Any], currency: str) -> list[dict[str, str]]:
    return [
        {"label": str(one.label), "value": _value(one, values[one.name], currency)}
        for one in fields
        if one.name in values and one.type is not Type.CURRENCY
    ]


def _value(one: Field, value: Any, currency: str) -> str:
    match one.type:
        case Type.MONEY:
            return money(value, currency)
        case Type.COUNT:
            return grouped(value)
        case Type.YES_NO:
            return _("yes") if value else _("no")
        case Type.CHOICE:
            return str(one.choices.get(value, value))
        case _:
            return str(value)
