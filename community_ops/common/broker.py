"""The embedded broker: kombu's folder of messages, made safe for several processes at once.

kombu creates a message's file, and the tables of its exchanges, before it fills them: a reader in
between finds an empty file, and the worker ends ("Unrecoverable error: JSONDecodeError", seen about
once in 100 s here; celery/kombu#1551). Here a file gets its name when it is complete, and is taken by a
rename, so a reader sees a whole message or none, and only one reader sees it.
"""

import fcntl
import logging
import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils import json

dumps: Callable[[Any], str] = json.dumps
loads: Callable[[str], Any] = json.loads
log = logging.getLogger(__name__)


class Channel(filesystem.Channel):
    """Messages are files `<milliseconds>_<id>.<queue>.msg`; names that begin with a dot are nobody's yet."""

    def _put(self, queue: str, payload: Any, **kwargs: Any) -> None:  # type: ignore[override]  # kombu is of two minds
        name = f"{round(time.monotonic() * 1000)}_{uuid.uuid4()}.{queue}.msg"
        _write_whole(Path(self.data_folder_out) / name, dumps(payload))

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        folder = Path(self.data_folder_in)
        for name in sorted(os.listdir(folder)):
            if name.partition(".")[2] == f"{queue}.msg" and (payload := _take(folder, name)) is not None:
                return payload
        raise Empty

    def get_table(self, exchange: str) -> list[Any]:
        try:
            rows = loads(self._table_of(exchange).read_text())
        except FileNotFoundError:
            return []
        return [filesystem.exchange_queue_t(*row) for row in rows]

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:
        row = filesystem.exchange_queue_t(routing_key or "", pattern or "", queue or "")
        self.control_folder.mkdir(exist_ok=True)
        with _alone_in(self.control_folder):
            table = self.get_table(exchange)
            if row not in table:
                _write_whole(self._table_of(exchange), dumps([row, *table]))

    def _table_of(self, exchange: str) -> Path:
        return Path(self._exchange_file(exchange))  # type: ignore[no-untyped-call]  # kombu has no types


class Transport(filesystem.Transport):
    """What a broker address `filesystem://` means here."""

    Channel = Channel


def use() -> None:
    """Make `filesystem://` mean this transport; called before the Celery application is configured."""
    TRANSPORT_ALIASES["filesystem"] = f"{__name__}:Transport"


def _write_whole(path: Path, text: str) -> None:
    part = path.with_name(f".{uuid.uuid4()}.part")
    part.write_text(text)
    part.replace(path)


def _take(folder: Path, name: str) -> Any:
    """The message, now ours alone; None when another reader was first or it cannot be read."""
    taken = folder / f".{name}.taken"
    try:
        (folder / name).rename(taken)
        text = taken.read_text()
        taken.unlink()
        return loads(text)
    except FileNotFoundError:
        return None
    except ValueError:
        log.warning("an unreadable message was dropped", extra={"file": name})
        return None


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
