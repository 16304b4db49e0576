"""Every table and every action of the admin, by every role: the same role table as everywhere."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.urls import reverse

from community_ops.accounts.policies import ACTIONS
from community_ops.common import clock, outbox
from community_ops.common.models import AuditEntry
from conversion import services as selling
from messaging import services
from messaging.models import Delivery
from tests.conversion.conftest import make_community, make_group, make_product, terms_of
from tests.factories.people import SYSTEM, make_person, make_token
from tests.factories.world import make_world
from tests.members.makers import event, ingest, make_member
from tests.moments import NOON
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
    assert needed == dict.fromkeys(
        ("requeue", "mark_sent", "mark_not_sent", "send_again", "undo_decision"), "deliveries.decide"
    )
    assert "moderator" in ACTIONS["deliveries.decide"]


@dataclass(frozen=True)
class Repair:
    """What a row needs for the repair to have something to do, what it is afterwards, and what the log says."""

    before: dict[str, Any]
    after: dict[str, Any]
    verb: str
    is_fresh: tuple[str, ...] = ()  # columns that have a moment afterwards


FAILED: dict[str, Any] = {"state": "failed", "reason": "refused"}
DOUBT: dict[str, Any] = {"state": "unknown", "reason": "no_answer", "attempt_count": 1}
REPAIRED: dict[tuple[str, str], Repair] = {
    ("accounts.ApiToken", "revoke"): Repair({}, {}, "token.revoked", ("revoked_at",)),
    ("messaging.RawEvent", "read_again"): Repair({"state": "ignored"}, {"state": "pending"}, "inbound.read_again"),
    ("messaging.WebhookCall", "redeliver"): Repair(
        {"state": "given_up"}, {"state": "pending"}, "webhook.call_repeated"
    ),
    ("messaging.Delivery", "requeue"): Repair(FAILED, {"state": "planned", "reason": "again"}, "delivery.requeued"),
    ("messaging.Delivery", "mark_sent"): Repair(DOUBT, {"state": "confirmed"}, "delivery.sent"),
    ("messaging.Delivery", "mark_not_sent"): Repair(DOUBT, {"state": "failed"}, "delivery.not_sent"),
    ("messaging.Delivery", "undo_decision"): Repair({}, {"state": "unknown"}, "delivery.decision_undone"),  # that word
    ("messaging.Delivery", "send_again"): Repair(DOUBT, {"state": "planned", "reason": "again"}, "delivery.again"),
    ("messaging.HumanTask", "take_back"): Repair({}, {"state": "withdrawn"}, "task.withdrawn", ("done_at",)),
    ("groups.ChatGroup", "unbind"): Repair({}, {"endpoint_id": None}, "group.endpoint_bound"),
    ("members.Membership", "end"): Repair({}, {}, "membership.ended", ("left_at",)),
    ("members.MemberPass", "revoke"): Repair({}, {}, "pass.revoked", ("revoked_at",)),
    ("campaigns.Announcement", "cancel"): Repair(
        {}, {"state": "cancelled"}, "announcement.cancelled", ("cancelled_at",)
    ),
    ("campaigns.PlaybookRun", "stop"): Repair({}, {}, "run.stopped", ("stopped_at",)),
    ("conversion.FlashSale", "pause"): Repair({"paused_at": None}, {}, "flash_sale.paused", ("paused_at",)),
    ("conversion.FlashSale", "resume"): Repair({"paused_at": NOON}, {"paused_at": None}, "flash_sale.resumed"),
    ("conversion.FlashSale", "cancel"): Repair({}, {"state": "cancelled"}, "flash_sale.cancelled"),
}
ORDERS = {  # by repair: what it was before and is afterwards
    "mark_paid": ("held", "paid"),
    "accept_late": ("paid_late", "paid"),
    "mark_delivered": ("paid", "fulfilled"),
    "mark_refunded": ("paid", "refunded"),
    "cancel": ("held", "cancelled"),
}
BY_THEMSELVES = {
    ("conversion.FlashSale", "recount"),
    ("members.ImportRun", "retry"),
    ("retention.DailyActivity", "recount"),
}


def test_every_repair_is_tried_for_its_effect() -> None:
    assert {(model._meta.label, name) for model, name in REPAIRS} == (
        set(REPAIRED) | BY_THEMSELVES | {("conversion.Order", name) for name in ORDERS}
    )


@pytest.fixture
def whole_world(world):
    """With a token and a card, which the demo has none of."""
    make_token(world.workspace)
    facts = {"actor": SYSTEM, "now": NOON}
    person = services.create_assignee(workspace_id=world.workspace.pk, name="阿May", **facts)
    services.create_task(assignee=person, kind="pull_in", title="拉新人", due_at=NOON, **facts)
    return world


def test_an_owner_repairs_through_the_services(whole_world, signed_in, owner) -> None:
    """The row changes as its service does it, and the log names the owner."""
    tab = signed_in(owner)
    for (label, name), repair in REPAIRED.items():
        rows = apps.get_model(label)._base_manager.filter(workspace=whole_world.workspace)
        pk = rows.order_by("pk").values_list("pk", flat=True)[0]
        rows.filter(pk=pk).update(**repair.before)
        said = AuditEntry.objects.filter(verb=repair.verb, target_id=str(pk), actor_id=owner.user.pk)
        known = said.count()

        answer = tab.post(address(apps.get_model(label)), {"action": name, "_selected_action": [pk]})

        found = rows.filter(pk=pk).values().get()
        assert answer.status_code == 302, (label, name)
        assert {key: found[key] for key in repair.after} == repair.after, (label, name)
        assert all(found[key] is not None for key in repair.is_fresh), (label, name)
        assert said.count() == known + 1, (label, name)
        assert said.latest("pk").actor_kind == "user"


@pytest.fixture
def community(workspace):
    return make_community(workspace)


@pytest.fixture
def sale(workspace, community):
    """Open at noon."""
    terms = terms_of(make_product(workspace), make_group(community))
    made = selling.create_flash_sale(terms=terms, actor=SYSTEM, now=NOON)
    selling.schedule_flash_sale(sale=made, actor=SYSTEM, now=NOON)
    return made


@pytest.mark.parametrize("name", ORDERS)
def test_an_owner_repairs_orders(sale, community, signed_in, owner, monkeypatch, name) -> None:
    before, after = ORDERS[name]
    member = make_member(community)
    order = selling.place_order(sale=sale, member=member, quantity=1, request_key="", actor=SYSTEM, now=NOON)
    if before != "held":
        late = timedelta(hours=1) if before == "paid_late" else timedelta()
        selling.pay_order(order=order, actor=SYSTEM, now=NOON + late)
    rows = type(order)._base_manager.filter(pk=order.pk)
    assert rows.get().state == before
    monkeypatch.setattr(clock, "now", lambda: NOON)

    signed_in(owner).post(address(type(order)), {"action": name, "_selected_action": [order.pk]})

    assert rows.get().state == after
    said = AuditEntry.objects.filter(target_id=str(order.pk), actor_kind="user", actor_id=owner.user.pk).get()
    assert (said.target_kind, said.after["state"]) == ("conversion.order", after)


def test_an_owner_counts_a_sale_anew(sale, signed_in, owner) -> None:
    item = sale.items.get()
    total = item.left
    type(item)._base_manager.filter(pk=item.pk).update(left=total - 1)

    signed_in(owner).post(address(type(sale)), {"action": "recount", "_selected_action": [sale.pk]})

    assert sale.items.get().left == total
    said = AuditEntry.objects.get(verb="flash_sale.recounted")
    assert (said.actor_id, said.after) == (owner.user.pk, {"corrected": 1})


def test_an_owner_starts_a_failed_import_again(workspace, signed_in, owner) -> None:
    model = apps.get_model("members.ImportRun")
    run = model.objects.create(workspace=workspace, kind="members", file_name="x.csv", state="failed", error="away")

    signed_in(owner).post(address(model), {"action": "retry", "_selected_action": [run.pk]})

    assert model.objects.get().state == "queued"
    said = AuditEntry.objects.get(target_id=str(run.pk), target_kind="members.importrun")
    assert (said.actor_kind, said.actor_id) == ("user", owner.user.pk)


def test_an_owner_counts_a_day_anew(community, signed_in, owner) -> None:
    model, group = apps.get_model("retention.DailyActivity"), make_group(community)
    ingest(group, event(group))
    outbox.drain(now=NOON)
    row = model.objects.get()
    model.objects.update(message_count=5)

    signed_in(owner).post(address(model), {"action": "recount", "_selected_action": [row.pk]})

    assert model.objects.get().message_count == row.message_count == 1
    said = AuditEntry.objects.get(verb="activity.recounted")
    assert (said.target_id, said.actor_id) == (str(group.pk), owner.user.pk)


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
