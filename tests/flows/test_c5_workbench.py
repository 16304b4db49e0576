"""Saturday 20:00: ten groups without a robot, two colleagues, one flash sale with its whole ladder.

Seven touches on the day make seven cards a person, not seventy tasks.
"""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from campaigns.library.flash_sale import FLASH_SALE_LADDER
from campaigns.services import built_in_playbook
from community_ops.common import outbox
from community_ops.common.actors import Actor
from conversion import services as conversion
from groups.services import create_group
from members.services import create_member
from messaging import services, task_selectors
from messaging.models import Assignee, Delivery, HumanTask, SandboxPost, TaskItem
from messaging.selectors import counts_by_origin, deliveries_visible_to
from tests.conversion.conftest import make_community, make_product, terms_of
from tests.factories.people import SYSTEM
from tests.messaging.conftest import make_endpoint

pytestmark = pytest.mark.django_db
EIGHT = datetime(2026, 11, 21, 0, 0, tzinfo=UTC)  # Saturday, 08:00 in Shanghai
START, END = EIGHT + timedelta(hours=12), EIGHT + timedelta(hours=14)  # 20:00 to 22:00
# of the day itself: what comes days before is past, and a sale that sells out has another result
TOUCHES = [step for step in FLASH_SALE_LADDER.steps if not step.offset_days and step.key != "sold-out"]


def at(clock: str) -> datetime:
    """A wall time of this Saturday in Shanghai."""
    hours, minutes = map(int, clock.split(":"))
    return EIGHT + timedelta(hours=hours - 8, minutes=minutes)


def tick(now: datetime) -> None:
    """Everything that happens by itself at this moment, twice."""
    for _ in range(2):
        conversion.expire_due_orders(now=now)
        conversion.tell_conditions(now=now)
        outbox.drain(now=now)
        services.deliver_due(worker="tests", now=now)
        services.review_waiting(now=now)
    settled = now + timedelta(seconds=2)
    for _ in range(2):
        services.tell_assignees(now=settled)
        services.deliver_due(worker="tests", now=settled)


def her(person: Assignee) -> Actor:
    return Actor.assignee(person.pk, name=person.name, workspace_id=person.workspace_id)


def copied(person: Assignee, now: datetime) -> str:
    """What she has in her hand after a tap on 复制文案: one text for all her groups."""
    (task,) = task_selectors.cards_of(person, now=now).due
    services.open_card(task=task, now=now)
    (text,) = services.copy_card(task=task, actor=her(person), now=now).texts
    assert len(text.items) == 5
    assert len(text.pieces) == 1
    return text.pieces[0]


def posted(person: Assignee, now: datetime) -> str:
    """She copies once, posts in five groups and ticks them."""
    text = copied(person, now)
    (task,) = task_selectors.cards_of(person, now=now).due
    for _ in range(2):
        services.finish_items(task=task, actor=her(person), now=now + timedelta(minutes=1))
    return text


@pytest.fixture
def robot(workspace):
    """The team's own internal robot."""
    return make_endpoint(workspace, "sandbox")


@pytest.fixture
def people(workspace, robot) -> list[Assignee]:
    return [
        services.create_assignee(
            workspace_id=workspace.pk, name=name, notice_endpoint=robot, mention=f"id-{number}", actor=SYSTEM, now=EIGHT
        )
        for number, name in enumerate(("阿May", "小周"))
    ]


@pytest.fixture
def community(workspace):
    return make_community(workspace)


@pytest.fixture
def sale(workspace, community, people):
    """Ten groups without a robot, five with each colleague; 20 pieces from 20:00 to 22:00."""
    groups = []
    for number in range(10):
        facts = {"community": community, "name": f"{number + 1} 群", "kind": "long_term"}
        group, warnings = create_group(**facts, endpoint=people[number % 2].endpoint, actor=SYSTEM, now=EIGHT)
        assert warnings == []
        groups.append(group)
    ladder = built_in_playbook(workspace_id=workspace.pk, key="flash-sale", now=EIGHT)
    terms = terms_of(
        make_product(workspace), *groups, starts_at=START, ends_at=END, stock=20, limit_per_member=None, playbook=ladder
    )
    made = conversion.create_flash_sale(terms=terms, actor=SYSTEM, now=EIGHT)
    conversion.schedule_flash_sale(sale=made, actor=SYSTEM, now=EIGHT)
    return made


def sell(sale, community, count: int, now: datetime) -> None:
    member = create_member(community=community, name="李姐", actor=SYSTEM, now=now)
    order = conversion.place_order(sale=sale, member=member, quantity=count, actor=SYSTEM, now=now)
    conversion.pay_order(order=order, actor=SYSTEM, now=now)


def test_seven_touches_in_ten_groups_are_seven_cards_a_person(sale, community, people, owner, robot, workspace) -> None:
    assert len(TOUCHES) == 7
    upcoming = [task_selectors.upcoming_of(person, now=EIGHT) for person in people]
    assert [[one.group_count for one in hers] for hers in upcoming] == [[5] * 6] * 2  # "half sold" has no time yet

    texts: dict[str, list[str]] = {}
    for clock in ("09:00", "19:00", "19:50", "20:00"):
        tick(at(clock))
        texts[clock] = [posted(person, at(clock)) for person in people]
    sell(sale, community, 10, at("20:30"))
    tick(at("20:31"))
    early = copied(people[0], at("20:32"))
    sell(sale, community, 3, at("20:33"))
    texts["half"] = [posted(person, at("20:37")) for person in people]
    for clock in ("21:50", "22:00"):
        tick(at(clock))
        texts[clock] = [posted(person, at(clock)) for person in people]

    # seven cards a person, not thirty-five tasks each
    assert Counter(HumanTask.objects.values_list("assignee__name", flat=True)) == {"阿May": 7, "小周": 7}
    assert set(HumanTask.objects.values_list("state", flat=True)) == {"done"}
    assert TaskItem.objects.count() == 70
    # numbers are those of the moment she copied
    assert "还有 60 分钟" in texts["19:00"][0]
    assert ("10 件" in early, "截至 20:32" in early) == (True, True)
    assert all("卖出 13 件，还剩 7 件（截至 20:37）" in text for text in texts["half"])
    assert all("一共卖出 13 件" in text for text in texts["22:00"])
    # one word to each person for each card, with all its groups
    told = list(SandboxPost.objects.filter(endpoint=robot).values_list("text", flat=True))
    assert len(told) == 14
    assert all("5" in text and "/t/" in text for text in told)
    # the results stand in the same list as everybody else's
    ladder = deliveries_visible_to(owner.actor).filter(origin="touch")
    assert Counter(ladder.values_list("state", flat=True)) == {"confirmed": 70}
    assert ladder.filter(sent_text__contains="截至 20:37").count() == 10
    run_id = ladder.first().origin_id
    counts = counts_by_origin(workspace_id=workspace.pk, origin="touch", origin_ids=[run_id], now=END)
    assert counts[run_id] == {"confirmed": 70}
    kept = task_selectors.kept_to(owner.actor, since=EIGHT, until=at("23:00"), now=at("23:00")).people
    assert {row.assignee.name: (row.due_count, row.rate) for row in kept} == {"阿May": (35, 1.0), "小周": (35, 1.0)}


def test_a_sold_out_sale_withdraws_what_is_left(sale, community, people) -> None:
    may, zhou = people
    tick(at("20:00"))
    posted(may, at("20:00"))
    sell(sale, community, 20, at("20:20"))
    card = HumanTask.objects.get(assignee=zhou, state="open")
    assert services.copy_card(task=card, actor=her(zhou), now=at("20:20")).texts == ()  # before any tick ran
    tick(at("20:21"))
    card.refresh_from_db()
    assert (card.state, card.reason) == ("withdrawn", "sold_out")
    assert set(card.items.values_list("state", "delivery__state", "delivery__reason")) == {
        ("withdrawn", "cancelled", "sold_out")
    }
    for person in people:  # what is to be said now is another card
        assert "20 件全部卖完" in posted(person, at("20:22"))
    tick(at("21:50"))
    tick(at("22:00"))
    assert not HumanTask.objects.filter(state="open").exists()
    assert not Delivery.objects.filter(state__in=("planned", "waiting")).exists()
    assert Delivery.objects.filter(origin="touch", state="confirmed").count() == 15


def test_what_she_has_not_posted_is_withdrawn_by_itself_when_all_is_sold(sale, community, people) -> None:
    tick(at("20:00"))
    sell(sale, community, 20, at("20:20"))
    tick(at("20:21"))
    started = Delivery.objects.filter(origin="touch", due_at=START)
    assert set(started.values_list("state", "reason")) == {("cancelled", "sold_out")}
    assert [task.items.count() for task in HumanTask.objects.filter(state="open")] == [5, 5]


def test_a_cancelled_sale_empties_their_lists(sale, people) -> None:
    tick(at("19:00"))
    assert HumanTask.objects.filter(state="open").count() == 2
    for _ in range(2):
        conversion.cancel_flash_sale(sale=sale, reason="停产", actor=SYSTEM, now=at("19:05"))
        tick(at("19:05"))
    assert not HumanTask.objects.filter(state="open").exists()
    assert all(not task_selectors.upcoming_of(person, now=at("19:05")) for person in people)
