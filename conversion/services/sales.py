"""The life of a flash sale: draft, scheduled with its ladder, moved, paused, resumed, cancelled.

Each change locks the sale's row (FOR NO KEY UPDATE, which lets buyers insert orders) and then touches the stock
rows. Buyers take stock first and look at the sale again afterwards: so when a pause or a cancellation has
returned, no later order of that sale commits.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils.translation import gettext as _

from campaigns import services as campaigns
from campaigns.selectors import find_live_run
from community_ops.common import audit, text
from community_ops.common.actors import Actor
from community_ops.common.errors import InvalidInput, InvalidTransition
from community_ops.common.money import to_major
from conversion import policies, selectors
from conversion.models import FlashSale, Order, OrderState, PaymentMode, SaleGroup, SaleItem, SaleState, Variant
from conversion.policies import SaleMoment
from conversion.services.settling import cancel_held_orders
from groups.services import Warned

if TYPE_CHECKING:
    from campaigns.models import Playbook
    from groups.models import ChatGroup

SUBJECT_KIND = policies.SUBJECT_KIND
SALE_CANCELLED = "sale_cancelled"
DEFAULT_PLAYBOOK = "flash-sale"
MAX_NAME = 200
MAX_GROUPS = 500


@dataclass(frozen=True, kw_only=True)
class SaleTerms:
    """What a sale offers. Amounts in minor units of `currency`; `limit_per_member` None: no limit."""

    variant: Variant
    groups: Sequence["ChatGroup"]
    starts_at: datetime
    ends_at: datetime
    stock: int
    price_amount: int
    currency: str
    limit_per_member: int | None = None
    hold_seconds: int = 900
    name: str = ""
    playbook: "Playbook | None" = None
    allow_registration: bool = False
    payment_mode: str = PaymentMode.MANUAL


@transaction.atomic
def create_flash_sale(*, terms: SaleTerms, actor: Actor, now: datetime) -> FlashSale:
    """Draft a sale of one variant. Nobody sees it and nothing is planned before `schedule_flash_sale`.

    A start at most 60 s past means now. Writes the sale, its groups, its item and one audit row.
    Raises InvalidInput naming the field.
    """
    terms = _checked(terms, now=now)
    sale = FlashSale.objects.create(
        workspace_id=terms.variant.product.workspace_id, public_code=policies.new_public_code(), **_columns(terms)
    )
    _add_groups(sale, terms.groups)
    SaleItem.objects.create(
        workspace_id=sale.workspace_id,
        sale=sale,
        variant=terms.variant,
        price_amount=terms.price_amount,
        total=terms.stock,
        left=terms.stock,
    )
    _note(sale, "created", actor=actor, now=now, after=_facts(terms))
    return sale


@transaction.atomic
def update_flash_sale_draft(*, sale: FlashSale, terms: SaleTerms, actor: Actor, now: datetime) -> FlashSale:
    """Write a draft anew, with the checks of a new one. Its public address stays.

    Writes the sale, its groups, its item and one audit row; the same terms again change nothing.
    Raises InvalidTransition when it is no draft any more, InvalidInput naming the field.
    """
    locked = _locked(sale)
    if locked.state != SaleState.DRAFT:
        raise InvalidTransition(_("Only a draft can be edited."), state=locked.state)
    before, terms = terms_of(locked), _checked(terms, now=now)
    if before != terms:
        _write(locked, now, **_columns(terms))
        locked.targets.exclude(group__in=terms.groups).delete()
        known = set(locked.targets.values_list("group_id", flat=True))
        _add_groups(locked, [group for group in terms.groups if group.pk not in known])
        pieces = {"total": terms.stock, "left": terms.stock}  # nobody can have taken any
        locked.items.update(variant=terms.variant, price_amount=terms.price_amount, updated_at=now, **pieces)
        _note(locked, "edited", actor=actor, now=now, before=_facts(before), after=_facts(terms))
    return _copy(sale, locked)


def refuse_bad_sale(*, terms: SaleTerms, now: datetime) -> None:
    """What `create_flash_sale` would refuse, before anything is written: InvalidInput naming the field."""
    _checked(terms, now=now)


def terms_of(sale: FlashSale) -> SaleTerms:
    """What a sale offers, as it was written."""
    item = sale.items.select_related("variant__product").order_by("pk")[0]
    return SaleTerms(
        variant=item.variant,
        groups=_groups_of(sale),
        starts_at=sale.starts_at,
        ends_at=sale.ends_at,
        stock=item.total,
        price_amount=item.price_amount,
        currency=sale.currency,
        limit_per_member=sale.limit_per_member,
        hold_seconds=sale.hold_seconds,
        name=sale.name,
        playbook=sale.playbook,
        allow_registration=sale.allow_registration,
        payment_mode=sale.payment_mode,
    )


def price_warnings(*, price_amount: int, variant: Variant) -> list[Warned]:
    """A sale price that is no reduction is possible, and said."""
    if price_amount < variant.price_amount:
        return []
    return [{"code": "price_not_lower", "message": _("The sale price is not below the regular price.")}]


def buyer_warnings(*, workspace_id: int, groups: Sequence["ChatGroup"], allow_registration: bool) -> list[Warned]:
    """A sale where only personal links buy, and not every member of its groups holds one, is possible, and said."""
    if allow_registration:
        return []
    found = selectors.link_holders(workspace_id=workspace_id, group_ids=[group.pk for group in groups])
    if not found.holders:
        words = _("Nobody can buy: registration is off, and no member of its groups holds a personal link.")
        return [{"code": "nobody_can_buy", "message": words}]
    if found.holders == found.total:
        return []
    words = _("%(holders)d of %(total)d members hold a personal link, and buying needs one.")
    counts = {"holders": found.holders, "total": found.total}
    return [{"code": "few_can_buy", "message": words % counts}]


def terms_warnings(terms: SaleTerms) -> list[Warned]:
    """What is said of terms before they are scheduled: their price, and who can buy. Writes nothing."""
    return [
        *price_warnings(price_amount=terms.price_amount, variant=terms.variant),
        *buyer_warnings(
            workspace_id=terms.variant.workspace_id, groups=terms.groups, allow_registration=terms.allow_registration
        ),
    ]


@transaction.atomic
def schedule_flash_sale(*, sale: FlashSale, actor: Actor, now: datetime) -> list[Warned]:
    """Put a draft on: it opens at its start, and its ladder is planned in all its groups.

    Returns warnings. Writes one audit row and starts the playbook's run. A second call changes nothing.
    Raises InvalidTransition when it was cancelled or its end is past.
    """
    locked = _locked(sale)
    groups = _groups_of(locked)
    if locked.state != SaleState.SCHEDULED:
        if locked.state == SaleState.CANCELLED or locked.ends_at <= now:
            raise InvalidTransition(_("This sale was cancelled or is over."))
        _write(locked, now, state=SaleState.SCHEDULED, scheduled_at=now)
        _start_ladder(locked, groups, actor=actor, now=now)
        _note(locked, "scheduled", actor=actor, now=now, after={"state": locked.state})
    _copy(sale, locked)
    return _warnings(locked, groups)


@transaction.atomic
def reschedule_flash_sale(
    *, sale: FlashSale, starts_at: datetime, ends_at: datetime, actor: Actor, now: datetime, reason: str = ""
) -> FlashSale:
    """Move a sale and its ladder with it. Once it has started only its end can move.

    A start at most 60 s past means now. The same times again change nothing. Writes one audit row.
    Raises InvalidInput naming the field, InvalidTransition when it is over, cancelled, or started already.
    """
    reason = text.clean_line(reason, field="reason", max_length=500, required=False)
    locked = _locked(sale)
    before = {"starts_at": locked.starts_at, "ends_at": locked.ends_at}
    if before != {"starts_at": starts_at, "ends_at": ends_at}:
        starts_at = _new_start(locked, starts_at, now=now)
        policies.refuse_bad_window(starts_at=starts_at, ends_at=ends_at)
        if ends_at <= now:
            raise InvalidInput(_("This time is past."), field="ends_at")
        _write(locked, now, starts_at=starts_at, ends_at=ends_at)
        _touch_stock(locked, now)
        if (run := find_run(locked)) is not None:
            campaigns.move_run(run=run, starts_at=starts_at, ends_at=ends_at, actor=actor, now=now)
        after = {"starts_at": starts_at, "ends_at": ends_at}
        _note(locked, "moved", actor=actor, now=now, before=before, after=after, reason=reason)
    return _copy(sale, locked)


@transaction.atomic
def pause_flash_sale(*, sale: FlashSale, actor: Actor, now: datetime, reason: str = "") -> FlashSale:
    """Nobody can buy until it is resumed; what is held can still be paid. A second call changes nothing.

    Writes one audit row with the reason. Raises InvalidTransition for drafts and for sales that are over.
    """
    reason = text.clean_line(reason, field="reason", max_length=500, required=False)
    locked = _locked(sale)
    _refuse_unless_running(locked, now)
    if locked.paused_at is None:
        _write(locked, now, paused_at=now, pause_reason=reason)
        _touch_stock(locked, now)
        _note(locked, "paused", actor=actor, now=now, after={"paused_at": now}, reason=reason)
    return _copy(sale, locked)


@transaction.atomic
def resume_flash_sale(*, sale: FlashSale, actor: Actor, now: datetime, reason: str = "") -> FlashSale:
    """Go on after a pause. On a sale that is not paused nothing changes.

    Writes one audit row with the reason. Raises InvalidTransition for drafts and for sales that are over.
    """
    reason = text.clean_line(reason, field="reason", max_length=500, required=False)
    locked = _locked(sale)
    _refuse_unless_running(locked, now)
    if locked.paused_at is not None:
        before = {"paused_at": locked.paused_at}
        _write(locked, now, paused_at=None, pause_reason="")
        _note(locked, "resumed", actor=actor, now=now, before=before, after={"paused_at": None}, reason=reason)
    return _copy(sale, locked)


@transaction.atomic
def set_registration(*, sale: FlashSale, allowed: bool, actor: Actor, now: datetime, reason: str = "") -> FlashSale:
    """Whoever has the link may register and buy, or only members with their personal link; who did stays a member.

    Writes one audit row. The same again changes nothing. Raises InvalidTransition when it was cancelled or is over.
    """
    reason = text.clean_line(reason, field="reason", max_length=500, required=False)
    locked = _locked(sale)
    if locked.state == SaleState.CANCELLED or locked.ends_at <= now:
        raise InvalidTransition(_("This sale was cancelled or is over."))
    if locked.allow_registration != allowed:
        _write(locked, now, allow_registration=allowed)
        facts = {"before": {"allow_registration": not allowed}, "after": {"allow_registration": allowed}}
        verb = "registration_opened" if allowed else "registration_closed"
        _note(locked, verb, actor=actor, now=now, reason=reason, **facts)
    return _copy(sale, locked)


@transaction.atomic
def cancel_flash_sale(*, sale: FlashSale, actor: Actor, now: datetime, reason: str = "") -> FlashSale:
    """Call a sale off: nobody can buy, its ladder stops, orders that wait for payment are cancelled.

    Paid orders stay as they are: giving money back is a decision of its own. Writes one audit row for the sale and
    one for each cancelled order. A second call changes nothing. Raises InvalidTransition when it is over.
    """
    reason = text.clean_line(reason, field="reason", max_length=500, required=False)
    locked = _locked(sale)
    if locked.state != SaleState.CANCELLED:
        if locked.state == SaleState.SCHEDULED and locked.ends_at <= now:
            raise InvalidTransition(_("This sale is over."))
        before = {"state": locked.state}
        _write(locked, now, state=SaleState.CANCELLED, cancelled_at=now)
        count = cancel_held_orders(sale=locked, actor=actor, now=now)
        if (run := find_run(locked)) is not None:
            campaigns.stop_run(run=run, reason=SALE_CANCELLED, actor=actor, now=now)
        after = {"state": locked.state, "cancelled_orders": count}
        _note(locked, "cancelled", actor=actor, now=now, before=before, after=after, reason=reason)
    return _copy(sale, locked)


def held_order_count(sale: FlashSale) -> int:
    """How many orders a cancellation would cancel."""
    return Order.objects.filter(sale=sale, state=OrderState.HELD).count()


def default_playbook(*, workspace_id: int, now: datetime) -> "Playbook":
    """The built-in ladder: what a sale gets unless somebody chose otherwise."""
    return campaigns.built_in_playbook(workspace_id=workspace_id, key=DEFAULT_PLAYBOOK, now=now)


def _checked(terms: SaleTerms, *, now: datetime) -> SaleTerms:
    """The terms as they are stored. Raises InvalidInput naming the field."""
    _refuse_bad_terms(terms)
    groups = _live_groups(terms.groups)
    starts_at = policies.start_or_now(terms.starts_at, now=now)
    policies.refuse_bad_window(starts_at=starts_at, ends_at=terms.ends_at)
    name = text.clean_line(terms.name or terms.variant.product.name, field="name", max_length=MAX_NAME)
    return replace(terms, groups=groups, starts_at=starts_at, name=name)


def _columns(terms: SaleTerms) -> dict[str, Any]:
    return {
        "community": terms.groups[0].community,
        "name": terms.name,
        "starts_at": terms.starts_at,
        "ends_at": terms.ends_at,
        "hold_seconds": terms.hold_seconds,
        "limit_per_member": terms.limit_per_member,
        "currency": terms.currency,
        "payment_mode": terms.payment_mode,
        "allow_registration": terms.allow_registration,
        "playbook": terms.playbook,
    }


def _add_groups(sale: FlashSale, groups: Sequence["ChatGroup"]) -> None:
    SaleGroup.objects.bulk_create(
        [SaleGroup(workspace_id=sale.workspace_id, sale=sale, group=group) for group in groups]
    )


def _refuse_bad_terms(terms: SaleTerms) -> None:
    policies.refuse_out_of_range(terms.stock, field="stock")
    policies.refuse_out_of_range(terms.limit_per_member, field="limit_per_member")
    policies.refuse_out_of_range(
        terms.hold_seconds, field="hold_seconds", low=policies.MIN_HOLD_SECONDS, high=policies.MAX_HOLD_SECONDS
    )
    policies.refuse_bad_price(terms.price_amount)
    product = terms.variant.product
    if terms.currency != product.currency:
        raise InvalidInput(
            _("The product is priced in %(currency)s.") % {"currency": product.currency}, field="currency"
        )
    if product.archived_at is not None:
        raise InvalidInput(_("This product is archived."), field="product")
    if terms.payment_mode not in PaymentMode.values:
        raise InvalidInput(_("Unknown payment mode."), field="payment_mode")


def _live_groups(groups: Sequence["ChatGroup"]) -> list["ChatGroup"]:
    chosen = sorted({group.pk: group for group in groups}.values(), key=lambda group: group.pk)
    if not chosen:
        raise InvalidInput(_("Choose at least one group."), field="groups")
    if len(chosen) > MAX_GROUPS:
        raise InvalidInput(_("At most %(count)d groups.") % {"count": MAX_GROUPS}, field="groups")
    if any(group.archived_at is not None for group in chosen):
        raise InvalidInput(_("An archived group cannot have a sale."), field="groups")
    if len({group.community_id for group in chosen}) > 1:
        raise InvalidInput(_("The groups of one sale belong to one community."), field="groups")
    return chosen


def _new_start(sale: FlashSale, starts_at: datetime, *, now: datetime) -> datetime:
    if sale.state == SaleState.CANCELLED or sale.ends_at <= now:
        raise InvalidTransition(_("This sale was cancelled or is over."))
    if starts_at == sale.starts_at:
        return starts_at
    if sale.state == SaleState.SCHEDULED and sale.starts_at <= now:
        raise InvalidTransition(_("This sale has started: only its end can be moved."))
    return policies.start_or_now(starts_at, now=now)


def _refuse_unless_running(sale: FlashSale, now: datetime) -> None:
    moment = policies.sale_moment(sale, left=1, now=now)
    if moment not in (SaleMoment.SCHEDULED, SaleMoment.OPEN, SaleMoment.PAUSED):
        raise InvalidTransition(_("This sale is not running."), state=str(moment))


def _start_ladder(sale: FlashSale, groups: Sequence["ChatGroup"], *, actor: Actor, now: datetime) -> None:
    if sale.playbook is None:
        return
    campaigns.start_run(
        playbook=sale.playbook,
        subject_kind=SUBJECT_KIND,
        subject_id=sale.pk,
        starts_at=sale.starts_at,
        ends_at=sale.ends_at,
        group_ids=[group.pk for group in groups],
        label=sale.name,
        actor=actor,
        now=now,
    )


def find_run(sale: FlashSale) -> Any:
    """Its live run, or None."""
    return find_live_run(workspace_id=sale.workspace_id, subject_kind=SUBJECT_KIND, subject_id=sale.pk)


def held_warnings(sale: FlashSale) -> list[Warned]:
    """What the team's send rules would hold back of its running ladder: said after a move."""
    run = find_run(sale)
    return campaigns.run_held_warnings(run) if run is not None else []


def schedule_warnings(sale: FlashSale) -> list[Warned]:
    """What `schedule_flash_sale` answers of a sale that is scheduled."""
    return _warnings(sale, _groups_of(sale))


def _groups_of(sale: FlashSale) -> list["ChatGroup"]:
    return [target.group for target in sale.targets.select_related("group__community").order_by("group_id")]


def _warnings(sale: FlashSale, groups: Sequence["ChatGroup"]) -> list[Warned]:
    found: list[Warned] = []
    if sale.playbook_id is not None:
        found += campaigns.no_endpoint_warnings(groups)
    if (run := find_run(sale)) is not None:
        found += campaigns.needs_warnings(run)
        found += campaigns.run_held_warnings(run)
    for item in sale.items.select_related("variant"):
        found += price_warnings(price_amount=item.price_amount, variant=item.variant)
    return found + buyer_warnings(
        workspace_id=sale.workspace_id, groups=groups, allow_registration=sale.allow_registration
    )


def _locked(sale: FlashSale) -> FlashSale:
    rows = FlashSale.objects.select_related("playbook", "community")
    return rows.select_for_update(no_key=True, of=("self",)).get(pk=sale.pk)


def _write(sale: FlashSale, now: datetime, **changes: Any) -> None:
    for name, value in changes.items():
        setattr(sale, name, value)
    sale.updated_at = now
    sale.save(update_fields=[*changes, "updated_at"])


def _touch_stock(sale: FlashSale, now: datetime) -> None:
    """Wait for buyers that have taken stock and not committed yet; later ones see what changed."""
    for pk in sorted(sale.items.values_list("pk", flat=True)):
        SaleItem.objects.filter(pk=pk).update(updated_at=now)


def _copy(sale: FlashSale, changed: FlashSale) -> FlashSale:
    """The caller's object says what the row says."""
    for field in FlashSale._meta.concrete_fields:
        if field.attname != "id" and getattr(sale, field.attname) != getattr(changed, field.attname):
            setattr(sale, field.attname, getattr(changed, field.attname))
    return sale


def _note(sale: FlashSale, verb: str, *, actor: Actor, now: datetime, **facts: Any) -> None:
    audit.record(actor=actor, verb=f"flash_sale.{verb}", target=sale, now=now, **facts)


def _facts(terms: SaleTerms) -> dict[str, Any]:
    return {
        "name": terms.name,
        "starts_at": terms.starts_at,
        "ends_at": terms.ends_at,
        "stock": terms.stock,
        "price": to_major(terms.price_amount, terms.currency),
        "currency": terms.currency,
        "limit_per_member": terms.limit_per_member,
    }
