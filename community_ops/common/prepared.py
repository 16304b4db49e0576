"""Statements that run again and again: PostgreSQL reads and plans them once for each connection, not each time.

Half of what such a statement costs the database is that (benchmarks/fanout.py). A pooler that hands each transaction to
another server (PgBouncer in transaction mode) does not know what was prepared elsewhere: then the statement runs as
it is.
"""

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

from django.db import DatabaseError, connection
from django.db.backends.utils import CursorWrapper

_OUT_OF_STEP = ("26000", "42P05")  # no such prepared statement, or there is one already: the server is another one
_names: WeakKeyDictionary[Any, set[str]] = WeakKeyDictionary()  # by the driver's connection: what it has prepared


def execute(cursor: CursorWrapper, sql: str, parameters: Sequence[Any], types: Sequence[str]) -> None:
    """As `cursor.execute(sql, parameters)`. `types`: of the parameters, in PostgreSQL's words."""
    if connection.vendor != "postgresql":
        cursor.execute(sql, parameters)
        return
    try:
        name = _prepared(cursor, sql, types)
        marks = ", ".join(f"%s::{kind}" for kind in types)
        cursor.execute(f"EXECUTE {name} ({marks})", parameters)
    except DatabaseError as error:
        if connection.in_atomic_block or getattr(error.__cause__, "pgcode", "") not in _OUT_OF_STEP:
            raise
        cursor.execute(sql, parameters)


def _prepared(cursor: CursorWrapper, sql: str, types: Sequence[str]) -> str:
    name = _name(sql)
    known = _names.get(connection.connection)
    if known is None:
        cursor.execute("SET plan_cache_mode TO force_generic_plan")  # of prepared statements only
        known = _names[connection.connection] = set()
    if name not in known:
        numbered = sql
        for number in range(1, len(types) + 1):
            numbered = numbered.replace("%s", f"${number}", 1)
        cursor.execute(f"PREPARE {name} ({', '.join(types)}) AS {numbered}")
        known.add(name)
    return name


@lru_cache(maxsize=256)
def _name(sql: str) -> str:
    return f"s{hashlib.sha256(sql.encode()).hexdigest()[:20]}"
