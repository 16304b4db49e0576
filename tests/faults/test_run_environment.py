"""bin/_env.py for real: environments made, updated, interrupted, raced and refused."""

import subprocess
from pathlib import Path

import pytest

from tests.commands.instance import clean_environment
from tests.commands.programs import copy_commands, make


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A tree with our commands, two locks that ask for nothing, and no environment."""
    root = copy_commands(tmp_path / "a project")
    (root / "requirements.lock").write_text("# nothing\n")
    (root / "requirements-dev.lock").write_text("# nothing, for tests\n")
    return root


def test_environment_is_made_once(project):
    first, second = make(project, "dev"), make(project, "dev")

    assert (first.returncode, first.stdout) == (0, f"{project}/.venv\n")
    assert "Making" in first.stderr
    assert (second.returncode, second.stdout, second.stderr) == (0, first.stdout, "")


def test_environment_stays_one_for_tests_when_the_other_lock_changes(project):
    make(project, "dev")
    (project / "requirements.lock").write_text("# nothing, but different\n")

    assert "Updating" in make(project, "runtime").stderr
    assert make(project, "dev").stderr == ""


def test_environment_is_made_anew_when_an_installation_was_interrupted(project):
    (project / ".venv").mkdir()
    (project / ".venv" / "half").write_text("installed")

    assert "Making" in make(project, "runtime").stderr
    assert not (project / ".venv" / "half").exists()


def test_two_starts_at_once_make_one_environment(project):
    command = [project / "bin" / "_python", "runtime", "-c", "print('ran')"]
    both = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean_environment())
        for _ in range(2)
    ]

    ends = [process.communicate() for process in both]

    assert [out for out, _ in ends] == ["ran\n", "ran\n"]
    assert sum("Making" in err for _, err in ends) == 1


def test_failure_to_install_is_one_line_and_leaves_no_stamp(project):
    (project / "requirements.lock").write_text("this is no requirement\n")

    done = make(project, "runtime")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1].startswith(f"The environment {project}/.venv could not be prepared: ERROR: ")
    assert not (project / ".venv" / "installed.json").exists()
