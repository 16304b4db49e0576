"""成员: list, search, member page, a new member, joining and leaving by hand."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from groups import services as groups
from groups.ports import Panel
from members import services
from members.models import Member, Membership
from members.ports import member_panels
from tests.factories.people import SYSTEM
from tests.members.makers import event, ingest, make_community, make_group, make_member
from tests.moments import NOON

pytestmark = pytest.mark.django_db


def at(workspace, name: str, *args: object) -> str:
    return reverse(f"members:{name}", args=[workspace.slug, *args])


def found(client, workspace, query: str) -> list[str]:
    page = client.get(at(workspace, "member_list") + query)
    assert page.status_code == 200
    return [member.display_name for member in page.context["rows"]]


def test_members_are_found_by_name_phone_and_group(signed_in, owner, workspace, community, group) -> None:
    sister = make_member(community, "李姐", phone="13812341234")
    make_member(community, "王哥")
    services.add_membership(member=sister, group=group, actor=SYSTEM, now=NOON)
    client = signed_in(owner)
    assert found(client, workspace, "") == ["王哥", "李姐"]
    for query in ("?q=李", "?q=138+1234+1234", "?q=1234", f"?group={group.pk}", f"?q=姐&group={group.pk}"):
        assert found(client, workspace, query) == ["李姐"]
    for query in ("?q=nobody", "?q=13812341235", "?group=999999999"):
        assert found(client, workspace, query) == []
    assert found(client, workspace, f"?community={community.pk}&group=x&cursor=x") == ["王哥", "李姐"]


def test_the_list_goes_on_page_by_page(signed_in, owner, workspace, community) -> None:
    for number in range(51):
        make_member(community, f"群友 {number}")
    client = signed_in(owner)
    first = client.get(at(workspace, "member_list") + "?q=群友")
    assert [len(first.context["rows"]), first.context["total"].number] == [50, 51]
    second = client.get(at(workspace, "member_list") + first.context["pager"]["next_url"])
    assert [member.display_name for member in second.context["rows"]] == ["群友 0"]
    assert second.context["pager"]["previous_url"]


def test_merged_members_are_not_listed(signed_in, owner, workspace, community, member) -> None:
    merged = make_member(community, "李姐(旧)")
    Member.objects.filter(pk=merged.pk).update(merged_into=member)
    assert found(signed_in(owner), workspace, "") == ["李姐"]


def test_a_helper_finds_members_of_her_groups_only(signed_in, helper, workspace, community, group) -> None:
    hers, other = make_member(community, "李姐"), make_member(community, "王哥")
    services.add_membership(member=hers, group=group, actor=SYSTEM, now=NOON)
    groups.assign_staff(group=group, user=helper.user, role="helper", actor=SYSTEM, now=NOON)
    client = signed_in(helper)
    assert found(client, workspace, "") == ["李姐"]
    assert client.get(at(workspace, "member_detail", hers.pk)).status_code == 200
    assert client.get(at(workspace, "member_detail", other.pk)).status_code == 404


def test_a_stranger_finds_nobody(signed_in, stranger, workspace, member) -> None:
    client = signed_in(stranger)
    assert client.get(at(workspace, "member_list")).status_code == 404
    assert client.get(at(workspace, "member_detail", member.pk)).status_code == 404
    assert client.get(at(stranger.workspace, "member_detail", member.pk)).status_code == 404


def test_the_member_page_says_who_she_is_and_where_it_comes_from(signed_in, owner, workspace, community, group) -> None:
    ingest(group, event(group, author="lijie", text="<i>早</i>"))
    member = Member.objects.get()
    page = signed_in(owner).get(at(workspace, "member_detail", member.pk))
    assert page.context["identities"] == [("chat", "lijie")]
    assert page.context["fact_sources"]["first_joined_at"] == "platform"
    assert [row["text"] for row in page.context["recent"]] == ["<i>早</i>"]
    assert "<i>早</i>" not in page.content.decode()
    assert group.name in page.content.decode()


def test_an_id_of_a_tool_is_not_called_a_name(signed_in, owner, workspace, group) -> None:
    ingest(group, event(group, author="u-1024"), event(group, author="王哥"))
    Member.objects.filter(display_name="u-1024").update(display_name="周姨")
    words = {}
    for member in Member.objects.all():
        page = signed_in(owner).get(at(workspace, "member_detail", member.pk), headers={"Accept-Language": "en"})
        words[member.display_name] = "Id or name in the chat" in page.content.decode()
    assert words == {"周姨": True, "王哥": False}


def test_a_phone_is_shown_masked(signed_in, owner, workspace, community) -> None:
    member = make_member(community, "李姐", phone="13812345678")
    text = signed_in(owner).get(at(workspace, "member_detail", member.pk)).content.decode()
    assert "138****5678" in text
    assert "1381234" not in text


def test_a_helper_sees_messages_of_her_groups_only(signed_in, helper, workspace, group, second_group) -> None:
    ingest(group, event(group, author="李姐", text="在一群"))
    ingest(second_group, event(second_group, author="李姐", text="在二群"))
    groups.assign_staff(group=group, user=helper.user, role="helper", actor=SYSTEM, now=NOON)
    page = signed_in(helper).get(at(workspace, "member_detail", Member.objects.get().pk))
    assert [row["text"] for row in page.context["recent"]] == ["在一群"]
    assert [row.group_id for row in page.context["memberships"]] == [group.pk]


def test_higher_apps_add_panels(signed_in, owner, workspace, member, monkeypatch) -> None:
    class Orders:
        def panel(self, *, actor, member, slug, now):
            return Panel("members/_recent.html", {"recent": []})

    monkeypatch.setitem(member_panels._answers, "tests.orders", Orders())
    page = signed_in(owner).get(at(workspace, "member_detail", member.pk))
    assert "members/_recent.html" in [panel.template for panel in page.context["main_panels"]]


def queries_of(client, address: str) -> int:
    client.get(address)
    with CaptureQueriesContext(connection) as context:
        assert client.get(address).status_code == 200
    return len(context)


def test_the_list_asks_the_same_number_of_queries_for_1_and_20(signed_in, owner, workspace, community, group) -> None:
    client = signed_in(owner)
    ingest(group, event(group))
    before = queries_of(client, at(workspace, "member_list"))
    ingest(group, *(event(group, author=f"群友 {number}") for number in range(19)))
    assert queries_of(client, at(workspace, "member_list")) == before


def test_the_page_asks_the_same_number_of_queries_for_1_and_20(signed_in, owner, workspace, community, group) -> None:
    client = signed_in(owner)
    ingest(group, event(group))
    member = Member.objects.get()
    before = queries_of(client, at(workspace, "member_detail", member.pk))
    for number in range(19):
        more = make_group(community, f"{number} 群")
        ingest(more, event(more), event(more))
        services.issue_pass(member=member, actor=SYSTEM, now=NOON)
    assert queries_of(client, at(workspace, "member_detail", member.pk)) == before


def test_a_member_is_added_by_hand(signed_in, owner, workspace, community) -> None:
    form = {"community": community.pk, "name": "李姐", "phone": "13812341234"}
    client = signed_in(owner)
    answer = client.post(at(workspace, "member_new"), form)
    assert answer["Location"] == at(workspace, "member_detail", Member.objects.get().pk)
    again = client.post(at(workspace, "member_new"), form | {"name": "王哥"})
    assert again.status_code == 422
    assert "phone" in again.context["form"].errors
    assert Member.objects.count() == 1


@pytest.mark.parametrize(("field", "value"), [("name", ""), ("name", "a\u202eb"), ("phone", "123"), ("community", "0")])
def test_bad_input_adds_nobody(signed_in, owner, workspace, community, field, value) -> None:
    form = {"community": community.pk, "name": "李姐", "phone": ""} | {field: value}
    answer = signed_in(owner).post(at(workspace, "member_new"), form)
    assert answer.status_code == 422
    assert field in answer.context["form"].errors
    assert not Member.objects.exists()


def test_a_member_joins_and_leaves_by_hand(signed_in, owner, workspace, member, group) -> None:
    client = signed_in(owner)
    for _ in range(2):
        client.post(at(workspace, "member_join", member.pk), {"group": group.pk})
    membership = Membership.objects.get()
    assert membership.is_current
    for _ in range(2):
        client.post(at(workspace, "member_leave", member.pk, membership.pk))
    assert not Membership.objects.get().is_current


def test_a_group_of_another_community_cannot_be_joined(signed_in, owner, workspace, member) -> None:
    other = make_group(make_community(workspace, name="读书会"))
    signed_in(owner).post(at(workspace, "member_join", member.pk), {"group": other.pk})
    assert not Membership.objects.exists()


@pytest.mark.parametrize("who", ["viewer", "helper"])
def test_roles_that_may_not_manage_change_nothing(request, signed_in, workspace, member, group, who) -> None:
    client = signed_in(request.getfixturevalue(who))
    form = {"community": member.community_id, "name": "王哥"}
    assert client.post(at(workspace, "member_new"), form).status_code == 403
    assert client.post(at(workspace, "member_join", member.pk), {"group": group.pk}).status_code == 403
    assert Member.objects.count() == 1
    assert not Membership.objects.exists()
