"""The ladder of a sale as lines for people: planned before it is scheduled, and how it went afterwards."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from campaigns import services as campaigns
from campaigns.selectors import GroupState, find_last_run, states_of_run
from community_ops.common.actors import Actor
from community_ops.common.placeholders import fill
from community_ops.common.templatetags.reason_words import condition_words, reason_words
from community_ops.common.templatetags.state_words import words_of
from conversion.guards import text_values
from conversion.models import FlashSale
from conversion.services.sales import SUBJECT_KIND

if TYPE_CHECKING:
    from campaigns.models import Playbook, Touch
    from groups.models import ChatGroup

AT_MOST = 200
Line = dict[str, Any]


def planned(terms: dict[str, Any], *, now: datetime) -> list[Line]:
    """The plan of a sale that is not saved yet; `terms` as SaleForm.terms. Writes nothing."""
    return _together(_preview(terms["playbook"], terms["starts_at"], terms["ends_at"], terms["groups"], now))


def of_sale(sale: FlashSale, actor: Actor, *, now: datetime) -> list[Line]:
    """A draft's plan; afterwards each message with what became of it, in the order of time."""
    run = find_last_run(workspace_id=sale.workspace_id, subject_kind=SUBJECT_KIND, subject_id=sale.pk)
    if run is None:
        groups = [target.group for target in sale.targets.all()]
        lines = _preview(sale.playbook, sale.starts_at, sale.ends_at, groups, now)
        return _together([line | {"text": _filled(sale, line, now)} for line in lines])
    lines = [_touched(touch, state) for touch, state in states_of_run(run, actor, now=now)[:AT_MOST]]
    return _together(sorted(lines, key=lambda line: (line["at"] is None, line["at"] or now)))


def _together(lines: Iterable[Line]) -> list[Line]:
    """One line for a message that several groups get at one time: their names, and their states counted."""
    alike: dict[tuple[Any, ...], list[Line]] = {}
    for line in lines:
        alike.setdefault((line["at"], line["when"], line["name"], line.get("text")), []).append(line)
    return [same[0] | {"groups": [line["group"] for line in same], "states": _states(same)} for same in alike.values()]


def _states(same: Iterable[Line]) -> list[dict[str, Any]]:
    counts = Counter((line["state"], line["reason"]) for line in same)
    return [
        {"words": words_of("touch", state), "reason": reason_words(reason), "count": count}
        for (state, reason), count in counts.items()
    ]


def _preview(
    playbook: "Playbook | None", starts_at: datetime, ends_at: datetime, groups: "Iterable[ChatGroup]", now: datetime
) -> list[Line]:
    if playbook is None:
        return []
    touches = campaigns.preview_run(
        playbook=playbook, starts_at=starts_at, ends_at=ends_at, groups=list(groups), now=now
    )
    return [
        _line(touch.step, touch.due_at, touch.group.name, touch.group.zone.key)
        | {
            "text": touch.text,
            "state": "skipped" if touch.skipped_reason else "planned" if touch.due_at else "waits",
            "reason": str(touch.skipped_reason),
        }
        for touch in touches[:AT_MOST]
    ]


def _filled(sale: FlashSale, line: Line, now: datetime) -> str:
    """The words as they would be with the numbers of now; the true ones are read when it is sent."""
    return fill(line["text"], defaultdict(str, text_values(sale, line["zone"], line["at"] or now)))


def _touched(touch: "Touch", state: GroupState) -> Line:
    return _line(touch.step, touch.due_at, state.group_name, state.zone) | {
        "state": state.state,
        "reason": state.reason,
    }


def _line(step: Any, at: datetime | None, group: str, zone: str) -> Line:
    when = condition_words(step.condition) if at is None else ""
    return {"at": at, "when": when, "name": _(step.name), "group": group, "zone": zone}
