"""Makes and refreshes `.venv`, then hands over to its Python: `_env.py runtime|dev ARGUMENT ...`.

Standard library only, Python 3.11 or newer. What is installed is exactly what the lock file says,
checked by hash, with uv where it is on the PATH and with venv and pip otherwise; where packages
come from is left to the configuration of either. An environment made for `dev` also serves
`runtime`. Everything is said on stderr, so stdout belongs to the program that follows.
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "installed.json"  # written last: an interrupted installation has none
INSTALL_LOG = VENV / "install.log"
LOCK_FILES = {"runtime": ROOT / "requirements.lock", "dev": ROOT / "requirements-dev.lock"}
BASE_PYTHON: str = getattr(sys, "_base_executable", sys.executable)


class Failed(Exception):
    """The environment cannot be made; the text is the one line that a person reads."""


def main(arguments: list[str]) -> NoReturn:
    kind, *rest = arguments
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        prepare(kind)
    except KeyboardInterrupt:
        sys.exit(130)
    except (Failed, OSError) as error:
        sys.exit(f"The environment {VENV} could not be prepared: {error}")
    os.execv(PYTHON, [str(PYTHON), *rest])


def prepare(kind: str) -> None:
    """Bring `.venv` and the compiled translations up to date; two starts at once take turns."""
    if is_current(kind) and not stale_translations():
        return
    with only_one():
        if not is_current(kind):
            install(kind)
        if translations := stale_translations():
            compile_translations(translations)


@contextlib.contextmanager
def only_one() -> Iterator[None]:
    """Hold the lock on this file, which every copy of these commands finds and nothing clears."""
    with open(__file__, "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another command is making the environment; waiting for it.")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


# --- is it there? ----------------------------------------------------------------------------


def is_current(kind: str) -> bool:
    stamp = read_stamp()
    return stamp.get(kind) == digest(kind) and stamp.get("python") == os.path.realpath(PYTHON)


def read_stamp() -> dict[str, str]:
    try:
        stamp: dict[str, str] = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}
    return stamp


def digest(kind: str) -> str:
    return hashlib.sha256(LOCK_FILES[kind].read_bytes()).hexdigest()


# --- installing ------------------------------------------------------------------------------


def install(kind: str) -> None:
    """Install the lock of `kind`. A finished environment is updated, anything else made anew.

    A `dev` environment stays one, so that `bin/run` after `bin/test` does not undo it.
    """
    before = read_stamp()
    kinds = ["runtime", "dev"] if kind == "dev" or "dev" in before else ["runtime"]
    fresh = before.get("python") != os.path.realpath(PYTHON)
    STAMP.unlink(missing_ok=True)
    install_with_any(LOCK_FILES[kinds[-1]], fresh=fresh)
    stamp = {each: digest(each) for each in kinds} | {"python": os.path.realpath(PYTHON)}
    draft = STAMP.with_suffix(".draft")
    draft.write_text(json.dumps(stamp, indent=2) + "\n")
    draft.replace(STAMP)


def install_with_any(lock: Path, *, fresh: bool) -> None:
    """Try uv, then pip: one of them may be the only one that knows where packages come from."""
    installers: list[tuple[str, Callable[..., None]]] = [("pip", install_with_pip)]
    if shutil.which("uv"):
        installers.insert(0, ("uv", install_with_uv))
    for name, installer in installers:
        say(f"{'Making' if fresh else 'Updating'} {VENV} with {name}; this can take a minute or two.")
        try:
            installer(lock, fresh=fresh)
        except Failed as error:
            if name == "pip":
                raise
            say(f"{name} failed ({error}).")
        else:
            return


def install_with_uv(lock: Path, *, fresh: bool) -> None:
    if fresh:
        run("uv", "venv", "--quiet", "--no-project", "--clear", "--python", BASE_PYTHON, VENV)
    run("uv", "pip", "sync", "--quiet", "--require-hashes", "--python", PYTHON, lock)


def install_with_pip(lock: Path, *, fresh: bool) -> None:
    if fresh or not any(VENV.glob("lib/python*/site-packages/pip/__init__.py")):
        if importlib.util.find_spec("ensurepip") is None:
            raise Failed(f"{BASE_PYTHON} lacks venv (on Debian and Ubuntu: apt-get install python3-venv)")
        run(BASE_PYTHON, "-m", "venv", "--clear", VENV)
    options = ("--require-hashes", "--no-deps", "--no-compile", "--disable-pip-version-check", "--no-input")
    run(PYTHON, "-m", "pip", "install", "--quiet", "--progress-bar", "off", *options, "-r", lock)


def run(*command: str | Path) -> None:
    """Run quietly. Raises Failed with the line that says why; the rest is kept in install.log."""
    environment = os.environ | {"PIP_USER": "0", "PYTHONNOUSERSITE": "1"}
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=environment, cwd=ROOT, check=False,
    )  # fmt: skip
    if done.returncode == 0:
        return
    if VENV.is_dir():
        INSTALL_LOG.write_text(done.stdout)
    raise Failed(telling_line(done.stdout) or f"{command[0]} ended with code {done.returncode}")


def telling_line(output: str) -> str:
    """The first line that calls itself an error, else the last one."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith(("error", "fatal"))]
    return errors[0] if errors else lines[-1] if lines else ""


# --- translations ----------------------------------------------------------------------------


def stale_translations() -> list[Path]:
    """The message files whose compiled form is missing or older."""
    return [source for source in ROOT.glob("locale/**/*.po") if is_stale(source)]


def is_stale(source: Path) -> bool:
    compiled = source.with_suffix(".mo")
    return not compiled.exists() or compiled.stat().st_mtime < source.stat().st_mtime


def compile_translations(sources: list[Path]) -> None:
    run(PYTHON, ROOT / "bin" / "_compile_messages.py", *sources)


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
