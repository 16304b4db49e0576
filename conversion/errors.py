"""Refusals of conversion. A buyer is refused in this order: not open, over the limit, sold out."""

from django.utils.translation import gettext_noop

from community_ops.common.errors import DomainError


class SaleNotOpen(DomainError):
    """The sale is not open at this moment; `extra.state` says what it is instead."""

    code = "sale_not_open"
    message = gettext_noop("This sale is not open.")


class SaleLimitReached(DomainError):
    """What the member holds and has paid, with this order, would be more than her limit."""

    code = "sale_limit_reached"
    message = gettext_noop("This is more than one person may buy in this sale.")


class SaleSoldOut(DomainError):
    """Fewer pieces are left than were asked for."""

    code = "sale_sold_out"
    message = gettext_noop("So many pieces are not left.")
