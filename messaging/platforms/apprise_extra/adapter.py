"""What the apprise library can post to. It is an extra: without it nothing here is offered.

The library answers with yes or no. A no may be a refusal of the service or a time-out after it took the message, so a
no is in doubt; a person looks.
"""

import importlib
import importlib.util
import logging
import re
from collections.abc import Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any

from django.utils.translation import gettext as _

from messaging.errors import ConfigRefused
from messaging.platforms.apprise_extra.capabilities import CAPABILITIES
from messaging.platforms.apprise_extra.config import SETTINGS, checked_service
from messaging.platforms.base import Account, Adapter, Outcome, Outgoing, Result
from messaging.splitting import shortened

LIBRARY = "apprise"
SAID_BY = "Community Ops"  # where a service shows a sender
WHOLE_SECONDS = 8.0
# Its documented options, for every call: how long to connect and to wait, no redirects, no tries of its own, nothing
# cut or split.
_OPTIONS = "?cto=3.0&rto=5.0&redirect=no&retry=0&overflow=upstream"
_STATUS = re.compile(r"error=([1-5]\d\d)\b")  # how it reports what a service answered


class AppriseAdapter(Adapter):
    capabilities = CAPABILITIES
    settings = SETTINGS
    identified_by = ("url",)
    names_chat = frozenset({"url"})

    @property
    def is_available(self) -> bool:
        return importlib.util.find_spec(LIBRARY) is not None

    def read_config(self, config: Mapping[str, Any]) -> Account:
        account = super().read_config(config)
        name = checked_service(account.secret["url"])
        if _service(account.secret["url"]) is None:
            raise ConfigRefused("url", _("the apprise library cannot read this address"))
        return replace(account, config={"hint": name})

    def send(self, message: Outgoing) -> Result:
        """One call through the library. Longer than the service takes is refused here: it would cut."""
        if not self.is_available:
            return Result(Outcome.REFUSED, "library_missing", "apprise is not installed")
        service = _service(message.secret["url"])
        if service is None:
            return Result(Outcome.REFUSED, "address_refused", "the library cannot read the address")
        text = self.spelled(message.text, is_markdown=message.is_markdown)
        if len(text) > service.body_maxlen:
            return Result(Outcome.REFUSED, "too_long_there", f"at most {service.body_maxlen} characters")
        return _result(_notify(service, text, title=shortened(message.label, service.title_maxlen)))


def _service(url: str) -> Any:
    """The library's object for an address; None where it cannot read it. A new one each time: it keeps no pace."""
    library = _library()
    asset = library.AppriseAsset(
        app_id=SAID_BY, app_desc=SAID_BY, image_url_mask="", image_url_logo="", async_mode=False, http_redirects=False
    )
    service = library.Apprise.instantiate(url + _OPTIONS, asset=asset)
    if service is not None:
        service.request_rate_per_sec = 0  # else it sleeps between two calls; the limits are kept here
    return service


def _library() -> ModuleType:
    """The library, with its own log turned off: it writes keys and texts into it."""
    log = logging.getLogger(LIBRARY)
    log.propagate = False
    log.setLevel(logging.WARNING)
    if not log.handlers:
        log.addHandler(logging.NullHandler())
    logging.getLogger("urllib3").setLevel(logging.INFO)  # below, it writes whole addresses
    return importlib.import_module(LIBRARY)


def _notify(service: Any, text: str, *, title: str) -> Any:
    sender = _library().Apprise()
    sender.add(service)
    return sender.notify(body=text, title=title, body_format="text", timeout=WHOLE_SECONDS)


def _result(answer: Any) -> Result:
    if answer:
        return Result(Outcome.ACCEPTED, "library")
    found = next((match[1] for entry in answer.logs() if (match := _STATUS.search(entry.message))), "")
    if found:  # of one call; the same sign may have come after another that was taken
        return Result(Outcome.IN_DOUBT, found, "apprise reports a failure", http_status=int(found))
    return Result(Outcome.IN_DOUBT, "library_failed")
