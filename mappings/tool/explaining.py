"""What came of a message, from where, by which rule: one look at one file."""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from canonical.fhir import Resource
from canonical.notes import Note
from mappings.engine.rules import Primitive
from mappings.tool.systems import System, system, whose
from mappings.trace import Step, Trace

Place = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Made:
    """One resource, and the steps that made it."""

    resource: Resource
    steps: list[Step]


@dataclass(frozen=True, slots=True)
class Look:
    """One message. ``unmapped`` are the places that no rule carries or leaves out on purpose; what is only carried
    along, unread, is among them."""

    file: str
    system: str
    made: list[Made]
    notes: tuple[Note, ...]
    unmapped: list[Place] = field(default_factory=list)


def look(file: Path, name: str | None = None) -> Look:
    """Read ``file`` as a message of system ``name``, or of the one that knows it.

    Raises OSError, `mappings.tool.systems.NoSystem`, ValueError (no such message; a rule file with a mistake).
    """
    data = file.read_bytes()
    return explain(data, system(name) if name else whose(data), str(file))


def explain(data: bytes, of: System, file: str = "") -> Look:
    """The same of a message's bytes. Raises ValueError."""
    recorder = Trace(of.site)
    try:
        made = [Made(resource, recorder.take()) for resource in of.read(data, recorder)]
    except (LookupError, TypeError, AttributeError, RecursionError) as err:
        frame = traceback.extract_tb(err.__traceback__)[-1]
        raise ValueError(f"{type(err).__name__}: {err} ({frame.filename}:{frame.lineno})") from err
    if made:
        made[-1].steps.extend(recorder.take())
        _allot(made)
    read = {place for one in made for step in one.steps if not is_kept(step) for place in step.sources}
    unmapped = [place for node in of.places(data) if (place := (node.place, node.line)) not in read]
    return Look(file, of.name, made, recorder.notes, unmapped)


def _allot(made: list[Made]) -> None:
    """Where resources came together, give each its own steps: those of its type, from an ``id`` to the next."""
    if all(one.steps for one in made):
        return
    steps = [step for one in made for step in one.steps]
    groups: dict[str, list[list[Step]]] = {one.resource["resourceType"]: [] for one in made}
    current: list[Step] = []
    rest = current
    for step in steps:
        kind, _, name = step.element.partition(".")
        if kind in groups:
            if name == "id" or not groups[kind]:
                groups[kind].append([])
            current = groups[kind][-1]
        current.append(step)
    for one in made:
        mine = groups[one.resource["resourceType"]]
        one.steps[:] = mine.pop(0) if mine else []
    made[0].steps.extend(rest)


def is_kept(step: Step) -> bool:
    """Whether a step only carried along what nothing understands."""
    return step.by.startswith("keep")


def as_json(found: Look) -> dict[str, Any]:
    """The same for programs."""
    return {
        "file": found.file,
        "system": found.system,
        "resources": [{"resource": one.resource, "fields": _fields(one.steps)} for one in found.made],
        "notes": [{"kind": note.kind.value, "path": note.path, "text": note.text} for note in found.notes],
        "unmapped": _places(found.unmapped),
    }


def _fields(steps: Iterable[Step]) -> list[dict[str, Any]]:
    return [
        {"element": s.element, "value": _plain(s.value), "sources": _places(s.sources), "by": s.by, "rule": s.rule}
        for s in steps
    ]


def _plain(value: Any) -> Any:
    """The value as JSON has it; of what a function hands on otherwise only what it is."""
    if isinstance(value, Primitive):
        return {"value": value.value, "extension": value.extension}
    return json.loads(json.dumps(value, default=lambda one: f"({type(one).__name__})"))


def _places(places: Iterable[Place]) -> list[dict[str, Any]]:
    return [{"place": place, "line": line} for place, line in places]
