"""The groups of a card stand where people look for them, however the engine came by them."""

import re

import pytest
from django.urls import reverse

from messaging import services, task_selectors
from messaging.models import HumanTask
from messaging.services import NewItem
from tests.factories.people import SYSTEM
from tests.moments import NOON

pytestmark = pytest.mark.django_db
MIXED = ["晨跑 10 群", "B 群", "晨跑 2 群", "a 群"]
IN_ORDER = ["a 群", "B 群", "晨跑 2 群", "晨跑 10 群"]


@pytest.fixture
def mixed_card(person, plan, deliver) -> HumanTask:
    for number, name in enumerate(MIXED, start=1):
        plan(person.endpoint, origin_id=77, target_id=number, target_label=name)
    deliver()
    return HumanTask.objects.get()


def test_her_phone_lists_the_groups_of_a_card_by_name(client, mixed_card, person) -> None:
    code = services.issue_link(assignee=person, actor=SYSTEM, now=NOON)
    client.get(reverse("messaging:task_link", args=[code]))
    page = client.get(reverse("messaging:my_task", args=[mixed_card.pk]) + "?send=now").content.decode()
    assert re.findall(r'class="pick"><input[^>]*><span>([^<]+)</span>', page) == IN_ORDER


def test_what_is_open_of_several_cards_stands_by_name_too(mixed_card) -> None:
    assert [item.label for item in task_selectors.open_items_of([mixed_card])] == IN_ORDER


def test_names_that_were_typed_stay_as_they_were(person) -> None:
    typed = ["王姐", "10 楼李姐", "2 楼阿姨"]
    task = services.create_task(
        assignee=person, kind="private", title="打个招呼", text="在吗", items=[NewItem(name) for name in typed],
        due_at=NOON, actor=SYSTEM, now=NOON,
    )  # fmt: skip
    assert [item.label for item in task_selectors.items_of(task)] == typed


def test_the_story_of_a_card_names_the_groups(signed_in, owner, workspace, mixed_card) -> None:
    items = {item.label: item.pk for item in task_selectors.items_of(mixed_card)}
    chosen = [items["晨跑 10 群"], items["a 群"]]
    services.finish_items(task=mixed_card, item_ids=chosen, actor=SYSTEM, now=NOON)
    services.leave_out(task=mixed_card, item_ids=[items["B 群"]], note="群主在开会", actor=SYSTEM, now=NOON)
    services.undo_items(task=mixed_card, item_ids=chosen, actor=SYSTEM, now=NOON)
    tab = signed_in(owner)
    page = tab.get(reverse("messaging:task", args=[workspace.slug, mixed_card.pk]), headers={"Accept-Language": "en"})
    told = [one.text for one in page.context["story"] if one.text]
    assert told == ["a 群, 晨跑 10 群", "B 群 · 群主在开会", "a 群, 晨跑 10 群"]
