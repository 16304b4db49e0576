"""The embedded broker: whole messages, each to one reader, with several processes at once."""

import threading
from pathlib import Path
from queue import Empty

import pytest
from kombu import Connection

from community_ops.common import broker
from tests.races import at_once


@pytest.fixture
def options(tmp_path: Path) -> dict[str, str]:
    for name in ("queue", "control"):
        (tmp_path / name).mkdir()
    queue = str(tmp_path / "queue")
    return {"data_folder_in": queue, "data_folder_out": queue, "control_folder": str(tmp_path / "control")}


def channel(options: dict[str, str]) -> broker.Channel:
    """A channel of a process of its own."""
    connection = Connection("filesystem://localhost//", transport_options=options)
    assert isinstance(connection.transport, broker.Transport)
    return connection.transport.create_channel(connection.transport)


def test_a_message_that_is_being_written_is_not_seen(options, tmp_path) -> None:
    (tmp_path / "queue" / ".half.part").write_text('{"bo')

    with pytest.raises(Empty):
        channel(options)._get("default")


def test_an_unreadable_message_is_dropped_and_the_next_is_read(options, tmp_path) -> None:
    (tmp_path / "queue" / "0_x.default.msg").write_text("")
    channel(options)._put("default", {"n": 1})

    assert channel(options)._get("default") == {"n": 1}

    assert list((tmp_path / "queue").glob("*.msg")) == []


def test_a_queue_gets_only_its_own_messages(options) -> None:
    channel(options)._put("delivery", {"n": 1})

    with pytest.raises(Empty):
        channel(options)._get("default")
    assert channel(options)._get("delivery") == {"n": 1}


def test_each_message_reaches_one_reader_whole_when_many_write_and_read(options) -> None:
    got: list[int] = []
    written = threading.Event()

    def write(first: int) -> None:
        mine = channel(options)
        for number in range(first, first + 200):
            mine._put("default", {"n": number, "pad": "x" * 5000})

    def read() -> None:
        mine = channel(options)
        while True:
            was_written = written.is_set()
            try:
                got.append(mine._get("default")["n"])
            except Empty:
                if was_written:
                    return

    def write_all() -> None:
        at_once([lambda: write(0), lambda: write(200)])
        written.set()

    results = at_once([write_all, read, read])

    assert results == [None, None, None]
    assert sorted(got) == list(range(400))


def test_no_binding_is_lost_when_processes_bind_at_once(options) -> None:
    names = [f"q{number}" for number in range(20)]

    at_once([lambda name=name: channel(options)._queue_bind("reply", "", "", name) for name in names])

    assert {row.queue for row in channel(options).get_table("reply")} == set(names)
