"""Accounts that lost their last channel before receiving ended with it (migration 0018)."""

from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import connection

from community_ops.common.models import AuditEntry
from messaging.inbound_models import InboundRoute
from messaging.models import Connection, Endpoint
from messaging.services import identities, receiving
from tests.factories.people import SYSTEM
from tests.messaging.conftest import make_endpoint
from tests.messaging.inbound.conftest import Sender, said
from tests.moments import NOON

pytestmark = pytest.mark.django_db
migration = import_module("messaging.migrations.0018_end_receiving_without_a_channel")
TOKEN = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"


def migrate() -> None:
    migration.switch_off(apps, connection.schema_editor())


def archive_as_before(endpoint: Endpoint) -> None:
    Endpoint.objects.filter(pk=endpoint.pk).update(archived_at=NOON)


def states() -> list[tuple[Any, ...]]:
    return list(InboundRoute.objects.order_by("connection_id").values_list("connection_id", "is_on"))


@pytest.fixture
def robot(workspace, httpserver) -> Endpoint:
    httpserver.expect_request(f"/bot{TOKEN}/setWebhook").respond_with_json({"ok": True, "result": True})
    made = make_endpoint(workspace, "telegram", token=TOKEN, chat="-100", base_url=httpserver.url_for("").rstrip("/"))
    receiving.open_route(connection=made.connection, actor=SYSTEM, now=NOON)
    httpserver.clear_log()
    return made


def test_an_account_without_a_channel_receives_no_more_and_no_platform_is_called(robot, httpserver) -> None:
    archive_as_before(robot)

    for _twice in range(2):
        migrate()

    assert states() == [(robot.connection_id, False)]
    assert InboundRoute.objects.get().secret == {"keys": []}
    entry = AuditEntry.objects.get(verb="inbound.closed")
    assert (entry.workspace_id, entry.actor_kind) == (robot.workspace_id, "system")
    assert (entry.target_kind, entry.target_id) == (Connection._meta.label_lower, str(robot.connection_id))
    assert httpserver.log == []


def test_one_that_has_a_channel_left_goes_on(sender: Sender, room, workspace) -> None:
    facts = {"identity": identities.of_its_own(workspace.pk), "name": "早先的", "archived_at": NOON}
    Endpoint.objects.create(workspace=workspace, connection=room.connection, **facts)
    before = InboundRoute.objects.values().get()

    migrate()

    assert InboundRoute.objects.values().get() == before
    assert sender.send(said()).status_code == 200
    assert not AuditEntry.objects.filter(verb="inbound.closed").exists()


def test_calls_of_tools_are_turned_away_afterwards(sender: Sender, room) -> None:
    archive_as_before(room)
    assert sender.send(said()).status_code == 200
    migrate()
    assert sender.send(said(), identity="msg_2").status_code == 401
