"""A member's orders on her page in the dashboard and on her own page."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation

from community_ops.common import clock
from conversion.models import Order
from conversion.panels import OwnSales
from conversion.policies import SaleMoment
from conversion.services import place_order
from conversion.wording import sale_told_to_member
from dashboard.demo.build import schedule_demo_sale
from members.models import Membership
from members.selectors import find_member_by_pass
from tests.factories.people import make_person
from tests.factories.world import make_world

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(workspace, owner, time_machine):
    made = make_world(workspace, owner)
    time_machine.move_to(made.sale.starts_at)
    return made


@pytest.fixture
def member(world):
    found = find_member_by_pass(next(iter(world.passes.values())))
    place_order(sale=world.sale, member=found, quantity=2, actor=world.owner.actor, now=clock.now())
    return found


def test_the_member_page_shows_her_orders(world, member, signed_in) -> None:
    url = reverse("members:member_detail", args=[world.workspace.slug, member.pk])
    page = signed_in(world.owner).get(url).content.decode()
    assert "羊毛衫 × 2" in page
    assert "¥398.00" in page


def test_a_helper_without_her_group_sees_neither(world, member, signed_in) -> None:
    url = reverse("members:member_detail", args=[world.workspace.slug, member.pk])
    assert signed_in(make_person(world.workspace, "helper")).get(url).status_code == 404


def test_her_own_page_shows_only_her_orders(world, member) -> None:
    codes = list(world.passes.values())
    for code, shown in ((codes[0], True), (codes[1], False)):
        phone = Client()
        page = phone.get(f"/p/{code}?next=/me/", follow=True).content.decode()
        assert ("羊毛衫 × 2" in page or "羊毛衫</a> × 2" in page) is shown


def own_page(world) -> str:
    code = next(iter(world.passes.values()))
    return Client().get(f"/p/{code}?next=/me/", follow=True).content.decode()


def test_her_own_page_leads_to_the_sales_of_her_groups(world, member, time_machine) -> None:
    link = f'href="/s/{world.sale.public_code}/"'
    Order.objects.all().delete()
    for away, is_shown in ((timedelta(days=-8), False), (timedelta(days=-6), True), (timedelta(0), True)):
        time_machine.move_to(world.sale.starts_at + away)
        assert (link in own_page(world)) is is_shown
    Membership.objects.filter(member=member).update(left_at=clock.now())
    assert link not in own_page(world)


def test_a_draft_and_a_sale_that_is_over_are_not_on_her_page(world, member, time_machine) -> None:
    Order.objects.all().delete()
    type(world.sale).objects.update(state="draft")
    assert f"/s/{world.sale.public_code}/" not in own_page(world)
    type(world.sale).objects.update(state="scheduled")
    time_machine.move_to(world.sale.ends_at)
    assert f"/s/{world.sale.public_code}/" not in own_page(world)


@pytest.mark.parametrize(("moment", "held", "told"), [
    (SaleMoment.SCHEDULED, 0, "Begins"), (SaleMoment.OPEN, 0, "Open until"), (SaleMoment.PAUSED, 0, "Paused"),
    (SaleMoment.SOLD_OUT, 1, "All taken for now"), (SaleMoment.SOLD_OUT, 0, "Sold out"),
])  # fmt: skip
def test_a_sale_is_told_as_it_is_now(world, moment, held, told) -> None:
    with translation.override("en"):
        assert sale_told_to_member(world.sale, moment, held=held).startswith(told)


def test_her_own_page_asks_the_same_for_one_sale_and_for_many(world, member, django_assert_num_queries) -> None:
    own_page(world)
    panel = OwnSales()
    with CaptureQueriesContext(connection) as before:
        panel.panel(member=member, now=clock.now())
    for _ in range(3):
        _again(world)
    with django_assert_num_queries(len(before)):
        found = panel.panel(member=member, now=clock.now())
    assert len(found.context["rows"]) == 4


def _again(world) -> None:
    groups = [target.group for target in world.sale.targets.all()]
    variant, now = world.sale.items.get().variant, clock.now()
    sale = schedule_demo_sale(variant=variant, groups=groups, now=now)
    type(sale).objects.filter(pk=sale.pk).update(starts_at=now)


def test_the_panel_costs_the_same_for_one_order_and_for_many(
    world, member, signed_in, django_assert_num_queries
) -> None:
    client = signed_in(world.owner)
    url = reverse("members:member_detail", args=[world.workspace.slug, member.pk])
    client.get(url)
    with CaptureQueriesContext(connection) as before:
        client.get(url)
    type(world.sale).objects.filter(pk=world.sale.pk).update(limit_per_member=None)
    world.sale.refresh_from_db()
    for _ in range(5):
        place_order(sale=world.sale, member=member, quantity=1, actor=world.owner.actor, now=clock.now())
    with django_assert_num_queries(len(before)):
        client.get(url)
