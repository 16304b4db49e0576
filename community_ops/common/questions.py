"""Small questions that are asked before every send: their SQL is made once.

The query builder takes nine tenths of such a question's time (benchmarks/fanout.py).
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from django.db import connection
from django.db.models import QuerySet

Make = Callable[..., "QuerySet[Any, Any]"]


def first_row(make: Make, *parameters: int) -> tuple[Any, ...] | None:
    """The first row of `make(*parameters)`, a `values_list` filtered by exactly these numbers, in this order.

    One `filter()` for each: one alone would sort its names.
    Values come as the driver reads them: of a time only whether there is one can be told on every database.
    """
    with connection.cursor() as cursor:
        cursor.execute(_sql(make, connection.vendor, len(parameters)), parameters)
        return cursor.fetchone()  # type: ignore[no-any-return]


@lru_cache(maxsize=64)
def _sql(make: Make, vendor: str, count: int) -> str:
    stand_ins = tuple(range(1, count + 1))
    sql, parameters = make(*stand_ins).query.sql_with_params()
    assert parameters == stand_ins, "the question is filtered by other things than its parameters"
    return sql
