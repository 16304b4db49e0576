"""Many ids at once, also in parallel."""

import itertools

import pytest

from community_ops.common.models import AuditEntry
from members.models import Member, MemberFacts, MemberIdentity, Person
from members.services import ensure_members
from tests.factories.people import SYSTEM
from tests.members.makers import make_community, make_member
from tests.moments import NOON
from tests.races import at_once

pytestmark = pytest.mark.django_db


def ensure(community, *ids: str, kind: str = "chat") -> dict[str, int]:
    people = [(external_id, external_id) for external_id in ids]
    return ensure_members(community=community, kind=kind, people=people, source="import", actor=SYSTEM, now=NOON)


def test_unknown_ids_become_members_once(community) -> None:
    first = ensure(community, "a", "b")
    again = ensure(community, "b", "a", "c")
    assert {"a": first["a"], "b": first["b"]}.items() <= again.items()
    assert (Member.objects.count(), MemberFacts.objects.count(), Person.objects.count()) == (3, 3, 3)
    assert [entry.after["count"] for entry in AuditEntry.objects.order_by("id")] == [2, 1]


def test_a_known_member_keeps_her_name(community) -> None:
    ids = ensure(community, "a")
    people = [("a", "另一个名字")]
    ensure_members(community=community, kind="chat", people=people, source="import", actor=SYSTEM, now=NOON)
    assert Member.objects.get(pk=ids["a"]).display_name == "a"


def test_ids_of_two_communities_and_two_kinds_differ(workspace, community) -> None:
    other = make_community(workspace, name="读书会")
    found = {ensure(community, "a")["a"], ensure(other, "a")["a"], ensure(community, "a", kind="orders")["a"]}
    assert len(found) == 3


def test_a_merged_members_id_is_her_survivors(community) -> None:
    survivor = make_member(community)
    Member.objects.filter(pk=ensure(community, "a")["a"]).update(merged_into=survivor)
    assert ensure(community, "a") == {"a": survivor.pk}


def test_a_long_name_is_cut_and_its_id_kept(community) -> None:
    long = "长" * 150
    assert list(ensure(community, long)) == [long]
    assert Member.objects.get().display_name == "长" * 100


def test_the_number_of_queries_does_not_grow(community, django_assert_num_queries) -> None:
    ensure(community, "warm up")
    with django_assert_num_queries(10):
        ensure(community, "x")
    with django_assert_num_queries(10):
        ensure(community, *(f"n{number}" for number in range(50)))


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_parallel_calls_end_with_the_same_members(community) -> None:
    ids = [f"author-{number}" for number in range(40)]
    orders = [ids, ids[::-1], ids[20:] + ids[:20], sorted(ids, key=lambda one: one[::-1])]
    results = at_once([lambda order=order: ensure(community, *order) for order in orders])
    assert all(result == results[0] for result in results), results
    assert (Member.objects.count(), MemberIdentity.objects.count()) == (40, 40)
    assert (Person.objects.count(), MemberFacts.objects.count()) == (40, 40)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_the_naive_twin_makes_spare_members(community) -> None:
    """Look, then create: what the service must not do. Shows that the race above is real."""
    turns = itertools.count()

    def naive() -> None:
        if not Member.objects.filter(community=community, display_name="a").exists():
            next(turns)
            while_both_have_looked.wait(timeout=10)
            make_member(community, "a")

    import threading

    while_both_have_looked = threading.Barrier(2)
    assert at_once([naive, naive]) == [None, None]
    assert Member.objects.count() == 2
