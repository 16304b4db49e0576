"""With the last channel of an account receiving ends: nothing comes in that nobody can see or switch off."""

import json

import pytest
from django.urls import reverse

from community_ops.common.errors import InvalidTransition
from community_ops.common.models import AuditEntry
from messaging import services
from messaging.errors import EndpointInUse
from messaging.inbound_models import InboundRoute, RawEvent
from messaging.models import Endpoint
from messaging.services import receiving
from tests.factories.people import SYSTEM
from tests.messaging.conftest import make_endpoint
from tests.messaging.inbound.conftest import Sender, said
from tests.moments import NOON

pytestmark = pytest.mark.django_db
IN_ENGLISH = {"Accept-Language": "en"}
LAST = "It is the last channel of this account: receiving is switched off with it."
TOKEN = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"


def archive(endpoint: Endpoint) -> None:
    services.archive_endpoint(endpoint=endpoint, actor=SYSTEM, now=NOON)


@pytest.fixture
def robot(workspace, httpserver) -> Endpoint:
    """A Telegram robot in one chat, which receives."""
    httpserver.expect_request(f"/bot{TOKEN}/setWebhook").respond_with_json({"ok": True, "result": True})
    made = make_endpoint(workspace, "telegram", token=TOKEN, chat="-100", base_url=httpserver.url_for("").rstrip("/"))
    receiving.open_route(connection=made.connection, actor=SYSTEM, now=NOON)
    return made


def another(endpoint: Endpoint, chat: str = "-200") -> Endpoint:
    return services.add_chat(connection=endpoint.connection, name="二群", config={"chat": chat}, actor=SYSTEM, now=NOON)


def test_nothing_comes_in_after_the_last_channel_is_archived(sender, room) -> None:
    assert sender.send(said()).status_code == 200
    for _twice in range(2):
        archive(room)
    assert sender.send(said(), identity="msg_2").status_code == 401
    route = InboundRoute.objects.get()
    assert (route.is_on, route.secret, RawEvent.objects.count()) == (False, {"keys": []}, 1)
    assert AuditEntry.objects.filter(verb="inbound.closed", target_id=str(room.connection_id)).count() == 1


def test_a_channel_beside_it_keeps_receiving_on(robot) -> None:
    second = another(robot)
    archive(robot)
    assert InboundRoute.objects.get().is_on
    archive(second)
    assert not InboundRoute.objects.get().is_on


def test_a_channel_that_is_kept_keeps_receiving_on(sender, room, plan) -> None:
    plan(room)
    with pytest.raises(EndpointInUse):
        archive(room)
    assert sender.send(said()).status_code == 200


def test_the_platform_is_told_after_the_commit(robot, httpserver, django_capture_on_commit_callbacks) -> None:
    httpserver.expect_request(f"/bot{TOKEN}/deleteWebhook").respond_with_json({"ok": True, "result": True})
    with django_capture_on_commit_callbacks(execute=True):
        archive(robot)
        assert not any("deleteWebhook" in request.path for request, _answer in httpserver.log)
    assert [request.path for request, _answer in httpserver.log][-1] == f"/bot{TOKEN}/deleteWebhook"


def test_a_platform_that_cannot_be_told_is_off_here_all_the_same(
    robot, httpserver, django_capture_on_commit_callbacks, caplog
) -> None:
    refusal = {"ok": False, "error_code": 401, "description": "Unauthorized"}
    httpserver.expect_request(f"/bot{TOKEN}/deleteWebhook").respond_with_json(refusal, status=401)
    with django_capture_on_commit_callbacks(execute=True):
        archive(robot)
    assert not InboundRoute.objects.get().is_on
    assert "could not be told" in caplog.text
    assert TOKEN not in caplog.text


def test_switched_on_again_meanwhile_the_platform_is_left_alone(
    robot, httpserver, django_capture_on_commit_callbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        archive(robot)
        another(robot)
        receiving.open_route(connection=robot.connection, actor=SYSTEM, now=NOON)
    assert InboundRoute.objects.get().is_on
    assert not any("deleteWebhook" in request.path for request, _answer in httpserver.log)


def test_without_a_channel_it_is_not_switched_on_and_with_a_new_one_it_is(robot, api) -> None:
    archive(robot)
    with pytest.raises(InvalidTransition):
        receiving.open_route(connection=robot.connection, actor=SYSTEM, now=NOON)
    answer = api.post(f"/api/v1/connections/{robot.connection_id}/inbound/")
    assert (answer.status_code, answer.json()["code"]) == (409, "invalid_transition")
    assert not InboundRoute.objects.get().is_on
    another(robot)
    assert api.post(f"/api/v1/connections/{robot.connection_id}/inbound/").status_code == 201
    assert InboundRoute.objects.get().is_on


def test_the_question_says_so_where_it_is_the_last_one_that_receives(signed_in, owner, workspace, robot, room) -> None:
    def questions() -> dict[int, str]:
        answer = signed_in(owner).get(reverse("messaging:endpoints", args=[workspace.slug]), headers=IN_ENGLISH)
        return {row["endpoint"].pk: row["question"]["text"] for row in answer.context["endpoints"]}

    assert {pk: LAST in text for pk, text in questions().items()} == {robot.pk: True, room.pk: False}
    second = another(robot)
    assert {pk: LAST in text for pk, text in questions().items()} == {robot.pk: False, room.pk: False, second.pk: False}


def test_over_rest_it_is_the_same(api, sender, room) -> None:
    assert api.post(f"/api/v1/endpoints/{room.pk}/archive/").status_code == 200
    assert sender.send(said()).status_code == 401
    assert json.dumps(InboundRoute.objects.get().secret) == '{"keys": []}'


def test_a_code_of_an_archived_account_says_nothing_else_than_an_unknown_one(sender, room, client) -> None:
    archive(room)
    known = sender.send(said())
    unknown = Sender(client, "nobody-has-this", sender.key).send(said())
    assert (known.status_code, known.content) == (unknown.status_code, unknown.content)
