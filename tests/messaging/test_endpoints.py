"""Channels: made once, secrets never seen again."""

import pytest
from django.db import connection
from django.utils import translation

from community_ops.common.errors import InvalidInput, InvalidTransition
from community_ops.common.models import AuditEntry
from messaging import services
from messaging.errors import ConfigRefused, EndpointInUse
from messaging.models import Connection, Delivery, Endpoint, SandboxPost
from messaging.platforms import registry
from messaging.platforms.base import Outcome, Result
from tests.factories.people import SYSTEM
from tests.messaging.conftest import ROBOT_KEY, SECRET, make_endpoint
from tests.moments import NOON

pytestmark = pytest.mark.django_db
HOOK = {"url": "https://hooks.example.com/T0/secret-path", "secret": SECRET}


def stored_text() -> str:
    """Everything messaging and the audit log hold, as the database holds it."""
    parts = []
    with connection.cursor() as cursor:
        for table in ("messaging_connection", "messaging_endpoint", "common_auditentry"):
            cursor.execute(f"SELECT * FROM {table}")
            parts += [str(row) for row in cursor.fetchall()]
    return "\n".join(parts)


def test_secrets_are_encrypted_at_rest_and_in_no_audit_row(workspace) -> None:
    make_endpoint(workspace, "webhook", **HOOK)
    make_endpoint(workspace, "wecom_robot", key=ROBOT_KEY)

    stored = stored_text()

    assert not [secret for secret in (SECRET, "secret-path", ROBOT_KEY) if secret in stored]
    assert Connection.objects.get(platform="webhook").secret == HOOK


def test_an_endpoint_is_made_with_its_connection_and_an_audit_row(workspace, owner) -> None:
    endpoint = services.create_endpoint(
        workspace_id=workspace.pk, name=" 小林 ", platform="webhook", config=HOOK, actor=owner.actor, now=NOON
    )

    assert (endpoint.name, endpoint.connection.platform, endpoint.drops_repeats) == ("小林", "webhook", False)
    entry = AuditEntry.objects.get(verb="endpoint.created")
    assert entry.after == {"name": "小林", "platform": "webhook", "config": {"hint": "hooks.example.com"}}


@pytest.mark.parametrize(
    ("name", "platform", "config", "refusal"),
    [
        ("", "sandbox", {}, InvalidInput),
        ("n" * 101, "sandbox", {}, InvalidInput),
        ("a\x00b", "sandbox", {}, InvalidInput),
        ("a\u202eb", "sandbox", {}, InvalidInput),
        ("ok", "carrier-pigeon", {}, InvalidInput),
        ("ok", "webhook", {}, ConfigRefused),
    ],
)
def test_nothing_is_made_when_something_is_wrong(workspace, name, platform, config, refusal) -> None:
    with pytest.raises(refusal):
        services.create_endpoint(
            workspace_id=workspace.pk, name=name, platform=platform, config=config, actor=SYSTEM, now=NOON
        )
    assert not Connection.objects.exists()
    assert not Endpoint.objects.exists()
    assert not AuditEntry.objects.filter(verb="endpoint.created").exists()


def test_an_endpoint_with_planned_messages_is_not_archived(room, plan, deliver, owner) -> None:
    plan(room)

    with pytest.raises(EndpointInUse) as caught:
        services.archive_endpoint(endpoint=room, actor=owner.actor, now=NOON)
    assert caught.value.extra == {"count": 1}
    assert Endpoint.objects.get().archived_at is None

    deliver()
    for _ in range(2):
        services.archive_endpoint(endpoint=room, actor=owner.actor, now=NOON)
    assert Endpoint.objects.get().archived_at == NOON
    assert AuditEntry.objects.filter(verb="endpoint.archived").count() == 1


# --- changed and tested ------------------------------------------------------------------------------------


def update(endpoint, owner, *, name="n", **config) -> Endpoint:
    return services.update_endpoint(endpoint=endpoint, name=name, config=config, actor=owner.actor, now=NOON)


def test_what_is_left_out_stays_and_no_secret_is_in_the_audit_row(workspace, owner) -> None:
    hook = make_endpoint(workspace, "webhook", **HOOK)

    update(hook, owner, name="小林", url="https://other.example.com/new-path", drops_repeats=True)

    changed = Endpoint.objects.get()
    assert (changed.name, changed.connection.name, changed.drops_repeats) == ("小林", "小林", True)
    assert changed.connection.secret == {"url": "https://other.example.com/new-path", "secret": SECRET}
    entry = AuditEntry.objects.get(verb="endpoint.changed")
    assert entry.before["config"] == {"hint": "hooks.example.com"}
    assert entry.after == {
        "name": "小林", "config": {"hint": "other.example.com"}, "drops_repeats": True, "has_new_secret": True,
        "has_new_chat": True,
    }  # fmt: skip
    stored = stored_text()
    assert not [secret for secret in (SECRET, "secret-path", "new-path") if secret in stored]


def test_the_same_again_changes_nothing(workspace, owner) -> None:
    robot = make_endpoint(workspace, "wecom_robot", key=ROBOT_KEY)
    update(robot, owner, name=robot.name, key=ROBOT_KEY)
    assert not AuditEntry.objects.filter(verb="endpoint.changed").exists()
    update(robot, owner, name=robot.name, key="another-key-of-the-robot")
    assert Connection.objects.get().secret == {"key": "another-key-of-the-robot"}
    assert AuditEntry.objects.get(verb="endpoint.changed").after["has_new_secret"] is True


@pytest.mark.parametrize(
    ("name", "config", "refusal"),
    [
        ("", {}, InvalidInput),
        ("ok", {"url": "https://10.0.0.1/"}, ConfigRefused),
        ("ok", {"secret": "whsec_???"}, ConfigRefused),
        ("ok", {"wings": 2}, ConfigRefused),
    ],
)
def test_a_refused_change_changes_nothing(workspace, owner, name, config, refusal) -> None:
    hook = make_endpoint(workspace, "webhook", **HOOK)
    with pytest.raises(refusal):
        update(hook, owner, name=name, **config)
    assert Endpoint.objects.get().name == hook.name
    assert Connection.objects.get().secret == HOOK
    assert not AuditEntry.objects.filter(verb="endpoint.changed").exists()


def test_an_archived_channel_is_neither_changed_nor_tested(workspace, owner) -> None:
    hook = make_endpoint(workspace, "webhook", **HOOK)
    services.archive_endpoint(endpoint=hook, actor=owner.actor, now=NOON)
    with pytest.raises(InvalidTransition):
        update(hook, owner, name="x")
    with pytest.raises(InvalidTransition):
        services.send_test_message(endpoint=hook, actor=owner.actor, now=NOON)
    assert Endpoint.objects.get().name == hook.name
    assert not AuditEntry.objects.filter(verb__in=["endpoint.changed", "endpoint.tested"]).exists()


def test_a_test_message_goes_out_at_once_and_leaves_no_delivery(hook, owner, httpserver) -> None:
    httpserver.expect_request("/hook").respond_with_data("", status=204)
    with translation.override("en"):
        result = services.send_test_message(endpoint=hook, actor=owner.actor, now=NOON)

    body = httpserver.log[0][0].get_json()
    assert body["text"] == "Test from Community Ops, please ignore."
    assert body["delivery"] < 0
    assert (body["announcement"], body["group"]) == (None, None)
    assert result.outcome == "accepted"
    assert not Delivery.objects.exists()
    entry = AuditEntry.objects.get(verb="endpoint.tested")
    assert (entry.actor_id, entry.after) == (owner.user.pk, {"outcome": "accepted", "code": "204", "text": ""})


def test_an_adapter_that_breaks_is_a_doubt_and_is_written_down(hook, owner, monkeypatch) -> None:
    monkeypatch.setattr(registry.get("webhook"), "send", lambda message: 1 / 0)
    result = services.send_test_message(endpoint=hook, actor=owner.actor, now=NOON)
    assert (result.outcome, result.code) == ("in_doubt", "adapter_error")
    assert AuditEntry.objects.get(verb="endpoint.tested").after["outcome"] == "in_doubt"


def test_a_room_is_not_tested(room, owner) -> None:
    with pytest.raises(InvalidTransition):
        services.send_test_message(endpoint=room, actor=owner.actor, now=NOON)
    assert not SandboxPost.objects.exists()
    assert not AuditEntry.objects.filter(verb="endpoint.tested").exists()


@pytest.mark.django_db(transaction=True)
def test_a_test_message_is_sent_outside_any_transaction(hook, owner, monkeypatch) -> None:
    seen = []

    def send(message):
        seen.append(connection.in_atomic_block)
        return Result(Outcome.ACCEPTED, code="200")

    monkeypatch.setattr(registry.get("webhook"), "send", send)
    services.send_test_message(endpoint=hook, actor=owner.actor, now=NOON)
    assert seen == [False]


# --- over REST -------------------------------------------------------------------------------------------


def create(api, **body):
    return api.post("/api/v1/endpoints/", {"name": "n", "platform": "sandbox", "config": {}} | body)


@pytest.mark.parametrize(
    ("platform", "config", "hint"),
    [
        ("sandbox", {}, ""),
        ("webhook", HOOK, "hooks.example.com"),
        ("webhook", {"url": "http://127.0.0.1:9/x", "secret": "plain"}, "127.0.0.1"),
        ("wecom_robot", {"key": ROBOT_KEY}, "…5aaa"),
        ("wecom_robot", {"key": ROBOT_KEY, "base_url": "http://127.0.0.1:9"}, "…5aaa"),
    ],
)
def test_secrets_never_come_back(api, platform, config, hint) -> None:
    made = create(api, platform=platform, config=config)
    connection = Connection.objects.get()

    assert made.status_code == 201
    assert made.json() | {"id": 0, "created_at": ""} == {
        "id": 0,
        "created_at": "",
        "name": "n",
        "platform": platform,
        "connection": connection.pk,
        "kind": "chat",
        "hint": hint,
        "drops_repeats": platform == "sandbox",
    }
    texts = [made.content, api.get("/api/v1/endpoints/").content]
    texts.append(api.get(f"/api/v1/endpoints/{made.json()['id']}/").content)
    for secret in (value for key, value in config.items() if key != "base_url"):
        assert not any(secret.encode() in text for text in texts)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": None}, "name"),
        ({"name": "\x00"}, "name"),
        ({"platform": "pigeon"}, "platform"),
        ({"platform": "\ud83d"}, "platform"),
        ({"platform": None}, "platform"),
        ({"platform": "webhook"}, "config"),
        ({"platform": "webhook", "config": "x"}, "config"),
        ({"platform": "webhook", "config": None}, "config"),
        ({"platform": "webhook", "config": {"url": "https://192.168.0.1/", "secret": "s"}}, "config"),
        ({"platform": "webhook", "config": {"url": {"a": 1}, "secret": ["s"]}}, "config"),
        ({"platform": "wecom_robot", "config": {"key": ""}}, "config"),
        ({"platform": "sandbox", "config": {"\ud83d": 1}}, "config"),
    ],
)
def test_bad_input_is_400_naming_the_field(api, body, field) -> None:
    import json

    whole = {"name": "n", "platform": "sandbox", "config": {}} | body
    answer = api.post("/api/v1/endpoints/", data=json.dumps(whole), content_type="application/json")

    assert answer.status_code == 400
    assert set(answer.json()) == {field}
    assert not Endpoint.objects.exists()


@pytest.mark.parametrize("role", ["moderator", "helper", "viewer"])
def test_a_role_that_may_not_see_channels_is_refused(workspace, api_of, room, role) -> None:
    tool = api_of(workspace, role)
    for answer in (tool.get("/api/v1/endpoints/"), tool.get(f"/api/v1/endpoints/{room.pk}/"), create(tool)):
        assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
    assert Endpoint.objects.count() == 1


def test_another_workspaces_endpoint_is_not_found(room, foreign_api) -> None:
    assert foreign_api.get(f"/api/v1/endpoints/{room.pk}/").status_code == 404
    assert foreign_api.get("/api/v1/endpoints/").json()["results"] == []


@pytest.mark.parametrize("pk", ["0", "999999", "abc", "9" * 30])
def test_a_missing_endpoint_is_not_found(api, pk) -> None:
    assert api.get(f"/api/v1/endpoints/{pk}/").status_code == 404


def test_the_list_asks_as_often_for_one_as_for_twenty(api, workspace, room, django_assert_max_num_queries) -> None:
    for _ in range(19):
        make_endpoint(workspace, "sandbox")
    with django_assert_max_num_queries(6):
        assert len(api.get("/api/v1/endpoints/").json()["results"]) == 20
