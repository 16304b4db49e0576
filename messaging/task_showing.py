"""Cards as pages show them: the phone of whoever does the work, and the team's list."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from community_ops.common import assets, placeholders
from messaging import services, task_policies, task_selectors, task_wording
from messaging.models import HumanTask, TaskItem, TaskKind, TaskState
from messaging.showing import first_words, with_names
from messaging.task_selectors import ShownText, Upcoming

_SIGNS_A_LINE = 17  # of a text field on a phone of 360 px
_SHOWN_NAMES = 3


def row_of(task: HumanTask, *, now: datetime) -> dict[str, Any]:
    """A line of a list. The card has its counts."""
    item_count, open_count = task.item_count, task.open_count  # type: ignore[attr-defined]
    places = task_wording.progress_words(task, item_count, open_count)
    return {
        "task": task,
        "kind": TaskKind(task.kind).label,
        "about": " · ".join(filter(None, (str(TaskKind(task.kind).label), places))),
        "late": task_wording.late_words(task, now),
        "places": places or "—",
        "told": task_wording.told_words(task),
        "closed": None if task.state == TaskState.OPEN else task_wording.closed_words(task),
        "is_today": _day(task.due_at, task.zone) == _day(now, task.zone),
    }


def upcoming_row(coming: Upcoming, *, now: datetime) -> dict[str, Any]:
    """A line for what will become a card."""
    return {
        "coming": coming,
        "places": task_wording.places_words(TaskKind.MESSAGE, coming.group_count),
        "is_today": _day(coming.due_at, coming.zone) == _day(now, coming.zone),
    }


def _day(moment: datetime, zone: str) -> date:
    return moment.astimezone(ZoneInfo(zone)).date()


def card_of(task: HumanTask, items: Sequence[TaskItem], *, now: datetime) -> dict[str, Any]:
    """Everything a card's page says, for the phone and for the team."""
    words, tone = task_wording.closed_words(task)
    places = task_wording.places_words(task.kind, len(items), items[0].label if items else "")
    return {
        "task": task,
        "about": " · ".join(filter(None, (str(TaskKind(task.kind).label), places))),
        "is_named": task.title != first_words(with_names(task.text, task.subject_kind)),
        "kind": TaskKind(task.kind).label,
        "hint": task_wording.HINTS.get(task.kind, ""),
        "late": task_wording.late_words(task, now),
        "is_open": task.state == TaskState.OPEN,
        "is_due": task.due_at <= now,
        "has_latest": task.latest_at is not None and task.latest_at > now and task.due_at <= now,
        "closed_words": words,
        "closed_tone": tone,
        "places": places,
        "facts": task_wording.facts_words(task),
        "image_url": assets.page_link(task.image) if task.image else "",
        "items": [item_row(item, task, now=now) for item in items],
        "done_words": task_wording.done_words(task.kind),
        "is_sending": task.kind in task_wording.SENDING,
        "told": task_wording.told_words(task),
        **texts(task, items, now=now),
    }


def item_row(item: TaskItem, task: HumanTask, *, now: datetime) -> dict[str, Any]:
    """A place of a card and what became of it; `undo_until` while the tick can be taken back."""
    words, tone = task_wording.item_words(item, task)
    until = item.done_at + task_policies.UNDO_WITHIN if item.state == TaskState.DONE and item.done_at else None
    return {
        "item": item,
        "words": words,
        "tone": tone,
        "answers": task_wording.answers_words(item, task.kind, str(task.facts.get("currency", ""))),
        "evidence_url": assets.page_link(item.evidence) if item.evidence else "",
        "undo_until": until if until is not None and now <= until else None,
    }


def texts(task: HumanTask, items: Sequence[TaskItem], *, now: datetime) -> dict[str, Any]:
    """The words of a card: to be copied, or as they were copied last, with how fresh their numbers are."""
    shown = task_selectors.texts_of(task, items) if task.text else []
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
