"""What happened in groups is stored once."""

import uuid
from datetime import timedelta

import pytest

from messaging import selectors, services
from messaging.models import InboundEvent
from tests.moments import NOON
from tests.races import at_once

pytestmark = pytest.mark.django_db


def event(external_id: str, target_id: int = 7, **changes) -> services.InboundRow:
    facts = {"kind": "message", "occurred_at": NOON, "author_external_id": "u1", "text": "早", "author_id": 3}
    return services.InboundRow(target_id=target_id, external_id=external_id, **facts | changes)


def store(workspace, rows, batch=None) -> list[bool]:
    return services.store_inbound(
        workspace_id=workspace.pk, rows=rows, batch=batch or uuid.uuid4(), source="api", now=NOON
    )


def test_each_event_is_stored_once_however_often_it_comes(workspace) -> None:
    assert store(workspace, [event("a"), event("b"), event("a", text="again")]) == [True, True, False]
    assert store(workspace, [event("b"), event("c")]) == [False, True]

    assert list(InboundEvent.objects.order_by("external_id").values_list("external_id", "text")) == [
        ("a", "早"),
        ("b", "早"),
        ("c", "早"),
    ]


def test_the_same_id_in_another_group_or_workspace_is_another_event(workspace, stranger) -> None:
    assert store(workspace, [event("a", 7), event("a", 8)]) == [True, True]
    assert store(stranger.workspace, [event("a", 7)]) == [True]


def test_nothing_stored_is_nothing_asked(workspace, django_assert_max_num_queries) -> None:
    with django_assert_max_num_queries(4):
        assert store(workspace, []) == []


@pytest.mark.parametrize("count", [1, 900])
def test_storing_asks_the_database_a_few_times_whatever_their_number(
    workspace, count, django_assert_max_num_queries
) -> None:
    with django_assert_max_num_queries(20):  # SQLite takes 999 values a statement
        assert all(store(workspace, [event(str(number)) for number in range(count)]))


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_of_parallel_senders_each_event_is_new_for_one(workspace) -> None:
    rows = [event(str(number)) for number in range(200)]

    results = at_once([lambda: store(workspace, rows)] * 4)

    assert [sum(answers) for answers in zip(*results, strict=True)] == [1] * 200
    assert InboundEvent.objects.count() == 200


def test_events_are_read_in_time_order_within_bounds(workspace, stranger) -> None:
    batch = uuid.uuid4()
    store(workspace, [event("late", occurred_at=NOON + timedelta(hours=1)), event("early")], batch)
    store(workspace, [event("elsewhere", 9)])
    store(stranger.workspace, [event("foreign")])

    def ids(**which) -> list[str]:
        rows = selectors.inbound_events(workspace_id=workspace.pk, **which)
        return [row.external_id for row in rows]

    assert ids(target_ids=[7]) == ["early", "late"]
    assert ids(batch=batch) == ["early", "late"]
    assert ids(since=NOON, until=NOON + timedelta(hours=1), target_ids=[7]) == ["early"]
