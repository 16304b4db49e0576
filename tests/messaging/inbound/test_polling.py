"""Discord's channels, asked for: from now on, once each, in the platform's pace, by one asker at a time."""

import json
import threading
from datetime import timedelta

import pytest
from werkzeug import Request, Response

from community_ops.common import clock, dbtime
from members.models import Member
from messaging.inbound_models import ChatCursor, RawEvent
from messaging.inbound_policies import POLL_EVERY
from messaging.models import InboundEvent, SendBudget
from messaging.platforms.inbound import Found
from messaging.services import receiving
from messaging.services.receiving import polling
from messaging.services.receiving.routes import inbound_of
from tests.factories.people import SYSTEM
from tests.members.makers import make_community, make_group
from tests.messaging.conftest import make_endpoint
from tests.messaging.inbound.conftest import raw
from tests.messaging.platforms.test_discord import CHANNEL, SEND, TOKEN
from tests.moments import NOON
from tests.races import at_once

pytestmark = pytest.mark.django_db
LI = {"id": "80351110224678912", "username": "lijie", "global_name": "李姐"}


def written(number: int, **changes):
    return {
        "id": str(334385199974967000 + number),
        "type": 0,
        "channel_id": CHANNEL,
        "author": LI,
        "content": f"第 {number} 条",
        "timestamp": "2026-11-21T12:00:00.123000+00:00",
    } | changes


class Channel:
    """Answers as Discord does: those after an id, newest first, at most `limit`."""

    def __init__(self) -> None:
        self.messages, self.asked, self.answer = [], [], None

    def __call__(self, request: Request) -> Response:
        self.asked.append(dict(request.args))
        if self.answer is not None:
            return self.answer
        after, limit = request.args.get("after"), int(request.args["limit"])
        rows = sorted(self.messages, key=lambda one: int(one["id"]))
        rows = [one for one in rows if int(one["id"]) > int(after)][:limit] if after else rows[-limit:]
        return Response(json.dumps(rows[::-1]), content_type="application/json")


@pytest.fixture
def channel(httpserver):
    played = Channel()
    httpserver.expect_request(SEND, method="GET").respond_with_handler(played)
    return played


@pytest.fixture
def chat(workspace, httpserver):
    return make_endpoint(workspace, "discord", token=TOKEN, chat=CHANNEL, base_url=httpserver.url_for("").rstrip("/"))


@pytest.fixture
def route(chat, channel):
    return receiving.open_route(connection=chat.connection, actor=SYSTEM, now=NOON)[0]


@pytest.fixture
def group(workspace, chat):
    return make_group(make_community(workspace), endpoint_id=chat.pk)


@pytest.fixture
def poll():
    """Ask, the time of asking having come again."""

    def run() -> int:
        ChatCursor.objects.update(next_poll_at=clock.now())
        return receiving.poll_chats()

    return run


def test_it_begins_with_now_and_leaves_the_past_alone(route, channel, group, poll, read) -> None:
    channel.messages = [written(1), written(2)]
    poll()
    channel.messages.append(written(3))
    poll()
    read()
    assert list(InboundEvent.objects.values_list("text", flat=True)) == ["第 3 条"]
    assert (Member.objects.get().display_name, InboundEvent.objects.get().author_external_id) == (
        "李姐",
        "discord:80351110224678912",
    )


def test_an_empty_channel_is_read_from_its_first_message(route, channel, group, poll, read) -> None:
    poll()
    channel.messages = [written(1)]
    poll()
    read()
    assert InboundEvent.objects.count() == 1


def test_asking_again_takes_nothing_twice(route, channel, group, poll, read) -> None:
    poll()
    channel.messages = [written(1)]
    poll()
    poll()
    ChatCursor.objects.update(last_id="0")
    poll()
    read()
    assert (RawEvent.objects.count(), InboundEvent.objects.count()) == (1, 1)


def test_more_than_one_answer_holds_is_asked_for_at_once(route, channel, group, poll) -> None:
    poll()
    channel.messages = [written(number) for number in range(70)]
    poll()
    assert receiving.poll_chats() == 1
    assert (RawEvent.objects.count(), [one["limit"] for one in channel.asked]) == (70, ["1", "50", "50"])


def test_an_answer_too_long_to_be_read_is_asked_for_in_pieces(route, channel, group, poll) -> None:
    poll()
    channel.messages = [written(number, content="长" * 1900, filler="x" * 9000) for number in range(12)]
    for _ in range(4):
        poll()
    assert RawEvent.objects.count() == 12


def test_between_two_askings_nobody_is_asked(route, channel) -> None:
    assert (receiving.poll_chats(), receiving.poll_chats()) == (1, 0)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"author": LI | {"bot": True}}, "bot"),
        ({"webhook_id": "1"}, "bot"),
        ({"type": 6}, "not_meant"),
        ({"type": 99}, "not_meant"),
        ({"timestamp": "soon"}, "bad_fields"),
        ({"author": LI | {"id": "x"}}, "bad_fields"),
        ({"author": None}, "bot"),
        ({"timestamp": "2026-13-45T00:00:00Z"}, "bad_fields"),
        ({"timestamp": "2999-01-01T00:00:00Z"}, "bad_fields"),
        ({"timestamp": 7}, "bad_fields"),
        ({"type": [1]}, "not_meant"),
    ],
)
def test_what_means_nothing_does_no_harm(route, channel, group, poll, read, changes, reason) -> None:
    poll()
    channel.messages = [written(1, **changes)]
    poll()
    read()
    assert (raw(), InboundEvent.objects.count()) == ([("ignored", reason, 0)], 0)


def test_a_greeted_newcomer_is_a_join(route, channel, group, poll, read) -> None:
    poll()
    channel.messages = [written(1, type=7, content="")]
    poll()
    read()
    assert InboundEvent.objects.get().kind == "join"


@pytest.mark.parametrize(
    ("status", "body", "seconds"),
    [
        (403, {"message": "Missing Access", "code": 50001}, 300),
        (429, {"message": "You are being rate limited.", "retry_after": 7.5}, 8.5),
        (500, {}, 60),
        (200, {"no": "list"}, 60),
    ],
)
def test_a_refusal_is_shown_and_waited_for(route, channel, poll, status, body, seconds) -> None:
    channel.answer = Response(json.dumps(body), status=status)
    before = clock.now()
    poll()
    cursor = ChatCursor.objects.get()
    waited = (cursor.next_poll_at - before).total_seconds()
    assert (cursor.failing_since is not None, bool(cursor.failure), seconds <= waited < seconds + 30) == (True,) * 3
    channel.answer = None
    poll()
    assert ChatCursor.objects.get().failure == ""


@pytest.mark.parametrize("body", ["[" * 60_000, '[{"id": "²"}]', "nothing", '[{"id": 7}]'])
def test_an_answer_nobody_can_read_stops_no_other_chat(route, channel, chat, poll, body) -> None:
    from messaging import services

    services.add_chat(
        connection=chat.connection, name="二", config={"chat": "290926798999357251"}, actor=SYSTEM, now=NOON
    )
    channel.answer = Response(body, status=200)
    assert (poll(), RawEvent.objects.count()) == (1, 0) or poll() == 2


def test_a_fault_of_ours_is_shown_and_stops_no_other_chat(route, channel, poll, monkeypatch) -> None:
    def fail(*_facts, **_more):
        raise RuntimeError("ours")

    monkeypatch.setattr("messaging.platforms.discord.inbound.DiscordInbound.poll", fail)
    poll()
    assert "RuntimeError" in ChatCursor.objects.get().failure


def test_a_message_larger_than_usual_answers_is_read(route, channel, group, poll, read) -> None:
    poll()
    channel.messages = [written(1, content="😀" * 4000, referenced_message={"content": "😀" * 4000})]
    poll()
    read()
    assert len(InboundEvent.objects.get().text) == 4000


def test_a_refusal_of_the_whole_account_is_waited_for_by_all_of_it(route, channel, chat, poll) -> None:
    body = {"message": "You are being rate limited.", "retry_after": 30, "global": True}
    channel.answer = Response(json.dumps(body), status=429)
    poll()
    assert (
        SendBudget.objects.get(scope="connection", scope_id=chat.connection.identity_id).cooldown_until > dbtime.now()
    )
    assert poll() == 0


def test_older_ids_move_nothing_back(route, channel, group, poll) -> None:
    poll()
    channel.messages = [written(5)]
    poll()
    channel.answer = Response(json.dumps([written(2)]), status=200)
    poll()
    assert ChatCursor.objects.get().last_id == written(5)["id"]


def test_the_token_is_in_no_failure(route, channel, poll) -> None:
    channel.answer = Response(json.dumps({"message": f"bad {TOKEN}"}), status=401)
    poll()
    assert TOKEN not in ChatCursor.objects.get().failure


def test_an_account_that_was_told_to_wait_is_not_asked(route, channel, chat, poll) -> None:
    poll()
    until = dbtime.now() + timedelta(minutes=1)
    SendBudget.objects.create(
        workspace_id=chat.workspace_id, scope="connection", scope_id=chat.connection.identity_id, cooldown_until=until
    )
    assert poll() == 0


def test_off_and_archived_channels_are_not_asked(route, channel, chat, poll) -> None:
    poll()
    receiving.close_route(route=route, actor=SYSTEM, now=NOON)
    assert poll() == 0
    receiving.open_route(connection=chat.connection, actor=SYSTEM, now=NOON)
    type(chat).objects.filter(pk=chat.pk).update(archived_at=NOON)
    assert poll() == 0


def test_switched_on_again_it_begins_with_now_again(route, channel, chat, group, poll) -> None:
    poll()
    receiving.close_route(route=route, actor=SYSTEM, now=NOON)
    channel.messages = [written(number) for number in range(5)]
    receiving.open_route(connection=chat.connection, actor=SYSTEM, now=NOON)
    poll()
    assert not RawEvent.objects.exists()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_four_askers_at_once_ask_once(route, channel) -> None:
    receiving.poll_chats()
    ChatCursor.objects.update(next_poll_at=clock.now())
    assert sum(at_once([receiving.poll_chats] * 4)) == 1


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_the_twin_that_looks_before_it_sets_the_next_time_asks_twice(route, channel) -> None:
    """Proof that the race above is one: both find the cursor due before either has moved it on."""
    receiving.poll_chats()
    ChatCursor.objects.update(next_poll_at=clock.now())
    both_have_looked = threading.Barrier(2)

    def naive() -> int:
        cursor = ChatCursor.objects.filter(next_poll_at__lte=clock.now()).first()
        both_have_looked.wait(timeout=20)
        ChatCursor.objects.filter(pk=cursor.pk).update(next_poll_at=clock.now() + POLL_EVERY)
        account = cursor.endpoint.connection
        inbound_of(account).poll(account.config, account.secret, cursor.endpoint.address, after=cursor.last_id)
        return 1

    already = len(channel.asked)
    assert at_once([naive, naive]) == [1, 1]
    assert len(channel.asked) == already + 2


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_of_two_answers_from_one_place_the_first_moves_the_cursor(route, chat, group) -> None:
    """Both asked after the same message; the late one must neither move the cursor back nor store again."""
    receiving.poll_chats()
    ahead, behind = ([found(number) for number in numbers] for numbers in ((1, 2, 3), (1,)))

    def store(answer) -> None:
        polling._store(as_read, answer, has_more=False, now=NOON)

    for _ in range(5):
        RawEvent.objects.all().delete()
        ChatCursor.objects.update(last_id="1")
        as_read = ChatCursor.objects.select_related("endpoint__connection").get()
        assert at_once([lambda: store(ahead), lambda: store(behind)]) == [None, None]
        assert RawEvent.objects.count() in (1, 3)
        assert ChatCursor.objects.get().last_id == RawEvent.objects.latest("id").external_id


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_the_twin_without_a_condition_moves_the_cursor_back(route, chat, group) -> None:
    """The same two answers, the late one written whatever is there: it says less was read than was."""
    receiving.poll_chats()
    first_is_stored = threading.Barrier(2)

    def naive(numbers: tuple[int, ...], *, is_late: bool) -> None:
        if is_late:
            first_is_stored.wait(timeout=20)
        rows = [polling._raw(ChatCursor.objects.get(), found(number), NOON) for number in numbers]
        RawEvent.objects.bulk_create(rows, ignore_conflicts=True)
        ChatCursor.objects.update(last_id=rows[-1].external_id)
        if not is_late:
            first_is_stored.wait(timeout=20)

    jobs = [lambda: naive((1, 2, 3), is_late=False), lambda: naive((1,), is_late=True)]
    assert at_once(jobs) == [None, None]
    assert RawEvent.objects.count() == 3
    assert ChatCursor.objects.get().last_id == RawEvent.objects.earliest("id").external_id


def found(number: int) -> Found:
    return Found(id=written(number)["id"], content=written(number))
