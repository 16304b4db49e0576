"""Changes of communities and groups."""

import zoneinfo
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils.translation import gettext as _

from community_ops.common import audit, money, outbox, text
from community_ops.common.actors import Actor
from community_ops.common.errors import InvalidInput
from community_ops.common.tenancy import MAX_ID
from community_ops.common.warned import Warned as Warned  # what others import from here
from groups import selectors
from groups.errors import CommunityArchived, GroupArchived, UnknownTimezone
from groups.events import GroupEndpointBound
from groups.models import (
    DEFAULT_COMFORTABLE_SIZE,
    DEFAULT_MEMBER_CAP,
    ChatGroup,
    Community,
    CommunityKind,
    GroupKind,
    GroupStaff,
    StaffRole,
)
from messaging.selectors import endpoint_facts
from messaging.services import create_endpoint, retarget_deliveries

if TYPE_CHECKING:
    from community_ops.accounts.models import User
    from messaging.models import Endpoint

MAX_MEMBER_CAP = 100_000  # larger than any platform's chat


@dataclass(frozen=True, slots=True)
class NewChannel:
    """A delivery channel to be made for a group. `config`: the platform's own; empty for a sandbox room."""

    platform: str
    config: dict[str, Any] = field(default_factory=dict)


@transaction.atomic
def create_community(
    *,
    workspace_id: int,
    name: str,
    shared_task: str,
    kind: str,
    timezone: str,
    locale: str = "zh-hans",
    currency: str = "CNY",
    holiday_region: str = "CN",
    actor: Actor,
    now: datetime,
) -> Community:
    """Found a community. Writes it and one audit row. Raises InvalidInput naming the field.

    `timezone`: IANA name; `currency`: ISO 4217. Two communities may have the same name.
    """
    _ensure_choice(kind, CommunityKind.values, field="kind")
    money.exponent(currency)
    community = Community.objects.create(
        workspace_id=workspace_id,
        name=text.clean_line(name, field="name", max_length=100),
        shared_task=text.clean_line(shared_task, field="shared_task", max_length=300),
        kind=kind,
        timezone=_known_zone(timezone),
        locale=locale,
        currency=currency,
        holiday_region=text.clean_line(holiday_region, field="holiday_region", max_length=10, required=False),
    )
    audit.record(
        actor=actor, verb="community.created", target=community, now=now, after={"name": community.name, "kind": kind}
    )
    return community


@transaction.atomic
def update_community(
    *,
    community: Community,
    name: str,
    shared_task: str,
    kind: str,
    timezone: str,
    locale: str,
    actor: Actor,
    now: datetime,
) -> Community:
    """Change what a community says of itself; its currency stays, amounts are kept in it.

    Writes one audit row with what was and what is; the same values again change nothing. What is planned keeps
    its moment when the zone changes. Raises InvalidInput naming the field, CommunityArchived.
    """
    locked = Community.objects.select_for_update().get(pk=community.pk)
    if locked.archived_at is not None:
        raise CommunityArchived
    _ensure_choice(kind, CommunityKind.values, field="kind")
    values = {
        "name": text.clean_line(name, field="name", max_length=100),
        "shared_task": text.clean_line(shared_task, field="shared_task", max_length=300),
        "kind": kind,
        "timezone": _known_zone(timezone),
        "locale": locale,
    }
    _change(locked, values, verb="community.updated", actor=actor, now=now)
    return locked


@transaction.atomic
def create_group(
    *,
    community: Community,
    name: str,
    kind: str,
    endpoint: "Endpoint | None" = None,
    channel: NewChannel | None = None,
    purpose: str = "",
    comfortable_size: int = DEFAULT_COMFORTABLE_SIZE,
    member_cap: int = DEFAULT_MEMBER_CAP,
    timezone: str = "",
    actor: Actor,
    now: datetime,
) -> tuple[ChatGroup, list[Warned]]:
    """Add a chat group to a community; returns it with warnings (`endpoint_shared`).

    With `channel` a delivery channel of the group's name is made and bound in the same transaction.
    Writes the group and one audit row. Raises InvalidInput naming the field, CommunityArchived.
    """
    if community.archived_at is not None:
        raise CommunityArchived
    _ensure_choice(kind, GroupKind.values, field="kind")
    _ensure_sizes(comfortable_size, member_cap)
    if channel is not None:
        endpoint = _make_channel(community.workspace_id, name, channel, actor, now)
    group = ChatGroup.objects.create(
        workspace_id=community.workspace_id,
        community=community,
        name=text.clean_line(name, field="name", max_length=100),
        kind=kind,
        purpose=text.clean_line(purpose, field="purpose", max_length=300, required=False),
        endpoint=endpoint,
        comfortable_size=comfortable_size,
        member_cap=member_cap,
        timezone=_known_zone(timezone) if timezone else "",
    )
    after = {"name": group.name, "kind": kind, "endpoint": group.endpoint_id}
    audit.record(actor=actor, verb="group.created", target=group, now=now, after=after)
    return group, endpoint_warnings(group)


@transaction.atomic
def update_group(
    *,
    group: ChatGroup,
    name: str,
    kind: str,
    purpose: str,
    comfortable_size: int,
    member_cap: int,
    actor: Actor,
    now: datetime,
) -> ChatGroup:
    """Change what a group says of itself. Its channel keeps its own name.

    Writes one audit row with what was and what is; the same values again change nothing.
    Raises InvalidInput naming the field, GroupArchived.
    """
    locked = ChatGroup.objects.select_for_update().get(pk=group.pk)
    if locked.archived_at is not None:
        raise GroupArchived
    _ensure_choice(kind, GroupKind.values, field="kind")
    _ensure_sizes(comfortable_size, member_cap)
    values = {
        "name": text.clean_line(name, field="name", max_length=100),
        "kind": kind,
        "purpose": text.clean_line(purpose, field="purpose", max_length=300, required=False),
        "comfortable_size": comfortable_size,
        "member_cap": member_cap,
    }
    _change(locked, values, verb="group.updated", actor=actor, now=now)
    return locked


@transaction.atomic
def bind_endpoint(*, group: ChatGroup, endpoint: "Endpoint | None", actor: Actor, now: datetime) -> list[Warned]:
    """Let the group's messages go to `endpoint` (None: nowhere); returns warnings (`endpoint_shared`).

    What is planned for the group goes the new way too, unless a part of it is out or may be
    (`messaging.services.retarget_deliveries`). Writes an audit row and GroupEndpointBound. A second call
    changes nothing. Raises GroupArchived.
    """
    locked = ChatGroup.objects.select_for_update().get(pk=group.pk)
    if locked.archived_at is not None:
        raise GroupArchived
    before, after = locked.endpoint_id, endpoint.pk if endpoint else None
    if before != after:
        locked.endpoint = group.endpoint = endpoint
        locked.save(update_fields=["endpoint", "updated_at"])
        count = retarget_deliveries(workspace_id=locked.workspace_id, target_id=locked.pk, endpoint_id=after, now=now)
        audit.record(
            actor=actor,
            verb="group.endpoint_bound",
            target=group,
            now=now,
            before={"endpoint": before},
            after={"endpoint": after, "retargeted_count": count},
        )
        outbox.publish(GroupEndpointBound(workspace_id=locked.workspace_id, group_id=locked.pk))
    return endpoint_warnings(locked)


def unbind_everywhere(*, workspace_id: int, endpoint_id: int, actor: Actor, now: datetime) -> None:
    """Take a channel from every live group that is bound to it. Twice is once; one audit row for each group."""
    for group in selectors.groups_sharing_endpoint(workspace_id=workspace_id, endpoint_id=endpoint_id):
        bind_endpoint(group=group, endpoint=None, actor=actor, now=now)


@transaction.atomic
def archive_group(*, group: ChatGroup, reason: str, actor: Actor, now: datetime) -> None:
    """Hide the group and stop what is planned for it (send-time checks say `group_closed`). Twice is once.

    Raises InvalidInput naming `reason`.
    """
    reason = text.clean_line(reason, field="reason", max_length=500)
    if ChatGroup.objects.filter(pk=group.pk, archived_at__isnull=True).update(archived_at=now, updated_at=now):
        group.archived_at = now
        audit.record(actor=actor, verb="group.archived", target=group, now=now, reason=reason)


@transaction.atomic
def assign_staff(*, group: ChatGroup, user: "User", role: str, actor: Actor, now: datetime) -> GroupStaff:
    """Let a person of the workspace look after the group, replacing her role there. Twice is once.

    Raises InvalidInput for an unknown role or a person without a role in this workspace.
    """
    _ensure_choice(role, StaffRole.values, field="role")
    if not user.roles.filter(workspace_id=group.workspace_id).exists():
        raise InvalidInput(_("This person has no role in this workspace."), field="user")
    row, created = GroupStaff.objects.get_or_create(
        workspace_id=group.workspace_id, group=group, user=user, defaults={"role": role}
    )
    before = None if created else row.role
    if before != role:
        row.role = role
        row.save(update_fields=["role", "updated_at"])
        audit.record(
            actor=actor,
            verb="group.staff_assigned",
            target=group,
            now=now,
            before={"role": before},
            after={"user": user.pk, "role": role},
        )
    return row


@transaction.atomic
def unassign_staff(*, group: ChatGroup, user_id: int, actor: Actor, now: datetime) -> None:
    """Let a person no longer look after the group. Twice is once."""
    rows = GroupStaff.objects.of(group.workspace_id).filter(group=group)
    row = rows.filter(user_id=user_id).first() if 0 < user_id <= MAX_ID else None
    if row is None:
        return
    before = {"user": user_id, "role": row.role}
    audit.record(actor=actor, verb="group.staff_unassigned", target=group, now=now, before=before)
    row.delete()


def unassign_everywhere(*, workspace_id: int, user_id: int, actor: Actor, now: datetime) -> None:
    """Take a person from all groups of a workspace. Twice is once; one audit row for each group."""
    for row in GroupStaff.objects.of(workspace_id).filter(user_id=user_id).select_related("group").order_by("pk"):
        unassign_staff(group=row.group, user_id=user_id, actor=actor, now=now)


def _change(row: Community | ChatGroup, values: dict[str, Any], *, verb: str, actor: Actor, now: datetime) -> None:
    """Save the values that differ, with their audit row; none differing, nothing is written."""
    before = {name: getattr(row, name) for name, value in values.items() if getattr(row, name) != value}
    if not before:
        return
    after = {name: values[name] for name in before}
    for name, value in after.items():
        setattr(row, name, value)
    row.save(update_fields=[*after, "updated_at"])
    audit.record(actor=actor, verb=verb, target=row, now=now, before=before, after=after)


def _make_channel(workspace_id: int, name: str, channel: NewChannel, actor: Actor, now: datetime) -> "Endpoint":
    return create_endpoint(
        workspace_id=workspace_id, name=name, platform=channel.platform, config=channel.config, actor=actor, now=now
    )


def endpoint_warnings(group: ChatGroup) -> list[Warned]:
    """`endpoint_shared` when another live group posts to the same endpoint: both would see each message.

    Not where a person posts by hand: she knows which group a message is for.
    """
    if group.endpoint_id is None:
        return []
    others = selectors.groups_sharing_endpoint(
        workspace_id=group.workspace_id, endpoint_id=group.endpoint_id, except_group_id=group.pk
    )
    names = ", ".join(others.values_list("name", flat=True)[:5])
    if not names or _is_a_person(group):
        return []
    message = _("This endpoint is also used by: %(names)s.") % {"names": names}
    return [{"code": "endpoint_shared", "message": message}]


def _is_a_person(group: ChatGroup) -> bool:
    assert group.endpoint_id is not None
    facts = endpoint_facts(workspace_id=group.workspace_id, endpoint_ids=[group.endpoint_id])
    return facts[group.endpoint_id].is_by_hand


def _known_zone(name: str) -> str:
    if name not in zoneinfo.available_timezones():
        raise UnknownTimezone
    return name


def _ensure_choice(value: str, known: list[str], *, field: str) -> None:
    if value not in known:
        raise InvalidInput(_("One of: %(names)s.") % {"names": ", ".join(known)}, field=field)


def _ensure_sizes(comfortable_size: int, member_cap: int) -> None:
    if not 0 < member_cap <= MAX_MEMBER_CAP:
        raise InvalidInput(_("1 to %(most)d.") % {"most": MAX_MEMBER_CAP}, field="member_cap")
    if not 0 < comfortable_size <= member_cap:
        raise InvalidInput(_("1 to the member cap."), field="comfortable_size")
