"""Making and taking away the rules that hold messages back: quiet hours, holidays, frequency caps."""

from datetime import date, datetime, time
from typing import Any, TypeVar

from django.db import transaction
from django.utils.translation import gettext as _

from community_ops.common import audit, text
from community_ops.common.actors import Actor
from community_ops.common.errors import InvalidInput
from messaging.models import FrequencyCap, Holiday, Purpose, QuietHours
from messaging.services.send_rules import RULES

Rule = TypeVar("Rule", QuietHours, Holiday, FrequencyCap)
MOST_DAYS, MOST_MESSAGES = 31, 1_000
FIRST_YEAR, LAST_YEAR = 2000, 2200
_YEARS = {"first": FIRST_YEAR, "last": LAST_YEAR}


@transaction.atomic
def create_quiet_hours(
    *, workspace_id: int, begins: time, ends: time, from_on: date, until_on: date | None, actor: Actor, now: datetime
) -> QuietHours:
    """From `from_on` on nothing goes out between two wall times; over midnight when `ends` is not later.

    What is planned stays planned and is judged when it is due. Writes an audit row. Raises InvalidInput naming the
    field. Every call makes a new rule.
    """
    _check_span(from_on, until_on)
    if begins == ends:
        raise InvalidInput(_("The end must be another time than the beginning."), field="ends")
    rule = QuietHours(workspace_id=workspace_id, begins=begins, ends=ends, from_on=from_on, until_on=until_on)
    return _created(rule, {"begins": begins.isoformat(), "ends": ends.isoformat()}, actor=actor, now=now)


@transaction.atomic
def create_holiday(
    *, workspace_id: int, name: str, from_on: date, until_on: date | None, actor: Actor, now: datetime
) -> Holiday:
    """Days on which nothing goes out; without `until_on` it is one day. Otherwise as `create_quiet_hours`."""
    name = text.clean_line(name, field="name", max_length=100)
    _check_span(from_on, until_on)
    rule = Holiday(workspace_id=workspace_id, name=name, from_on=from_on, until_on=until_on or from_on)
    return _created(rule, {"name": name}, actor=actor, now=now)


@transaction.atomic
def create_frequency_cap(
    *,
    workspace_id: int,
    purpose: str,
    count: int,
    days: int,
    from_on: date,
    until_on: date | None,
    actor: Actor,
    now: datetime,
) -> FrequencyCap:
    """At most `count` messages of `purpose` ("" for all together) to one target in `days` of its days.

    Otherwise as `create_quiet_hours`.
    """
    _check_span(from_on, until_on)
    if purpose not in ("", *Purpose.values):
        raise InvalidInput(_("One of: {names}.").format(names=", ".join(Purpose.values)), field="purpose")
    _check_range(count, MOST_MESSAGES, "count")
    _check_range(days, MOST_DAYS, "days")
    rule = FrequencyCap(
        workspace_id=workspace_id, purpose=purpose, count=count, days=days, from_on=from_on, until_on=until_on
    )
    return _created(rule, {"purpose": purpose, "count": count, "days": days}, actor=actor, now=now)


@transaction.atomic
def archive_rule(*, rule: QuietHours | Holiday | FrequencyCap, actor: Actor, now: datetime) -> None:
    """Take a rule away: it holds nothing back any more. Writes an audit row; twice is once."""
    rows = type(rule)._default_manager.filter(pk=rule.pk, archived_at__isnull=True)
    if rows.update(archived_at=now, updated_at=now):
        rule.archived_at = now
        audit.record(actor=actor, verb="send_rule.archived", target=rule, now=now)
        transaction.on_commit(RULES.forget)


def _created(rule: Rule, facts: dict[str, Any], *, actor: Actor, now: datetime) -> Rule:
    rule.save(force_insert=True)
    span = {"from_on": rule.from_on.isoformat(), "until_on": rule.until_on and rule.until_on.isoformat()}
    audit.record(actor=actor, verb="send_rule.created", target=rule, now=now, after=facts | span)
    transaction.on_commit(RULES.forget)
    return rule


def _check_span(from_on: date, until_on: date | None) -> None:
    for field, day in (("from_on", from_on), ("until_on", until_on)):
        if day is not None and not FIRST_YEAR <= day.year <= LAST_YEAR:
            raise InvalidInput(
                _("A year between %(first)d and %(last)d.") % {"first": FIRST_YEAR, "last": LAST_YEAR}, field=field
            )
    if until_on is not None and until_on < from_on:
        raise InvalidInput(_("The last day must not be before the first."), field="until_on")


def _check_range(value: int, most: int, field: str) -> None:
    if not 0 < value <= most:
        raise InvalidInput(_("Between 1 and %(most)d.") % {"most": most}, field=field)
