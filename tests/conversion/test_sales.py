"""The life of a sale: draft, scheduled with its ladder, moved, paused, resumed, cancelled."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from campaigns.models import PlaybookRun, Touch
from campaigns.selectors import find_last_run, find_live_run
from community_ops.common.errors import InvalidInput, InvalidTransition
from community_ops.common.models import AuditEntry
from conversion import services
from conversion.models import FlashSale, Order, SaleItem
from messaging.models import Delivery
from tests.conversion.conftest import adds_up, counts, make_community, make_group, make_product, terms_of
from tests.factories.people import SYSTEM
from tests.moments import NOON

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def run_of(sale):
    return find_last_run(workspace_id=sale.workspace_id, subject_kind="flash_sale", subject_id=sale.pk)


def change(verb, sale, now=NOON, **more):
    return getattr(services, f"{verb}_flash_sale")(sale=sale, actor=SYSTEM, now=now, **more)


def test_a_new_sale_is_a_draft_with_all_its_stock(new_sale) -> None:
    sale = new_sale()
    assert (sale.state, sale.name, sale.currency) == ("draft", "羊毛衫", "CNY")
    assert counts(sale).left == counts(sale).stock == 3
    assert not PlaybookRun.objects.exists()
    assert not Delivery.objects.exists()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"stock": 0}, "stock"),
        ({"stock": 1_000_001}, "stock"),
        ({"limit_per_member": 0}, "limit_per_member"),
        ({"hold_seconds": 9}, "hold_seconds"),
        ({"hold_seconds": 86_401}, "hold_seconds"),
        ({"price_amount": 0}, "price_amount"),
        ({"currency": "GBP"}, "currency"),
        ({"starts_at": NOON - timedelta(seconds=61)}, "starts_at"),
        ({"ends_at": NOON}, "ends_at"),
        ({"payment_mode": "alipay"}, "payment_mode"),
        ({"name": "x" * 201}, "name"),
    ],
)
def test_nothing_is_written_when_a_sale_cannot_be(new_sale, changes, field) -> None:
    with pytest.raises(InvalidInput) as refused:
        new_sale(**changes)
    assert refused.value.field == field
    assert not FlashSale.objects.exists()
    assert not SaleItem.objects.exists()


def test_a_sale_needs_groups_of_one_community(workspace, product, group) -> None:
    other = make_group(make_community(workspace, name="别的社群"))
    for groups in ([], [group, other]):
        with pytest.raises(InvalidInput) as refused:
            services.create_flash_sale(terms=terms_of(product, *groups), actor=SYSTEM, now=NOON)
        assert refused.value.field == "groups"
    assert not FlashSale.objects.exists()


def test_an_archived_product_is_not_sold_again(product, new_sale) -> None:
    services.archive_product(product=product, actor=SYSTEM, now=NOON)
    with pytest.raises(InvalidInput) as refused:
        new_sale()
    assert refused.value.field == "product"


def test_a_draft_is_written_anew(workspace, product, group, new_sale, ladder) -> None:
    sale, other = new_sale(), make_group(group.community, "二群")
    scarf, code = make_product(workspace, "围巾"), sale.public_code
    terms = terms_of(scarf, other, stock=9, price_amount=8900, limit_per_member=None, playbook=ladder, name="返场")
    for _ in range(2):
        services.update_flash_sale_draft(sale=sale, terms=terms, actor=SYSTEM, now=NOON)
    stored = FlashSale.objects.get()
    assert services.terms_of(stored) == services.terms_of(sale) == replace(terms, groups=[other])
    assert (stored.public_code, adds_up(stored).left) == (code, 9)
    assert AuditEntry.objects.filter(verb="flash_sale.edited").count() == 1


@pytest.mark.parametrize("state", ["scheduled", "cancelled"])
def test_only_a_draft_is_written_anew(new_sale, product, group, state) -> None:
    sale = new_sale()
    change("schedule" if state == "scheduled" else "cancel", sale)
    before = services.terms_of(sale)
    with pytest.raises(InvalidTransition):
        services.update_flash_sale_draft(sale=sale, terms=terms_of(product, group, stock=9), actor=SYSTEM, now=NOON)
    assert services.terms_of(FlashSale.objects.get()) == before
    assert not AuditEntry.objects.filter(verb="flash_sale.edited").exists()


@pytest.mark.parametrize("changes", [{"stock": 0}, {"ends_at": NOON}, {"starts_at": NOON - HOUR}])
def test_a_draft_is_not_written_anew_by_what_a_sale_cannot_be(new_sale, product, group, changes) -> None:
    sale = new_sale()
    before = services.terms_of(sale)
    terms = terms_of(product, group, **changes)
    for attempt in (services.refuse_bad_sale, partial(services.update_flash_sale_draft, sale=sale, actor=SYSTEM)):
        with pytest.raises(InvalidInput) as refused:
            attempt(terms=terms, now=NOON)
        assert [refused.value.field] == list(changes)
    assert services.terms_of(FlashSale.objects.get()) == before


def test_a_start_a_minute_ago_means_now(new_sale) -> None:
    assert new_sale(starts_at=NOON - timedelta(seconds=59)).starts_at == NOON


def test_scheduling_plans_the_ladder_once(new_sale, ladder, group) -> None:
    second = make_group(group.community, "二群")
    sale = new_sale(group, second, starts_at=NOON + DAY, ends_at=NOON + DAY + HOUR, playbook=ladder)
    for _ in range(2):
        assert [warning["code"] for warning in change("schedule", sale)] == ["needs_people", "nobody_can_buy"]
    run = run_of(sale)
    assert (run.starts_at, run.ends_at) == (sale.starts_at, sale.ends_at)
    assert Touch.objects.filter(run=run).count() == ladder.steps.count() * 2
    assert Delivery.objects.filter(subject_kind="flash_sale", subject_id=sale.pk).exists()
    assert AuditEntry.objects.filter(verb="flash_sale.scheduled").count() == 1


def test_past_touches_are_skipped_when_a_sale_starts_at_once(open_sale, ladder) -> None:
    run = run_of(open_sale(playbook=ladder))
    states = dict(Touch.objects.filter(run=run).values_list("step__key", "state"))
    assert (states["morning"], states["start"], states["sold-out"]) == ("skipped", "planned", "waiting")


def test_a_sale_without_a_ladder_sends_nothing(open_sale) -> None:
    sale = open_sale(playbook=None)
    assert run_of(sale) is None
    assert not Delivery.objects.exists()


def test_warnings_stand_beside_success(workspace, group, ladder) -> None:
    cheap = make_product(workspace, "便宜货", price=19900)
    group.endpoint = None
    group.save(update_fields=["endpoint", "updated_at"])
    sale = services.create_flash_sale(terms=terms_of(cheap, group, playbook=ladder), actor=SYSTEM, now=NOON)
    warnings = change("schedule", sale)
    assert [warning["code"] for warning in warnings] == ["no_endpoint", "price_not_lower", "nobody_can_buy"]
    assert sale.state == "scheduled"


def test_a_draft_whose_end_is_past_is_not_scheduled(new_sale) -> None:
    sale = new_sale()
    with pytest.raises(InvalidTransition):
        change("schedule", sale, now=NOON + HOUR)
    sale.refresh_from_db()
    assert sale.state == "draft"


def test_moving_a_sale_moves_its_ladder(open_sale, ladder) -> None:
    sale = open_sale(starts_at=NOON + DAY, ends_at=NOON + DAY + HOUR, playbook=ladder)
    before = dict(Delivery.objects.values_list("source_key", "due_at"))
    for _ in range(2):
        change("reschedule", sale, starts_at=NOON + DAY + HOUR, ends_at=NOON + DAY + 3 * HOUR, reason="仓库晚到")
    run = run_of(sale)
    assert (run.starts_at, run.ends_at) == (NOON + DAY + HOUR, NOON + DAY + 3 * HOUR)
    start = Touch.objects.get(run=run, step__key="start")
    assert (start.due_at, Delivery.objects.get(source_key=start.source_key).due_at) == (run.starts_at, run.starts_at)
    assert before[start.source_key] == NOON + DAY
    assert AuditEntry.objects.get(verb="flash_sale.moved").reason == "仓库晚到"


def test_a_started_sale_only_moves_its_end(sale) -> None:
    change("reschedule", sale, now=NOON + HOUR / 2, starts_at=NOON, ends_at=NOON + 2 * HOUR)
    assert sale.ends_at == NOON + 2 * HOUR
    with pytest.raises(InvalidTransition):
        change("reschedule", sale, now=NOON + HOUR, starts_at=NOON + HOUR, ends_at=NOON + 2 * HOUR)
    with pytest.raises(InvalidInput):
        change("reschedule", sale, now=NOON + HOUR, starts_at=NOON, ends_at=NOON + HOUR)
    with pytest.raises(InvalidTransition):
        change("reschedule", sale, now=NOON + 2 * HOUR, starts_at=NOON, ends_at=NOON + 3 * HOUR)
    sale.refresh_from_db()
    assert (sale.starts_at, sale.ends_at) == (NOON, NOON + 2 * HOUR)


def test_a_pause_has_its_reason_and_twice_is_once(sale) -> None:
    for reason in ("价格写错了", "又点了一次"):
        change("pause", sale, reason=reason)
    assert (sale.paused_at, sale.pause_reason) == (NOON, "价格写错了")
    for _ in range(2):
        change("resume", sale, now=NOON + HOUR / 2, reason="改好了")
    assert (sale.paused_at, sale.pause_reason) == (None, "")
    verbs = AuditEntry.objects.filter(verb__in=["flash_sale.paused", "flash_sale.resumed"]).order_by("id")
    assert [(row.verb, row.reason) for row in verbs] == [
        ("flash_sale.paused", "价格写错了"),
        ("flash_sale.resumed", "改好了"),
    ]


@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_drafts_and_sales_that_are_over_are_not_paused(new_sale, open_sale, verb) -> None:
    draft, over, cancelled = new_sale(), open_sale(), open_sale()
    change("cancel", cancelled)
    for sale, now in ((draft, NOON), (over, NOON + HOUR), (cancelled, NOON)):
        with pytest.raises(InvalidTransition):
            change(verb, sale, now=now)
    assert not AuditEntry.objects.filter(verb=f"flash_sale.{verb}d").exists()


def test_cancelling_stops_the_ladder_and_frees_what_is_held(open_sale, buy, ladder) -> None:
    sale = open_sale(playbook=ladder, ends_at=NOON + DAY)
    paid, held = buy(sale), buy(sale)
    services.pay_order(order=paid, actor=SYSTEM, now=NOON)
    for _ in range(2):
        change("cancel", sale, reason="供应商停产")
    assert sorted(Order.objects.values_list("state", flat=True)) == ["cancelled", "paid"]
    assert (adds_up(sale).sold, adds_up(sale).left) == (1, 2)
    assert find_live_run(workspace_id=sale.workspace_id, subject_kind="flash_sale", subject_id=sale.pk) is None
    assert not Delivery.objects.filter(subject_id=sale.pk, state="planned").exists()
    entry = AuditEntry.objects.get(verb="flash_sale.cancelled")
    assert (entry.reason, entry.after["cancelled_orders"]) == ("供应商停产", 1)
    assert AuditEntry.objects.get(verb="order.cancelled").target_id == str(held.pk)


def test_what_is_over_is_not_cancelled(sale) -> None:
    with pytest.raises(InvalidTransition):
        change("cancel", sale, now=NOON + HOUR)
    sale.refresh_from_db()
    assert sale.state == "scheduled"


def test_a_cancelled_sale_is_not_scheduled_again(new_sale) -> None:
    sale = new_sale()
    change("cancel", sale)
    with pytest.raises(InvalidTransition):
        change("schedule", sale)
    with pytest.raises(InvalidTransition):
        change("reschedule", sale, starts_at=NOON + DAY, ends_at=NOON + 2 * DAY)
