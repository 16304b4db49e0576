"""REST of deliveries: what tools see of each call, and what they may decide."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from community_ops.accounts.models import Workspace
from community_ops.common.models import AuditEntry
from groups import services as groups
from groups.models import ChatGroup
from messaging.models import Attempt, Delivery, Endpoint, OutboundMessage
from messaging.selectors import text_to_read
from tests.campaigns.conftest import Start, Write, schedule
from tests.factories.people import SYSTEM, Someone
from tests.moments import NOON

URL = "/api/v1/deliveries/"
ACTIONS = [("decide", {"verdict": "sent"}), ("undo-decision", {}), ("try-now", {}), ("cancel", {}), ("requeue", {})]
pytestmark = pytest.mark.usefixtures("at_noon")


@pytest.fixture
def delivery(write: Write) -> Delivery:
    schedule(write(due_at=NOON))
    return Delivery.objects.get()


def settle(delivery: Delivery, **facts: Any) -> Delivery:
    Delivery.objects.filter(pk=delivery.pk).update(**facts)
    return Delivery.objects.get(pk=delivery.pk)


def post(api: APIClient, delivery: Delivery, action: str, body: dict[str, Any] | None = None) -> Any:
    return api.post(f"{URL}{delivery.pk}/{action}/", body or {}, format="json")


@pytest.mark.parametrize(("verdict", "state"), [("sent", "confirmed"), ("not_sent", "failed"), ("again", "due")])
def test_one_in_doubt_is_settled_and_answered_fresh(
    api: APIClient, delivery: Delivery, verdict: str, state: str
) -> None:
    settle(delivery, state="unknown", reason="no_answer")
    for _twice in range(2):
        answer = post(api, delivery, "decide", {"verdict": verdict})
        assert (answer.status_code, answer.json()["id"], answer.json()["state"]) == (200, delivery.pk, state)
    assert AuditEntry.objects.filter(verb=f"delivery.{verdict}").count() == 1


@pytest.mark.parametrize("body", [{}, {"verdict": "maybe"}, {"verdict": None}, {"verdict": ["sent"]}])
def test_an_unknown_word_is_400_naming_it(api: APIClient, delivery: Delivery, body: dict[str, Any]) -> None:
    settle(delivery, state="unknown")
    answer = post(api, delivery, "decide", body)
    assert (answer.status_code, list(answer.json())) == (400, ["verdict"])
    assert Delivery.objects.get().state == "unknown"


def test_a_word_is_taken_back_and_answered_fresh(api: APIClient, delivery: Delivery) -> None:
    settle(delivery, state="unknown", reason="no_answer")
    post(api, delivery, "decide", {"verdict": "not_sent"})
    for _twice in range(2):
        answer = post(api, delivery, "undo-decision")
        assert (answer.status_code, answer.json()["state"], answer.json()["reason"]) == (200, "unknown", "no_answer")
    assert AuditEntry.objects.filter(verb="delivery.decision_undone").count() == 1


def test_one_that_is_retried_tries_at_once(api: APIClient, delivery: Delivery) -> None:
    settle(delivery, reason="retrying", attempt_count=1, next_try_at=NOON + timedelta(hours=1))
    assert post(api, delivery, "try-now").status_code == 200
    assert Delivery.objects.get().next_try_at == NOON


def test_one_is_cancelled_and_the_others_stay(
    api: APIClient, write: Write, group: ChatGroup, second_group: ChatGroup
) -> None:
    schedule(write(group, second_group))
    for _twice in range(2):
        answer = post(api, Delivery.objects.get(target_id=group.pk), "cancel")
        assert (answer.json()["state"], answer.json()["reason"]) == ("cancelled", "cancelled_by_person")
    assert Delivery.objects.get(target_id=second_group.pk).state == "planned"


def test_a_failed_one_gets_its_tries_again(api: APIClient, delivery: Delivery) -> None:
    settle(delivery, state="failed", reason="gave_up", attempt_count=7)
    assert post(api, delivery, "requeue").json()["state"] == "due"
    assert Delivery.objects.get().attempt_limit == 14


def test_one_without_a_channel_is_not_queued_before_its_group_has_one(
    api: APIClient, delivery: Delivery, group: ChatGroup
) -> None:
    channel = group.endpoint
    settle(delivery, state="failed", reason="no_endpoint", endpoint=None)
    answer = post(api, delivery, "requeue")
    assert (answer.status_code, answer.json()["code"]) == (409, "no_endpoint")
    assert (Delivery.objects.get().state, Delivery.objects.get().reason) == ("failed", "no_endpoint")
    assert not AuditEntry.objects.filter(verb="delivery.requeued").exists()
    ChatGroup.objects.update(endpoint=None)
    groups.bind_endpoint(group=group, endpoint=channel, actor=SYSTEM, now=NOON)
    assert post(api, delivery, "requeue").json()["state"] == "due"


@pytest.mark.parametrize("role", ["owner", "operator", "moderator"])
def test_who_may_decide_queues_failed_ones_again(
    api_of: Callable[..., APIClient], workspace: Workspace, delivery: Delivery, role: str
) -> None:
    settle(delivery, state="failed", reason="refused")
    assert post(api_of(workspace, role), delivery, "requeue").status_code == 200
    assert Delivery.objects.get().state == "planned"


@pytest.mark.parametrize(("action", "body"), ACTIONS)
def test_what_is_impossible_now_is_409_and_changes_nothing(
    api: APIClient, delivery: Delivery, action: str, body: dict[str, Any]
) -> None:
    settle(delivery, state="accepted", accepted_at=NOON)
    before = Delivery.objects.values().get()
    answer = post(api, delivery, action, body)
    assert (answer.status_code, answer.json()["code"]) == (409, "invalid_transition")
    assert Delivery.objects.values().get() == before


@pytest.mark.parametrize(("action", "body"), ACTIONS)
def test_a_viewer_decides_nothing(
    api_of: Callable[..., APIClient], workspace: Workspace, delivery: Delivery, action: str, body: dict[str, Any]
) -> None:
    before = Delivery.objects.values().get()
    answer = post(api_of(workspace, "viewer"), delivery, action, body)
    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
    assert Delivery.objects.values().get() == before


@pytest.mark.parametrize("action", ["decide", "undo-decision", "try-now", "cancel", "requeue", "attempts"])
def test_a_helper_finds_those_of_her_groups_only(
    helper: Someone, delivery: Delivery, group: ChatGroup, action: str
) -> None:
    def answered() -> int:
        tool = APIClient()
        tool.force_authenticate(user=AnonymousUser(), token=helper.actor)
        if action == "attempts":
            return int(tool.get(f"{URL}{delivery.pk}/attempts/").status_code)
        return int(post(tool, delivery, action, {"verdict": "sent"}).status_code)

    assert answered() == 404
    groups.assign_staff(group=group, user=helper.user, role="helper", actor=SYSTEM, now=NOON)
    assert answered() != 404


@pytest.mark.parametrize(("action", "body"), [*ACTIONS, ("attempts", {})])
def test_nobody_elses_delivery_is_found(
    foreign_api: APIClient, delivery: Delivery, action: str, body: dict[str, Any]
) -> None:
    before = settle(delivery, state="unknown").state
    answers = [post(foreign_api, delivery, action, body), foreign_api.get(f"{URL}{delivery.pk}/{action}/")]
    assert {answer.status_code for answer in answers} <= {404, 405}
    assert Delivery.objects.get().state == before


def test_every_call_is_told(api: APIClient, delivery: Delivery) -> None:
    for number, outcome in enumerate(("retry", "accepted"), start=1):
        Attempt.objects.create(
            workspace_id=delivery.workspace_id, delivery=delivery, number=number, started_at=NOON,
            finished_at=NOON + timedelta(seconds=1), latency_ms=1000, outcome=outcome, http_status=200,
            platform_code="45009", platform_text="too fast",
        )  # fmt: skip
    told = api.get(f"{URL}{delivery.pk}/attempts/").json()["results"]
    assert [(one["number"], one["outcome"]) for one in told] == [(1, "retry"), (2, "accepted")]
    assert told[0]["started_at"] == NOON.isoformat().replace("+00:00", "Z")
    facts = ("latency_ms", "http_status", "platform_code", "platform_text")
    assert [told[0][name] for name in facts] == [1000, 200, "45009", "too fast"]


def test_the_record_is_narrowed_to_a_run_and_to_a_channel(
    api: APIClient, start: Start, delivery: Delivery, group: ChatGroup, second_group: ChatGroup
) -> None:
    run = start(second_group)

    def found(**filters: Any) -> set[tuple[Any, Any]]:
        rows = api.get(URL, filters | {"page_size": 200}).json()["results"]
        return {(row["run"], row["endpoint"]) for row in rows}

    assert found(run=run.pk) == {(run.pk, second_group.endpoint_id)}
    assert found(endpoint=group.endpoint_id) == {(None, group.endpoint_id)}
    assert found(run=run.pk, endpoint=group.endpoint_id) == set()


def test_an_archived_channel_still_narrows(api: APIClient, delivery: Delivery) -> None:
    Endpoint.objects.filter(pk=delivery.endpoint_id).update(archived_at=NOON)
    assert len(api.get(URL, {"endpoint": delivery.endpoint_id}).json()["results"]) == 1


@pytest.mark.parametrize("name", ["run", "endpoint"])
def test_foreign_and_unknown_ids_are_400_alike(
    api: APIClient, foreign_api: APIClient, start: Start, group: ChatGroup, name: str
) -> None:
    mine = {"run": start().pk, "endpoint": group.endpoint_id}[name]
    answers = [foreign_api.get(URL, {name: mine}), *(api.get(URL, {name: value}) for value in (999_999, "x", 2**70))]
    assert {(answer.status_code, *answer.json()) for answer in answers} == {(400, name)}


# --- what a record says ------------------------------------------------------------------------------------


def test_a_record_says_what_goes_where_and_when(api: APIClient, delivery: Delivery, group: ChatGroup) -> None:
    planned = api.get(f"{URL}{delivery.pk}/").json()
    assert (planned["target_label"], planned["text"], planned["is_markdown"]) == (
        group.name, delivery.message.text, False,
    )  # fmt: skip
    assert (planned["next_try_at"], planned["platform_message_id"]) == (NOON.isoformat().replace("+00:00", "Z"), "")
    settle(delivery, state="accepted", sent_text="真正发出去的字", platform_message_id="m-17")
    sent = api.get(f"{URL}{delivery.pk}/").json()
    assert (sent["text"], sent["next_try_at"], sent["platform_message_id"]) == ("真正发出去的字", None, "m-17")


def test_before_it_goes_out_a_text_has_the_names_of_what_is_filled_in(api: APIClient, delivery: Delivery) -> None:
    OutboundMessage.objects.update(text="还剩 {left}")
    settle(delivery, subject_kind="flash_sale", subject_id=1)
    text = api.get(f"{URL}{delivery.pk}/").json()["text"]
    assert text == text_to_read(Delivery.objects.get())
    assert "{left}" not in text


def test_a_paused_one_has_no_next_try(api: APIClient, delivery: Delivery) -> None:
    settle(delivery, reason="paused")
    assert api.get(f"{URL}{delivery.pk}/").json()["next_try_at"] is None


def test_whoever_sees_the_page_reads_its_text_and_nobody_else(
    api_of: Callable[..., APIClient], workspace: Workspace, foreign_api: APIClient, delivery: Delivery
) -> None:
    for role in ("owner", "operator", "moderator", "viewer"):
        read = api_of(workspace, role).get(f"{URL}{delivery.pk}/").json()
        assert read["text"] == delivery.message.text
    # a tool with the role of a helper looks after no group
    assert api_of(workspace, "helper").get(f"{URL}{delivery.pk}/").status_code == 404
    assert foreign_api.get(f"{URL}{delivery.pk}/").status_code == 404


def test_a_page_of_records_asks_no_more_for_more_rows(
    api: APIClient, write: Write, group: ChatGroup, second_group: ChatGroup
) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert api.get(URL).status_code == 200
        return len(queries)

    schedule(write(group))
    api.get(URL)
    one = asked()
    schedule(write(group, second_group))
    assert asked() == one
