"""What of a system no rule touches, over a corpus of messages."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from canonical.dictionary import describe
from mappings.engine.mapping import every
from mappings.tool.explaining import explain
from mappings.tool.systems import System

_OF_ALL: Final = frozenset(
    ("id", "meta", "implicitRules", "language", "text", "contained", "extension", "modifierExtension", "resourceType")
)
_INDEX: Final = re.compile(r"\[\d+\]")


@dataclass(frozen=True, slots=True)
class Coverage:
    """``unmapped``: source places without their numbers, how often each, and where first; ``unmade``: by type of
    resource, R4's elements that nothing made; ``unused``: rules that made nothing; ``unread``: files that are no
    message."""

    system: str
    files: int
    places: int
    unmapped: dict[str, tuple[int, str]]
    unmade: dict[str, list[str]]
    unused: list[str]
    unread: list[str]


def coverage(of: System, files: Iterable[Path]) -> Coverage:
    """The coverage of ``files``; those that are none of the system's messages are named."""
    times: Counter[str] = Counter()
    first: dict[str, str] = {}
    made: dict[str, set[str]] = {}
    used: set[str] = set()
    places, read, unread = 0, 0, []
    for file in files:
        data = file.read_bytes()
        try:
            found = explain(data, of, str(file))
        except ValueError as err:
            unread.append(f"{file}: {err}")
            continue
        read, places = read + 1, places + sum(1 for _ in of.places(data))
        used |= {step.rule for one in found.made for step in one.steps}
        for one in found.made:
            made.setdefault(one.resource["resourceType"], set()).update(name.lstrip("_") for name in one.resource)
        for place, line in found.unmapped:
            name = plain(place)
            times[name] += 1
            first.setdefault(name, f"{file}:{line}")
    unmapped = {name: (count, first[name]) for name, count in times.most_common()}
    unmade = {kind: sorted(describe(kind).elements.keys() - names - _OF_ALL) for kind, names in sorted(made.items())}
    return Coverage(of.name, read, places, unmapped, unmade, _unused(of, used), unread)


def _unused(of: System, used: set[str]) -> list[str]:
    rules = [rule for message in of.messages().values() for rule in every(message.rules) if not rule.rows]
    return sorted({f"{rule.at}: {' '.join(path for path, _ in rule.sources)}" for rule in rules if rule.at not in used})


def _near(file: Path) -> Path:
    return file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file


def plain(place: str) -> str:
    """A place without the numbers of what comes again."""
    return _INDEX.sub("", place)


def corpus(name: str, folders: Sequence[Path]) -> list[Path]:
    """The files under ``folders``, or of the repository's own samples of a system: whatever is neither an expectation
    nor a command. Raises FileNotFoundError where there is nothing."""
    roots = list(folders) or [Path(__file__).parents[2] / "tests" / "golden" / name]
    ours = tuple(f"{one}.json" for one in ("expected", "canonical", "command", "notes", "stored", "patient"))
    found = [file for root in roots for file in (sorted(root.rglob("[!.]*")) if root.is_dir() else [root])]
    files = [_near(file) for file in found if file.is_file() and (folders or file.name not in ours)]
    if not files:
        raise FileNotFoundError(f"there are no messages in {', '.join(map(str, roots))}; name a folder of them")
    return files
