"""A message that a robot has half sent goes to a person: she gets the rest, and is told what is there already."""

from datetime import date, time, timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import translation

from community_ops.common import assets, clock
from messaging import selectors, services, wording
from messaging.models import Delivery, HumanTask, TaskItem
from messaging.ports import PAUSED
from tests.common.test_pictures import drawn
from tests.factories.people import SYSTEM
from tests.messaging.test_public_task_pages import opened
from tests.moments import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("small")]
LONG = "第一句。第二句！第三句？第四句！第五句。"  # three parts of eight characters
REST = "第三句？第四句！第五句。"
LATER = NOON + timedelta(minutes=3)


@pytest.fixture(autouse=True)
def _in_english(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: LATER)
    with translation.override("en"):
        yield


@pytest.fixture
def begin(hook, httpserver, plan, deliver, fresh):
    """Plan a message whose first call is accepted and whose second is refused for now."""

    def one(**facts) -> Delivery:
        for status in (200, 503):
            httpserver.expect_ordered_request("/hook").respond_with_data("", status=status)
        row = plan(hook, **({"text": LONG, "may_split": True} | facts))
        deliver()
        assert (fresh(row).state, fresh(row).parts_sent) == ("planned", 1)
        Delivery.objects.filter(pk=row.pk).update(next_try_at=LATER)
        return fresh(row)

    return one


@pytest.fixture
def half(begin) -> Delivery:
    return begin()


@pytest.fixture
def by_hand(workspace, person):
    """Let the group's messages go to her."""

    def change(target_id: int = 7) -> int:
        facts = {"workspace_id": workspace.pk, "target_id": target_id, "endpoint_id": person.endpoint_id}
        return services.retarget_deliveries(**facts, now=LATER)

    return change


def test_she_gets_only_the_rest_on_a_card_that_says_what_is_there(half, by_hand, person, deliver, fresh) -> None:
    assert by_hand() == 1
    row, task = fresh(half), HumanTask.objects.get()
    assert (row.state, row.reason, row.endpoint_id) == ("waiting", "by_hand", person.endpoint_id)
    assert (task.text, task.assignee, TaskItem.objects.get().delivery) == (REST, person, row)
    shown = opened(person).get(f"/t/{task.pk}/").content.decode()
    assert "The first of 3 messages is in the group already: “第一句。第二句！”." in shown
    assert shown.count("第一句。") == 1  # only where it says what is there
    deliver(LATER)
    assert by_hand() == 0
    assert (HumanTask.objects.count(), TaskItem.objects.count()) == (1, 1)


def test_what_she_copies_is_the_rest_and_the_record_keeps_all_of_it(half, by_hand, fresh) -> None:
    by_hand()
    task = HumanTask.objects.get()
    copied = services.copy_card(task=task, actor=SYSTEM, now=LATER)
    assert "".join(copied.texts[0].pieces) == REST
    services.finish_items(task=task, actor=SYSTEM, now=LATER)
    assert (fresh(half).state, fresh(half).sent_text) == ("confirmed", LONG)


def test_what_she_leaves_out_is_partly_sent(half, by_hand, fresh) -> None:
    by_hand()
    waiting = selectors.parts_said([fresh(half)])[half.pk]
    assert waiting == "1 of 3 messages went out; the rest has not been sent yet."
    services.leave_out(task=HumanTask.objects.get(), note="群解散了", actor=SYSTEM, now=LATER)
    assert wording.badge_words(fresh(half), now=LATER).label == "Not sent: a colleague said why · 1 of 3 sent"


def test_values_stay_those_of_the_first_part(half, by_hand, fresh) -> None:
    Delivery.objects.filter(pk=half.pk).update(subject_kind="nobody", subject_id=1)
    by_hand()
    assert HumanTask.objects.get().subject_kind == ""
    assert HumanTask.objects.get().text == REST


def test_a_picture_that_is_out_is_not_posted_again(begin, by_hand, workspace, person) -> None:
    image = assets.store_image(SimpleUploadedFile("x.png", drawn()), workspace_id=workspace.pk)
    begin(text="今晚见", image_id=image.pk)
    by_hand()
    task = HumanTask.objects.get()
    assert (task.text, task.image) == ("今晚见", None)
    assert "is in the group already: the picture." in opened(person).get(f"/t/{task.pk}/").content.decode()


def test_groups_that_have_the_same_rest_share_a_card(begin, by_hand) -> None:
    for target in (1, 2):
        begin(target_id=target, origin_id=77)
    assert (by_hand(1), by_hand(2)) == (1, 1)
    assert HumanTask.objects.get().items.count() == 2


def test_tools_see_what_is_there_already(half, by_hand, api) -> None:
    by_hand()
    told = api.get(f"/api/v1/tasks/{HumanTask.objects.get().pk}/").json()
    begun = {"sent": 1, "count": 3, "words": "第一句。第二句！", "has_image": False}
    assert (told["text"], told["facts"]) == (REST, {"begun": begun})


def test_a_colleague_is_told_too_what_is_there(half, by_hand, new_person) -> None:
    by_hand()
    zhou = new_person("小周")
    hers = services.hand_on(task=HumanTask.objects.get(), to=zhou, actor=SYSTEM, now=LATER)
    shown = opened(zhou).get(f"/t/{hers.pk}/").content.decode()
    assert "is in the group already" in shown


def test_no_rule_cuts_it_in_half_and_its_guard_still_says_not_now(half, by_hand, workspace, guard) -> None:
    facts = {"begins": time(0), "ends": time(23, 59), "from_on": date(2026, 11, 1), "until_on": None}
    services.create_quiet_hours(workspace_id=workspace.pk, **facts, actor=SYSTEM, now=NOON)
    by_hand()
    task = HumanTask.objects.get()
    guard.verdict = PAUSED
    assert services.copy_card(task=task, actor=SYSTEM, now=LATER).waiting
    guard.verdict = type(PAUSED)(allowed=True)
    assert services.copy_card(task=task, actor=SYSTEM, now=LATER).texts


def test_the_rest_that_nobody_can_tell_any_more_is_not_sent_whole(half, by_hand, hook, deliver, fresh) -> None:
    Delivery.objects.filter(pk=half.pk).update(part_count=4)
    assert by_hand() == 0
    deliver(NOON + timedelta(minutes=10))
    assert (fresh(half).state, fresh(half).reason, fresh(half).endpoint) == ("failed", "channel_changed", hook)
    assert not HumanTask.objects.exists()


def test_the_rest_that_failed_in_her_hand_stays_with_her_card(half, by_hand, person, room, workspace, fresh) -> None:
    """Tried again it is planned for her until the engine comes; her group's new channel does not get it."""
    by_hand()
    Delivery.objects.filter(pk=half.pk).update(state="planned", reason="again")
    services.retarget_deliveries(workspace_id=workspace.pk, target_id=7, endpoint_id=room.pk, now=LATER)
    row = fresh(half)
    assert (row.state, row.reason, row.endpoint_id) == ("failed", "channel_changed", person.endpoint_id)


def test_what_has_not_begun_goes_to_her_whole_at_its_time(hook, plan, by_hand, deliver) -> None:
    plan(hook, text=LONG, may_split=True)
    assert by_hand() == 1
    assert not HumanTask.objects.exists()
    deliver(LATER)
    assert HumanTask.objects.get().text == LONG
