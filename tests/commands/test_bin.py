"""The commands as programs: where they may be called from, and which environment they make."""

import shutil
from pathlib import Path

import pytest

from tests.commands.programs import ROOT, call, copy_commands, make


def test_command_works_when_called_through_a_symlink_with_a_space(tmp_path):
    link = tmp_path / "my commands" / "manage it"
    link.parent.mkdir()
    link.symlink_to(ROOT / "bin" / "manage")

    done = call(link, "version", cwd=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("5.2.")


def test_no_test_at_all_is_not_green(tmp_path):
    done = call(ROOT / "bin" / "test", "tests/commands/test_bin.py", "-k", "matches_nothing", cwd=tmp_path)

    assert done.returncode == 5
    assert done.stderr.endswith("bin/test: No test ran (those of tests/faults need --faults).\n")


# --- the environment --------------------------------------------------------------------------


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """Another tree with our commands and our environment, which is finished."""
    root = copy_commands(tmp_path / "a project")
    (root / ".venv").symlink_to(ROOT / ".venv")
    for lock in ("requirements.lock", "requirements-dev.lock"):
        shutil.copy(ROOT / lock, root)
    return root


def test_environment_of_tests_serves_the_runtime_too(made):
    assert make(made, "runtime").stderr == ""


def test_translations_are_compiled_when_they_changed(made):
    catalog = made / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"
    catalog.parent.mkdir(parents=True)
    catalog.write_text(
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\nmsgid "Today"\nmsgstr "今日"\n'
    )

    done = make(made, "runtime")

    assert (done.returncode, done.stderr) == (0, "")
    assert "今日".encode() in catalog.with_suffix(".mo").read_bytes()


def test_broken_translation_is_named_in_one_line(made):
    catalog = made / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"
    catalog.parent.mkdir(parents=True)
    catalog.write_text('msgid "Today"\n<<<<<<< ours\n')

    done = make(made, "runtime")

    assert (done.returncode, done.stdout) == (1, "")
    assert "django.po (line 2)" in done.stderr
