"""Refusals of conversion. A buyer is refused in this order: not open, over the limit, sold out."""

from django.utils.translation import gettext, gettext_noop, ngettext

from community_ops.common.errors import DomainError


class SaleNotOpen(DomainError):
    """The sale is not open at this moment; `extra.state` says what it is instead."""

    code = "sale_not_open"
    message = gettext_noop("This sale is not open.")
    paused_message = gettext_noop("The sale is paused for a moment. Please try again when it goes on.")

    def __init__(self, *, state: str) -> None:
        super().__init__(gettext(self.paused_message) if state == "paused" else "", state=state)


class SaleLimitReached(DomainError):
    """What the member holds and has paid, with this order, would be more than her limit (`extra.limit`).

    Of a late payment `extra.orders` are the orders that fill it: [{"id", "state"}].
    """

    code = "sale_limit_reached"
    message = gettext_noop("This is more than one person may buy in this sale.")


class SaleSoldOut(DomainError):
    """Fewer pieces are left than were asked for; `extra.left` says how many, 0 when all are taken."""

    code = "sale_sold_out"
    message = gettext_noop("So many pieces are not left.")

    def __init__(self, *, left: int) -> None:
        few = ngettext("Only %(left)d piece is left.", "Only %(left)d pieces are left.", left) % {"left": left}
        super().__init__(few if left > 0 else "", left=left)
