"""Money: integer minor units and an ISO 4217 code inside, decimal strings in major units at the edges."""

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from django.utils.translation import gettext as _

from community_ops.common.errors import InvalidInput

# ISO 4217 exponents that are not 2 (of currencies in circulation).
_NO_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_THREE_DECIMALS = "BHD IQD JOD KWD LYD OMR TND"
_EXPONENTS = dict.fromkeys(_NO_DECIMALS.split(), 0) | dict.fromkeys(_THREE_DECIMALS.split(), 3)
_TWO_DECIMALS = (
    "AED ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC "
    "CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD "
    "KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO "
    "NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL "
    "THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VES WST XCD YER ZAR ZMW"
)
CURRENCIES = frozenset(_TWO_DECIMALS.split()) | _EXPONENTS.keys()
MAX_MINOR = 10**14  # keeps sums of a large shop far inside 64 bits


def exponent(currency: str) -> int:
    """Decimals of the currency; raises InvalidInput for a code that is not in ISO 4217."""
    if currency not in CURRENCIES:
        raise InvalidInput(_("Unknown currency code."), field="currency")
    return _EXPONENTS.get(currency, 2)


def to_minor(amount: Decimal | str, currency: str, *, field: str = "amount") -> int:
    """ "12.50" and "GBP" -> 1250. More decimals than the currency has, NaN, or too large: InvalidInput."""
    places = exponent(currency)
    try:
        scaled = Decimal(amount).scaleb(places)
    except (InvalidOperation, ValueError):
        raise InvalidInput(_("Not an amount."), field=field) from None
    if not scaled.is_finite() or scaled != scaled.to_integral_value():
        message = _("%(currency)s has at most %(places)d decimals.")
        raise InvalidInput(message % {"currency": currency, "places": places}, field=field)
    if abs(scaled) > MAX_MINOR:
        raise InvalidInput(_("The amount is too large."), field=field)
    return int(scaled)


def to_major(minor: int, currency: str) -> str:
    """1250 and "GBP" -> "12.50"; as many decimals as the currency has."""
    places = exponent(currency)
    return f"{Decimal(minor).scaleb(-places):.{places}f}"


def round_half_up(amount: Decimal) -> int:
    """The one rounding rule, applied per line: half goes away from zero (kaufmännisch, 四舍五入)."""
    return int(amount.quantize(Decimal(1), rounding=ROUND_HALF_UP))
