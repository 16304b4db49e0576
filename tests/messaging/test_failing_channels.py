"""Which channels are known to fail: their last message or test was refused for good, and nothing went out since."""

from datetime import timedelta

import pytest
from django.utils import translation

from messaging import selectors, services
from messaging.models import Delivery, Endpoint
from tests.moments import NOON

pytestmark = pytest.mark.django_db
UNREACHED = {"platform_code": "not_sent", "platform_text": "the name could not be resolved"}
PARKED = {"state": "failed", "reason": "gave_up"} | UNREACHED
RETRIED = {"reason": "retrying"} | UNREACHED
REFUSED = {"state": "failed", "reason": "refused", "platform_code": "93000", "platform_text": "invalid webhook url"}


def settle(delivery: Delivery, **facts) -> None:
    Delivery.objects.filter(pk=delivery.pk).update(**facts)


def failing(endpoint: Endpoint, **how: bool) -> str:
    with translation.override("en"):
        found = selectors.failing_endpoints(workspace_id=endpoint.workspace_id, endpoint_ids=[endpoint.pk], **how)
    return found.get(endpoint.pk, "")


def test_a_channel_fails_while_nothing_was_accepted_since_it_was_refused(plan, hook) -> None:
    settle(plan(hook), state="accepted", accepted_at=NOON)
    assert failing(hook) == ""
    settle(plan(hook), sending_at=NOON + timedelta(minutes=1), **REFUSED)
    assert failing(hook) == "The platform said: 93000 invalid webhook url"
    settle(plan(hook), state="confirmed", accepted_at=NOON + timedelta(minutes=2))
    assert failing(hook) == ""
    settle(plan(hook), sending_at=NOON + timedelta(minutes=3), **PARKED)
    assert failing(hook) == "The other side could not be reached; nothing was sent."


@pytest.mark.parametrize(
    "facts",
    [
        REFUSED | {"sending_at": None},  # nothing was called: the channel is not to blame
        {"state": "failed", "reason": "too_long", "sending_at": NOON},
        {"state": "failed", "reason": "not_sent", "sending_at": NOON},
        {"state": "unknown", "reason": "no_answer", "sending_at": NOON},
        RETRIED | {"sending_at": NOON},
    ],
)
def test_a_channel_is_not_called_failing_for_anything_else(plan, hook, facts) -> None:
    settle(plan(hook), **facts)
    assert failing(hook) == ""


def test_a_test_message_tells_whether_a_channel_fails(hook, plan, owner, httpserver) -> None:
    def test_it(status: int, minute: int) -> str:
        httpserver.clear()
        httpserver.expect_request("/hook").respond_with_data("", status=status)
        services.send_test_message(endpoint=hook, actor=owner.actor, now=NOON + timedelta(minutes=minute))
        return failing(hook)

    assert "refused the test message. The platform said: HTTP 404" in test_it(404, minute=1)
    assert "HTTP 404" in test_it(503, minute=2)  # may pass: says nothing new
    assert test_it(204, minute=3) == ""
    settle(plan(hook), sending_at=NOON + timedelta(minutes=4), **REFUSED)
    assert failing(hook) == "The platform said: 93000 invalid webhook url"


@pytest.mark.parametrize("facts", [{"state": "unknown", "reason": "no_answer"}, {"reason": "retrying"}])
def test_whoever_asks_for_doubts_hears_of_a_500_and_of_what_is_tried_again(plan, hook, facts) -> None:
    settle(plan(hook), sending_at=NOON, platform_code="500", platform_text="oops", **facts)
    assert failing(hook, with_doubts=True) == "The platform said: 500 oops"
    settle(plan(hook), state="accepted", accepted_at=NOON + timedelta(minutes=1))
    assert failing(hook, with_doubts=True) == ""


def test_too_fast_is_no_fault_of_the_channel(plan, hook) -> None:
    settle(plan(hook), sending_at=NOON, too_fast_since=NOON, **RETRIED)
    assert failing(hook, with_doubts=True) == ""


def test_whoever_asks_for_doubts_hears_of_a_test_that_did_not_work(hook, owner, httpserver) -> None:
    httpserver.expect_request("/hook").respond_with_data("", status=500)
    services.send_test_message(endpoint=hook, actor=owner.actor, now=NOON)
    assert failing(hook) == ""
    assert failing(hook, with_doubts=True).startswith("Tried; whether it arrived is not known.")


def test_failing_channels_are_asked_for_in_five_queries(
    plan, hook, room, robot, stranger, django_assert_max_num_queries
) -> None:
    for endpoint in (hook, room, robot):
        for minute in range(3):
            settle(plan(endpoint), sending_at=NOON + timedelta(minutes=minute), **REFUSED)
    everything = list(Endpoint.objects.values_list("pk", flat=True))
    with django_assert_max_num_queries(5):
        found = selectors.failing_endpoints(workspace_id=hook.workspace_id, endpoint_ids=everything)
    assert found.keys() == {hook.pk, room.pk, robot.pk}
    assert selectors.failing_endpoints(workspace_id=stranger.workspace.pk, endpoint_ids=[hook.pk]) == {}
