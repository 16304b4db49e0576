"""Imported orders: lines of invoices that were paid somewhere else, in batches."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from django.db import transaction
from django.db.models import F

from community_ops.common import audit, outbox
from community_ops.common.actors import Actor
from community_ops.common.errors import InvalidInput
from conversion.events import OrdersImported
from conversion.models import Order, OrderLine, OrderSource, OrderState
from members.services import facts
from members.services.identities import ensure_members

if TYPE_CHECKING:
    from groups.models import Community

CUSTOMER_KIND = "orders"  # the namespace of customer numbers
CHUNK = 500
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ImportedLine:
    """One good line of a file. `key`: unique in its invoice; `unit_amount` in minor units; `ordered_at` in UTC."""

    key: str
    invoice: str
    customer: str
    customer_name: str
    sku: str
    description: str
    quantity: int
    unit_amount: int
    ordered_at: datetime


@dataclass(frozen=True, slots=True)
class StoredLines:
    """`new_lines`: those that were not there before. `order_ids`: the orders of all lines, new or known."""

    new_lines: list[ImportedLine]
    order_ids: set[int]


def known_line_keys(*, community: "Community", lines: Sequence[ImportedLine]) -> set[str]:
    """Keys of these lines that are stored already. One query per 500 lines."""
    known: set[str] = set()
    for chunk in _chunks(lines):
        rows = OrderLine.objects.of(community.workspace_id).filter(order__community=community)
        rows = rows.filter(external_key__in=[line.key for line in chunk])
        known.update(rows.values_list("external_key", flat=True))
    return known


@transaction.atomic
def store_lines(
    *, community: "Community", currency: str, lines: Sequence[ImportedLine], actor: Actor, now: datetime
) -> StoredLines:
    """Store a batch of lines; the orders they belong to and the customers as members are made where missing.

    Imported orders are `paid` at the time of their first line. Known lines are left as they are, so the same batch
    again stores nothing. Writes one audit row and OrdersImported when something is new. A constant number of queries
    per 500 lines. The lines of one order have one customer (the caller sees to it).
    """
    people = {line.customer: line.customer_name for line in lines}
    member_ids = ensure_members(
        community=community, kind=CUSTOMER_KIND, people=list(people.items()), source="import", actor=actor, now=now
    )
    order_ids = _orders(community, currency, lines, member_ids)
    known = known_line_keys(community=community, lines=lines)
    new_lines = [line for line in lines if line.key not in known]
    if new_lines:
        _add_lines(community, new_lines, order_ids)
        touched = sorted({order_ids[line.invoice] for line in new_lines})
        after = {"lines": len(new_lines), "orders": len(touched)}
        audit.record(actor=actor, verb="orders.imported", target=community, now=now, after=after)
        outbox.publish(
            OrdersImported(workspace_id=community.workspace_id, community_id=community.pk, order_ids=tuple(touched))
        )
    return StoredLines(new_lines, set(order_ids.values()))


def tell_imported(*, community: "Community", order_ids: Collection[int], now: datetime) -> None:
    """Tell the members' milestones of imported orders, once per order, when all lines of a file are stored.

    May be repeated. Lines that a later file adds to an order told before do not raise its milestone.
    """
    for chunk in _chunks(sorted(order_ids)):
        rows = Order.objects.of(community.workspace_id).filter(pk__in=chunk, source=OrderSource.IMPORT)
        milestones = [
            facts.Milestone(
                member_id=order.member_id,
                kind="order_paid",
                source_key=f"order:{order.pk}",
                occurred_at=order.paid_at or order.placed_at,
                amount=order.total_amount,
                currency=order.currency,
                source="import",
            )
            for order in rows
        ]
        facts.record_milestones(workspace_id=community.workspace_id, milestones=milestones, now=now)


def _orders(
    community: "Community", currency: str, lines: Sequence[ImportedLine], member_ids: dict[str, int]
) -> dict[str, int]:
    """Order id by invoice, locked; missing ones are made. Sorted, so that parallel imports never wait in a circle."""
    first: dict[str, ImportedLine] = {}
    for line in lines:
        first.setdefault(line.invoice, line)
    known = _order_ids(community, currency, first)
    rows = [
        Order(
            workspace_id=community.workspace_id,
            community=community,
            member_id=member_ids[line.customer],
            state=OrderState.PAID,
            source=OrderSource.IMPORT,
            external_id=invoice,
            currency=currency,
            total_amount=0,
            placed_at=line.ordered_at,
            paid_at=line.ordered_at,
        )
        for invoice, line in sorted(first.items())
        if invoice not in known
    ]
    Order.objects.bulk_create(rows, ignore_conflicts=True)
    return _order_ids(community, currency, first)


def _order_ids(community: "Community", currency: str, invoices: Collection[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for chunk in _chunks(sorted(invoices)):
        rows = Order.objects.of(community.workspace_id).filter(community=community, external_id__in=chunk)
        for invoice, pk, its_currency in (
            rows.order_by("pk").select_for_update().values_list("external_id", "pk", "currency")
        ):
            if its_currency != currency:
                raise InvalidInput(f"Order {invoice} was imported in {its_currency}.", field="currency")
            found[invoice] = pk
    return found


def _add_lines(community: "Community", lines: Sequence[ImportedLine], order_ids: dict[str, int]) -> None:
    sums: dict[int, int] = {}
    for line in lines:
        order_id = order_ids[line.invoice]
        sums[order_id] = sums.get(order_id, 0) + line.quantity * line.unit_amount
    for order_id in sorted(sums):
        Order.objects.filter(pk=order_id).update(total_amount=F("total_amount") + sums[order_id])
    OrderLine.objects.bulk_create(
        OrderLine(
            workspace_id=community.workspace_id,
            order_id=order_ids[line.invoice],
            sku=line.sku,
            description=line.description,
            quantity=line.quantity,
            unit_amount=line.unit_amount,
            external_key=line.key,
        )
        for line in lines
    )


def _chunks(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    return (rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK))
