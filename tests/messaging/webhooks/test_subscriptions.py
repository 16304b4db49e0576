"""Making, changing, switching and rotating; and what apps may offer."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

import pytest

from community_ops.common import outbox
from community_ops.common.errors import InvalidInput, InvalidTransition
from community_ops.common.events import Event
from community_ops.common.fields import decrypt
from community_ops.common.models import AuditEntry
from messaging.platforms.signing import signature, signing_key
from messaging.services import webhook_events, webhooks
from messaging.services.webhooks.keys import old_key_until, signatures
from messaging.webhook_models import WebhookCall, WebhookSubscription
from messaging.webhook_policies import MOST_SUBSCRIPTIONS
from tests.factories.people import SYSTEM
from tests.messaging.webhooks.conftest import subscribe
from tests.moments import NOON

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class CupBroke(Event):
    name: ClassVar[str] = "members.CupBroke"
    cup_id: int
    broken_at: datetime | None
    whose: str


@pytest.fixture
def forgotten():
    """What a test offers is forgotten afterwards."""
    yield
    webhook_events._offers.pop(CupBroke.name, None)
    outbox._handlers.pop(CupBroke.name, None)


def raw_secret(subscription: WebhookSubscription) -> str:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM messaging_webhooksubscription WHERE id = %s", [subscription.pk])
        return cursor.fetchone()[0]


def test_address_and_secret_are_encrypted_and_only_the_host_is_readable(workspace) -> None:
    made, key = subscribe(workspace, "https://tools.example/hook?key=very-secret")
    stored = raw_secret(made)
    assert "very-secret" not in stored
    assert "very-secret" in decrypt(stored)
    assert (made.host, made.created_by, made.is_on) == ("tools.example", "tests", True)
    entry = AuditEntry.objects.get(verb="webhook.created")
    assert entry.after == {"name": made.name, "host": "tools.example", "events": ["*"]}
    assert "very-secret" not in str(vars(entry))
    assert key not in str(vars(entry)) + stored


@pytest.mark.parametrize(
    ("field", "facts"),
    [
        ("name", {"name": " "}),
        ("url", {"url": "http://tools.example/x"}),
        ("url", {"url": "https://10.0.0.1/x"}),
        ("url", {"url": "https://0x0a000001/x"}),
        ("url", {"url": "https://me:word@tools.example/x"}),
        ("url", {"url": "nothing"}),
        ("events", {"events": []}),
        ("events", {"events": ["order.paid", "order.eaten"]}),
    ],
)
def test_what_cannot_work_is_refused_and_nothing_is_made(workspace, field, facts) -> None:
    with pytest.raises(InvalidInput) as caught:
        subscribe(workspace, **{"url": "https://tools.example/x"} | facts)
    assert caught.value.field == field
    assert (WebhookSubscription.objects.exists(), AuditEntry.objects.exists()) == (False, False)


def test_there_are_twenty_at_most_and_an_archived_one_makes_room(workspace) -> None:
    made = [subscribe(workspace, "https://tools.example/x")[0] for _ in range(MOST_SUBSCRIPTIONS)]
    with pytest.raises(InvalidTransition):
        subscribe(workspace, "https://tools.example/x")
    assert WebhookSubscription.objects.count() == MOST_SUBSCRIPTIONS
    webhooks.archive_subscription(subscription=made[0], actor=SYSTEM, now=NOON)
    assert subscribe(workspace, "https://tools.example/x")


def test_events_are_kept_once_and_in_order(workspace) -> None:
    made, _ = subscribe(workspace, "https://a.example/", events=["order.paid", "member.left", "order.paid"])
    assert made.events == ["member.left", "order.paid"]
    everything, _ = subscribe(workspace, "https://a.example/", events=["order.paid", "*"])
    assert everything.events == ["*"]


def test_a_change_keeps_what_is_left_out_and_the_same_again_changes_nothing(workspace, happen, at) -> None:
    made, key = subscribe(workspace, "https://a.example/one")
    happen()
    changes = {"url": "https://b.example/two", "events": ["order.paid"]}
    for _ in range(2):
        changed = webhooks.update_subscription(subscription=made, **changes, actor=SYSTEM, now=NOON)
    entry = AuditEntry.objects.get(verb="webhook.changed")
    assert (changed.name, changed.host, changed.events) == (made.name, "b.example", ["order.paid"])
    assert (entry.before["host"], entry.after["host"], entry.after["has_new_address"]) == (
        "a.example",
        "b.example",
        True,
    )
    fresh = WebhookSubscription.objects.get()
    assert fresh.secret["url"] == "https://b.example/two"
    assert fresh.secret["keys"][0]["key"] == key
    assert "/two" not in str(vars(entry))


def test_another_path_of_the_same_host_is_a_change_too(workspace) -> None:
    made, _ = subscribe(workspace, "https://a.example/one")
    webhooks.update_subscription(subscription=made, url="https://a.example/two", actor=SYSTEM, now=NOON)
    assert WebhookSubscription.objects.get().secret["url"] == "https://a.example/two"
    assert AuditEntry.objects.filter(verb="webhook.changed").count() == 1


def test_a_refused_change_changes_nothing(workspace) -> None:
    made, _ = subscribe(workspace, "https://a.example/one")
    with pytest.raises(InvalidInput):
        webhooks.update_subscription(subscription=made, name="x", url="http://a.example/", actor=SYSTEM, now=NOON)
    fresh = WebhookSubscription.objects.get()
    assert (fresh.name, fresh.secret["url"]) == (made.name, "https://a.example/one")
    assert not AuditEntry.objects.filter(verb="webhook.changed").exists()


def test_the_former_secret_signs_for_24_hours_more(workspace) -> None:
    made, old = subscribe(workspace, "https://a.example/one")
    new = webhooks.rotate_secret(subscription=made, actor=SYSTEM, now=NOON)
    made.refresh_from_db()

    def header(now: datetime) -> list[str]:
        return signatures(made.secret, "evt_1", "1614265330", b"{}", now=now).split(" ")

    first, second = (signature(signing_key(key), "evt_1", "1614265330", b"{}") for key in (new, old))
    assert header(NOON + 24 * HOUR - timedelta(seconds=1)) == [first, second]
    assert header(NOON + 24 * HOUR) == [first]
    assert old_key_until(made, now=NOON) == NOON + 24 * HOUR
    assert old_key_until(made, now=NOON + 24 * HOUR) is None
    entry = AuditEntry.objects.get(verb="webhook.secret_rotated")
    assert new not in str(vars(entry))


def test_each_former_secret_has_its_own_24_hours_and_the_header_does_not_grow_for_ever(workspace) -> None:
    made, _ = subscribe(workspace, "https://a.example/one")
    for number in range(8):
        webhooks.rotate_secret(subscription=made, actor=SYSTEM, now=NOON + number * HOUR)
    made.refresh_from_db()
    ends = [one["until"] for one in made.secret["keys"]]
    assert ends == [None, *((NOON + (24 + number) * HOUR).isoformat() for number in (7, 6, 5, 4))]


def test_switching_twice_is_once(workspace, happen, at) -> None:
    made, _ = subscribe(workspace, "https://a.example/one")
    happen()
    assert [webhooks.switch_off(subscription=made, actor=SYSTEM, now=NOON) for _ in range(2)] == [True, False]
    made.refresh_from_db()
    assert (made.is_on, made.off_reason, made.switched_off_at) == (False, "by_hand", NOON)
    for _ in range(2):
        webhooks.switch_on(subscription=made, actor=SYSTEM, now=NOON + HOUR)
    made.refresh_from_db()
    assert (made.is_on, made.off_reason, made.switched_off_at, made.failing_since) == (True, "", None, None)
    verbs = AuditEntry.objects.order_by("id").values_list("verb", flat=True)
    assert list(verbs) == ["webhook.created", "webhook.switched_off", "webhook.switched_on"]
    assert WebhookCall.objects.get().state == "given_up"


def test_an_archived_one_is_changed_by_nobody(workspace) -> None:
    made, _ = subscribe(workspace, "https://a.example/one")
    for _ in range(2):
        webhooks.archive_subscription(subscription=made, actor=SYSTEM, now=NOON)
    before = AuditEntry.objects.count()
    for change in (webhooks.switch_on, webhooks.rotate_secret, webhooks.update_subscription, webhooks.send_test):
        with pytest.raises(InvalidTransition):
            change(subscription=made, actor=SYSTEM, now=NOON)
    assert AuditEntry.objects.filter(verb="webhook.archived").count() == 1
    assert (AuditEntry.objects.count(), WebhookCall.objects.exists()) == (before, False)


def test_an_app_may_not_offer_words(forgotten) -> None:
    with pytest.raises(ValueError, match="neither ids nor times"):
        webhook_events.offer(CupBroke, "cup.broke", {"whose": "whose"}, label="A cup broke")
    with pytest.raises(ValueError, match="neither ids nor times"):
        webhook_events.offer(CupBroke, "cup.broke", {"cup": "no_such_field"}, label="A cup broke")
    assert "cup.broke" not in [one.name for one in webhook_events.offered()]


def test_a_public_name_belongs_to_one_event(forgotten) -> None:
    with pytest.raises(ValueError, match="already"):
        webhook_events.offer(CupBroke, "order.paid", {"cup": "cup_id"}, label="A cup broke")
    for _ in range(2):
        webhook_events.offer(CupBroke, "cup.broke", {"cup": "cup_id", "at": "broken_at"}, label="A cup broke")
    with pytest.raises(ValueError, match="already"):
        webhook_events.offer(CupBroke, "cup.fell", {"cup": "cup_id"}, label="A cup broke")
