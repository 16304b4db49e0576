"""Calls the programs of bin/ as a person would, here or in a tree of their own."""

import shutil
import subprocess
from pathlib import Path

from tests.commands.instance import ROOT, clean_environment

__all__ = ["ROOT", "call", "copy_commands", "make"]

Done = subprocess.CompletedProcess[str]


def call(*command: str | Path, cwd: Path, **settings: str) -> Done:
    return subprocess.run(
        command,
        cwd=cwd,
        env=clean_environment(**settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def copy_commands(root: Path) -> Path:
    """A tree that has nothing but bin/."""
    shutil.copytree(ROOT / "bin", root / "bin", ignore=shutil.ignore_patterns("__pycache__"))
    return root


def make(project: Path, kind: str) -> Done:
    """Make the environment and print the folder of the Python that then runs."""
    return call(project / "bin" / "_python", kind, "-c", "import sys; print(sys.prefix)", cwd=project.parent)
