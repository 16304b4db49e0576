"""How often somebody may ask in a minute: counted by link, hook, token, and by address only for what does not exist."""

import logging
from datetime import timedelta

import pytest
from django.core.cache.backends.locmem import LocMemCache
from django.test import Client
from django.urls import reverse
from redis.exceptions import ConnectionError as RedisAway

from community_ops.common import clock, throttle
from community_ops.common.throttle import Limit, seconds_to_wait
from conversion import services as selling
from members.services import issue_pass
from messaging import services
from messaging.inbound_models import RawEvent
from messaging.services import receiving
from tests.conversion.conftest import make_community, make_group, make_product, terms_of
from tests.factories.people import SYSTEM
from tests.members.makers import make_member
from tests.messaging.conftest import make_endpoint
from tests.messaging.inbound.conftest import Sender, said
from tests.moments import NOON

pytestmark = pytest.mark.django_db
PHONE = {"Accept-Language": "en"}


@pytest.fixture(autouse=True)
def at(monkeypatch):
    """The product's clock: ten seconds past noon, and set by calling it."""
    now = [NOON + timedelta(seconds=10)]
    monkeypatch.setattr(clock, "now", lambda: now[0])

    def go(**delta: float) -> None:
        now[0] = NOON + timedelta(**delta)

    return go


@pytest.fixture
def person(workspace):
    return services.create_assignee(workspace_id=workspace.pk, name="阿May", actor=SYSTEM, now=NOON)


@pytest.fixture
def code(person) -> str:
    return services.issue_link(assignee=person, actor=SYSTEM, now=NOON)


def statuses(client, address: str, count: int, **facts) -> list[int]:
    return [client.get(address, **facts).status_code for _ in range(count)]


# --- the count itself ---------------------------------------------------------------------------------------


def test_a_minute_is_counted_and_the_next_one_begins_anew(settings) -> None:
    settings.LINK_LIMIT_PER_MINUTE = 2
    at = NOON + timedelta(seconds=18)
    assert [seconds_to_wait(Limit.LINK, "a", now=at) for _ in range(4)] == [None, None, 42, 42]
    assert seconds_to_wait(Limit.LINK, "b", now=at) is None
    assert seconds_to_wait(Limit.LINK, "a", now=NOON + timedelta(seconds=60)) is None


def test_nought_is_without_limit(settings) -> None:
    settings.LINK_LIMIT_PER_MINUTE = 0
    assert {seconds_to_wait(Limit.LINK, "a", now=NOON) for _ in range(5)} == {None}


def test_a_cache_that_is_away_limits_nobody_and_says_so_once(settings, monkeypatch, caplog) -> None:
    settings.LINK_LIMIT_PER_MINUTE = 1

    def away(*args, **kwargs):
        raise RedisAway("gone")

    throttle._away.clear()
    with monkeypatch.context() as broken, caplog.at_level(logging.WARNING):
        broken.setattr(LocMemCache, "incr", away)
        assert {seconds_to_wait(Limit.LINK, "a", now=NOON) for _ in range(5)} == {None}
    assert [record.name for record in caplog.records] == [throttle.__name__]
    assert [seconds_to_wait(Limit.LINK, "a", now=NOON) for _ in range(2)] == [None, 60]


# --- the phone of whoever works by hand ---------------------------------------------------------------------


def test_a_personal_link_is_limited_for_itself_with_a_page_that_says_until_when(settings, client, code) -> None:
    settings.LINK_LIMIT_PER_MINUTE = 3
    client.get(f"/t/{code}")
    assert statuses(client, "/t/", 2) == [200, 200]
    answer = client.get("/t/", headers=PHONE)
    assert (answer.status_code, answer["Retry-After"]) == (429, "50")
    assert "It works again in 50 seconds" in answer.content.decode()
    assert client.get(f"/t/{code}").status_code == 429


def test_another_link_of_the_same_address_is_not_touched_and_a_minute_later_all_is_well(
    settings, client, code, workspace, at
) -> None:
    settings.LINK_LIMIT_PER_MINUTE = 1
    other = services.create_assignee(workspace_id=workspace.pk, name="小周", actor=SYSTEM, now=NOON)
    hers = services.issue_link(assignee=other, actor=SYSTEM, now=NOON)
    assert statuses(client, f"/t/{code}", 2) == [302, 429]
    assert client.get(f"/t/{hers}").status_code == 302
    at(seconds=60)
    assert client.get(f"/t/{code}").status_code == 302


def test_pasting_is_limited_and_looking_at_the_box_is_not(settings, client, code) -> None:
    settings.PASTE_LIMIT_PER_MINUTE = 2
    client.get(f"/t/{code}")
    assert [client.post("/t/paste/", {"kind": "x"}).status_code for _ in range(3)] == [422, 422, 429]
    assert client.get("/t/paste/").status_code == 200


@pytest.mark.parametrize("address", ["/t/nobody-has-this", "/p/nobody-has-this", "/s/nobody-has-this-one/", "/s/x/"])
def test_codes_nobody_has_are_counted_by_address_and_good_ones_go_on(settings, client, code, address) -> None:
    settings.UNKNOWN_CODE_LIMIT_PER_MINUTE = 2
    assert statuses(client, address, 4) == [404, 404, 429, 429]
    assert Client(REMOTE_ADDR="203.0.113.9").get(address).status_code == 404
    assert client.get(f"/t/{code}").status_code == 302


def test_what_a_caller_writes_into_headers_makes_no_other_address(settings, client) -> None:
    settings.UNKNOWN_CODE_LIMIT_PER_MINUTE = 1
    facts = [{"headers": {"X-Forwarded-For": f"203.0.113.{number}"}} for number in (1, 2)]
    assert [client.get("/t/nobody", **one).status_code for one in facts] == [404, 429]


# --- members ------------------------------------------------------------------------------------------------


def test_a_members_link_is_limited_for_itself(settings, client, workspace) -> None:
    settings.LINK_LIMIT_PER_MINUTE = 2
    member = make_member(make_community(workspace))
    code = issue_pass(member=member, actor=SYSTEM, now=NOON)
    assert statuses(client, f"/p/{code}", 3) == [302, 302, 429]
    assert statuses(client, "/me/", 3) == [200, 200, 429]


def test_a_sale_stays_open_for_a_town_behind_one_address(settings, client, workspace) -> None:
    settings.LINK_LIMIT_PER_MINUTE = settings.UNKNOWN_CODE_LIMIT_PER_MINUTE = 1
    terms = terms_of(make_product(workspace), make_group(make_community(workspace)))
    sale = selling.create_flash_sale(terms=terms, actor=SYSTEM, now=NOON)
    selling.schedule_flash_sale(sale=sale, actor=SYSTEM, now=NOON)
    assert statuses(client, "/p/nobody", 2) == [404, 429]
    page = reverse("conversion:public_sale", args=[sale.public_code])
    assert set(statuses(client, page, 20, headers={"X-Fragment": "1"})) == {200}


# --- hooks --------------------------------------------------------------------------------------------------


@pytest.fixture
def sender(client, workspace) -> Sender:
    room = make_endpoint(workspace, "sandbox")
    route, key = receiving.open_route(connection=room.connection, actor=SYSTEM, now=NOON)
    return Sender(client, route.code, key)


def test_a_hooks_burst_is_429_and_told_again_later_it_is_stored(settings, sender, at) -> None:
    settings.HOOK_LIMIT_PER_MINUTE = 2
    answers = [sender.send(said(), identity=f"msg_{number}") for number in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert (answers[2]["Retry-After"], answers[2].json()["code"]) == ("50", "too_many")
    assert answers[2].json()["extra"] == {"retry_after_seconds": 50}
    assert RawEvent.objects.count() == 2
    at(seconds=60)
    assert sender.send(said(), identity="msg_2").json() == {"stored": True}


def test_calls_without_proof_are_counted_by_address_alike_for_codes_there_are_and_are_not(settings, sender) -> None:
    settings.UNKNOWN_CODE_LIMIT_PER_MINUTE = 2
    wrong = {"signed": "v1,AAAA"}
    codes = ["nobody-has-this", sender.code, "nobody-has-this", sender.code]
    answers = [sender.send(said(), **wrong, code=code) for code in codes]
    assert [answer.status_code for answer in answers] == [401, 401, 429, 429]
    assert answers[2].content == answers[3].content
    assert sender.send(said()).status_code == 200


# --- tools --------------------------------------------------------------------------------------------------


def test_a_token_has_so_many_calls_and_another_one_its_own(settings, api_of, workspace, client) -> None:
    settings.API_THROTTLE_PER_MINUTE = 2
    tool, other = api_of(workspace), api_of(workspace)
    assert statuses(tool, "/api/v1/groups/", 2) == [200, 200]
    answer = tool.get("/api/v1/groups/")
    assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (429, "throttled", "50")
    assert other.get("/api/v1/groups/").status_code == 200
    assert client.get("/api/v1/docs/").status_code == 200


def test_tokens_nobody_has_are_counted_by_address_and_good_ones_go_on(settings, api_of, workspace, at) -> None:
    settings.UNKNOWN_CODE_LIMIT_PER_MINUTE = 2
    guess = {"headers": {"Authorization": "Token co_nobody-has-this", "Accept-Language": "en"}}
    asked = [Client().get("/api/v1/groups/", **guess) for _ in range(4)]

    assert [answer.status_code for answer in asked] == [401, 401, 429, 429]
    assert asked[0].json()["code"] == "invalid_token"
    assert (asked[2].json()["code"], asked[2]["Retry-After"]) == ("throttled", "50")
    assert set(asked[2].json()) == {"code", "message", "extra"}
    assert "WWW-Authenticate" not in asked[2]
    assert api_of(workspace).get("/api/v1/groups/").status_code == 200
    assert Client(REMOTE_ADDR="203.0.113.9").get("/api/v1/groups/", **guess).status_code == 401
    at(seconds=60)
    assert Client().get("/api/v1/groups/", **guess).status_code == 401


def test_another_address_in_a_header_guesses_no_more_tokens(settings) -> None:
    settings.UNKNOWN_CODE_LIMIT_PER_MINUTE = 1
    guess = {"Authorization": "Token co_nobody-has-this"}
    headers = [guess | {"X-Forwarded-For": f"203.0.113.{number}"} for number in (1, 2)]
    assert [Client().get("/api/v1/groups/", headers=one).status_code for one in headers] == [401, 429]


def test_a_call_without_a_token_is_not_counted(settings, client) -> None:
    settings.UNKNOWN_CODE_LIMIT_PER_MINUTE = 1
    assert statuses(client, "/api/v1/groups/", 3) == [401, 401, 401]
    assert statuses(client, "/t/nobody-has-this", 2) == [404, 429]


def test_a_sale_over_rest_is_not_stopped_by_the_defaults(settings) -> None:
    assert settings.API_THROTTLE_PER_MINUTE == 6000  # benchmarks/flash_sale.py: 500 buyers, twice each, in seconds
