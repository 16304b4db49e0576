"""Who may do what: the one table of roles and actions. No database, no clock."""

from django.utils.translation import gettext as _

from community_ops.common.actors import Actor
from community_ops.common.errors import NotAllowed

OWNER, OPERATOR, MODERATOR, HELPER, VIEWER = "owner", "operator", "moderator", "helper", "viewer"
_ALL = frozenset({OWNER, OPERATOR, MODERATOR, HELPER, VIEWER})
_STAFF = frozenset({OWNER, OPERATOR, MODERATOR, HELPER})
_RUN = frozenset({OWNER, OPERATOR})

# action: roles that may do it. Helpers reach only the groups they are assigned to (selectors see to it).
ACTIONS: dict[str, frozenset[str]] = {
    "workspace.view": _ALL,
    "workspace.manage": frozenset({OWNER}),
    "communities.view": _ALL,
    "communities.manage": _RUN,
    "endpoints.view": _RUN,
    "endpoints.manage": _RUN,
    "send_rules.view": _ALL,
    "send_rules.manage": _RUN,
    "webhooks.view": _RUN,
    "webhooks.manage": _RUN,
    "groups.view": _ALL,
    "groups.manage": _RUN,
    "members.view": _ALL,
    "members.manage": frozenset({OWNER, OPERATOR, MODERATOR}),
    "members.import": _RUN,
    "members.unmask": _RUN,
    "events.ingest": _STAFF,
    "announcements.view": _ALL,
    "announcements.write": _STAFF,
    "announcements.send": _RUN,
    "deliveries.view": _ALL,
    "deliveries.decide": _STAFF,
    "tasks.view": _ALL,
    "tasks.act": _STAFF,
    "tasks.manage": _RUN,
    "playbooks.view": _ALL,
    "playbooks.manage": _RUN,
    "products.view": _ALL,
    "products.manage": _RUN,
    "sales.view": _ALL,
    "sales.manage": _RUN,
    "orders.view": _ALL,
    "orders.manage": _STAFF,
    "orders.refund": _RUN,
    "admin.view": frozenset({OWNER, OPERATOR, MODERATOR}),  # it shows whole tables: not for helpers
    "audit.view": _RUN,
    "jobs.repair": _RUN,
}


def is_limited(actor: Actor) -> bool:
    """Whether the actor reaches only some groups: those of `assigned_groups`."""
    return actor.role == HELPER or actor.group_ids is not None


def assigned_groups(actor: Actor) -> frozenset[int]:
    """Ids of the groups a limited actor reaches; nobody's when that was never looked up."""
    return actor.group_ids or frozenset()


def has_no_group(actor: Actor) -> bool:
    """Whether the actor reaches only assigned groups and none is assigned: empty lists say nothing then."""
    return is_limited(actor) and not assigned_groups(actor)


def may(actor: Actor, action: str) -> bool:
    """Whether the actor's role includes `action`; the system may do everything, a member nothing of this table."""
    return actor.is_system or actor.role in ACTIONS[action]


def ensure_may(actor: Actor, action: str) -> None:
    """Raise NotAllowed unless `may`."""
    if not may(actor, action):
        raise NotAllowed(_("Your role does not allow this."), action=action)
