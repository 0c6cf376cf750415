"""Any resource of Lifecare's, or a bundle of them, for ``silta map``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from canonical import strict_json
from canonical.fhir import Resource
from mappings.engine.recorder import Recorder
from mappings.engine.tree import Standing
from mappings.lifecare import directory, patients
from mappings.lifecare.appointments import KIND, appointment
from mappings.lifecare.slots import slot
from mappings.lifecare.vocabulary import vocabulary
from mappings.tool.systems import System
from mappings.trace import Place

_WORDS: Final = vocabulary("lifecare-porvoo", "urn:oid:2.999.638", ("health", "oral"))
_NOBODYS: Final = ("resourceType", "id", "meta")
"""What names a resource is not carried as an element of it."""


def _recognises(data: bytes) -> bool:
    try:
        found = strict_json.loads(data)
    except ValueError:
        return False
    return isinstance(found, dict) and "resourceType" in found


def _resources(data: bytes) -> Iterator[Resource]:
    found = strict_json.loads(data)
    if found.get("resourceType") == "Bundle":
        yield from (one["resource"] for one in found.get("entry", ()) if "resource" in one)
    else:
        yield found


def _read(data: bytes, recorder: Recorder) -> Iterator[Resource]:
    for source in _resources(data):
        kind = source.get("resourceType")
        if kind == "Slot":
            free, notes = slot(source, _WORDS, recorder)
            resource = free.slot
        else:
            record = (
                appointment(source, _WORDS, recorder)
                if kind == KIND
                else patients.record(source, _WORDS, recorder)
                if kind == "Patient"
                else directory.record(source, str(kind), _WORDS, recorder)
            )
            resource, notes = record.resource, record.notes
        recorder.say(*notes)
        yield resource


def _places(data: bytes) -> Iterator[Standing]:
    for source in _resources(data):
        for name, value in source.items():
            if name not in _NOBODYS:
                yield from _leaves(value, f"{source['resourceType']}.{name}")


def _leaves(value: Any, path: str) -> Iterator[Standing]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, path if name in ("coding", "system", "reference") else f"{path}.{name}")
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, path)
    else:
        yield Place(path)


SYSTEM: Final = System("lifecare", _WORDS, _recognises, _read, _places)
