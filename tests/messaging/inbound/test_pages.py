"""The page of receiving, its REST and its admin: on, off, a new key, and a log that explains itself."""

from datetime import timedelta

import pytest
from django.urls import reverse

from community_ops.common import clock
from messaging.inbound_models import InboundRoute, RawEvent
from messaging.models import SandboxPost
from messaging.services import receiving
from tests.factories.people import SYSTEM, make_person
from tests.messaging.conftest import make_endpoint
from tests.messaging.inbound.conftest import Sender, said
from tests.moments import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture
def tab(signed_in, owner):
    return signed_in(owner)


@pytest.fixture
def address(workspace, room):
    def of(name: str = "inbound") -> str:
        return reverse(f"messaging:{name}", args=[workspace.slug, room.connection_id])

    return of


def test_switching_on_shows_address_and_key_once(tab, client, address) -> None:
    answer = tab.post(address("inbound_open"))
    page, route = answer.content.decode(), InboundRoute.objects.get()
    key = route.secret["keys"][0]["key"]
    assert (answer.status_code, answer["Cache-Control"], route.code in page, key in page) == (
        200,
        "no-store",
        True,
        True,
    )
    later = tab.get(address()).content.decode()
    assert (route.code in later, key in later) == (True, False)


def test_the_key_that_was_shown_lets_a_tool_in(tab, client, address, room, read) -> None:
    tab.post(address("inbound_open"))
    route = InboundRoute.objects.get()
    assert Sender(client, route.code, route.secret["keys"][0]["key"]).send(said()).status_code == 200


def test_a_new_key_is_shown_and_switching_off_ends_it(tab, address) -> None:
    tab.post(address("inbound_open"))
    assert "whsec_" in tab.post(address("inbound_rotate")).content.decode()
    assert (tab.post(address("inbound_close")).status_code, InboundRoute.objects.get().is_on) == (302, False)
    assert tab.post(address("inbound_rotate")).status_code == 302  # refused in words
    assert InboundRoute.objects.get().secret["keys"] == []


def test_an_account_that_cannot_receive_has_no_such_page(tab, workspace, person) -> None:
    url = reverse("messaging:inbound", args=[workspace.slug, person.endpoint.connection_id])
    assert tab.get(url).status_code == 404


def test_the_log_names_the_senders_id_and_none_of_our_own(tab, address, sender, group, read, workspace, room) -> None:
    sender.send(said(), identity="msg_from_the_tool")
    tab.post(reverse("messaging:room_say", args=[workspace.slug, room.pk]), {"author": "李姐", "action": "leave"})
    read()
    page = tab.get(address()).content.decode()
    assert "msg_from_the_tool" in page
    assert "room:" not in page


def test_the_log_says_what_became_of_each_event(tab, address, sender, group, read) -> None:
    sender.send(said())
    sender.send(said(kind="other"), identity="m2")
    sender.send(said(), identity="m3", signed="v1,AAAA")
    read()
    page = tab.get(address()).content.decode()
    for words in ("已读取", "不是消息、入群或退群", "签名或密钥不对"):
        assert words in page


def test_the_log_says_who_did_what_where_and_never_the_words(tab, address, sender, group, room, read) -> None:
    sender.send(said("秘密的话"))
    read()
    page = tab.get(address()).content.decode()
    assert (f"李姐 → {room.name}" in page, "秘密的话" in page) == (True, False)
    receiving.tidy_inbound(now=clock.now() + timedelta(days=8))
    page = tab.get(address()).content.decode()
    assert ("李姐 →" in page, f" → {room.name}" in page) == (False, True)


def test_rest_says_kind_and_channel_but_no_name(api, sender, group, room, read) -> None:
    sender.send(said())
    read()
    answer = api.get(f"/api/v1/raw-events/{RawEvent.objects.get().pk}/")
    assert (answer.json()["said_kind"], answer.json()["endpoint"]) == ("message", room.pk)
    assert "李姐" not in answer.content.decode()


def test_the_log_asks_as_often_for_twenty_rows_as_for_one(tab, address, sender, django_assert_max_num_queries) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def count() -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            tab.get(address())
        return len(queries)

    sender.send(said(), identity="m0")
    tab.get(address())
    one = count()
    for number in range(1, 20):
        sender.send(said(), identity=f"m{number}")
    assert count() == one


def test_reading_again_from_the_page(tab, workspace, sender, room, group, read) -> None:
    type(room).objects.filter(pk=room.pk).update(archived_at=NOON)
    sender.send(said())
    read()
    event = RawEvent.objects.get()
    assert event.reason == "no_channel"
    assert tab.post(reverse("messaging:raw_event_again", args=[workspace.slug, event.pk])).status_code == 302
    assert RawEvent.objects.get().state == "pending"


def test_other_roles_neither_see_nor_switch(signed_in, workspace, address) -> None:
    for role in ("viewer", "helper", "moderator"):
        other = signed_in(make_person(workspace, role))
        assert (other.get(address()).status_code, other.post(address("inbound_open")).status_code) == (403, 403)
    assert not InboundRoute.objects.exists()


def test_rest_opens_rotates_closes_and_lists(api, room, client, read) -> None:
    url = f"/api/v1/connections/{room.connection_id}/inbound/"
    assert api.get(url).status_code == 404
    made = api.post(url)
    assert (made.status_code, made.json()["is_on"], made["Cache-Control"]) == (201, True, "no-store")
    code, key = made.json()["url"].split("/")[-2], made.json()["key"]
    assert Sender(client, code, key).send(said()).status_code == 200
    assert "key" not in api.get(url).json()
    rows = api.get(f"/api/v1/connections/{room.connection_id}/raw-events/").json()["results"]
    assert [(row["external_id"], row["state"], "body" in row) for row in rows] == [("msg_1", "pending", False)]
    assert api.post(f"{url}rotate-key/").json()["key"] != key
    assert api.post(f"{url}close/").json()["is_on"] is False
    assert (api.post(url).status_code, api.post(url).status_code) == (201, 409)


def test_rest_reads_again_only_what_meant_nothing(api, sender, room, read) -> None:
    sender.send(said(kind="other"))
    url = f"/api/v1/raw-events/{RawEvent.objects.get().pk}/"
    assert api.post(f"{url}read-again/").status_code == 409
    read()
    answer = api.post(f"{url}read-again/")
    assert (answer.status_code, answer.json()["state"], api.get(url).json()["state"]) == (200, "pending", "pending")


def test_rest_of_what_cannot_receive_is_refused(api, person) -> None:
    answer = api.post(f"/api/v1/connections/{person.endpoint.connection_id}/inbound/")
    assert (answer.status_code, answer.json()["code"]) == (409, "cannot_receive")


def test_the_admin_shows_neither_key_nor_code_nor_what_was_said(tab, sender, opened) -> None:
    sender.send(said("秘密的话"))
    for name, row in (("inboundroute", InboundRoute.objects.get()), ("rawevent", RawEvent.objects.get())):
        pages = [
            reverse(f"admin:messaging_{name}_changelist"),
            reverse(f"admin:messaging_{name}_change", args=[row.pk]),
        ]
        for url in pages:
            page = tab.get(url).content.decode()
            assert not [secret for secret in (opened[1], opened[0].code, "秘密的话") if secret in page]


def test_a_polled_account_shows_its_chats_that_fail(tab, workspace, httpserver) -> None:
    from messaging.inbound_models import ChatCursor
    from tests.messaging.platforms.test_discord import CHANNEL, TOKEN

    chat = make_endpoint(workspace, "discord", token=TOKEN, chat=CHANNEL, base_url=httpserver.url_for("").rstrip("/"))
    receiving.open_route(connection=chat.connection, actor=SYSTEM, now=NOON)
    facts = {"failing_since": clock.now(), "failure": "Missing Access", "next_poll_at": clock.now()}
    ChatCursor.objects.create(workspace=workspace, endpoint=chat, **facts)
    page = tab.get(reverse("messaging:inbound", args=[workspace.slug, chat.connection_id])).content.decode()
    assert ("Missing Access" in page, chat.name in page, "whsec" in page) == (True, True, False)


def test_the_tasks_do_their_work_and_do_no_harm_twice(sender, group) -> None:
    from messaging import tasks

    sender.send(said())
    for task in (tasks.read_inbound, tasks.poll_chats, tasks.tidy_inbound):
        task()
        task()
    assert (RawEvent.objects.get().state, SandboxPost.objects.count()) == ("read", 0)


def test_receiving_the_room_and_the_chats_of_an_account_lie_below_delivery_channels(tab, workspace, room) -> None:
    channels = reverse("messaging:endpoints", args=[workspace.slug])
    bot = make_endpoint(workspace, "telegram", token=f"110201543:{'A' * 35}", chat="-1001")
    pages = [("inbound", room.connection_id), ("connection_chats", bot.connection_id), ("room", room.pk)]
    for name, pk in pages:
        answer = tab.get(reverse(f"messaging:{name}", args=[workspace.slug, pk]), follow=True)
        assert f'<a href="{channels}" aria-current="page">' in answer.content.decode(), name
