"""Forms of the pages: they read what was typed; the rules are in policies and services."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from campaigns.selectors import playbooks_visible_to
from community_ops.common import money
from community_ops.common.actors import Actor
from community_ops.common.errors import InvalidInput
from community_ops.common.forms import ObjectsField, RefusableForm
from conversion import policies, selectors
from conversion.models import OrderState, PaymentMode, Product
from conversion.services import SaleTerms
from groups.selectors import groups_visible_to

MAX_REASON = 500
_WALL_TIME = "%Y-%m-%dT%H:%M"


class AmountField(forms.DecimalField):
    """A price in major units; how many decimals it may have is up to its currency."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_digits=18, decimal_places=3, **kwargs)
        self.widget.attrs |= {"inputmode": "decimal", "step": "any"}


class WallTimeField(forms.DateTimeField):
    """A date and a time of day as they are meant in a community; made a moment by `in_zone`."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format=_WALL_TIME)
        super().__init__(widget=widget, input_formats=[_WALL_TIME, "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"], **kwargs)

    def to_python(self, value: Any) -> datetime | None:
        moment = super().to_python(value)
        if moment is not None and not 2000 <= moment.year <= 2200:
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return moment

    def from_current_timezone(self, value: datetime) -> datetime:
        return value  # naive on purpose: the zone is known when the groups are


class ProductForm(RefusableForm):
    name = forms.CharField(label=pgettext_lazy("of a product", "Name"), max_length=200)
    price_amount = AmountField(label=gettext_lazy("Regular price"))
    currency = forms.CharField(label=gettext_lazy("Currency"), min_length=3, max_length=3, initial="CNY")

    def clean_currency(self) -> str:
        return str(self.cleaned_data["currency"]).upper()

    def clean(self) -> dict[str, Any]:
        return _with_minor(self)


class PriceForm(RefusableForm):
    """A new regular price in the product's currency."""

    price_amount = AmountField(label=gettext_lazy("New regular price"))
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=MAX_REASON, required=False)

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._currency = currency

    def clean(self) -> dict[str, Any]:
        self.cleaned_data["currency"] = self._currency
        return _with_minor(self)


class SaleForm(RefusableForm):
    """A new sale, or a draft written anew (`stored`). Times are wall times of the groups' community."""

    product = forms.ModelChoiceField(
        label=gettext_lazy("Product"), queryset=Product.objects.none(), empty_label=gettext_lazy("Choose a product")
    )
    groups = ObjectsField(label=gettext_lazy("Groups"), queryset=None, widget=forms.CheckboxSelectMultiple)
    starts_at = WallTimeField(label=gettext_lazy("Starts"), help_text=gettext_lazy("In the time zone of the groups."))
    ends_at = WallTimeField(label=gettext_lazy("Ends"))
    stock = forms.IntegerField(
        label=gettext_lazy("Stock"), min_value=1, max_value=policies.MAX_PIECES, help_text=gettext_lazy("pieces")
    )
    limit_per_member = forms.IntegerField(
        label=gettext_lazy("Limit per person"),
        min_value=1,
        max_value=policies.MAX_PIECES,
        required=False,
        help_text=gettext_lazy("Empty: no limit."),
    )
    price_amount = AmountField(label=gettext_lazy("Sale price"), help_text=gettext_lazy("In the product's currency."))
    hold_minutes = forms.IntegerField(
        label=gettext_lazy("Minutes to pay"),
        min_value=1,
        max_value=policies.MAX_HOLD_SECONDS // 60,
        initial=15,
        help_text=gettext_lazy("How long the pieces of an unpaid order are kept for its buyer."),
    )
    playbook: forms.ModelChoiceField = forms.ModelChoiceField(
        label=gettext_lazy("Ladder"),
        queryset=None,
        required=False,
        empty_label=gettext_lazy("No ladder"),
        help_text=gettext_lazy("Which messages go to the groups before, during and after the sale."),
    )
    payment_mode = forms.ChoiceField(label=gettext_lazy("Payment"), choices=PaymentMode.choices)
    allow_registration = forms.BooleanField(
        label=gettext_lazy("Whoever has the link may register with name and phone"),
        required=False,
        help_text=gettext_lazy("Whoever gives the name and phone of a member is taken for that member."),
    )
    name = forms.CharField(
        label=gettext_lazy("Name of the sale"),
        max_length=200,
        required=False,
        help_text=gettext_lazy("Empty: the product's name."),
    )

    def __init__(self, *args: Any, actor: Actor, stored: SaleTerms | None = None, **kwargs: Any) -> None:
        if stored is not None:
            kwargs["initial"] = _as_typed(stored)
        super().__init__(*args, **kwargs)
        self._stored = stored
        self.fields["product"].queryset = selectors.products_visible_to(actor)  # type: ignore[attr-defined]  # a ModelChoiceField
        self.fields["groups"].queryset = groups_visible_to(actor)  # type: ignore[attr-defined]  # a ModelMultipleChoiceField
        self.fields["playbook"].queryset = playbooks_visible_to(actor)  # type: ignore[attr-defined]  # a ModelChoiceField
        self.fields["playbook"].label_from_instance = lambda playbook: _(playbook.name)  # type: ignore[attr-defined]  # likewise

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        if chosen := data.get("groups"):
            read_wall_times(data, chosen[0].zone)
        if product := data.get("product"):
            data["currency"] = product.currency
            data["variant"] = product.variants.all()[0]
        return _with_minor(self)

    def terms(self) -> SaleTerms:
        """What was typed. The inputs show no seconds: what was not changed stays to the second."""
        data = self.cleaned_data
        typed = SaleTerms(
            variant=data["variant"],
            groups=list(data["groups"]),
            starts_at=data["starts_at"],
            ends_at=data["ends_at"],
            stock=data["stock"],
            limit_per_member=data["limit_per_member"],
            price_amount=data["price_minor"],
            currency=data["currency"],
            hold_seconds=data["hold_minutes"] * 60,
            name=data["name"],
            playbook=data["playbook"],
            payment_mode=data["payment_mode"],
            allow_registration=data["allow_registration"],
        )
        return typed if self._stored is None else _with_seconds_of(self._stored, typed)


class MoveForm(RefusableForm):
    """New times of a sale, as wall times of its community."""

    starts_at = WallTimeField(label=gettext_lazy("Starts"))
    ends_at = WallTimeField(label=gettext_lazy("Ends"))
    reason = forms.CharField(label=gettext_lazy("Reason (required)"), max_length=MAX_REASON)

    def __init__(self, *args: Any, zone: ZoneInfo, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._zone = zone

    def clean(self) -> dict[str, Any]:
        read_wall_times(self.cleaned_data, self._zone)
        return self.cleaned_data


class ReasonForm(forms.Form):
    reason = forms.CharField(label=gettext_lazy("Reason (required)"), max_length=MAX_REASON)


class BuyForm(forms.Form):
    """`key` makes a form that was sent twice one order."""

    quantity = forms.IntegerField(label=gettext_lazy("Quantity"), min_value=1, max_value=policies.MAX_PIECES, initial=1)
    key = forms.CharField(max_length=64, required=False, widget=forms.HiddenInput)

    def clean_key(self) -> str:
        key = str(self.cleaned_data["key"])
        if not (key.isascii() and key.isprintable()):
            raise ValidationError(_("Please load the page again."))
        return key


class RegisterForm(RefusableForm):
    name = forms.CharField(
        label=gettext_lazy("Your name"), max_length=100, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    phone = forms.CharField(
        label=gettext_lazy("Mobile number"),
        max_length=30,
        widget=forms.TextInput(attrs={"autocomplete": "tel", "inputmode": "tel", "type": "tel"}),
    )


ORDER_STATES = [("", gettext_lazy("All states")), *OrderState.choices]


def wall_time(moment: datetime, zone: str) -> str:
    """A moment as the value of a date-and-time input in a zone."""
    return moment.astimezone(ZoneInfo(zone)).strftime(_WALL_TIME)


def read_wall_times(data: dict[str, Any], zone: ZoneInfo) -> None:
    """Make the naive `starts_at` and `ends_at` moments in UTC."""
    for name in ("starts_at", "ends_at"):
        if (typed := data.get(name)) is not None:
            data[name] = typed.replace(tzinfo=zone).astimezone(UTC)


def same_minute(typed: datetime, stored: datetime) -> bool:
    """Whether an input that shows no seconds was left as it was."""
    return typed == stored.replace(second=0, microsecond=0)


def default_zone() -> str:
    """Of a workspace that has no group yet."""
    return str(settings.DEFAULT_COMMUNITY_TIMEZONE)


def _with_minor(form: forms.Form) -> dict[str, Any]:
    """Add `price_minor`; a price with too many decimals or an unknown currency is refused at its field."""
    data = form.cleaned_data
    if data.get("price_amount") is not None and data.get("currency"):
        try:
            data["price_minor"] = money.to_minor(data["price_amount"], data["currency"], field="price_amount")
            policies.refuse_bad_price(data["price_minor"])
        except InvalidInput as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else "price_amount", str(refusal.message))
    return data


def _as_typed(terms: SaleTerms) -> dict[str, Any]:
    """The inputs of stored terms."""
    zone, product = terms.groups[0].zone.key, terms.variant.product
    return {
        "product": product.pk,
        "groups": [group.pk for group in terms.groups],
        "starts_at": wall_time(terms.starts_at, zone),
        "ends_at": wall_time(terms.ends_at, zone),
        "stock": terms.stock,
        "limit_per_member": terms.limit_per_member,
        "price_amount": money.to_major(terms.price_amount, terms.currency),
        "hold_minutes": _minutes(terms.hold_seconds),
        "playbook": None if terms.playbook is None else terms.playbook.pk,
        "payment_mode": terms.payment_mode,
        "allow_registration": terms.allow_registration,
        "name": "" if terms.name == product.name else terms.name,
    }


def _with_seconds_of(stored: SaleTerms, typed: SaleTerms) -> SaleTerms:
    kept: dict[str, Any] = {}
    if same_minute(typed.starts_at, stored.starts_at):
        kept["starts_at"] = stored.starts_at
    if same_minute(typed.ends_at, stored.ends_at):
        kept["ends_at"] = stored.ends_at
    if typed.hold_seconds == _minutes(stored.hold_seconds) * 60:
        kept["hold_seconds"] = stored.hold_seconds
    return replace(typed, **kept)


def _minutes(seconds: int) -> int:
    return max(1, seconds // 60)
