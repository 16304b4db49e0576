"""What higher apps add to members, registered in `AppConfig.ready()`.

Importer: how one kind of file comes in (members itself imports events and members; conversion adds
orders). MemberPanel: a piece of the member's page in the dashboard. OwnPanel: a piece of the member's
own page /me/. Pages without any still work (ADR-0005).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, TYPE_CHECKING, Any, Protocol

from django.utils.functional import Promise

from community_ops.common.actors import Actor
from community_ops.common.ports import Registry
from groups.ports import Panel

if TYPE_CHECKING:
    from members.models import Member


@dataclass(frozen=True, slots=True)
class RowProblem:
    """Why one row is left out, or what to know of one that is there already (`Progress.notices`).

    `line` counts from 1 as an editor does; `field` is what the row is wrong in. `column`: the column of the file
    that was read for `field`, as its header says it.
    """

    line: int
    code: str
    message: str
    field: str = ""
    column: str = ""

    def as_row(self) -> dict[str, Any]:
        row = {"line": self.line, "code": self.code, "field": self.field, "column": self.column}
        return row | {"message": str(self.message)}


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """One row as it would come in. `status`: "new", "joins", "duplicate" or "problem"; `note` says why, for people.

    "joins": there already, and joins the group of the import. `is_notice`: the row is there already in
    a way that may surprise. `first_line`: the line of this file that means the same, 0 for none.
    """

    line: int
    cells: list[str]
    status: str = "new"
    note: str = ""
    is_notice: bool = False
    first_line: int = 0


@dataclass(frozen=True, slots=True)
class PreviewField:
    """One thing the importer reads: its option `mapping[name]` chooses the column; "" where it has none."""

    name: str
    label: str
    column: str
    is_required: bool = False


@dataclass(slots=True)
class Preview:
    """What a file would do; nothing is written.

    `columns`: heads of `PreviewRow.cells`. `fields`: what can be mapped to `file_columns`; empty for an
    importer without a mapping. `rows`: the first rows and the first duplicates and problems, in file
    order. The counts are of the rows checked: the whole file, or its first ones when `is_partial`.
    `joining_count`: there already, and join the group. `notice_count`: how many of those that are there
    already may surprise; `repeated_count`: how many mean the same as an earlier row of the file.
    `unused_columns`: columns of the file that nothing is read from.
    """

    columns: list[str]
    rows: list[PreviewRow]
    row_count: int
    new_count: int
    duplicate_count: int
    problem_count: int
    notice_count: int = 0
    is_partial: bool = False
    fields: list[PreviewField] = field(default_factory=list)
    file_columns: list[str] = field(default_factory=list)
    joining_count: int = 0
    repeated_count: int = 0
    unused_columns: list[str] = field(default_factory=list)

    @property
    def is_ready(self) -> bool:
        """Whether the file can be brought in as it stands: every required field has a column."""
        return all(one.column for one in self.fields if one.is_required)

    @property
    def would_change(self) -> bool:
        """Whether bringing it in would change anything; rows that were not checked may."""
        return bool(self.new_count or self.joining_count or self.is_partial)


@dataclass(slots=True)
class Progress:
    """Where a run stands after one committed batch: all counts so far, and this batch's problems and notices."""

    counts: dict[str, Any]
    problems: list[RowProblem] = field(default_factory=list)
    notices: list[RowProblem] = field(default_factory=list)


class Importer(Protocol):
    """Reads one kind of file. `options` are JSON scalars: workspace, community or group ids, timezone …

    Both methods raise InvalidInput (field "file" or an option's name) for what cannot work at all.
    """

    label: str | Promise  # e.g. "Members"
    needs: tuple[str, ...]  # options asked for on the upload page: "community", "group", "timezone", "currency"

    def preview(self, file: IO[bytes], options: Mapping[str, Any]) -> Preview:
        """Read the file and say what would happen; no write."""

    def run(self, file: IO[bytes], options: Mapping[str, Any], actor: Actor, now: datetime) -> Iterator[Progress]:
        """Bring the rows in, one transaction per batch, yielding after each. Running twice adds nothing twice."""


importers: Registry[Importer] = Registry("members.Importer")


def register_importer(kind: str, importer: Importer) -> None:
    """Make `kind` known to the upload page and the worker."""
    importers.register(kind, importer)


class MemberPanel(Protocol):
    """Adds a piece to a member's page, e.g. her orders."""

    def panel(self, *, actor: Actor, member: "Member", slug: str, now: datetime) -> Panel | None:
        """The piece, or None when there is nothing to show. A constant number of queries."""


class OwnPanel(Protocol):
    """Adds a piece to the member's own page /me/, in her community's language."""

    def panel(self, *, member: "Member", now: datetime) -> Panel | None:
        """The piece, or None when there is nothing to show. A constant number of queries."""


member_panels: Registry[MemberPanel] = Registry("members.MemberPanel")
own_panels: Registry[OwnPanel] = Registry("members.OwnPanel")
