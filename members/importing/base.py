"""What the importers of tables share: mapping, batches, preview, rehearsal and run."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import IO, Any, Generic, TypeVar, get_type_hints

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from community_ops.common.actors import Actor
from members import phones
from members.errors import UnreadableFile
from members.importing.tables import TableRow, Target, guess_mapping, missing_targets, read_table
from members.ports import Preview, PreviewField, PreviewRow, Progress, RowProblem
from members.services.event_rows import RowRefused

BATCH_ROWS = 1000  # one transaction each
PREVIEW_CHECKED = 5000
PREVIEW_SHOWN = 20
PREVIEW_SHOWN_SPECIAL = 30  # duplicates and problems beyond the first rows

Item = TypeVar("Item")


@dataclass(slots=True)
class Read(Generic[Item]):
    """One row of the file: what it is, or why it is left out. `mapping`: column by target."""

    row: TableRow
    item: Item | None
    problem: RowProblem | None
    mapping: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Remark:
    """What to know of a row that is there already. `is_notice`: it may surprise, so the report says it too.

    `first_line`: the line of this file that means the same; 0 where the database has it.
    """

    field: str
    code: str
    message: str
    is_notice: bool
    first_line: int = 0


class Job(ABC, Generic[Item]):
    """One file on its way in with its options; made anew for each preview, rehearsal or run."""

    targets: Sequence[Target]

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Read the options; raises InvalidInput naming the one that cannot work."""
        self.options = options
        self.counts: dict[str, Any] = {"rows": 0, "accepted": 0, "duplicates": 0, "rejected": 0}

    @abstractmethod
    def check(self, values: Mapping[str, Any], line: int) -> Item:
        """Read one row's values by target; raises RowRefused."""

    @abstractmethod
    def are_known(self, items: Sequence[Item]) -> list[bool]:
        """Which of these are in the database already, or came earlier in this file. Reads only."""

    def joining(self, items: Sequence[Item]) -> Sequence[bool]:
        """Which of those that are there already join the group of the import; asked once, before `store`. Reads only.

        An importer whose rows can counts them as "joined" in `self.counts`, in `store`.
        """
        return [False] * len(items)

    def remarks(self, items: Sequence[Item]) -> Sequence[Remark | None]:
        """What to know of each that is there already; asked once, before `store`. Reads only."""
        return [None] * len(items)

    @abstractmethod
    def store(self, items: Sequence[Item], *, actor: Actor, now: datetime) -> int:
        """Bring items in, in one transaction; returns how many were new."""

    def note(self, items: Iterable[Item]) -> None:
        """Count further facts of readable rows in `self.counts`."""


class TableImporter(ABC):
    """A members.ports.Importer for tables; `job` makes the part that knows what the rows mean."""

    label: str | Promise
    needs: tuple[str, ...]

    @abstractmethod
    def job(self, options: Mapping[str, Any]) -> Job[Any]:
        """The work on one file with these options. Says which Job it makes, for `targets`."""

    @property
    def targets(self) -> Sequence[Target]:
        """What the rows are read for, known before there is a file."""
        kind: type[Job[Any]] = get_type_hints(type(self).job)["return"]
        return kind.targets

    def preview(self, file: IO[bytes], options: Mapping[str, Any]) -> Preview:
        """What the first 5,000 rows would do; see members.ports.Preview."""
        job, table = self.job(options), read_table(file)
        mapping = guess_mapping(table.columns, job.targets, options.get("mapping", {}))
        fields = [
            PreviewField(one.name, str(one.label), mapping.get(one.name, ""), one.is_required) for one in job.targets
        ]
        reads: list[Read[Any]] = []
        is_partial = False
        if not missing_targets(mapping, job.targets):
            reads = list(islice(_read(job, table.rows, mapping), PREVIEW_CHECKED))
            is_partial = next(table.rows, None) is not None
        preview = _preview(job, reads, mapping)
        preview.fields, preview.file_columns, preview.is_partial = fields, table.columns, is_partial
        preview.unused_columns = [column for column in table.columns if column and column not in mapping.values()]
        return preview

    def run(self, file: IO[bytes], options: Mapping[str, Any], actor: Actor, now: datetime) -> Iterator[Progress]:
        """Bring the file in, 1,000 rows in each transaction, yielding at the start and after each."""
        job = self.job(options)
        yield Progress(dict(job.counts))
        for batch in _batches(job, file):
            items = [read.item for read in batch if read.item is not None]
            notices = _notices(job, batch)
            new_count = job.store(items, actor=actor, now=now) if items else 0
            yield _progress(job, batch, items, new_count, notices)

    def rehearse(self, file: IO[bytes], options: Mapping[str, Any]) -> Iterator[Progress]:
        """What `run` would count, without writing."""
        job = self.job(options)
        yield Progress(dict(job.counts))
        for batch in _batches(job, file):
            items = [read.item for read in batch if read.item is not None]
            new_count = job.are_known(items).count(False) if items else 0
            if "joined" in job.counts:
                job.counts["joined"] += sum(job.joining(items))
            yield _progress(job, batch, items, new_count, _notices(job, batch))


def _batches(job: Job[Item], file: IO[bytes]) -> Iterator[list[Read[Item]]]:
    table = read_table(file)
    mapping = guess_mapping(table.columns, job.targets, job.options.get("mapping", {}))
    if missing := missing_targets(mapping, job.targets):
        looked_for = ", ".join(missing[0].aliases[:4])
        names = {"name": missing[0].name, "names": looked_for}
        raise UnreadableFile(_("The file has no column for %(name)s (looked for: %(names)s).") % names)
    reads = _read(job, table.rows, mapping)
    while batch := list(islice(reads, BATCH_ROWS)):
        yield batch


def _read(job: Job[Item], rows: Iterable[TableRow], mapping: Mapping[str, str]) -> Iterator[Read[Item]]:
    for row in rows:
        if row.problem is not None:
            yield Read(row, None, row.problem, mapping)
            continue
        try:
            values = {target: row.values.get(column) for target, column in mapping.items()}
            yield Read(row, job.check(values, row.line), None, mapping)
        except RowRefused as refusal:
            yield Read(row, None, _problem(row, refusal, mapping), mapping)


def _problem(row: TableRow, refusal: RowRefused | Remark, mapping: Mapping[str, str]) -> RowProblem:
    column = mapping.get(refusal.field, "")
    return RowProblem(row.line, refusal.code, refusal.message, refusal.field, column)


def _remarked(job: Job[Item], reads: Sequence[Read[Item]]) -> Iterator[tuple[Read[Item], Remark | None]]:
    """Each row with what to know of it."""
    remarks = iter(job.remarks([read.item for read in reads if read.item is not None]))
    return ((read, next(remarks) if read.item is not None else None) for read in reads)


def _notices(job: Job[Item], batch: Sequence[Read[Item]]) -> list[RowProblem]:
    remarked = _remarked(job, batch)
    return [_problem(read.row, remark, read.mapping) for read, remark in remarked if remark and remark.is_notice]


def _progress(
    job: Job[Item], batch: Sequence[Read[Item]], items: Sequence[Item], new_count: int, notices: list[RowProblem]
) -> Progress:
    problems = [read.problem for read in batch if read.problem is not None]
    job.counts["rows"] += len(batch)
    job.counts["accepted"] += new_count
    job.counts["duplicates"] += len(items) - new_count
    job.counts["rejected"] += len(problems)
    job.note(items)
    return Progress(dict(job.counts), problems, notices)


def _preview(job: Job[Item], reads: Sequence[Read[Item]], mapping: Mapping[str, str]) -> Preview:
    statuses_of_items = iter(_statuses(job, [read.item for read in reads if read.item is not None]))
    shown = [(mapping[target.name], target) for target in job.targets if target.name in mapping]
    rows = [
        _preview_row(read, shown, next(statuses_of_items) if read.item is not None else "problem", remark)
        for read, remark in _remarked(job, reads)
    ]
    statuses = [row.status for row in rows]
    return Preview(
        columns=[column for column, _target in shown],
        rows=[*rows[:PREVIEW_SHOWN], *_special(rows[PREVIEW_SHOWN:])],
        row_count=len(rows),
        new_count=statuses.count("new"),
        duplicate_count=statuses.count("duplicate"),
        problem_count=statuses.count("problem"),
        notice_count=sum(row.is_notice for row in rows),
        joining_count=statuses.count("joins"),
        repeated_count=sum(row.first_line > 0 for row in rows),
    )


def _statuses(job: Job[Item], items: Sequence[Item]) -> list[str]:
    """ "new", "joins" (there already, and joins the group) or "duplicate" of each readable row."""
    pairs = zip(job.are_known(items), job.joining(items), strict=True)
    return ["joins" if is_joining else "duplicate" if is_known else "new" for is_known, is_joining in pairs]


def _special(rows: Sequence[PreviewRow]) -> list[PreviewRow]:
    """The first that are not simply new; what needs a look goes before what is simply there already."""
    special = [row for row in rows if row.is_notice or row.status not in ("new", "joins")]
    special.sort(key=lambda row: row.status == "duplicate" and not row.is_notice)
    return sorted(special[:PREVIEW_SHOWN_SPECIAL], key=lambda row: row.line)


def _preview_row(
    read: Read[Any], shown: Sequence[tuple[str, Target]], status: str, remark: Remark | None
) -> PreviewRow:
    cells = [_cell(read.row.values.get(column), target) for column, target in shown]
    if read.problem is not None:
        column = read.problem.column
        said = {"column": column, "problem": read.problem.message}
        note = _("%(column)s: %(problem)s") % said if column else read.problem.message
        return PreviewRow(read.row.line, cells, status, note)
    if remark is not None:
        return PreviewRow(read.row.line, cells, status, remark.message, remark.is_notice, remark.first_line)
    return PreviewRow(read.row.line, cells, status)


def _cell(value: Any, target: Target) -> str:
    words = str(value or "")[:200]
    return phones.masked(words) if target.is_phone else words
