"""Reads the history afterwards: the rows in the database against what the receiver got, on the receiver's clock."""

import bisect
import collections
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import psycopg2

from benchmarks.receiver import Receiver

RELEASED = "messaging_delivery WHERE due_at < now() + interval '1 hour'"  # without what is planned for tomorrow
SETTLED = {"accepted", "unknown"}  # where a send to a receiver that always says yes may end


@dataclass
class History:
    """`states`: rows by state; `doubt_seconds`: the longest from a call to its row being `unknown`."""

    states: dict[str, int]
    lost: list[int]
    twice: list[int]
    strangers: list[int]
    doubt_seconds: float

    @property
    def unknown(self) -> int:
        return self.states.get("unknown", 0)


def ask(database: str, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """The rows of one question, over a connection of its own."""
    with closing(psycopg2.connect(database)) as connection, connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()


def is_settled(database: str) -> bool:
    """Whether nothing is planned, due or in the middle of a call."""
    return not ask(database, f"SELECT EXISTS (SELECT 1 FROM {RELEASED} AND state IN ('planned', 'sending'))")[0][0]


def read(database: str, *receivers: Receiver) -> History:
    """Lost: neither arrived nor in doubt, or called accepted without having arrived. Twice: any id above one."""
    rows = ask(database, f"SELECT id, state FROM {RELEASED}")
    arrived = collections.Counter(int(arrival[0]) for one in receivers for arrival in one.arrivals())
    in_doubt = (
        "SELECT coalesce(max(extract(epoch FROM a.finished_at - a.started_at)), 0) FROM messaging_attempt a "
        "JOIN messaging_delivery d ON d.id = a.delivery_id WHERE d.state = 'unknown'"
    )
    return History(
        states=dict(collections.Counter(state for _, state in rows)),
        lost=[pk for pk, state in rows if not arrived[pk] and state != "unknown"],
        twice=[pk for pk, count in arrived.items() if count > 1],
        strangers=list(arrived.keys() - {pk for pk, _ in rows}),
        doubt_seconds=float(ask(database, in_doubt)[0][0]),
    )


def fullest(moments: Iterable[float], seconds: float) -> int:
    """The most arrivals in any `seconds`, counted from each arrival on."""
    ordered = sorted(moments)
    return max((bisect.bisect_left(ordered, at + seconds) - start for start, at in enumerate(ordered)), default=0)
