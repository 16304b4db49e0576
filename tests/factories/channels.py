"""Channels without settings, made past the services: for apps that only bind them."""

from community_ops.accounts.models import Workspace
from messaging.models import Connection, Endpoint
from messaging.services import identities


def bare_endpoint(workspace: Workspace, platform: str = "sandbox", name: str = "模拟群") -> Endpoint:
    """Of an account that is nobody on its platform."""
    account, chat = (identities.of_its_own(workspace.pk) for _ in range(2))
    facts = {"workspace": workspace, "name": name}
    connection = Connection.objects.create(platform=platform, secret={}, identity=account, **facts)
    return Endpoint.objects.create(connection=connection, identity=chat, **facts)
