"""Cards as pages show them: the phone of whoever does the work, and the team's list."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from community_ops.common import assets, placeholders
from messaging import services, task_policies, task_selectors, task_wording
from messaging.models import HumanTask, TaskItem, TaskKind, TaskState
from messaging.showing import file_of, first_words, with_names
from messaging.task_selectors import OnBoard, ShownText, Upcoming

_SIGNS_A_LINE = 17  # of a text field on a phone of 360 px
_SHOWN_NAMES = 3


def row_of(task: HumanTask, *, now: datetime) -> dict[str, Any]:
    """A line of a list. The card has its counts."""
    item_count, open_count, done_count = task.item_count, task.open_count, task.done_count  # type: ignore[attr-defined]
    places = task_wording.progress_words(task, item_count, open_count)
    return {
        "task": task,
        "kind": TaskKind(task.kind).label,
        "about": " · ".join(filter(None, (str(TaskKind(task.kind).label), places))),
        "late": task_wording.late_words(task, now),
        "past_latest": task_wording.past_latest_words(task, now),
        "places": places or "—",
        "closed": None if task.state == TaskState.OPEN else task_wording.closed_words(task, item_count, done_count),
        "is_today": _day(task.due_at, task.zone) == _day(now, task.zone),
    }


def rows_of(tasks: Sequence[HumanTask], *, now: datetime) -> list[dict[str, Any]]:
    """Lines of cards that are due, those that can be done first, the late ones of them on top, then the most urgent.

    `held`: why nothing of a card can be posted now; it is not called late then. One query, and those of
    `services.held_now`.
    """
    by_task: dict[int, list[TaskItem]] = {}
    for item in task_selectors.open_items_of(tasks):
        by_task.setdefault(item.task_id, []).append(item)
    held = held_items([item for items in by_task.values() for item in items], now=now)
    rows = [row_of(task, now=now) for task in tasks]
    for row in rows:
        still_open = by_task.get(row["task"].pk, [])
        same = {item.pk: held[item.pk] for item in still_open if item.pk in held}
        is_all = bool(same) and len(same) == len(still_open)
        row["held"] = held_words(row["task"], same, is_all=True, now=now) if is_all else []
        if is_all:
            row["late"] = row["past_latest"] = ""
    return sorted(rows, key=_turn)


def _turn(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """What can be done first, of that what is late, of that the most urgent."""
    is_late, task = bool(row["late"] or row["past_latest"]), row["task"]
    return bool(row["held"]), not is_late, task_policies.urgency(task.due_at, task.latest_at)


def later_rows_of(tasks: Sequence[HumanTask], *, now: datetime) -> list[dict[str, Any]]:
    """Lines of open cards whose time is still to come. `held`: the rules that then hold all of a card. One query."""
    by_task: dict[int, list[TaskItem]] = {}
    for item in task_selectors.open_items_of(tasks):
        by_task.setdefault(item.task_id, []).append(item)
    rows = [row_of(task, now=now) for task in tasks]
    for row in rows:
        still_open = by_task.get(row["task"].pk, [])
        found = services.held_at_due([item.delivery for item in still_open if item.delivery is not None])
        is_all = bool(found) and len(found) == len(still_open)
        zone = row["task"].zone
        alike = dict.fromkeys(found.values()) if is_all else {}
        row["held"] = [task_wording.held_at_due_words(why, zone=zone, now=now) for why in alike]
    return rows


def board_row(one: OnBoard, task: HumanTask, *, now: datetime) -> dict[str, Any]:
    """A line of the team's list, with `held` as of `rows_of`."""
    why = one.held.get(task.pk)
    if why is None:
        return row_of(task, now=now) | {"held": []}
    held = [task_wording.not_now_words(why, kind=task.kind, zone=task.zone, now=now)]
    return row_of(task, now=now) | {"late": "", "past_latest": "", "held": held}


def upcoming_row(coming: Upcoming, *, now: datetime) -> dict[str, Any]:
    """A line for what will become a card."""
    return {
        "coming": coming,
        "places": task_wording.places_words(TaskKind.MESSAGE, coming.group_count),
        "held": [task_wording.blocked_words()] if coming.is_blocked else [],
        "is_today": _day(coming.due_at, coming.zone) == _day(now, coming.zone),
    }


def _day(moment: datetime, zone: str) -> date:
    return moment.astimezone(ZoneInfo(zone)).date()


def card_of(task: HumanTask, items: Sequence[TaskItem], *, now: datetime) -> dict[str, Any]:
    """Everything a card's page says, for the phone and for the team."""
    done_count = sum(item.state == TaskState.DONE for item in items)
    words, tone = task_wording.closed_words(task, len(items), done_count)
    places = task_wording.places_words(task.kind, len(items), items[0].label if items else "")
    held = held_items(items, now=now)
    still_open = [item for item in items if item.state == TaskState.OPEN]
    return {
        "task": task,
        "held": held_words(task, held, is_all=len(held) == len(still_open), now=now)
        or never_words(task, items, now=now),
        "is_held": bool(held) and len(held) == len(still_open),
        "about": " · ".join(filter(None, (str(TaskKind(task.kind).label), places))),
        "is_named": task.title != _usual_title(task),
        "kind": TaskKind(task.kind).label,
        "hint": task_wording.HINTS.get(task.kind, ""),
        "late": task_wording.late_words(task, now),
        "past_latest": task_wording.past_latest_words(task, now),
        "is_open": task.state == TaskState.OPEN,
        "is_due": task.due_at <= now,
        "has_latest": task.latest_at is not None and task.latest_at > now and task.due_at <= now,
        "closed_words": words,
        "closed_tone": tone,
        "places": places,
        "facts": task_wording.facts_words(task),
        "begun": task_wording.begun_words(task),
        "image_url": assets.page_link(task.image) if task.image else "",
        "file": file_of(task.file),
        "items": [item_row(item, task, now=now) for item in items],
        "done_words": task_wording.done_words(task.kind),
        "is_sending": task.kind in task_wording.SENDING,
        **texts(task, items, now=now, held=held),
    }


def _usual_title(task: HumanTask) -> str:
    """What a card is called that nobody gave a name: as its text begins."""
    return first_words(with_names(task.text, task.subject_kind), is_markdown=task.is_markdown)


Held = Mapping[int, tuple[TaskItem, services.NotNow]]


def held_items(items: Sequence[TaskItem], *, now: datetime) -> Held:
    """By id the open items of a card that must not be posted at this moment: paused, or held back by a send rule."""
    waiting = {item.pk: item for item in items if item.state == TaskState.OPEN}
    return {pk: (waiting[pk], why) for pk, why in services.held_items(waiting.values(), now=now).items()}


def held_words(task: HumanTask, held: Held, *, is_all: bool, now: datetime) -> list[str]:
    """One sentence for each reason and end; the places by name unless all that is open is held alike."""
    alike: dict[services.NotNow, list[str]] = {}
    for item, why in held.values():
        alike.setdefault(why, []).append(item.label)
    needs_names = len(alike) > 1 or not is_all
    return [
        task_wording.not_now_words(why, kind=task.kind, names=names if needs_names else (), zone=task.zone, now=now)
        for why, names in alike.items()
    ]


def never_words(task: HumanTask, items: Sequence[TaskItem], *, now: datetime) -> list[str]:
    """Of a card whose time is still to come, one sentence for each rule that then holds all of it too long."""
    if task.due_at <= now or task.state != TaskState.OPEN:
        return []
    waiting = [item for item in items if item.state == TaskState.OPEN]
    found = services.kept_items(waiting, at_due=True)
    if len(found) < len(waiting):
        return []
    return [task_wording.never_words(why, zone=task.zone, now=now) for why in dict.fromkeys(found.values())]


def item_row(item: TaskItem, task: HumanTask, *, now: datetime) -> dict[str, Any]:
    """A place of a card and what became of it; `undo_until` while she can take it back."""
    words, tone = task_wording.item_words(item, task)
    return {
        "item": item,
        "words": words,
        "tone": tone,
        "answers": task_wording.answers_words(item, task.kind, str(task.facts.get("currency", ""))),
        "evidence_url": assets.page_link(item.evidence) if item.evidence else "",
        "undo_until": task_policies.undo_until(item.state, item.done_at, now),
    }


def texts(task: HumanTask, items: Sequence[TaskItem], *, now: datetime, held: Collection[int] = ()) -> dict[str, Any]:
    """The words of a card: to be copied, or as they were copied last, with how fresh their numbers are."""
    shown = task_selectors.texts_of(task, items, held=held) if task.text else []
    has_numbers = bool(task.subject_kind and placeholders.names_in(task.text))
    is_copied = any(one.is_copied for one in shown)
    return {
        "texts": [_text(one, task, number) for number, one in enumerate(shown, start=1)],
        "is_to_copy": bool(shown) and task.kind in task_policies.HAS_TEXT,
        "is_copied": is_copied,
        "has_several": len(shown) > 1,
        "as_of": task.copied_at if is_copied and has_numbers else None,
        "stale_at": _stale_at(task) if is_copied and has_numbers else None,
        "is_stale": is_copied and has_numbers and task_policies.is_copy_stale(task.copied_at, now),
    }


def _stale_at(task: HumanTask) -> datetime | None:
    copied_at: datetime | None = task.copied_at
    fresh: timedelta = task_policies.COPY_IS_FRESH
    return copied_at + fresh if copied_at else None


def _text(shown: ShownText, task: HumanTask, number: int) -> dict[str, Any]:
    """A text in the pieces it is pasted in, and whom it is for."""
    pieces = services.pieces_of(shown.text, is_markdown=task.is_markdown)
    return {
        "is_copied": shown.is_copied,
        "pieces": [
            {"id": f"text-{number}-{part}", "text": piece, "number": part, "lines": _lines(piece)}
            for part, piece in enumerate(pieces, start=1)
        ],
        "is_cut": len(pieces) > 1,
        "names": [item.label for item in shown.items[:_SHOWN_NAMES]],
        "places": task_wording.places_words(task.kind, len(shown.items)),
        "has_more": len(shown.items) > _SHOWN_NAMES,
    }


def _lines(text: str) -> int:
    """How many lines a text field needs to show it whole; Latin letters are half as wide."""
    widths = [sum(1 if ord(sign) > 0x2E7F else 0.55 for sign in line) for line in text.split("\n")]
    return sum(max(1, -int(-width // _SIGNS_A_LINE)) for width in widths)
