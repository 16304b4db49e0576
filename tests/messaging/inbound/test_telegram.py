"""Telegram's updates, with the documented bodies of the Bot API; setWebhook played by a local server."""

import json

import pytest
from werkzeug import Response

from community_ops.common.errors import InvalidTransition
from community_ops.common.models import AuditEntry, OutboxEvent
from members.models import Member, MembershipSpell
from messaging.errors import RouteNotOpened
from messaging.inbound_models import InboundRoute, RawEvent
from messaging.models import FoundChat, InboundEvent
from messaging.services import receiving
from tests.factories.people import SYSTEM
from tests.members.makers import make_community, make_group
from tests.messaging.conftest import make_endpoint
from tests.messaging.inbound.conftest import raw
from tests.messaging.platforms.test_telegram import CHAT, TOKEN
from tests.moments import NOON

pytestmark = pytest.mark.django_db
SET, UNSET = f"/bot{TOKEN}/setWebhook", f"/bot{TOKEN}/deleteWebhook"
YES = {"ok": True, "result": True, "description": "Webhook was set"}
LI = {"id": 1024, "is_bot": False, "first_name": "李", "last_name": "姐"}
ROBOT = {"id": 7, "is_bot": True, "first_name": "bot"}
IN = {"id": int(CHAT), "title": "晨跑 1 群", "type": "supergroup"}
DATE = 1763726400


@pytest.fixture
def chat(workspace, httpserver):
    return make_endpoint(workspace, "telegram", token=TOKEN, chat=CHAT, base_url=httpserver.url_for("").rstrip("/"))


@pytest.fixture
def group(workspace, chat):
    return make_group(make_community(workspace), endpoint_id=chat.pk)


@pytest.fixture
def update(client, chat, httpserver):
    """What Telegram does once it was told where to send."""
    httpserver.expect_request(SET).respond_with_json(YES)
    route, shown = receiving.open_route(connection=chat.connection, actor=SYSTEM, now=NOON)
    told = json.loads(httpserver.log[-1][0].data)
    assert (shown, told["url"].endswith(f"/hooks/{route.code}/")) == ("", True)

    def send(number: int = 1, *, key: str | None = told["secret_token"], **what):
        headers = {} if key is None else {"X-Telegram-Bot-Api-Secret-Token": key}
        body = json.dumps({"update_id": number, **what})
        return client.post(f"/hooks/{route.code}/", data=body, content_type="application/json", headers=headers)

    return send


def message(**changes):
    return {"message_id": 365, "from": LI, "chat": IN, "date": DATE, "text": "早上好"} | changes


def moved(before: str, after: str, user=LI, **changes):
    sides = {"old_chat_member": {"user": user, "status": before}, "new_chat_member": {"user": user, "status": after}}
    return {"chat": IN, "from": LI, "date": DATE} | sides | changes


def test_the_platform_is_told_the_address_a_key_and_what_we_want(update, httpserver) -> None:
    told = json.loads(httpserver.log[-1][0].data)
    assert told["allowed_updates"] == ["message", "my_chat_member", "chat_member"]
    assert len(told["secret_token"]) >= 40


def test_a_message_is_heard(update, group, read) -> None:
    assert update(message=message()).json() == {"stored": True}
    read()
    event, member = InboundEvent.objects.get(), Member.objects.get()
    assert (event.text, event.source, event.author_external_id) == ("早上好", "platform", "telegram:1024")
    assert (member.display_name, event.occurred_at.timestamp()) == ("李 姐", DATE)


def test_a_redelivery_and_another_order_change_nothing(update, group, read) -> None:
    update(2, message=message(message_id=366, text="二"))
    update(1, message=message(text="一"))
    assert update(2, message=message(message_id=366, text="二")).json() == {"stored": False}
    read()
    assert set(InboundEvent.objects.values_list("text", flat=True)) == {"一", "二"}


@pytest.mark.parametrize("key", [None, "", "wrong"])
def test_without_the_key_it_is_401(update, key) -> None:
    answer = update(key=key, message=message())
    assert (answer.status_code, answer.json()["code"], RawEvent.objects.count()) == (401, "unauthorized", 0)


@pytest.mark.parametrize("update_id", [None, "1", True, 1.5, 10**40])
def test_an_update_without_its_number_is_400(update, update_id) -> None:
    assert (update(update_id, message=message()).status_code, RawEvent.objects.count()) == (400, 0)


def test_a_join_told_by_the_chat_and_by_the_change_is_one(update, group, read) -> None:
    update(1, message=message(text=None, new_chat_members=[LI, ROBOT]) | {"text": None})
    update(2, chat_member=moved("left", "member"))
    read()
    assert (InboundEvent.objects.get().kind, MembershipSpell.objects.count()) == ("join", 1)


def test_a_leave_is_heard_both_ways(update, group, read) -> None:
    update(1, message=message(left_chat_member=LI))
    update(
        2,
        chat_member=moved(
            "restricted", "kicked", old_chat_member={"user": LI, "status": "restricted", "is_member": True}
        ),
    )
    read()
    assert InboundEvent.objects.get().kind == "leave"


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ({"message": message(**{"from": ROBOT})}, "bot"),
        ({"message": message(sender_chat={"id": -5, "type": "channel"})}, "bot"),
        ({"message": message(text="", pinned_message={}) | {"text": ""}}, "telegram"),
        ({"edited_message": message()}, "not_meant"),
        ({"poll": {"id": "1"}}, "not_meant"),
        ({"message": "x"}, "bad_fields"),
        ({"message": message(date="soon")}, "bad_fields"),
        ({"message": message(chat={"id": "x"})}, "bad_fields"),
        ({"message": message(chat=IN | {"id": 10**300})}, "bad_fields"),
        ({"message": message(message_id="x" * 400)}, "bad_fields"),
        ({"message": message(message_id="a\x00")}, "bad_fields"),
        ({"message": message(**{"from": LI | {"id": 10**300}})}, "bot"),
        ({"chat_member": moved("member", "administrator")}, "not_meant"),
        ({"chat_member": moved("left", "member", ROBOT)}, "not_meant"),
        ({"something_new": {}}, "not_meant"),
    ],
)
def test_what_means_nothing_does_no_harm(update, group, read, what, reason) -> None:
    if reason == "telegram":
        del what["message"]["text"]
        reason = "not_meant"
    assert update(1, **what).status_code == 200
    read()
    assert (raw(), InboundEvent.objects.count()) == ([("ignored", reason, 0)], 0)


def test_a_picture_without_words_is_a_message(update, group, read) -> None:
    update(message=message(text=None, photo=[{"file_id": "x"}], caption="看"))
    read()
    assert InboundEvent.objects.get().text == "看"


def test_an_unknown_chat_stands_among_the_found_ones(update, group, read) -> None:
    update(1, message=message(chat={"id": -99, "title": "晨跑 2 群", "type": "group"}))
    update(2, my_chat_member=moved("left", "member", ROBOT, chat={"id": -100, "title": "晨跑 3 群", "type": "group"}))
    read()
    assert set(FoundChat.objects.values_list("chat", "title")) == {("-99", "晨跑 2 群"), ("-100", "晨跑 3 群")}
    assert (raw()[0], InboundEvent.objects.count()) == (("ignored", "no_channel", 0), 0)


def test_a_topic_has_its_own_group_and_a_public_name_is_known(workspace, update, chat, group, read) -> None:
    config = {"chat": "@morning_run", "thread": "7"}
    topic = receiving_channel(chat, config)
    of_topic = make_group(group.community, name="话题", endpoint_id=topic.pk)
    public = IN | {"username": "morning_run"}
    update(1, message=message(chat=public, message_thread_id=7, is_topic_message=True))
    update(2, message=message(chat=public, message_id=366))
    read()
    assert set(InboundEvent.objects.values_list("target_id", flat=True)) == {of_topic.pk, group.pk}


def receiving_channel(chat, config):
    from messaging import services

    return services.add_chat(connection=chat.connection, name="话题", config=config, actor=SYSTEM, now=NOON)


def test_hostile_words_are_kept_harmless(update, group, read) -> None:
    update(message=message(text="a\x00b\u202e", **{"from": LI | {"first_name": "\u202e李\n姐", "last_name": "\x00"}}))
    read()
    assert (InboundEvent.objects.get().text, Member.objects.get().display_name) == ("ab\u202e", "李 姐")


def test_a_platform_that_says_no_switches_nothing_on(chat, httpserver) -> None:
    words = "Bad Request: bad webhook: An HTTPS URL must be provided for webhook"
    body = json.dumps({"ok": False, "error_code": 400, "description": words})
    httpserver.expect_request(SET).respond_with_response(Response(body, status=400))
    with pytest.raises(RouteNotOpened, match="HTTPS URL"):
        receiving.open_route(connection=chat.connection, actor=SYSTEM, now=NOON)
    assert (InboundRoute.objects.get().is_on, AuditEntry.objects.filter(verb="inbound.opened").count()) == (False, 0)


def test_the_token_is_in_no_refusal(chat, httpserver) -> None:
    httpserver.expect_request(SET).respond_with_json({"ok": False, "description": f"no {TOKEN}"})
    with pytest.raises(RouteNotOpened) as refusal:
        receiving.open_route(connection=chat.connection, actor=SYSTEM, now=NOON)
    assert TOKEN not in str(refusal.value.message)


def test_switching_off_tells_the_platform_and_is_off_even_if_it_does_not_listen(update, httpserver) -> None:
    httpserver.expect_request(UNSET).respond_with_json({"ok": False, "description": "later"}, status=500)
    with pytest.raises(RouteNotOpened):
        receiving.close_route(route=InboundRoute.objects.get(), actor=SYSTEM, now=NOON)
    assert (update(message=message()).status_code, RawEvent.objects.count()) == (401, 0)


def test_a_second_opening_is_refused_and_tells_nobody(update, chat, httpserver) -> None:
    calls = len(httpserver.log)
    with pytest.raises(InvalidTransition):
        receiving.open_route(connection=chat.connection, actor=SYSTEM, now=NOON)
    assert (len(httpserver.log), OutboxEvent.objects.count()) == (calls, 0)


def test_a_platform_that_takes_no_new_key_keeps_the_former_for_good(update, httpserver) -> None:
    httpserver.clear()
    httpserver.expect_request(SET).respond_with_json({"ok": False, "description": "Too Many Requests"}, status=429)
    for _time in range(6):
        with pytest.raises(RouteNotOpened):
            receiving.rotate_key(route=InboundRoute.objects.get(), actor=SYSTEM, now=NOON)
    (kept,) = InboundRoute.objects.get().secret["keys"]
    assert (kept["until"], update(message=message()).status_code) == (None, 200)


def test_while_one_tells_the_platform_nobody_else_does(update, chat, httpserver) -> None:
    from datetime import timedelta

    from community_ops.common import dbtime

    InboundRoute.objects.update(busy_until=dbtime.now() + timedelta(seconds=10))
    route, calls = InboundRoute.objects.get(), len(httpserver.log)
    for change in (receiving.rotate_key, receiving.close_route):
        with pytest.raises(InvalidTransition):
            change(route=route, actor=SYSTEM, now=NOON)
    InboundRoute.objects.update(busy_until=dbtime.now() - timedelta(seconds=1))
    assert (len(httpserver.log), InboundRoute.objects.get().is_on) == (calls, True)
    receiving.rotate_key(route=route, actor=SYSTEM, now=NOON)
    assert InboundRoute.objects.get().busy_until is None


def test_a_new_key_is_the_platforms_at_once(update, httpserver) -> None:
    old = json.loads(httpserver.log[-1][0].data)["secret_token"]
    shown = receiving.rotate_key(route=InboundRoute.objects.get(), actor=SYSTEM, now=NOON)
    new = json.loads(httpserver.log[-1][0].data)["secret_token"]
    assert (shown, new != old, update(key=new, message=message()).status_code) == ("", True, 200)
