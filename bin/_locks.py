"""`bin/lock --check`: do the lock files still fit the requirements? Needs no network."""

import itertools
import sys
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Print one line for each misfit; 1 when there is one."""
    lines = misfits(ROOT)
    for line in lines:
        sys.stderr.write(f"{line}\n")
    return 1 if lines else 0


def misfits(root: Path) -> list[str]:
    """Requirements without a fitting pin, pins without a hash, and pins that differ between the locks."""
    runtime, dev = read_pins(root / "requirements.lock"), read_pins(root / "requirements-dev.lock")
    lines = [*unmet(root / "requirements.txt", runtime), *unmet(root / "requirements-dev.txt", dev)]
    lines += [
        f"requirements-dev.lock has {name} {dev.get(name, 'not at all')}, requirements.lock has {version}"
        for name, version in runtime.items()
        if dev.get(name) != version
    ]
    return lines + unhashed(root / "requirements.lock") + unhashed(root / "requirements-dev.lock")


def unmet(path: Path, pins: dict[str, Version]) -> list[str]:
    return [
        f"{path.name} asks for {wish}, its lock has {pins.get(canonicalize_name(wish.name), 'nothing')}"
        for wish in read_requirements(path)
        if not is_met(wish, pins.get(canonicalize_name(wish.name)))
    ]


def is_met(wish: Requirement, version: Version | None) -> bool:
    return version is not None and wish.specifier.contains(version, prereleases=True)


def read_requirements(path: Path) -> list[Requirement]:
    lines = (line.split("#")[0].strip() for line in path.read_text().splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("-")]


def read_pins(path: Path) -> dict[str, Version]:
    """Name and version of each `name==version` line of a lock file; `redis[hiredis]` counts as `redis`."""
    wishes = [Requirement(line.rstrip("\\ ")) for line in path.read_text().splitlines() if is_pin(line)]
    return {canonicalize_name(wish.name): Version(next(iter(wish.specifier)).version) for wish in wishes}


def unhashed(path: Path) -> list[str]:
    """Every pin is followed by the hashes that an installation checks."""
    lines = [*path.read_text().splitlines(), ""]
    return [
        f"{path.name}: {line} has no hash"
        for line, following in itertools.pairwise(lines)
        if is_pin(line) and not following.strip().startswith("--hash=")
    ]


def is_pin(line: str) -> bool:
    return line[:1].isalnum() and "==" in line


if __name__ == "__main__":
    sys.exit(main())
