"""`bin/run`: starts web, worker and beat on one data folder, keeps them running, stops them all.

Prints one line on stdout once the web answers (`Ready http://…  user: …  password: …`); notices
go to stderr, what the children write to DATA_DIR/logs. One instance per data folder.
"""

import argparse
import contextlib
import fcntl
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import environ
from _children import ROOT, Child, Children, Refused, Signals, open_log, say, signal_group, spawn

HOST = "127.0.0.1"
READY_SECONDS = 120.0
HEAD_START_SECONDS = 4.0  # web and worker have both cores to themselves before the others come
LATER = ("imports", "beat")
INTERRUPTED = 130
BACKLOG = 2048  # connections that may wait for the web: a sale opens for hundreds of people in one second


@dataclass(frozen=True)
class Prepared:
    """What `_prepare.py` found out: the login to show and which kind of installation this is."""

    user: str
    password: str
    database: str
    redis: bool
    host: str
    passes: dict[str, str]  # the demo's members by name, with the code of their personal link
    sale: str  # public code of the demo's sale


def main() -> int:
    """The exit code: 0 after Ctrl-C, 130 after Ctrl-C before the start was done, 1 after a refusal."""
    signals = Signals()
    options = parse_arguments()
    try:
        return run(options, signals)
    except Refused as refusal:
        say(str(refusal))
    except OSError as error:  # a full disk, a log that belongs to somebody else
        say(f"Cannot go on: {error}")
    return 1


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bin/run", description="Start Community Ops on this machine.")
    parser.add_argument("--port", type=int, default=8000, metavar="N", help="port to answer on; 0 picks a free one")
    parser.add_argument("--data", type=Path, metavar="DIR", help="data folder (default: DATA_DIR, else ./var)")
    parser.add_argument("--empty", action="store_true", help="start with an empty workspace instead of the demo")
    options = parser.parse_args()
    if not 0 <= options.port <= 65_535:
        parser.error(f"--port {options.port} is not a port number (0 to 65535)")
    return options


def run(options: argparse.Namespace, signals: Signals) -> int:
    if (ROOT / ".env").is_file():
        environ.Env.read_env(str(ROOT / ".env"))
    data_dir = make_data_dir(options.data or Path(os.environ.get("DATA_DIR") or ROOT / "var"))
    with sole_user_of(data_dir), listening_on(options.port) as listener:
        address = f"http://{HOST}:{listener.getsockname()[1]}"
        (data_dir / "address").write_text(f"{address}\n", encoding="ascii")  # for bin/manage: settings.PUBLIC_URL
        environment = child_environment(data_dir, address)
        prepared = prepare(data_dir, environment, signals, empty=options.empty)
        if prepared is None:
            return INTERRUPTED
        children = Children(children_for(prepared, data_dir, environment, listener.fileno()))
        try:
            return watch(children, signals, address=address, prepared=prepared)
        finally:
            children.stop(signals)


# --- before anything starts ------------------------------------------------------------------


def make_data_dir(wanted: Path) -> Path:
    """The data folder, made where missing and proved writable, with the folders that the children need."""
    data_dir = wanted.resolve()
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in ("logs", "beat"):
            (data_dir / folder).mkdir(exist_ok=True)
        with tempfile.TemporaryFile(dir=data_dir):
            return data_dir
    except OSError as error:
        reason = "it is a file" if isinstance(error, FileExistsError) else error.strerror
        raise Refused(f"The data folder {data_dir} cannot be written: {reason}.") from error


@contextlib.contextmanager
def sole_user_of(data_dir: Path) -> Iterator[None]:
    with open(data_dir / "run.lock", "a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise Refused(
                f"Process {file.read().strip()} already runs on {data_dir}; stop it or choose another --data folder."
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


@contextlib.contextmanager
def listening_on(port: int) -> Iterator[socket.socket]:
    """Take the port. It stays ours over restarts of the web, whose visitors wait instead of failing."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
            listener.listen(BACKLOG)
        except OSError as error:
            raise Refused(f"Port {port} cannot be used: {error.strerror}; choose another with --port.") from error
        yield listener


def child_environment(data_dir: Path, address: str) -> dict[str, str]:
    return os.environ | {
        "PUBLIC_URL": os.environ.get("PUBLIC_URL") or address,
        "DATA_DIR": str(data_dir),
        "DJANGO_SETTINGS_MODULE": "community_ops.settings",
        "PYTHONUNBUFFERED": "1",
    }


def prepare(data_dir: Path, environment: dict[str, str], signals: Signals, *, empty: bool) -> Prepared | None:
    """Migrate and fill the database; None when a signal came first. Raises Refused with the reason."""
    log_path = data_dir / "logs" / "prepare.log"
    command = [str(ROOT / "bin" / "_prepare.py"), "--empty" if empty else "--demo"]
    with open_log(log_path) as log:
        process = spawn(command, environment=environment, log=log, stdout=subprocess.PIPE)
    while process.poll() is None and not signals.stopping:
        signals.wait(1.0)
    signal_group(process.pid, signal.SIGKILL)
    printed, _ = process.communicate()
    if signals.stopping:
        return None
    if not printed:
        raise Refused(f"Preparing the data ended with code {process.returncode}; its log: {log_path}")
    answer = json.loads(printed)
    if "error" in answer:
        raise Refused(answer["error"])
    known = {name: answer[name] for name in ("user", "password", "database", "redis", "host")}
    return Prepared(**known, passes=answer.get("passes", {}), sale=answer.get("sale", ""))


# --- what is started -------------------------------------------------------------------------


def children_for(prepared: Prepared, data_dir: Path, environment: dict[str, str], listener: int) -> list[Child]:
    """Web first; imports and beat last: the web's answer is what the person waits for."""
    commands = {"web": web_command(prepared, listener)}
    commands |= redis_worker_commands() if prepared.redis else embedded_worker_commands()
    commands["beat"] = celery("beat", "--schedule", str(data_dir / "beat" / "schedule"))
    logs = data_dir / "logs"
    children = [Child(name, command, logs / f"{name}.log", environment) for name, command in commands.items()]
    children[0].pass_fds = (listener,)
    for child in children:
        if child.name in LATER:
            child.start_at = time.monotonic() + HEAD_START_SECONDS
    return children


def web_command(prepared: Prepared, listener: int) -> list[str]:
    """Two processes of four threads; on SQLite, where one writes at a time, one of eight."""
    workers, threads = ("1", "8") if prepared.database == "sqlite" else ("2", "4")
    return [
        "-m", "gunicorn", "community_ops.wsgi", "--bind", f"fd://{listener}", "--no-control-socket",
        "--logger-class", "community_ops.common.web_logs.MaskingLogger",
        "--worker-class", "gthread", "--workers", workers, "--threads", threads,
        "--timeout", "60", "--graceful-timeout", "6",
    ]  # fmt: skip


def embedded_worker_commands() -> dict[str, list[str]]:
    """One process. Four jobs may keep a thread for long, each no more than one; two are left for those of a moment."""
    queues, threads = "delivery,default,imports", "6"
    return {"worker": worker("worker", "--queues", queues, "--pool", "threads", "--concurrency", threads)}


def redis_worker_commands() -> dict[str, list[str]]:
    """Deliveries, webhooks and polled chats wait on other people's servers: they have threads, each kind takes no more
    than one, one is left for the ticks that find them at work. They never stand behind other work, nor it behind them.

    Imports take minutes, so nothing stands behind them.
    """
    return {
        "worker": worker("worker", "--queues", "default", "--pool", "prefork", "--concurrency", "2"),
        "delivery": worker("delivery", "--queues", "delivery", "--pool", "threads", "--concurrency", "4"),
        "imports": worker("imports", "--queues", "imports", "--pool", "prefork", "--concurrency", "1"),
    }


def worker(name: str, *options: str) -> list[str]:
    return celery("worker", "--hostname", f"{name}@%h", "--without-gossip", "--without-mingle", *options)


def celery(command: str, *options: str) -> list[str]:
    level = os.environ.get("LOG_LEVEL") or "INFO"
    return ["-m", "celery", "--app", "community_ops", "--quiet", command, "--loglevel", level, *options]


# --- while it runs ---------------------------------------------------------------------------


def say_links(prepared: Prepared, address: str) -> None:
    """The demo's personal links, on stderr: stdout has only the line above them."""
    for name, code in prepared.passes.items():
        say(f"{name} buys with {address}/p/{code}?next=/s/{prepared.sale}/")


def watch(children: Children, signals: Signals, *, address: str, prepared: Prepared) -> int:
    """Keep the children running until a signal comes. Raises Refused when that is hopeless."""
    ready, deadline = False, time.monotonic() + READY_SECONDS
    while not signals.stopping:
        children.tend()
        if not ready and is_live(address, prepared.host):
            ready = True
            print(f"Ready {address}/  user: {prepared.user}  password: {prepared.password}", flush=True)
            say_links(prepared, address)
        if not ready and time.monotonic() > deadline:
            raise Refused(f"The web did not answer {address}/health/live within {READY_SECONDS:.0f} s.")
        signals.wait(1.0 if ready else 0.2)
    return 0 if ready else INTERRUPTED


def is_live(address: str, host: str) -> bool:
    request = urllib.request.Request(f"{address}/health/live", headers={"Host": host})
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=1) as answer:
            return bool(answer.status == 200)
    except (OSError, http.client.HTTPException):
        return False


if __name__ == "__main__":
    sys.exit(main())
