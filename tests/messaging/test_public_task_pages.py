"""The phone of whoever works by hand: her link, her list, and a card from copying to taking back."""

import io
import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import translation
from PIL import Image

from community_ops.common import assets, clock
from community_ops.common.models import Asset, AuditEntry
from messaging import services
from messaging.assignee_links import COOKIE
from messaging.models import Assignee, Delivery, HumanTask, TaskItem, TaskKind
from messaging.ports import PAUSED, Verdict, text_contexts
from messaging.services import NewItem
from messaging.task_policies import ANSWERS
from tests.factories.people import SYSTEM
from tests.moments import NOON

pytestmark = pytest.mark.django_db
GROUPS = ("晨跑 1 群", "晨跑 2 群", "晨跑 3 群")


@pytest.fixture(autouse=True)
def at(monkeypatch):
    """The product's clock: at noon, and set by calling it."""
    now = [NOON]
    monkeypatch.setattr(clock, "now", lambda: now[0])

    def go(**delta: float) -> None:
        now[0] = NOON + timedelta(**delta)

    return go


@pytest.fixture
def phone(person) -> Client:
    return opened(person)


def opened(person: Assignee) -> Client:
    """A phone on which this person has opened her link."""
    client = Client(headers={"accept-language": "en"})
    code = services.issue_link(assignee=person, actor=SYSTEM, now=NOON)
    assert client.get(f"/t/{code}").url == "/t/"
    return client


@pytest.fixture
def new_task(person):
    def make(kind: str = "message", *labels: str, **facts) -> HumanTask:
        values = {"title": "晚上的事", "due_at": NOON, "text": "快来" if kind in ("message", "moments") else ""}
        items = [NewItem(label) for label in labels]
        values["zone"] = "UTC"
        return services.create_task(assignee=person, kind=kind, items=items, actor=SYSTEM, now=NOON, **values | facts)

    return make


def url(task: HumanTask, action: str = "") -> str:
    return f"/t/{task.pk}/{action}"


def text_of(answer) -> str:
    return answer.content.decode()


def ids(task: HumanTask) -> list[int]:
    return list(task.items.order_by("pk").values_list("pk", flat=True))


def states(task: HumanTask) -> list[str]:
    return list(task.items.order_by("pk").values_list("state", flat=True))


def picture(name: str = "qr.png") -> SimpleUploadedFile:
    data = io.BytesIO()
    Image.new("RGB", (60, 60), "red").save(data, "PNG")
    return SimpleUploadedFile(name, data.getvalue(), content_type="image/png")


# --- the link ----------------------------------------------------------------------------------------


def test_a_link_opens_the_list_and_ends_when_it_is_revoked(person, phone) -> None:
    assert phone.get("/t/").status_code == 200
    services.revoke_link(assignee=person, actor=SYSTEM, now=NOON)
    answer = phone.get("/t/")
    assert answer.status_code == 403
    assert "personal link" in text_of(answer)


def test_a_new_link_ends_the_phones_of_the_old_one(person, phone) -> None:
    services.issue_link(assignee=person, actor=SYSTEM, now=NOON)
    assert phone.get("/t/").status_code == 403


def test_wrong_and_forged_links_open_nothing(person, phone, card) -> None:
    assert Client().get("/t/wrong-code").status_code == 404
    assert Client().get("/t/").status_code == 403
    forged = Client()
    forged.cookies[COOKIE] = phone.cookies[COOKIE].value.replace(":", "x:", 1)
    assert forged.get("/t/").status_code == 403
    for action in ("copy/", "done/", "undo/", "leave-out/", "hand-on/"):
        assert Client().post(url(card, action)).status_code == 403
    assert states(card) == ["open"] * 3


def test_signing_out_forgets_the_link_on_this_phone_only(person, phone) -> None:
    phone.post("/t/sign-out/")
    assert phone.get("/t/").status_code == 403
    assert Assignee.objects.get().link_digest


def test_a_colleagues_card_is_not_found(new_person, card) -> None:
    colleague = opened(new_person("小周"))
    before = AuditEntry.objects.count()
    assert colleague.get(url(card)).status_code == 404
    for action in ("copy/", "done/", "undo/", "leave-out/", "hand-on/"):
        assert colleague.post(url(card, action), {"items": ids(card)}).status_code == 404
    assert states(card) == ["open"] * 3
    assert AuditEntry.objects.count() == before


# --- the list ----------------------------------------------------------------------------------------


def test_the_list_shows_late_ones_first_then_due_later_and_ended(phone, person, card, plan, new_task, at) -> None:
    late = new_task("payment", facts={"order": "#1", "amount": "9.90", "currency": "CNY"}, title="核款", due_at=NOON)
    HumanTask.objects.filter(pk=late.pk).update(
        due_at=NOON + timedelta(seconds=30), latest_at=NOON + timedelta(seconds=50)
    )
    plan(person.endpoint, due_at=NOON + timedelta(hours=2), text="明早开门", origin_id=5)
    ended = new_task(title="做完的")
    services.finish_items(task=ended, actor=SYSTEM, now=NOON)
    at(minutes=1)
    answer = phone.get("/t/")
    assert [row["task"].pk for row in answer.context["due"]] == [late.pk, card.pk]
    assert [row["title"] for row in answer.context["later"]] == ["明早开门"]
    assert [row["task"].pk for row in answer.context["done"]] == [ended.pk]
    assert "3 groups" in text_of(answer)


def test_an_empty_list_says_what_comes_next(phone, person, plan) -> None:
    assert "Nothing is planned" in text_of(phone.get("/t/"))
    plan(person.endpoint, due_at=NOON + timedelta(hours=2), text="明早开门", zone="Asia/Shanghai")
    assert "Next: 22:00 明早开门" in text_of(phone.get("/t/"))


def test_what_comes_later_is_told_in_its_own_time_zone_as_on_its_card(phone, person, plan, new_task) -> None:
    plan(person.endpoint, due_at=NOON + timedelta(hours=1), text="London calling", zone="Europe/London")  # 21:00 here
    first = text_of(phone.get("/t/"))
    assert "Next: 13:00 London calling" in first
    assert "<b>13:00</b>" in first
    hers = new_task(title="香港的事", due_at=NOON + timedelta(hours=5), zone="Europe/London")
    shown = text_of(phone.get("/t/"))
    assert "<b>17:00</b></span>" in shown  # today there, tomorrow in Shanghai
    assert "Due 17:00" in text_of(phone.get(url(hers)))


def test_the_list_is_asked_for_again_as_a_piece(phone, card) -> None:
    piece = text_of(phone.get("/t/", headers={"X-Fragment": "1"}))
    assert "<html" not in piece
    assert url(card) in piece


# --- copying -----------------------------------------------------------------------------------------


def test_the_first_look_is_remembered(phone, card, at) -> None:
    at(minutes=2)
    phone.get(url(card))
    at(minutes=4)
    phone.get(url(card))
    assert HumanTask.objects.get().opened_at == NOON + timedelta(minutes=2)


def test_the_text_stands_in_a_field_after_copying_without_script(phone, card) -> None:
    assert "<textarea" not in text_of(phone.get(url(card)))
    page = phone.post(url(card, "copy/"), follow=True)
    assert ">今晚八点开抢</textarea>" in text_of(page)
    assert set(TaskItem.objects.values_list("copied_text", flat=True)) == {"今晚八点开抢"}


def test_the_script_gets_the_text_alone(phone, card) -> None:
    answer = phone.post(url(card, "copy/"), headers={"X-Fragment": "1"})
    assert answer.status_code == 200
    assert "<html" not in text_of(answer)
    assert ">今晚八点开抢</textarea>" in text_of(answer)


def test_what_may_not_be_posted_any_more_is_said_and_not_given_out(phone, card, guard) -> None:
    guard.verdict = Verdict(allowed=False, reason="sale_over")
    assert phone.post(url(card, "copy/"), headers={"X-Fragment": "1"}).status_code == 205
    page = text_of(phone.get(url(card)))
    assert "Do not post this any more: 晨跑 1 群, 晨跑 2 群, 晨跑 3 群. The sale is over." in page
    assert "Not to be done any more: The sale is over." in page
    assert "<textarea" not in page
    assert "data-copy-form" not in page
    assert set(Delivery.objects.values_list("state", "reason")) == {("cancelled", "sale_over")}


def test_what_is_paused_is_not_given_out_and_stays_open(phone, card, guard) -> None:
    guard.verdict = PAUSED
    page = text_of(phone.post(url(card, "copy/"), follow=True))
    assert "Paused: do not send it yet. Not copied: " in page
    assert "<textarea" not in page
    assert states(card) == ["open"] * 3


@pytest.mark.parametrize(("text", "is_stale"), [("还剩 {left} 件", True), ("今晚八点开抢", False)])
def test_only_numbers_grow_old(phone, new_task, monkeypatch, at, text, is_stale) -> None:
    class Context:
        def names(self) -> set[str]:
            return {"left"}

        def labels(self) -> dict[str, str]:
            return {"left": "还剩"}

        def values(self, *facts: object) -> dict[str, str]:
            return {"left": "61"}

    monkeypatch.setitem(text_contexts._answers, "test", Context())
    task = new_task(text=text, subject_kind="test", subject_id=1)
    fresh = phone.post(url(task, "copy/"), follow=True)
    assert not fresh.context["card"]["is_stale"]
    assert ("As of 12:00" in text_of(fresh)) == is_stale
    at(minutes=3)
    assert phone.get(url(task)).context["card"]["is_stale"] == is_stale


# --- ticking -----------------------------------------------------------------------------------------


def test_ticked_groups_are_done_and_the_card_ends_with_the_last(phone, card) -> None:
    first, second, third = ids(card)
    page = phone.post(url(card, "done/"), {"items": [first, second]}, follow=True)
    assert page.redirect_chain[-1][0].startswith(url(card))
    assert states(card) == ["done", "done", "open"]
    page = phone.post(url(card, "done/"), {"items": [third]}, follow=True)
    assert page.redirect_chain[-1][0] == "/t/"
    assert HumanTask.objects.get().state == "done"
    assert set(Delivery.objects.values_list("state", "reason")) == {("confirmed", "confirmed_by_person")}
    assert set(TaskItem.objects.values_list("done_by__name", flat=True)) == {"阿May"}


def test_nothing_ticked_is_refused_in_words_and_changes_nothing(phone, card) -> None:
    answer = phone.post(url(card, "done/"))
    assert answer.status_code == 422
    assert "Nothing is ticked yet." in text_of(answer)
    assert states(card) == ["open"] * 3


def test_a_tick_twice_is_one(phone, card) -> None:
    for _ in range(2):
        phone.post(url(card, "done/"), {"items": ids(card)})
    assert states(card) == ["done"] * 3
    assert AuditEntry.objects.filter(verb="task.done").count() == 1


def test_a_tick_is_taken_back_within_ten_minutes_and_not_later(phone, card, at) -> None:
    phone.post(url(card, "done/"), {"items": ids(card)}, follow=True)
    at(minutes=9)
    assert text_of(phone.get(url(card))).count("Undo") == 3
    phone.post(url(card, "undo/"), {"items": ids(card)[:1]})
    assert states(card) == ["open", "done", "done"]
    assert Delivery.objects.order_by("pk").first().state == "waiting"
    at(minutes=11)
    assert ">Undo<" not in text_of(phone.get(url(card)))
    page = phone.post(url(card, "undo/"), {"items": ids(card)[1:]}, follow=True)
    assert "more than ten minutes ago" in text_of(page)
    assert states(card) == ["open", "done", "done"]


@pytest.mark.parametrize("path", ["done/", "leave-out/"])
def test_the_list_brings_a_way_back_for_all_that_ended_with_the_card(phone, card, path) -> None:
    phone.post(url(card, "done/"), {"items": ids(card)[:1]})
    undo = re.compile(r'action="(/t/\d+/undo/\?[^"]+)"')
    rest = [str(pk) for pk in ids(card)[1:]]
    given = {"items": rest} if path == "done/" else {"leave-items": rest, "leave-reason": "0"}
    page = text_of(phone.post(url(card, path), given, follow=True))
    assert "can be undone for ten minutes" in page
    (address,) = undo.findall(page)
    phone.post(address.replace("&amp;", "&"))
    assert states(card) == ["done", "open", "open"]
    assert not undo.search(text_of(phone.get("/t/")))


def test_what_was_left_out_is_taken_back_within_ten_minutes_and_not_later(phone, card, at) -> None:
    said = phone.post(url(card, "leave-out/"), {"leave-items": ids(card), "leave-reason": "0"}, follow=True)
    assert "This can be undone for ten minutes." in text_of(said)
    at(minutes=9)
    assert text_of(phone.get(url(card))).count("Undo") == 3
    assert "it is open again" in text_of(phone.post(url(card, "undo/"), {"items": ids(card)[:1]}, follow=True))
    assert states(card) == ["open", "left_out", "left_out"]
    assert Delivery.objects.order_by("pk").first().state == "waiting"
    at(minutes=11)
    assert "Undo" not in text_of(phone.get(url(card)))
    page = phone.post(url(card, "undo/"), {"items": ids(card)[1:]}, follow=True)
    assert "left out more than ten minutes ago" in text_of(page)
    assert states(card) == ["open", "left_out", "left_out"]


@pytest.mark.parametrize("raw", ["x", "", "9" * 40, "-1"])
def test_strange_items_are_refused_in_words(phone, card, raw) -> None:
    assert phone.post(url(card, "done/"), {"items": [raw]}).status_code == 422
    assert phone.post(url(card, "undo/"), {"items": [raw]}, follow=True).status_code == 200
    assert states(card) == ["open"] * 3


def test_a_screenshot_is_kept_with_the_tick(phone, card) -> None:
    phone.post(url(card, "done/"), {"items": ids(card), "image": picture()})
    assert TaskItem.objects.filter(evidence=Asset.objects.get()).count() == 3


# --- what kinds ask ----------------------------------------------------------------------------------


def test_a_red_packet_is_kept_as_it_was_sent(phone, new_task) -> None:
    task = new_task("red_packet", *GROUPS[:2], facts={"count": "20", "amount": "50.00", "currency": "CNY"})
    first, second = ids(task)
    page = text_of(phone.get(url(task)))
    assert page.count('value="50.00"') == 2  # what was planned stands in the fields
    typed = {f"item-{first}-count": "18", f"item-{first}-amount": "45.50"}
    typed |= {f"item-{second}-count": "", f"item-{second}-amount": ""}
    phone.post(url(task, "done/"), {"items": [first], **typed})
    assert states(task) == ["done", "open"]
    assert TaskItem.objects.get(pk=first).answers == {"count": 18, "amount": 4550}


@pytest.mark.parametrize("amount", ["-1", "x", "1.234", ""])
def test_a_wrong_amount_is_refused_at_its_field_and_what_was_typed_stays(phone, new_task, amount) -> None:
    task = new_task("red_packet", *GROUPS[:2], facts={"count": "20", "amount": "50.00", "currency": "CNY"})
    first, second = ids(task)
    typed = {f"item-{first}-count": "19", f"item-{first}-amount": amount, f"item-{second}-count": "17"}
    answer = phone.post(url(task, "done/"), {"items": [first], **typed})
    assert answer.status_code == 422
    assert f'id="id_item-{first}-amount_error"' in text_of(answer)
    assert 'value="19"' in text_of(answer)
    assert 'value="17"' in text_of(answer)  # of the group that was not ticked
    assert f'value="{first}" checked' in text_of(answer)
    assert states(task) == ["open", "open"]


def test_a_group_report_takes_the_groups_that_were_answered(phone, new_task) -> None:
    task = new_task("group_report", *GROUPS)
    first, second, _third = ids(task)
    whole = {f"item-{first}-speakers": "6-20", f"item-{first}-question": "yes", f"item-{first}-advert": "no"}
    half = {f"item-{second}-speakers": "0"}
    answer = phone.post(url(task, "done/"), whole | half)
    assert answer.status_code == 422
    assert f'id="id_item-{second}-advert_error"' in text_of(answer)
    assert states(task) == ["open"] * 3
    phone.post(url(task, "done/"), whole)
    assert states(task) == ["done", "open", "open"]
    assert TaskItem.objects.get(pk=first).answers == {"speakers": "6-20", "question": True, "advert": False}
    assert "Nothing is filled in yet." in text_of(phone.post(url(task, "done/")))


def test_a_payment_is_answered_with_yes_or_no(phone, new_task) -> None:
    task = new_task("payment", facts={"order": "#1024", "amount": "798.00", "currency": "CNY"})
    (item,) = ids(task)
    assert "¥798.00" in text_of(phone.get(url(task)))
    assert phone.post(url(task, "done/")).status_code == 422
    phone.post(url(task, "done/"), {f"item-{item}-received": "no", f"item-{item}-note": "还没到"})
    assert TaskItem.objects.get().answers == {"received": False, "note": "还没到"}


def test_a_new_group_needs_its_qr_code_and_a_good_one_is_not_asked_for_twice(phone, new_task) -> None:
    task = new_task("new_group", title="建 4 群")
    (item,) = ids(task)
    answer = phone.post(url(task, "done/"), {f"item-{item}-name": "4 群"})
    assert answer.status_code == 422
    assert "A picture is needed." in text_of(answer)
    assert 'value="4 群"' in text_of(answer)
    answer = phone.post(url(task, "done/"), {"image": picture()})  # the name is missing
    assert answer.status_code == 422
    kept = answer.context["done_form"].picture["kept_image"].value()
    assert "it need not be chosen again" in text_of(answer)
    phone.post(url(task, "done/"), {f"item-{item}-name": "4 群", "kept_image": kept})
    done = TaskItem.objects.get()
    assert (done.state, done.answers, done.evidence) == ("done", {"name": "4 群"}, Asset.objects.get())


def test_a_picture_of_another_workspace_is_none(phone, new_task, stranger) -> None:
    foreign = assets.store_image(picture(), workspace_id=stranger.workspace.pk)
    task = new_task("new_qr", GROUPS[0])
    token = assets.page_link(foreign).rpartition("/")[2]
    assert phone.post(url(task, "done/"), {"kept_image": token}).status_code == 422
    assert states(task) == ["open"]


def test_each_group_has_its_own_new_qr_code(phone, new_task) -> None:
    task = new_task("new_qr", *GROUPS[:2])
    answer = phone.post(url(task, "done/"), {"items": ids(task), "image": picture()})
    assert "each group has its own QR code" in text_of(answer)
    assert states(task) == ["open", "open"]
    phone.post(url(task, "done/"), {"items": ids(task)[:1], "image": picture()})
    assert states(task) == ["done", "open"]


def test_what_is_no_picture_is_refused(phone, new_task) -> None:
    task = new_task("new_qr", GROUPS[0])
    answer = phone.post(url(task, "done/"), {"image": SimpleUploadedFile("a.png", b"no picture")})
    assert answer.status_code == 422
    assert 'id="id_image_error"' in text_of(answer)
    assert states(task) == ["open"]


@pytest.mark.parametrize("kind", ["pull_in", "private"])
def test_people_are_ticked_by_name(phone, new_task, kind) -> None:
    task = new_task(kind, "李姐", "王哥", text="你好")
    phone.post(url(task, "done/"), {"items": ids(task)[1:]})
    assert states(task) == ["open", "done"]


def test_every_kind_has_a_page(phone, new_task) -> None:
    facts = {
        "red_packet": {"count": "1", "amount": "1.00", "currency": "CNY"},
        "payment": {"order": "#1", "amount": "1.00", "currency": "CNY"},
    }
    for kind in TaskKind.values:
        task = new_task(kind, "一", text="字", facts=facts.get(kind, {}))
        page = text_of(phone.get(url(task)))
        for one in ANSWERS.get(kind, ()):
            assert f'name="item-{ids(task)[0]}-{one.name}"' in page, kind


# --- late, left out, handed on -----------------------------------------------------------------------


def test_a_late_card_asks_first_and_goes_on_when_told_so(phone, card, at) -> None:
    at(minutes=12)
    page = text_of(phone.get(url(card)))
    assert "12 minutes late. Still send it?" in page
    assert "data-copy-form" not in page
    page = text_of(phone.get(url(card) + "?send=now"))
    assert "Still send it?" not in page
    assert "data-copy-form" in page
    assert "12 minutes late" in page


def test_a_refused_tick_of_a_late_card_stands_there_again(phone, new_task, at) -> None:
    task = new_task("red_packet", *GROUPS[:2], facts={"count": "20", "amount": "50.00", "currency": "CNY"})
    first = ids(task)[0]
    at(minutes=12)
    answer = phone.post(
        url(task, "done/"), {"items": [first], f"item-{first}-count": "19", f"item-{first}-amount": "x"}
    )
    assert answer.status_code == 422
    assert 'value="19"' in text_of(answer)
    assert f'id="id_item-{first}-amount_error"' in text_of(answer)


def test_leaving_out_needs_a_reason_and_says_it_in_the_record(phone, card) -> None:
    for refused in ({}, {"leave-reason": "other"}, {"leave-reason": "9"}):
        answer = phone.post(url(card, "leave-out/"), refused)
        assert answer.status_code == 422
        assert "field-errors" in text_of(answer)
    assert states(card) == ["open"] * 3
    words = {"leave-items": ids(card), "leave-reason": "other", "leave-note": "群主在开会"}
    page = phone.post(url(card, "leave-out/"), words, follow=True)
    assert page.redirect_chain[-1][0] == "/t/"
    assert states(card) == ["left_out"] * 3
    assert set(Delivery.objects.values_list("state", "reason")) == {("cancelled", "left_out")}
    assert "群主在开会" in text_of(phone.get(url(card)))
    assert AuditEntry.objects.get(verb="task.left_out").reason == "群主在开会"


def test_the_record_says_that_she_did_not_send_it_and_nobody_cancelled_it(
    phone, person, card, workspace, signed_in, owner
) -> None:
    words = {"leave-items": ids(card), "leave-reason": "2", "leave-note": "这周不发广告"}
    phone.post(url(card, "leave-out/"), words)
    tab, record = signed_in(owner), reverse("messaging:deliveries", args=[workspace.slug])
    first = Delivery.objects.order_by("pk")[0]
    for page in (record, f"{record}?state=left_out", reverse("messaging:delivery", args=[workspace.slug, first.pk])):
        shown = text_of(tab.get(page, headers={"Accept-Language": "en"}))
        assert ">Not sent: a colleague said why</span>" in shown
        assert f"{person.name} did not send it: The group owner does not want it: 这周不发广告" in shown
        assert ">Cancelled</span>" not in shown
    assert first.state == "cancelled"


def test_a_usual_reason_is_enough(phone, card) -> None:
    phone.post(url(card, "leave-out/"), {"leave-items": ids(card), "leave-reason": "0"})
    assert set(TaskItem.objects.values_list("note", flat=True)) == {"Too late for it"}


def test_her_own_words_stand_after_the_reason_she_chose(phone, card) -> None:
    words = {"leave-items": ids(card), "leave-reason": "0", "leave-note": "群主说这周不发广告"}
    phone.post(url(card, "leave-out/"), words)
    assert set(TaskItem.objects.values_list("note", flat=True)) == {"Too late for it: 群主说这周不发广告"}


def test_the_longest_own_words_still_stand_after_the_reason(phone, card) -> None:
    words = {"leave-items": ids(card), "leave-reason": "1", "leave-note": "这" * 160}
    assert phone.post(url(card, "leave-out/"), words).status_code == 302
    said = set(TaskItem.objects.values_list("note", flat=True))
    assert said == {f"The group is busy with something else: {'这' * 160}"}


def test_only_the_ticked_places_are_left_out(phone, card) -> None:
    first = ids(card)[0]
    page = phone.post(url(card, "leave-out/"), {"leave-items": [first], "leave-reason": "0"}, follow=True)
    assert states(card) == ["left_out", "open", "open"]
    assert page.redirect_chain[-1][0].startswith(url(card))
    assert f"Noted, left out: {GROUPS[0]}" in text_of(page)
    assert [pk for pk, _name in page.context["leave_out_form"].fields["items"].choices] == [
        str(pk) for pk in ids(card)[1:]
    ]


def test_without_a_tick_all_are_named_and_asked_back_once(phone, card) -> None:
    answer = phone.post(url(card, "leave-out/"), {"leave-reason": "0"})
    page = text_of(answer)
    assert (answer.status_code, states(card)) == (422, ["open"] * 3)
    assert f"none of these 3, press again: {', '.join(GROUPS)}" in page
    assert answer.context["leave_out_form"]["items"].value() == [str(pk) for pk in ids(card)]
    assert answer.context["leave_out_form"]["reason"].value() == "0"


def test_what_is_missing_says_what_to_do(phone, card, new_person) -> None:
    new_person("小周")
    page = text_of(phone.post(url(card, "leave-out/"), {"leave-items": ids(card)}))
    assert "Please choose why it is not done." in page
    page += text_of(phone.post(url(card, "hand-on/"), {}))
    assert "Please choose a colleague." in page
    assert "field is required" not in page


@pytest.mark.parametrize(
    ("kind", "words"), [("group_report", "Please choose an answer."), ("red_packet", "fill this in")]
)
def test_what_a_kind_asks_says_what_is_missing(phone, new_task, kind, words) -> None:
    facts = {"count": "20", "amount": "88.00", "currency": "CNY"} if kind == "red_packet" else {}
    task = new_task(kind, "晨跑 1 群", facts=facts)
    page = text_of(phone.post(url(task, "done/"), {f"item-{ids(task)[0]}-spoke": ""}))
    assert words in page
    assert "field is required" not in page


def test_a_single_open_place_is_left_out_without_a_list(phone, card) -> None:
    phone.post(url(card, "done/"), {"items": ids(card)[:2]})
    assert 'name="leave-items"' not in text_of(phone.get(url(card)))
    phone.post(url(card, "leave-out/"), {"leave-reason": "0"})
    assert states(card) == ["done", "done", "left_out"]


def test_a_card_of_which_a_part_was_sent_says_how_much(phone, card) -> None:
    phone.post(url(card, "done/"), {"items": ids(card)[:1]})
    phone.post(url(card, "leave-out/"), {"leave-items": ids(card)[1:], "leave-reason": "0"})
    for page in ("/t/", url(card)):
        words = text_of(phone.get(page))
        assert "Sent 1, not sent 2." in words
        assert "All done." not in words


def test_a_place_that_is_not_open_any_more_is_not_left_out(phone, card) -> None:
    first = ids(card)[0]
    phone.post(url(card, "done/"), {"items": [first]})
    answer = phone.post(url(card, "leave-out/"), {"leave-items": ids(card), "leave-reason": "0"})
    assert answer.status_code == 422
    assert "This is not open any more." in text_of(answer)
    assert states(card) == ["done", "open", "open"]


def test_an_open_part_goes_to_a_colleague(phone, person, card, new_person) -> None:
    deputy, other = new_person("小周"), new_person("阿强")
    for one in (deputy, other):
        opened(one)
    Assignee.objects.filter(pk=person.pk).update(deputy=deputy)
    page = phone.get(url(card))
    assert [name for _pk, name in page.context["hand_on_form"].fields["to"].choices] == ["小周", "阿强"]
    phone.post(url(card, "done/"), {"items": ids(card)[:1]})
    page = phone.post(url(card, "hand-on/"), {"to": deputy.pk}, follow=True)
    assert "Handed on to 小周." in text_of(page)
    assert states(card) == ["done"]
    assert list(HumanTask.objects.get(assignee=deputy).items.values_list("label", flat=True)) == list(GROUPS[1:])
    assert "Handed on" not in text_of(phone.get("/t/"))


def test_a_colleague_who_hears_of_nothing_is_marked_before_and_after(phone, card, new_person) -> None:
    colleague = new_person("小张")
    page = phone.get(url(card))
    assert [name for _pk, name in page.context["hand_on_form"].fields["to"].choices] == [
        "小张 (has no link yet, is not told)"
    ]
    page = text_of(phone.post(url(card, "hand-on/"), {"to": colleague.pk}, follow=True))
    assert "Handed on to 小张, who has no personal link yet and is not told." in page
    assert "notice tone-warn" in page


def test_who_never_opened_her_link_and_is_not_told_is_marked_too(phone, card, new_person) -> None:
    colleague = new_person("小张")
    services.issue_link(assignee=colleague, actor=SYSTEM, now=NOON)
    form = phone.get(url(card)).context["hand_on_form"]
    assert [name for _pk, name in form.fields["to"].choices] == ["小张 (has never opened the link, is not told)"]
    page = text_of(phone.post(url(card, "hand-on/"), {"to": colleague.pk}, follow=True))
    assert "Handed on to 小张, who has never opened her link and is not told. Please tell her yourself." in page
    assert "notice tone-warn" in page
    opened(colleague)
    colleague.refresh_from_db()
    assert not services.hears_of_nothing(colleague)


def test_nobody_to_hand_on_to_is_no_button(phone, card) -> None:
    assert "hand-on" not in text_of(phone.get(url(card)))
    assert phone.post(url(card, "hand-on/"), {"to": "1"}).status_code == 422


def test_a_closed_card_says_why_and_offers_nothing(phone, card) -> None:
    services.withdraw_task(task=card, actor=SYSTEM, now=NOON)
    page = text_of(phone.get(url(card)))
    assert "Not to be done any more" in page
    assert "<button" not in page
    page = text_of(phone.post(url(card, "done/"), {"items": ids(card)}, follow=True))
    assert "Nothing on this card is open." in page


# --- all of them -------------------------------------------------------------------------------------


def test_the_pages_are_light(phone, card) -> None:
    phone.post(url(card, "copy/"))
    files = ["public.css", "public.js", "tasks.js", "choosing.js", "clock.js", "pieces.js", "mark.svg"]
    loaded = sum(Path(finders.find(f"community_ops/{name}")).stat().st_size for name in files)
    for page in (phone.get("/t/"), phone.get(url(card))):
        assert len(page.content) + loaded < 50_000


def test_the_pages_have_no_inline_style_or_script(phone, card) -> None:
    for page in (phone.get("/t/"), phone.get(url(card))):
        assert " style=" not in text_of(page)
        assert "<script>" not in text_of(page)


def test_reading_a_list_costs_as_much_with_many_cards(phone, new_task, django_assert_max_num_queries) -> None:
    for number in range(12):
        new_task("message", *GROUPS, title=f"第 {number} 张")
    with django_assert_max_num_queries(9), translation.override("en"):
        phone.get("/t/")
