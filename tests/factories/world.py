"""A workspace in which there is one of everything: the demo, what a start of selling adds to it, a webhook."""

from dataclasses import dataclass

from django.apps import apps

from community_ops.accounts.models import Workspace
from community_ops.common import clock
from community_ops.common.tenancy import TenantModel
from conversion.models import FlashSale
from dashboard.demo import build_demo
from messaging.inbound_models import ChatCursor, RawEvent
from messaging.models import Connection, Endpoint
from messaging.platforms.base import Chat
from messaging.services import note_chat, receiving, webhooks
from tests.factories.people import SYSTEM, Someone


@dataclass(frozen=True)
class World:
    """`ids`: an id of each table that has a row in the workspace, each once."""

    workspace: Workspace
    owner: Someone
    sale: FlashSale
    passes: dict[str, str]
    ids: list[int]


def make_world(workspace: Workspace, owner: Someone) -> World:
    demo = build_demo(workspace_id=workspace.pk, now=clock.now())
    account = Connection.objects.filter(workspace=workspace).earliest("pk")
    note_chat(connection=account, chat=Chat(id="-100", title="晨跑 3 群"), now=clock.now())
    make_webhook(workspace)
    make_inbound(account)
    return World(workspace, owner, demo.sale, demo.passes, ids_in(workspace))


def make_webhook(workspace: Workspace) -> None:
    """A webhook that hears of everything, with a call that waits."""
    facts = {"name": "记账", "url": "https://tools.example/hook", "events": ["*"], "actor": SYSTEM, "now": clock.now()}
    subscription, _ = webhooks.create_subscription(workspace_id=workspace.pk, **facts)
    webhooks.send_test(subscription=subscription, actor=SYSTEM, now=clock.now())


def make_inbound(account: Connection) -> None:
    """Receiving is on, and an event came in whose chat nobody knows."""
    receiving.open_route(connection=account, actor=SYSTEM, now=clock.now())
    facts = {"way": "hook", "external_id": "1", "body": "{}", "state": "ignored", "reason": "no_channel"}
    times = {"received_at": clock.now(), "next_try_at": clock.now()}
    RawEvent.objects.create(workspace_id=account.workspace_id, connection=account, body_digest="", **facts, **times)
    endpoint = Endpoint.objects.filter(connection=account).earliest("pk")
    ChatCursor.objects.create(workspace_id=account.workspace_id, endpoint=endpoint, next_poll_at=clock.now())


def ids_in(workspace: Workspace) -> list[int]:
    """An id of each table that has a row in the workspace, each once."""
    tables = [model for model in apps.get_models() if issubclass(model, TenantModel)]
    first = {model._base_manager.filter(workspace=workspace).values_list("pk", flat=True).first() for model in tables}
    return sorted(first - {None})
