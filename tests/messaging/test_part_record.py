"""What the record says of a message in several parts that stopped midway: what is in the group, and what is not."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation

from community_ops.common import assets, dbtime
from messaging import selectors, services, wording
from messaging.models import Attempt, Delivery, SandboxPost
from messaging.platforms.sandbox.adapter import SandboxAdapter
from messaging.ports import PAUSED, Verdict
from messaging.services import recording
from tests.common.test_pictures import drawn
from tests.moments import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("small")]
LONG = "第一句。第二句！第三句？第四句！第五句。"  # three parts of eight characters
LATER = NOON + timedelta(minutes=10)
IN_ENGLISH = {"Accept-Language": "en"}
ONE_OUT = "1 of 3 messages went out"


@pytest.fixture(autouse=True)
def _in_english():
    with translation.override("en"):
        yield


@pytest.fixture
def answers(httpserver):
    """What the receiver says to the calls, in order."""

    def say(*statuses: int) -> None:
        for status in statuses:
            httpserver.expect_ordered_request("/hook").respond_with_data("said", status=status)

    return say


@pytest.fixture
def half(answers, hook, plan, deliver, fresh):
    """Its first part is out, the second is being retried."""
    answers(200, 503)
    delivery = plan(hook, text=LONG, may_split=True)
    deliver()
    row = fresh(delivery)
    assert (row.state, row.reason, row.parts_sent, row.part_count) == ("planned", "retrying", 1, 3)
    return row


@pytest.fixture
def doubtful(half):
    """Nobody knows whether its second part arrived."""
    Delivery.objects.filter(pk=half.pk).update(state="unknown", reason="no_answer")
    return Delivery.objects.select_related("message", "endpoint__connection").get(pk=half.pk)


def sentence(row: Delivery) -> str:
    parts = selectors.parts_said([row]).get(row.pk, "")
    return wording.state_sentence(row, zone="UTC", parts=parts)


def fates(row: Delivery) -> list[str]:
    return [part["fate"] for part in selectors.shown_parts(row)]


def cancel(row: Delivery, owner) -> None:
    services.cancel_delivery(delivery=row, actor=owner.actor, now=NOON)


def test_each_try_says_which_part_it_was_about(half) -> None:
    tries = Attempt.objects.order_by("number").values_list("number", "part", "part_count", "outcome")
    assert list(tries) == [(1, 1, 3, "accepted"), (2, 2, 3, "retry")]
    told = wording.story(half, selectors.attempts_of(half), [], zone="UTC")
    titles = {item.title.partition(":")[0] for item in told}
    assert {"Message 1 of 3 · Try 1", "Message 2 of 3 · Try 1"} <= titles


def test_two_parts_are_not_two_tries_and_a_part_tried_again_is_named(half) -> None:
    def tries() -> str:
        half.refresh_from_db()
        return wording.tries_words(half, selectors.attempts_of(half))

    assert tries() == ""
    again = Attempt.objects.get(number=2)
    again.pk, again.number = None, 3
    again.save()
    assert tries() == "Message 2 of 3: 2"
    told = wording.story(half, selectors.attempts_of(half), [], zone="UTC")
    assert any(item.title.startswith("Message 2 of 3 · Try 2: ") for item in told)


def test_what_was_never_tried_shows_no_number_of_tries(plan, room) -> None:
    assert wording.tries_words(plan(room), []) == ""


def test_a_try_of_a_message_in_one_part_says_nothing_of_parts(room, plan, deliver, fresh) -> None:
    row = plan(room, text="今晚见")
    deliver()
    told = wording.story(fresh(row), selectors.attempts_of(row), [], zone="UTC")
    assert all("Message" not in item.title + item.text for item in told)
    assert (sentence(fresh(row)).startswith("It is shown in the sandbox room"), fates(fresh(row))) == (True, [])


def test_a_call_that_was_lost_says_its_part_too(half, fresh) -> None:
    Delivery.objects.filter(pk=half.pk).update(state="sending", attempt_count=3, lease_until=dbtime.now())
    recording.reap(db_now=dbtime.now() + timedelta(seconds=1), now=NOON)
    assert list(Attempt.objects.filter(outcome="lost").values_list("part", "part_count")) == [(2, 3)]


# --- one that stopped ------------------------------------------------------------------------------------


def test_a_cancelled_one_says_what_is_in_the_group(half, owner, fresh) -> None:
    cancel(half, owner)
    row = fresh(half)
    assert f"{ONE_OUT}; the rest was not sent." in sentence(row)
    assert fates(row) == ["", "not sent", "not sent"]


@pytest.mark.parametrize(
    ("facts", "label"),
    [
        ({"state": "cancelled", "reason": "cancelled_by_person"}, "Cancelled · 1 of 3 sent"),
        ({"state": "failed", "reason": "refused"}, "Failed · 1 of 3 sent"),
        ({"state": "failed", "reason": "gave_up"}, "Failed several times, parked · 1 of 3 sent"),
        ({"state": "expired", "reason": "not_done"}, "Too late, not sent · 1 of 3 sent"),
    ],
)
def test_the_badge_of_one_that_ended_midway_says_how_much_is_out(half, fresh, facts, label) -> None:
    Delivery.objects.filter(pk=half.pk).update(**facts)
    row = fresh(half)
    assert (wording.badge_state(row, now=NOON), wording.badge_words(row, now=NOON).label) == ("partly_sent", label)
    assert selectors.delivery_counts(Delivery.objects.all(), now=NOON).counts == {"partly_sent": 1}
    for state, count in (("partly_sent", 1), (facts["state"], 0), ("parked", 0)):
        assert selectors.that_read(Delivery.objects.all(), state, now=NOON).count() == count


def test_the_badge_of_one_of_which_nothing_is_out_says_only_how_it_ended(half, fresh) -> None:
    Delivery.objects.filter(pk=half.pk).update(state="cancelled", reason="cancelled_by_person", parts_sent=0)
    assert wording.badge_words(fresh(half), now=NOON).label == "Cancelled"
    assert selectors.delivery_counts(Delivery.objects.all(), now=NOON).counts == {"cancelled": 1}


def test_the_record_and_tools_see_that_a_cancelled_one_is_partly_out(half, owner, signed_in, workspace, api) -> None:
    cancel(half, owner)
    tab, record = signed_in(owner), reverse("messaging:deliveries", args=[workspace.slug])
    for address in (f"{record}?state=partly_sent", reverse("messaging:delivery", args=[workspace.slug, half.pk])):
        assert ">Cancelled · 1 of 3 sent</span>" in tab.get(address, headers=IN_ENGLISH).content.decode()
    listed = tab.get(record, headers=IN_ENGLISH)
    assert [(tab["state"], tab["count"]) for tab in listed.context["tabs"][1:]] == [("partly_sent", 1)]
    told = api.get(f"/api/v1/deliveries/{half.pk}/").json()
    assert (told["state"], told["parts_sent"], told["part_count"]) == ("cancelled", 1, 3)


def test_one_its_guard_stopped_says_what_is_in_the_group(half, guard, deliver, fresh) -> None:
    guard.verdict = Verdict(allowed=False, reason="sale_over")
    deliver(LATER)
    row = fresh(half)
    assert row.state == "cancelled"
    assert sentence(row).startswith(f"The sale is over. {ONE_OUT}; the rest was not sent.")


def test_one_that_is_refused_says_what_is_in_the_group(half, answers, deliver, fresh) -> None:
    answers(400)
    deliver(LATER)
    row = fresh(half)
    assert (row.state, row.reason) == ("failed", "refused")
    assert f"{ONE_OUT}; the rest was not sent." in sentence(row)
    assert fates(row) == ["", "not sent", "not sent"]


def test_one_that_came_too_late_says_what_is_in_the_group(half, fresh) -> None:
    Delivery.objects.filter(pk=half.pk).update(state="expired", reason="too_late", latest_at=NOON)
    assert f"{ONE_OUT}; the rest was not sent." in sentence(fresh(half))


def test_one_that_goes_on_says_so(half, fresh) -> None:
    assert f"{ONE_OUT}; the rest follows." in sentence(half)
    assert fates(half) == ["", "not sent yet", "not sent yet"]
    Delivery.objects.filter(pk=half.pk).update(reason="more_parts")
    assert sentence(fresh(half)).startswith(f"{ONE_OUT}; the rest follows.")


def test_one_that_is_queued_again_goes_on_with_the_rest(half, answers, owner, deliver, fresh, httpserver) -> None:
    answers(400, 200, 200)
    deliver(LATER)
    services.requeue_failed(delivery=fresh(half), actor=owner.actor, now=LATER)
    assert f"{ONE_OUT}; the rest follows." in sentence(fresh(half))
    deliver(LATER)
    row = fresh(half)
    assert (row.state, fates(row)) == ("accepted", ["", "", ""])
    assert [request.get_json()["part"] for request, _ in httpserver.log] == [1, 2, 2, 2, 3]


def test_one_that_is_paused_says_that_the_rest_waits(half, workspace, guard, deliver, fresh) -> None:
    services.pause_deliveries(workspace_id=workspace.pk, origin="test", origin_id=half.origin_id, now=NOON)
    assert f"{ONE_OUT}; the rest has not been sent yet." in sentence(fresh(half))
    guard.verdict = PAUSED
    deliver(LATER)
    assert fresh(half).parts_sent == 1


# --- one in doubt ----------------------------------------------------------------------------------------


def test_a_doubt_says_which_part_it_is_about_and_what_each_answer_sets_off(doubtful) -> None:
    said = sentence(doubtful)
    assert "message 2 of 3: “第三句？第四句！”" in said
    assert "After “Sent” the last 1 follows at once" in said
    assert "after “Not sent” nothing more goes out" in said
    assert fates(doubtful) == ["", "to be checked", "not sent"]


def test_a_doubt_about_the_last_part_says_that_nothing_follows(doubtful, fresh) -> None:
    Delivery.objects.filter(pk=doubtful.pk).update(parts_sent=2)
    assert "message 3 of 3: “第五句。”. It is the last one" in sentence(fresh(doubtful))


def test_a_doubt_whose_text_is_cut_otherwise_now_names_no_words(doubtful, fresh) -> None:
    Delivery.objects.filter(pk=doubtful.pk).update(part_count=4)
    assert "The doubt is about message 2 of 4. " in sentence(fresh(doubtful))
    assert fates(fresh(doubtful)) == []


def test_what_the_sentence_promises_happens(doubtful, answers, owner, deliver, fresh, httpserver) -> None:
    answers(200)
    services.decide_unknown(delivery=doubtful, verdict="sent", actor=owner.actor, now=LATER)
    deliver(LATER)
    assert fresh(doubtful).state == "accepted"
    assert [request.get_json()["part"] for request, _ in httpserver.log] == [1, 2, 3]


def test_nothing_follows_what_was_not_sent(doubtful, owner, deliver, fresh, httpserver) -> None:
    services.decide_unknown(delivery=doubtful, verdict="not_sent", actor=owner.actor, now=LATER)
    deliver(LATER)
    assert len(httpserver.log) == 2
    assert f"{ONE_OUT}; the rest was not sent." in sentence(fresh(doubtful))


def test_the_record_keeps_which_part_a_person_spoke_of(doubtful, owner) -> None:
    services.decide_unknown(delivery=doubtful, verdict="sent", actor=owner.actor, now=LATER)
    told = wording.story(doubtful, [], selectors.decisions_on(doubtful), zone="UTC")
    assert ("Checked: it was sent", "Message 2 of 3") in [(item.title, item.text) for item in told]


def test_the_pages_say_it_where_the_answer_is_given(doubtful, signed_in, owner, workspace) -> None:
    tab = signed_in(owner)
    for address in (
        reverse("messaging:deliveries", args=[workspace.slug]),
        reverse("messaging:delivery", args=[workspace.slug, doubtful.pk]),
        reverse("messaging:delivery_decide", args=[workspace.slug, doubtful.pk]) + "?verdict=again",
    ):
        page = tab.get(address, headers=IN_ENGLISH).content.decode()
        assert "essage 2 of 3" in page
        assert "第三句？第四句！" in page


# --- one that is moved or goes another way ---------------------------------------------------------------


def test_what_has_begun_is_not_moved_and_is_brought_to_its_end(half, answers, workspace, deliver, fresh) -> None:
    answers(200, 200)
    moves = {half.source_key: NOON + timedelta(days=1)}
    assert services.reschedule_deliveries(workspace_id=workspace.pk, moves=moves, now=NOON) == 0
    assert (fresh(half).due_at, fresh(half).next_try_at) == (NOON, half.next_try_at)
    deliver(LATER)
    assert fresh(half).state == "accepted"


def test_one_whose_first_part_is_still_being_tried_moves(answers, hook, plan, workspace, deliver, fresh) -> None:
    answers(503)
    row = plan(hook, text=LONG, may_split=True)
    deliver()
    moves = {row.source_key: NOON + timedelta(days=1)}
    assert services.reschedule_deliveries(workspace_id=workspace.pk, moves=moves, now=NOON) == 1
    assert fresh(row).due_at == NOON + timedelta(days=1)


def move_group(workspace, endpoint) -> int:
    facts = {"workspace_id": workspace.pk, "target_id": 7, "endpoint_id": endpoint and endpoint.pk}
    return services.retarget_deliveries(**facts, now=NOON)


@pytest.mark.parametrize("to", ["room", "robot", ""])
def test_one_chat_does_not_get_the_rest_of_what_began_in_another(half, hook, workspace, deliver, fresh, request, to):
    """The room would cut it into as many parts: it would have looked complete."""
    other = request.getfixturevalue(to) if to else None
    assert [move_group(workspace, other), move_group(workspace, other)] == [0, 0]
    assert deliver(LATER) == 0
    row = fresh(half)
    assert (row.state, row.reason, row.endpoint, row.parts_sent) == ("failed", "channel_changed", hook, 1)
    assert wording.badge_words(row, now=LATER).label == "Failed · 1 of 3 sent"
    assert "Its group has another channel now." in sentence(row)
    assert f"{ONE_OUT}; the rest was not sent." in sentence(row)
    assert not SandboxPost.objects.exists()


def test_tried_again_its_rest_goes_where_its_beginning_is(
    half, answers, room, workspace, owner, deliver, fresh
) -> None:
    answers(200, 200)
    move_group(workspace, room)
    services.requeue_failed(delivery=half, actor=owner.actor, now=NOON)
    deliver(LATER)
    assert (fresh(half).state, fresh(half).parts_sent) == ("accepted", 3)
    assert not SandboxPost.objects.exists()


def test_what_has_not_begun_goes_whole_to_the_new_channel(hook, room, plan, workspace, deliver, fresh) -> None:
    row = plan(hook, text=LONG, may_split=True)
    assert move_group(workspace, room) == 1
    deliver()
    assert (fresh(row).state, SandboxPost.objects.count()) == ("accepted", 3)


def test_what_ended_without_a_channel_midway_gets_none_later(half, room, workspace, fresh) -> None:
    """As older versions left it: they took a group's channel away in the middle of a message."""
    Delivery.objects.filter(pk=half.pk).update(state="failed", reason="no_endpoint", endpoint=None)
    move_group(workspace, room)
    assert fresh(half).endpoint is None


# --- tools and pages above -------------------------------------------------------------------------------


def test_tools_see_the_parts(half, api) -> None:
    row = api.get(f"/api/v1/deliveries/{half.pk}/").json()
    assert (row["parts_sent"], row["part_count"]) == (1, 3)
    tries = api.get(f"/api/v1/deliveries/{half.pk}/attempts/").json()["results"]
    assert [(one["part"], one["part_count"]) for one in tries] == [(1, 3), (2, 3)]


def test_tools_see_that_all_of_it_went_out(room, plan, deliver, api) -> None:
    rows = [plan(room, text="今晚见"), plan(room, text=LONG, may_split=True)]
    deliver()
    seen = [api.get(f"/api/v1/deliveries/{row.pk}/").json() for row in rows]
    assert [(row["parts_sent"], row["part_count"]) for row in seen] == [(1, 1), (3, 3)]


def test_a_whole_list_asks_once_for_what_is_in_doubt(doubtful, hook, plan, django_assert_num_queries) -> None:
    other = plan(hook, text=LONG, may_split=True, origin_id=doubtful.origin_id)
    facts = {"state": "unknown", "parts_sent": 1, "part_count": 3, "sent_text": LONG, "attempt_count": 2}
    Delivery.objects.filter(pk=other.pk).update(**facts)
    rows = list(Delivery.objects.all())
    with django_assert_num_queries(1):
        assert len(selectors.parts_said(rows)) == 2


# --- a picture that did not go along ---------------------------------------------------------------------


@pytest.fixture
def image(workspace):
    return assets.store_image(SimpleUploadedFile("x.png", drawn()), workspace_id=workspace.pk)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("planned", "the picture does not go along, only the text"),
        ("accepted", "The picture was not sent along: Sandbox room takes none."),
        ("unknown", "The picture was not sent along: Sandbox room takes none."),
        ("failed", ""),
    ],
)
def test_the_record_says_that_the_picture_did_not_go_along(
    room, plan, image, monkeypatch, signed_in, owner, workspace, state, said
) -> None:
    monkeypatch.setattr(SandboxAdapter, "capabilities", replace(SandboxAdapter.capabilities, image=None))
    row = plan(room, text="今晚见", image_id=image.pk)
    Delivery.objects.filter(pk=row.pk).update(state=state, accepted_at=NOON)
    tab = signed_in(owner)
    for name, args in (("deliveries", []), ("delivery", [row.pk])):
        address = reverse(f"messaging:{name}", args=[workspace.slug, *args])
        page = tab.get(address, headers=IN_ENGLISH).content.decode()
        assert ("icture" in page.replace("Picture of the message", "")) == bool(said)
        assert said in page


def test_nothing_is_said_of_a_picture_that_went_along_or_of_none(room, plan, deliver, image, fresh) -> None:
    with_picture, without = plan(room, text="今晚见", image_id=image.pk), plan(room, text="今晚见")
    deliver()
    assert [selectors.left_out(fresh(row)) for row in (with_picture, without)] == ["", ""]


def test_the_admin_says_how_much_is_out_as_the_record_does(signed_in, owner, plan, room, half) -> None:
    Delivery.objects.update(state="failed", reason="gave_up")
    tab, address = signed_in(owner), reverse("admin:messaging_delivery_changelist")
    half.refresh_from_db()
    label = str(wording.badge_words(half, now=NOON).label)
    assert label == "Failed several times, parked · 1 of 3 sent"
    assert label in tab.get(address, headers=IN_ENGLISH).content.decode()
    with CaptureQueriesContext(connection) as few:
        tab.get(address)
    for _number in range(5):
        Delivery.objects.filter(pk=plan(room).pk).update(state="accepted", accepted_at=NOON)
    with CaptureQueriesContext(connection) as many:
        tab.get(address)
    assert len(many) == len(few)
