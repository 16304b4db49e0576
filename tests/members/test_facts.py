"""MemberFacts: milestones once each, in any order and in parallel; activity replaced whole."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from members import services
from members.models import Member, MemberFacts, MemberMilestone
from tests.members.makers import make_community, make_member
from tests.moments import NOON
from tests.races import at_once

pytestmark = pytest.mark.django_db


def paid(member, key: str, amount: int = 1000, **changes) -> services.Milestone:
    facts = {"kind": "order_paid", "source_key": key, "occurred_at": NOON, "amount": amount, "currency": "CNY"}
    return services.Milestone(member_id=member.pk, **(facts | changes))


def record(member, *milestones: services.Milestone) -> MemberFacts:
    services.record_milestones(workspace_id=member.workspace_id, milestones=milestones, now=NOON)
    return MemberFacts.objects.get(member=member)


def test_orders_are_counted_and_summed_once(member) -> None:
    later = NOON + timedelta(days=3)
    facts = record(member, paid(member, "order:1"), paid(member, "order:2", 500, occurred_at=later))
    facts = record(member, paid(member, "order:1"))
    assert (facts.order_count, facts.spent_amount, facts.currency) == (2, 1500, "CNY")
    assert (facts.first_order_at, facts.last_order_at) == (NOON, later)
    assert facts.sources["order_count"] == "platform"


def test_a_refund_is_taken_off(member) -> None:
    refund = paid(member, "refund:1", 400, kind="order_refunded")
    facts = record(member, paid(member, "order:1"), refund)
    assert (facts.order_count, facts.spent_amount) == (1, 600)


def test_currencies_are_not_added_up(member) -> None:
    pounds = [paid(member, f"p{number}", 100, currency="GBP") for number in range(2)]
    facts = record(member, paid(member, "order:1", 99_999), *pounds)
    assert (facts.order_count, facts.spent_amount, facts.currency) == (3, 200, "GBP")


def test_one_milestone_has_a_short_way(member) -> None:
    services.record_milestone(
        workspace_id=member.workspace_id, member_id=member.pk, kind="order_paid", source_key="order:1",
        occurred_at=NOON, amount=100, currency="CNY", now=NOON,
    )  # fmt: skip
    assert MemberFacts.objects.get().order_count == 1


def test_a_merged_members_orders_count_for_her_survivor(community, member) -> None:
    merged = make_member(community)
    Member.objects.filter(pk=merged.pk).update(merged_into=member)
    record(member, paid(merged, "order:1"))
    assert MemberFacts.objects.get(member=member).order_count == 1


def test_activity_is_replaced_not_added(member) -> None:
    for count in (5, 7):
        facts = {member.pk: services.ActivityFacts(message_count=count, last_active_at=NOON, source="import")}
        services.set_activity_facts(workspace_id=member.workspace_id, facts=facts, now=NOON)
    row = MemberFacts.objects.get()
    assert (row.message_count, row.last_active_at, row.sources["message_count"]) == (7, NOON, "import")


def test_facts_are_made_where_they_are_missing(member) -> None:
    MemberFacts.objects.all().delete()
    assert record(member, paid(member, "order:1")).order_count == 1


def test_another_workspaces_member_gets_nothing(member, foreign_member) -> None:
    facts = {foreign_member.pk: services.ActivityFacts(message_count=1, last_active_at=NOON)}
    services.set_activity_facts(workspace_id=member.workspace_id, facts=facts, now=NOON)
    assert MemberFacts.objects.get(member=foreign_member).message_count == 0


told = st.lists(st.tuples(st.integers(0, 5), st.integers(1, 900), st.booleans()), max_size=15)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=told, random=st.randoms(use_true_random=False))
def test_facts_do_not_depend_on_order_or_repetition(workspace, told, random) -> None:
    member = make_member(make_community(workspace))
    steps = {
        number: paid(member, f"{member.pk}:{number}", amount, kind="order_refunded" if is_refund else "order_paid")
        for number, amount, is_refund in told
    }
    many = [*steps.values(), *steps.values()]
    random.shuffle(many)
    for step in many:
        record(member, step)
    facts = MemberFacts.objects.get(member=member)
    refunds = sum(step.amount for step in steps.values() if step.kind == "order_refunded")
    assert facts.spent_amount == sum(step.amount for step in steps.values()) - 2 * refunds
    assert MemberMilestone.objects.filter(member=member).count() == len(steps)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_parallel_orders_are_all_counted(member) -> None:
    results = at_once(
        [lambda n=number: record(member, paid(member, f"order:{n}"), paid(member, "order:0")) for number in range(6)]
    )
    assert not [result for result in results if isinstance(result, Exception)]
    facts = MemberFacts.objects.get()
    assert (facts.order_count, facts.spent_amount) == (6, 6000)
