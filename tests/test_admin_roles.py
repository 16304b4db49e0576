"""Every table and every action of the admin, by every role: the same role table as everywhere."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.urls import reverse

from community_ops.accounts.policies import ACTIONS
from messaging.models import Delivery
from tests.factories.people import make_person
from tests.factories.world import make_world
from tests.test_architecture import FLOORS

OURS = {model: its for model, its in admin.site._registry.items() if model._meta.app_label in FLOORS}
REPAIRS = [(model, name) for model, its in OURS.items() for name in its.actions]


def address(model: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def contents() -> dict[str, list[Any]]:
    return {model._meta.label: list(model._base_manager.order_by("pk").values()) for model in everything()}


def everything() -> Iterator[Any]:
    for model in OURS:
        if model._meta.label_lower not in {"accounts.user", "common.jobpulse"}:  # a sign-in is noted there
            yield model


@pytest.fixture
def world(workspace, owner):
    return make_world(workspace, owner)


def test_every_action_names_its_row_of_the_role_table() -> None:
    for model, name in REPAIRS:
        assert OURS[model].rights[name] in ACTIONS, f"{model.__name__}.{name}"
    for its in OURS.values():
        assert its.view_action in ACTIONS


@pytest.mark.parametrize("role", ["helper", "viewer"])
def test_helpers_and_viewers_find_no_table_and_repair_nothing(world, signed_in, role) -> None:
    tab, before = signed_in(make_person(world.workspace, role)), contents()
    for model in OURS:
        assert tab.get(address(model)).status_code == 403, model
    for model, name in REPAIRS:
        ids = list(model._base_manager.values_list("pk", flat=True))
        assert tab.post(address(model), {"action": name, "_selected_action": ids}).status_code == 403
    assert contents() == before


def test_a_moderator_sees_and_repairs_what_the_role_table_says(world, signed_in) -> None:
    tab, before = signed_in(make_person(world.workspace, "moderator")), contents()
    for model, its in OURS.items():
        expected = 200 if "moderator" in ACTIONS[its.view_action] else 403
        assert tab.get(address(model)).status_code == expected, model
    for model, name in REPAIRS:
        if "moderator" not in ACTIONS[OURS[model].rights[name]]:
            ids = list(model._base_manager.values_list("pk", flat=True))
            tab.post(address(model), {"action": name, "_selected_action": ids})
    assert contents() == before


def test_a_moderator_is_offered_every_repair_of_deliveries() -> None:
    needed = {name: OURS[model].rights[name] for model, name in REPAIRS if model is Delivery}
    assert needed == dict.fromkeys(("requeue", "mark_sent", "mark_not_sent", "send_again"), "deliveries.decide")
    assert "moderator" in ACTIONS["deliveries.decide"]


def test_an_owner_repairs_through_the_services(world, signed_in, owner) -> None:
    tab = signed_in(owner)
    for model, name in REPAIRS:
        ids = list(model._base_manager.values_list("pk", flat=True))
        answer = tab.post(address(model), {"action": name, "_selected_action": ids})
        assert answer.status_code == (302 if ids else 200), f"{model.__name__}.{name}"


def test_an_owner_of_another_workspace_repairs_nothing(world, signed_in, stranger) -> None:
    tab, before = signed_in(stranger), contents()
    for model, name in REPAIRS:
        ids = list(model._base_manager.values_list("pk", flat=True))
        tab.post(address(model), {"action": name, "_selected_action": ids})
    assert contents() == before


@pytest.mark.parametrize("odd", ["9" * 30, "\x00", "x", "-1"])
def test_a_number_that_no_row_can_have_is_400(world, signed_in, owner, odd) -> None:
    tab, before = signed_in(owner), contents()
    for model, name in REPAIRS:
        assert tab.post(address(model), {"action": name, "_selected_action": [odd]}).status_code == 400
    assert contents() == before
