"""Where the receiver drops repeats a doubt is tried again by itself: what ends later must not claim it was not sent."""

from datetime import timedelta

import pytest
from django.utils import translation

from community_ops.common import dbtime
from community_ops.common.models import AuditEntry
from messaging import selectors, services, wording
from messaging.failing import failing_endpoints
from messaging.models import Attempt, Delivery, Endpoint
from messaging.platforms.base import Outcome, Result
from messaging.platforms.webhook.adapter import WebhookAdapter
from messaging.policies import ATTEMPT_LIMIT, Next, with_doubt
from messaging.ports import Verdict
from messaging.services import recording
from tests.factories.people import SYSTEM
from tests.messaging.conftest import make_endpoint
from tests.moments import NOON

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(minutes=10)
REFUSED = Result(Outcome.REFUSED, code="400", text="HTTP 400")
BUSY = Result(Outcome.RETRY, code="503", text="HTTP 503")
DOUBT = Result(Outcome.IN_DOUBT, code="no_answer")
ACCEPTED = Result(Outcome.ACCEPTED, code="200")


@pytest.fixture
def answers(monkeypatch):
    """What the receiver answers to the calls, in order."""
    left: list[Result] = []
    monkeypatch.setattr(WebhookAdapter, "send", lambda self, message: left.pop(0))
    return left


@pytest.fixture
def dropping(hook) -> Endpoint:
    """A receiver that drops repeats."""
    Endpoint.objects.filter(pk=hook.pk).update(drops_repeats=True)
    hook.refresh_from_db()
    return hook


@pytest.fixture
def doubtful(answers, dropping, plan, deliver, fresh) -> Delivery:
    """Its first try may have arrived; another one follows by itself."""
    row = plan(dropping)
    answers.append(DOUBT)
    deliver()
    assert (fresh(row).state, fresh(row).reason, fresh(row).may_have_arrived) == ("planned", "retrying", True)
    return fresh(row)


def ended(row: Delivery) -> tuple[str, str]:
    found = Delivery.objects.get(pk=row.pk)
    return found.state, found.reason


def sentence(row: Delivery) -> str:
    with translation.override("en"):
        found = Delivery.objects.select_related("message", "endpoint__connection").get(pk=row.pk)
        return wording.state_sentence(found, zone="UTC", parts=selectors.parts_said([found]).get(found.pk, ""))


# --- each end --------------------------------------------------------------------------------------------


def test_one_that_is_refused_later_is_in_doubt_and_says_both(doubtful, answers, deliver) -> None:
    answers.append(REFUSED)
    deliver(LATER)
    assert ended(doubtful) == ("unknown", "in_doubt:failed:refused")
    said = sentence(doubtful)
    assert said.startswith("An earlier try may have arrived. After that: The platform refused it for good.")
    assert "HTTP 400" in said
    assert "Please look into the group" in said


def test_one_that_is_given_up_is_in_doubt(doubtful, answers, deliver) -> None:
    answers.append(BUSY)
    Delivery.objects.filter(pk=doubtful.pk).update(attempt_count=ATTEMPT_LIMIT - 1)
    deliver(LATER)
    assert ended(doubtful) == ("unknown", "in_doubt:failed:gave_up")
    assert "parked" not in sentence(doubtful)


def test_one_whose_last_try_is_the_doubt_is_in_doubt(answers, dropping, plan, deliver) -> None:
    row = plan(dropping)
    Delivery.objects.filter(pk=row.pk).update(attempt_count=ATTEMPT_LIMIT - 1)
    answers.append(DOUBT)
    deliver()
    assert ended(row) == ("unknown", "in_doubt:failed:gave_up")


def test_one_whose_next_try_would_be_too_late_is_in_doubt(answers, dropping, plan, deliver) -> None:
    row = plan(dropping, latest_at=NOON + timedelta(seconds=1))
    answers.append(DOUBT)
    deliver()
    assert ended(row) == ("unknown", "in_doubt:expired:too_late")


def test_one_that_waits_past_its_latest_moment_is_in_doubt(doubtful, deliver) -> None:
    Delivery.objects.filter(pk=doubtful.pk).update(latest_at=NOON + timedelta(minutes=1))
    deliver(LATER)
    assert ended(doubtful) == ("unknown", "in_doubt:expired:too_late")


def test_one_its_guard_stops_is_in_doubt(doubtful, guard, deliver) -> None:
    guard.verdict = Verdict(allowed=False, reason="sale_over")
    deliver(LATER)
    assert ended(doubtful) == ("unknown", "in_doubt:cancelled:sale_over")
    assert sentence(doubtful).startswith("An earlier try may have arrived. After that: The sale is over.")


def test_one_a_person_cancels_is_in_doubt_and_a_second_click_is_harmless(doubtful, owner, deliver, fresh) -> None:
    for _ in range(2):
        services.cancel_delivery(delivery=fresh(doubtful), actor=owner.actor, now=NOON)
    assert ended(doubtful) == ("unknown", "in_doubt:cancelled:cancelled_by_person")
    assert AuditEntry.objects.filter(verb="delivery.cancelled").count() == 1
    assert deliver(LATER) == 0


def test_of_many_that_are_cancelled_only_those_in_doubt_are_asked_about(doubtful, dropping, plan, workspace) -> None:
    other = plan(dropping, origin_id=doubtful.origin_id)
    facts = {"workspace_id": workspace.pk, "origin": "test", "origin_id": doubtful.origin_id}
    assert services.cancel_deliveries(**facts, reason="announcement_cancelled", actor=SYSTEM, now=NOON) == 2
    assert ended(doubtful) == ("unknown", "in_doubt:cancelled:announcement_cancelled")
    assert ended(other) == ("cancelled", "announcement_cancelled")


def test_one_whose_channel_is_archived_is_in_doubt(doubtful, dropping, deliver) -> None:
    Endpoint.objects.filter(pk=dropping.pk).update(archived_at=NOON)
    deliver(LATER)
    assert ended(doubtful) == ("unknown", "in_doubt:failed:endpoint_archived")


def test_a_lost_call_is_remembered_and_a_call_lost_last_is_in_doubt(dropping, plan, fresh) -> None:
    row = plan(dropping)
    for number, state in ((1, "planned"), (ATTEMPT_LIMIT, "unknown")):
        facts = {"state": "sending", "attempt_count": number, "lease_until": dbtime.now()}
        Delivery.objects.filter(pk=row.pk).update(**facts)
        recording.reap(db_now=dbtime.now() + timedelta(seconds=1), now=NOON)
        assert (fresh(row).state, fresh(row).may_have_arrived) == (state, True)
    assert ended(row) == ("unknown", "in_doubt:failed:gave_up")


def test_one_whose_own_check_fails_in_the_end_is_in_doubt(doubtful, guard, monkeypatch, deliver) -> None:
    monkeypatch.setattr(guard, "check", lambda delivery, now: 1 / 0)
    Delivery.objects.filter(pk=doubtful.pk).update(attempt_count=ATTEMPT_LIMIT - 1)
    deliver(LATER)
    assert ended(doubtful) == ("unknown", "in_doubt:failed:gave_up")


def test_one_that_would_go_another_way_is_not_repeated_there(doubtful, workspace, deliver) -> None:
    """Another receiver cannot drop what the first one may have had."""
    room = make_endpoint(workspace, "sandbox")
    facts = {"workspace_id": workspace.pk, "target_id": doubtful.target_id, "endpoint_id": room.pk}
    assert services.retarget_deliveries(**facts, now=NOON) == 0
    assert ended(doubtful) == ("unknown", "in_doubt:failed:channel_changed")
    assert deliver(LATER) == 0


def test_one_that_may_have_arrived_is_not_moved(doubtful, workspace) -> None:
    moves = {doubtful.source_key: NOON + timedelta(days=1)}
    assert services.reschedule_deliveries(workspace_id=workspace.pk, moves=moves, now=NOON) == 0
    assert Delivery.objects.get().due_at == NOON


def test_what_happened_tells_of_the_end_and_of_the_doubt(doubtful, guard, deliver, fresh) -> None:
    guard.verdict = Verdict(allowed=False, reason="sale_over")
    deliver(LATER)
    with translation.override("en"):
        told = wording.story(fresh(doubtful), selectors.attempts_of(doubtful), [], zone="UTC")
    lines = [item.text for item in told if item.title == "To be checked"]
    assert len(lines) == 1
    assert "An earlier try may have arrived. After that: The sale is over." in lines[0]


# --- what ends the doubt ---------------------------------------------------------------------------------


def test_a_repeat_that_is_accepted_ends_the_doubt(doubtful, answers, deliver, fresh) -> None:
    answers.append(ACCEPTED)
    deliver(LATER)
    assert (fresh(doubtful).state, fresh(doubtful).may_have_arrived) == ("accepted", False)


def test_the_doubt_about_one_part_is_not_one_about_the_next(small, answers, dropping, plan, deliver, fresh) -> None:
    row = plan(dropping, text="第一句。第二句！第三句？", may_split=True)
    answers += [DOUBT]
    deliver()
    answers += [ACCEPTED, REFUSED]
    deliver(LATER)
    assert (fresh(row).state, fresh(row).reason, fresh(row).parts_sent) == ("failed", "refused", 1)


@pytest.mark.parametrize(("verdict", "state"), [("sent", "confirmed"), ("not_sent", "failed")])
def test_a_persons_word_ends_it(doubtful, answers, deliver, owner, fresh, verdict, state) -> None:
    answers.append(REFUSED)
    deliver(LATER)
    services.decide_unknown(delivery=fresh(doubtful), verdict=verdict, actor=owner.actor, now=LATER)
    assert (fresh(doubtful).state, fresh(doubtful).may_have_arrived) == (state, False)


@pytest.fixture
def again(answers, hook, plan, deliver, owner, fresh) -> Delivery:
    """In doubt, at a receiver that drops nothing, and a person said "again": the first one may be there."""
    row = plan(hook)
    answers.append(DOUBT)
    deliver()
    return services.decide_unknown(delivery=fresh(row), verdict="again", actor=owner.actor, now=NOON)


def test_again_is_not_a_word_about_the_first_one(again, answers, deliver) -> None:
    answers.append(REFUSED)
    deliver(LATER)
    assert ended(again) == ("unknown", "in_doubt:failed:refused")
    assert Attempt.objects.filter(outcome="in_doubt").count() == 1


def test_what_goes_out_again_and_is_stopped_is_in_doubt(again, guard, deliver) -> None:
    guard.verdict = Verdict(allowed=False, reason="sale_over")
    deliver(LATER)
    assert ended(again) == ("unknown", "in_doubt:cancelled:sale_over")


def test_what_goes_out_again_and_is_cancelled_is_in_doubt(again, owner) -> None:
    services.cancel_delivery(delivery=again, actor=owner.actor, now=NOON)
    assert ended(again) == ("unknown", "in_doubt:cancelled:cancelled_by_person")


def test_what_goes_out_again_and_expires_is_in_doubt(again, deliver) -> None:
    Delivery.objects.filter(pk=again.pk).update(latest_at=NOON + timedelta(minutes=1))
    deliver(LATER)
    assert ended(again) == ("unknown", "in_doubt:expired:too_late")


@pytest.mark.parametrize(("answer", "state"), [(ACCEPTED, "accepted"), (BUSY, "planned")])
def test_only_an_acceptance_of_what_goes_out_again_ends_the_doubt(
    again, answers, deliver, fresh, answer, state
) -> None:
    answers.append(answer)
    deliver(LATER)
    assert (fresh(again).state, fresh(again).may_have_arrived) == (state, answer is not ACCEPTED)


def test_not_sent_ends_the_doubt_for_what_is_tried_afterwards(again, answers, deliver, owner, fresh) -> None:
    answers += [REFUSED, REFUSED]
    deliver(LATER)
    services.decide_unknown(delivery=fresh(again), verdict="not_sent", actor=owner.actor, now=LATER)
    services.requeue_failed(delivery=fresh(again), actor=owner.actor, now=LATER)
    deliver(LATER)
    assert ended(again) == ("failed", "refused")


def test_sent_ends_the_doubt_about_this_part_and_not_about_the_next(small, answers, hook, plan, deliver, owner, fresh):
    row = plan(hook, text="第一句。第二句！第三句？", may_split=True)
    answers += [DOUBT, REFUSED]
    deliver()
    services.decide_unknown(delivery=fresh(row), verdict="sent", actor=owner.actor, now=LATER)
    deliver(LATER)
    assert (*ended(row), fresh(row).parts_sent) == ("failed", "refused", 1)


def test_the_rest_of_what_was_called_off_does_not_follow(small, answers, dropping, plan, deliver, owner, fresh) -> None:
    row = plan(dropping, text="第一句。第二句！第三句？", may_split=True)
    answers.append(DOUBT)
    deliver()
    services.cancel_delivery(delivery=fresh(row), actor=owner.actor, now=NOON)
    assert "After “Sent” and “Not sent” the last 1 is not sent" in sentence(row)
    doubt = fresh(row)
    for _ in range(2):
        services.decide_unknown(delivery=doubt, verdict="sent", actor=owner.actor, now=NOON)
        doubt = fresh(row)
    assert ended(row) == ("cancelled", "cancelled_by_person")
    assert "1 of 2 messages went out; the rest was not sent." in sentence(row)
    assert deliver(LATER) == 0


def test_a_channel_that_refused_after_a_doubt_is_marked(doubtful, answers, deliver, dropping, workspace) -> None:
    answers.append(REFUSED)
    deliver(LATER)
    assert dropping.pk in failing_endpoints(workspace_id=workspace.pk, endpoint_ids=[dropping.pk])


# --- the twin: without an earlier doubt nothing changes -------------------------------------------------


def test_without_a_doubt_it_is_said_that_it_was_not_sent(answers, dropping, plan, deliver, owner, fresh) -> None:
    refused, retried = plan(dropping), plan(dropping)
    answers += [REFUSED, BUSY]
    deliver()
    services.cancel_delivery(delivery=fresh(retried), actor=owner.actor, now=NOON)
    assert ended(refused) == ("failed", "refused")
    assert ended(retried) == ("cancelled", "cancelled_by_person")


def test_what_is_planned_again_keeps_its_reason_and_its_doubt() -> None:
    then = with_doubt(Next("planned", "retrying", NOON), may_have_arrived=True)
    assert (then.state, then.reason, then.next_try_at, then.may_have_arrived) == ("planned", "retrying", NOON, True)
