"""What people bring in by hand: the phone's paste box, and the sandbox room."""

import pytest
from django.urls import reverse

from community_ops.common.models import OutboxEvent
from members.models import Member, MemberFacts, Membership
from messaging import services
from messaging.inbound_models import RawEvent
from messaging.models import InboundEvent, SandboxPost
from tests.factories.people import SYSTEM
from tests.members.makers import make_community, make_group
from tests.moments import NOON

pytestmark = pytest.mark.django_db
URL = "/t/paste/"


def pasted(group, **changes):
    return {"kind": "introduction", "group": group.pk, "author": "李姐", "words": "大家好，我是李姐"} | changes


def test_an_introduction_is_heard_in_her_group_as_told_by_a_person(phone, hers, read) -> None:
    assert phone.post(URL, pasted(hers)).status_code == 302
    read()
    event, member = InboundEvent.objects.get(), Member.objects.get()
    assert (event.text, event.source, event.target_id) == ("大家好，我是李姐", "paste", hers.pk)
    assert (member.display_name, member.source, Membership.objects.get().group) == ("李姐", "manual", hers)
    told = OutboxEvent.objects.get(name="messaging.ChatMessageReceived").payload
    assert (told["pasted"], told["target_id"], told["endpoint_id"]) == ("introduction", hers.pk, None)


@pytest.mark.parametrize("kind", ["introduction", "advert"])
def test_she_is_told_where_it_is_found(phone, hers, kind) -> None:
    page = phone.post(URL, pasted(hers, kind=kind), follow=True, headers={"Accept-Language": "en"}).content.decode()
    assert "Recorded in the activity of “晨跑 5 群”" in page
    assert "member page of “李姐”" in page


def test_the_same_words_pasted_by_two_count_once(phone, hers, read) -> None:
    phone.post(URL, pasted(hers))
    page = phone.post(URL, pasted(hers, words="大家好，我是李姐 "), follow=True).content.decode()
    read()
    assert (RawEvent.objects.count(), InboundEvent.objects.count(), "只算一次" in page) == (1, 1, True)


@pytest.mark.parametrize(
    "changes", [{"kind": "gossip"}, {"author": ""}, {"author": "x" * 101}, {"words": "  "}, {"words": "x" * 10_001}]
)
def test_a_refused_form_keeps_what_was_typed_and_stores_nothing(phone, hers, changes) -> None:
    answer = phone.post(URL, pasted(hers, **changes))
    assert (answer.status_code, RawEvent.objects.count()) == (422, 0)
    assert "大家好，我是李姐" in answer.content.decode() or "words" in changes


def test_signs_nobody_sees_are_no_reason_to_refuse_what_she_copied(phone, hers, read) -> None:
    phone.post(URL, pasted(hers, words="\u202d13800138000\u202c", author="\u200e李姐\u200f"))
    read()
    assert (InboundEvent.objects.get().text, Member.objects.get().display_name) == ("\u202d13800138000\u202c", "李姐")


def test_a_group_that_is_not_hers_is_no_choice(phone, hers, workspace, stranger) -> None:
    others = [make_group(hers.community, name="别的"), make_group(make_community(stranger.workspace), name="外面")]
    for group in [*others, type("Nobody", (), {"pk": "x"})]:
        assert phone.post(URL, pasted(group)).status_code == 422
    assert not RawEvent.objects.exists()


def test_a_group_she_had_work_for_is_a_choice(phone, person, workspace) -> None:
    group = make_group(make_community(workspace), name="机器人在的群")
    items = [services.NewItem("机器人在的群", "group", group.pk)]
    facts = {"kind": "group_report", "title": "今日群况", "items": items, "due_at": NOON, "actor": SYSTEM, "now": NOON}
    task = services.create_task(assignee=person, **facts)
    type(task).objects.update(created_at=NOON)
    from time_machine import travel

    with travel(NOON):
        assert phone.post(URL, pasted(group)).status_code == 302


def test_without_a_link_or_a_group_the_page_says_so(client, phone, person) -> None:
    assert "还没有" in phone.get(URL).content.decode()
    client.logout()
    client.cookies.clear()
    assert client.get(URL).status_code == 403


def test_a_word_in_the_room_stands_there_and_is_heard(signed_in, owner, room, workspace, read) -> None:
    group = make_group(make_community(workspace), endpoint_id=room.pk)
    url = reverse("messaging:room_say", args=[workspace.slug, room.pk])
    answer = signed_in(owner).post(url, {"author": "李姐", "words": "在吗", "action": "say"})
    assert (answer.status_code, SandboxPost.objects.get().author) == (302, "李姐")
    read()
    event = InboundEvent.objects.get()
    assert (event.text, event.source, event.target_id, event.external_id) == (
        "在吗",
        "sandbox",
        group.pk,
        f"room:{SandboxPost.objects.get().pk}",
    )


def test_coming_and_leaving_in_the_room_begins_and_ends_a_stay(signed_in, owner, room, workspace, read) -> None:
    make_group(make_community(workspace), endpoint_id=room.pk)
    url, tab = reverse("messaging:room_say", args=[workspace.slug, room.pk]), signed_in(owner)
    for action in ("join", "leave"):
        assert tab.post(url, {"author": "李姐", "words": "", "action": action}).status_code == 302
    read()
    assert (Membership.objects.get().left_at is not None, SandboxPost.objects.count()) == (True, 0)


def test_the_room_is_seen_as_one_of_its_members(signed_in, owner, room, workspace) -> None:
    url, tab = reverse("messaging:room", args=[workspace.slug, room.pk]), signed_in(owner)
    facts = {"workspace": workspace, "endpoint": room, "at": NOON}
    SandboxPost.objects.create(author="李姐", text="在吗", **facts)
    SandboxPost.objects.create(author="", text="@[李姐](lijie) 开抢啦", **facts)
    nobody, hers = tab.get(url).content.decode(), tab.get(f"{url}?as=李姐").content.decode()
    assert (nobody.count("is-own"), hers.count("is-own")) == (0, 1)
    assert ("@ 到了" in nobody, "@ 到了" in hers) == (False, True)


def test_empty_words_in_the_room_are_refused(signed_in, owner, room, workspace) -> None:
    url = reverse("messaging:room_say", args=[workspace.slug, room.pk])
    for facts in ({"author": "李姐", "words": ""}, {"author": "", "words": "x"}, {"author": "\u202e", "words": "x"}):
        assert signed_in(owner).post(url, facts).status_code == 422
    assert (SandboxPost.objects.count(), RawEvent.objects.count()) == (0, 0)


def test_a_viewer_says_nothing_in_the_room(signed_in, room, workspace) -> None:
    from tests.factories.people import make_person

    url = reverse("messaging:room_say", args=[workspace.slug, room.pk])
    for role in ("viewer", "helper", "moderator"):
        assert signed_in(make_person(workspace, role)).post(url, {"author": "a", "words": "b"}).status_code == 403
    assert not SandboxPost.objects.exists()


def test_facts_of_a_pasted_member_say_that_a_person_told_them(phone, hers, read) -> None:
    phone.post(URL, pasted(hers))
    read()
    assert "manual" in MemberFacts.objects.get().sources.values()
