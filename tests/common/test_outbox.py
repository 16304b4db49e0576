"""The outbox: effects happen once, a bad handler holds nobody up, order per aggregate."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

import pytest
from django.db import transaction

from community_ops.accounts.models import Workspace
from community_ops.common import outbox
from community_ops.common.errors import InvalidTransition
from community_ops.common.events import Event
from community_ops.common.models import AuditEntry, EventReceipt, OutboxEvent
from tests.factories.people import SYSTEM
from tests.moments import NOON


@dataclass(frozen=True, kw_only=True)
class KettleBoiled(Event):
    name: ClassVar[str] = "tests.KettleBoiled"
    kettle_id: int
    boiled_at: datetime
    cups: tuple[int, ...] = ()

    @property
    def aggregate_id(self) -> str:
        return f"kettle:{self.kettle_id}"


@pytest.fixture
def subscribed() -> Iterator[dict[str, object]]:
    """Subscribe handlers by `subscribed["name"] = function`; forgotten after the test."""
    names: dict[str, object] = {}
    outbox._classes[KettleBoiled.name] = KettleBoiled
    outbox._handlers[KettleBoiled.name] = names  # type: ignore[assignment]
    yield names
    del outbox._handlers[KettleBoiled.name], outbox._classes[KettleBoiled.name]


def boil(workspace: Workspace, kettle_id: int = 1) -> None:
    with transaction.atomic():
        outbox.publish(KettleBoiled(workspace_id=workspace.pk, kettle_id=kettle_id, boiled_at=NOON, cups=(1, 2)))


def test_each_handler_gets_the_event_once_when_drained_twice(workspace, subscribed) -> None:
    seen: list[KettleBoiled] = []
    subscribed["tests.pour"] = seen.append
    boil(workspace)

    assert outbox.drain(now=NOON) == 1
    assert outbox.drain(now=NOON) == 0
    assert seen == [KettleBoiled(workspace_id=workspace.pk, kettle_id=1, boiled_at=NOON, cups=(1, 2))]


def test_nothing_is_told_when_the_transaction_fails(workspace, subscribed) -> None:
    def fail_late() -> None:
        with transaction.atomic():
            outbox.publish(KettleBoiled(workspace_id=workspace.pk, kettle_id=1, boiled_at=NOON))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_late()
    assert not OutboxEvent.objects.exists()


def test_publishing_outside_a_transaction_is_refused(transactional_db, subscribed) -> None:
    with pytest.raises(AssertionError):
        outbox.publish(KettleBoiled(workspace_id=1, kettle_id=1, boiled_at=NOON))


def test_a_failing_handler_holds_no_other_up_and_is_parked_after_eight_tries(workspace, subscribed) -> None:
    poured: list[KettleBoiled] = []
    subscribed["tests.spill"] = lambda event: 1 / 0
    subscribed["tests.pour"] = poured.append
    boil(workspace)

    for attempt in range(outbox.MAX_ATTEMPTS + 2):
        outbox.drain(now=NOON + timedelta(minutes=10 * attempt))

    receipt = EventReceipt.objects.get(handler="tests.spill")
    assert (receipt.state, receipt.attempt_count) == ("parked", outbox.MAX_ATTEMPTS)
    assert receipt.last_error == "ZeroDivisionError: division by zero"
    assert len(poured) == 1
    assert list(outbox.parked_receipts(workspace.pk)) == [receipt]


def test_a_failed_handler_leaves_no_effect(workspace, subscribed) -> None:
    def half_done(event: KettleBoiled) -> None:
        Workspace.objects.filter(pk=workspace.pk).update(name="half done")
        raise ValueError("kettle is hot")

    subscribed["tests.half"] = half_done
    boil(workspace)
    outbox.drain(now=NOON)
    workspace.refresh_from_db()
    assert workspace.name == "小林的团队"


def test_events_of_one_aggregate_wait_for_the_earlier_one_and_others_do_not(workspace, subscribed) -> None:
    seen: list[int] = []
    broken = {1}

    def pour(event: KettleBoiled) -> None:
        if event.kettle_id in broken:
            raise ValueError
        seen.append(event.kettle_id)

    subscribed["tests.pour"] = pour
    for kettle in (1, 1, 2):
        boil(workspace, kettle)
    outbox.drain(now=NOON)
    assert seen == [2]
    broken.clear()
    outbox.drain(now=NOON + timedelta(minutes=1))
    assert seen == [2, 1, 1]


def test_a_parked_receipt_runs_again_when_retried(workspace, subscribed) -> None:
    poured: list[KettleBoiled] = []
    subscribed["tests.pour"] = poured.append
    boil(workspace)
    outbox._dispatch(now=NOON, limit=10)
    EventReceipt.objects.update(state="parked")
    receipt = EventReceipt.objects.get()

    outbox.retry_parked(receipt=receipt, actor=SYSTEM, now=NOON)
    outbox.drain(now=NOON)

    assert len(poured) == 1
    assert AuditEntry.objects.get().verb == "event.retried"
    with pytest.raises(InvalidTransition):
        outbox.retry_parked(receipt=receipt, actor=SYSTEM, now=NOON)


def test_old_events_are_forgotten_only_when_all_is_done(workspace, subscribed) -> None:
    subscribed["tests.spill"] = lambda event: 1 / 0
    boil(workspace)
    outbox.drain(now=NOON)
    later = NOON + timedelta(days=31)
    assert outbox.prune(now=later) == 0
    EventReceipt.objects.update(state="done")
    assert outbox.prune(now=later, dry_run=True) == 1
    assert OutboxEvent.objects.count() == 1
    assert outbox.prune(now=later) == 1
    assert not OutboxEvent.objects.exists()
