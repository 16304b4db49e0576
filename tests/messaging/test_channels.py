"""What a run remembers of the channels it sends through."""

from datetime import timedelta

import pytest

from messaging.models import Connection, Delivery, Endpoint
from messaging.services import archive_endpoint, channels, update_endpoint
from messaging.services.channels import Channels
from tests.factories.people import SYSTEM
from tests.moments import NOON

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(minutes=1)


def seen(known: Channels, delivery: Delivery) -> Endpoint:
    row = Delivery.objects.get(pk=delivery.pk)
    known.put_in([row])
    assert row.endpoint is not None
    return row.endpoint


def test_what_did_not_change_is_read_once(plan, hook, django_assert_num_queries) -> None:
    delivery, known = plan(hook), Channels()
    first = seen(known, delivery)
    row = Delivery.objects.get(pk=delivery.pk)

    with django_assert_num_queries(1):  # whether it did
        known.put_in([row])
        assert row.endpoint is first
        assert row.endpoint.connection.platform == "webhook"


def test_every_change_is_seen_at_once(plan, hook, workspace) -> None:
    delivery, known = plan(hook), Channels()
    seen(known, delivery)

    update_endpoint(endpoint=hook, name="renamed", config={}, actor=SYSTEM, now=LATER)
    assert seen(known, delivery).name == "renamed"

    config = {"url": "http://127.0.0.1:1/other", "secret": "another"}
    update_endpoint(endpoint=hook, name="renamed", config=config, actor=SYSTEM, now=LATER + timedelta(seconds=1))
    assert seen(known, delivery).connection.secret == config

    Delivery.objects.update(state="accepted")
    archive_endpoint(endpoint=hook, actor=SYSTEM, now=LATER + timedelta(seconds=2))
    assert seen(known, delivery).archived_at is not None


def test_another_key_alone_is_seen(plan, hook) -> None:
    """Only the account changes, not the endpoint."""
    delivery, known = plan(hook), Channels()
    before = seen(known, delivery).connection.name
    Connection.objects.filter(pk=hook.connection_id).update(name="other", updated_at=LATER)
    assert (before, seen(known, delivery).connection.name) == (hook.connection.name, "other")


def test_it_does_not_grow_without_end(plan, hook, room, monkeypatch, django_assert_num_queries) -> None:
    monkeypatch.setattr(channels, "MOST", 1)
    known = Channels()
    plan(hook), plan(room)
    known.put_in(Delivery.objects.all())
    with django_assert_num_queries(3):  # the rows, their versions, and both anew
        known.put_in(Delivery.objects.all())


def test_a_row_without_a_channel_stays_without(plan, room) -> None:
    delivery = plan(room)
    Delivery.objects.filter(pk=delivery.pk).update(endpoint=None)
    row = Delivery.objects.get(pk=delivery.pk)
    Channels().put_in([row])
    assert row.endpoint is None
