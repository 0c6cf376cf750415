"""What the mapping makes of whole messages, held against files a person has read.

Each folder of ``tests/golden/proconsona`` is one case. Reading: ``source.xml`` (as ProConsona sends it) and
``expected.json``. Writing: ``command.json``, ``expected.xml`` (the bytes that leave) and ``notes.json``.
After an intended change: ``BLESS=1 pytest tests/mappings/proconsona`` writes them anew; read the difference.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import orjson
import pytest
from lxml import etree

from canonical import commands, strict_json, times
from canonical.commands import Accept, Book, Cancel, Command, Move, Propose
from canonical.model import Record
from canonical.notes import Note
from mappings.proconsona import commands as bodies
from mappings.proconsona import directory, keys, persons, slots
from mappings.proconsona.appointments import appointments
from mappings.proconsona.document import document
from mappings.proconsona.site import Site

GOLDEN = Path(__file__).parents[2] / "golden" / "proconsona"
SCHEMA = etree.XMLSchema(etree.parse(Path(__file__).parents[3] / "sandbox" / "proconsona" / "proconsona.xsd"))
SITE = Site("proconsona-loviisa")
MEETINGS = ("tapaaminen", "tapaamiset")
CUSTOMERS = ("asiakas", "asiakkaat")
DIRECTORY = (*directory.LISTS, *directory.LISTS.values())
READING = sorted(file.parent.name for file in GOLDEN.glob("*/source.xml"))
WRITING = sorted(file.parent.name for file in GOLDEN.glob("*/command.json"))


@pytest.mark.parametrize("case", READING)
def test_the_message_becomes_what_was_agreed(case: str) -> None:
    made = strict_json.dumps(read((GOLDEN / case / "source.xml").read_bytes()))
    expected = _blessed(GOLDEN / case / "expected.json", _pretty(made))
    assert orjson.loads(made) == orjson.loads(expected)


@pytest.mark.parametrize("case", WRITING)
def test_the_command_becomes_these_bytes(case: str) -> None:
    body, notes = written(commands.load((GOLDEN / case / "command.json").read_bytes()))
    assert SCHEMA.validate(etree.fromstring(body)), SCHEMA.error_log
    assert body == _blessed(GOLDEN / case / "expected.xml", body)
    said = _pretty(strict_json.dumps(_notes(notes)))
    assert said == _blessed(GOLDEN / case / "notes.json", said)


@pytest.mark.parametrize("case", READING)
def test_what_is_read_is_what_the_schema_says_but_for_the_case_that_goes_beyond_it(case: str) -> None:
    valid = SCHEMA.validate(etree.fromstring((GOLDEN / case / "source.xml").read_bytes()))
    assert valid != case.endswith("does-not-promise"), SCHEMA.error_log


def read(data: bytes) -> dict[str, Any]:
    root = document(data, *MEETINGS, *CUSTOMERS, *DIRECTORY, "vapaatAjat")
    notes: list[Note] = []
    if root.name == "vapaatAjat":
        found = slots.free_times(root, SITE, notes)
        free = [
            {
                "key": one.time.key,
                "calendar": keys.unpack(one.time.key),
                "start": times.iso(one.time.start),
                "end": times.iso(one.time.end),
                "service": one.service,
                "schedule": one.schedule,
                "slot": one.slot,
            }
            for one in found
        ]
        return {"free": free, "notes": _notes(tuple(notes))}
    if root.name in MEETINGS:
        return {"records": [_record(one) for one in appointments(root, SITE)]}
    if root.name in CUSTOMERS:
        found_people = persons.patients(root)
        made = [_record(persons.record(patient, said, SITE)) for patient, said in found_people]
        return {"hetus": [patient.hetu for patient, _ in found_people], "records": made}
    return {"records": [_record(one) for one in directory.records(root, SITE)]}


def written(command: Command) -> tuple[bytes, tuple[Note, ...]]:
    match command:
        case Book():
            assert command.patient is not None
            calendar = keys.unpack(command.time.key)
            assert calendar is not None
            return bodies.booking(command, command.patient.number, calendar)
        case Accept() | Propose() | Move() | Cancel():
            return bodies.change(command, command.believed_version or "")
        case _:
            raise AssertionError(command.kind)


def _record(record: Record) -> dict[str, Any]:
    whose = {"kind": record.kind, "local_id": record.local_id, "version": record.version, "patient": record.patient}
    return {**whose, "resource": record.resource, "notes": _notes(record.notes)}


def _notes(notes: tuple[Note, ...]) -> list[dict[str, str]]:
    return [{"kind": note.kind.value, "path": note.path, "text": note.text} for note in notes]


def _pretty(data: bytes) -> bytes:
    return orjson.dumps(orjson.loads(data), option=orjson.OPT_INDENT_2) + b"\n"


def _blessed(file: Path, made: bytes) -> bytes:
    if os.environ.get("BLESS") == "1":
        file.write_bytes(made)
    return file.read_bytes()
