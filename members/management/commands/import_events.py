from typing import Any

from django.core.management.base import CommandParser

from members.importing.events import EventsImporter
from members.management.commands._importing import ImportCommand


class Command(ImportCommand):
    help = "Bring a group's chat events in from a CSV or JSON-lines file; a second run adds nothing."
    importer = EventsImporter()

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--group", required=True, type=int, metavar="ID")
        parser.add_argument("--timezone", default="UTC", help="zone of times without an offset (default UTC)")

    def handle(self, *, file: str, workspace: str, group: int, timezone: str, **options: Any) -> None:
        flags = {"dry_run": options["dry_run"], "report": options["report"]}
        self.bring_in(file, workspace, **flags, group=group, timezone=timezone)
