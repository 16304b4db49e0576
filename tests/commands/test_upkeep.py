"""What CI asks about the message file, the locks and .env.example."""

import re
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import polib
import pytest

from tests.commands.instance import ROOT

PIN = "django==5.2.19 \\\n    --hash=sha256:00\n"


def load(name: str) -> ModuleType:
    """One of the programs in bin/, as a module."""
    loader = SourceFileLoader(name, str(ROOT / "bin" / f"{name}.py"))
    module = ModuleType(name)
    module.__file__ = loader.path
    loader.exec_module(module)
    return module


# --- .env.example -----------------------------------------------------------------------------


def test_every_variable_of_the_settings_is_in_the_example():
    read = set(re.findall(r'\benv\.\w+\(\s*"([A-Z_]+)"', (ROOT / "community_ops" / "settings.py").read_text()))
    shown = set(re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))

    assert shown == read


def test_every_variable_of_the_example_has_an_explanation():
    text = (ROOT / ".env.example").read_text()

    explained = re.findall(r"^# .+\n#?([A-Z_]+)=", text, re.MULTILINE)
    assert explained == re.findall(r"^#?([A-Z_]+)=", text, re.MULTILINE)


# --- bin/lock --check -------------------------------------------------------------------------


@pytest.fixture
def locks(tmp_path: Path) -> Path:
    (tmp_path / "requirements.txt").write_text("django>=5.2.19,<5.3\n")
    (tmp_path / "requirements-dev.txt").write_text("-r requirements.txt\n# linters\nruff[all]>=0.17\n")
    (tmp_path / "requirements.lock").write_text(PIN)
    (tmp_path / "requirements-dev.lock").write_text(PIN + PIN.replace("django==5.2.19", "ruff==0.17.6"))
    return tmp_path


def test_fitting_locks_have_no_misfit(locks):
    assert load("_locks").misfits(locks) == []


def test_misfit_is_told_when_a_requirement_moved_on(locks):
    (locks / "requirements.txt").write_text("django>=5.3\n")

    assert load("_locks").misfits(locks) == ["requirements.txt asks for django>=5.3, its lock has 5.2.19"]


def test_misfit_is_told_when_the_locks_disagree(locks):
    (locks / "requirements.lock").write_text(PIN.replace("5.2.19", "5.2.20"))

    assert load("_locks").misfits(locks) == ["requirements-dev.lock has django 5.2.19, requirements.lock has 5.2.20"]


def test_misfit_is_told_when_a_pin_has_no_hash(locks):
    (locks / "requirements.lock").write_text("django==5.2.19\n")

    assert load("_locks").misfits(locks) == ["requirements.lock: django==5.2.19 has no hash"]


# --- bin/messages -----------------------------------------------------------------------------


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A project whose code uses two messages."""
    (tmp_path / "groups").mkdir()
    (tmp_path / "groups" / "errors.py").write_text('from x import gettext as _\n_("%(count)s groups")\n')
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "today.html").write_text('{% translate "Today" %}')
    return tmp_path


def write_messages(tree: Path, **translations: str) -> Path:
    path: Path = load("_messages").message_file(tree)
    path.parent.mkdir(parents=True, exist_ok=True)
    catalog = polib.POFile()
    catalog.metadata = {"Content-Type": "text/plain; charset=UTF-8"}
    catalog.extend(polib.POEntry(msgid=msgid, msgstr=text) for msgid, text in translations.items())
    catalog.save(str(path))
    return path


def test_problems_are_told_when_messages_are_missing_empty_or_unused(tree):
    messages = load("_messages")
    path = write_messages(tree, Today="", Gone="没有了")

    assert messages.problems(path, messages.messages_in_code(tree)) == [
        "missing: '%(count)s groups'",
        "not translated: 'Today'",
        "no longer used: 'Gone'",
    ]


def test_problem_is_told_when_a_placeholder_is_lost(tree):
    messages = load("_messages")
    path = write_messages(tree, **{"Today": "今日", "%(count)s groups": "群"})
    messages.update(path, messages.messages_in_code(tree))

    assert any("count" in line for line in messages.problems(path, messages.messages_in_code(tree)))


def test_update_keeps_translations_adds_what_is_new_and_drops_what_is_gone(tree):
    messages = load("_messages")
    path = write_messages(tree, Today="今日", Gone="没有了")

    messages.update(path, messages.messages_in_code(tree))

    assert [(entry.msgid, entry.msgstr) for entry in polib.pofile(str(path))] == [
        ("%(count)s groups", ""),
        ("Today", "今日"),
    ]


def test_update_keeps_the_messages_of_libraries(tree):
    messages = load("_messages")
    path = write_messages(tree, Today="今日")
    catalog = polib.pofile(str(path))
    catalog.append(polib.POEntry(msgid="Apply Filters", msgstr="应用筛选", tcomment="library: django-unfold"))
    catalog.save(str(path))

    messages.update(path, messages.messages_in_code(tree))

    assert polib.pofile(str(path)).find("Apply Filters").msgstr == "应用筛选"
    assert not [line for line in messages.problems(path, messages.messages_in_code(tree)) if "Apply" in line]
