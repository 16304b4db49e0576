"""A member's orders on her page in the dashboard and on her own page."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from community_ops.common import clock
from conversion.services import place_order
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
        assert ("羊毛衫" in page) is shown


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
