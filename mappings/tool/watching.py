"""Looks at a message again whenever it, or a mapping, changes. What has changed is loaded anew, in the same process."""

from __future__ import annotations

import difflib
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module, invalidate_caches
from pathlib import Path
from typing import Any, Final

_FOLDER: Final = Path(__file__).parents[1]
_STAYS: Final = ("mappings", "mappings.cli", "mappings.__main__", "mappings.tool", "mappings.tool.watching")
_SUFFIXES: Final = frozenset({".py", ".toml", ".csv", ".xsd"})
PAUSE: Final = 0.05
"""Seconds between two looks at the clocks of the files."""

# What a mapping in the making may raise, whatever is wrong with it.
WRONG: Final = (ValueError, LookupError, TypeError, AttributeError, ImportError, SyntaxError, OSError, AssertionError)


@dataclass(frozen=True, slots=True)
class View:
    """One look: what was made, or what is wrong; what is new in it against the look before; how long it took (ms)."""

    look: dict[str, Any] | None
    wrong: str
    changed: list[str]
    took: float


def views(file: Path, name: str | None, *, once: bool = False) -> Iterator[View]:
    """A view now, and again at every change, for ever (or ``once``)."""
    before: list[str] | None = None
    stamps: dict[Path, int] = {}
    while True:
        found = _stamps(file)
        if found != stamps:
            mapping_changed = bool(stamps) and {**found, file: 0} != {**stamps, file: 0}
            stamps = found
            view, before = _view(file, name, before, anew=mapping_changed)
            name = view.look["system"] if view.look else name
            yield view
            if once:
                return
        time.sleep(PAUSE)


def _view(file: Path, name: str | None, before: list[str] | None, *, anew: bool) -> tuple[View, list[str] | None]:
    began = time.perf_counter()
    try:
        look = _look(file, name, anew=anew)
    except WRONG as err:
        text = str(err) if isinstance(err, ValueError | LookupError | OSError) else f"{type(err).__name__}: {err}"
        if isinstance(err, OSError) and err.strerror:
            text = f"{err.strerror}: give the file of a message, as it came"
        return View(None, text, [], _since(began)), before
    lines = json.dumps(_shown(look), ensure_ascii=False, indent=1).splitlines()
    diff = [] if before is None else list(difflib.unified_diff(before, lines, lineterm="", n=1))[2:]
    return View(look, "", diff, _since(began)), lines


def _shown(look: dict[str, Any]) -> dict[str, Any]:
    return {"resources": [one["resource"] for one in look["resources"]], "notes": look["notes"]}


def _look(file: Path, name: str | None, *, anew: bool) -> dict[str, Any]:
    """The look; ``anew`` by mappings as they are on disk now."""
    for module in [one for one in sys.modules if anew and one.startswith("mappings.") and one not in _STAYS]:
        del sys.modules[module]
    invalidate_caches()
    explaining = import_module("mappings.tool.explaining")
    found: dict[str, Any] = explaining.as_json(explaining.look(file, name))
    return found


def _stamps(file: Path) -> dict[Path, int]:
    watched = [file, *(one for one in _FOLDER.rglob("*") if one.suffix in _SUFFIXES)]
    found = {}
    for one in watched:
        try:
            found[one] = one.stat().st_mtime_ns
        except FileNotFoundError:
            found[one] = 0
    return found


def _since(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 1)
