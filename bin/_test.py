"""`bin/test [--faults] [pytest arguments]`: runs the tests away from everybody's data.

Paths are those of the project's root. The data folder is a temporary one, and the database is
SQLite unless DATABASE_URL says otherwise in the environment; a `.env` file does not count.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FAULTS = "tests/faults"
FAST_OPTIONS = [
    f"--ignore={FAULTS}",
    "--session-timeout=2400",  # seconds, for all of them: what hangs outside of a test ends too
]
MOST_WORKERS = 4  # each has a database, a folder and (tests/settings.py) a Redis database of its own
FAULT_OPTIONS = [
    "--override-ini=addopts=--strict-markers --strict-config -q",  # without pyproject's --ignore of this folder
    "--timeout=120",  # seconds, for one test without shared fixtures: twice what it may take on two idle cores
    "--session-timeout=1200",  # seconds, for all of them
]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def main(arguments: list[str]) -> int:
    """The exit code of pytest; 5, no test ran, stays a failure."""
    os.chdir(ROOT)
    faults = "--faults" in arguments
    wanted = [argument for argument in arguments if argument != "--faults"]
    if not (os.environ.get("CHROMIUM") or any(map(shutil.which, BROWSERS))):
        say("Chromium was not found; the browser tests are skipped.")
    with tempfile.TemporaryDirectory(prefix="community-ops-test-") as folder:
        set_environment(Path(folder))
        code = int(pytest.main([*(fault_options(wanted) if faults else fast_options(wanted)), *wanted]))
    if code == pytest.ExitCode.NO_TESTS_COLLECTED:
        say("No test ran." if faults else f"No test ran (those of {FAULTS} need --faults).")
    return code


def fast_options(wanted: list[str]) -> list[str]:
    """The whole suite runs on as many processes as there are cores; named tests in one, which starts sooner."""
    named = any(Path(argument.partition("::")[0]).exists() for argument in wanted)
    workers = min(os.cpu_count() or 1, MOST_WORKERS)
    return FAST_OPTIONS if named or workers == 1 else [*FAST_OPTIONS, f"--numprocesses={workers}"]


def fault_options(wanted: list[str]) -> list[str]:
    named = any(argument.startswith(FAULTS) for argument in wanted)
    return FAULT_OPTIONS if named else [*FAULT_OPTIONS, FAULTS]


def set_environment(folder: Path) -> None:
    os.environ["DATA_DIR"] = str(folder / "data")
    os.environ.setdefault("DATABASE_URL", f"sqlite:///{folder / 'db.sqlite3'}")
    os.environ.setdefault("REDIS_URL", "")


def say(text: str) -> None:
    sys.stderr.write(f"bin/test: {text}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
