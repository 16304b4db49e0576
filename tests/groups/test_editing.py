"""A community and a group are edited: what changes, what stays, what is refused."""

import pytest

from community_ops.common.errors import InvalidInput
from community_ops.common.models import AuditEntry
from groups import services
from groups.errors import CommunityArchived, GroupArchived
from groups.models import ChatGroup, Community
from tests.factories.people import SYSTEM
from tests.members.makers import make_community
from tests.moments import NOON

pytestmark = pytest.mark.django_db
COMMUNITY = {
    "name": "夜跑社", "shared_task": "每晚跑 5 公里", "kind": "friends",
    "timezone": "Europe/London", "locale": "en",
}  # fmt: skip
GROUP = {"name": "一群", "kind": "vip", "purpose": "老客户", "comfortable_size": 80, "member_cap": 100}


def change_community(community, **changes):
    return services.update_community(community=community, **(COMMUNITY | changes), actor=SYSTEM, now=NOON)


def change_group(group, **changes):
    return services.update_group(group=group, **(GROUP | changes), actor=SYSTEM, now=NOON)


def facts(row, names) -> dict[str, object]:
    return {name: getattr(row, name) for name in names}


def test_a_community_is_changed_with_what_was_and_what_is(community) -> None:
    before = facts(community, COMMUNITY)
    changed = change_community(community, name=" 夜跑社 ")
    assert facts(changed, COMMUNITY) == facts(Community.objects.get(), COMMUNITY) == COMMUNITY
    assert changed.currency == "CNY"
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.before, entry.after) == ("community.updated", before, COMMUNITY)


def test_a_group_is_changed_with_what_was_and_what_is(group) -> None:
    changed = change_group(group, kind=group.kind)
    assert facts(ChatGroup.objects.get(), GROUP) == facts(changed, GROUP) == GROUP | {"kind": group.kind}
    entry = AuditEntry.objects.get()
    assert entry.verb == "group.updated"
    assert entry.after == {name: value for name, value in GROUP.items() if name != "kind"}
    assert entry.before == {"name": "1 群", "purpose": "", "comfortable_size": 200, "member_cap": 500}


def test_the_same_values_again_change_nothing(community, group) -> None:
    for _twice in range(2):
        change_community(community)
        change_group(group)
    assert AuditEntry.objects.count() == 2


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", " "),
        ("name", "\u202eevil"),
        ("shared_task", ""),
        ("kind", "cult"),
        ("timezone", "Mars/Olympus"),
    ],
)
def test_a_community_stays_when_a_field_cannot_work(community, field, value) -> None:
    with pytest.raises(InvalidInput) as caught:
        change_community(community, **{field: value})
    assert caught.value.field == field
    assert Community.objects.get().name == community.name
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", ""), ("kind", "huge"), ("purpose", "x" * 301), ("comfortable_size", 101), ("member_cap", 0)],
)
def test_a_group_stays_when_a_field_cannot_work(group, field, value) -> None:
    with pytest.raises(InvalidInput) as caught:
        change_group(group, **{field: value})
    assert caught.value.field == field
    assert ChatGroup.objects.get().name == group.name
    assert not AuditEntry.objects.exists()


def test_what_is_archived_is_not_changed(community, group) -> None:
    services.archive_group(group=group, reason="完成使命", actor=SYSTEM, now=NOON)
    Community.objects.update(archived_at=NOON)
    with pytest.raises(GroupArchived):
        change_group(group)
    with pytest.raises(CommunityArchived):
        change_community(community)
    assert (ChatGroup.objects.get().name, Community.objects.get().name) == (group.name, community.name)
    assert [entry.verb for entry in AuditEntry.objects.all()] == ["group.archived"]


# --- pages


def community_url(workspace, community) -> str:
    return f"/w/{workspace.slug}/communities/{community.pk}/edit/"


def group_url(workspace, group, rest: str = "edit/") -> str:
    return f"/w/{workspace.slug}/groups/{group.pk}/{rest}"


def test_both_forms_of_a_community_say_that_the_currency_stays(signed_in, owner, workspace, community) -> None:
    client = signed_in(owner)
    client.cookies["django_language"] = "en"
    help_text = "Prices and orders are kept in it, so it stays as it was chosen at the start."
    new = client.get(f"/w/{workspace.slug}/communities/new/").content.decode()
    assert help_text in new
    assert "Everything can be changed later" not in new
    edit = client.get(community_url(workspace, community)).content.decode()
    assert f'<dt>Currency</dt><dd>CNY <span class="quiet small">{help_text}</span></dd>' in edit


def test_a_community_is_edited_on_its_page(signed_in, owner, workspace, community) -> None:
    client = signed_in(owner)
    page = client.get(community_url(workspace, community))
    assert page.context["form"]["shared_task"].value() == community.shared_task
    assert "currency" not in page.context["form"].fields
    answer = client.post(community_url(workspace, community), COMMUNITY | {"currency": "EUR"})
    assert answer["Location"] == f"/w/{workspace.slug}/groups/?community={community.pk}"
    changed = Community.objects.get()
    assert (changed.name, changed.currency) == ("夜跑社", "CNY")


def test_a_group_is_edited_on_its_page(signed_in, owner, workspace, group) -> None:
    client = signed_in(owner)
    page = client.get(group_url(workspace, group))
    assert page.context["form"]["member_cap"].value() == 500
    assert client.post(group_url(workspace, group), GROUP)["Location"] == group_url(workspace, group, "")
    assert ChatGroup.objects.get().purpose == "老客户"


def test_edits_that_cannot_work_are_shown_and_change_nothing(signed_in, owner, workspace, community, group) -> None:
    client = signed_in(owner)
    answer = client.post(community_url(workspace, community), COMMUNITY | {"name": "a\x00b"})
    assert (answer.status_code, "name" in answer.context["form"].errors) == (422, True)
    answer = client.post(group_url(workspace, group), GROUP | {"comfortable_size": 101})
    assert (answer.status_code, "comfortable_size" in answer.context["form"].errors) == (422, True)
    services.archive_group(group=group, reason="完成使命", actor=SYSTEM, now=NOON)
    assert client.post(group_url(workspace, group), GROUP).status_code == 422
    assert (ChatGroup.objects.get().name, Community.objects.get().name) == (group.name, community.name)


@pytest.mark.parametrize(("who", "status"), [("viewer", 403), ("helper", 403), ("stranger", 404)])
def test_those_who_may_not_manage_edit_nothing(request, signed_in, workspace, community, group, who, status) -> None:
    client = signed_in(request.getfixturevalue(who))
    for url, values in ((community_url(workspace, community), COMMUNITY), (group_url(workspace, group), GROUP)):
        assert client.get(url).status_code == status
        assert client.post(url, values).status_code == status
    assert (ChatGroup.objects.get().name, Community.objects.get().name) == (group.name, community.name)


def test_the_pages_lead_to_the_edit_pages(signed_in, owner, viewer, workspace, community, group) -> None:
    page = signed_in(owner).get(group_url(workspace, group, "")).content.decode()
    assert f'href="{group_url(workspace, group)}"' in page
    assert f'href="{community_url(workspace, community)}"' in page
    seen = signed_in(viewer).get(group_url(workspace, group, "")).content.decode()
    assert "/edit/" not in seen


def test_the_list_leads_to_the_community_it_is_about(signed_in, owner, workspace, community) -> None:
    client, listed = signed_in(owner), f"/w/{workspace.slug}/groups/"
    assert community_url(workspace, community) in client.get(listed).content.decode()  # the only one
    other = make_community(workspace, name="读书会")
    assert "/edit/" not in client.get(listed).content.decode()
    chosen = client.get(f"{listed}?community={other.pk}").content.decode()
    assert community_url(workspace, other) in chosen
    assert community_url(workspace, community) not in chosen
