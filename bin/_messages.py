"""`bin/messages`: keeps the Chinese message file in step with the code; `--check` only looks.

The file holds exactly the messages that code and templates use, sorted by msgid so that two
branches rarely touch the same lines, without places and dates. A message that a library leaves
untranslated belongs here too: its entry carries a translator comment that begins with
`library:` and is kept although our code does not use it.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import polib

ROOT = Path(__file__).resolve().parent.parent
LANGUAGE = "zh_Hans"
NOT_INTERFACE = (".*", "var", "node_modules", "locale", "tests", "benchmarks", "docs", "bin", "__pycache__")
HEADER = {
    "Project-Id-Version": "community_ops",
    "Language": LANGUAGE,
    "MIME-Version": "1.0",
    "Content-Type": "text/plain; charset=UTF-8",
    "Content-Transfer-Encoding": "8bit",
    "Plural-Forms": "nplurals=1; plural=0;",
}

Key = tuple[str | None, str]  # context and msgid


class Failed(Exception):
    """The messages cannot be collected; the text is the one line that a person reads."""


def main() -> int:
    """Update the file, or with `--check` list what is wrong with it; 1 when something is."""
    parser = argparse.ArgumentParser(prog="bin/messages", description="Update the Chinese message file.")
    parser.add_argument("--check", action="store_true", help="change nothing, list what is wrong")
    options = parser.parse_args()
    path = message_file(ROOT)
    try:
        found = messages_in_code(ROOT)
        if options.check:
            return report(problems(path, found))
        update(path, found)
    except (Failed, OSError) as error:
        sys.exit(f"bin/messages: {error}")
    return 0


def message_file(root: Path) -> Path:
    return root / "locale" / LANGUAGE / "LC_MESSAGES" / "django.po"


def report(lines: list[str]) -> int:
    for line in lines:
        sys.stderr.write(f"{line}\n")
    return 1 if lines else 0


# --- what the code uses ----------------------------------------------------------------------


def messages_in_code(root: Path) -> dict[Key, polib.POEntry]:
    """Every message of code and templates, collected by makemessages from a copy of the tree."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "tree"
        shutil.copytree(root, copy, ignore=shutil.ignore_patterns(*NOT_INTERFACE))
        (copy / "locale").mkdir()
        run_makemessages(copy)
        template = copy / "locale" / "django.pot"
        entries = polib.pofile(str(template)) if template.exists() else []
        return {key(entry): entry for entry in entries}


def run_makemessages(tree: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    options = ["--locale", LANGUAGE, "--keep-pot", "--no-location", "--no-wrap", "--verbosity", "0"]
    done = subprocess.run(
        [sys.executable, "-m", "django", "makemessages", *options],
        cwd=tree, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise Failed((done.stderr.strip() or "makemessages failed").splitlines()[-1])


def key(entry: polib.POEntry) -> Key:
    return entry.msgctxt, entry.msgid


# --- updating --------------------------------------------------------------------------------


def update(path: Path, found: dict[Key, polib.POEntry]) -> None:
    """Write the file anew: known translations kept, new messages empty, unused ones dropped."""
    known = {key(entry): entry for entry in read(path) if not entry.obsolete}
    kept = {each: entry for each, entry in known.items() if is_of_library(entry)}
    catalog = polib.POFile(wrapwidth=0)
    catalog.metadata = HEADER
    entries = kept | {each: merged(entry, known.get(each)) for each, entry in found.items()}
    catalog.extend(entries[each] for each in sorted(entries, key=lambda each: (each[1], each[0] or "")))
    path.parent.mkdir(parents=True, exist_ok=True)
    catalog.save(str(path))


def merged(entry: polib.POEntry, known: polib.POEntry | None) -> polib.POEntry:
    """The message as the code has it now, with the translation that is already there."""
    if known and known.msgid_plural == entry.msgid_plural:
        entry.msgstr, entry.msgstr_plural, entry.tcomment = known.msgstr, known.msgstr_plural, known.tcomment
        if known.fuzzy:
            entry.flags.append("fuzzy")
    return entry


def read(path: Path) -> list[polib.POEntry]:
    return list(polib.pofile(str(path))) if path.exists() else []


def is_of_library(entry: polib.POEntry) -> bool:
    return str(entry.tcomment).startswith("library:")


# --- checking --------------------------------------------------------------------------------


def problems(path: Path, found: dict[Key, polib.POEntry]) -> list[str]:
    """One line for each thing that is wrong; `bin/messages` and a translator put it right."""
    if not path.exists():
        return [f"{path} is missing"]
    entries = read(path)
    known = {key(entry) for entry in entries if not entry.obsolete}
    lines = [f"missing: {msgid!r}" for context, msgid in found if (context, msgid) not in known]
    lines += [f"{problem}: {entry.msgid!r}" for entry in entries for problem in problems_of(entry, found)]
    return lines + format_problems(path)


def problems_of(entry: polib.POEntry, found: dict[Key, polib.POEntry]) -> Iterator[str]:
    used = found.get(key(entry))
    if entry.obsolete or (used is None and not is_of_library(entry)):
        yield "no longer used"
    elif entry.fuzzy:
        yield "fuzzy"
    elif not entry.translated():
        yield "not translated"
    elif used is not None and used.msgid_plural != entry.msgid_plural:
        yield "plural changed"


def format_problems(path: Path) -> list[str]:
    """What gettext itself finds: placeholders that differ between the message and its translation."""
    command = ["msgfmt", "--check-format", "--output-file", os.devnull, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stderr.strip().splitlines() if done.returncode != 0 else []


if __name__ == "__main__":
    sys.exit(main())
