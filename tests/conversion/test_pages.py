"""商品, 限时抢购, 抢购现场 and 订单, as people in their roles meet them."""

from datetime import date, time, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from campaigns.models import PlaybookRun
from community_ops.accounts.models import Role
from community_ops.common import clock
from conversion import services
from conversion.models import FlashSale, Order, Product
from groups.models import ChatGroup
from messaging import services as messaging
from messaging.models import Delivery
from tests.conversion.conftest import counts, make_group, terms_of
from tests.factories.people import SYSTEM, make_person

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
ENGLISH = {"Accept-Language": "en"}


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


def test_a_plan_says_what_is_known_and_names_the_rest(visit, product, group, ladder) -> None:
    answer = visit("sale_new", post=form_of(product, group, ladder, action="preview"), headers=ENGLISH)
    texts = {step["name"]: step["text"] for step in answer.context["plan"]}
    words = "\n".join(texts.values())
    assert "{" not in words
    assert all(known in words for known in ("羊毛衫", "¥199.00", "300"))
    assert "[link]" in words  # there is no page yet
    assert "[sold]" in texts["Result"]
    page = answer.content.decode()
    assert page.count(">Would go out<") == len(texts)
    assert ">Planned<" not in page


def test_the_plan_says_of_a_step_what_the_forecast_says(visit, workspace, product, group, ladder) -> None:
    hours = {"begins": time(0), "ends": time(23, 59), "from_on": date(2026, 1, 1), "until_on": None}
    messaging.create_quiet_hours(workspace_id=workspace.pk, **hours, actor=SYSTEM, now=clock.now())
    answer = visit("sale_new", post=form_of(product, group, ladder, action="preview"), headers=ENGLISH)
    held = {row["name"]: row["step"].unreached_count for row in answer.context["forecast"].steps}
    assert set(held.values()) == {0, 1}  # while the sale is on, its own messages go out
    assert ">Would not go out<" in answer.content.decode()
    for name, count in held.items():
        assert [bool(state["reason"]) for state in _states(answer, name)] == [bool(count)]


def _states(answer, name: str) -> list[dict[str, object]]:
    return next(step["states"] for step in answer.context["plan"] if step["name"] == name)


def test_the_plan_is_refused_exactly_as_saving_is(visit, product, group, ladder) -> None:
    wrong = form_of(product, group, ladder, ends_at="2099-11-21T19:00")
    errors = []
    for action in ("preview", "draft"):
        answer = visit("sale_new", post=wrong | {"action": action})
        assert (answer.status_code, "plan" in answer.context) == (422, False)
        errors.append(answer.context["form"].errors)
    assert errors[0] == errors[1]
    assert list(errors[0]) == ["ends_at"]
    assert not FlashSale.objects.exists()


def test_the_plan_comes_into_view(visit, product, group, ladder) -> None:
    page = visit("sale_new", post=form_of(product, group, ladder, action="preview")).content.decode()
    assert 'formaction="#plan"' in page
    assert 'id="plan"' in page


def test_a_price_above_the_regular_one_is_said_before_it_is_scheduled(visit, product, group, ladder) -> None:
    dear = form_of(product, group, ladder, price_amount="400", allow_registration="on")
    assert len(visit("sale_new", post=dear | {"action": "preview"}).context["warnings"]) == 1
    visit("sale_new", post=dear)
    assert len(visit("sale_detail", FlashSale.objects.get().pk).context["warnings"]) == 1
    fair = form_of(product, group, ladder, action="preview", allow_registration="on")
    assert visit("sale_new", post=fair).context["warnings"] == []


@pytest.mark.parametrize("missing", ["product", "group"])
def test_what_a_sale_needs_is_said_with_the_way_there(visit, product, group, missing) -> None:
    (Product if missing == "product" else ChatGroup).objects.update(archived_at=clock.now())
    page = visit("sale_new")
    url = reverse({"product": "conversion:product_list", "group": "groups:group_list"}[missing], args=page_slug(page))
    assert page.context["missing"]["action_url"] == url
    assert 'name="stock"' not in page.content.decode()


def page_slug(page) -> list[str]:
    return [page.context["request"].workspace.slug]


def test_a_draft_has_no_clock_and_can_be_edited(visit, product, group, ladder) -> None:
    visit("sale_new", post=form_of(product, group, ladder))
    sale = FlashSale.objects.get()
    page = visit("sale_detail", sale.pk).content.decode()
    edit_url = reverse("conversion:sale_edit", args=[sale.workspace.slug, sale.pk])
    assert "data-countdown" not in page
    assert edit_url in page
    shown = visit("sale_edit", sale.pk)
    assert 'value="2099-11-21T20:00"' in shown.content.decode()
    assert shown.context["form"].initial["price_amount"] == "199.00"
    answer = visit("sale_edit", sale.pk, post=form_of(product, group, ladder, stock=30, price_amount="189"))
    assert answer.status_code == 302
    sale.refresh_from_db()
    assert (counts(sale).stock, sale.items.get().price_amount) == (30, 18900)
    assert sale.starts_at.isoformat() == "2099-11-21T12:00:00+00:00"
    wrong = visit("sale_edit", sale.pk, post=form_of(product, group, ladder, ends_at="2099-11-21T19:00"))
    assert (wrong.status_code, list(wrong.context["form"].errors)) == (422, ["ends_at"])
    assert counts(sale).stock == 30


def test_a_scheduled_sale_is_not_edited(visit, live, product, group, ladder) -> None:
    for post in (None, form_of(product, group, ladder)):
        assert visit("sale_edit", live.pk, post=post).url.endswith(f"/flash-sales/{live.pk}/")
    live.refresh_from_db()
    assert (counts(live).stock, live.name) == (3, "羊毛衫")


@pytest.mark.parametrize("is_cancelled", [False, True])
def test_what_never_came_did_not_happen(visit, live, monkeypatch, is_cancelled) -> None:
    def said() -> list[bool]:
        page = visit("sale_detail", live.pk, headers=ENGLISH).content.decode()
        return [words in page for words in (">Waits for its condition<", ">Did not happen<")]

    assert said() == [True, False]
    if is_cancelled:
        services.cancel_flash_sale(sale=live, actor=SYSTEM, now=clock.now())
        assert said() == [False, False]  # the messages were called off
    else:
        monkeypatch.setattr("community_ops.common.clock.now", lambda: live.ends_at)
        assert said() == [False, True]


def test_the_button_has_the_name_the_words_give_it(visit, product, group, ladder) -> None:
    page = visit("sale_new", post=form_of(product, group, ladder))
    sale = FlashSale.objects.get()
    shown = visit("sale_detail", sale.pk)
    (schedule,) = (one for one in shown.context["dialogs"] if one["id"] == "ask-schedule")
    assert page.status_code == 302
    assert f"“{schedule['label']}”" in shown.content.decode()


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


@pytest.mark.parametrize("verb", ["pay", "cancel", "accept", "refund"])
def test_what_cannot_be_undone_is_asked_first(visit, live, member, verb) -> None:
    order = bought(live, member)
    for headers in (None, HTMX):
        page = visit(f"order_{verb}", order.pk, headers=headers, back="sale")
        assert page.context["dialog"]["hidden"] == {"back": "sale"}
        assert all(fact in page.content.decode() for fact in ("李姐", "¥199.00"))
        assert ('name="reason"' in page.content.decode()) is (verb == "refund")
        assert ("<html" in page.content.decode()) is (headers is None)
    assert Order.objects.get().state == "held"


@pytest.mark.parametrize("verb", ["cancel", "accept"])
def test_the_question_names_the_order_and_its_pieces(visit, live, member, verb) -> None:
    order = bought(live, member, 2)
    facts = visit(f"order_{verb}", order.pk).context["dialog"]["facts"]
    assert [fact["value"] for fact in facts] == [order.pk, "李姐", "羊毛衫", "2", "¥398.00"]


def test_a_row_asks_before_its_order_is_cancelled(visit, live, member) -> None:
    order = bought(live, member)
    row = visit("order_list").context["rows"][0]
    assert [(one["url"].split("/")[-2], one["asks"]) for one in row["buttons"]] == [("pay", True), ("cancel", True)]
    url = reverse("conversion:order_cancel", args=[live.workspace.slug, order.pk])
    assert f'hx-post="{url}"' not in visit("order_list").content.decode()


@pytest.mark.parametrize(("mode", "is_said"), [("sandbox", True), ("manual", False)])
def test_an_order_paid_by_simulation_is_marked_as_such(visit, live, member, mode, is_said) -> None:
    FlashSale.objects.filter(pk=live.pk).update(payment_mode=mode)
    order = bought(live, member)
    assert visit("order_list").context["rows"][0]["is_simulated"] is False
    services.pay_order(order=order, actor=SYSTEM, now=clock.now())
    page = visit("order_list", headers=ENGLISH)
    assert page.context["rows"][0]["is_simulated"] is is_said
    assert (">Simulated<" in page.content.decode()) is is_said


def test_a_late_payment_is_decided_in_its_row(visit, live, member, monkeypatch) -> None:
    order = bought(live, member)
    later = clock.now() + timedelta(seconds=901)
    monkeypatch.setattr("community_ops.common.clock.now", lambda: later)
    row = visit("order_pay", order.pk, post={}, headers=HTMX).context["row"]
    assert [one["url"].split("/")[-2] for one in row["buttons"]] == ["accept", "refund"]
    row = visit("order_accept", order.pk, post={"back": "sale"}, headers=HTMX).context["row"]
    assert (row["state"], [one["asks"] for one in row["buttons"]]) == ("paid", [False, True])
    assert visit("order_fulfil", order.pk, post={}, headers=HTMX).context["row"]["state"] == "fulfilled"
    visit("order_refund", order.pk, post={"reason": " "})
    assert Order.objects.get().state == "fulfilled"
    assert visit("order_refund", order.pk, post={"reason": "破损", "back": "sale"}).status_code == 302
    row = visit("order_accept", order.pk, post={}, headers=HTMX).context["row"]
    assert (row["state"], row["buttons"]) == ("refunded", [])


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
    of_orders = [(f"order_{verb}", order.pk) for verb in ("pay", "accept", "fulfil", "refund", "cancel")]
    of_sales = [(f"sale_{verb}", live.pk) for verb in ("pause", "cancel", "edit", "registration")]
    for name, pk in (*of_sales, *of_orders):
        url = reverse(f"conversion:{name}", args=[viewer.workspace.slug, pk])
        assert client.post(url, {"reason": "x", "allowed": "1"}).status_code == 403
    order.refresh_from_db()
    live.refresh_from_db()
    assert (order.state, live.state, live.paused_at, live.allow_registration) == ("held", "scheduled", None, False)


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


@pytest.mark.parametrize("field", ["starts_at", "ends_at"])
@pytest.mark.parametrize("moment", ["0001-01-01T00:00", "9999-12-31T23:59"])
def test_times_outside_the_calendar_are_refused_at_the_field(
    visit, product, group, ladder, live, field, moment
) -> None:
    form = form_of(product, group, ladder, **{field: moment})
    for answer in (
        visit("sale_new", post=form),
        visit("sale_move", live.pk, post={"starts_at": form["starts_at"], "ends_at": form["ends_at"], "reason": "x"}),
    ):
        assert answer.status_code == 422
        assert field in answer.context["form"].errors
    assert FlashSale.objects.count() == 1


def test_a_move_form_left_as_it_was_changes_nothing(visit, live) -> None:
    page = visit("sale_move", live.pk)
    form = page.context["form"]
    typed = {name: form[name].value() for name in ("starts_at", "ends_at")}
    before = FlashSale.objects.get()
    visit("sale_move", live.pk, post=typed | {"reason": "x"})
    after = FlashSale.objects.get()
    assert (after.starts_at, after.ends_at) == (before.starts_at, before.ends_at)


@pytest.mark.parametrize("reason", ["a\x07b", "a\u202eb"])
def test_a_reason_with_marks_nobody_sees_moves_nothing(visit, live, reason) -> None:
    before = FlashSale.objects.get().ends_at
    typed = {"starts_at": "2099-01-01T00:00", "ends_at": "2099-01-02T00:00", "reason": reason}
    assert visit("sale_move", live.pk, post=typed).status_code == 422
    assert FlashSale.objects.get().ends_at == before
