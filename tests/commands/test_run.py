"""bin/run as a person meets it: the Ready line, one instance, second chances, a clean end."""

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands.instance import ROOT, Instance, Ready, eventually, prepare_data, refusal, started


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder as the first start leaves it: making it takes most of a first start's time."""
    return prepare_data(tmp_path_factory.mktemp("template") / "data")


@pytest.fixture
def data(template: Path, tmp_path: Path) -> Path:
    return shutil.copytree(template, tmp_path / "data")


@pytest.fixture(scope="module")
def running(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Instance, Ready]]:
    """An instance that answers, and what its Ready line said."""
    data = shutil.copytree(template, tmp_path_factory.mktemp("installation") / "data")
    with started(data, "--empty") as instance:
        yield instance, instance.await_ready()


def test_what_gunicorn_writes_itself_is_masked(running):
    instance, _ = running
    command = Path(f"/proc/{instance.pid_of('web')}/cmdline").read_text().split("\0")
    assert command[command.index("--logger-class") + 1] == "community_ops.common.web_logs.MaskingLogger"


def test_web_answers_when_ready_is_printed(running):
    _, ready = running

    with urllib.request.urlopen(f"{ready.address}health/live") as answer:
        assert answer.status == 200


def test_login_is_kept_for_its_owner_only(running):
    instance, ready = running
    kept = instance.data / "login.json"

    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    login = json.loads(kept.read_text())
    assert (login["user"], login["password"]) == (ready.user, ready.password)


def test_commands_beside_it_know_where_it_listens(running):
    instance, ready = running
    command = [ROOT / "bin" / "manage", "shell", "--no-imports", "-c"]
    code = "from django.conf import settings; print(settings.PUBLIC_URL)"

    environment = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "DATA_DIR": str(instance.data)}
    answer = subprocess.run([*command, code], env=environment, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == ready.address.rstrip("/")


def test_second_start_is_refused_when_data_is_in_use(running):
    instance, _ = running

    code, out, err = refusal(instance.data)

    assert (code, out) == (1, "")
    assert err == (
        f"bin/run: Process {instance.process.pid} already runs on {instance.data}; "
        "stop it or choose another --data folder.\n"
    )


def test_child_is_started_again_when_it_dies(running):
    instance, _ = running

    killed = instance.kill("beat")

    notice = instance.await_notice("beat died (SIGKILL); starting it again in ")
    assert notice.endswith(f"its log: {instance.data}/logs/beat.log\n")
    assert eventually(lambda: instance.pid_of("beat") not in (None, killed))


def test_nothing_is_left_when_stopped_by_ctrl_c(data):
    with started(data, "--empty") as instance:
        instance.await_ready()
        assert eventually(lambda: len(instance.processes()) >= 4)  # gunicorn, its worker, Celery worker, beat

        assert instance.stop(signal.SIGINT) == 0

        assert instance.processes() == set()


def test_nothing_is_left_when_stopped_while_preparing(tmp_path):
    with started(tmp_path / "data", "--empty") as instance:
        assert eventually((tmp_path / "data" / "logs" / "prepare.log").exists)

        assert instance.stop(signal.SIGINT) == 130

        assert instance.processes() == set()


def test_start_is_refused_when_port_is_in_use(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        code, out, err = refusal(tmp_path / "data", "--port", str(port))

    assert (code, out) == (1, "")
    assert err == f"bin/run: Port {port} cannot be used: Address already in use; choose another with --port.\n"
