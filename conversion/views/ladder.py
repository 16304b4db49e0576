"""The ladder of a sale as lines for people: planned before it is scheduled, and how it went afterwards."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from campaigns import services as campaigns
from campaigns.selectors import GroupState, find_last_run, states_of_run
from community_ops.common.actors import Actor
from community_ops.common.placeholders import fill
from conversion.guards import text_values
from conversion.models import FlashSale
from conversion.services.sales import SUBJECT_KIND
from conversion.wording import condition_words, reason_words, touch_words

if TYPE_CHECKING:
    from campaigns.models import Playbook, Touch
    from groups.models import ChatGroup

AT_MOST = 200
Line = dict[str, Any]


def planned(terms: dict[str, Any], *, now: datetime) -> list[Line]:
    """The plan of a sale that is not saved yet; `terms` as SaleForm.terms. Writes nothing."""
    return _preview(terms["playbook"], terms["starts_at"], terms["ends_at"], terms["groups"], now)


def of_sale(sale: FlashSale, actor: Actor, *, now: datetime) -> list[Line]:
    """A draft's plan; afterwards each message with what became of it, in the order of time."""
    run = find_last_run(workspace_id=sale.workspace_id, subject_kind=SUBJECT_KIND, subject_id=sale.pk)
    if run is None:
        groups = [target.group for target in sale.targets.all()]
        lines = _preview(sale.playbook, sale.starts_at, sale.ends_at, groups, now)
        return [line | {"text": _filled(sale, line, now)} for line in lines]
    lines = [_touched(touch, state) for touch, state in states_of_run(run, actor, now=now)[:AT_MOST]]
    return sorted(lines, key=lambda line: (line["at"] is None, line["at"] or now))


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
            "words": touch_words("skipped" if touch.skipped_reason else "planned" if touch.due_at else "waits"),
            "reason": reason_words(touch.skipped_reason),
        }
        for touch in touches[:AT_MOST]
    ]


def _filled(sale: FlashSale, line: Line, now: datetime) -> str:
    """The words as they would be with the numbers of now; the true ones are read when it is sent."""
    return fill(line["text"], defaultdict(str, text_values(sale, line["zone"], line["at"] or now)))


def _touched(touch: "Touch", state: GroupState) -> Line:
    return _line(touch.step, touch.due_at, state.group_name, state.zone) | {
        "words": touch_words(state.state),
        "reason": reason_words(state.reason),
    }


def _line(step: Any, at: datetime | None, group: str, zone: str) -> Line:
    when = condition_words(step.condition) if at is None else ""
    return {"at": at, "when": when, "name": _(step.name), "group": group, "zone": zone}
