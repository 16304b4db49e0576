"""What a running sale tells its ladder, and what its messages say when they fire."""

from datetime import timedelta

import pytest

from campaigns.models import RunCondition, Touch
from community_ops.common.models import OutboxEvent
from community_ops.common.placeholders import names_in
from conversion import guards, services, tasks
from conversion.services import tell_conditions
from messaging.models import Delivery
from messaging.ports import subject_guards, text_contexts
from tests.conversion.conftest import HOLD
from tests.factories.people import SYSTEM
from tests.moments import NOON

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


def met() -> list[str]:
    return list(RunCondition.objects.order_by("id").values_list("condition", flat=True))


def pay(order, now=NOON):
    services.pay_order(order=order, actor=SYSTEM, now=now)


def delivery_of(sale, due_at=NOON) -> Delivery:
    """As the ladder plans it; never stored."""
    return Delivery(workspace_id=sale.workspace_id, subject_kind="flash_sale", subject_id=sale.pk, due_at=due_at)


def verdict(sale, now, due_at=NOON) -> str:
    (found,) = subject_guards.get("flash_sale").check_all([delivery_of(sale, due_at)], now)
    return "go" if found.allowed else found.reason


def values(sale, group, now=NOON) -> dict[str, str]:
    return text_contexts.get("flash_sale").values(sale.pk, "group", group.pk, now)


def test_many_messages_about_several_sales_are_one_question(open_sale, buy, django_assert_num_queries) -> None:
    running, sold = open_sale(stock=2), open_sale(stock=1)
    pay(buy(sold))
    asked = [delivery_of(running), delivery_of(sold), Delivery(subject_kind="flash_sale", due_at=NOON)]
    for some in (asked, asked * 5):
        with django_assert_num_queries(1):
            found = subject_guards.get("flash_sale").check_all(some, NOON)
        assert [one.reason for one in found] == ["", "sold_out", "sale_over"] * (len(some) // 3)


def test_half_sold_and_sold_out_are_told_once_when_they_are_paid(open_sale, buy, ladder) -> None:
    sale = open_sale(stock=2, playbook=ladder)
    first, second = buy(sale), buy(sale)
    assert (tell_conditions(now=NOON), met()) == (0, [])
    pay(first)
    assert [tell_conditions(now=NOON) for _ in range(2)] == [1, 0]
    pay(second)
    assert [tell_conditions(now=NOON) for _ in range(2)] == [1, 0]
    assert met() == ["half_sold", "sold_out"]
    sale.refresh_from_db()
    assert (sale.half_sold_at, sale.sold_out_at) == (NOON, NOON)
    assert OutboxEvent.objects.filter(name="conversion.SaleSoldOut").count() == 1


def test_sold_out_stops_the_rest_and_posts_the_result(open_sale, buy, ladder) -> None:
    sale = open_sale(stock=1, playbook=ladder)
    pay(buy(sale))
    tell_conditions(now=NOON)
    touches = dict(Touch.objects.values_list("step__key", "state"))
    assert (touches["sold-out"], touches["minutes-left-10"], touches["result"]) == ("planned", "stopped", "stopped")
    planned = Delivery.objects.filter(state="planned")
    assert [row.source_key for row in planned] == [Touch.objects.get(step__key="sold-out").source_key]
    assert met() == ["sold_out"]  # it never was only half sold


def test_a_refund_plans_again_what_sold_out_had_stopped(open_sale, buy, ladder) -> None:
    sale = open_sale(stock=1, playbook=ladder)
    order = buy(sale)
    pay(order)
    tell_conditions(now=NOON)
    services.refund_order(order=order, actor=SYSTEM, now=NOON + SECOND, reason="尺码不合适")
    touches = dict(Touch.objects.values_list("step__key", "state"))
    assert (touches["minutes-left-10"], touches["result"]) == ("planned", "planned")
    assert touches["sold-out"] == "waiting"
    step = Touch.objects.get(step__key="sold-out").step_id
    unsaid = Delivery.objects.get(source_key__contains=f":{step}.")
    assert (unsaid.state, unsaid.reason) == ("cancelled", "not_sold_out")
    sale.refresh_from_db()
    assert (sale.sold_out_at, met()) == (None, [])


def test_a_sale_that_sells_out_again_stops_the_rest_again(open_sale, buy, ladder) -> None:
    sale = open_sale(stock=1, playbook=ladder)
    first = buy(sale)
    pay(first)
    tell_conditions(now=NOON)
    services.refund_order(order=first, actor=SYSTEM, now=NOON + SECOND, reason="x")
    pay(buy(sale))
    assert [tell_conditions(now=NOON + 2 * SECOND) for _ in range(2)] == [1, 0]
    touch = Touch.objects.get(step__key="minutes-left-10")
    assert (touch.state, touch.reason) == ("stopped", "sold_out")
    assert Delivery.objects.get(source_key=touch.source_key).state == "cancelled"


def test_a_refund_after_the_end_leaves_sold_out_as_it_was(open_sale, buy, ladder) -> None:
    sale = open_sale(stock=1, playbook=ladder)
    order = buy(sale)
    pay(order)
    tell_conditions(now=NOON)
    services.refund_order(order=order, actor=SYSTEM, now=sale.ends_at, reason="x")
    sale.refresh_from_db()
    assert (sale.sold_out_at, met()) == (NOON, ["sold_out"])


def test_sales_that_are_not_running_tell_nothing(open_sale, buy, ladder) -> None:
    sale = open_sale(stock=1, playbook=ladder)
    pay(buy(sale))
    services.cancel_flash_sale(sale=sale, actor=SYSTEM, now=NOON)
    assert tell_conditions(now=NOON) == 0
    assert tell_conditions(now=NOON + 3 * HOUR) == 0


def test_the_tick_tells_once_when_it_runs_twice(open_sale, buy, ladder, monkeypatch) -> None:
    sale = open_sale(stock=1, playbook=ladder)
    pay(buy(sale))
    monkeypatch.setattr("community_ops.common.clock.now", lambda: NOON)
    for _ in range(2):
        tasks.watch_sales()
    assert met() == ["sold_out"]


def test_a_message_goes_out_while_what_it_says_can_be_true(open_sale, buy) -> None:
    sale = open_sale(stock=1)
    end = sale.ends_at
    assert verdict(sale, NOON - HOUR) == "go"
    assert verdict(sale, NOON) == "go"
    assert verdict(sale, end, due_at=end - SECOND) == "sale_over"
    assert verdict(sale, end, due_at=end) == "go"  # the result
    buy(sale)
    assert verdict(sale, NOON) == "sold_out"
    assert verdict(sale, NOON + HOLD) == "go"  # what was not paid is free again


def test_the_result_of_a_sold_out_sale_goes_out_and_later_calls_do_not(open_sale, buy) -> None:
    sale = open_sale(stock=1)
    pay(buy(sale))
    tell_conditions(now=NOON + SECOND)
    assert verdict(sale, NOON + 2 * SECOND, due_at=NOON) == "sold_out"
    assert verdict(sale, NOON + 2 * SECOND, due_at=NOON + SECOND) == "go"


def test_messages_of_paused_cancelled_and_unknown_sales_are_dropped(open_sale, new_sale) -> None:
    paused, cancelled = open_sale(), open_sale()
    services.pause_flash_sale(sale=paused, actor=SYSTEM, now=NOON)
    services.cancel_flash_sale(sale=cancelled, actor=SYSTEM, now=NOON)
    found = [verdict(sale, NOON) for sale in (paused, cancelled, new_sale())]
    assert found == ["sale_paused", "sale_over", "sale_over"]
    cancelled.pk = 999_999_999
    assert verdict(cancelled, NOON) == "sale_over"


def test_texts_say_the_true_numbers_of_their_moment(sale, group, buy) -> None:
    pay(buy(sale))
    buy(sale)
    told = values(sale, group)
    assert {name: told[name] for name in ("stock", "sold", "held", "taken", "left")} == {
        "stock": "3", "sold": "1", "held": "1", "taken": "2", "left": "1",
    }  # fmt: skip
    assert values(sale, group, NOON + HOLD)["left"] == "2"
    assert (told["product"], told["price"], told["limit"]) == ("羊毛衫", "¥199.00", "2")
    assert (told["start_time"], told["end_time"], told["as_of"]) == ("20:00", "21:00", "20:00")
    assert (told["minutes_left"], values(sale, group, NOON - SECOND)["minutes_left"]) == ("60", "1")
    assert told["link"].endswith(f"/s/{sale.public_code}/")


def test_times_are_those_of_the_group_it_goes_to(sale, group) -> None:
    group.timezone = "Europe/London"
    group.save(update_fields=["timezone", "updated_at"])
    assert values(sale, group)["start_time"] == "12:00"


def test_every_name_has_a_value(sale, group) -> None:
    context = text_contexts.get("flash_sale")
    assert set(values(sale, group)) == context.names() == guards.NAMES


def test_the_built_in_ladder_asks_for_nothing_else(ladder) -> None:
    used = {name for step in ladder.steps.all() for text in step.texts.values() for name in names_in(text)}
    assert used <= guards.NAMES


def test_sold_out_is_not_said_any_more_when_pieces_came_back(sale, buy) -> None:
    orders = [buy(sale) for _ in range(3)]
    for order in orders:
        pay(order)
    sale.refresh_from_db()
    told = type(sale).objects.filter(pk=sale.pk)
    told.update(sold_out_at=NOON)
    assert verdict(sale, NOON + SECOND) == "go"
    services.refund_order(order=orders[0], actor=SYSTEM, now=NOON + SECOND, reason="x")
    told.update(sold_out_at=NOON)  # told by a look that began before the refund
    assert verdict(sale, NOON + SECOND) == "not_sold_out"
