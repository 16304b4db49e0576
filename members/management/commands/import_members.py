from typing import Any

from django.core.management.base import CommandParser

from members.importing.people import PeopleImporter
from members.management.commands._importing import ImportCommand


class Command(ImportCommand):
    help = "Bring members in from a table with a name column (phone, external_id, joined_at optional)."
    importer = PeopleImporter()

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--community", required=True, type=int, metavar="ID")
        parser.add_argument("--group", type=int, metavar="ID", help="the people of the file join this group")

    def handle(self, *, file: str, workspace: str, community: int, group: int | None, **options: Any) -> None:
        flags = {"dry_run": options["dry_run"], "report": options["report"]}
        self.bring_in(file, workspace, **flags, community=community, group=group)
