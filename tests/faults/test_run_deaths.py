"""bin/run when processes are killed: its own and its children's."""

import shutil
import signal
import urllib.request
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from tests.commands.instance import eventually, refusal, started


@pytest.fixture
def data(embedded_data: Path, tmp_path: Path) -> Path:
    return shutil.copytree(embedded_data, tmp_path / "data")


def test_run_ends_when_children_keep_dying(data):
    with started(data, "--empty") as instance:
        instance.await_ready()
        for child in ("web", "worker", "beat", "beat", "beat"):
            instance.kill(child)

        _, err = instance.finish()

        assert instance.process.returncode == 1
        assert "5 deaths within a minute" in err.splitlines()[-1]
        assert instance.processes() == set()


def test_nothing_is_left_when_bin_run_itself_is_killed(data):
    with started(data, "--empty") as instance:
        instance.await_ready()

        assert instance.stop(signal.SIGKILL) == -signal.SIGKILL

        assert eventually(lambda: instance.processes() == set())


def test_web_answers_again_when_it_was_killed(data):
    with started(data, "--empty") as instance:
        ready = instance.await_ready()

        killed = instance.kill("web")

        assert eventually(lambda: instance.pid_of("web") not in (None, killed))
        assert answers(ready.address)


def test_login_and_data_stay_when_started_again(data):
    with started(data, "--empty") as instance:
        first = instance.await_ready()
        assert instance.stop(signal.SIGTERM) == 0

    with started(data, "--empty") as instance:
        second = instance.await_ready()

    assert second[1:] == first[1:]


def test_start_is_refused_when_the_key_cannot_read_the_data(data):
    (data / "field.key").write_text(Fernet.generate_key().decode())

    code, out, err = refusal(data, "--empty")

    assert (code, out) == (1, "")
    assert "key" in err
    assert err.count("\n") == 1


def answers(address: str) -> bool:
    """Connections wait at bin/run's own socket while the web starts again."""
    with urllib.request.urlopen(f"{address}health/live", timeout=30) as answer:
        return bool(answer.status == 200)
