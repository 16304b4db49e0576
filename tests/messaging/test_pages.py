"""Channel pages, the sandbox room, the delivery record."""

import pytest
from django.urls import reverse
from django.utils import translation

from community_ops.common.models import AuditEntry
from messaging import services
from messaging.models import Attempt, Delivery, Endpoint
from tests.messaging.conftest import ROBOT_KEY, SECRET, make_endpoint
from tests.moments import NOON

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


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

    assert "&lt;b&gt;开抢&lt;/b&gt;\n第二行 🎉" in page
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
    with django_assert_max_num_queries(10):
        tab.get(url("deliveries"))


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


# --- who may ---------------------------------------------------------------------------------------------


def test_a_viewer_sees_the_record_and_can_change_nothing(signed_in, viewer, url, plan, room) -> None:
    delivery = settle(plan(room), state="unknown")
    tab = signed_in(viewer)

    page = tab.get(url("delivery", delivery.pk))

    assert url("delivery_decide", delivery.pk) not in text_of(page)
    for name in ("delivery_decide", "delivery_requeue"):
        assert tab.post(url(name, delivery.pk), {"verdict": "sent"}).status_code == 403
    assert tab.get(url("endpoints")).status_code == 403
    assert tab.post(url("endpoint_archive", room.pk)).status_code == 403
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


def test_the_admin_speaks_chinese_and_tells_local_time(signed_in, owner, plan, room) -> None:
    plan(room)
    Delivery.objects.update(due_at=NOON)
    address = reverse("admin:messaging_delivery_changelist")
    page = text_of(signed_in(owner).get(address, headers={"Accept-Language": "zh-hans"}))
    assert "已排期" in page
    assert "20:00" in page
    assert "Asia/Shanghai" in page
    assert "Type to search" not in page
