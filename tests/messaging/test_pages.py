"""Channel pages, the sandbox room, the delivery record."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation

from community_ops.common import clock
from community_ops.common.actors import Actor
from community_ops.common.models import AuditEntry
from messaging import answer_wording, services, showing
from messaging.models import Attempt, Delivery, Endpoint
from tests.factories.people import SYSTEM, make_person
from tests.messaging.conftest import ROBOT_KEY, SECRET, make_endpoint
from tests.moments import NOON

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
UNREACHED = {"platform_code": "not_sent", "platform_text": "the name could not be resolved"}
PARKED = {"state": "failed", "reason": "gave_up", "attempt_count": 7} | UNREACHED
RETRIED = {"reason": "retrying", "attempt_count": 3, "next_try_at": NOON + timedelta(seconds=45)} | UNREACHED
IN_ENGLISH = {"Accept-Language": "en"}


@pytest.fixture
def url(workspace):
    return lambda name, *args: reverse(f"messaging:{name}", args=[workspace.slug, *args])


@pytest.fixture
def tab(signed_in, owner):
    return signed_in(owner)


def text_of(answer) -> str:
    return answer.content.decode()


def settle(delivery: Delivery, **facts) -> Delivery:
    Delivery.objects.filter(pk=delivery.pk).update(**facts)
    return Delivery.objects.get(pk=delivery.pk)


# --- channels ------------------------------------------------------------------------------------------


def test_a_channel_is_made_by_its_platforms_form_and_its_secret_is_not_shown(tab, url) -> None:
    form = {"name": "我的钩子", "url": "https://hooks.example.com/secret-path", "secret": SECRET}

    answer = tab.post(url("endpoint_new", "webhook"), form, follow=True)

    assert Endpoint.objects.get().connection.platform == "webhook"
    assert "我的钩子" in text_of(answer)
    assert "hooks.example.com" in text_of(answer)
    assert SECRET not in text_of(answer)
    assert "secret-path" not in text_of(answer)


@pytest.mark.parametrize(
    ("platform", "form", "field"),
    [
        ("webhook", {"name": "x", "url": "https://10.0.0.1/", "secret": "secret-value"}, "url"),
        ("webhook", {"name": "x", "url": "https://example.com/", "secret": "whsec_???"}, "secret"),
        ("wecom_robot", {"name": "x", "key": "a b/secret-value"}, "key"),
        ("sandbox", {"name": ""}, "name"),
        ("sandbox", {"name": "a\u202eb"}, "name"),
    ],
)
def test_a_refusal_stands_at_its_field_and_repeats_no_secret(tab, url, platform, form, field) -> None:
    answer = tab.post(url("endpoint_new", platform), form)

    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert "secret-value" not in text_of(answer)
    assert "whsec_???" not in text_of(answer)
    assert not Endpoint.objects.exists()


def test_each_platform_has_a_form_and_an_unknown_one_is_not_found(tab, url) -> None:
    for platform in ("sandbox", "webhook", "wecom_robot"):
        assert tab.get(url("endpoint_new", platform)).status_code == 200
    assert tab.get(url("endpoint_new", "pigeon")).status_code == 404


def test_a_channel_with_planned_messages_is_kept_and_that_is_said(tab, url, room, plan) -> None:
    plan(room)
    answer = tab.post(url("endpoint_archive", room.pk), follow=True)
    assert Endpoint.objects.get().archived_at is None
    assert [message.extra_tags for message in answer.context["messages"]] == ["endpoint_in_use"]


def test_a_channel_is_archived(tab, url, room) -> None:
    tab.post(url("endpoint_archive", room.pk))
    assert Endpoint.objects.get().archived_at is not None


def test_the_channel_list_is_empty_with_a_next_step(tab, url) -> None:
    answer = tab.get(url("endpoints"))
    assert url("endpoint_new", "sandbox") in text_of(answer)


# --- the room ------------------------------------------------------------------------------------------


def test_the_room_shows_the_posts_as_text_and_asks_for_newer_ones(tab, url, room, plan, deliver) -> None:
    plan(room, text="<b>开抢</b>\n第二行 🎉")
    deliver()

    page = text_of(tab.get(url("room", room.pk)))

    assert "&lt;b&gt;开抢&lt;/b&gt;" in page
    assert "第二行 🎉" in page
    assert 'hx-trigger="every 2s"' in page


def test_the_room_answers_204_until_there_is_something_new(tab, url, room, plan, deliver) -> None:
    plan(room, text="一")
    deliver()
    seen = tab.get(url("room", room.pk)).context["last"]

    assert tab.get(url("room", room.pk), {"seen": seen}, headers=HTMX).status_code == 204

    plan(room, text="二")
    deliver()
    answer = tab.get(url("room", room.pk), {"seen": seen}, headers=HTMX)
    assert answer.status_code == 200
    assert "二" in text_of(answer)
    assert "<html" not in text_of(answer)


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("戳这里：http://127.0.0.1:8000/g/a?b=1，快", ["戳这里：", "http://127.0.0.1:8000/g/a?b=1", "，快"]),
        ("https://a.example/x。https://b.example", ["https://a.example/x", "。", "https://b.example"]),
        ("(https://a.example/x).", ["(", "https://a.example/x", ")."]),
        ("没有地址 http:// javascript:alert(1)", ["没有地址 http:// javascript:alert(1)"]),
        ("", []),
    ],
)
def test_addresses_are_found_in_the_middle_of_chinese(text, pieces) -> None:
    found = showing.pieces(text)
    assert [piece.text for piece in found] == pieces
    assert all(piece.url in ("", piece.text) for piece in found)
    assert "".join(pieces) == text


def test_addresses_in_the_room_are_links_and_its_title_says_what_it_is(tab, url, workspace, plan, deliver) -> None:
    room = services.create_endpoint(
        workspace_id=workspace.pk, name="模拟群", platform="sandbox", config={}, actor=SYSTEM, now=NOON
    )
    plan(room, text='抢购：http://127.0.0.1:8000/g/"><b>')
    deliver()
    page = text_of(tab.get(url("room", room.pk), headers={"Accept-Language": "zh-hans"}))
    assert (
        '抢购：<a href="http://127.0.0.1:8000/g/" rel="noopener">http://127.0.0.1:8000/g/</a>&quot;&gt;&lt;b&gt;'
        in page
    )
    assert "模拟群 · 模拟群" not in page


def test_only_a_sandbox_endpoint_is_a_room(tab, url, workspace) -> None:
    robot = make_endpoint(workspace, "wecom_robot", key=ROBOT_KEY)
    assert tab.get(url("room", robot.pk)).status_code == 404


# --- the record ----------------------------------------------------------------------------------------


def shown(answer) -> list[int]:
    return [row["delivery"].pk for row in answer.context["rows"]]


def test_the_record_is_newest_first_and_narrows_by_state_and_group(tab, url, plan, room) -> None:
    first, second = plan(room), plan(room, target_id=8)
    settle(second, state="failed", reason="refused")

    assert shown(tab.get(url("deliveries"))) == [second.pk, first.pk]
    assert shown(tab.get(url("deliveries"), {"state": "failed"})) == [second.pk]
    assert shown(tab.get(url("deliveries"), {"state": "due"})) == [first.pk]
    assert shown(tab.get(url("deliveries"), {"group": 7})) == [first.pk]
    assert shown(tab.get(url("deliveries"), {"group": 7, "state": "failed"})) == []
    assert shown(tab.get(url("deliveries"), {"state": "nonsense", "group": "x", "cursor": "-1"})) == [
        second.pk,
        first.pk,
    ]


def test_a_page_of_the_record_is_in_the_order_of_send_times(tab, url, plan, room) -> None:
    rows = [plan(room, due_at=NOON + timedelta(minutes=minutes)) for minutes in (5, 6, 5)]
    assert shown(tab.get(url("deliveries"))) == [rows[1].pk, rows[2].pk, rows[0].pk]


def test_pages_of_the_record_leave_nothing_out_whatever_the_send_times(tab, url, plan, room) -> None:
    rows = [plan(room, due_at=NOON + timedelta(minutes=number * 7 % 60)) for number in range(60)]
    first = tab.get(url("deliveries"))
    second = tab.get(url("deliveries") + first.context["pager"]["next_url"])
    assert sorted(shown(first) + shown(second)) == [row.pk for row in rows]


def test_one_state_has_one_name_in_the_tabs_the_rows_and_the_filter(tab, url, plan, room) -> None:
    plan(room)
    retried, parked, failed = (settle(plan(room), **facts) for facts in (RETRIED, PARKED, {"state": "failed"}))
    answer = tab.get(url("deliveries"))
    assert {tab["state"]: tab["count"] for tab in answer.context["tabs"][1:]} == {
        "due": 1, "retrying": 1, "failed": 1, "parked": 1,
    }  # fmt: skip
    for delivery, state in ((retried, "retrying"), (parked, "parked"), (failed, "failed")):
        narrowed = tab.get(url("deliveries"), {"state": state})
        assert [(row["delivery"].pk, row["state"]) for row in narrowed.context["rows"]] == [(delivery.pk, state)]


def test_a_retry_of_something_moved_to_later_is_planned_again(tab, url, plan, room) -> None:
    settle(plan(room), **RETRIED | {"due_at": clock.now() + timedelta(days=1)})
    assert tab.get(url("deliveries"), {"state": "planned"}).context["rows"][0]["state"] == "planned"


def test_the_record_goes_on_on_the_next_page_with_its_filters(tab, url, workspace, room, guard) -> None:
    plans = [
        services.PlannedSend(
            source_key=f"p:{number}",
            endpoint_id=room.pk,
            text="x",
            due_at=NOON,
            origin="test",
            origin_id=1,
            target_id=7,
        )
        for number in range(51)
    ]
    services.plan_deliveries(workspace_id=workspace.pk, plans=plans, actor=None, now=NOON)

    first = tab.get(url("deliveries"), {"state": "due"})
    second = tab.get(url("deliveries") + first.context["pager"]["next_url"])

    assert len(shown(first)) == 50
    assert len(shown(second)) == 1
    assert second.context["state"] == "due"
    assert "next_url" not in second.context["pager"]


def test_the_record_asks_as_often_for_one_as_for_twenty(tab, url, plan, room, django_assert_max_num_queries) -> None:
    for _ in range(20):
        plan(room)
    with django_assert_max_num_queries(11):  # six of them count
        tab.get(url("deliveries"))


def test_what_waits_for_a_person_says_for_whom(tab, url, plan, room, new_person, deliver) -> None:
    may, zhou = new_person("阿May"), new_person("小周")
    hers = [plan(person.endpoint) for person in (may, zhou, may)]
    plan(room)
    deliver()
    page = text_of(tab.get(url("deliveries"), headers=IN_ENGLISH))
    assert page.count("阿May has to send it by hand: it is on the to-send list.") == 2
    assert page.count("小周 has to send it by hand") == 1
    assert "阿May has to send it by hand" in text_of(tab.get(url("delivery", hers[0].pk), headers=IN_ENGLISH))
    services.hand_on(task=may.tasks.earliest("pk"), to=zhou, actor=SYSTEM, now=NOON)
    page = text_of(tab.get(url("deliveries"), headers=IN_ENGLISH))
    assert (page.count("阿May has to"), page.count("小周 has to")) == (1, 2)


def test_what_has_ended_by_hand_says_whose_word_it_is_and_the_reason(tab, url, card, person) -> None:
    her = Actor.assignee(person.pk, name=person.name, workspace_id=person.workspace_id)
    first, second, third = card.items.order_by("pk").values_list("pk", flat=True)
    services.finish_items(task=card, item_ids=[first], actor=her, now=NOON)
    services.leave_out(task=card, item_ids=[second], note="群主在开会", actor=her, now=NOON)
    services.leave_out(task=card, item_ids=[third], note="太晚", actor=SYSTEM, now=NOON)
    page = text_of(tab.get(url("deliveries"), headers=IN_ENGLISH))
    for words in ("阿May ticked it as sent.", "阿May did not send it: 群主在开会", "It was not sent: 太晚"):
        assert words in page
    assert "looked into the group" not in page


def test_what_a_person_found_not_sent_does_not_repeat_what_the_try_did_not_know(tab, url, plan, room) -> None:
    delivery = plan(room)
    facts = {"platform_code": "no_answer", "attempt_count": 1}
    Delivery.objects.filter(pk=delivery.pk).update(state="failed", reason="not_sent", **facts)
    page = text_of(tab.get(url("deliveries"), headers=IN_ENGLISH))
    assert "it is not there" in page
    assert "gave no answer" not in page


def test_without_a_channel_it_is_not_tried_again_but_connected(tab, url, plan, deliver, room, workspace) -> None:
    delivery = plan(None)
    deliver()
    group = reverse("groups:group_detail", args=[workspace.slug, delivery.target_id])
    for page in (url("deliveries"), url("delivery", delivery.pk)):
        shown = text_of(tab.get(page, headers=IN_ENGLISH))
        assert f'href="{group}">Connect a channel to this group</a>' in shown
        assert url("delivery_requeue", delivery.pk) not in shown
    assert '<figcaption class="bubble-where">晨跑 1 群</figcaption>' in shown
    Delivery.objects.update(endpoint=room)
    shown = text_of(tab.get(url("delivery", delivery.pk), headers=IN_ENGLISH))
    assert "Connect a channel" not in shown
    assert "The group has no delivery channel." not in shown
    assert "By now there is one: it can be queued again." in shown
    assert url("delivery_requeue", delivery.pk) in shown


def test_a_refused_message_leads_to_its_channel_whoever_may_change_it(tab, signed_in, viewer, url, plan, room) -> None:
    Delivery.objects.filter(pk=plan(room).pk).update(state="failed", reason="refused")
    link = f'href="{url("endpoint_edit", room.pk)}">Check the channel</a>'
    assert link in text_of(tab.get(url("deliveries"), headers=IN_ENGLISH))
    assert "Check the channel" not in text_of(signed_in(viewer).get(url("deliveries"), headers=IN_ENGLISH))


def test_since_when_a_person_has_it_is_no_members_joining(tab, url, card) -> None:
    page = text_of(tab.get(url("delivery", Delivery.objects.first().pk), headers={"Accept-Language": "zh-hans"}))
    assert "阿May" in page
    assert "入群" not in page


def test_what_has_ended_by_hand_names_nobody_to_wait_for(tab, url, card) -> None:
    services.finish_items(task=card, actor=SYSTEM, now=NOON)
    assert "has to send it by hand" not in text_of(tab.get(url("deliveries"), headers=IN_ENGLISH))


def test_the_record_asks_as_often_for_one_that_waits_as_for_twenty(tab, url, plan, new_person, deliver) -> None:
    def queries(count: int) -> int:
        for _ in range(count):
            plan(new_person().endpoint)
        deliver()
        with CaptureQueriesContext(connection) as asked:
            page = text_of(tab.get(url("deliveries"), headers=IN_ENGLISH))
        assert page.count("has to send it by hand") == Delivery.objects.count()
        return len(asked)

    tab.get(url("deliveries"))
    assert queries(1) == queries(19)


@pytest.mark.parametrize(
    ("language", "state", "reason", "label"),
    [
        ("zh-hans", "unknown", "worker_lost", "待核实"),
        ("zh-hans", "accepted", "", "平台已接收"),
        ("zh-hans", "failed", "gave_up", "多次失败已搁置"),
        ("zh-hans", "expired", "too_late", "过时未发"),
        ("en", "unknown", "no_answer", "To be checked"),
    ],
)
def test_a_state_has_its_word_and_says_what_is_known(tab, url, plan, room, language, state, reason, label) -> None:
    delivery = settle(plan(room), state=state, reason=reason, accepted_at=NOON, latest_at=NOON)
    with translation.override(language):
        tab.cookies.load({"django_language": language})
        page = text_of(tab.get(url("delivery", delivery.pk)))
    assert label in page
    assert "20:00" in page


def test_the_detail_tells_every_attempt_and_decision(tab, url, plan, room, owner) -> None:
    delivery = settle(plan(room), state="unknown", reason="no_answer", attempt_count=2)
    for number, outcome in ((1, "retry"), (2, "in_doubt")):
        Attempt.objects.create(
            workspace_id=delivery.workspace_id, delivery=delivery, number=number, started_at=NOON, finished_at=NOON,
            latency_ms=120, outcome=outcome, http_status=503, platform_code="503", platform_text="HTTP 503",
        )  # fmt: skip
    services.decide_unknown(delivery=delivery, verdict="sent", actor=owner.actor, now=NOON)

    story = tab.get(url("delivery", delivery.pk)).context["story"]

    assert len(story) == 4
    assert {item.text[:8] for item in story if item.title.startswith(("Try", "第"))} == {"20:00:00"}
    assert {item.actor for item in story} == {"", owner.actor.label}


@pytest.mark.parametrize(("verdict", "state"), [("sent", "confirmed"), ("not_sent", "failed"), ("again", "planned")])
def test_one_click_settles_a_doubt(tab, url, plan, room, verdict, state) -> None:
    delivery = settle(plan(room), state="unknown")

    page = tab.get(url("deliveries"), {"state": "unknown"})
    answer = tab.post(url("delivery_decide", delivery.pk), {"verdict": verdict})

    assert url("delivery_decide", delivery.pk) in text_of(page)
    assert answer.status_code == 302
    assert Delivery.objects.get().state == state


def test_a_click_in_the_row_answers_with_the_row(tab, url, plan, room) -> None:
    delivery = settle(plan(room), state="unknown")
    answer = tab.post(url("delivery_decide", delivery.pk), {"verdict": "sent"}, headers=HTMX)
    assert answer.status_code == 200
    assert f'id="delivery-{delivery.pk}"' in text_of(answer)
    assert "<html" not in text_of(answer)


@pytest.mark.parametrize("verdict", ["", "maybe"])
def test_an_unknown_word_changes_nothing(tab, url, plan, room, verdict) -> None:
    delivery = settle(plan(room), state="unknown")
    tab.post(url("delivery_decide", delivery.pk), {"verdict": verdict})
    assert Delivery.objects.get().state == "unknown"
    assert not AuditEntry.objects.filter(target_kind="messaging.delivery").exists()


def test_a_failed_delivery_is_queued_again_by_a_click(tab, url, plan, room) -> None:
    delivery = settle(plan(room), state="failed", reason="gave_up", attempt_count=7)
    tab.post(url("delivery_requeue", delivery.pk))
    assert Delivery.objects.get().state == "planned"


def test_a_retried_delivery_can_be_tried_now_or_cancelled(tab, url, plan, hook) -> None:
    delivery = settle(plan(hook), **RETRIED)
    page = text_of(tab.get(url("delivery", delivery.pk), headers=IN_ENGLISH))
    assert "Retrying" in page
    assert "The next one is at 20:00:45." in page
    assert "The other side could not be reached; nothing was sent." in page
    for name in ("delivery_try_now", "delivery_cancel"):
        assert url(name, delivery.pk) in page
    assert url("endpoint_edit", hook.pk) in page

    tab.post(url("delivery_try_now", delivery.pk))
    assert Delivery.objects.get().next_try_at <= clock.now()
    tab.post(url("delivery_cancel", delivery.pk))
    assert (Delivery.objects.get().state, Delivery.objects.get().reason) == ("cancelled", "cancelled_by_person")
    page = text_of(tab.get(url("delivery", delivery.pk), headers=IN_ENGLISH))
    assert "A person cancelled it." in page
    assert url("delivery_cancel", delivery.pk) not in page


def test_the_last_try_of_a_parked_delivery_says_that_nothing_follows(tab, url, plan, hook) -> None:
    delivery = settle(plan(hook), **PARKED | {"attempt_count": 2})
    for number in (1, 2):
        Attempt.objects.create(
            workspace_id=delivery.workspace_id, delivery=delivery, number=number, finished_at=NOON, outcome="retry",
            started_at=NOON + timedelta(seconds=number), **UNREACHED,
        )  # fmt: skip
    told = tab.get(url("delivery", delivery.pk), headers=IN_ENGLISH).context["story"]
    titles = {item.title for item in told}
    assert "Try 2: not possible at that moment; it was the last one, nothing follows" in titles
    assert "Try 1: not possible at that moment" in titles
    assert [item.text[:8] for item in told if item.title.startswith("Try")] == ["20:00:02", "20:00:01"]


def test_what_came_too_late_also_tells_the_last_failure(tab, url, plan, hook) -> None:
    settle(plan(hook), state="expired", reason="too_late", latest_at=NOON, attempt_count=2, **UNREACHED)
    page = text_of(tab.get(url("deliveries"), headers=IN_ENGLISH))
    assert "The latest moment, 20:00:00, had passed" in page
    assert "The other side could not be reached; nothing was sent." in page


@pytest.mark.parametrize(("code", "text"), [("0", ""), ("0", "ok"), ("200", ""), ("204", "")])
def test_a_plain_success_has_no_answer_to_read(tab, url, plan, hook, code, text) -> None:
    delivery = settle(plan(hook), state="accepted", accepted_at=NOON, platform_code=code, platform_text=text)
    assert tab.get(url("delivery", delivery.pk)).context["answer"] == ""


@pytest.mark.parametrize(("code", "text"), [("404", "HTTP 404"), ("93000", "invalid url"), ("0", "but"), ("", "x")])
def test_every_other_answer_is_shown(code, text) -> None:
    assert text in answer_wording.answer_words(code, text)


# --- a delivery's page follows it ------------------------------------------------------------------------


LATER = {"due_at": NOON + timedelta(minutes=16), "next_try_at": NOON + timedelta(minutes=16)}


@pytest.mark.parametrize(
    ("facts", "follows"),
    [
        ({"due_at": NOON + timedelta(minutes=14)}, True),
        ({}, True),
        ({"state": "sending"}, True),
        (RETRIED | {"next_try_at": NOON + timedelta(hours=1)}, True),
        (LATER, False),
        ({"state": "accepted", "accepted_at": NOON}, False),
        ({"state": "unknown", "reason": "no_answer"}, False),
        (PARKED, False),
        ({"state": "cancelled"}, False),
    ],
)
def test_a_deliverys_page_refreshes_itself_until_it_has_ended(
    tab, url, plan, room, monkeypatch, facts, follows
) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOON)
    address = url("delivery", settle(plan(room), **facts).pk)
    assert (f'hx-get="{address}" hx-trigger="every 5s"' in text_of(tab.get(address))) is follows
    answer = tab.get(address, headers=HTMX)
    assert answer.status_code == (200 if follows else 286)
    assert "<html" not in text_of(answer)


def test_an_open_question_is_not_lost_when_the_page_refreshes_itself(tab, url, plan, hook, monkeypatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOON)
    delivery = plan(hook)
    page = text_of(tab.get(url("delivery", delivery.pk)))
    assert '<dialog class="dialog" id="cancel-delivery"' in page  # it may be asked once the delivery is retried
    assert 'data-dialog-open="cancel-delivery"' not in page

    settle(delivery, **RETRIED)
    refreshed = text_of(tab.get(url("delivery", delivery.pk), headers=HTMX))

    assert 'data-dialog-open="cancel-delivery"' in refreshed
    assert "<dialog" not in refreshed


# --- a channel is changed and tested -----------------------------------------------------------------------


def test_a_channel_is_changed_and_its_secrets_are_kept(tab, url, workspace) -> None:
    hook = make_endpoint(workspace, "webhook", url="https://hooks.example.com/secret-path", secret=SECRET)
    page = text_of(tab.get(url("endpoint_edit", hook.pk)))
    assert "secret-path" not in page
    assert SECRET not in page

    tab.post(url("endpoint_edit", hook.pk), {"name": "新名字", "url": "", "secret": "", "drops_repeats": "on"})

    changed = Endpoint.objects.get()
    assert (changed.name, changed.drops_repeats) == ("新名字", True)
    assert changed.connection.secret == {"url": "https://hooks.example.com/secret-path", "secret": SECRET}


@pytest.mark.parametrize(
    ("platform", "config", "form", "field"),
    [
        ("webhook", {"url": "https://a.example/", "secret": "s"}, {"name": "x", "url": "https://10.0.0.1/"}, "url"),
        ("webhook", {"url": "https://a.example/", "secret": "s"}, {"name": ""}, "name"),
        ("wecom_robot", {"key": ROBOT_KEY}, {"name": "x", "key": "a b"}, "key"),
        ("sandbox", {}, {"name": "a\u202eb"}, "name"),
    ],
)
def test_a_refused_change_stands_at_its_field_and_changes_nothing(
    tab, url, workspace, platform, config, form, field
) -> None:
    endpoint = make_endpoint(workspace, platform, **config)
    before = Endpoint.objects.get(), Endpoint.objects.get().connection.secret
    answer = tab.post(url("endpoint_edit", endpoint.pk), form)
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert (Endpoint.objects.get(), Endpoint.objects.get().connection.secret) == before
    assert Endpoint.objects.get().name == endpoint.name


def test_a_test_message_tells_its_outcome_on_the_page(tab, url, hook, httpserver) -> None:
    httpserver.expect_request("/hook").respond_with_data("", status=204)
    page = text_of(tab.post(url("endpoint_test", hook.pk), headers=IN_ENGLISH, follow=True))
    assert "The platform accepted the test message." in page

    httpserver.clear()
    httpserver.expect_request("/hook").respond_with_data("", status=404)
    page = text_of(tab.post(url("endpoint_test", hook.pk), headers=IN_ENGLISH, follow=True))
    assert "The platform refused the test message. The platform said: HTTP 404" in page
    assert not Delivery.objects.exists()


def test_a_room_offers_no_test(tab, url, room) -> None:
    assert url("endpoint_test", room.pk) not in text_of(tab.get(url("endpoint_edit", room.pk)))
    tab.post(url("endpoint_test", room.pk))
    assert not AuditEntry.objects.filter(verb="endpoint.tested").exists()


# --- who may ---------------------------------------------------------------------------------------------


def test_a_viewer_sees_the_record_and_can_change_nothing(signed_in, viewer, url, plan, room) -> None:
    delivery = settle(plan(room), state="unknown")
    tab = signed_in(viewer)

    page = tab.get(url("delivery", delivery.pk))

    assert url("delivery_decide", delivery.pk) not in text_of(page)
    for name in ("delivery_decide", "delivery_undo", "delivery_requeue", "delivery_try_now", "delivery_cancel"):
        assert tab.post(url(name, delivery.pk), {"verdict": "sent"}).status_code == 403
    assert tab.get(url("endpoints")).status_code == 403
    for name in ("endpoint_archive", "endpoint_edit", "endpoint_test"):
        assert tab.post(url(name, room.pk), {"name": "x"}).status_code == 403
    assert tab.post(url("endpoint_new", "sandbox"), {"name": "x"}).status_code == 403
    assert (Delivery.objects.get().state, Endpoint.objects.count()) == ("unknown", 1)


def test_a_helper_without_groups_sees_no_delivery(signed_in, helper, url, plan, room) -> None:
    delivery = plan(room)
    tab = signed_in(helper)
    assert shown(tab.get(url("deliveries"))) == []
    assert tab.get(url("delivery", delivery.pk)).status_code == 404
    assert tab.post(url("delivery_decide", delivery.pk), {"verdict": "sent"}).status_code == 404


def test_a_stranger_finds_nothing(signed_in, stranger, url, plan, room) -> None:
    delivery = plan(room)
    tab = signed_in(stranger)
    for address in (url("endpoints"), url("room", room.pk), url("deliveries"), url("delivery", delivery.pk)):
        assert tab.get(address).status_code == 404
    for name, pk in (("delivery_cancel", delivery.pk), ("endpoint_edit", room.pk), ("endpoint_test", room.pk)):
        assert tab.post(url(name, pk), {"name": "x"}).status_code == 404
    assert Delivery.objects.get().state == "planned"
    assert Endpoint.objects.get().name == room.name


def test_the_admin_repairs_by_the_same_services_and_shows_no_secret(signed_in, owner, plan, workspace) -> None:
    endpoint = make_endpoint(workspace, "webhook", url="https://hooks.example.com/secret-path", secret=SECRET)
    failed = settle(plan(endpoint), state="failed", reason="refused")
    doubtful = settle(plan(endpoint), state="unknown")
    tab, address = signed_in(owner), reverse("admin:messaging_delivery_changelist")

    tab.post(address, {"action": "requeue", "_selected_action": [failed.pk, doubtful.pk]})
    tab.post(address, {"action": "mark_sent", "_selected_action": [failed.pk, doubtful.pk]})

    assert dict(Delivery.objects.values_list("pk", "state")) == {failed.pk: "planned", doubtful.pk: "confirmed"}
    page = tab.get(reverse("admin:messaging_connection_change", args=[endpoint.connection_id]))
    assert page.status_code == 200
    assert "secret-path" not in text_of(page)
    assert SECRET not in text_of(page)


def test_the_admin_offers_a_viewer_no_repair(signed_in, viewer, plan, room) -> None:
    delivery = settle(plan(room), state="failed", reason="refused")
    tab, address = signed_in(viewer), reverse("admin:messaging_delivery_changelist")
    tab.post(address, {"action": "requeue", "_selected_action": [delivery.pk]})
    assert Delivery.objects.get().state == "failed"


@pytest.mark.parametrize("role", ["owner", "operator", "moderator"])
def test_who_may_decide_about_deliveries_queues_failed_ones_again(signed_in, workspace, url, plan, room, role) -> None:
    by_page, by_admin = (settle(plan(room), state="failed", reason="refused") for _ in range(2))
    tab, address = signed_in(make_person(workspace, role)), reverse("admin:messaging_delivery_changelist")
    for name in ("requeue", "mark_sent", "mark_not_sent", "send_again"):
        assert f'value="{name}"' in text_of(tab.get(address))
    assert url("delivery_requeue", by_page.pk) in text_of(tab.get(url("delivery", by_page.pk)))
    tab.post(url("delivery_requeue", by_page.pk))
    tab.post(address, {"action": "requeue", "_selected_action": [by_admin.pk]})
    assert set(Delivery.objects.values_list("state", flat=True)) == {"planned"}
    assert AuditEntry.objects.filter(verb="delivery.requeued", actor_kind="user").count() == 2


def test_the_admin_speaks_chinese_and_tells_local_time(signed_in, owner, plan, room) -> None:
    plan(room)
    Delivery.objects.update(due_at=NOON)
    address = reverse("admin:messaging_delivery_changelist")
    page = text_of(signed_in(owner).get(address, headers={"Accept-Language": "zh-hans"}))
    assert "已排期" in page
    assert "20:00" in page
    assert "Asia/Shanghai" in page
    assert "Type to search" not in page
