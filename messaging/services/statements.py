"""Ready-made statements for the two writes that every delivery makes.

The query builder takes 0.5 of the 0.7 ms of such a write; a fan-out of a hundred groups at one instant is
bound by exactly that (benchmarks/lateness.py). Values go through the fields, names come from the models.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from django.db import connection, models, transaction

Names = tuple[str, ...]
_AT_MOST = "__lte"
_PLAIN = (int, str, type(None))
_KEEPING = (
    models.BigAutoField,
    models.CharField,
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


def insert(model: type[models.Model], values: Mapping[str, Any]) -> None:
    """One INSERT of a row whose every column but the key is given."""
    sql = _insert_sql(model, connection.vendor, tuple(values))
    with connection.cursor() as cursor:
        cursor.execute(sql, _parameters(model, values))


def _parameters(model: type[models.Model], values: Mapping[str, Any]) -> list[Any]:
    """Values as the database takes them: the fields say how, but for those that every database takes as they are."""
    return [
        value if type(value) in _PLAIN and _keeps(model, name) else _prepared(model, name, value)
        for name, value in values.items()
    ]


def _prepared(model: type[models.Model], name: str, value: Any) -> Any:
    return _field(model, name).get_db_prep_save(value, connection)


@lru_cache(maxsize=256)
def _keeps(model: type[models.Model], name: str) -> bool:
    """Whether this field stores plain texts and numbers unchanged."""
    return type(_field(model, name)) in _KEEPING


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
