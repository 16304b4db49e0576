"""Orders from a file: one line of an invoice per row, as shops and tills export them.

Good lines come in, bad ones are left out with a reason each; good lines of the same invoice are kept. An exact
duplicate line is a second line, not a mistake: the key of a line is its invoice, its content and its place among
identical lines. The same file again brings nothing in.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import IO, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.utils.dateparse import parse_datetime
from django.utils.functional import Promise
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from community_ops.common import money, text
from community_ops.common.actors import Actor
from community_ops.common.errors import InvalidInput
from conversion.policies import MAX_PIECES
from conversion.services.importing import ImportedLine, known_line_keys, store_lines, tell_imported
from groups.selectors import get_community
from members.importing.base import Job, TableImporter
from members.importing.tables import Target
from members.importing.times import iso_time
from members.ports import Progress
from members.services.event_rows import RowRefused

_INVOICE = ("invoiceno", "invoice", "order_id", "order", "订单号", "订单编号")
_CUSTOMER = ("customerid", "customer", "customer_id", "buyer", "客户编号", "买家")
_ORDERED_AT = ("invoicedate", "date", "time", "ordered_at", "paid_at", "下单时间", "付款时间")
_QUANTITY = ("quantity", "qty", "count", "数量")
_PRICE = ("unitprice", "price", "unit_price", "单价")
_SKU = ("stockcode", "sku", "article", "货号", "商品编码")
_ARTICLE = ("description", "product", "item", "商品", "商品名称")
_NAME = ("customer_name", "customername", "name", "客户", "客户姓名", "收货人")
_TARGETS = (
    Target("invoice", _("Order number"), _INVOICE, is_required=True),
    Target("customer", _("Customer number"), _CUSTOMER, is_required=True),
    Target("ordered_at", _("Ordered at"), _ORDERED_AT, is_required=True),
    Target("quantity", _("Quantity"), _QUANTITY, is_required=True),
    Target("price", _("Unit price"), _PRICE, is_required=True),
    Target("sku", _("Article number"), _SKU),
    Target("description", pgettext_lazy("of an order line", "Article"), _ARTICLE),
    Target("customer_name", _("Customer name"), _NAME),
)
MAX_SKU, MAX_DESCRIPTION, MAX_ID = 60, 300, 100


class OrdersJob(Job[ImportedLine]):
    """Options: `workspace`, `community` (ids), `currency` (default the community's), `timezone` (likewise)."""

    targets = _TARGETS

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__(options)
        actor = Actor.system("conversion.import_orders")
        self.community = get_community(actor, int(options.get("community") or 0))
        if self.community.workspace_id != int(options["workspace"]):
            raise InvalidInput(gettext("There is no such community."), field="community")
        self.currency = str(options.get("currency") or self.community.currency).upper()
        money.exponent(self.currency)
        self.zone = _zone(str(options.get("timezone") or self.community.timezone))
        self._twins: Counter[str] = Counter()
        self._told_by: dict[str, str] = {}  # invoice -> the customer of its first good line
        self.orders: set[str] = set()
        self.customers: set[str] = set()
        self.revenue = 0
        self.order_ids: set[int] = set()
        self._count([])

    def check(self, values: Mapping[str, Any], line: int) -> ImportedLine:
        """Read one line. Raises RowRefused with the code of the first thing that is wrong."""
        invoice = _identifier(values, "invoice")
        if invoice[:1] in ("C", "c") and invoice[1:].isdigit():
            raise RowRefused("invoice", "cancelled", gettext("This is the cancellation of an order."))
        customer = _identifier(values, "customer")
        quantity = _quantity(values.get("quantity"))
        unit_amount = _price(values.get("price"), self.currency)
        ordered_at = _moment(values.get("ordered_at"), self.zone)
        if self._told_by.setdefault(invoice, customer) != customer:
            raise RowRefused(
                "customer", "other_customer", gettext("An earlier line of this order has another customer.")
            )
        sku = _words(values, "sku", MAX_SKU)
        description = _words(values, "description", MAX_DESCRIPTION) or sku or invoice
        name = _words(values, "customer_name", MAX_ID) or customer
        content = (invoice, customer, sku, description, str(quantity), str(unit_amount), ordered_at.isoformat())
        key = self._key("\x1f".join(content))
        return ImportedLine(key, invoice, customer, name, sku, description, quantity, unit_amount, ordered_at)

    def _key(self, content: str) -> str:
        digest = hashlib.sha256(content.encode()).hexdigest()[:48]
        self._twins[digest] += 1
        return f"{digest}:{self._twins[digest]}"

    def are_known(self, items: Sequence[ImportedLine]) -> list[bool]:
        known = known_line_keys(community=self.community, lines=items)
        self._count([item for item in items if item.key not in known])
        return [item.key in known for item in items]

    def store(self, items: Sequence[ImportedLine], *, actor: Actor, now: datetime) -> int:
        stored = store_lines(community=self.community, currency=self.currency, lines=items, actor=actor, now=now)
        self.order_ids |= stored.order_ids
        self._count(stored.new_lines)
        return len(stored.new_lines)

    def _count(self, new_lines: Sequence[ImportedLine]) -> None:
        for line in new_lines:
            self.orders.add(line.invoice)
            self.customers.add(line.customer)
            self.revenue += line.quantity * line.unit_amount
        self.counts["orders"], self.counts["customers"] = len(self.orders), len(self.customers)
        self.counts["revenue_amount"] = money.to_major(self.revenue, self.currency)
        self.counts["currency"] = self.currency


class OrdersImporter(TableImporter):
    """kind "orders": counts rows, accepted, duplicates, rejected, orders, customers, revenue_amount, currency.

    Orders, customers and revenue are those of the accepted lines. Customers become members of the community.
    """

    label: str | Promise = _("Orders")
    needs: tuple[str, ...] = ("community", "currency", "timezone")

    def job(self, options: Mapping[str, Any]) -> OrdersJob:
        return OrdersJob(options)

    def run(self, file: IO[bytes], options: Mapping[str, Any], actor: Actor, now: datetime) -> Iterator[Progress]:
        """As TableImporter.run; then the members' order facts are brought up to date."""
        job = self.job(options)
        yield from _Prepared(job).run(file, options, actor, now)
        tell_imported(community=job.community, order_ids=job.order_ids, now=now)


class _Prepared(TableImporter):
    """Runs one job that somebody else looks at afterwards."""

    label, needs = OrdersImporter.label, OrdersImporter.needs

    def __init__(self, job: OrdersJob) -> None:
        self._job = job

    def job(self, options: Mapping[str, Any]) -> OrdersJob:
        return self._job


def _identifier(values: Mapping[str, Any], name: str) -> str:
    """An id as text; spreadsheets write whole numbers as `17850.0`."""
    raw = _words(values, name, MAX_ID)
    if not raw:
        raise RowRefused(name, f"missing_{name}", gettext("This is missing."))
    return raw[:-2] if raw.endswith(".0") and raw[:-2].isdigit() else raw


def _words(values: Mapping[str, Any], name: str, max_length: int) -> str:
    raw = "" if values.get(name) is None else str(values[name])
    if raw.isascii() and raw.isprintable() and len(raw) <= max_length:  # most are, and there are many
        return " ".join(raw.split())
    try:
        return text.clean_line(raw, field=name, max_length=max_length, required=False)
    except InvalidInput as refusal:
        raise RowRefused(name, f"bad_{name}", refusal.message) from None


def _number(raw: Any, name: str) -> Decimal:
    try:
        number = Decimal(str(raw).strip())
    except InvalidOperation:
        raise RowRefused(name, f"bad_{name}", gettext("This is not a number.")) from None
    if not number.is_finite():
        raise RowRefused(name, f"bad_{name}", gettext("This is not a number."))
    if number <= 0:
        raise RowRefused(name, f"{name}_not_positive", gettext("This is not above zero."))
    return number


def _quantity(raw: Any) -> int:
    number = _number(raw, "quantity")
    if number > MAX_PIECES or number != number.to_integral_value():
        raise RowRefused("quantity", "bad_quantity", gettext("This is not a whole number of pieces."))
    return int(number)


def _price(raw: Any, currency: str) -> int:
    try:
        return money.to_minor(_number(raw, "price"), currency, field="price")
    except InvalidInput as refusal:
        raise RowRefused("price", "bad_price", refusal.message) from None


def _moment(raw: Any, zone: ZoneInfo) -> datetime:
    """A time in UTC; one without an offset is a wall time of the zone."""
    try:
        moment = parse_datetime(str(iso_time(raw)))
    except ValueError:
        moment = None
    if moment is None or not 1990 <= moment.year <= 2200:
        raise RowRefused("ordered_at", "bad_ordered_at", gettext("This is not a time."))
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise InvalidInput(gettext("Unknown time zone; give a name like Asia/Shanghai."), field="timezone") from None
