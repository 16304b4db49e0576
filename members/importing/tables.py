"""Reading CSV and JSON-lines files row by row, whatever tool wrote them."""

import codecs
import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

from django.utils.translation import gettext as _

from members.errors import UnreadableFile
from members.ports import RowProblem

_CHUNK_BYTES = 2**20
_WORKBOOK_HEADS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # xlsx and its like, xls
_WORKBOOK_ENDINGS = (".xlsx", ".xls", ".xlsm", ".xlsb", ".et", ".ods", ".numbers")
_DELIMITERS = ",\t;"
MAX_COLUMNS = 200


@dataclass(slots=True)
class TableRow:
    """One row: its values by column name, or why it cannot be read."""

    line: int
    values: dict[str, Any]
    problem: RowProblem | None = None


@dataclass(slots=True)
class Table:
    """A file being read: `columns` of its header (of the first object for JSON lines)."""

    columns: list[str]
    rows: Iterator[TableRow]


def read_table(file: IO[bytes]) -> Table:
    """Open a CSV or JSON-lines file in UTF-8 (with or without BOM), UTF-16 with BOM, or GB18030.

    The file stays open while rows are read; it is read in a stream. Raises UnreadableFile when it is
    empty, no text, or in another encoding.
    """
    text = io.TextIOWrapper(io.BufferedReader(_KeepOpen(file)), encoding=_encoding(file), newline="")
    head = text.read(65_536)
    text.seek(0)
    if not head.strip():
        raise UnreadableFile(_("The file is empty."))
    return _json_lines(text) if head.lstrip().startswith("{") else _csv(text, head)


def refuse_workbook(head: bytes, file_name: str = "") -> None:
    """Raise UnreadableFile, saying what to do, for what a spreadsheet program saved as its own kind of file."""
    if head.startswith(_WORKBOOK_HEADS) or (b"\0" in head and file_name.lower().endswith(_WORKBOOK_ENDINGS)):
        raise UnreadableFile(
            _("This is a workbook, not a text table. In Excel choose Save as → CSV UTF-8, then upload that file.")
        )


class _KeepOpen(io.RawIOBase):
    """Lets a text reader go out of scope without closing the caller's file."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer: Any) -> int:
        chunk = self._file.read(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)


def _encoding(file: IO[bytes]) -> str:
    file.seek(0)
    head = file.read(4)
    refuse_workbook(head)
    if head.startswith((b"%PDF", b"\xff\xd8\xff", b"\x89PNG", b"\x1f\x8b")):
        raise UnreadableFile(_("This is not a text file. Save the table as CSV first."))
    is_utf16 = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    for name in ("utf-16",) if is_utf16 else ("utf-8-sig", "gb18030"):
        if _decodes(file, name):
            return name
    raise UnreadableFile(_("The text is neither UTF-8 nor GB18030."))


def _decodes(file: IO[bytes], name: str) -> bool:
    file.seek(0)
    decoder = codecs.getincrementaldecoder(name)()
    try:
        while chunk := file.read(_CHUNK_BYTES):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeError:
        return False
    finally:
        file.seek(0)
    return True


def _json_lines(text: io.TextIOWrapper) -> Table:
    first = next(text, "")
    text.seek(0)
    return Table(columns=_keys(first), rows=_json_rows(text))


def _keys(line: str) -> list[str]:
    row = _json_row(1, line)
    return [str(key) for key in row.values]


def _json_rows(text: io.TextIOWrapper) -> Iterator[TableRow]:
    for line, content in enumerate(text, start=1):
        if content.strip():
            yield _json_row(line, content)


def _json_row(line: int, content: str) -> TableRow:
    try:
        values = json.loads(content)
    except (ValueError, RecursionError):
        return TableRow(line, {}, RowProblem(line, "malformed_json", _("This line is not JSON.")))
    if not isinstance(values, dict):
        return TableRow(line, {}, RowProblem(line, "malformed_json", _("This line is not a JSON object.")))
    return TableRow(line, values)


def _csv(text: io.TextIOWrapper, head: str) -> Table:
    delimiter = max(_DELIMITERS, key=head.partition("\n")[0].count)
    reader = csv.reader(text, delimiter=delimiter)
    try:
        header = [column.strip() for column in next(reader)]
    except (csv.Error, StopIteration):
        raise UnreadableFile(_("The first line is not a table header.")) from None
    if len(header) > MAX_COLUMNS:
        raise UnreadableFile(_("At most %(count)d columns.") % {"count": MAX_COLUMNS})
    return Table(columns=header, rows=_csv_rows(reader, header))


def _csv_rows(reader: Any, header: Sequence[str]) -> Iterator[TableRow]:
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield TableRow(
                line, {}, RowProblem(line, "malformed_csv", _("This line is not CSV: %(error)s.") % {"error": error})
            )
            continue
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) > len(header):
            yield TableRow(line, {}, RowProblem(line, "too_many_cells", _("More cells than the header has columns.")))
            continue
        yield TableRow(line, dict(zip(header, cells, strict=False)))


@dataclass(frozen=True, slots=True)
class Target:
    """One thing an importer wants to know of a row, and the column names it is known by.

    `is_phone`: people see its values masked.
    """

    name: str
    label: Any
    aliases: tuple[str, ...]
    is_required: bool = False
    is_phone: bool = False


def guess_mapping(columns: Sequence[str], targets: Sequence[Target], given: Mapping[str, str]) -> dict[str, str]:
    """Column by target: what the person chose (`given`, "" for none), else a column known by name."""
    by_name = {_plain(column): column for column in reversed(columns)}
    mapping = {}
    for target in targets:
        guess = next((by_name[alias] for alias in map(_plain, target.aliases) if alias in by_name), "")
        chosen = given.get(target.name, guess)
        if chosen and chosen in columns:
            mapping[target.name] = chosen
    return mapping


def missing_targets(mapping: Mapping[str, str], targets: Sequence[Target]) -> list[Target]:
    """Required targets without a column."""
    return [target for target in targets if target.is_required and target.name not in mapping]


def _plain(name: str) -> str:
    return name.strip().casefold().replace("_", " ").replace("-", " ")
