"""Settings of a mail account: `host`, `port`, `security`, `username`, `password`, `sender`, `sender_name`; and whom.

`security` none is for this machine under the development switch: a password never travels in the clear.
"""

from collections.abc import Mapping
from typing import Any

from django.conf import settings as installation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from community_ops.common import net
from messaging.errors import ConfigRefused
from messaging.platforms.settings_reading import Setting, SettingKind

STARTTLS, TLS, NONE = "starttls", "tls", "none"
# Of RFC 5322 what every server takes: no quotes, no comments, no signs beyond ASCII.
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
ADDRESS = rf"(?=.{{1,64}}@){_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})+"
_ADDRESS_WORDS = gettext_lazy("an e-mail address like name@example.com, in letters without accents")
_ASCII_WORDS = gettext_lazy("letters without accents, digits and signs only")

SETTINGS = (
    Setting(
        key="host",
        label=gettext_lazy("Mail server"),
        help_text=gettext_lazy("As your provider names it for outgoing mail (SMTP), e.g. smtp.example.com."),
        max_length=253,
        pattern=r"[A-Za-z0-9.-]+",
        pattern_words=gettext_lazy("only the server's name, e.g. smtp.example.com"),
    ),
    Setting(
        key="port",
        label=gettext_lazy("Port"),
        help_text=gettext_lazy("587 for STARTTLS, 465 for TLS."),
        kind=SettingKind.NUMBER,
        is_required=False,
        default=587,
    ),
    Setting(
        key="security",
        label=gettext_lazy("Encryption"),
        kind=SettingKind.CHOICE,
        is_required=False,
        choices=(
            (STARTTLS, gettext_lazy("STARTTLS (begins in the clear, then encrypted)")),
            (TLS, gettext_lazy("TLS from the first byte")),
            (NONE, gettext_lazy("None (only for a mail server on this machine, in development)")),
        ),
        default=STARTTLS,
    ),
    Setting(
        key="username",
        label=gettext_lazy("User name"),
        help_text=gettext_lazy("Often the e-mail address itself. Empty where the server wants no login."),
        is_required=False,
        pattern=r"[!-~]+(?: [!-~]+)*",
        pattern_words=_ASCII_WORDS,
    ),
    Setting(
        key="password",
        label=gettext_lazy("Password"),
        help_text=gettext_lazy("Many providers want an app password (authorisation code) here. It is not shown again."),
        is_secret=True,
        is_required=False,
        max_length=300,
        pattern=r"[!-~]+(?: [!-~]+)*",
        pattern_words=_ASCII_WORDS,
    ),
    Setting(
        key="sender",
        label=gettext_lazy("Sender's address"),
        help_text=gettext_lazy("The server has to let this account send as this address."),
        max_length=254,
        pattern=ADDRESS,
        pattern_words=_ADDRESS_WORDS,
    ),
    Setting(
        key="sender_name",
        label=gettext_lazy("Sender's name"),
        help_text=gettext_lazy("What receivers see beside the address, e.g. your community's name."),
        is_required=False,
        max_length=100,
    ),
    Setting(
        key="chat",
        label=gettext_lazy("To"),
        help_text=gettext_lazy("One person's e-mail address."),
        is_of_chat=True,
        max_length=254,
        pattern=ADDRESS,
        pattern_words=_ADDRESS_WORDS,
    ),
)


def check_account(config: Mapping[str, Any], secret: Mapping[str, Any]) -> None:
    """What one setting alone does not show. Raises ConfigRefused."""
    _check_host(config["host"])
    if config["security"] == NONE and not _is_here(config["host"]):
        raise ConfigRefused("security", _("only for a mail server on this machine, in development"))
    if ("username" in config) != ("password" in secret):
        missing = "password" if "username" in config else "username"
        raise ConfigRefused(missing, _("user name and password belong together"))


def _check_host(host: str) -> None:
    """A public name or address; names are resolved, and looked at again, when a mail goes out."""
    scheme = "http" if _is_here(host) else "https"
    try:
        net.checked_url(f"{scheme}://{host}/")
    except net.AddressRefused as refusal:
        raise ConfigRefused("host", str(refusal)) from None


def _is_here(host: str) -> bool:
    return bool(installation.ALLOW_LOOPBACK_ENDPOINTS) and net.is_this_machine(host)
