"""Ready-made statements for the two writes that every delivery makes, for one and for several at once.

The query builder takes 0.5 of the 0.7 ms of such a write; a fan-out of a hundred groups at one instant is
bound by exactly that (benchmarks/lateness.py). Values go through the fields, names come from the models.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.db import connection, models, transaction

from community_ops.common import prepared

Names = tuple[str, ...]
Change = tuple[Mapping[str, Any], Mapping[str, Any]]  # conditions, values
_AT_MOST = "__lte"
_PLAIN: frozenset[type] = frozenset({bool, int, str, type(None)})
_PLAIN_BY_VENDOR = {"sqlite": _PLAIN, "postgresql": _PLAIN | {datetime}}
_KEEPING = (
    models.BigAutoField,
    models.BooleanField,
    models.CharField,
    models.DateTimeField,
    models.ForeignKey,
    models.PositiveIntegerField,
    models.PositiveSmallIntegerField,
    models.TextField,
)


def update_where(model: type[models.Model], where: Mapping[str, Any], values: Mapping[str, Any]) -> int:
    """One conditional UPDATE; returns how many rows matched. `where` knows equality and `name__lte`."""
    sql = _update_sql(model, connection.vendor, tuple(values), tuple(where))
    parameters = _parameters(model, values) + _parameters(model, where)
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return int(cursor.rowcount)


def update_then_insert(
    model: type[models.Model],
    where: Mapping[str, Any],
    values: Mapping[str, Any],
    row_of: type[models.Model],
    row: Mapping[str, Any],
) -> bool:
    """`update_where`, and `insert` of `row` if that matched; false, and nothing written, when it did not.

    One statement where the database can do both in one: that is a transaction by itself, without the two round trips
    that begin and commit one.
    """
    if connection.vendor != "postgresql":
        with transaction.atomic():
            if not update_where(model, where, values):
                return False
            insert(row_of, row)
            return True
    sql = _both_sql(model, tuple(values), tuple(where), row_of, tuple(row))
    parameters = _parameters(model, values) + _parameters(model, where) + _parameters(row_of, row)
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return bool(cursor.rowcount == 1)


def update_each(model: type[models.Model], changes: Sequence[Change]) -> set[int]:
    """`update_where` for several rows, each with conditions and values of its own; ids of those that matched.

    All have the same names, and `id` is a condition. PostgreSQL only: a row that somebody else has locked is passed
    over instead of waited for, so that two who change several rows cannot wait for each other.
    """
    return _written(_updates(model, changes))[0]


def update_each_then_insert(
    model: type[models.Model],
    changes: Sequence[Change],
    row_of: type[models.Model],
    rows: Sequence[Mapping[str, Any]],
) -> set[int]:
    """`update_each`, and for every row that matched `insert` of the one at the same place in `rows`."""
    return _written(_updates(model, changes, row_of, rows))[0]


def update_two(
    model: type[models.Model],
    changes: Sequence[Change],
    row_of: type[models.Model],
    rows: Sequence[Mapping[str, Any]],
    others: Sequence[Change],
) -> tuple[set[int], set[int]]:
    """`update_each_then_insert` of some rows and `update_each` of others, in one statement."""
    first, second = _written(_updates(model, changes, row_of, rows), _updates(model, others))
    return first, second


@dataclass(frozen=True, slots=True)
class _Updates:
    """Rows to update, and maybe one to insert for each.

    `ids` and `given` are the statement's parameters: the rows' keys, and as JSON each row's conditions, values and
    the row to insert. One text instead of a list for each of forty names: that is most of what such a statement costs
    on this side (benchmarks/fanout.py).
    """

    model: type[models.Model]
    where: Names
    values: Names
    row_of: type[models.Model] | None
    row: Names
    ids: list[int]
    given: str

    @property
    def shape(self) -> "_Shape":
        return self.model, self.where, self.values, self.row_of, self.row


_Shape = tuple[type[models.Model], Names, Names, type[models.Model] | None, Names]


def _updates(
    model: type[models.Model],
    changes: Sequence[Change],
    row_of: type[models.Model] | None = None,
    rows: Sequence[Mapping[str, Any]] = (),
) -> _Updates:
    where, values = map(tuple, changes[0])
    row = tuple(rows[0]) if rows else ()
    labels = [*_labels("w", where), *_labels("v", values), *_labels("r", row)]
    each = [(*one.values(), *other.values()) for one, other in changes]
    if rows:
        each = [found + tuple(one.values()) for found, one in zip(each, rows, strict=True)]
    given = _encoder.encode([dict(zip(labels, found, strict=True)) for found in each])
    return _Updates(model, where, values, row_of, row, [one["id"] for one, _ in changes], given)


def _labels(letter: str, names: Names) -> list[str]:
    return [f"{letter}{number}" for number in range(len(names))]


@lru_cache(maxsize=64)  # one moment stands in several columns
def _spelled(value: Any) -> str:
    """A value that JSON does not know. Only times are among what is written here."""
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not written by these statements")


_encoder = json.JSONEncoder(default=_spelled, ensure_ascii=False)


def _written(*groups: _Updates) -> list[set[int]]:
    """Ids of the rows of each group that matched."""
    sql = _each_sql(tuple(group.shape for group in groups))
    parameters = [one for group in groups for one in (group.given, group.ids)]
    found: list[set[int]] = [set() for _ in groups]
    with connection.cursor() as cursor:
        prepared.execute(cursor, sql, parameters, ["json", "bigint[]"] * len(groups))
        for number, pk in cursor.fetchall():
            found[number].add(pk)
    return found


def insert(model: type[models.Model], values: Mapping[str, Any]) -> None:
    """One INSERT of a row whose every column but the key is given."""
    sql = _insert_sql(model, connection.vendor, tuple(values))
    with connection.cursor() as cursor:
        cursor.execute(sql, _parameters(model, values))


def _parameters(model: type[models.Model], values: Mapping[str, Any]) -> list[Any]:
    return [_prepared(model, name, [value])[0] for name, value in values.items()]


def _prepared(model: type[models.Model], name: str, values: list[Any]) -> list[Any]:
    """Values as the database takes them: the field says how, unless the database takes them as they are."""
    if _takes(model, name, connection.vendor).issuperset(map(type, values)):
        return values
    field = _field(model, name)
    return [field.get_db_prep_save(value, connection) for value in values]


@lru_cache(maxsize=256)
def _takes(model: type[models.Model], name: str, vendor: str) -> frozenset[type]:
    """Types whose values this field stores unchanged."""
    return _PLAIN_BY_VENDOR[vendor] if type(_field(model, name)) in _KEEPING else frozenset()


@lru_cache(maxsize=256)
def _field(model: type[models.Model], name: str) -> models.Field:
    field = model._meta.get_field(name.removesuffix(_AT_MOST))
    assert isinstance(field, models.Field)
    return field


@lru_cache(maxsize=32)
def _both_sql(model: type[models.Model], names: Names, where: Names, row_of: type[models.Model], columns: Names) -> str:
    update = _update_sql(model, connection.vendor, names, where)
    into = _insert_sql(row_of, connection.vendor, columns).partition(" VALUES ")[0]
    marks = ", ".join(["%s"] * len(columns))
    return f"WITH matched AS ({update} RETURNING 1) {into} SELECT {marks} FROM matched"  # noqa: S608 - as below


@lru_cache(maxsize=32)
def _each_sql(shapes: tuple[_Shape, ...]) -> str:
    """One statement for all groups."""
    steps = []
    for number, (model, where, values, row_of, row) in enumerate(shapes):
        places = _places(model, "w", where) + _places(model, "v", values)
        if row_of is not None:
            places += _places(row_of, "r", row)
        steps += [_mine_sql(number, model, where, places), _matched_sql(number, model, where, values)]
        if row_of is not None:
            steps.append(_noted_sql(number, where, row_of, row))
    matched = " UNION ALL ".join(
        f"SELECT {number}, id FROM matched{number}"  # noqa: S608 - a number
        for number in range(len(shapes))
    )
    return f"WITH {', '.join(steps)} {matched}"


def _places(model: type[models.Model], letter: str, names: Names) -> list[str]:
    return [f"{label} {_type(model, name)}" for label, name in zip(_labels(letter, names), names, strict=True)]


def _mine_sql(number: int, model: type[models.Model], where: Names, places: Sequence[str]) -> str:
    """The given rows whose conditions hold and which nobody else has locked; locked by us from then on.

    Their keys stand there a second time, because the planner takes JSON for a hundred rows and would read the table.
    """
    conditions = " AND ".join(
        f"target.{_column(model, name.removesuffix(_AT_MOST))} {'<=' if name.endswith(_AT_MOST) else '='} given.w{n}"
        for n, name in enumerate(where)
    )
    return (
        f"mine{number} AS (SELECT given.* FROM json_to_recordset(%s) AS given ({', '.join(places)}) "  # noqa: S608
        f"JOIN {_table(model)} AS target ON {conditions} WHERE target.id = ANY(%s) FOR UPDATE OF target SKIP LOCKED)"
    )


def _matched_sql(number: int, model: type[models.Model], where: Names, values: Names) -> str:
    changes = ", ".join(f"{_column(model, name)} = mine.v{n}" for n, name in enumerate(values))
    return (
        f"matched{number} AS (UPDATE {_table(model)} AS target SET {changes} FROM mine{number} AS mine "  # noqa: S608
        f"WHERE target.id = mine.w{where.index('id')} RETURNING target.id)"
    )


def _noted_sql(number: int, where: Names, row_of: type[models.Model], row: Names) -> str:
    into = ", ".join(_column(row_of, name) for name in row)
    given = ", ".join(f"mine.r{n}" for n in range(len(row)))
    return (
        f"noted{number} AS (INSERT INTO {_table(row_of)} ({into}) SELECT {given} FROM mine{number} AS mine "  # noqa: S608
        f"JOIN matched{number} AS matched ON matched.id = mine.w{where.index('id')})"
    )


def _type(model: type[models.Model], name: str) -> str:
    """The type of such a value. Texts without their length: a cast would cut them silently."""
    kind = _field(model, name).db_type(connection) or ""
    return "text" if kind.startswith("varchar") else kind


@lru_cache(maxsize=32)
def _update_sql(model: type[models.Model], vendor: str, names: Names, where: Names) -> str:
    changes = ", ".join(f"{_column(model, name)} = %s" for name in names)
    conditions = " AND ".join(
        f"{_column(model, name.removesuffix(_AT_MOST))} {'<=' if name.endswith(_AT_MOST) else '='} %s" for name in where
    )
    return f"UPDATE {_table(model)} SET {changes} WHERE {conditions}"  # noqa: S608 - names of models and fields only


@lru_cache(maxsize=32)
def _insert_sql(model: type[models.Model], vendor: str, names: Names) -> str:
    columns = ", ".join(_column(model, name) for name in names)
    marks = ", ".join(["%s"] * len(names))
    return f"INSERT INTO {_table(model)} ({columns}) VALUES ({marks})"  # noqa: S608 - names of models and fields only


def _table(model: type[models.Model]) -> str:
    return connection.ops.quote_name(model._meta.db_table)


def _column(model: type[models.Model], name: str) -> str:
    column = _field(model, name).column
    assert column
    return connection.ops.quote_name(column)
