"""Small questions that are asked before every send: their SQL is made once.

The query builder takes nine tenths of such a question's time (benchmarks/fanout.py).
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from community_ops.common import prepared

Make = Callable[..., "QuerySet[Any, Any]"]
EXACT = 16  # as long a list as an engine's round asks for: the threads of a run


def rows(make: Make, *lists: Sequence[int]) -> list[tuple[Any, ...]]:
    """All rows of `make(*lists)`, a `values_list` filtered by `__in` these lists alone, in this order.

    One `filter()` for each: one alone would sort its names. Lists without repeats: there is a statement for each length
    up to 16, and for 32, 64 … to which longer ones are filled up.
    Values come as the driver reads them: of a time only whether there is one can be told on every database.
    """
    filled = [_filled_up(found) for found in lists]
    with connection.cursor() as cursor:
        numbers = [one for found in filled for one in found]
        sql = _sql(make, connection.vendor, tuple(map(len, filled)))
        prepared.execute(cursor, sql, numbers, ["bigint"] * len(numbers))
        return cursor.fetchall()  # type: ignore[no-any-return]


def _filled_up(numbers: Sequence[int]) -> Sequence[int]:
    """A long list with its last number again and again, which asks for nothing more: few lengths, few statements."""
    if len(numbers) <= EXACT:
        return numbers
    return [*numbers, *[numbers[-1]] * ((1 << (len(numbers) - 1).bit_length()) - len(numbers))]


@lru_cache(maxsize=256)
def _sql(make: Make, vendor: str, lengths: tuple[int, ...]) -> str:
    stand_ins = iter(range(1, sum(lengths) + 1))
    lists = [[next(stand_ins) for _ in range(length)] for length in lengths]
    sql, parameters = make(*lists).query.sql_with_params()
    assert parameters == tuple(range(1, sum(lengths) + 1)), "the question is filtered by other things than its lists"
    return sql
