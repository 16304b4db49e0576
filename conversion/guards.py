"""conversion's answers to messaging's ports, for messages whose subject is a flash sale."""

from collections.abc import Sequence
from datetime import datetime
from math import ceil
from typing import TYPE_CHECKING

from django.conf import settings
from django.urls import reverse
from django.utils import translation
from django.utils.translation import pgettext, pgettext_lazy

from community_ops.common.templatetags.wording import in_zone, money, time_in_zone
from conversion import selectors
from conversion.models import FlashSale, SaleState
from groups.selectors import groups_by_id
from messaging.ports import ALLOWED, Verdict

if TYPE_CHECKING:
    from conversion.services import SaleTerms
    from groups.models import ChatGroup
    from messaging.models import Delivery

SALE_OVER = Verdict(allowed=False, reason="sale_over")
SALE_PAUSED = Verdict(allowed=False, reason="sale_paused")
SOLD_OUT = Verdict(allowed=False, reason="sold_out")
NOT_SOLD_OUT = Verdict(allowed=False, reason="not_sold_out")
# What a text about a sale may say, and how it is called until the message is sent and its value is known.
LABELS = {
    "product": pgettext_lazy("placeholder", "product"),
    "sale": pgettext_lazy("placeholder", "sale"),
    "price": pgettext_lazy("placeholder", "price"),
    "stock": pgettext_lazy("placeholder", "stock"),
    "left": pgettext_lazy("placeholder", "left"),
    "sold": pgettext_lazy("placeholder", "sold"),
    "held": pgettext_lazy("placeholder", "held"),
    "taken": pgettext_lazy("placeholder", "sold or held"),
    "limit": pgettext_lazy("placeholder", "limit"),
    "starts_at": pgettext_lazy("placeholder", "start"),
    "ends_at": pgettext_lazy("placeholder", "end"),
    "start_time": pgettext_lazy("placeholder", "start"),
    "end_time": pgettext_lazy("placeholder", "end"),
    "minutes_left": pgettext_lazy("placeholder", "minutes left"),
    "as_of": pgettext_lazy("placeholder", "as of"),
    "link": pgettext_lazy("placeholder", "link"),
}
NAMES = frozenset(LABELS)


class FlashSaleGuard:
    """A message about a sale goes out only while what it says can be true."""

    def check_all(self, deliveries: Sequence["Delivery"], now: datetime) -> list[Verdict]:
        """Dropped: anything of a sale that is cancelled, paused or a draft; what was meant for its time when it is
        over; and calls to buy when nothing is left. The result, due at the end or when all was sold, goes out;
        "all sold" only while it is true (a refund may have given pieces back since). One query."""
        sales = selectors.find_sales({one.subject_id or 0 for one in deliveries}, now=now)
        return [_verdict(one, sales.get(one.subject_id or 0), now) for one in deliveries]


def _verdict(delivery: "Delivery", sale: FlashSale | None, now: datetime) -> Verdict:
    if sale is None or sale.state != SaleState.SCHEDULED:
        return SALE_OVER
    if now >= sale.ends_at:
        return ALLOWED if _is_result(delivery, sale) else SALE_OVER
    if sale.paused_at is not None:
        return SALE_PAUSED
    nothing_left = selectors.counts_of(sale).left <= 0
    if _is_result(delivery, sale):
        return ALLOWED if nothing_left else NOT_SOLD_OUT
    return SOLD_OUT if nothing_left else ALLOWED


class FlashSaleText:
    """True values of a sale for the texts of its ladder."""

    def names(self) -> set[str]:
        return set(NAMES)

    def labels(self) -> dict[str, str]:
        return {name: str(label) for name, label in LABELS.items()}

    def values(self, subject_id: int, target_kind: str, target_id: int, now: datetime) -> dict[str, str]:
        """Counts as of `now`; times in the target group's zone, words in the community's language."""
        sale = selectors.find_sale(subject_id, now=now)
        if sale is None:
            return {}
        group = groups_by_id(workspace_id=sale.workspace_id, group_ids=[target_id]).get(target_id)
        return text_values(sale, _zone(sale, group if target_kind == "group" else None), now)


def sale_link(sale: FlashSale) -> str:
    """The members' page of the sale, absolute."""
    return f"{settings.PUBLIC_URL}{reverse('conversion:public_sale', args=[sale.public_code])}"


def _is_result(delivery: "Delivery", sale: FlashSale) -> bool:
    if sale.sold_out_at is not None and delivery.due_at >= sale.sold_out_at:
        return True
    return delivery.due_at >= sale.ends_at


def text_values(sale: FlashSale, zone: str, now: datetime) -> dict[str, str]:
    """A value for each of NAMES, in the community's language; the sale as `find_sale` reads it."""
    with translation.override(sale.community.locale):
        return _values(sale, zone, now)


def planned_values(terms: "SaleTerms", *, link: str, zone: str, at: datetime | None) -> dict[str, str]:
    """What a text will say as far as it is known before the sale; the other values by their names in brackets.

    `at`: when it will go out, None while it waits for something. `link`: empty before there is one.
    """
    named = {name: pgettext("placeholder", "[%(name)s]") % {"name": label} for name, label in LABELS.items()}
    with translation.override(terms.groups[0].community.locale):
        known = {
            **_fixed_values(terms, zone),
            "product": str(terms.variant),
            "sale": terms.name or str(terms.variant),
            "price": money(terms.price_amount, terms.currency),
            "stock": str(terms.stock),
        }
        if at is not None:
            known |= _moment_values(terms, zone, at)
    return named | known | ({"link": link} if link else {})


def _values(sale: FlashSale, zone: str, now: datetime) -> dict[str, str]:
    counts = selectors.counts_of(sale)
    item = next(iter(sale.items.all()))
    return {
        **_fixed_values(sale, zone),
        "product": str(item.variant),
        "price": money(item.price_amount, sale.currency),
        "stock": str(counts.stock),
        **_moment_values(sale, zone, now),
        "left": str(counts.left),
        "sold": str(counts.sold),
        "held": str(counts.held),
        "taken": str(counts.taken),
        "link": sale_link(sale),
    }


def _fixed_values(terms: "FlashSale | SaleTerms", zone: str) -> dict[str, str]:
    return {
        "sale": terms.name,
        "limit": "" if terms.limit_per_member is None else str(terms.limit_per_member),
        "starts_at": in_zone(terms.starts_at, zone),
        "ends_at": in_zone(terms.ends_at, zone),
        "start_time": time_in_zone(terms.starts_at, zone),
        "end_time": time_in_zone(terms.ends_at, zone),
    }


def _moment_values(terms: "FlashSale | SaleTerms", zone: str, at: datetime) -> dict[str, str]:
    until = terms.starts_at if at < terms.starts_at else terms.ends_at
    return {
        "minutes_left": str(max(0, ceil((until - at).total_seconds() / 60))),
        "as_of": time_in_zone(at, zone),
    }


def _zone(sale: FlashSale, group: "ChatGroup | None") -> str:
    return group.zone.key if group is not None else sale.community.timezone
