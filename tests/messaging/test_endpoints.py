"""Channels: made once, secrets never seen again."""

import pytest
from django.db import connection

from community_ops.common.errors import InvalidInput
from community_ops.common.models import AuditEntry
from messaging import services
from messaging.errors import ConfigRefused, EndpointInUse
from messaging.models import Connection, Endpoint
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

    assert made.status_code == 201
    assert made.json() | {"id": 0, "created_at": ""} == {
        "id": 0,
        "created_at": "",
        "name": "n",
        "platform": platform,
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
