"""A channel whose settings lead to another chat: what has begun in the former one is not finished in the new one."""

from datetime import timedelta
from typing import Any

import pytest

from community_ops.common import dbtime
from messaging import services
from messaging.models import Attempt, Delivery, Endpoint
from messaging.platforms import registry
from messaging.services import claiming, sending
from tests.factories.people import SYSTEM
from tests.messaging.conftest import SECRET, make_endpoint
from tests.moments import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("small")]
LONG = "第一句。第二句！第三句？第四句！第五句。"  # three parts of eight characters
LATER = NOON + timedelta(minutes=1)


@pytest.fixture
def half(hook, httpserver, plan, deliver, fresh) -> Delivery:
    """Its first part is in the former chat, the second is being retried."""
    for status in (200, 503):
        httpserver.expect_ordered_request("/hook").respond_with_data("", status=status)
    delivery = plan(hook, text=LONG, may_split=True)
    deliver()
    assert (fresh(delivery).state, fresh(delivery).parts_sent) == ("planned", 1)
    return fresh(delivery)


@pytest.fixture
def lead_away(hook, httpserver):
    """Another address for the channel; the new receiver takes everything."""
    httpserver.expect_request("/new").respond_with_data("")

    def change(**config: Any) -> None:
        config = config or {"url": httpserver.url_for("/new")}
        services.update_endpoint(endpoint=hook, name=hook.name, config=config, actor=SYSTEM, now=LATER)

    return change


def calls_of(httpserver) -> list[str]:
    return [request.path for request, _ in httpserver.log]


def test_the_rest_does_not_go_to_the_new_chat_and_tried_again_all_of_it_does(
    half, lead_away, deliver, fresh, httpserver
) -> None:
    lead_away()
    deliver(LATER)

    row = fresh(half)
    assert (row.state, row.reason, row.parts_sent, row.part_count) == ("failed", "chat_changed", 1, 3)
    assert calls_of(httpserver) == ["/hook", "/hook"]

    services.requeue_failed(delivery=row, actor=SYSTEM, now=LATER)
    while deliver(LATER):
        pass

    assert (fresh(half).state, fresh(half).parts_sent) == ("accepted", 3)
    assert calls_of(httpserver) == ["/hook", "/hook", "/new", "/new", "/new"]
    parts = Attempt.objects.filter(delivery=half).order_by("number").values_list("part", "outcome")
    assert list(parts) == [(1, "accepted"), (2, "retry"), (1, "accepted"), (2, "accepted"), (3, "accepted")]


@pytest.mark.parametrize("config", [{"secret": SECRET[:-4] + "AAAA"}, {"drops_repeats": True}], ids=["key", "flag"])
def test_the_rest_follows_where_the_chat_stays(half, lead_away, deliver, fresh, httpserver, config) -> None:
    lead_away(**config)
    httpserver.clear_all_handlers()
    httpserver.expect_request("/hook").respond_with_data("")
    while deliver(LATER):
        pass
    assert (fresh(half).state, fresh(half).parts_sent) == ("accepted", 3)


def test_what_has_not_begun_goes_to_the_new_chat(hook, plan, lead_away, deliver, fresh, httpserver) -> None:
    delivery = plan(hook, text=LONG, may_split=True)
    lead_away()
    while deliver(LATER):
        pass
    assert fresh(delivery).state == "accepted"
    assert calls_of(httpserver) == ["/new", "/new", "/new"]


def test_a_part_that_is_under_way_when_the_chat_changes_is_the_last_one(
    hook, plan, lead_away, deliver, fresh, httpserver
) -> None:
    httpserver.expect_request("/hook").respond_with_data("")
    delivery = plan(hook, text=LONG, may_split=True)
    (row,) = claiming.claim(owner="a", limit=1, until=LATER, db_now=dbtime.now())
    ready = sending.look(row, owner="a", now=lambda: NOON)
    assert ready is not None
    assert sending.begin(ready, now=lambda: NOON)
    lead_away()
    sending.record_all([sending.answered(ready, now=lambda: LATER)])

    deliver(LATER)

    assert (fresh(delivery).state, fresh(delivery).reason) == ("failed", "chat_changed")
    assert calls_of(httpserver) == ["/hook"]


def test_a_row_in_hand_is_not_called_at_the_former_chat(hook, plan, lead_away, fresh, httpserver) -> None:
    delivery = plan(hook)
    (row,) = claiming.claim(owner="a", limit=1, until=LATER, db_now=dbtime.now())
    lead_away()
    assert not sending.send_one(row, owner="a", now=lambda: LATER)
    assert (fresh(delivery).state, fresh(delivery).lease_owner, calls_of(httpserver)) == ("planned", "", [])


def test_what_may_have_arrived_is_in_doubt_and_a_persons_again_goes_to_the_new_chat(
    half, lead_away, deliver, fresh, httpserver
) -> None:
    Delivery.objects.filter(pk=half.pk).update(may_have_arrived=True, parts_sent=0)
    lead_away()
    deliver(LATER)
    assert (fresh(half).state, fresh(half).reason) == ("unknown", "in_doubt:failed:chat_changed")

    services.decide_unknown(delivery=fresh(half), verdict="again", actor=SYSTEM, now=LATER)
    while deliver(LATER):
        pass

    assert fresh(half).state == "accepted"
    assert calls_of(httpserver)[2:] == ["/new", "/new", "/new"]


def test_a_doubt_about_a_part_that_was_sent_ends_there(half, lead_away, deliver, fresh, httpserver) -> None:
    Delivery.objects.filter(pk=half.pk).update(state="unknown", reason="no_answer", may_have_arrived=True)
    lead_away()

    for _twice in range(2):
        services.decide_unknown(delivery=fresh(half), verdict="sent", actor=SYSTEM, now=LATER)
    deliver(LATER)

    row = fresh(half)
    assert (row.state, row.reason, row.parts_sent) == ("failed", "chat_changed", 2)
    assert calls_of(httpserver) == ["/hook", "/hook"]


@pytest.mark.parametrize(
    ("platform", "config", "other", "is_same"),
    [
        ("telegram", {"token": "110201543:" + "A" * 35, "chat": "-100"}, {"chat": "-200"}, False),
        ("telegram", {"token": "110201543:" + "A" * 35, "chat": "-100"}, {"token": "110201543:" + "B" * 35}, True),
        ("wecom_robot", {"key": "a-key"}, {"key": "b-key"}, False),
        ("dingtalk_robot", {"access_token": "a"}, {"access_token": "b"}, False),
        ("dingtalk_robot", {"access_token": "a"}, {"secret": "SECa"}, True),
        ("feishu_robot", {"hook": "a"}, {"hook": "b"}, False),
        ("feishu_robot", {"hook": "a"}, {"secret": "a"}, True),
    ],
)
def test_each_platform_says_what_names_its_chat(workspace, platform, config, other, is_same) -> None:
    made = make_endpoint(workspace, platform, **config)
    services.update_endpoint(endpoint=made, name="x", config=other, actor=SYSTEM, now=LATER)
    assert (Endpoint.objects.get(pk=made.pk).chat_changed_at is None) == is_same


def test_every_setting_that_names_a_chat_is_there() -> None:
    for name in registry.names():
        adapter = registry.get(name)
        assert adapter.names_chat <= {one.key for one in adapter.settings}
