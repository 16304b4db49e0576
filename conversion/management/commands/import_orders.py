import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from community_ops.accounts import selectors as accounts
from community_ops.common import clock
from community_ops.common.actors import Actor
from community_ops.common.errors import DomainError
from conversion.importing import OrdersImporter
from members.importing import Progress

UNREADABLE = 2  # exit code


class Command(BaseCommand):
    help = (
        "Bring orders in from a file with one invoice line per row; a second run adds nothing. "
        "The last line on stdout is JSON; exit 0 also when lines were left out, 2 for an unreadable file."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", help="CSV or JSON lines; UTF-8 or GB18030")
        parser.add_argument("--workspace", required=True, metavar="SLUG")
        parser.add_argument("--community", required=True, type=int, metavar="ID")
        parser.add_argument("--currency", default="", metavar="CODE", help="default: the community's")
        parser.add_argument("--timezone", default="", help="zone of times without an offset; default: the community's")
        parser.add_argument("--dry-run", action="store_true", help="count only, write nothing")
        parser.add_argument("--report", metavar="FILE", help="lines left out, as CSV: line, code, field, message")

    def handle(self, *, file: str, workspace: str, dry_run: bool, report: str | None, **options: Any) -> None:
        try:
            row = accounts.get_workspace(workspace)
            wanted = {key: options[key] for key in ("community", "currency", "timezone")}
            counts = self._bring_in(file, {"workspace": row.pk, **wanted}, dry_run=dry_run, report=report)
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}", returncode=UNREADABLE) from None
        except DomainError as error:
            code = UNREADABLE if error.code in ("unreadable_file", "file_refused") else 1
            raise CommandError(error.message, returncode=code) from None
        self.stdout.write(json.dumps(counts, ensure_ascii=False))

    def _bring_in(self, path: str, options: dict[str, Any], *, dry_run: bool, report: str | None) -> dict[str, Any]:
        importer = OrdersImporter()
        actor = replace(Actor.system("manage import_orders"), workspace_id=options["workspace"])
        counts = importer.job(options).counts
        with ExitStack() as stack:
            file = stack.enter_context(Path(path).open("rb"))
            steps = importer.rehearse(file, options) if dry_run else importer.run(file, options, actor, clock.now())
            for progress in self._reported(steps, report, stack):
                counts = progress.counts
                self.stderr.write(f"{counts['rows']} rows")
        return _as_promised(counts)

    def _reported(self, steps: Iterator[Progress], report: str | None, stack: ExitStack) -> Iterator[Progress]:
        """The steps, while the lines left out are written to the report."""
        write: Callable[[Iterable[Sequence[object]]], object] = list
        if report:
            out = Path(report).open("w", encoding="utf-8-sig", newline="")  # noqa: SIM115 - closed by the stack
            write = csv.writer(stack.enter_context(out)).writerows
        write([("line", "code", "field", "message")])
        for progress in steps:
            write([(one.line, one.code, one.field, one.message) for one in progress.problems])
            yield progress


def _as_promised(counts: dict[str, Any]) -> dict[str, Any]:
    """Orders, customers and revenue are those of the imported lines."""
    return {
        "rows": counts["rows"],
        "imported_lines": counts["accepted"],
        "skipped_lines": counts["rejected"],
        "duplicate_lines": counts["duplicates"],
        "orders": counts["orders"],
        "customers": counts["customers"],
        "revenue_amount": counts["revenue_amount"],
        "currency": counts["currency"],
    }
