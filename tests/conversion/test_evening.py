"""A sale evening at fixed times: the ladder speaks in the group's room, with numbers that are true when it does."""

from datetime import datetime, timedelta

import pytest

from campaigns.services import built_in_playbook
from conversion import services
from messaging.models import Delivery, SandboxPost
from messaging.services import deliver_due
from tests.conversion.conftest import adds_up
from tests.factories.people import SYSTEM
from tests.moments import NOON

pytestmark = pytest.mark.django_db
START, END = NOON + timedelta(minutes=10), NOON + timedelta(minutes=40)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def sale(open_sale, workspace):
    ladder = built_in_playbook(workspace_id=workspace.pk, key="demo-ladder", now=NOON)
    return open_sale(starts_at=START, ends_at=END, stock=4, limit_per_member=None, playbook=ladder)


def heard_at(now: datetime) -> list[str]:
    """What is new in the room after the ticks of this moment."""
    before = set(SandboxPost.objects.values_list("pk", flat=True))
    services.expire_due_orders(now=now)
    services.tell_conditions(now=now)
    deliver_due(worker="tests", now=now)
    return [post.text for post in SandboxPost.objects.exclude(pk__in=before).order_by("id")]


def pay(order, now) -> None:
    services.pay_order(order=order, actor=SYSTEM, now=now)


def test_the_ladder_tells_the_truth_from_before_the_start_to_the_result(sale, buy) -> None:
    (before,) = heard_at(START - 3 * MINUTE)
    assert "羊毛衫" in before
    assert "¥199.00" in before
    assert f"/s/{sale.public_code}/" in before
    heard_at(START - MINUTE)
    (start,) = heard_at(START)
    assert start.startswith("开抢了")
    orders = [buy(sale, now=START) for _ in range(2)]
    assert heard_at(START + MINUTE) == []  # held is not sold
    for order in orders:
        pay(order, START + MINUTE)
    (half,) = heard_at(START + 2 * MINUTE)
    assert "2 件" in half
    pay(buy(sale, 2, now=START + 2 * MINUTE), START + 3 * MINUTE)
    (result,) = heard_at(START + 4 * MINUTE)
    assert "4 件全部卖完" in result
    assert heard_at(END) == heard_at(END + 5 * MINUTE) == []
    assert not Delivery.objects.filter(state="planned").exists()
    assert adds_up(sale, END).sold == 4


def test_a_sale_that_does_not_sell_out_ends_with_its_own_result(sale, buy) -> None:
    heard_at(START - 3 * MINUTE)
    heard_at(START)
    pay(buy(sale, now=START), START)
    (last,) = heard_at(END - MINUTE)
    assert "3 件" in last
    (result,) = heard_at(END)
    assert "卖出 1 件" in result


def test_nothing_is_said_of_a_sale_that_is_paused_or_called_off(sale) -> None:
    services.pause_flash_sale(sale=sale, reason="价格写错了", actor=SYSTEM, now=NOON)
    assert heard_at(START - 3 * MINUTE) == []
    services.resume_flash_sale(sale=sale, reason="改好了", actor=SYSTEM, now=START - 2 * MINUTE)
    assert len(heard_at(START - MINUTE)) == 1
    services.cancel_flash_sale(sale=sale, reason="停产", actor=SYSTEM, now=START - MINUTE)
    assert heard_at(START) == heard_at(END) == []


def test_a_moved_sale_is_announced_at_its_new_time(sale) -> None:
    day = timedelta(days=1)
    services.reschedule_flash_sale(
        sale=sale, starts_at=START + day, ends_at=END + day, reason="改到明天", actor=SYSTEM, now=NOON
    )
    assert heard_at(START) == []
    assert heard_at(START + day)[-1].startswith("开抢了")
