"""What a file of each kind looks like: its columns, and a small table to begin with."""

import codecs
import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import get_language

from members.importing.base import TableImporter
from members.importing.tables import Target
from members.ports import importers

# One believable row, by kind of file and name of target; what is not here is an empty cell.
EXAMPLES: Mapping[str, Mapping[str, str]] = {
    "members": {"name": "李姐", "phone": "13800001234", "external_id": "A1001", "joined_at": "2026-03-05 08:30"},
    "events": {
        "occurred_at": "2026-03-05 08:30",
        "author": "李姐",
        "kind": "message",
        "text": "早上好",
        "event_id": "m-1",
    },
    "orders": {
        "invoice": "20260305001",
        "customer": "A1001",
        "ordered_at": "2026-03-05 20:03",
        "quantity": "2",
        "price": "39.00",
        "sku": "S-01",
        "description": "羊毛衫",
        "customer_name": "李姐",
    },
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column a file may have: its name in the reader's language and all the others that are understood."""

    name: str
    other_names: tuple[str, ...]
    is_required: bool
    example: str


def columns_of(kind: str) -> list[Column]:
    """The columns an importer knows by name, in its order; none for one that reads no tables."""
    importer = importers.get(kind)
    if not isinstance(importer, TableImporter):
        return []
    examples = EXAMPLES.get(kind, {})
    return [_column(target, examples.get(target.name, "")) for target in importer.targets]


def sample_table(kind: str) -> bytes:
    """A CSV with the header and one row, marked as UTF-8 so that spreadsheets open it rightly."""
    columns, text = columns_of(kind), io.StringIO()
    csv.writer(text).writerows([[one.name for one in columns], [one.example for one in columns]])
    return codecs.BOM_UTF8 + text.getvalue().encode()


def _column(target: Target, example: str) -> Column:
    is_chinese = (get_language() or "").startswith("zh")
    in_language = (alias for alias in target.aliases if alias.isascii() is not is_chinese)
    name = next(in_language, target.aliases[0])
    return Column(name, tuple(alias for alias in target.aliases if alias != name), target.is_required, example)
