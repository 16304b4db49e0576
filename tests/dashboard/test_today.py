"""今日 and its frame."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse
from django.utils import translation

from community_ops.common import clock, outbox
from community_ops.common.models import AuditEntry, EventReceipt, JobPulse, OutboxEvent
from conversion.selectors import revenue
from dashboard.period import Period
from messaging.inbound_models import ChatCursor, RawEvent
from messaging.models import Connection
from tests.factories.people import make_person
from tests.factories.world import make_world
from tests.moments import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(workspace, owner):
    made = make_world(workspace, owner)
    while outbox.drain(now=clock.now()):
        pass
    return made


def today(client, slug: str, **query) -> str:
    answer = client.get(reverse("dashboard:today", args=[slug]), query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_shortened_address_leads_to_today(owner, signed_in) -> None:
    slug = owner.workspace.slug
    answer = signed_in(owner).get(f"/w/{slug}/")
    assert (answer.status_code, answer["Location"]) == (302, f"/w/{slug}/today/")


def test_an_empty_workspace_begins_with_seven_steps(owner, signed_in) -> None:
    page = today(signed_in(owner), owner.workspace.slug)
    assert page.count('class="step') >= 7
    assert page.count("is-done") == 0
    assert 'aria-current="step"' in page


def test_a_living_workspace_shows_its_sale_its_next_messages_and_its_numbers(world, signed_in) -> None:
    page = today(signed_in(world.owner), world.workspace.slug)
    assert "羊毛衫" in page
    assert "大家好" in page
    assert page.count('<article class="tile">') == 6


def test_a_number_that_nobody_measured_is_not_a_zero(owner, signed_in) -> None:
    client = signed_in(owner)
    client.cookies["django_language"] = "en"
    page = today(client, owner.workspace.slug)
    assert page.count("Not enough data yet") == 2  # members who spoke, messages answered


@pytest.mark.parametrize("days", ["7", "30", "", "x", "999999999999"])
def test_any_period_in_the_address_is_answered(world, signed_in, days) -> None:
    assert today(signed_in(world.owner), world.workspace.slug, days=days)


@pytest.mark.parametrize("role", ["owner", "operator", "moderator", "helper", "viewer"])
def test_every_role_sees_its_own_today(world, signed_in, role) -> None:
    someone = make_person(world.workspace, role)
    page = today(signed_in(someone), world.workspace.slug)
    settings = reverse("messaging:endpoints", args=[world.workspace.slug])
    assert (f'href="{settings}"' in page) is (role in ("owner", "operator"))


def test_the_number_of_queries_does_not_grow_with_the_groups(
    world, signed_in, django_assert_max_num_queries, django_assert_num_queries
) -> None:
    client = signed_in(world.owner)
    url = reverse("dashboard:today", args=[world.workspace.slug])
    client.get(url)
    with django_assert_max_num_queries(60) as before:
        client.get(url)
    from dashboard.demo.build import _group

    community = world.sale.community
    for number in range(20):
        _group(community, f"第 {number} 群", "", clock.now())
    with django_assert_num_queries(len(before)):
        client.get(url)


def test_a_parked_event_is_shown_and_tried_again(world, signed_in) -> None:
    event = OutboxEvent.objects.filter(workspace=world.workspace).first()
    receipt = EventReceipt.objects.create(event=event, handler="tests.gone", state="parked", next_try_at=clock.now())
    client = signed_in(world.owner)
    assert "tests.gone" in today(client, world.workspace.slug)
    url = reverse("dashboard:parked", args=[world.workspace.slug])
    assert client.post(url, {"receipt": receipt.pk}).status_code == 302
    receipt.refresh_from_db()
    assert receipt.state == "pending"
    assert client.post(url, {"receipt": receipt.pk}).status_code == 404


def test_what_came_in_and_could_not_be_read_is_shown(world, signed_in) -> None:
    account = Connection.objects.filter(workspace=world.workspace).earliest("pk")
    facts = {"workspace": world.workspace, "body": "{}", "body_digest": "", "state": "failed", "way": "hook"}
    times = {"received_at": clock.now(), "next_try_at": clock.now()}
    RawEvent.objects.create(connection=account, external_id="a", **facts, **times)
    RawEvent.objects.create(external_id="b", **facts, **times)
    page = today(signed_in(world.owner), world.workspace.slug)
    assert reverse("messaging:inbound", args=[world.workspace.slug, account.pk]) in page
    assert "rawevent/?state__exact=failed" in page
    assert "rawevent" not in today(signed_in(make_person(world.workspace, "viewer")), world.workspace.slug)


def test_a_chat_that_could_not_be_asked_for_ten_minutes_is_shown(world, signed_in) -> None:
    cursor = ChatCursor.objects.get(workspace=world.workspace)  # of an account that receives
    ChatCursor.objects.update(failing_since=clock.now(), failure="Missing Access")
    assert "Missing Access" not in today(signed_in(world.owner), world.workspace.slug)
    ChatCursor.objects.filter(pk=cursor.pk).update(failing_since=clock.now() - timedelta(minutes=11))
    assert "Missing Access" in today(signed_in(world.owner), world.workspace.slug)


def test_a_helper_cannot_repair_jobs(world, signed_in) -> None:
    helper = make_person(world.workspace, "helper")
    assert signed_in(helper).get(reverse("dashboard:parked", args=[world.workspace.slug])).status_code == 403


def test_a_late_job_is_shown(world, signed_in) -> None:
    JobPulse.objects.create(name="worker", last_ok_at=NOON - timedelta(days=9), grace_seconds=60, last_error="boom")
    page = today(signed_in(world.owner), world.workspace.slug)
    assert "boom" in page


def test_the_live_part_alone_has_no_frame(world, signed_in) -> None:
    answer = signed_in(world.owner).get(reverse("dashboard:today_live", args=[world.workspace.slug]))
    assert answer.status_code == 200
    assert "<html" not in answer.content.decode()


def test_a_period_counts_by_the_communitys_days(workspace) -> None:
    period = Period(days=7, zone=ZoneInfo("Asia/Shanghai"), now=NOON)
    late_evening = NOON.replace(hour=17)  # 01:00 of the next day there
    for moment in (NOON - timedelta(seconds=1), late_evening, NOON - timedelta(days=40)):
        AuditEntry.objects.create(workspace=workspace, at=moment, actor_kind="system", actor_label="t", verb="x.y")
    assert period.dates()[-1].isoformat() == "2026-11-21"
    assert period.counted(AuditEntry.objects.all(), "at").per_day == [0, 0, 0, 0, 0, 0, 1]


def test_money_without_an_earlier_period_is_not_compared(world, signed_in, time_machine) -> None:
    from conversion.services import pay_order, place_order
    from dashboard.tiles import _convert
    from members.models import Member

    time_machine.move_to(world.sale.starts_at + timedelta(seconds=1))
    member = Member.objects.filter(workspace=world.workspace).first()
    order = place_order(sale=world.sale, member=member, quantity=1, actor=world.owner.actor, now=clock.now())
    pay_order(order=order, actor=world.owner.actor, now=clock.now())
    period = Period(days=7, zone=ZoneInfo("Asia/Shanghai"), now=clock.now() + timedelta(seconds=1))
    tile = _convert(world.owner.actor, world.workspace.slug, period)
    assert (tile["value"], tile["currency"]) == (19_900, "CNY")
    assert not {"change_count", "change_rate"} & tile.keys()
    with translation.override("en"):
        said = [_convert(world.owner.actor, world.workspace.slug, period)["label"]]
        type(world.sale).objects.update(payment_mode="manual")
        said.append(_convert(world.owner.actor, world.workspace.slug, period)["label"])
    assert said == ["Paid (of it ¥199.00 simulated)", "Paid"]  # the demo's sale only pretends


def test_the_joined_tile_says_where_its_number_comes_from(world, signed_in) -> None:
    from members.models import MembershipSpell

    def source() -> str:
        page = signed_in(world.owner).get(reverse("dashboard:today", args=[world.workspace.slug]))
        return next(tile["source"] for tile in page.context["tiles"] if tile["stage"] == "acquire")

    MembershipSpell.objects.update(source="manual")
    assert source() == "manual"
    MembershipSpell.objects.filter(pk=MembershipSpell.objects.order_by("-joined_at").first().pk).update(source="import")
    assert source() == "several"


def test_a_helpers_money_is_that_of_her_groups(world, signed_in) -> None:
    from conversion.models import Order

    order = Order.objects.filter(sale__isnull=False).first()
    if order is None:
        from conversion.services import pay_order, place_order
        from members.models import Member

        member = Member.objects.filter(
            workspace=world.workspace, memberships__group__in=world.sale.targets.values("group")
        )
        now = world.sale.starts_at
        order = place_order(sale=world.sale, member=member.first(), quantity=1, actor=world.owner.actor, now=now)
        pay_order(order=order, actor=world.owner.actor, now=now)
    helper = make_person(world.workspace, "helper")
    since, until = order.placed_at - timedelta(days=1), order.placed_at + timedelta(days=1)
    facts = {"workspace_id": world.workspace.pk, "since": since, "until": until}
    assert revenue(**facts, visible_to=world.owner.actor) != []
    assert revenue(**facts, visible_to=helper.actor) == []
    world.sale.targets.first().group.staff.create(workspace=world.workspace, user=helper.user, role="helper")
    assert revenue(**facts, visible_to=helper.actor) != []
