"""Members and groups in the admin: one's own workspaces only, repairs through the services."""

import pytest
from django.apps import apps
from django.urls import reverse

from groups.models import ChatGroup
from members import services
from members.models import ImportRun, MemberPass, Membership
from retention.models import DailyActivity
from tests.factories.people import SYSTEM
from tests.members.makers import event, ingest, make_endpoint, make_group
from tests.moments import NOON

pytestmark = pytest.mark.django_db


def act(client, model: str, action: str, *ids: int):
    url = reverse(f"admin:{model}_changelist")
    return client.post(url, {"action": action, "_selected_action": ids}, follow=True)


@pytest.mark.parametrize("app", ["groups", "members", "retention"])
def test_every_table_has_its_list_and_page(signed_in, owner, workspace, group, member, app) -> None:
    ingest(group, event(group))
    services.issue_pass(member=member, actor=SYSTEM, now=NOON)
    client = signed_in(owner)
    for model in apps.get_app_config(app).get_models():
        name = f"{app}_{model._meta.model_name}"
        assert client.get(reverse(f"admin:{name}_changelist")).status_code == 200
        row = model._base_manager.first()
        if row is not None:
            assert client.get(reverse(f"admin:{name}_change", args=[row.pk])).status_code == 200


def test_secrets_are_not_shown(signed_in, owner, workspace, community) -> None:
    made = services.register_by_phone(community=community, name="李姐", phone="13812345678", now=NOON)
    client = signed_in(owner)
    phone = client.get(reverse("admin:members_memberphone_change", args=[made.member.phones.get().pk]))
    link = client.get(reverse("admin:members_memberpass_change", args=[made.member_pass.pk]))
    assert "1381234" not in phone.content.decode()
    assert made.member_pass.code_digest not in link.content.decode()


def test_a_stranger_sees_nothing_of_others(signed_in, stranger, workspace, group, member) -> None:
    client = signed_in(stranger)
    assert member.display_name not in client.get(reverse("admin:members_member_changelist")).content.decode()
    assert client.get(reverse("admin:members_member_change", args=[member.pk])).status_code == 302


def test_passes_are_revoked_and_memberships_ended_once(signed_in, owner, workspace, group, member) -> None:
    services.issue_pass(member=member, actor=SYSTEM, now=NOON)
    membership, _ = services.add_membership(member=member, group=group, actor=SYSTEM, now=NOON)
    client = signed_in(owner)
    for _ in range(2):
        act(client, "members_memberpass", "revoke", MemberPass.objects.get().pk)
        act(client, "members_membership", "end", membership.pk)
    assert MemberPass.objects.get().revoked_at is not None
    assert not Membership.objects.get().is_current


def test_a_stranger_repairs_nothing_of_others(signed_in, stranger, workspace, group, member) -> None:
    services.issue_pass(member=member, actor=SYSTEM, now=NOON)
    membership, _ = services.add_membership(member=member, group=group, actor=SYSTEM, now=NOON)
    client = signed_in(stranger)
    act(client, "members_memberpass", "revoke", MemberPass.objects.get().pk)
    act(client, "members_membership", "end", membership.pk)
    assert MemberPass.objects.get().revoked_at is None
    assert Membership.objects.get().is_current


def test_failed_imports_are_started_again_and_others_named(signed_in, owner, workspace) -> None:
    failed = ImportRun.objects.create(workspace=workspace, kind="members", file_name="a.csv", state="failed")
    done = ImportRun.objects.create(workspace=workspace, kind="members", file_name="b.csv", state="done")
    act(signed_in(owner), "members_importrun", "retry", failed.pk, done.pk)
    assert ImportRun.objects.get(pk=failed.pk).state == "queued"
    assert ImportRun.objects.get(pk=done.pk).state == "done"


def test_a_group_is_unbound(signed_in, owner, workspace, community) -> None:
    group = make_group(community, "有通道的群", endpoint=make_endpoint(workspace))
    act(signed_in(owner), "groups_chatgroup", "unbind", group.pk)
    assert ChatGroup.objects.get(pk=group.pk).endpoint_id is None


def test_days_are_counted_again(signed_in, owner, workspace, group) -> None:
    from community_ops.common import clock, outbox

    ingest(group, event(group))
    outbox.drain(now=clock.now())
    DailyActivity.objects.update(message_count=99)
    act(signed_in(owner), "retention_dailyactivity", "recount", DailyActivity.objects.get().pk)
    assert DailyActivity.objects.get().message_count == 1
