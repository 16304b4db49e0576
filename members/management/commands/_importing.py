"""What the import commands share: open the file, tell progress, write the report, print the counts."""

import csv
import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from community_ops.accounts import selectors as accounts
from community_ops.common import clock
from community_ops.common.actors import Actor
from community_ops.common.errors import DomainError
from members.importing.base import TableImporter
from members.ports import Progress, RowProblem

UNREADABLE = 2  # exit code


class ImportCommand(BaseCommand):
    """The last line on stdout is the importer's counts as JSON.

    Exit 0 also when rows were left out, 2 for an unreadable file.
    """

    importer: TableImporter

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", help="CSV or JSON lines; UTF-8 or GB18030")
        parser.add_argument("--workspace", required=True, metavar="SLUG")
        parser.add_argument("--dry-run", action="store_true", help="count only, write nothing")
        parser.add_argument(
            "--report", metavar="FILE", help="write the rows left out as CSV: line, code, field, message"
        )

    def bring_in(self, path: str, workspace: str, *, dry_run: bool, report: str | None, **wanted: Any) -> None:
        """Run the importer over the file with these options and print its counts."""
        with ExitStack() as stack:
            try:
                file = stack.enter_context(Path(path).open("rb"))
                tell = stack.enter_context(_Report(report))
                row = accounts.get_workspace(workspace)
                options = {"workspace": row.pk, **wanted}
                actor = replace(Actor.system(f"manage {self._name()}"), workspace_id=row.pk)
                now = clock.now()
                steps = (
                    self.importer.rehearse(file, options) if dry_run else self.importer.run(file, options, actor, now)
                )
                counts = self._follow(steps, tell)
            except OSError as error:
                raise CommandError(f"{error.filename}: {error.strerror}", returncode=UNREADABLE) from None
            except DomainError as error:
                raise CommandError(error.message, returncode=_code(error)) from None
        self.stdout.write(json.dumps(counts, ensure_ascii=False))

    def _name(self) -> str:
        return type(self).__module__.rpartition(".")[2]

    def _follow(self, steps: Iterator[Progress], tell: "_Report") -> dict[str, Any]:
        counts: dict[str, Any] = {}
        for progress in steps:
            counts = progress.counts
            tell.write(progress.problems)
            for notice in progress.notices:
                self.stderr.write(f"line {notice.line}: {notice.message}")
            self.stderr.write(f"{counts['rows']} rows")
        return counts


def _code(error: DomainError) -> int:
    return UNREADABLE if error.code in ("unreadable_file", "file_refused") else 1


class _Report:
    """The rows left out, as CSV; nothing without a path."""

    def __init__(self, path: str | None) -> None:
        self._path = path

    def __enter__(self) -> "_Report":
        self._file = Path(self._path).open("w", encoding="utf-8-sig", newline="") if self._path else None
        if self._file:
            csv.writer(self._file).writerow(["line", "code", "field", "message"])
        return self

    def __exit__(self, *_: object) -> None:
        if self._file:
            self._file.close()

    def write(self, problems: list[RowProblem]) -> None:
        if self._file:
            rows = [(problem.line, problem.code, problem.field, problem.message) for problem in problems]
            csv.writer(self._file).writerows(rows)
