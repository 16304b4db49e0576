"""What is counted together: channels that the platform takes for the same account, or the same chat (ADR-0016)."""

from dataclasses import dataclass

from django.db.models import Q

from messaging.models import Endpoint
from messaging.platforms import registry


@dataclass(frozen=True, slots=True)
class Together:
    """Names of live channels of the workspace whose calls count with those of one channel.

    `same_account`: of accounts that were entered another time; `same_chat`: topics of its chat. `is_elsewhere`: another
    workspace sends through the account too, since before that was refused.
    """

    same_account: tuple[str, ...]
    same_chat: tuple[str, ...]
    is_elsewhere: bool


def counted_together(endpoint: Endpoint) -> Together:
    """`endpoint` has its connection. Two queries."""
    is_same_chat = Q(identity=endpoint.identity_id)
    is_same_account = Q(connection__identity=endpoint.connection.identity_id) & ~Q(connection=endpoint.connection_id)
    live = Endpoint.objects.of(endpoint.workspace_id).filter(archived_at__isnull=True).exclude(pk=endpoint.pk)
    others = list(live.filter(is_same_chat | is_same_account).order_by("pk"))
    in_chat = [one for one in others if one.identity_id == endpoint.identity_id]
    is_held = endpoint.connection.identity.is_held
    has_limits = bool(registry.get(endpoint.connection.platform).capabilities.limits)
    return Together(
        tuple(one.name for one in others if one not in in_chat),
        tuple(one.name for one in in_chat),
        is_elsewhere=has_limits and not is_held and _is_known_elsewhere(endpoint),
    )


def _is_known_elsewhere(endpoint: Endpoint) -> bool:
    live = Endpoint.objects.filter(connection__identity__digest=endpoint.connection.identity.digest, archived_at=None)
    return live.exclude(workspace_id=endpoint.workspace_id).exists()
