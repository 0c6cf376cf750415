"""What the mapping makes of whole messages, held against files a person has read.

Each folder of ``tests/golden/lifecare`` is one case. Reading: ``source.json`` (as Lifecare sends it) and
``expected.json``. Writing: ``command.json`` (and ``stored.json``, the appointment to cancel or move) and
``expected.json``. Cases whose names begin with ``v2015`` are of that release, those with ``national-style`` have the
shapes of HL7 Finland's own example appointments (fhir-fi/finnish-scheduling ``input/examples`` and
``input/fsh/examples``, fhir-fi/finnish-base-profiles ``appointmentGeneralPractitioner``; CC0), with values of our own.
After an intended change: ``BLESS=1 pytest tests/mappings/lifecare`` writes the expectations anew; read the difference.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import orjson
import pytest

from canonical import commands, strict_json, times
from canonical.commands import Book, Cancel, Hold, Move, RegisterPerson, Release
from canonical.fhir import Resource
from canonical.notes import Note
from mappings.lifecare import commands as bodies
from mappings.lifecare import directory, patients, slots
from mappings.lifecare.appointments import appointment
from mappings.lifecare.clocks import FalseZ
from mappings.lifecare.vocabulary import Vocabulary, vocabulary

GOLDEN = Path(__file__).parents[2] / "golden" / "lifecare"
CASES = sorted(folder.name for folder in GOLDEN.iterdir() if folder.is_dir())
WORDS = vocabulary("lifecare-porvoo", "urn:oid:2.999.638", ("health", "oral"))
V2015 = vocabulary("lifecare-askola", "urn:oid:2.999.18", ("health", "oral"), FalseZ())


@pytest.mark.parametrize("case", CASES)
def test_the_message_becomes_what_was_agreed(case: str) -> None:
    folder = GOLDEN / case
    made = strict_json.dumps(_made(folder))
    expected = folder / "expected.json"
    if os.environ.get("BLESS") == "1":
        expected.write_bytes(orjson.dumps(orjson.loads(made), option=orjson.OPT_INDENT_2) + b"\n")
    assert orjson.loads(made) == orjson.loads(expected.read_bytes())


@pytest.mark.parametrize("case", [case for case in CASES if (GOLDEN / case / "source.json").exists()])
def test_reading_leaves_the_message_as_it_was(case: str) -> None:
    raw = (GOLDEN / case / "source.json").read_bytes()
    source = strict_json.loads(raw)
    _read(source, _words(case))
    assert source == strict_json.loads(raw)


def _made(folder: Path) -> dict[str, Any]:
    if (folder / "source.json").exists():
        return _read(strict_json.loads((folder / "source.json").read_bytes()), _words(folder.name))
    return _write(folder)


def _words(case: str) -> Vocabulary:
    return V2015 if case.startswith("v2015") else WORDS


def _read(source: Resource, words: Vocabulary) -> dict[str, Any]:
    kind = source["resourceType"]
    if kind == "Slot":
        free, notes = slots.slot(source, words)
        key = {"key": free.time.key, "start": times.iso(free.time.start), "end": times.iso(free.time.end)}
        return {"time": key, "schedule": free.schedule, "slot": free.slot, "notes": _notes(notes)}
    if kind == "Patient":
        patient, notes = patients.patient(source, words)
        return {"number": patient.number, "hetu": patient.hetu, "contact": patient.contact, "notes": _notes(notes)}
    record = appointment(source, words) if kind == "Appointment" else directory.record(source, kind, words)
    whose = {"kind": record.kind, "local_id": record.local_id, "version": record.version, "patient": record.patient}
    return {**whose, "resource": record.resource, "notes": _notes(record.notes)}


def _write(folder: Path) -> dict[str, Any]:
    command = commands.load((folder / "command.json").read_bytes())
    notes: tuple[Note, ...] = ()
    clock = _words(folder.name).clock
    match command:
        case RegisterPerson():
            body = bodies.registration(command)
        case Book():
            assert command.patient is not None
            body, notes = bodies.booking(command, command.patient.number, clock)
        case Cancel():
            body, notes = bodies.cancellation(_stored(folder), command, WORDS.root)
        case Move():
            body, notes = bodies.moving(_stored(folder), command, clock)
        case Hold():
            assert command.patient is not None
            body = bodies.holding(command, command.patient.number)
        case Release():
            body = bodies.releasing(command)
        case _:
            raise AssertionError("Lifecare has no such command")
    return {"body": body, "notes": _notes(notes)}


def _stored(folder: Path) -> Resource:
    return strict_json.loads((folder / "stored.json").read_bytes())


def _notes(notes: tuple[Note, ...]) -> list[dict[str, str]]:
    return [{"kind": note.kind.value, "path": note.path, "text": note.text} for note in notes]
