"""Reads of catalog, sales and orders: every one knows who asks."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db.models import BigIntegerField, CharField, Count, F, Min, OuterRef, Prefetch, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Cast, Coalesce
from django.utils.translation import gettext_noop as _

from campaigns.selectors import find_live_run, states_of_run
from community_ops.accounts.policies import is_limited
from community_ops.common.actors import Actor, ActorKind
from community_ops.common.models import AuditEntry, HoldState
from community_ops.common.tenancy import get_row
from conversion.models import (
    FlashSale,
    Order,
    OrderLine,
    OrderSource,
    OrderState,
    PaymentMode,
    PriceHistory,
    Product,
    RefusalCount,
    SaleGroup,
    SaleItem,
    SaleState,
    StockHold,
    Variant,
)
from conversion.policies import PAST_MEANS_NOW, SOLD_OUT, SUBJECT_KIND, SaleMoment, StockCounts, sale_moment
from groups.selectors import groups_visible_to
from members.selectors import members_visible_to, memberships_of, memberships_visible_to

if TYPE_CHECKING:
    from campaigns.models import Touch
    from members.models import Member

EARNING = (OrderState.PAID, OrderState.FULFILLED)
ALL_HELD = "all_held"  # the words of a sale whose last pieces are only held; over REST it is sold out
_ORDER_DEEDS = ("paid", "paid_late", "cancelled", "accepted", "refunded", "fulfilled")
_BY_HAND = (ActorKind.USER, ActorKind.TOKEN)
_WITH_THE_SALE = "sale_cancelled"  # the reason of orders that were cancelled because their sale was


@dataclass(frozen=True, slots=True)
class Revenue:
    """Orders paid in a window, of one currency; amounts in minor units. `simulated_amount` is a part of `amount`:
    what was paid in sales whose payment is only pretended."""

    currency: str
    amount: int
    order_count: int
    buyer_count: int
    simulated_amount: int = 0


@dataclass(frozen=True, slots=True)
class LogLine:
    """What was done, to the sale itself or to an order of it."""

    entry: AuditEntry
    order: Order | None = None


@dataclass(frozen=True, slots=True)
class RefundEffects:
    """What a refund of an order would change besides the order, were it written down now.

    `pieces`: how many go back to the stock, of `sale_moment`'s sale (None: no sale). `reopens`: nothing is left now.
    `steps`: names of the messages that "sold out" had called off and that are planned again.
    """

    pieces: int
    sale_moment: SaleMoment | None = None
    reopens: bool = False
    steps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LinkHolders:
    """Current members of a sale's groups, each counted once, and how many of them hold a personal link."""

    holders: int
    total: int


@dataclass(frozen=True, slots=True)
class AwaitedPayments:
    """Orders of a sale that wait until a colleague confirms their payment; the first runs out at `first_expires_at`."""

    sale_id: int
    sale_name: str
    count: int
    first_expires_at: datetime


# --- catalog ---------------------------------------------------------------------------------


def products_visible_to(actor: Actor, *, with_archived: bool = False) -> QuerySet[Product]:
    """Products of the actor's workspace with their variants, oldest first."""
    rows = Product.objects.within(actor)
    rows = rows if with_archived else rows.filter(archived_at__isnull=True)
    variants = Variant.objects.order_by("id")
    return rows.prefetch_related(Prefetch("variants", variants)).order_by("id")


def get_product(actor: Actor, product_id: int) -> Product:
    """The product, archived or not; raises NotFound for a missing one as for somebody else's."""
    return get_row(products_visible_to(actor, with_archived=True), product_id, _("There is no such product."))


def price_history(product: Product) -> QuerySet[PriceHistory]:
    """The product's regular prices over time with their variants, newest first."""
    rows = PriceHistory.objects.of(product.workspace_id).filter(variant__product=product)
    return rows.select_related("variant").order_by("-valid_from_at", "-id")


# --- sales -----------------------------------------------------------------------------------


def flash_sales_visible_to(actor: Actor) -> QuerySet[FlashSale]:
    """Sales of the actor's workspace with community, items and groups, oldest first.

    A helper sees the sales of the groups she is assigned to.
    """
    return with_parts(bare_sales_visible_to(actor).select_related("community", "playbook"))


def bare_sales_visible_to(actor: Actor) -> QuerySet[FlashSale]:
    """As `flash_sales_visible_to` but the sales' own rows only: for those who are about to change or buy."""
    rows = FlashSale.objects.within(actor)
    if is_limited(actor):
        rows = rows.filter(pk__in=_sales_of_her_groups(actor))
    return rows.order_by("id")


def with_parts(rows: QuerySet[FlashSale]) -> QuerySet[FlashSale]:
    """Items with their products, and groups: two more queries, however many sales."""
    items = SaleItem.objects.select_related("variant__product").order_by("id")
    targets = SaleGroup.objects.select_related("group__community").order_by("group_id")
    return rows.prefetch_related(Prefetch("items", items)).prefetch_related(Prefetch("targets", targets))


def with_counts(rows: QuerySet[FlashSale], *, now: datetime) -> QuerySet[FlashSale]:
    """Each sale with `stock`, `sold_count`, `held_count`, `left_count` of `now`, read in one statement.

    sold and held are counted from the holds, left is read from the stock rows; what is held past its time
    counts as left. The three add up to the stock because a hold and its pieces move in one transaction.
    """
    overdue = _held_pieces(Q(state=HoldState.HELD, expires_at__lte=now))
    return rows.annotate(
        stock=_stock_sum("total"),
        sold_count=_held_pieces(Q(state=HoldState.KEPT)),
        held_count=_held_pieces(Q(state=HoldState.HELD, expires_at__gt=now)),
        left_count=_stock_sum("left") + overdue,
    )


def get_flash_sale(actor: Actor, sale_id: int, *, now: datetime) -> FlashSale:
    """The sale with its counts; raises NotFound for a missing one as for somebody else's."""
    return get_row(with_counts(flash_sales_visible_to(actor), now=now), sale_id, _("There is no such sale."))


def find_public_sale(code: str, *, now: datetime) -> FlashSale | None:
    """The sale behind /s/<code> with its counts, or None; drafts are not shown to anybody."""
    rows = FlashSale.objects.filter(public_code=code, workspace__archived_at__isnull=True)
    rows = rows.exclude(state=SaleState.DRAFT).select_related("community")
    return with_counts(with_parts(rows), now=now).first()


def find_sale(sale_id: int, *, now: datetime) -> FlashSale | None:
    """For workers: the sale with its counts, without asking who."""
    rows = FlashSale.objects.filter(pk=sale_id).select_related("community")
    return with_counts(with_parts(rows), now=now).first()


def find_sales(sale_ids: Collection[int], *, now: datetime) -> dict[int, FlashSale]:
    """For workers: the sales' own rows with their counts, without asking who. One query."""
    return with_counts(FlashSale.objects.all(), now=now).in_bulk(sale_ids)


def counts_of(sale: FlashSale) -> StockCounts:
    """The counts that `with_counts` has put on the sale."""
    return StockCounts(
        stock=sale.stock,  # type: ignore[attr-defined]  # annotated by with_counts
        sold=sale.sold_count,  # type: ignore[attr-defined]  # annotated
        held=sale.held_count,  # type: ignore[attr-defined]  # annotated
        left=sale.left_count,  # type: ignore[attr-defined]  # annotated
    )


def moment_of(sale: FlashSale, *, now: datetime) -> SaleMoment:
    """What a sale that `with_counts` has read is at `now`."""
    return sale_moment(sale, left=counts_of(sale).left, now=now)


def state_shown(sale: FlashSale, *, now: datetime) -> str:
    """The key of a sale's words in the dashboard: its moment, or ALL_HELD while what is gone may still come back."""
    moment = moment_of(sale, now=now)
    return ALL_HELD if moment is SaleMoment.SOLD_OUT and counts_of(sale).held else str(moment)


def own_sales(member: "Member", *, now: datetime, until: datetime) -> QuerySet[FlashSale]:
    """For her own page: sales of the groups she is in that are on or begin before `until`, soonest first."""
    hers = memberships_of(member).filter(left_at__isnull=True).order_by().values("group_id")
    of_hers = SaleGroup.objects.filter(group_id__in=hers).values("sale_id")
    rows = FlashSale.objects.of(member.workspace_id).filter(pk__in=of_hers, state=SaleState.SCHEDULED)
    rows = rows.filter(starts_at__lt=until, ends_at__gt=now).order_by("starts_at", "id")
    return with_counts(with_parts(rows.select_related("community")), now=now)


def sales_in_window(actor: Actor, *, since: datetime, until: datetime) -> QuerySet[FlashSale]:
    """Scheduled sales that are on at some time between two moments, soonest start first."""
    rows = flash_sales_visible_to(actor).filter(state=SaleState.SCHEDULED, starts_at__lt=until, ends_at__gt=since)
    return rows.order_by("starts_at", "id")


def sales_by_id(*, workspace_id: int, sale_ids: Iterable[int]) -> dict[int, FlashSale]:
    """For pages that hold ids already (runs, calendar): the sales."""
    return FlashSale.objects.of(workspace_id).in_bulk(list(sale_ids))


def link_holders(*, workspace_id: int, group_ids: Iterable[int]) -> LinkHolders:
    """Who could buy with a personal link: a fact about the groups, whoever asks. One query."""
    everybody = Actor(kind=ActorKind.SYSTEM, id=None, label="conversion.link_holders", workspace_id=workspace_id)
    rows = memberships_visible_to(everybody).filter(group_id__in=list(group_ids), left_at__isnull=True)
    has_link = Q(member__passes__isnull=False, member__passes__revoked_at__isnull=True)
    found = rows.order_by().aggregate(
        holders=Count("member_id", distinct=True, filter=has_link), total=Count("member_id", distinct=True)
    )
    return LinkHolders(**found)


def refusal_counts(sale: FlashSale) -> dict[str, int]:
    """How often buyers were turned away, by RefusalReason."""
    return dict(RefusalCount.objects.of(sale.workspace_id).filter(sale=sale).values_list("reason", "count"))


def sale_log(sale: FlashSale, *, at_most: int) -> list[LogLine]:
    """What was done to the sale, and what people and tools did to its orders; newest first, at most so many of each.

    What buyers and the clock did to orders is not in it, nor the orders that were cancelled with the sale.
    Three queries.
    """
    rows = AuditEntry.objects.filter(workspace_id=sale.workspace_id).order_by("-id")
    of_sale = rows.filter(target_kind=FlashSale._meta.label_lower, target_id=str(sale.pk))[:at_most]
    keys = Order.objects.filter(sale=sale).order_by().values(key=Cast("pk", CharField()))
    of_orders = rows.filter(target_kind=Order._meta.label_lower, target_id__in=keys, actor_kind__in=_BY_HAND)
    of_orders = of_orders.filter(verb__in=[f"order.{deed}" for deed in _ORDER_DEEDS]).exclude(reason=_WITH_THE_SALE)
    entries = list(of_orders[:at_most])
    orders = Order.objects.select_related("member").in_bulk([int(entry.target_id) for entry in entries])
    lines = [LogLine(entry) for entry in of_sale]
    lines += [LogLine(entry, orders.get(int(entry.target_id))) for entry in entries]
    return sorted(lines, key=lambda line: -line.entry.pk)


# --- orders ----------------------------------------------------------------------------------


def orders_visible_to(actor: Actor) -> QuerySet[Order]:
    """Orders of the actor's workspace with member, sale and lines, oldest first.

    A helper sees the orders of sales and members of the groups she is assigned to.
    """
    rows = Order.objects.within(actor).select_related("member", "sale", "community")
    if is_limited(actor):
        members = members_visible_to(actor).values("id")
        rows = rows.filter(Q(sale_id__in=_sales_of_her_groups(actor)) | Q(member_id__in=members))
    return with_lines(rows).order_by("id")


def with_lines(rows: QuerySet[Order]) -> QuerySet[Order]:
    return rows.prefetch_related(Prefetch("lines", OrderLine.objects.order_by("id")))


def orders_in_state(rows: QuerySet[Order], state: str, *, now: datetime) -> QuerySet[Order]:
    """Orders that are in `state` at `now`: held past its time is expired."""
    if state == OrderState.HELD:
        return rows.filter(state=OrderState.HELD, expires_at__gt=now)
    if state == OrderState.EXPIRED:
        return rows.filter(Q(state=OrderState.EXPIRED) | Q(state=OrderState.HELD, expires_at__lte=now))
    return rows.filter(state=state)


def get_order(actor: Actor, order_id: int) -> Order:
    """Raises NotFound for a missing one as for somebody else's."""
    return get_row(orders_visible_to(actor), order_id, _("There is no such order."))


def orders_of_buyer(sale: FlashSale, member: "Member") -> QuerySet[Order]:
    """Her orders in this sale, newest first."""
    return with_lines(Order.objects.of(sale.workspace_id).filter(sale=sale, member=member)).order_by("-id")


def orders_of_member(actor: Actor, member: "Member") -> QuerySet[Order]:
    """A member's orders, newest first, as far as the actor may see them."""
    return orders_visible_to(actor).filter(member=member).order_by("-placed_at", "-id")


def own_orders(member: "Member") -> QuerySet[Order]:
    """For her own page: her orders with sale and lines, newest first."""
    rows = Order.objects.of(member.workspace_id).filter(member=member)
    return rows.select_related("sale").prefetch_related("lines").order_by("-placed_at", "-id")


def is_simulated(order: Order) -> bool:
    """Whether its payment is only pretended; the order comes with its sale."""
    return order.sale is not None and order.sale.payment_mode == PaymentMode.SANDBOX


def orders_in_limit(order: Order) -> QuerySet[Order]:
    """The buyer's other orders in the same sale that count in her limit, oldest first. What is over is swept."""
    rows = Order.objects.of(order.workspace_id).filter(sale_id=order.sale_id, member_id=order.member_id)
    return rows.filter(state__in=(OrderState.HELD, *EARNING)).exclude(pk=order.pk).order_by("id")


def refund_effects(order: Order, actor: Actor, *, now: datetime) -> RefundEffects:
    """What `services.refund_order` would do to stock, sale and ladder; the order as `get_order` reads it.

    Only an order that is paid and not delivered gives its pieces back.
    """
    sale = None if order.sale_id is None else find_sale(order.sale_id, now=now)
    if sale is None:
        return RefundEffects(pieces=0)
    moment = moment_of(sale, now=now)
    if order.state != OrderState.PAID:
        return RefundEffects(pieces=0, sale_moment=moment)
    rows = StockHold.objects.filter(line__order=order, state=HoldState.KEPT)
    pieces = rows.aggregate(total=Sum("quantity"))["total"] or 0
    was_told = sale.sold_out_at is not None and now < sale.ends_at
    return RefundEffects(
        pieces=pieces,
        sale_moment=moment,
        reopens=moment is SaleMoment.SOLD_OUT,
        steps=_called_off_by_sold_out(sale, actor, now=now) if was_told else (),
    )


def awaited_payments(actor: Actor, *, now: datetime) -> list[AwaitedPayments]:
    """Sales with orders whose payment a colleague confirms and that are in time, the most urgent first. One query."""
    rows = orders_in_state(orders_visible_to(actor), OrderState.HELD, now=now).prefetch_related(None)
    rows = rows.filter(sale__payment_mode=PaymentMode.MANUAL).order_by()
    sums = rows.values("sale_id", "sale__name").annotate(count=Count("id"), first=Min("expires_at")).order_by("first")
    return [AwaitedPayments(row["sale_id"], row["sale__name"], row["count"], row["first"]) for row in sums]


def order_state_counts(sale: FlashSale, *, now: datetime) -> dict[str, int]:
    """Orders of a sale by what they are at `now`."""
    overdue = Q(state=OrderState.HELD, expires_at__lte=now)
    rows = Order.objects.filter(sale=sale).values("state").order_by("state")
    counts = {row["state"]: row["count"] for row in rows.annotate(count=Count("id"))}
    late = Order.objects.filter(overdue, sale=sale).count() if counts.get(OrderState.HELD) else 0
    counts[OrderState.HELD] = counts.get(OrderState.HELD, 0) - late
    counts[OrderState.EXPIRED] = counts.get(OrderState.EXPIRED, 0) + late
    return counts


def revenue(
    *,
    workspace_id: int,
    since: datetime,
    until: datetime,
    community_id: int | None = None,
    with_imports: bool = True,
    visible_to: Actor | None = None,
) -> list[Revenue]:
    """Money of orders paid in [since, until), one entry per currency, largest first.

    Numerator: the totals of orders that are paid or delivered now; refunded and late payments are not in it.
    `visible_to`: only the orders this person sees. Empty when there was none.
    """
    rows = Order.objects.of(workspace_id).filter(state__in=EARNING, paid_at__gte=since, paid_at__lt=until)
    if community_id is not None:
        rows = rows.filter(community_id=community_id)
    if visible_to is not None and is_limited(visible_to):
        rows = rows.filter(pk__in=orders_visible_to(visible_to).order_by().values("pk"))
    if not with_imports:
        rows = rows.exclude(source=OrderSource.IMPORT)
    sums = rows.order_by().values("currency")
    sums = sums.annotate(
        amount=Sum("total_amount"),
        orders=Count("id"),
        buyers=Count("member_id", distinct=True),
        simulated=Sum("total_amount", filter=Q(sale__payment_mode=PaymentMode.SANDBOX)),
    )
    found = [
        Revenue(row["currency"], row["amount"], row["orders"], row["buyers"], row["simulated"] or 0) for row in sums
    ]
    return sorted(found, key=lambda one: (-one.amount, one.currency))


# --- pieces ----------------------------------------------------------------------------------


def overdue_pieces(item_id: int, *, now: datetime) -> int:
    """Pieces of an item held past their time and not yet given back."""
    rows = StockHold.objects.filter(item_id=item_id, state=HoldState.HELD, expires_at__lte=now)
    return rows.aggregate(total=Sum("quantity"))["total"] or 0


def overdue_pieces_of(sale_id: int, member_id: int, *, now: datetime) -> int:
    """Pieces that count in a member's limit although their time is over."""
    rows = StockHold.objects.filter(item__sale_id=sale_id, line__order__member_id=member_id)
    rows = rows.filter(state=HoldState.HELD, expires_at__lte=now)
    return rows.aggregate(total=Sum("quantity"))["total"] or 0


def _called_off_by_sold_out(sale: FlashSale, actor: Actor, *, now: datetime) -> tuple[str, ...]:
    run = find_live_run(workspace_id=sale.workspace_id, subject_kind=SUBJECT_KIND, subject_id=sale.pk)
    if run is None:
        return ()
    touches = [touch for touch, state in states_of_run(run, actor, now=now) if state.reason == SOLD_OUT]
    return tuple(dict.fromkeys(touch.step.name for touch in touches if _is_not_past(touch, sale, now=now)))


def _is_not_past(touch: "Touch", sale: FlashSale, *, now: datetime) -> bool:
    """As campaigns plans it: what is due at or after its anchor may be a minute late."""
    if touch.due_at is None:
        return False
    anchor = sale.starts_at if touch.step.anchor == "start" else sale.ends_at
    return touch.due_at >= (now - PAST_MEANS_NOW if touch.due_at >= anchor else now)


def _stock_sum(column: str) -> Coalesce:
    items = SaleItem.objects.filter(sale=OuterRef("pk")).order_by().values("sale")
    return _or_zero(items.annotate(total_=Sum(F(column))).values("total_"))


def _held_pieces(which: Q) -> Coalesce:
    holds = StockHold.objects.filter(which, item__sale=OuterRef("pk")).order_by().values("item__sale")
    return _or_zero(holds.annotate(total_=Sum("quantity")).values("total_"))


def _or_zero(rows: QuerySet[Any, Any]) -> Coalesce:
    return Coalesce(Subquery(rows, output_field=BigIntegerField()), 0)


def _sales_of_her_groups(actor: Actor) -> QuerySet[Any, Any]:
    visible = groups_visible_to(actor, with_archived=True).values("id")
    return SaleGroup.objects.filter(group_id__in=visible).values("sale_id")
