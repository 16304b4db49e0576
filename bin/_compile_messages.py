"""Compiles message files: `_compile_messages.py FILE.po ...` writes each FILE.mo beside it."""

import sys
from pathlib import Path

import polib


def main(sources: list[str]) -> None:
    """Compile each file. A broken one ends with its name and line, and keeps its old .mo."""
    for source in map(Path, sources):
        try:
            compile_file(source)
        except OSError as error:
            sys.exit(f"error: {error}")


def compile_file(source: Path) -> None:
    """The .mo appears whole or not at all: a server may be reading the old one."""
    draft = source.with_suffix(".mo.draft")
    polib.pofile(str(source)).save_as_mofile(str(draft))
    draft.replace(source.with_suffix(".mo"))


if __name__ == "__main__":
    main(sys.argv[1:])
