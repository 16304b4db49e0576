"""What bin/run cannot use it names in one line, without a traceback."""

from pathlib import Path

import pytest

from tests.commands.instance import refusal, unused_port


def test_start_is_refused_when_data_folder_is_a_file(tmp_path):
    (tmp_path / "data").write_text("not a folder")

    code, out, err = refusal(tmp_path / "data" / "inside")

    assert (code, out) == (1, "")
    assert err == f"bin/run: The data folder {tmp_path}/data/inside cannot be written: Not a directory.\n"


def test_start_is_refused_when_database_is_unreachable(tmp_path):
    port = unused_port()

    code, out, err = refusal(tmp_path, DATABASE_URL=f"postgres://someone:hush@127.0.0.1:{port}/nowhere")

    assert (code, out) == (1, "")
    assert err.startswith("bin/run: The database cannot be reached: ")
    assert str(port) in err
    assert "hush" not in err
    assert err.count("\n") == 1


def test_start_is_refused_when_broker_is_unreachable(tmp_path):
    port = unused_port()

    code, out, err = refusal(tmp_path, REDIS_URL=f"redis://:hush@127.0.0.1:{port}/0")

    assert (code, out) == (1, "")
    assert err.startswith("bin/run: Redis (REDIS_URL) cannot be reached: ")
    assert str(port) in err
    assert "hush" not in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("key", [b"half a key", b"\xff\xfe"])
def test_start_is_refused_when_the_key_file_is_damaged(tmp_path, key):
    (tmp_path / "field.key").write_bytes(key)

    code, out, err = refusal(tmp_path)

    assert (code, out) == (1, "")
    assert "field.key" in err
    assert "restore" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("settings", [{"REDIS_URL": "nonsense"}, {"ALLOW_CLOCK_SHIFT": "1", "HSTS_SECONDS": "soon"}])
def test_start_is_refused_in_one_line_when_a_variable_is_unusable(tmp_path: Path, settings: dict[str, str]):
    code, out, err = refusal(tmp_path, **settings)

    assert (code, out) == (1, "")
    assert err.startswith("bin/run: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("port", ["-1", "65536", "eighty"])
def test_start_is_refused_when_port_is_no_port(tmp_path, port):
    code, out, err = refusal(tmp_path, f"--port={port}")

    assert (code, out) == (2, "")
    assert port in err.splitlines()[-1]
