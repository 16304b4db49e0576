"""待我处理: what did not go out, and what waits to be scheduled."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from campaigns import services as campaigns
from campaigns.models import Announcement
from community_ops.common import dbtime
from conversion import services as conversion
from conversion.models import FlashSale, Order
from dashboard.needs import needs_in_short
from members.services import create_member
from messaging import services as messaging
from messaging.models import Delivery, SendBudget
from messaging.services import resting
from tests.conversion.conftest import make_product, terms_of
from tests.factories.people import SYSTEM, make_person
from tests.moments import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EXPIRED = {"state": "expired", "reason": "too_late"}
RETRIED = {"reason": "retrying", "attempt_count": 3, "next_try_at": NOON + timedelta(seconds=45)}
PARKED = {"state": "failed", "reason": "gave_up"}


@pytest.fixture
def write(workspace, groups):
    def draft(*to, actor=SYSTEM, text="今晚八点见", due_at=NOON):
        written = campaigns.AnnouncementDraft(groups=to or groups, text=text, due_at=due_at)
        return campaigns.create_announcement(workspace_id=workspace.pk, draft=written, actor=actor, now=NOON)

    return draft


@pytest.fixture
def sent(write):
    def scheduled(*to, **facts) -> Announcement:
        announcement = write(*to)
        campaigns.schedule_announcement(announcement=announcement, actor=SYSTEM, now=NOON)
        Delivery.objects.filter(origin_id=announcement.pk).update(**{"updated_at": NOON} | facts)
        return announcement

    return scheduled


def needs(someone) -> list[tuple[str, str]]:
    return [(need.label, need.text) for need in needs_in_short(someone.actor, someone.workspace.slug, now=NOON).lines]


@pytest.mark.parametrize(
    ("facts", "label"),
    [
        (EXPIRED, "Too late, not sent"),
        (RETRIED, "Retrying"),
        (PARKED, "Failed several times, parked"),
        ({"state": "failed", "reason": "refused"}, "Failed"),
        ({"state": "unknown"}, "To be checked"),
    ],
)
def test_what_did_not_go_out_is_listed_by_the_name_it_has_everywhere(owner, groups, sent, facts, label) -> None:
    sent(groups[0], **facts)
    assert needs(owner) == [(label, "Message to 1 群: 今晚八点见")]
    need = needs_in_short(owner.actor, owner.workspace.slug, now=NOON).lines[0]
    assert need.url == reverse("messaging:delivery", args=[owner.workspace.slug, Delivery.objects.get().pk])


@pytest.mark.parametrize(
    "facts",
    [
        EXPIRED | {"updated_at": NOON - DAY - HOUR},
        RETRIED | {"attempt_count": 2},
        RETRIED | {"due_at": NOON + HOUR},
        PARKED | {"due_at": NOON - 4 * DAY},
        {"state": "accepted"},
        {"state": "cancelled"},
        {},
    ],
)
def test_what_is_old_or_in_order_is_not_listed(owner, sent, facts) -> None:
    sent(**facts)
    assert needs(owner) == []


def test_many_of_one_announcement_are_one_line_that_leads_to_it(owner, groups, sent) -> None:
    many, one = sent(**EXPIRED), sent(groups[0], **RETRIED)
    found = needs_in_short(owner.actor, owner.workspace.slug, now=NOON).lines
    lines = {need.label: need for need in found}
    assert len(found) == 2
    assert lines["Too late, not sent"].text == "3 messages, the last one: 今晚八点见"
    assert lines["Too late, not sent"].url == reverse("campaigns:announcement", args=[owner.workspace.slug, many.pk])
    assert lines["Retrying"].text.startswith("Message to 1 群")
    assert one.pk != many.pk


def refused(group, count=5) -> SendBudget:
    """The platform has refused the key of the group's account, the last time an hour ago."""
    facts = {"scope": "connection", "scope_id": group.endpoint.connection.identity_id, "refused_count": count}
    return SendBudget.objects.create(workspace=group.workspace, refused_at=dbtime.now() - HOUR, **facts)


def test_an_account_whose_key_is_refused_has_a_line_that_leads_to_its_channel(owner, groups, workspace) -> None:
    refused(groups[0])
    refused(groups[1], count=4)
    (need,) = needs_in_short(owner.actor, workspace.slug, now=NOON).lines
    assert (need.label, need.tone) == ("Key refused", "bad")
    assert need.text.startswith(f"{groups[0].endpoint.connection.name}: The platform refused the key")
    assert need.url == reverse("messaging:endpoint_edit", args=[workspace.slug, groups[0].endpoint_id])
    assert abs(need.due_at - (NOON - HOUR)) < timedelta(seconds=10)


def test_the_line_of_a_refused_key_goes_when_it_works_again_or_nothing_uses_it(owner, groups, workspace) -> None:
    for group in groups[:2]:
        refused(group)
    assert [label for label, _text in needs(owner)] == ["Key refused"] * 2
    facts = {"workspace_id": workspace.pk, "identity_id": groups[0].endpoint.connection.identity_id}
    resting.lift(**facts, now=NOON)
    assert len(needs(owner)) == 1
    messaging.archive_endpoint(endpoint=groups[1].endpoint, actor=SYSTEM, now=NOON)
    assert needs(owner) == []


def test_who_may_not_change_a_channel_and_who_is_elsewhere_is_not_asked_for_its_key(
    helper, viewer, stranger, groups
) -> None:
    refused(groups[0])
    assert (needs(helper), needs(viewer), needs(stranger)) == ([], [], [])


def test_a_helper_sees_the_trouble_of_assigned_groups_only(helper, groups, sent) -> None:
    sent(**EXPIRED)
    assert needs(helper) == []
    groups[1].staff.create(workspace=helper.workspace, user=helper.user, role="helper")
    assert needs(helper) == [("Too late, not sent", "Message to 2 群: 今晚八点见")]


def test_the_number_of_queries_does_not_grow_with_the_trouble(
    owner, groups, sent, django_assert_max_num_queries, django_assert_num_queries
) -> None:
    sent(**EXPIRED)
    with django_assert_max_num_queries(20) as few:
        needs(owner)
    for _ in range(5):
        sent(**PARKED)
        sent(groups[0], **RETRIED)
    with django_assert_num_queries(len(few)):
        needs(owner)


@pytest.mark.parametrize("due_at", [NOON + HOUR, NOON - timedelta(seconds=30)])
def test_a_helpers_draft_waits_on_the_today_of_those_who_may_send(
    owner, teammate, helper, viewer, write, due_at
) -> None:
    draft = write(actor=helper.actor, due_at=due_at)
    expected = [("Draft waiting to be scheduled", f"Draft of {helper.actor.label}: 今晚八点见")]
    for someone in (owner, teammate):
        assert needs(someone) == expected
    for someone in (helper, viewer):
        assert needs(someone) == []
    assert needs_in_short(owner.actor, "x", now=NOON).lines[0].url == reverse(
        "campaigns:announcement", args=["x", draft.pk]
    )

    Announcement.objects.update(due_at=NOON - DAY)
    assert needs(owner) == expected


def test_own_old_and_settled_drafts_do_not_wait(owner, helper, write) -> None:
    write(actor=owner.actor)
    campaigns.cancel_announcement(announcement=write(actor=helper.actor), actor=SYSTEM, now=NOON)
    old = write(actor=helper.actor)
    Announcement.objects.filter(pk=old.pk).update(created_at=NOON - 15 * DAY)
    assert needs(owner) == []


def test_another_workspaces_drafts_and_troubles_are_not_told(stranger, helper, write, sent) -> None:
    write(actor=helper.actor)
    sent(**EXPIRED)
    assert needs(stranger) == []
    assert needs(make_person(stranger.workspace, "operator")) == []


@pytest.fixture
def held(groups):
    """Orders of a new sale that wait for payment: held("手工皂", 2)."""

    def make(name, count, **changes) -> FlashSale:
        product = make_product(groups[0].workspace, name)
        terms = terms_of(product, groups[0], stock=9, **changes)
        sale = conversion.create_flash_sale(terms=terms, actor=SYSTEM, now=NOON - HOUR / 6)
        conversion.schedule_flash_sale(sale=sale, actor=SYSTEM, now=NOON - HOUR / 6)
        for number in range(count):
            member = create_member(community=sale.community, name=f"{name} {number}", actor=SYSTEM, now=NOON)
            conversion.place_order(sale=sale, member=member, quantity=1, actor=SYSTEM, now=NOON)
        return sale

    return make


def test_orders_that_wait_for_a_look_at_the_payment_are_one_line_per_sale(owner, viewer, held) -> None:
    two, one = held("羊毛衫", 2), held("围巾", 1, hold_seconds=60)
    held("试卖", 1, payment_mode="sandbox")
    found = needs_in_short(owner.actor, "x", now=NOON).lines
    assert [need.text for need in found] == [
        "围巾: 1 order waits for your look at the payment.",
        "羊毛衫: 2 orders wait for your look at the payment.",
    ]
    assert found[0].due_at == NOON + timedelta(seconds=60)
    orders = reverse("conversion:order_list", args=["x"])
    assert [need.url for need in found] == [f"{orders}?state=held&sale={sale.pk}" for sale in (one, two)]
    assert needs(viewer) == []


def test_an_order_that_ran_out_or_was_paid_waits_no_more(owner, held) -> None:
    held("羊毛衫", 1)
    assert needs_in_short(owner.actor, "x", now=NOON + HOUR).lines == []
    conversion.pay_order(order=Order.objects.get(), actor=SYSTEM, now=NOON)
    assert needs(owner) == []


def test_waiting_payments_ask_the_same_for_one_sale_and_for_many(
    owner, held, django_assert_max_num_queries, django_assert_num_queries
) -> None:
    held("羊毛衫", 1)
    with django_assert_max_num_queries(20) as few:
        needs(owner)
    for number in range(3):
        held(f"围巾 {number}", 2)
    with django_assert_num_queries(len(few)):
        needs(owner)


def test_cards_of_a_person_who_cannot_see_them_are_said_until_she_can(owner, workspace) -> None:
    person = messaging.create_assignee(workspace_id=workspace.pk, name="小周", actor=SYSTEM, now=NOON)
    assert needs(owner) == []
    messaging.create_task(
        assignee=person, kind="moments", title="朋友圈", text="快来", due_at=NOON + HOUR, actor=SYSTEM, now=NOON
    )
    (need,) = needs_in_short(owner.actor, workspace.slug, now=NOON).lines
    assert need.text == "小周 has cards to do, but no personal link and no channel to be told by"
    assert need.url == reverse("messaging:assignee_edit", args=[workspace.slug, person.pk])
    messaging.issue_link(assignee=person, actor=SYSTEM, now=NOON)
    assert needs(owner) == []


def test_whoever_cannot_make_a_link_is_not_asked_to(workspace, viewer) -> None:
    person = messaging.create_assignee(workspace_id=workspace.pk, name="小周", actor=SYSTEM, now=NOON)
    messaging.create_task(
        assignee=person, kind="moments", title="朋友圈", text="快来", due_at=NOON, actor=SYSTEM, now=NOON
    )
    assert needs(viewer) == []


HELD = {"state": "cancelled", "reason": "quiet_hours"}


def test_what_a_rule_kept_since_yesterday_is_one_line_a_kind_of_rule(owner, helper, groups, sent) -> None:
    sent(**HELD)
    sent(groups[0], **HELD | {"reason": "cap"})
    sent(groups[0], **HELD | {"updated_at": NOON - DAY - HOUR})
    sent(groups[0], **HELD | {"reason": "cancelled_by_person"})
    count = "of the last 24 hours did not go out and will not."
    assert sorted(needs(owner)) == [
        ("Not sent: limit", f"1 message {count}"),
        ("Not sent: quiet hours", f"3 messages {count}"),
    ]
    record = reverse("messaging:deliveries", args=["x"])
    assert {need.url for need in needs_in_short(owner.actor, "x", now=NOON).lines} == {
        f"{record}?state=quiet_hours", f"{record}?state=cap",
    }  # fmt: skip
    assert needs(helper) == []


def test_a_paused_send_waits_until_somebody_lets_it_go_on(owner, helper, write) -> None:
    announcement = write(due_at=NOON + HOUR)
    campaigns.schedule_announcement(announcement=announcement, actor=SYSTEM, now=NOON)
    campaigns.pause_announcement(announcement=announcement, actor=SYSTEM, now=NOON)
    assert needs(owner) == [("Paused", "今晚八点见: 3 messages wait.")]
    assert needs(helper) == []
    (need,) = needs_in_short(owner.actor, "x", now=NOON).lines
    assert need.url == reverse("campaigns:announcement", args=["x", announcement.pk])
    campaigns.resume_announcement(announcement=announcement, actor=SYSTEM, now=NOON)
    assert needs(owner) == []


def test_what_is_paused_and_has_nothing_left_waits_for_nobody(owner, write) -> None:
    announcement = write(due_at=NOON + HOUR)
    campaigns.schedule_announcement(announcement=announcement, actor=SYSTEM, now=NOON)
    campaigns.pause_announcement(announcement=announcement, actor=SYSTEM, now=NOON)
    Delivery.objects.update(state="accepted", reason="")
    assert needs(owner) == []


def test_many_paused_sends_cost_the_same_number_of_queries(owner, write, django_assert_num_queries) -> None:
    def pause() -> None:
        announcement = write(due_at=NOON + HOUR)
        campaigns.schedule_announcement(announcement=announcement, actor=SYSTEM, now=NOON)
        campaigns.pause_announcement(announcement=announcement, actor=SYSTEM, now=NOON)

    pause()
    with CaptureQueriesContext(connection) as few:
        needs(owner)
    for _ in range(4):
        pause()
    with django_assert_num_queries(len(few)):
        needs(owner)
