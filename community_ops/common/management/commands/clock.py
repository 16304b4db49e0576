import re
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import F

from community_ops.common import clock
from community_ops.common.models import ClockShift

MAX_STEP = 3650
_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


class Command(BaseCommand):
    help = "Development: show the product's clock or move it forward for every process."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--advance", metavar="1d2h30m", help="days, hours, minutes, seconds")
        parser.add_argument("--reset", action="store_true", help="back to real time")

    def handle(self, *, advance: str | None, reset: bool, **options: Any) -> None:
        if not settings.ALLOW_CLOCK_SHIFT:
            raise CommandError("Set ALLOW_CLOCK_SHIFT=1 (development only) to move the clock.")
        if reset:
            ClockShift.objects.filter(pk=1).update(seconds=0)
        if advance:
            ClockShift.objects.get_or_create(pk=1)
            ClockShift.objects.filter(pk=1).update(seconds=F("seconds") + int(_parse(advance).total_seconds()))
        clock.forget_shift()
        self.stdout.write(clock.now().isoformat())


def _parse(text: str) -> timedelta:
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        raise CommandError("Give a duration like 1d2h30m.")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    if max(days, hours, minutes, seconds) > MAX_STEP:
        raise CommandError(f"At most {MAX_STEP} of each unit.")
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
