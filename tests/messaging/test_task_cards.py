"""What a person does with her card: copy, tick, take back, leave out, hand on; and what the team does with it."""

from datetime import timedelta
from typing import Any

import pytest

from community_ops.common.actors import Actor
from community_ops.common.errors import InvalidInput, InvalidTransition, NotFound
from community_ops.common.models import Asset, AuditEntry, OutboxEvent
from messaging import services, task_selectors
from messaging.models import Delivery, HumanTask, TaskItem
from messaging.ports import PAUSED, OneByOne, Verdict, origin_guards, subject_guards, text_contexts
from messaging.task_policies import ANSWERS, is_copy_stale
from messaging.tasks import review_waiting
from tests.factories.people import SYSTEM
from tests.moments import NOON

LATER = NOON + timedelta(minutes=3)
A_DAY = timedelta(days=1)


class Shop:
    """Numbers of a subject that change while she waits."""

    def __init__(self) -> None:
        self.left, self.by_group = 12, {}

    def names(self) -> set[str]:
        return {"left", "as_of"}

    def labels(self) -> dict[str, str]:
        return {"left": "还剩", "as_of": "截至"}

    def values(self, subject_id: int, target_kind: str, target_id: int, now: Any) -> dict[str, str]:
        return {"left": str(self.by_group.get(target_id, self.left)), "as_of": f"{now:%H:%M}"}


class ByGroup(OneByOne):
    """A guard with a verdict for some groups."""

    def __init__(self) -> None:
        self.verdicts: dict[int, Verdict] = {}

    def check(self, delivery: Delivery, now: Any) -> Verdict:
        return self.verdicts.get(delivery.target_id, Verdict(allowed=True))


@pytest.fixture
def shop(monkeypatch) -> Shop:
    answer = Shop()
    monkeypatch.setitem(text_contexts._answers, "shop", answer)
    monkeypatch.setitem(subject_guards._answers, "shop", ByGroup())
    return answer


@pytest.fixture
def groups(monkeypatch) -> ByGroup:
    answer = ByGroup()
    monkeypatch.setitem(origin_guards._answers, "test", answer)
    return answer


@pytest.fixture
def counting_card(shop, person, plan, deliver) -> HumanTask:
    """A touch in three groups that says how many pieces are left."""
    for number in (1, 2, 3):
        words = {"text": "还剩 {left} 件（截至 {as_of}）", "subject_kind": "shop", "subject_id": 5}
        plan(person.endpoint, origin_id=77, target_id=number, target_label=f"{number} 群", **words)
    deliver()
    return HumanTask.objects.get()


@pytest.fixture
def her(person) -> Actor:
    return Actor.assignee(person.pk, name=person.name, workspace_id=person.workspace_id)


@pytest.fixture
def picture(workspace) -> Asset:
    return Asset.objects.create(
        workspace=workspace, sha256="0" * 64, content_type="image/png", size_bytes=1, file_name="a.png", path="a"
    )


def states(task: HumanTask) -> list[tuple[str, str]]:
    return list(task.items.order_by("pk").values_list("state", "delivery__state"))


def snapshot() -> tuple[Any, ...]:
    items = list(TaskItem.objects.order_by("pk").values_list("state", "answers", "task_id"))
    cards = list(HumanTask.objects.order_by("pk").values_list("state", "assignee_id"))
    return items, cards, AuditEntry.objects.count(), OutboxEvent.objects.count(), Delivery.objects.count()


def first_item(task: HumanTask) -> TaskItem:
    item = task.items.order_by("pk").first()
    assert item is not None
    return item


# --- copy --------------------------------------------------------------------------------------------


def test_numbers_are_those_of_the_moment_she_copies(counting_card, shop, her) -> None:
    assert counting_card.title == "还剩 ［还剩］ 件（截至 ［截至］）"
    shop.left = 7
    copied = services.copy_card(task=counting_card, actor=her, now=NOON + timedelta(minutes=37))
    assert [(one.pieces, len(one.items)) for one in copied.texts] == [(("还剩 7 件（截至 12:37）",), 3)]
    shop.left = 3
    again = services.copy_card(task=counting_card, actor=her, now=NOON + timedelta(minutes=41))
    assert again.texts[0].pieces == ("还剩 3 件（截至 12:41）",)
    counting_card.refresh_from_db()
    assert counting_card.copied_at == NOON + timedelta(minutes=41)
    assert AuditEntry.objects.filter(verb="task.copied").count() == 2


def test_a_copied_text_is_stale_after_three_minutes() -> None:
    assert [is_copy_stale(NOON, NOON + timedelta(seconds=after)) for after in (0, 179, 180)] == [False, False, True]
    assert not is_copy_stale(None, NOON)


def test_groups_with_other_values_have_a_text_of_their_own(counting_card, shop, her) -> None:
    shop.by_group = {2: 99}
    texts = services.copy_card(task=counting_card, actor=her, now=NOON).texts
    assert [(one.pieces[0], [item.label for item in one.items]) for one in texts] == [
        ("还剩 12 件（截至 12:00）", ["1 群", "3 群"]),
        ("还剩 99 件（截至 12:00）", ["2 群"]),
    ]
    shown = task_selectors.texts_of(counting_card, task_selectors.items_of(counting_card))
    assert [(one.text, one.is_copied, len(one.items)) for one in shown] == [
        ("还剩 12 件（截至 12:00）", True, 2), ("还剩 99 件（截至 12:00）", True, 1),
    ]  # fmt: skip


def test_what_was_copied_is_what_the_record_says_was_sent(counting_card, shop, her) -> None:
    services.copy_card(task=counting_card, actor=her, now=NOON)
    services.finish_items(task=counting_card, actor=her, now=LATER)
    assert set(Delivery.objects.values_list("sent_text", flat=True)) == {"还剩 12 件（截至 12:00）"}


def test_copying_withdraws_what_may_not_be_posted_any_more(card, groups, her) -> None:
    groups.verdicts = {1: Verdict(allowed=False, reason="sale_over"), 2: PAUSED}
    copied = services.copy_card(task=card, actor=her, now=LATER)
    assert [item.label for one in copied.texts for item in one.items] == ["晨跑 3 群"]
    assert [(item.label, item.reason) for item in copied.withdrawn] == [("晨跑 1 群", "sale_over")]
    assert [item.label for item in copied.waiting] == ["晨跑 2 群"]
    assert states(card) == [("withdrawn", "cancelled"), ("open", "waiting"), ("open", "waiting")]
    assert Delivery.objects.order_by("pk").first().reason == "sale_over"


def test_the_card_says_why_when_nothing_of_it_may_be_posted(card, groups, her) -> None:
    groups.verdicts = dict.fromkeys((1, 2, 3), Verdict(allowed=False, reason="sale_over"))
    assert services.copy_card(task=card, actor=her, now=LATER).texts == ()
    card.refresh_from_db()
    assert (card.state, card.reason) == ("withdrawn", "sale_over")
    with pytest.raises(InvalidTransition):
        services.copy_card(task=card, actor=her, now=LATER)


def test_a_marked_text_is_copied_without_marks_and_with_its_card_in_words(person, plan, deliver, her) -> None:
    link = services.Card(title="报名", url="https://ops.example/a", text="周六")
    plan(person.endpoint, text="**今晚** 见", is_markdown=True, card=link)
    deliver()
    copied = services.copy_card(task=HumanTask.objects.get(), actor=her, now=NOON)
    assert copied.texts[0].pieces == ("今晚 见\n\n报名\n周六\nhttps://ops.example/a",)


def test_a_text_that_may_be_cut_is_copied_in_pieces(person, plan, deliver, her) -> None:
    plan(person.endpoint, text="字" * 1000 + "。" + "字" * 1000, may_split=True)
    deliver()
    pieces = services.copy_card(task=HumanTask.objects.get(), actor=her, now=NOON).texts[0].pieces
    assert len(pieces) == 2
    assert "".join(pieces) == "字" * 1000 + "。" + "字" * 1000
    assert all(len(piece.encode()) <= 4000 for piece in pieces)


# --- tick and take back ------------------------------------------------------------------------------


def test_ticking_confirms_the_deliveries_and_tells_upward(card, her, person, picture) -> None:
    ids = list(card.items.order_by("pk").values_list("pk", flat=True))
    for _ in range(2):
        task = services.finish_items(task=card, item_ids=ids[:2], evidence=picture, actor=her, now=LATER)
    assert task.state == "open"
    assert states(card) == [("done", "confirmed"), ("done", "confirmed"), ("open", "waiting")]
    assert Delivery.objects.filter(reason="confirmed_by_person").count() == 2
    events = OutboxEvent.objects.filter(name="messaging.TaskItemDone").order_by("pk")
    assert [event.payload["item_id"] for event in events] == ids[:2]
    assert events[0].payload["done_by_id"] == person.pk
    item = first_item(card)
    assert (item.done_by, item.done_at, item.evidence) == (person, LATER, picture)


def test_a_card_is_done_when_none_of_its_items_is_open(card, her) -> None:
    for _ in range(2):
        task = services.finish_items(task=card, actor=her, now=LATER)
    assert (task.state, task.done_at, task.next_tell_at) == ("done", LATER, None)
    assert OutboxEvent.objects.filter(name="messaging.TaskItemDone").count() == 3


def test_a_withdrawn_group_does_not_hold_the_others_up(card, her, groups) -> None:
    groups.verdicts = {1: Verdict(allowed=False, reason="group_closed")}
    services.review_waiting(now=NOON)
    ids = list(card.items.values_list("pk", flat=True))
    services.finish_items(task=card, item_ids=ids, actor=her, now=LATER)
    assert [state for state, _ in states(card)] == ["withdrawn", "done", "done"]
    with pytest.raises(InvalidTransition):
        services.finish_items(task=card, item_ids=[first_item(card).pk], actor=her, now=LATER)


def test_items_of_another_card_are_refused(card, person, plan, deliver, her) -> None:
    plan(person.endpoint, origin_id=78)
    deliver()
    foreign = TaskItem.objects.exclude(task=card).get()
    before = snapshot()
    for ids in ([foreign.pk], [first_item(card).pk, foreign.pk], [0], []):
        with pytest.raises(InvalidInput) as caught:
            services.finish_items(task=card, item_ids=ids, actor=her, now=LATER)
        assert caught.value.field == "items"
    assert snapshot() == before


def test_a_tick_is_taken_back_within_ten_minutes(card, her) -> None:
    services.finish_items(task=card, actor=her, now=NOON)
    item = first_item(card)
    for _ in range(2):
        task = services.undo_items(task=card, item_ids=[item.pk], actor=her, now=NOON + timedelta(minutes=10))
    assert (task.state, task.done_at) == ("open", None)
    assert states(card) == [("open", "waiting"), ("done", "confirmed"), ("done", "confirmed")]
    assert first_item(card).delivery.reason == "by_hand"
    assert OutboxEvent.objects.filter(name="messaging.TaskItemTakenBack").count() == 1
    services.finish_items(task=card, actor=her, now=NOON + timedelta(minutes=11))
    assert [state for state, _ in states(card)] == ["done"] * 3


def test_a_tick_stays_after_ten_minutes(card, her) -> None:
    services.finish_items(task=card, actor=her, now=NOON)
    before = snapshot()
    with pytest.raises(InvalidTransition):
        services.undo_items(
            task=card, item_ids=[first_item(card).pk], actor=her, now=NOON + timedelta(minutes=10, seconds=1)
        )
    assert snapshot() == before


def test_what_was_withdrawn_cannot_be_taken_back(card, her, groups) -> None:
    groups.verdicts = {1: Verdict(allowed=False, reason="sale_over")}
    services.review_waiting(now=NOON)
    with pytest.raises(InvalidTransition):
        services.undo_items(task=card, item_ids=[first_item(card).pk], actor=her, now=NOON)
    assert Delivery.objects.order_by("pk").first().state == "cancelled"


# --- leave out, hand on, take back from her ----------------------------------------------------------


def test_leaving_out_needs_a_reason_and_keeps_it(card, her, person) -> None:
    before = snapshot()
    with pytest.raises(InvalidInput) as caught:
        services.leave_out(task=card, note=" ", actor=her, now=LATER)
    assert caught.value.field == "note"
    assert snapshot() == before
    for _ in range(2):
        task = services.leave_out(task=card, note="群里正在吵架", actor=her, now=LATER)
    assert (task.state, set(states(card))) == ("left_out", {("left_out", "cancelled")})
    assert set(card.items.values_list("note", "done_by__name")) == {("群里正在吵架", "阿May")}
    entries = AuditEntry.objects.filter(verb="delivery.left_out")
    assert set(entries.values_list("reason", flat=True)) == {"群里正在吵架"}
    assert entries.count() == 3
    assert set(Delivery.objects.values_list("reason", flat=True)) == {"left_out"}


def test_leaving_out_is_taken_back_within_ten_minutes(card, her) -> None:
    services.leave_out(task=card, note="群里正在吵架", actor=her, now=NOON)
    item = first_item(card)
    for _ in range(2):
        task = services.undo_items(task=card, item_ids=[item.pk], actor=her, now=NOON + timedelta(minutes=10))
    assert (task.state, task.done_at) == ("open", None)
    assert states(card) == [("open", "waiting"), ("left_out", "cancelled"), ("left_out", "cancelled")]
    item = first_item(card)
    assert (item.note, item.done_by, item.done_at, item.delivery.reason) == ("", None, None, "by_hand")
    assert AuditEntry.objects.filter(verb="task.undone").count() == 1
    assert AuditEntry.objects.filter(verb="delivery.left_out_undone").count() == 1
    assert not OutboxEvent.objects.filter(name="messaging.TaskItemTakenBack").exists()  # nobody was told it was done
    services.finish_items(task=card, actor=her, now=NOON + timedelta(minutes=11))
    assert states(card)[0] == ("done", "confirmed")


def test_leaving_out_stays_after_ten_minutes(card, her) -> None:
    services.leave_out(task=card, note="群里正在吵架", actor=her, now=NOON)
    before = snapshot()
    with pytest.raises(InvalidTransition):
        services.undo_items(
            task=card, item_ids=[first_item(card).pk], actor=her, now=NOON + timedelta(minutes=10, seconds=1)
        )
    assert snapshot() == before


def test_a_tick_and_what_was_left_out_are_taken_back_together(card, her) -> None:
    ids = list(card.items.order_by("pk").values_list("pk", flat=True))
    services.finish_items(task=card, item_ids=ids[:1], actor=her, now=NOON)
    services.leave_out(task=card, item_ids=ids[1:], note="群里正在吵架", actor=her, now=NOON)
    services.undo_items(task=card, item_ids=ids, actor=her, now=LATER)
    assert states(card) == [("open", "waiting")] * 3
    assert OutboxEvent.objects.filter(name="messaging.TaskItemTakenBack").count() == 1


def test_a_colleague_gets_what_is_open_and_is_told(card, her, new_person, room) -> None:
    services.finish_items(task=card, item_ids=[first_item(card).pk], actor=her, now=NOON)
    colleague = new_person("小周", notice_endpoint=room)
    for _ in range(2):
        hers = services.hand_on(task=card, to=colleague, actor=her, now=LATER)
    card.refresh_from_db()
    assert (card.state, card.items.count()) == ("done", 1)
    assert (hers.assignee, hers.state, hers.text, hers.due_at) == (colleague, "open", card.text, card.due_at)
    assert states(hers) == [("open", "waiting")] * 2
    assert AuditEntry.objects.filter(verb="task.handed_on").count() == 1
    assert services.tell_assignees(now=LATER) == 1
    link = Actor.assignee(colleague.pk, name=colleague.name, workspace_id=colleague.workspace_id)
    services.finish_items(task=hers, actor=link, now=LATER)
    assert set(Delivery.objects.exclude(origin="task").values_list("state", flat=True)) == {"confirmed"}


def test_a_card_can_be_handed_back(card, her, person, new_person) -> None:
    colleague = new_person("小周")
    hers = services.hand_on(task=card, to=colleague, actor=her, now=LATER)
    card.refresh_from_db()
    assert (card.state, card.reason) == ("withdrawn", "handed_on")
    back = services.hand_on(task=hers, to=person, actor=her, now=LATER)
    assert (back.pk, back.state, back.items.count(), HumanTask.objects.count()) == (card.pk, "open", 3, 2)


def test_a_group_that_comes_after_the_card_was_handed_on_stays_with_its_person(
    card, her, new_person, person, plan, deliver
) -> None:
    hers = services.hand_on(task=card, to=new_person("小周"), actor=her, now=NOON)
    plan(person.endpoint, origin_id=77, target_id=9)
    deliver(LATER)
    card.refresh_from_db()
    assert (card.state, card.items.count(), hers.items.count()) == ("open", 1, 3)


def test_a_card_is_handed_to_a_live_colleague_only(card, her, person, new_person, stranger) -> None:
    gone = new_person("小周")
    services.archive_assignee(assignee=gone, actor=SYSTEM, now=NOON)
    gone.refresh_from_db()
    foreign = services.create_assignee(workspace_id=stranger.workspace.pk, name="外人", actor=SYSTEM, now=NOON)
    before = snapshot()
    for to in (person, gone, foreign):
        with pytest.raises(InvalidInput) as caught:
            services.hand_on(task=card, to=to, actor=her, now=LATER)
        assert caught.value.field == "to"
    assert snapshot() == before


def test_a_finished_card_is_not_handed_on(card, her, new_person) -> None:
    colleague = new_person("小周")
    services.finish_items(task=card, actor=her, now=NOON)
    before = snapshot()
    with pytest.raises(InvalidTransition):
        services.hand_on(task=card, to=colleague, actor=her, now=LATER)
    assert snapshot() == before


def test_the_team_takes_a_card_back(card, her) -> None:
    services.finish_items(task=card, item_ids=[first_item(card).pk], actor=her, now=NOON)
    for _ in range(2):
        task = services.withdraw_task(task=card, note="发错了", actor=SYSTEM, now=LATER)
    assert task.state == "done"  # one group had it already
    assert states(card) == [("done", "confirmed"), ("withdrawn", "cancelled"), ("withdrawn", "cancelled")]
    assert set(Delivery.objects.filter(state="cancelled").values_list("reason", flat=True)) == {"taken_back"}
    assert AuditEntry.objects.filter(verb="task.withdrawn").count() == 1


def test_a_finished_card_is_not_taken_back(card, her) -> None:
    services.finish_items(task=card, actor=her, now=NOON)
    before = snapshot()
    with pytest.raises(InvalidTransition):
        services.withdraw_task(task=card, actor=SYSTEM, now=LATER)
    assert snapshot() == before


# --- the tick that looks after what waits ------------------------------------------------------------


def test_what_its_guard_refuses_meanwhile_is_withdrawn(card, groups, time_machine) -> None:
    groups.verdicts = {1: Verdict(allowed=False, reason="sale_over"), 2: PAUSED}
    time_machine.move_to(LATER)
    for _ in range(2):
        review_waiting()
    assert states(card) == [("withdrawn", "cancelled"), ("open", "waiting"), ("open", "waiting")]
    card.refresh_from_db()
    assert card.state == "open"


def test_what_nobody_posts_within_a_day_expires(person, plan, deliver) -> None:
    latest = NOON + timedelta(minutes=5)
    plan(person.endpoint, latest_at=latest)
    plan(person.endpoint, origin_id=78)
    deliver()
    assert [services.review_waiting(now=NOON + A_DAY - timedelta(seconds=1))] == [0]
    assert [services.review_waiting(now=NOON + A_DAY) for _ in range(2)] == [1, 0]
    assert services.review_waiting(now=latest + A_DAY) == 1
    assert set(Delivery.objects.values_list("state", "reason")) == {("expired", "not_done")}
    assert set(HumanTask.objects.values_list("state", "reason")) == {("withdrawn", "not_done")}


def test_many_waiting_messages_are_all_asked_about(person, plan, deliver, groups, monkeypatch) -> None:
    monkeypatch.setattr("messaging.services.waiting.BATCH", 2)
    for number in range(1, 6):
        plan(person.endpoint, origin_id=77, target_id=number)
    deliver()
    groups.verdicts = dict.fromkeys((1, 5), Verdict(allowed=False, reason="sale_over"))
    assert services.review_waiting(now=LATER) == 2


# --- work made by hand -------------------------------------------------------------------------------


def make(person, kind: str, **facts: Any) -> HumanTask:
    defaults = {"assignee": person, "kind": kind, "title": "今晚的活", "due_at": NOON}
    return services.create_task(**(defaults | facts), actor=SYSTEM, now=NOON)


PACKETS = {"count": 5, "amount": "66.00", "currency": "CNY"}
GIVEN: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {  # facts, given, stored
    "red_packet": (PACKETS, {"count": "5", "amount": "65.50"}, {"count": 5, "amount": 6550}),
    "payment": (
        {"order": "A-17", "amount": "199", "currency": "CNY"},
        {"received": "yes", "note": "支付宝"},
        {"received": True, "note": "支付宝"},
    ),
    "group_report": (
        {},
        {"speakers": "6-20", "question": True, "advert": "no"},
        {"speakers": "6-20", "question": True, "advert": False},
    ),
    "new_group": ({}, {"name": "晨跑 4 群"}, {"name": "晨跑 4 群"}),
}
KINDS = ["message", "notice", "private", "moments", "red_packet", "new_group", "pull_in", "new_qr", "payment"]


@pytest.mark.parametrize("kind", [*KINDS, "group_report"])
def test_every_kind_can_be_made_and_done(person, her, picture, kind) -> None:
    facts, given, stored = GIVEN.get(kind, ({}, {}, {}))
    task = make(person, kind, facts=facts, text="今晚八点", items=[services.NewItem("一群", "group", 1)])
    item = first_item(task)
    services.finish_items(task=task, answers={item.pk: given}, evidence=picture, actor=her, now=LATER)
    item.refresh_from_db()
    assert (item.state, item.answers) == ("done", stored)
    event = OutboxEvent.objects.get(name="messaging.TaskItemDone")
    assert (event.payload["kind"], event.payload["answers"]) == (kind, stored)


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("red_packet", {"count": 0, "amount": "1"}, "count"), ("red_packet", {"count": True, "amount": "1"}, "count"),
    ("red_packet", {"count": "x", "amount": "1"}, "count"), ("red_packet", {"count": 1, "amount": "1.005"}, "amount"),
    ("red_packet", {"count": 1, "amount": "-1"}, "amount"), ("red_packet", {"count": 1, "amount": 1.5}, "amount"),
    ("red_packet", {"count": 1}, "amount"), ("payment", {}, "received"), ("payment", {"received": "ja"}, "received"),
    ("payment", {"received": True, "hack": 1}, "hack"), ("group_report", {"speakers": "7"}, "speakers"),
    ("group_report", {"speakers": "0", "question": True}, "advert"), ("new_group", {"name": ""}, "name"),
    ("new_group", {"name": "x" * 201}, "name"), ("message", {"count": 1}, "count"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "given", "field"), WRONG)
def test_a_wrong_answer_is_refused_and_nothing_is_ticked(person, her, picture, kind, given, field) -> None:
    task = make(person, kind, facts=GIVEN.get(kind, ({},))[0], text="今晚八点")
    before = snapshot()
    with pytest.raises(InvalidInput) as caught:
        services.finish_items(task=task, answers={first_item(task).pk: given}, evidence=picture, actor=her, now=LATER)
    assert caught.value.field == field
    assert snapshot() == before


@pytest.mark.parametrize("kind", ["new_group", "new_qr"])
def test_a_qr_code_is_needed_where_one_is_made(person, her, kind) -> None:
    task = make(person, kind)
    answers = {first_item(task).pk: {"name": "晨跑 4 群"} if kind in ANSWERS else {}}
    with pytest.raises(InvalidInput) as caught:
        services.finish_items(task=task, answers=answers, actor=her, now=LATER)
    assert caught.value.field == "image"
    assert first_item(task).state == "open"


def test_work_without_places_is_one_item_of_its_name(person) -> None:
    assert [item.label for item in make(person, "new_group").items.all()] == ["今晚的活"]


def test_the_same_source_key_makes_one_card(person, new_person) -> None:
    first = make(person, "payment", source_key="payment:order:17", facts=GIVEN["payment"][0])
    second = make(new_person(), "payment", source_key="payment:order:17", facts=GIVEN["payment"][0])
    assert (second.pk, HumanTask.objects.count(), TaskItem.objects.count()) == (first.pk, 1, 1)
    assert AuditEntry.objects.filter(verb="task.created").count() == 1
    assert first.facts == {"order": "A-17", "amount": 19900, "currency": "CNY"}


def test_work_that_was_handed_on_is_not_made_again(person, new_person, her) -> None:
    task = make(person, "pull_in", source_key="pull:1")
    hers = services.hand_on(task=task, to=new_person("小周"), actor=her, now=NOON)
    assert make(person, "pull_in", source_key="pull:1").pk == task.pk
    assert services.hand_on(task=hers, to=person, actor=her, now=NOON).state == "open"


def test_work_is_refused_and_nothing_is_made(person, shop) -> None:
    wrong: list[tuple[str, str, dict[str, Any]]] = [
        ("kind", "dance", {}), ("title", "moments", {"title": "", "text": "x"}), ("text", "message", {}),
        ("latest_at", "new_group", {"latest_at": NOON - timedelta(seconds=1)}), ("amount", "red_packet", {"facts": {}}),
        ("currency", "red_packet", {"facts": PACKETS | {"currency": "XXX"}}),
        ("hack", "new_group", {"facts": {"hack": 1}}),
        ("text", "message", {"text": "{nobody}", "subject_kind": "shop", "subject_id": 5}),
        ("text", "message", {"text": "{left}", "subject_kind": "shop"}), ("text", "message", {"text": "亲爱的{name}"}),
        ("text", "new_group", {"text": "还剩 {left} 件"}),
        ("items", "message", {"text": "x", "items": [services.NewItem("一群")] * 501}),
    ]  # fmt: skip
    before = snapshot()
    for field, kind, facts in wrong:
        with pytest.raises(InvalidInput) as caught:
            make(person, kind, **facts)
        if field != "amount":
            assert caught.value.field == field
    assert snapshot() == before


@pytest.mark.parametrize("text", ['{"a": 1}', "{ name }", "{{name}}", "{姓名}"])
def test_other_braces_are_words_and_copied_as_they_are(person, her, text) -> None:
    task = make(person, "moments", text=text)
    assert services.copy_card(task=task, actor=her, now=NOON).texts[0].pieces == (text,)


def test_a_text_about_a_subject_is_filled_for_each_place(person, her, shop) -> None:
    shop.by_group = {2: 5}
    items = [services.NewItem(f"{number} 群", "group", number) for number in (1, 2)]
    words = {"text": "还剩 {left} 件", "subject_kind": "shop", "subject_id": 5}
    task = make(person, "moments", items=items, **words)
    texts = services.copy_card(task=task, actor=her, now=NOON).texts
    assert [one.pieces for one in texts] == [("还剩 12 件",), ("还剩 5 件",)]


# --- who sees what -----------------------------------------------------------------------------------


def test_cards_are_seen_by_their_team_and_a_helper_sees_her_own(
    card, her, new_person, owner, viewer, helper, stranger
) -> None:
    mine = make(new_person("小周", user=helper.user), "new_group")
    for who in (owner, viewer):
        assert {task.pk for task in task_selectors.tasks_visible_to(who.actor)} == {card.pk, mine.pk}
    assert task_selectors.get_task(helper.actor, mine.pk) == mine
    assert task_selectors.get_task(her, card.pk).open_count == 3
    for actor, task in ((helper.actor, card), (her, mine), (stranger.actor, card)):
        with pytest.raises(NotFound):
            task_selectors.get_task(actor, task.pk)
        assert not task_selectors.items_visible_to(actor).filter(task=task).exists()


def test_her_list_shows_late_and_due_cards_then_later_ones_then_what_is_done(person, her, plan, deliver) -> None:
    for minutes in (0, 30):
        plan(person.endpoint, due_at=NOON + timedelta(minutes=minutes), text=f"第 {minutes} 分")
    deliver(NOON + timedelta(minutes=30))
    done = make(person, "new_qr", title="换码")
    services.withdraw_task(task=done, actor=SYSTEM, now=NOON)
    make(person, "pull_in", title="明天拉人", due_at=NOON + A_DAY)
    found = task_selectors.cards_of(person, now=NOON + timedelta(minutes=31))
    assert [task.title for task in found.due] == ["第 0 分", "第 30 分"]
    assert [task.title for task in found.later] == ["明天拉人"]
    assert [task.title for task in found.done] == ["换码"]


def test_what_will_come_is_shown_grouped_as_its_cards_will_be(person, plan, shop, workspace) -> None:
    soon, words = NOON + timedelta(hours=1), {"text": "还剩 {left} 件", "subject_kind": "shop", "subject_id": 5}
    for number in (1, 2, 3):
        plan(person.endpoint, origin_id=77, target_id=number, due_at=soon, **words)
    plan(person.endpoint, origin_id=78, due_at=NOON + A_DAY + timedelta(seconds=1))
    plan(person.endpoint, origin_id=79, due_at=soon)
    services.pause_deliveries(workspace_id=workspace.pk, origin="test", origin_id=79, now=NOON)
    found = task_selectors.upcoming_of(person, now=NOON)
    assert [(one.due_at, one.title, one.group_count) for one in found] == [(soon, "还剩 ［还剩］ 件", 3)]


def test_the_board_shows_late_cards_first(card, person, new_person, room, owner, plan, deliver) -> None:
    silent = new_person("无声")
    now = NOON + timedelta(minutes=11)
    plan(person.endpoint, due_at=now, text="新的")
    deliver(now)
    rows = {row.assignee.name: row for row in task_selectors.board(owner.actor, now=now)}
    assert [task.open_count for task in rows["阿May"].cards] == [3, 1]
    assert (rows["阿May"].late_count, rows["阿May"].can_be_told, rows[silent.name].cards) == (1, False, [])


def test_lists_ask_the_database_as_often_for_one_card_as_for_many(
    card, person, owner, django_assert_num_queries
) -> None:
    def ask() -> None:
        task_selectors.board(owner.actor, now=LATER)
        task_selectors.cards_of(person, now=LATER)

    with django_assert_num_queries(5):
        ask()
    for number in range(5):
        make(person, "pull_in", title=f"第 {number} 张")
    with django_assert_num_queries(5):
        ask()
