"""REST of announcements and deliveries."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from campaigns.models import Announcement
from community_ops.accounts.models import Workspace
from community_ops.common import clock
from groups.models import ChatGroup, Community
from messaging.models import Delivery
from tests.campaigns.conftest import make_group

URL = "/api/v1/announcements/"


def in_an_hour() -> str:
    return (clock.now() + timedelta(hours=1)).isoformat()


def post(api: APIClient, url: str, body: dict[str, Any] | None = None, **headers: Any) -> Any:
    return api.post(url, body or {}, format="json", headers=headers)


@pytest.fixture
def body(group: ChatGroup, second_group: ChatGroup) -> dict[str, Any]:
    return {"groups": [group.pk, second_group.pk], "text": "晚上八点见", "due_at": in_an_hour()}


@pytest.fixture
def announcement_id(api: APIClient, body: dict[str, Any]) -> int:
    return int(post(api, URL, body).json()["id"])


def test_draft_is_written(api: APIClient, body: dict[str, Any]) -> None:
    answer = post(api, URL, body)
    assert answer.status_code == 201
    found = answer.json()
    assert (found["groups"], found["text"], found["state"]) == (body["groups"], "晚上八点见", "draft")
    assert found["warnings"] == []
    assert not Delivery.objects.exists()


def test_planned_rows_exist_when_schedule_has_answered(api: APIClient, announcement_id: int) -> None:
    answer = post(api, f"{URL}{announcement_id}/schedule/")
    assert (answer.status_code, answer.json()["state"]) == (200, "scheduled")
    rows = api.get("/api/v1/deliveries/", {"announcement": announcement_id}).json()["results"]
    assert [(row["announcement"], row["member"], row["state"]) for row in rows] == [
        (announcement_id, None, "planned")
    ] * 2
    assert {"reason", "due_at", "accepted_at", "attempt_count", "platform_code", "platform_text"} <= rows[0].keys()


def test_repeated_actions_are_200(api: APIClient, announcement_id: int) -> None:
    for action in ("schedule", "schedule", "cancel", "cancel"):
        assert post(api, f"{URL}{announcement_id}/{action}/").status_code == 200
    assert list(Delivery.objects.values_list("state", flat=True)) == ["cancelled"] * 2


def test_scheduling_what_was_cancelled_is_409(api: APIClient, announcement_id: int) -> None:
    post(api, f"{URL}{announcement_id}/cancel/")
    answer = post(api, f"{URL}{announcement_id}/schedule/")
    assert (answer.status_code, answer.json()["code"]) == (409, "invalid_transition")
    assert not Delivery.objects.exists()


def test_cancelling_what_went_out_is_409(api: APIClient, announcement_id: int) -> None:
    post(api, f"{URL}{announcement_id}/schedule/")
    Delivery.objects.update(state="accepted")
    answer = post(api, f"{URL}{announcement_id}/cancel/")
    assert (answer.status_code, answer.json()["code"]) == (409, "invalid_transition")
    assert Announcement.objects.get().state == "scheduled"


def test_group_without_endpoint_is_warned_of(api: APIClient, body: dict[str, Any], silent_group: ChatGroup) -> None:
    created = post(api, URL, body | {"groups": [silent_group.pk]}).json()
    scheduled = post(api, f"{URL}{created['id']}/schedule/").json()
    assert [warning["code"] for warning in created["warnings"] + scheduled["warnings"]] == ["no_endpoint"] * 2


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"text": ""}, "text"),
        ({"text": "x" * 100_000}, "text"),
        ({"text": "a\x00b"}, "text"),
        ({"text": "a\u202eb"}, "text"),
        ({"text": None}, "text"),
        ({"text": ["x"]}, "text"),
        ({"groups": []}, "groups"),
        ({"groups": None}, "groups"),
        ({"groups": "1"}, "groups"),
        ({"groups": [0]}, "groups"),
        ({"groups": [2**70]}, "groups"),
        ({"groups": [True]}, "groups"),
        ({"groups": ["x"]}, "groups"),
        ({"due_at": "2026-11-22T20:00:00"}, "due_at"),
        ({"due_at": "tomorrow"}, "due_at"),
        ({"due_at": 5}, "due_at"),
        ({"due_at": "2020-01-01T00:00:00Z"}, "due_at"),
    ],
)
def test_bad_input_is_400_naming_the_field(
    api: APIClient, body: dict[str, Any], change: dict[str, Any], field: str
) -> None:
    answer = post(api, URL, body | change)
    assert answer.status_code == 400
    assert list(answer.json()) == [field]
    assert not Announcement.objects.exists()


@pytest.mark.parametrize("field", ["text", "groups", "due_at"])
def test_missing_field_is_400_naming_it(api: APIClient, body: dict[str, Any], field: str) -> None:
    del body[field]
    assert list(post(api, URL, body).json()) == [field]
    assert not Announcement.objects.exists()


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "👨‍👩‍👧 " * 50, '{"a": 1}', "字\n" * 100, "'; DROP TABLE"]
)
def test_unusual_text_is_kept_as_it_is(api: APIClient, body: dict[str, Any], text: str) -> None:
    answer = post(api, URL, body | {"text": text})
    assert (answer.status_code, answer.json()["text"]) == (201, text.strip())


def test_text_over_the_platforms_bytes_is_400_naming_text(
    api: APIClient, body: dict[str, Any], community: Community
) -> None:
    robot = make_group(community, "机器人群", platform="wecom_robot")
    answer = post(api, URL, body | {"groups": [robot.pk], "text": "字" * 683})
    assert (answer.status_code, list(answer.json())) == (400, ["text"])
    assert not Announcement.objects.exists()


def test_time_of_a_moment_ago_means_now(api: APIClient, body: dict[str, Any]) -> None:
    moment = clock.now() - timedelta(seconds=30)
    assert post(api, URL, body | {"due_at": moment.isoformat()}).status_code == 201
    assert Announcement.objects.get().due_at > moment


def test_foreign_and_unknown_groups_are_refused_alike(
    api: APIClient, body: dict[str, Any], foreign_group: ChatGroup
) -> None:
    foreign = post(api, URL, body | {"groups": [foreign_group.pk]})
    unknown = post(api, URL, body | {"groups": [999_999]})
    assert (foreign.status_code, foreign.json()) == (unknown.status_code, unknown.json())
    assert list(foreign.json()) == ["groups"]
    assert not Announcement.objects.exists()


@pytest.mark.parametrize("pk", ["999999", "x", str(2**70), "0", "-1"])
def test_missing_id_in_the_path_is_404(api: APIClient, pk: str) -> None:
    for answer in (api.get(f"{URL}{pk}/"), post(api, f"{URL}{pk}/schedule/"), api.get(f"/api/v1/deliveries/{pk}/")):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_foreign_announcement_is_404_and_unchanged(foreign_api: APIClient, announcement_id: int) -> None:
    for action in ("schedule", "cancel"):
        assert post(foreign_api, f"{URL}{announcement_id}/{action}/").status_code == 404
    assert foreign_api.get(f"{URL}{announcement_id}/").status_code == 404
    assert foreign_api.get(URL).json()["results"] == []
    assert Announcement.objects.get().state == "draft"


@pytest.mark.parametrize("method", ["delete", "put", "patch"])
def test_other_methods_are_405(api: APIClient, announcement_id: int, method: str) -> None:
    assert getattr(api, method)(f"{URL}{announcement_id}/").status_code == 405


@pytest.mark.parametrize(
    ("role", "written", "sent"),
    [("owner", 201, 200), ("operator", 201, 200), ("moderator", 201, 403), ("viewer", 403, 403)],
)
def test_roles(
    workspace: Workspace,
    api: APIClient,
    api_of: Callable[..., APIClient],
    body: dict[str, Any],
    role: str,
    written: int,
    sent: int,
) -> None:
    tool = api_of(workspace, role)
    announcement_id = post(api, URL, body).json()["id"]
    assert post(tool, URL, body).status_code == written
    for action in ("schedule", "cancel"):
        answer = post(tool, f"{URL}{announcement_id}/{action}/")
        assert answer.status_code == sent
        assert sent == 200 or answer.json()["code"] == "not_allowed"
    assert tool.get("/api/v1/deliveries/").status_code == 200
    assert Delivery.objects.exists() == (sent == 200)


def test_same_key_writes_once(api: APIClient, body: dict[str, Any]) -> None:
    first = post(api, URL, body, **{"Idempotency-Key": "k1"})
    again = post(api, URL, body, **{"Idempotency-Key": "k1"})
    assert (first.json(), again.headers["Idempotent-Replay"]) == (again.json(), "true")
    assert Announcement.objects.count() == 1


def test_deliveries_are_filtered(api: APIClient, announcement_id: int, group: ChatGroup) -> None:
    post(api, f"{URL}{announcement_id}/schedule/")
    Delivery.objects.filter(target_id=group.pk).update(due_at=clock.now() - timedelta(minutes=1))

    def found(**filters: Any) -> list[str]:
        return [row["state"] for row in api.get("/api/v1/deliveries/", filters).json()["results"]]

    assert found(group=group.pk) == ["due"]
    assert (found(state="due"), found(state="planned"), found(state="accepted")) == (["due"], ["planned"], [])
    assert sorted(found(announcement=announcement_id)) == ["due", "planned"]


@pytest.mark.parametrize("name", ["announcement", "group"])
def test_unknown_and_foreign_filter_ids_are_400_alike(
    api: APIClient, foreign_api: APIClient, announcement_id: int, group: ChatGroup, name: str
) -> None:
    mine = {"announcement": announcement_id, "group": group.pk}[name]
    answers = [
        foreign_api.get("/api/v1/deliveries/", {name: mine}),
        *(api.get("/api/v1/deliveries/", {name: value}) for value in (999_999, "x", 2**70)),
    ]
    assert {answer.status_code for answer in answers} == {400}
    assert {str(answer.json()) for answer in answers} == {str(answers[0].json())}
    assert list(answers[0].json()) == [name]


def test_unknown_state_is_400_naming_it(api: APIClient) -> None:
    answer = api.get("/api/v1/deliveries/", {"state": "lost"})
    assert (answer.status_code, list(answer.json())) == (400, ["state"])


@pytest.mark.parametrize("url", [URL, "/api/v1/deliveries/"])
def test_lists_ask_the_database_the_same_number_of_times(
    api: APIClient, body: dict[str, Any], announcement_id: int, url: str
) -> None:
    post(api, f"{URL}{announcement_id}/schedule/")
    with CaptureQueriesContext(
        connection,
    ) as few:
        api.get(url)
    for _ in range(10):
        more = post(api, URL, body).json()["id"]
        post(api, f"{URL}{more}/schedule/")
    with CaptureQueriesContext(connection) as many:
        assert len(api.get(url).json()["results"]) > 10
    assert len(many) == len(few)


def test_a_draft_whose_time_passed_is_moved_and_scheduled(api: APIClient, announcement_id: int) -> None:
    Announcement.objects.update(due_at=clock.now() - timedelta(hours=2))
    assert post(api, f"{URL}{announcement_id}/schedule/").status_code == 400
    later = in_an_hour()
    for _twice in range(2):
        answer = post(api, f"{URL}{announcement_id}/move/", {"due_at": later})
        assert (answer.status_code, answer.json()["state"]) == (200, "draft")
    assert post(api, f"{URL}{announcement_id}/schedule/").status_code == 200
    assert {row.due_at.isoformat() for row in Delivery.objects.all()} == {Announcement.objects.get().due_at.isoformat()}


def test_a_move_into_the_past_or_of_what_went_out_changes_nothing(api: APIClient, announcement_id: int) -> None:
    post(api, f"{URL}{announcement_id}/schedule/")
    past = (clock.now() - timedelta(hours=1)).isoformat()
    answer = post(api, f"{URL}{announcement_id}/move/", {"due_at": past})
    assert (answer.status_code, list(answer.json())) == (400, ["due_at"])
    Delivery.objects.update(state="accepted")
    later = (clock.now() + timedelta(hours=3)).isoformat()
    answer = post(api, f"{URL}{announcement_id}/move/", {"due_at": later})
    assert (answer.status_code, answer.json()["code"]) == (409, "invalid_transition")
    assert Announcement.objects.get().due_at < clock.now() + timedelta(hours=2)
