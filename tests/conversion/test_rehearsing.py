"""What a sale's messages would take is said before it is scheduled: in the form, on the draft, over REST."""

from datetime import timedelta

import pytest
from django.urls import reverse

from community_ops.common import clock
from community_ops.common.errors import InvalidTransition
from community_ops.common.models import AuditEntry
from conversion import services
from conversion.models import FlashSale
from groups.models import ChatGroup
from messaging import services as messaging
from messaging.models import Delivery
from messaging.services.limits import BOOK
from tests.conversion.conftest import terms_of
from tests.factories.people import SYSTEM
from tests.moments import NOON

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
ENGLISH = {"Accept-Language": "en"}


@pytest.fixture(autouse=True)
def _at_noon(monkeypatch):
    BOOK.forget()
    monkeypatch.setattr(clock, "now", lambda: NOON)


@pytest.fixture
def by_hand(workspace, community) -> list[ChatGroup]:
    """Ten groups that two colleagues post in."""
    facts = {"workspace": workspace, "community": community, "kind": "long_term"}
    people = [
        messaging.create_assignee(workspace_id=workspace.pk, name=name, actor=SYSTEM, now=NOON)
        for name in ("阿May", "小周")
    ]
    return [
        ChatGroup.objects.create(name=f"{number} 群", endpoint=people[number % 2].endpoint, **facts)
        for number in range(10)
    ]


@pytest.fixture
def draft(new_sale, by_hand, ladder) -> FlashSale:
    return new_sale(*by_hand, starts_at=NOON + 5 * DAY, ends_at=NOON + 5 * DAY + timedelta(hours=2), playbook=ladder)


def codes(warnings) -> list[str]:
    return [warning["code"] for warning in warnings]


def test_ten_groups_by_hand_are_seven_cards_a_person_and_not_seventy(draft, ladder) -> None:
    found = services.forecast_sale(draft, now=NOON)
    timed = ladder.steps.exclude(anchor="condition").count()
    assert [hand.card_count for hand in found.forecast.hands] == [timed, timed]
    assert [hand.send_count for hand in found.forecast.hands] == [5 * timed, 5 * timed]
    at_start = next(step for step in found.steps if step.due_at == draft.starts_at)
    assert at_start.last.at - draft.starts_at == timedelta(seconds=15 + 5 * 20)


def test_the_draft_and_its_question_say_what_it_takes(draft, owner, signed_in) -> None:
    url = reverse("conversion:sale_detail", args=[owner.workspace.slug, draft.pk])
    answer = signed_in(owner).get(url, headers=ENGLISH)
    (schedule,) = (one for one in answer.context["dialogs"] if one["id"] == "ask-schedule")
    assert schedule["forecast"].lines == answer.context["forecast"].lines
    assert (bool(answer.context["forecast"].steps), list(schedule["forecast"].steps)) == (True, [])
    assert "阿May" in answer.content.decode()
    assert not Delivery.objects.exists()


def test_the_form_says_it_before_there_is_a_draft(product, by_hand, ladder, owner, signed_in) -> None:
    body = {
        "product": product.pk, "groups": [group.pk for group in by_hand], "starts_at": "2099-11-21T20:00",
        "ends_at": "2099-11-21T22:00", "stock": 300, "limit_per_member": 2, "price_amount": "199", "hold_minutes": 15,
        "playbook": ladder.pk, "payment_mode": "manual", "name": "", "action": "preview",
    }  # fmt: skip
    url = reverse("conversion:sale_new", args=[owner.workspace.slug])
    answer = signed_in(owner).post(url, body, headers=ENGLISH)
    assert "by hand" in answer.context["forecast"].lines[0].text
    assert not FlashSale.objects.exists()


def test_a_sale_without_a_ladder_takes_no_messages(new_sale, api) -> None:
    sale = new_sale(starts_at=NOON + DAY, ends_at=NOON + 2 * DAY)
    assert services.forecast_sale(sale, now=NOON) is None
    answer = api.post(f"/api/v1/flash-sales/{sale.pk}/rehearse/")
    assert (answer.status_code, answer.json()["forecast"]) == (200, None)


def test_rehearsing_warns_as_scheduling_does_and_changes_nothing(draft, by_hand) -> None:
    ChatGroup.objects.filter(pk=by_hand[0].pk).update(endpoint=None)
    before = services.rehearse_flash_sale(sale=draft, now=NOON)
    assert (Delivery.objects.count(), AuditEntry.objects.filter(verb="flash_sale.scheduled").count()) == (0, 0)
    assert sorted(codes(before)) == sorted(codes(services.schedule_flash_sale(sale=draft, actor=SYSTEM, now=NOON)))
    assert codes(services.rehearse_flash_sale(sale=draft, now=NOON))[0] == "no_endpoint"


def test_rehearsing_refuses_what_scheduling_would(draft) -> None:
    with pytest.raises(InvalidTransition):
        services.rehearse_flash_sale(sale=draft, now=NOON + 30 * DAY)
    services.cancel_flash_sale(sale=draft, actor=SYSTEM, now=NOON)
    with pytest.raises(InvalidTransition):
        services.rehearse_flash_sale(sale=draft, now=NOON)


def test_rest_answers_the_steps_of_the_ladder_too(api, draft, by_hand, ladder) -> None:
    answer = api.post(f"/api/v1/flash-sales/{draft.pk}/rehearse/").json()
    assert (answer["state"], answer["forecast"]["robot_count"]) == ("draft", 0)
    start = next(step for step in answer["forecast"]["steps"] if step["due_at"] == answer["starts_at"])
    assert (start["hand_count"], start["unreached_count"], start["is_after_start"]) == (10, 0, False)
    waiting = set(ladder.steps.filter(anchor="condition").values_list("key", flat=True))
    assert {one["step"] for one in answer["forecast"]["uncounted"]} == waiting
    assert not Delivery.objects.exists()


def test_of_a_scheduled_sale_the_rest_of_its_ladder_is_foreseen(api, draft) -> None:
    services.schedule_flash_sale(sale=draft, actor=SYSTEM, now=NOON)
    planned = Delivery.objects.count()
    Delivery.objects.filter(pk=Delivery.objects.first().pk).update(state="accepted")
    forecast = api.post(f"/api/v1/flash-sales/{draft.pk}/rehearse/").json()["forecast"]
    assert forecast["hand_count"] == planned - 1


def test_words_are_measured_with_what_is_known_beforehand(draft, ladder) -> None:
    touches = services.planned_touches(services.terms_of(draft), link="https://example.com/s/1", now=NOON)
    assert any("https://example.com/s/1" in touch.text for touch in touches)
    assert all("{product}" not in touch.text for touch in touches)


@pytest.mark.parametrize(("role", "status"), [("operator", 200), ("moderator", 403), ("viewer", 403)])
def test_roles_that_may_rehearse(workspace, api_of, draft, role, status) -> None:
    assert api_of(workspace, role).post(f"/api/v1/flash-sales/{draft.pk}/rehearse/").status_code == status


def test_another_workspaces_sale_does_not_exist(foreign_api, draft) -> None:
    assert foreign_api.post(f"/api/v1/flash-sales/{draft.pk}/rehearse/").status_code == 404


def test_more_groups_ask_no_more_questions(product, by_hand, ladder, django_assert_max_num_queries) -> None:
    window = {"starts_at": NOON + DAY, "ends_at": NOON + 2 * DAY, "playbook": ladder}
    for groups in (by_hand[:1], by_hand):
        with django_assert_max_num_queries(20):
            services.forecast_terms(terms_of(product, *groups, **window), link="", now=NOON)
