"""Ready-made statements for the two writes that every delivery makes.

The query builder takes 0.5 of the 0.7 ms of such a write; a fan-out of a hundred groups at one instant is
bound by exactly that (benchmarks/lateness.py). Values go through the fields, names come from the models.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from django.db import connection, models

Names = tuple[str, ...]
_AT_MOST = "__lte"


def update_where(model: type[models.Model], where: Mapping[str, Any], values: Mapping[str, Any]) -> int:
    """One conditional UPDATE; returns how many rows matched. `where` knows equality and `name__lte`."""
    sql = _update_sql(model, connection.vendor, tuple(values), tuple(where))
    parameters = [_prepared(model, name, value) for part in (values, where) for name, value in part.items()]
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return int(cursor.rowcount)


def insert(model: type[models.Model], values: Mapping[str, Any]) -> None:
    """One INSERT of a row whose every column but the key is given."""
    sql = _insert_sql(model, connection.vendor, tuple(values))
    with connection.cursor() as cursor:
        cursor.execute(sql, [_prepared(model, name, value) for name, value in values.items()])


def _prepared(model: type[models.Model], name: str, value: Any) -> Any:
    field = model._meta.get_field(name.removesuffix(_AT_MOST))
    assert isinstance(field, models.Field)
    return field.get_db_prep_save(value, connection)


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
    field = model._meta.get_field(name)
    assert isinstance(field, models.Field)
    assert field.column
    return connection.ops.quote_name(field.column)
