"""A member is edited: the name and the phone numbers; who has a number is said to those who may see that member."""

import pytest
from django.urls import reverse

from community_ops.common.errors import InvalidInput, NotFound
from community_ops.common.models import AuditEntry
from groups import services as groups
from groups.errors import CommunityArchived
from groups.models import Community
from members import selectors, services
from members.errors import PhoneNotValid, PhoneTaken
from members.forms import PhoneForm
from members.models import Member, MemberIdentity, MemberPhone
from members.wording import refuse
from tests.factories.people import SYSTEM
from tests.members.makers import make_community, make_group, make_member
from tests.moments import NOON

pytestmark = pytest.mark.django_db
NUMBER = "13812341234"


def at(workspace, name: str, *args: object) -> str:
    return reverse(f"members:{name}", args=[workspace.slug, *args])


def rename(member, name):
    return services.rename_member(member=member, name=name, actor=SYSTEM, now=NOON)


def add(member, phone=NUMBER):
    return services.add_phone(member=member, phone=phone, actor=SYSTEM, now=NOON)


def remove(phone) -> None:
    services.remove_phone(phone=phone, actor=SYSTEM, now=NOON)


def verbs() -> list[str]:
    return list(AuditEntry.objects.exclude(verb="member.created").order_by("id").values_list("verb", flat=True))


def test_a_member_is_renamed_once(member) -> None:
    for _twice in range(2):
        assert rename(member, " 李大姐 ").display_name == "李大姐"
    assert Member.objects.get().display_name == "李大姐"
    entry = AuditEntry.objects.get(verb="member.renamed")
    assert (entry.before, entry.after) == ({"name": "李姐"}, {"name": "李大姐"})


@pytest.mark.parametrize("name", ["", " ", "x" * 101, "a\u202eb"])
def test_a_name_that_cannot_be_is_refused(member, name) -> None:
    with pytest.raises(InvalidInput) as caught:
        rename(member, name)
    assert caught.value.field == "name"
    assert Member.objects.get().display_name == "李姐"
    assert verbs() == []


def test_a_number_is_added_once_and_leads_to_the_member(community, member) -> None:
    first = add(member)
    assert add(member, "+86 138-1234-1234") == first
    assert selectors.find_member_by_phone(community_id=community.pk, phone=NUMBER) == member
    entry = AuditEntry.objects.get(verb="member.phone_added")
    assert entry.after == {"phone": "*******1234"}
    assert verbs() == ["member.phone_added"]


def test_a_number_of_somebody_else_is_refused(community, member) -> None:
    other = make_member(community, "王哥", phone=NUMBER)
    with pytest.raises(PhoneTaken):
        add(member)
    with pytest.raises(PhoneNotValid):
        add(member, "123")
    assert MemberPhone.objects.get().member == MemberIdentity.objects.get().member == other
    assert verbs() == []


def test_another_community_may_have_the_same_number(workspace, member) -> None:
    other = make_member(make_community(workspace, name="读书会"), "李姐", phone=NUMBER)
    add(member)
    assert MemberPhone.objects.count() == 2
    assert Member.objects.get(pk=member.pk).person_id != other.person_id


def test_a_removed_number_is_free_for_others(community, member) -> None:
    phone, kept = add(member), add(member, "13900001111")
    for _twice in range(2):
        remove(phone)
    assert MemberPhone.objects.get() == kept
    assert MemberIdentity.objects.get().external_id == kept.digest
    assert selectors.find_member_by_phone(community_id=community.pk, phone=NUMBER) is None
    assert verbs().count("member.phone_removed") == 1
    assert make_member(community, "王哥", phone=NUMBER).pk


def test_in_an_archived_community_nobody_is_changed(member) -> None:
    phone = add(member)
    Community.objects.update(archived_at=NOON)
    for change in (lambda: rename(member, "王哥"), lambda: add(member, "13900001111"), lambda: remove(phone)):
        with pytest.raises(CommunityArchived):
            change()
    assert (Member.objects.get().display_name, MemberPhone.objects.get()) == ("李姐", phone)
    assert verbs() == ["member.phone_added"]


# --- pages


def test_a_member_is_edited_on_its_page(signed_in, owner, workspace, member) -> None:
    client, url = signed_in(owner), at(workspace, "member_edit", member.pk)
    assert f'href="{url}"' in client.get(at(workspace, "member_detail", member.pk)).content.decode()
    assert client.get(url).context["form"]["name"].value() == "李姐"
    assert client.post(url, {"name": "李大姐"})["Location"] == at(workspace, "member_detail", member.pk)
    assert client.post(at(workspace, "phone_add", member.pk), {"phone": NUMBER})["Location"] == url
    page = client.get(url).content.decode()
    assert ("138****1234" in page, NUMBER in page) == (True, False)
    client.post(at(workspace, "phone_remove", member.pk, MemberPhone.objects.get().pk))
    assert Member.objects.get().display_name == "李大姐"
    assert not MemberPhone.objects.exists()


def test_each_form_of_the_page_has_its_heading_and_its_button(signed_in, owner, workspace, member) -> None:
    client = signed_in(owner)
    client.cookies["django_language"] = "en"
    page = client.get(at(workspace, "member_edit", member.pk)).content.decode()
    words = ["<h2>Name</h2>", ">Save the name</button>", "<h2>Phone numbers</h2>", ">Add the number</button>"]
    assert [word for word in words if word not in page] == []
    assert sorted(words, key=page.index) == words


def test_edits_that_cannot_work_are_shown_and_change_nothing(signed_in, owner, workspace, community, member) -> None:
    client = signed_in(owner)
    answer = client.post(at(workspace, "member_edit", member.pk), {"name": "a\x00b"})
    assert (answer.status_code, "name" in answer.context["form"].errors) == (422, True)
    answer = client.post(at(workspace, "phone_add", member.pk), {"phone": "123"})
    assert (answer.status_code, "phone" in answer.context["phone_form"].errors) == (422, True)
    other = make_member(community, "王哥", phone=NUMBER)
    phone = MemberPhone.objects.get()
    assert client.post(at(workspace, "phone_remove", member.pk, phone.pk)).status_code == 404
    assert (Member.objects.get(pk=member.pk).display_name, phone.member) == ("李姐", other)
    assert MemberPhone.objects.get() == phone


@pytest.mark.parametrize(("who", "status"), [("viewer", 403), ("helper", 403), ("stranger", 404)])
def test_those_who_may_not_manage_edit_nobody(request, signed_in, workspace, member, who, status) -> None:
    phone, client = add(member), signed_in(request.getfixturevalue(who))
    assert client.get(at(workspace, "member_edit", member.pk)).status_code == status
    for url in (
        at(workspace, "member_edit", member.pk),
        at(workspace, "phone_add", member.pk),
        at(workspace, "phone_remove", member.pk, phone.pk),
    ):
        assert client.post(url, {"name": "王哥", "phone": "13900001111"}).status_code == status
    assert (Member.objects.get().display_name, MemberPhone.objects.get()) == ("李姐", phone)


def test_a_number_that_is_taken_says_by_whom(signed_in, owner, workspace, community, member) -> None:
    other = make_member(community, "<b>王哥", phone=NUMBER)
    client = signed_in(owner)
    client.cookies["django_language"] = "en"
    form = {"community": community.pk, "name": "小周", "phone": NUMBER}
    way = f'<a href="{at(workspace, "member_detail", other.pk)}">&lt;b&gt;王哥 has this number already.</a>'
    for answer in (
        client.post(at(workspace, "member_new"), form),
        client.post(at(workspace, "phone_add", member.pk), form),
    ):
        assert answer.status_code == 422
        assert way in answer.content.decode()
        assert "Open your personal link" not in answer.content.decode()
    assert Member.objects.count() == 2
    assert MemberPhone.objects.get().member == other


def test_who_may_not_see_the_member_is_not_told_the_name(workspace, community, helper) -> None:
    make_member(community, "王哥", phone=NUMBER)
    form = PhoneForm({"phone": NUMBER})
    assert form.is_valid()
    refuse(form, PhoneTaken(), actor=helper.actor, slug=workspace.slug, community_id=community.pk)
    assert "王哥" not in str(form.errors)
    assert form.errors["phone"] == [PhoneTaken().message]


def test_a_number_of_another_workspace_is_nobodys(member, foreign_member) -> None:
    phone = services.add_phone(member=foreign_member, phone=NUMBER, actor=SYSTEM, now=NOON)
    with pytest.raises(NotFound):
        selectors.get_phone(member, phone.pk)
    assert add(member).member == member


# --- a new member who joins a group at once


def test_a_new_member_joins_the_group_it_was_opened_for(signed_in, owner, workspace, community, group) -> None:
    make_community(workspace, name="读书会")
    client, url = signed_in(owner), at(workspace, "member_new") + f"?group={group.pk}"
    form = client.get(url).context["form"]
    assert (form["group"].value(), form["community"].value()) == (group.pk, community.pk)
    client.post(url, {"community": community.pk, "name": "李姐", "phone": "", "group": group.pk})
    assert Member.objects.get().memberships.get().group == group


def test_a_group_of_another_community_is_refused_with_the_member(signed_in, owner, workspace, community) -> None:
    other = make_group(make_community(workspace, name="读书会"))
    form = {"community": community.pk, "name": "李姐", "group": other.pk}
    answer = signed_in(owner).post(at(workspace, "member_new"), form)
    assert (answer.status_code, "group" in answer.context["form"].errors) == (422, True)
    assert not Member.objects.exists()


def test_a_full_group_takes_the_member_with_a_warning(signed_in, owner, workspace, community, group) -> None:
    groups.update_group(
        group=group, name=group.name, kind=group.kind, purpose="", comfortable_size=1, member_cap=1,
        actor=SYSTEM, now=NOON,
    )  # fmt: skip
    client, form = signed_in(owner), {"community": community.pk, "group": group.pk}
    client.post(at(workspace, "member_new"), form | {"name": "李姐"}, follow=True)
    answer = client.post(at(workspace, "member_new"), form | {"name": "王哥"}, follow=True)
    assert [message.level_tag for message in answer.context["messages"]] == ["success", "warning"]
    assert selectors.group_member_count(group.pk) == 2


def test_without_a_community_a_new_member_says_what_comes_first(signed_in, owner, workspace) -> None:
    client = signed_in(owner)
    client.cookies["django_language"] = "en"
    page = client.get(at(workspace, "member_new")).content.decode()
    assert "Found a community first" in page
    assert f'href="/w/{workspace.slug}/communities/new/"' in page
    assert "<select" not in page
    assert client.post(at(workspace, "member_new"), {"name": "李姐"}).status_code == 200
    assert not Member.objects.exists()


def test_the_facts_say_that_orders_are_paid_ones_and_the_list_how_it_is_sorted(
    signed_in, owner, workspace, member
) -> None:
    client = signed_in(owner)
    client.cookies["django_language"] = "en"
    services.add_membership(member=member, group=make_group(member.community), actor=SYSTEM, now=NOON)
    assert "<dt>Paid orders</dt>" in client.get(at(workspace, "member_detail", member.pk)).content.decode()
    assert "last added first" in client.get(at(workspace, "member_list")).content.decode()
