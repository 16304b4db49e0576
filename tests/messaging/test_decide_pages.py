"""What a person is asked and told about a delivery in doubt, a cancelled one, one that came too late."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation

from community_ops.accounts.models import Role
from community_ops.common.models import AuditEntry
from community_ops.common.templatetags.reason_words import reason_words
from community_ops.common.templatetags.state_words import words_of
from messaging import showing, wording
from messaging.models import Attempt, Delivery
from tests.factories.people import make_person
from tests.moments import NOON

pytestmark = pytest.mark.django_db
IN_ENGLISH = {"Accept-Language": "en"}
HTMX = {"HX-Request": "true"} | IN_ENGLISH


@pytest.fixture
def url(workspace):
    return lambda name, *args: reverse(f"messaging:{name}", args=[workspace.slug, *args])


@pytest.fixture
def tab(signed_in, owner):
    return signed_in(owner)


@pytest.fixture
def doubt(plan, room) -> Delivery:
    return settle(plan(room), state="unknown", reason="no_answer", attempt_count=1)


def settle(delivery: Delivery, **facts) -> Delivery:
    Delivery.objects.filter(pk=delivery.pk).update(**facts)
    return Delivery.objects.get(pk=delivery.pk)


def tried(delivery: Delivery, *outcomes: str) -> None:
    for number, outcome in enumerate(outcomes, start=1):
        Attempt.objects.create(
            workspace_id=delivery.workspace_id, delivery=delivery, number=number, started_at=NOON, finished_at=NOON,
            latency_ms=120, outcome=outcome, http_status=500, platform_code="500", platform_text="HTTP 500",
        )  # fmt: skip


def text_of(answer) -> str:
    assert answer.status_code == 200
    return answer.content.decode()


def counts_of(answer) -> dict[str, int]:
    return {tab["state"]: tab["count"] for tab in answer.context["tabs"] if tab["state"]}


def test_a_doubt_is_told_in_one_way_everywhere_and_claims_nothing(tab, url, doubt) -> None:
    tried(doubt, "in_doubt")
    page = text_of(tab.get(url("delivery", doubt.pk), headers=IN_ENGLISH))
    assert "Try 1: whether it arrived is not known" in page
    with translation.override("en"):
        of_test = wording.outcome_of_test("in_doubt", "500", "HTTP 500")
        said = [reason_words("no_answer"), of_test[0], words_of("delivery", "unknown").help, page]
    assert said[0] == "Tried; whether it arrived is not known."
    failed = "The server on the other side failed (500). Please tell whoever looks after this address."
    assert of_test == (f"{said[0]} {failed}", "warn")
    assert not [words for words in said if "went out" in words]


def test_sending_again_is_a_question_on_every_page_that_offers_it(tab, url, doubt) -> None:
    for address in (url("deliveries"), url("delivery", doubt.pk)):
        page = text_of(tab.get(address))
        assert 'value="again"' not in page
        assert f'hx-get="{url("delivery_decide", doubt.pk)}?verdict=again' in page
        assert '<dialog class="dialog" id="delivery-question"' in page


def test_the_question_says_whom_which_text_and_what_may_come_of_it(tab, url, doubt) -> None:
    page = text_of(tab.get(url("delivery_decide", doubt.pk), {"verdict": "again"}, headers=IN_ENGLISH))
    for words in ("Send again to 晨跑 1 群?", "今晚八点开抢", "the group gets it twice", 'value="again"'):
        assert words in page
    assert Delivery.objects.get().state == "unknown"


def test_htmx_gets_the_question_alone(tab, url, doubt) -> None:
    question = text_of(tab.get(url("delivery_decide", doubt.pk), {"verdict": "again"}, headers=HTMX))
    assert "<html" not in question
    assert 'id="delivery-question"' in question


def test_the_answer_leads_back_to_the_page_it_was_asked_on(tab, url, doubt) -> None:
    back = url("deliveries") + "?state=unknown"
    link = f"{url('delivery_decide', doubt.pk)}?verdict=again&amp;back={back.replace('/', '%2F').replace('?', '%3F')}"
    assert link.replace("=unknown", "%3Dunknown") in text_of(tab.get(back))
    answer = tab.post(url("delivery_decide", doubt.pk), {"verdict": "again", "back": back}, follow=True)
    assert answer.redirect_chain == [(back, 302)]
    assert counts_of(answer) == {"due": 1, "unknown": 0}
    assert Delivery.objects.get().state == "planned"


@pytest.mark.parametrize("back", ["https://elsewhere.example/", "//elsewhere.example/", "javascript:alert(1)", ""])
def test_nobody_is_led_elsewhere(tab, url, doubt, back) -> None:
    answer = tab.post(url("delivery_decide", doubt.pk), {"verdict": "sent", "back": back})
    assert answer.url == url("delivery", doubt.pk)


def test_a_click_in_a_row_brings_the_numbers_of_the_tabs(tab, url, plan, room, doubt) -> None:
    settle(plan(room), state="unknown")
    settle(plan(room, target_id=8), state="unknown")
    shown = HTMX | {"HX-Current-URL": f"http://testserver{url('deliveries')}?state=unknown&group=7#content"}
    answer = tab.post(url("delivery_decide", doubt.pk), {"verdict": "sent"}, headers=shown)
    assert 'id="delivery-tabs" aria-label="State" hx-swap-oob="true"' in text_of(answer)
    assert counts_of(answer) == {"confirmed": 1, "unknown": 1}
    assert [one["url"] for one in answer.context["tabs"] if one["is_chosen"]] == ["?group=7&state=unknown"]


def test_who_may_not_decide_is_not_asked(signed_in, viewer, stranger, url, doubt) -> None:
    assert signed_in(viewer).get(url("delivery_decide", doubt.pk)).status_code == 403
    assert "delivery-question" not in text_of(signed_in(viewer).get(url("delivery", doubt.pk)))
    assert signed_in(stranger).get(url("delivery_decide", doubt.pk)).status_code == 404


def test_what_was_cancelled_after_failed_tries_says_so(tab, url, plan, hook) -> None:
    delivery = settle(plan(hook), state="cancelled", reason="sold_out", attempt_count=2)
    tried(delivery, "retry", "retry")
    for address in (url("deliveries"), url("delivery", delivery.pk)):
        page = text_of(tab.get(address, headers=IN_ENGLISH))
        assert "Everything is sold. It was tried 2 times before, without success." in page


@pytest.mark.parametrize("outcome", ["in_doubt", "lost"])
def test_what_may_have_arrived_before_is_not_called_unsuccessful(tab, url, plan, hook, outcome) -> None:
    delivery = settle(plan(hook), state="cancelled", reason="sold_out", attempt_count=2)
    tried(delivery, outcome, "retry")
    assert "without success" not in text_of(tab.get(url("delivery", delivery.pk), headers=IN_ENGLISH))


def test_seconds_are_told_where_a_moment_was_missed(tab, url, plan, hook) -> None:
    latest, ended = NOON + timedelta(seconds=30), NOON + timedelta(seconds=41)
    delivery = settle(plan(hook), state="expired", reason="too_late", latest_at=latest)
    Delivery.objects.update(updated_at=ended)
    answer = tab.get(url("delivery", delivery.pk), headers=IN_ENGLISH)
    assert "The latest moment, 20:00:30, had passed" in text_of(answer)
    assert "20:00:41 · Its latest moment had passed." in {told.text for told in answer.context["story"]}


def test_what_came_too_late_can_be_written_anew(tab, url, plan, hook, workspace) -> None:
    delivery = settle(plan(hook), state="expired", reason="too_late")
    page = text_of(tab.get(url("delivery", delivery.pk), headers=IN_ENGLISH))
    assert "It will not be sent any more." in page
    assert f'href="{reverse("campaigns:announcement_new", args=[workspace.slug])}?group=7"' in page


@pytest.mark.parametrize(("state", "is_told"), [("failed", True), ("expired", True), ("cancelled", False)])
def test_a_viewer_reads_what_follows_and_is_offered_nothing(signed_in, viewer, url, plan, room, state, is_told) -> None:
    delivery = settle(plan(room), state=state, reason="refused")
    answer = signed_in(viewer).get(url("delivery", delivery.pk), headers=IN_ENGLISH)
    assert bool(answer.context["write_anew"]) is is_told
    assert "?group=7" not in text_of(answer)


@pytest.mark.parametrize(("reason", "is_told"), [("refused", True), ("endpoint_archived", True), ("gave_up", False)])
def test_beside_the_button_that_tries_again_stands_what_has_to_be_done_first(
    tab, url, plan, room, reason, is_told
) -> None:
    page = text_of(tab.get(url("delivery", settle(plan(room), state="failed", reason=reason).pk), headers=IN_ENGLISH))
    assert ">Try again</button>" in page
    assert ("Put the channel right first, then try again." in page) is is_told


def test_who_can_try_a_failed_one_again_reads_nothing_else(tab, url, plan, room) -> None:
    delivery = settle(plan(room), state="failed", reason="refused")
    assert tab.get(url("delivery", delivery.pk)).context["write_anew"] is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("还有 10 分钟开抢，入口：http://127.0.0.1:8000/g/abc", "还有 10 分钟开抢，入口："),
        ("第一行\n第二行 https://a.example/x 第三行", "第一行 第二行 第三行"),
        ("一" * 50, "一" * 39 + "…"),
        ("https://a.example/x", "https://a.example/x"),
    ],
)
def test_a_line_of_a_list_never_ends_within_an_address(text, words) -> None:
    assert showing.first_words(text, is_markdown=False) == words


# --- the list alone ------------------------------------------------------------------------------------


def test_a_row_says_which_channel_carried_it_and_why_it_is_in_doubt(tab, url, plan, room, new_person) -> None:
    settle(plan(room), state="unknown", reason="no_answer", platform_code="500", platform_text="HTTP 500")
    plan(new_person().endpoint)
    rows = tab.get(url("deliveries"), headers=IN_ENGLISH).context["rows"]
    assert {row["carrier"] for row in rows} >= {f"Delivery channel: {room.name}"}
    assert any(row["carrier"].startswith("Sent by hand: ") for row in rows)
    page = text_of(tab.get(url("deliveries"), headers=IN_ENGLISH))
    assert f"Delivery channel: {room.name}" in page
    assert "The server on the other side failed (500). Please tell whoever looks after this address." in page
    assert '<a class="text-link" href=' in page


def test_a_doubt_without_an_answer_says_how_it_came(tab, url, doubt) -> None:
    page = text_of(tab.get(url("deliveries"), headers=IN_ENGLISH))
    assert "Tried; whether it arrived is not known." in page
    assert "“Send again” sends it once more" in page


def test_what_was_not_sent_can_be_tried_again_in_its_row(tab, url, doubt) -> None:
    row = text_of(tab.post(url("delivery_decide", doubt.pk), {"verdict": "not_sent"}, headers=HTMX))
    assert f'hx-post="{url("delivery_requeue", doubt.pk)}"' in row
    assert text_of(tab.post(url("delivery_requeue", doubt.pk), headers=HTMX))
    assert Delivery.objects.get().state == "planned"


def test_whoever_may_not_decide_is_not_offered_to_try_again(signed_in, workspace, url, doubt) -> None:
    settle(doubt, state="failed", reason="not_sent")
    viewer = signed_in(make_person(workspace, role=Role.VIEWER))
    assert url("delivery_requeue", doubt.pk) not in text_of(viewer.get(url("deliveries")))


def test_today_offers_to_send_a_doubt_again_after_the_question(tab, workspace, url, doubt) -> None:
    page = text_of(tab.get(reverse("dashboard:today", args=[workspace.slug])))
    assert f'href="{url("delivery_decide", doubt.pk)}?verdict=again&amp;back=' in page


# --- a word taken back ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("verdict", "state"), [("sent", "confirmed"), ("not_sent", "failed")])
def test_the_row_of_a_word_just_given_offers_to_undo_it(tab, url, doubt, verdict, state) -> None:
    undo = f'hx-post="{url("delivery_undo", doubt.pk)}"'
    assert undo not in text_of(tab.get(url("deliveries")))
    row = text_of(tab.post(url("delivery_decide", doubt.pk), {"verdict": verdict}, headers=HTMX))
    assert (Delivery.objects.get().state, undo in row) == (state, True)
    shown = text_of(tab.post(url("delivery_undo", doubt.pk), headers=HTMX))
    assert ('value="sent"' in shown, undo in shown) == (True, False)
    assert Delivery.objects.get().state == "unknown"


def test_the_page_of_a_message_says_until_when_it_can_be_undone(tab, url, doubt) -> None:
    page = text_of(tab.post(url("delivery_decide", doubt.pk), {"verdict": "sent"}, headers=IN_ENGLISH, follow=True))
    assert "This was decided by a person. It can be undone until " in page
    answer = tab.post(url("delivery_undo", doubt.pk), headers=IN_ENGLISH, follow=True)
    assert answer.redirect_chain == [(url("delivery", doubt.pk), 302)]
    assert "Undone: it is to be checked again" in text_of(answer)
    assert 'value="sent"' in text_of(answer)


def test_a_word_given_elsewhere_is_answered_there_with_a_way_back(tab, url, doubt, workspace) -> None:
    elsewhere = reverse("dashboard:today", args=[workspace.slug])
    given = {"verdict": "not_sent", "back": elsewhere}
    page = text_of(tab.post(url("delivery_decide", doubt.pk), given, headers=IN_ENGLISH, follow=True))
    assert "Noted: it was not sent. This can be undone for ten minutes." in page
    undo = f"{url('delivery_undo', doubt.pk)}?back={elsewhere.replace('/', '%2F')}"
    assert f'action="{undo}"' in page
    assert tab.post(undo).url == elsewhere
    assert Delivery.objects.get().state == "unknown"


def test_an_undo_that_comes_too_late_says_so(tab, url, doubt) -> None:
    tab.post(url("delivery_decide", doubt.pk), {"verdict": "sent"})
    AuditEntry.objects.update(at=NOON - timedelta(days=1))
    page = text_of(tab.post(url("delivery_undo", doubt.pk), headers=IN_ENGLISH, follow=True))
    assert "This was decided more than ten minutes ago." in page
    assert "can be undone until" not in page
    assert Delivery.objects.get().state == "confirmed"


def test_whoever_may_not_decide_is_offered_no_undo(tab, signed_in, viewer, url, doubt) -> None:
    tab.post(url("delivery_decide", doubt.pk), {"verdict": "sent"})
    for address in (url("deliveries"), url("delivery", doubt.pk)):
        assert url("delivery_undo", doubt.pk) not in text_of(signed_in(viewer).get(address))
    assert signed_in(viewer).post(url("delivery_undo", doubt.pk)).status_code == 403


def test_the_record_asks_once_for_all_words_that_can_be_undone(tab, url, plan, room) -> None:
    def counted() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert tab.get(url("deliveries")).content.count(b"/undo/") == 2 * Delivery.objects.count()
        return len(queries)

    def decided() -> None:
        row = settle(plan(room), state="unknown", reason="no_answer", attempt_count=1)
        tab.post(url("delivery_decide", row.pk), {"verdict": "sent"}, headers=HTMX)

    decided()
    first = counted()
    for _more in range(5):
        decided()
    assert counted() == first


def test_the_admin_takes_a_word_back(tab, url, doubt) -> None:
    address, chosen = reverse("admin:messaging_delivery_changelist"), {"_selected_action": [doubt.pk]}
    for action, state in (("mark_sent", "confirmed"), ("undo_decision", "unknown"), ("mark_not_sent", "failed")):
        tab.post(address, chosen | {"action": action})
        assert Delivery.objects.get().state == state
