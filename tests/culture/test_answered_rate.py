"""The share of messages another member answered within 24 hours."""

from datetime import timedelta

import pytest

from community_ops.common import clock, outbox
from culture.selectors import answered_rate
from tests.members.makers import event, ingest, make_community, make_group
from tests.moments import NOON

pytestmark = pytest.mark.django_db


def tell(group, *told: tuple[str, float]) -> None:
    moments = [(author, (NOON + timedelta(hours=hours)).isoformat()) for author, hours in told]
    ingest(group, *(event(group, author=author, occurred_at=moment) for author, moment in moments))
    outbox.drain(now=clock.now())


def rate(someone, days: int = 7) -> float | None:
    return answered_rate(someone.actor, since=NOON - timedelta(days=1), until=NOON + timedelta(days=days))


def test_nothing_measured_is_none(owner, group) -> None:
    assert rate(owner) is None


def test_answers_of_others_count_and_own_ones_do_not(owner, group) -> None:
    tell(group, ("甲", 0), ("甲", 1), ("乙", 2), ("乙", 3))
    assert rate(owner) == 0.5


def test_an_answer_after_a_day_is_none(owner, group) -> None:
    tell(group, ("甲", 0), ("乙", 24.01))
    assert rate(owner) == 0.0


def test_groups_are_apart_and_strangers_see_none(owner, stranger, group, second_group) -> None:
    tell(group, ("甲", 0))
    tell(second_group, ("乙", 1))
    assert rate(owner) == 0.0
    assert rate(stranger) is None


def test_neighbouring_windows_share_no_message(owner, group) -> None:
    tell(group, ("甲", 0), ("乙", 1), ("甲", 24), ("甲", 48))
    windows = [(NOON + timedelta(days=day - 1), NOON + timedelta(days=day)) for day in range(3)]
    rates = [answered_rate(owner.actor, since=since, until=until) for since, until in windows]
    assert rates == [1.0, 0.0, 0.0]


def test_zones_of_groups_decide_their_days(owner, workspace) -> None:
    london = make_group(make_community(workspace, timezone="America/Los_Angeles"))
    tell(london, ("甲", -7), ("乙", -6))  # 21:00 of the day before there, 05:00 in UTC
    assert answered_rate(owner.actor, since=NOON - timedelta(days=1), until=NOON) is None
    assert answered_rate(owner.actor, since=NOON - timedelta(days=2), until=NOON) == 0.5
