"""Founding communities, adding groups, binding channels."""

import pytest

from community_ops.common.errors import InvalidInput
from community_ops.common.models import AuditEntry
from groups import selectors, services
from groups.errors import CommunityArchived, GroupArchived
from groups.models import ChatGroup, Community, GroupStaff
from groups.services import NewChannel
from messaging.models import Endpoint
from tests.factories.people import SYSTEM
from tests.members.makers import make_endpoint, make_group
from tests.moments import NOON

pytestmark = pytest.mark.django_db


def found(workspace, **changes):
    facts = {"name": "晨跑社", "shared_task": "每天跑步", "kind": "interest", "timezone": "Asia/Shanghai"}
    return services.create_community(workspace_id=workspace.pk, **(facts | changes), actor=SYSTEM, now=NOON)


def add(community, **changes):
    facts = {"community": community, "name": "1 群", "kind": "long_term"}
    return services.create_group(**(facts | changes), actor=SYSTEM, now=NOON)


def test_a_community_is_founded_with_its_audit_row(workspace) -> None:
    community = found(workspace, name="  晨跑社 ")
    assert (community.name, community.locale, community.currency) == ("晨跑社", "zh-hans", "CNY")
    assert AuditEntry.objects.get().verb == "community.created"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 101),
        ("name", "a\x00b"),
        ("name", "\u202eevil"),
        ("shared_task", " "),
        ("shared_task", "x" * 301),
        ("kind", "cult"),
        ("timezone", "Mars/Olympus"),
        ("timezone", "../etc/passwd"),
        ("currency", "XXX"),
    ],
)
def test_nothing_is_founded_when_a_field_cannot_work(workspace, field, value) -> None:
    with pytest.raises(InvalidInput) as caught:
        found(workspace, **{field: value})
    assert caught.value.field == field
    assert not Community.objects.exists()
    assert not AuditEntry.objects.exists()


def test_a_group_gets_its_defaults(community) -> None:
    group, warnings = add(community)
    assert (group.comfortable_size, group.member_cap, group.zone.key) == (200, 500, "Asia/Shanghai")
    assert warnings == []


def test_a_group_overrides_the_zone(community) -> None:
    group, _ = add(community, timezone="Europe/London")
    assert selectors.group_zone(group).key == "Europe/London"


@pytest.mark.parametrize(
    ("field", "value"),
    [("kind", "huge"), ("name", "x" * 101), ("comfortable_size", 0), ("comfortable_size", 501), ("member_cap", 10**9)],
)
def test_no_group_is_added_when_a_field_cannot_work(community, field, value) -> None:
    with pytest.raises(InvalidInput) as caught:
        add(community, **{field: value})
    assert caught.value.field == field
    assert not ChatGroup.objects.exists()


def test_no_group_is_added_to_an_archived_community(community) -> None:
    community.archived_at = NOON
    with pytest.raises(CommunityArchived):
        add(community)
    assert not ChatGroup.objects.exists()


def test_sharing_an_endpoint_warns_and_succeeds(community, workspace) -> None:
    endpoint = make_endpoint(workspace)
    make_group(community, "老群", endpoint=endpoint)
    group, warnings = add(community, endpoint=endpoint)
    assert group.endpoint_id == endpoint.pk
    assert [warning["code"] for warning in warnings] == ["endpoint_shared"]
    assert "老群" in warnings[0]["message"]


def test_a_sandbox_room_is_made_with_the_group(community) -> None:
    group, _ = add(community, channel=NewChannel("sandbox"))
    assert group.endpoint.name == "1 群"
    assert group.endpoint.connection.platform == "sandbox"


def test_neither_group_nor_channel_is_made_when_the_channel_cannot_work(community) -> None:
    with pytest.raises(InvalidInput):
        add(community, channel=NewChannel("webhook", {"url": "ftp://x", "secret": "s"}))
    assert not ChatGroup.objects.exists()
    assert not Endpoint.objects.exists()


def test_binding_twice_writes_one_audit_row(group, workspace) -> None:
    endpoint = make_endpoint(workspace)
    for _ in range(2):
        services.bind_endpoint(group=group, endpoint=endpoint, actor=SYSTEM, now=NOON)
    assert ChatGroup.objects.get(pk=group.pk).endpoint_id == endpoint.pk
    assert AuditEntry.objects.filter(verb="group.endpoint_bound").count() == 1


def test_an_archived_group_is_not_bound(group, workspace) -> None:
    services.archive_group(group=group, reason="完成使命", actor=SYSTEM, now=NOON)
    with pytest.raises(GroupArchived):
        services.bind_endpoint(group=group, endpoint=make_endpoint(workspace), actor=SYSTEM, now=NOON)
    assert ChatGroup.objects.get(pk=group.pk).endpoint_id is None


def test_archiving_twice_is_archiving_once(group) -> None:
    for _ in range(2):
        services.archive_group(group=group, reason="完成使命", actor=SYSTEM, now=NOON)
    entry = AuditEntry.objects.get(verb="group.archived")
    assert (entry.reason, ChatGroup.objects.get(pk=group.pk).archived_at) == ("完成使命", NOON)


def test_staff_is_assigned_once_and_changes_role(group, helper) -> None:
    for role in ("helper", "helper", "admin"):
        services.assign_staff(group=group, user=helper.user, role=role, actor=SYSTEM, now=NOON)
    assert GroupStaff.objects.get().role == "admin"
    assert AuditEntry.objects.filter(verb="group.staff_assigned").count() == 2


def test_a_stranger_cannot_look_after_a_group(group, stranger) -> None:
    with pytest.raises(InvalidInput):
        services.assign_staff(group=group, user=stranger.user, role="helper", actor=SYSTEM, now=NOON)
    assert not GroupStaff.objects.exists()
