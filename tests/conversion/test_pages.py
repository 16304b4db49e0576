"""商品, 限时抢购, 抢购现场 and 订单, as people in their roles meet them."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from campaigns.models import PlaybookRun
from community_ops.accounts.models import Role
from community_ops.common import clock
from conversion import services
from conversion.models import FlashSale, Order, Product
from messaging.models import Delivery
from tests.conversion.conftest import counts, make_group, terms_of
from tests.factories.people import SYSTEM, make_person

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def visit(owner, signed_in):
    """The owner's browser: visit("sale_detail", sale.pk)."""
    client = signed_in(owner)

    def ask(name: str, *args: int, post=None, headers=None, **query):
        url = reverse(f"conversion:{name}", args=[owner.workspace.slug, *args])
        if post is not None:
            return client.post(url, post, headers=headers)
        return client.get(url, query, headers=headers)

    return ask


@pytest.fixture
def live(product, group, ladder) -> FlashSale:
    """Open at this moment."""
    now = clock.now()
    terms = terms_of(product, group, starts_at=now, ends_at=now + timedelta(hours=1), playbook=ladder)
    sale = services.create_flash_sale(terms=terms, actor=SYSTEM, now=now)
    services.schedule_flash_sale(sale=sale, actor=SYSTEM, now=now)
    return sale


def bought(live, member, quantity=1) -> Order:
    return services.place_order(sale=live, member=member, quantity=quantity, actor=SYSTEM, now=clock.now())


def form_of(product, group, ladder, **changes) -> dict[str, object]:
    return {
        "product": product.pk, "groups": [group.pk], "starts_at": "2099-11-21T20:00", "ends_at": "2099-11-21T22:00",
        "stock": 300, "limit_per_member": 2, "price_amount": "199", "hold_minutes": 15, "playbook": ladder.pk,
        "payment_mode": "manual", "name": "",
    } | changes  # fmt: skip


@pytest.mark.parametrize("name", ["product_list", "sale_list", "sale_new", "order_list"])
@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_empty_pages_say_what_comes_next(visit, name, language) -> None:
    assert visit(name, headers={"Accept-Language": language}).status_code == 200


def test_a_product_is_added_and_its_price_changed(visit) -> None:
    assert visit("product_list", post={"name": "围巾", "price_amount": "99.5", "currency": "cny"}).status_code == 302
    product = Product.objects.get()
    assert (product.currency, product.variants.get().price_amount) == ("CNY", 9950)
    assert "围巾" in visit("product_list").content.decode()
    answer = visit("product_detail", product.pk, post={"price_amount": "89", "reason": "换季"})
    assert answer.status_code == 302
    assert "¥89.00" in visit("product_detail", product.pk).content.decode()


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", ""), ("name", "a\x00b"), ("price_amount", "1.005"), ("price_amount", "0"), ("currency", "XXX")],
)
def test_a_bad_product_is_refused_at_its_field(visit, field, value) -> None:
    answer = visit("product_list", post={"name": "围巾", "price_amount": "99", "currency": "CNY"} | {field: value})
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert not Product.objects.exists()


def test_the_plan_is_shown_before_anything_is_written(visit, product, group, ladder) -> None:
    answer = visit("sale_new", post=form_of(product, group, ladder, action="preview"))
    assert answer.status_code == 200
    assert len(answer.context["plan"]) == ladder.steps.count()
    assert not FlashSale.objects.exists()
    assert not Delivery.objects.exists()


def test_a_draft_is_scheduled_after_its_plan_was_seen(visit, product, group, ladder) -> None:
    visit("sale_new", post=form_of(product, group, ladder, action="draft"))
    sale = FlashSale.objects.get()
    assert sale.starts_at.isoformat() == "2099-11-21T12:00:00+00:00"  # 20:00 in Shanghai
    assert (sale.state, sale.hold_seconds, counts(sale).stock) == ("draft", 900, 300)
    draft = visit("sale_detail", sale.pk)
    assert len(draft.context["steps"]) == ladder.steps.count()
    assert not any("{" in step["text"] for step in draft.context["steps"])
    assert not PlaybookRun.objects.exists()
    visit("sale_schedule", sale.pk, post={})
    assert PlaybookRun.objects.get().subject_id == sale.pk
    assert len(visit("sale_detail", sale.pk).context["steps"]) == ladder.steps.count()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("stock", "-1"),
        ("stock", str(10**12)),
        ("price_amount", "1.005"),
        ("limit_per_member", "0"),
        ("hold_minutes", "0"),
        ("starts_at", "2020-01-01T00:00"),
        ("ends_at", "2020-01-01T00:00"),
        ("product", "999999999"),
        ("groups", ["999999999"]),
        ("playbook", "999999999"),
        ("name", "\x1b[31m"),
    ],
)
def test_a_bad_sale_is_refused_at_its_field(visit, product, group, ladder, field, value) -> None:
    answer = visit("sale_new", post=form_of(product, group, ladder) | {field: value})
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert not FlashSale.objects.exists()


def test_the_control_room_shows_what_is_true(visit, live, member, new_member) -> None:
    services.pay_order(order=bought(live, member), actor=SYSTEM, now=clock.now())
    bought(live, new_member())
    answer = visit("sale_detail", live.pk)
    assert answer.context["gauge"] == {"sold": 1, "held": 1, "left": 1}
    assert "李姐" in answer.content.decode()
    fragment = visit("sale_detail", live.pk, headers=HTMX)
    assert fragment.context["gauge"] == {"sold": 1, "held": 1, "left": 1}
    assert "<html" not in fragment.content.decode()


def test_pause_and_go_on_want_a_reason(visit, live) -> None:
    visit("sale_pause", live.pk, post={"reason": " "})
    live.refresh_from_db()
    assert live.paused_at is None
    visit("sale_pause", live.pk, post={"reason": "价格写错了"})
    live.refresh_from_db()
    assert live.pause_reason == "价格写错了"
    assert "价格写错了" in visit("sale_detail", live.pk).content.decode()
    visit("sale_resume", live.pk, post={"reason": "改好了"})
    live.refresh_from_db()
    assert live.paused_at is None


def test_cancelling_says_how_many_orders_it_touches(visit, live, member) -> None:
    bought(live, member)
    (cancel,) = (one for one in visit("sale_detail", live.pk).context["dialogs"] if one["id"] == "ask-cancel")
    assert "1" in cancel["text"]
    visit("sale_cancel", live.pk, post={"reason": "停产"})
    assert Order.objects.get().state == "cancelled"
    assert visit("sale_detail", live.pk).context["dialogs"] == []


def test_a_sale_is_moved_with_its_reason(visit, live) -> None:
    shown = visit("sale_move", live.pk).context["form"].initial
    changed = {"starts_at": shown["starts_at"], "ends_at": "2099-01-01T20:00", "reason": "再给一天"}
    assert visit("sale_move", live.pk, post=changed).status_code == 302
    moved = FlashSale.objects.get()
    assert (moved.starts_at, moved.ends_at.year) == (live.starts_at, 2099)  # the seconds of the start are kept
    assert visit("sale_move", live.pk, post=changed | {"starts_at": "2098-01-01T20:00"}).status_code == 422


def test_orders_are_paid_and_cancelled_in_the_row(visit, live, member, new_member) -> None:
    first, second = bought(live, member), bought(live, new_member())
    answer = visit("order_pay", first.pk, post={}, headers=HTMX)
    assert f'id="order-{first.pk}"' in answer.content.decode()
    assert answer.context["row"]["state"] == "paid"
    assert visit("order_cancel", second.pk, post={"back": "sale"}).url.endswith(f"/flash-sales/{live.pk}/")
    answer = visit("order_pay", second.pk, post={}, headers=HTMX)  # too late: refused, and said
    assert answer.context["row"]["state"] == "cancelled"
    assert "toast" in answer.content.decode()


def test_orders_are_filtered_by_their_address(visit, live, member) -> None:
    bought(live, member)
    for query, count in (({"state": "held"}, 1), ({"state": "paid"}, 0), ({"sale": 999}, 0), ({"state": "x"}, 1)):
        assert len(visit("order_list", **query).context["rows"]) == count


@pytest.mark.parametrize(
    ("role", "name", "status"),
    [
        (Role.VIEWER, "sale_detail", 200),
        (Role.MODERATOR, "sale_detail", 200),
        (Role.VIEWER, "sale_new", 403),
        (Role.MODERATOR, "sale_new", 403),
        (Role.HELPER, "sale_detail", 404),  # not a group of hers
    ],
)
def test_roles_are_held(live, signed_in, workspace, role, name, status) -> None:
    args = [live.pk] if name == "sale_detail" else []
    url = reverse(f"conversion:{name}", args=[workspace.slug, *args])
    assert signed_in(make_person(workspace, role)).get(url).status_code == status


def test_a_viewer_changes_nothing(live, member, signed_in, viewer) -> None:
    order, client = bought(live, member), signed_in(viewer)
    for name, pk in (("sale_pause", live.pk), ("sale_cancel", live.pk), ("order_pay", order.pk)):
        url = reverse(f"conversion:{name}", args=[viewer.workspace.slug, pk])
        assert client.post(url, {"reason": "x"}).status_code == 403
    order.refresh_from_db()
    live.refresh_from_db()
    assert (order.state, live.state, live.paused_at) == ("held", "scheduled", None)


def test_lists_ask_the_same_for_one_and_for_many(visit, product, group, new_member) -> None:
    def add() -> None:
        now = clock.now()
        terms = terms_of(product, group, starts_at=now, ends_at=now + timedelta(hours=1))
        sale = services.create_flash_sale(terms=terms, actor=SYSTEM, now=now)
        services.schedule_flash_sale(sale=sale, actor=SYSTEM, now=now)
        for _ in range(2):
            services.place_order(sale=sale, member=new_member(), quantity=1, actor=SYSTEM, now=now)

    def queries() -> list[int]:
        asked = []
        for name, args in (("sale_list", []), ("order_list", []), ("sale_detail", [FlashSale.objects.first().pk])):
            with CaptureQueriesContext(connection) as found:
                visit(name, *args)
            asked.append(len(found))
        return asked

    add()
    one = queries()
    for _ in range(4):
        add()
    assert queries() == one


def test_the_ladder_counts_groups_and_comes_by_itself(visit, product, group, ladder) -> None:
    now, second = clock.now(), make_group(group.community, "二群")
    terms = terms_of(product, group, second, starts_at=now, ends_at=now + timedelta(hours=1), playbook=ladder)
    sale = services.create_flash_sale(terms=terms, actor=SYSTEM, now=now)
    services.schedule_flash_sale(sale=sale, actor=SYSTEM, now=now)
    Delivery.objects.filter(target_id=second.pk).update(state="failed", reason="refused")

    page = visit("sale_detail", sale.pk, headers=HTMX | {"HX-Target": "ladder"})

    assert page.templates[0].name == "conversion/_ladder.html"
    steps = {step["name"]: step for step in page.context["steps"]}
    assert len(steps) == len(page.context["steps"])
    start = next(step for step in page.context["steps"] if step["states"][0]["count"] == 1)
    assert (start["groups"], len(start["states"])) == (["一群", "二群"], 2)
    assert sum(state["count"] for state in start["states"]) == 2


def test_a_planned_message_is_read_with_the_names_of_its_numbers(visit, live, owner, signed_in) -> None:
    planned = Delivery.objects.filter(message__text__contains="{left}").first()
    tab, address = signed_in(owner), reverse("messaging:delivery", args=[owner.workspace.slug, planned.pk])
    page = tab.get(address, headers={"Accept-Language": "zh-hans"}).content.decode()
    assert "［剩余件数］" in page
    assert "{left}" not in page
    Delivery.objects.filter(pk=planned.pk).update(sent_text="还剩 3 件", state="accepted")
    assert "还剩 3 件" in tab.get(address).content.decode()
