"""A card made by hand that posts in groups: held by send rules, counted by caps, in the record, in step with it."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from community_ops.common import clock
from community_ops.common.actors import Actor
from community_ops.common.errors import InvalidInput
from community_ops.common.models import AuditEntry
from groups.models import ChatGroup
from groups.services import archive_group
from messaging import services, task_selectors
from messaging.models import Delivery, HumanTask, TaskItem, TaskKind
from messaging.ports import Verdict, subject_guards, text_contexts
from messaging.services import NewItem
from messaging.task_policies import IN_GROUPS
from tests.factories.people import SYSTEM
from tests.messaging.test_held_cards import HOUR, MORNING, NIGHT, cap, copy, held, holiday, quiet
from tests.messaging.test_task_cards import GIVEN, ByGroup, Shop
from tests.messaging.test_task_warnings import make_group
from tests.moments import NOON

pytestmark = pytest.mark.django_db
LATER, A_DAY = NOON + timedelta(minutes=3), timedelta(days=1)
ZONE = {"zone": "Asia/Shanghai"}


@pytest.fixture(autouse=True)
def at(monkeypatch) -> Callable[..., None]:
    """The product's clock: at noon, and set by calling it."""
    now = [NOON]
    monkeypatch.setattr(clock, "now", lambda: now[0])

    def go(**delta: float) -> None:
        now[0] = NOON + timedelta(**delta)

    return go


@pytest.fixture
def her(person) -> Actor:
    return Actor.assignee(person.pk, name=person.name, workspace_id=person.workspace_id)


@pytest.fixture
def group(workspace) -> ChatGroup:
    return make_group(workspace)


@pytest.fixture
def new_card(person, group) -> Callable[..., HumanTask]:
    """A card that somebody makes for the group."""

    def make(kind: str = "message", *, groups: tuple[ChatGroup, ...] = (), **facts: Any) -> HumanTask:
        items = [NewItem(one.name, "group", one.pk) for one in groups or (group,)]
        values = {
            "title": "晚上的事",
            "text": "快来",
            "due_at": NOON,
            "items": items,
            "facts": GIVEN.get(kind, ({},))[0],
        }
        return services.create_task(assignee=person, kind=kind, actor=SYSTEM, now=NOON, **values | facts)

    return make


def states(task: HumanTask) -> list[tuple[str, str, str]]:
    rows = TaskItem.objects.filter(task=task).order_by("pk")
    return list(rows.values_list("state", "delivery__state", "delivery__reason"))


# --- which cards ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", TaskKind.values)
def test_a_text_for_a_group_waits_for_her_as_a_delivery_and_nothing_else_does(person, group, new_card, kind) -> None:
    task = new_card(kind, purpose="selling", latest_at=NOON + HOUR)
    if kind not in IN_GROUPS:
        assert not Delivery.objects.exists()
        return
    row = Delivery.objects.select_related("message").get()
    assert (row.state, row.reason, row.origin, row.origin_id) == ("waiting", "by_hand", "card", task.pk)
    assert (row.target_kind, row.target_id, row.target_label) == ("group", group.pk, group.name)
    assert (row.purpose, row.zone, row.exemption, row.subject_kind) == ("selling", "Asia/Shanghai", "", "")
    assert (row.due_at, row.latest_at, row.endpoint_id) == (NOON, NOON + HOUR, person.endpoint_id)
    assert row.message.text == "快来"


def test_a_place_that_is_no_group_has_none(new_card) -> None:
    task = new_card(items=[NewItem("老客群"), NewItem("李姐", "member", 7)])
    assert states(task) == [("open", None, None)] * 2


def test_the_same_source_key_makes_one_delivery(new_card, group) -> None:
    first, second = (new_card(source_key="crm:7") for _ in range(2))
    assert (first.pk, Delivery.objects.count()) == (second.pk, 1)
    twice = new_card(items=[NewItem("一", "group", group.pk)] * 2)
    assert states(twice) == [("open", "waiting", "by_hand")] * 2


def test_an_unknown_purpose_is_refused_and_nothing_is_made(new_card) -> None:
    with pytest.raises(InvalidInput) as caught:
        new_card(purpose="spam")
    assert caught.value.field == "purpose"
    made = [HumanTask.objects.count(), Delivery.objects.count(), AuditEntry.objects.filter(verb="task.created").count()]
    assert made == [0, 0, 0]


# --- rules ------------------------------------------------------------------------------------------


def test_quiet_hours_hold_it_back_and_nothing_is_lost(workspace, new_card, her) -> None:
    quiet(workspace, 22, 8)
    task = new_card()
    copied = copy(task, her, NIGHT)
    assert (copied.texts, [(why.reason, why.until) for _, why in held(copied)]) == ((), [("quiet_hours", MORNING)])
    assert states(task) == [("open", "waiting", "by_hand")]
    assert copy(task, her, MORNING).texts[0].pieces == ("快来",)


def test_each_group_counts_by_its_own_clock(workspace, new_card, her, group) -> None:
    quiet(workspace, 22, 8)
    task = new_card(groups=(group, make_group(workspace, "London", "Europe/London")))
    copied = copy(task, her, NIGHT)
    assert [item.label for one in copied.texts for item in one.items] == ["London"]


def test_of_three_cards_for_one_group_a_cap_of_one_lets_the_first_be_copied(workspace, new_card, her) -> None:
    cap(workspace, 1)
    first, second, third = (new_card(due_at=NOON + timedelta(minutes=minutes)) for minutes in range(3))
    assert copy(first, her, NOON).texts
    services.finish_items(task=first, actor=her, now=NOON)
    for task in (second, third):
        assert [why.reason for _, why in held(copy(task, her, LATER))] == ["cap"]


def test_a_robots_message_is_not_the_first_where_a_card_came_before(
    workspace, new_card, her, group, plan, deliver, room
):
    cap(workspace, 1)
    services.finish_items(task=new_card(), actor=her, now=NOON)
    row = plan(room, target_id=group.pk, due_at=LATER, **ZONE)
    deliver(LATER)
    row.refresh_from_db()
    assert (row.state, row.reason) == ("cancelled", "cap")


def test_a_card_for_the_evening_takes_no_place_from_noon(workspace, new_card, her, group, plan, deliver, room) -> None:
    cap(workspace, 1)
    task = new_card(due_at=NOON + 2 * HOUR)
    row = plan(room, target_id=group.pk, **ZONE)
    deliver(NOON)
    row.refresh_from_db()
    assert row.state == "accepted"
    assert [why.reason for _, why in held(copy(task, her, NOON + HOUR))] == ["cap"]


def test_a_cap_counts_it_by_its_purpose(workspace, new_card, her) -> None:
    cap(workspace, 1, purpose="selling")
    for purpose in ("selling", "care"):
        services.finish_items(task=new_card(purpose=purpose), actor=her, now=NOON)
    assert held(copy(new_card(), her, LATER)) == []
    assert [why.reason for _, why in held(copy(new_card(purpose="selling"), her, LATER))] == ["cap"]


def test_planning_knows_it_too(workspace, new_card, group) -> None:
    cap(workspace, 1)
    facts: dict[str, Any] = {"origin": "test", "origin_id": 1, "endpoint_id": None, "text": "x", "target_id": group.pk}
    sends = [
        services.PlannedSend(source_key=f"test:{hours}", due_at=NOON + hours * HOUR, **ZONE, **facts)
        for hours in (1, 3)
    ]
    new_card(due_at=NOON + 2 * HOUR)
    found = services.would_be_held(workspace_id=workspace.pk, sends=sends[1:])
    assert [(one.send.source_key, one.reason) for one in found] == [("test:3", "cap")]
    assert services.would_be_held(workspace_id=workspace.pk, sends=sends[:1]) == []


def test_she_is_told_when_it_can_be_posted(workspace, new_card, person, room) -> None:
    quiet(workspace, 20, 22)
    person.notice_endpoint = room
    person.save(update_fields=["notice_endpoint"])
    new_card()
    assert services.tell_assignees(now=NOON) == 0
    assert services.tell_assignees(now=NOON + 2 * HOUR) == 1


# --- in step with the card --------------------------------------------------------------------------


def test_ticked_is_confirmed_with_what_was_copied_and_taken_back_waits_again(new_card, her) -> None:
    task = new_card()
    copy(task, her, NOON)
    services.finish_items(task=task, actor=her, now=NOON)
    assert states(task) == [("done", "confirmed", "confirmed_by_person")]
    assert Delivery.objects.get().sent_text == "快来"
    services.undo_items(task=task, item_ids=[task.items.get().pk], actor=her, now=LATER)
    assert states(task) == [("open", "waiting", "by_hand")]


def test_left_out_and_taken_back_is_cancelled(new_card, her) -> None:
    left, back = new_card(), new_card()
    services.leave_out(task=left, note="群里正忙", actor=her, now=LATER)
    services.withdraw_task(task=back, actor=SYSTEM, now=LATER)
    assert states(left) == [("left_out", "cancelled", "left_out")]
    assert states(back) == [("withdrawn", "cancelled", "taken_back")]


def test_handed_on_it_goes_along(new_card, her, new_person) -> None:
    task, colleague = new_card(), new_person("小周")
    hers = services.hand_on(task=task, to=colleague, actor=her, now=LATER)
    assert states(task) == []
    services.finish_items(
        task=hers, actor=Actor.assignee(colleague.pk, name="小周", workspace_id=task.workspace_id), now=LATER
    )
    assert states(hers) == [("done", "confirmed", "confirmed_by_person")]
    assert Delivery.objects.get().origin_id == task.pk


@pytest.mark.parametrize(
    ("rule", "end"), [(None, ("withdrawn", "expired", "not_done")), (holiday, ("withdrawn", "cancelled", "holiday"))]
)
def test_after_a_day_it_expires_and_counts_as_not_done_unless_a_rule_held_it(
    workspace, owner, new_card, rule, end
) -> None:
    task = new_card()
    before = task_selectors.kept_to(owner.actor, since=NOON, until=NOON + A_DAY, now=NOON + A_DAY)
    if rule is not None:
        rule(workspace, date(2026, 11, 22), date(2026, 11, 28))
    assert services.review_waiting(now=NOON + A_DAY - timedelta(seconds=1)) == 0
    assert services.review_waiting(now=NOON + A_DAY) == 1
    assert states(task) == [end]
    after = task_selectors.kept_to(owner.actor, since=NOON, until=NOON + A_DAY, now=NOON + A_DAY)
    assert before.people[0].not_done == 1
    assert [one.not_done for one in after.people] == ([1] if rule is None else [])


def test_an_archived_group_takes_it_off_her_list(new_card, group) -> None:
    task = new_card(due_at=NOON + A_DAY)
    assert services.review_waiting(now=NOON) == 0
    archive_group(group=group, reason="散了", actor=SYSTEM, now=NOON)
    assert services.review_waiting(now=NOON) == 1
    assert states(task) == [("withdrawn", "cancelled", "group_closed")]


def test_one_group_can_be_cancelled_from_the_record(workspace, new_card, group) -> None:
    task = new_card(groups=(group, make_group(workspace, "晨跑 2 群")))
    services.cancel_delivery(delivery=Delivery.objects.order_by("pk").first(), actor=SYSTEM, now=LATER)
    assert [state for state, *_ in states(task)] == ["withdrawn", "open"]


def test_with_a_subject_its_guard_and_its_numbers_are_asked(new_card, her, group, monkeypatch) -> None:
    shop, guard = Shop(), ByGroup()
    monkeypatch.setitem(text_contexts._answers, "shop", shop)
    monkeypatch.setitem(subject_guards._answers, "shop", guard)
    task = new_card(text="还剩 {left} 件", subject_kind="shop", subject_id=5)
    assert copy(task, her, NOON).texts[0].pieces == ("还剩 12 件",)
    guard.verdicts = {group.pk: Verdict(allowed=False, reason="sale_over")}
    services.review_waiting(now=LATER)
    assert states(task) == [("withdrawn", "cancelled", "sale_over")]


# --- pages and REST ---------------------------------------------------------------------------------


@pytest.fixture
def tab(signed_in, owner) -> Client:
    client: Client = signed_in(owner)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


def test_the_form_makes_it_with_the_chosen_purpose_and_the_record_tells_its_story(
    workspace, tab, person, group, her
) -> None:
    url = reverse("messaging:task_new", args=[workspace.slug, "message"])
    form = {"title": "晚上的事", "assignee": person.pk, "due_at": "2026-11-21T20:15", "text": "快来"}
    assert tab.post(url, form | {"groups": [group.pk], "purpose": "selling"}).status_code == 302
    row = Delivery.objects.get()
    assert row.purpose == "selling"
    record = reverse("messaging:deliveries", args=[workspace.slug])
    listed = tab.get(record).content.decode()
    assert "阿May has to send it by hand: it is on the to-send list." in listed
    assert reverse("messaging:delivery", args=[workspace.slug, row.pk]) in listed
    task = HumanTask.objects.get()
    services.finish_items(task=task, actor=her, now=NOON)
    page = tab.get(reverse("messaging:delivery", args=[workspace.slug, row.pk])).content.decode()
    assert "Handed to 阿May" in page
    assert "阿May confirmed: sent" in page
    assert reverse("messaging:task", args=[workspace.slug, task.pk]) in page


def test_only_forms_of_what_goes_to_groups_ask_for_a_purpose(workspace, tab, group, person) -> None:
    for kind in TaskKind.values:
        page = tab.get(reverse("messaging:task_new", args=[workspace.slug, kind])).content.decode()
        assert ('name="purpose"' in page) == (kind in IN_GROUPS), kind


def test_tools_make_it_the_same_way(api, person, group) -> None:
    body = {
        "assignee": person.pk,
        "kind": "notice",
        "title": "公告",
        "text": "快来",
        "due_at": "2026-11-21T20:30:00+08:00",
    }
    body |= {"items": [{"target_kind": "group", "target_id": group.pk}]}
    made = api.post("/api/v1/tasks/", body | {"purpose": "care"})
    assert made.status_code == 201, made.content
    row = Delivery.objects.get()
    assert (row.purpose, row.state) == ("care", "waiting")
    (item,) = api.get("/api/v1/task-items/", {"task": made.json()["id"]}).json()["results"]
    assert item["delivery"] == row.pk
    (read,) = api.get("/api/v1/deliveries/", {"group": group.pk}).json()["results"]
    assert (read["state"], read["announcement"], read["run"]) == ("waiting", None, None)
    refused = api.post("/api/v1/tasks/", body | {"purpose": "spam"})
    assert (refused.status_code, list(refused.json())) == (400, ["purpose"])


def test_a_card_costs_the_same_few_statements_for_one_group_and_for_many(
    workspace, new_card, group, django_assert_max_num_queries
) -> None:
    groups = [group, *(make_group(workspace, f"{number} 群") for number in range(9))]
    with django_assert_max_num_queries(20 + len(groups)):  # an audit row for each: its own story
        new_card(groups=tuple(groups))


def asked(action: Callable[[], object]) -> int:
    """How many statements it took."""
    with CaptureQueriesContext(connection) as statements:
        action()
    return len(statements)


def test_what_waits_is_looked_after_with_the_same_few_questions_for_one_group_and_for_many(
    workspace, new_card, group
) -> None:
    new_card()
    few = asked(lambda: services.review_waiting(now=NOON))
    new_card(groups=tuple(make_group(workspace, f"{number} 群") for number in range(9)))
    assert asked(lambda: services.review_waiting(now=NOON)) == few
    assert set(Delivery.objects.values_list("state", flat=True)) == {"waiting"}


def test_those_whose_group_was_archived_are_withdrawn_together(workspace, new_card, group) -> None:
    groups = [group, *(make_group(workspace, f"{number} 群") for number in range(3))]
    new_card(groups=tuple(groups))
    for gone in groups[:2]:
        archive_group(group=gone, reason="不用了", actor=SYSTEM, now=NOON)
    assert [services.review_waiting(now=NOON) for _ in range(2)] == [2, 0]
    ends = dict(Delivery.objects.values_list("target_id", "state"))
    assert [ends[one.pk] for one in groups] == ["cancelled", "cancelled", "waiting", "waiting"]
    assert set(Delivery.objects.filter(state="cancelled").values_list("reason", flat=True)) == {"group_closed"}


def test_a_card_is_copied_with_the_same_few_questions_for_one_group_and_for_many(
    workspace, new_card, group, her
) -> None:
    counts = []
    for number in (1, 1, 9):  # after the first the send rules are in the book
        groups = [make_group(workspace, f"{number} 群 {one}") for one in range(2 * number)]
        task = new_card(groups=tuple(groups))
        for gone in groups[:number]:
            archive_group(group=gone, reason="不用了", actor=SYSTEM, now=NOON)
        counts.append(asked(lambda task=task: copy(task, her, LATER)))
        assert set(task.items.values_list("state", "copied_text", "reason")) == {
            ("open", "快来", ""),
            ("withdrawn", "", "group_closed"),
        }
    assert counts[1] == counts[2]


def test_a_message_that_failed_goes_back_on_her_card_when_it_is_tried_again(
    new_card, her, monkeypatch, deliver
) -> None:
    shop = Shop()
    monkeypatch.setitem(text_contexts._answers, "shop", shop)
    monkeypatch.setitem(subject_guards._answers, "shop", ByGroup())
    task = new_card(text="还剩 {left} 件", subject_kind="shop", subject_id=5)
    monkeypatch.setattr(shop, "values", lambda *_: {})
    copy(task, her, NOON)
    assert states(task) == [("withdrawn", "failed", "text_incomplete")]
    monkeypatch.undo()
    monkeypatch.setitem(text_contexts._answers, "shop", shop)
    monkeypatch.setitem(subject_guards._answers, "shop", ByGroup())
    services.requeue_failed(delivery=Delivery.objects.get(), actor=SYSTEM, now=LATER)
    deliver(LATER)
    task.refresh_from_db()
    assert (task.state, states(task)) == ("open", [("open", "waiting", "by_hand")])
    assert HumanTask.objects.count() == 1
