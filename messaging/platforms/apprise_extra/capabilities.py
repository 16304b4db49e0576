from datetime import date

from django.utils.translation import gettext_noop

from messaging.platforms.base import Capabilities, Evidence, Size, Unit

CAPABILITIES = Capabilities(
    text=Size(1_000, Unit.CHARACTERS),  # the least that one of the services takes; see docs/platforms/apprise.md
    evidence=Evidence.LIBRARY,
    limits_note=gettext_noop("The service's own, which the library does not tell; set your own limit."),
    source="https://github.com/caronc/apprise, release 2.2.0",
    checked_on=date(2026, 11, 22),
)
