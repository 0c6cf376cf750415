"""Golden files: what Pegasos sent and what it becomes, what is commanded and the bytes it becomes.

A case is a folder of ``tests/golden/pegasos``: ``*.hl7`` with ``canonical.json`` (``notice.hl7`` is an event, Pegasos's
or somebody else's), or ``command.json`` with ``message.hl7``. ``BLESS=1`` writes what comes out; look at the difference
before you keep it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from canonical import hl7, times
from canonical.commands import Book, Cancel, Move, RegisterPerson, load
from canonical.model import FreeTime, Record
from canonical.notes import Note
from mappings.pegasos import appointments, directory, keys, messages, persons, requests
from mappings.pegasos.site import Site

GOLDEN = Path(__file__).parents[2] / "golden" / "pegasos"
SITE = Site("pegasos-loviisa", "SOTESILTA", "ITAUUSIMAA", "PEGASOS", "LOVIISA")
STAMP = requests.Stamp("K0000000000000000001", datetime(2027, 3, 22, 6, 15, tzinfo=UTC))


def cases(part: str) -> list[Path]:
    return sorted(path.parent for path in GOLDEN.glob(f"*/{part}"))


def said(notes: Iterable[Note]) -> list[str]:
    return [f"{note.kind} {note.path}: {note.text}" for note in notes]


def as_json(item: Record | FreeTime) -> dict[str, Any]:
    if isinstance(item, FreeTime):
        span = [times.iso(item.time.start), times.iso(item.time.end)]
        return {
            "key": item.time.key,
            "span": span,
            "service": item.service,
            "schedule": item.schedule,
            "slot": item.slot,
        }
    names = {"kind": item.kind, "local_id": item.local_id, "version": item.version, "patient": item.patient}
    return {**names, "notes": said(item.notes), "resource": item.resource}


def read(replies: Sequence[hl7.Message]) -> dict[str, Any]:
    kind = replies[0].header[9].text()
    notes: list[Note] = []
    found: list[Record | FreeTime | None] = []
    if kind == "MFR":
        found += directory.records(directory.master_files(replies), SITE)
    elif kind == "ADR":
        patient, remarks = persons.local_patient(replies[0])
        found.append(persons.patient_record(patient, SITE, remarks))
    else:
        for group in appointments.groups(replies[0]):
            booked = bool(group.sch[2])
            found.append(
                appointments.appointment(group, SITE).record if booked else appointments.free_time(group, SITE, notes)
            )
    return {"items": [as_json(item) for item in found if item is not None], "notes": said(notes)}


def compare(path: Path, result: bytes) -> None:
    if os.environ.get("BLESS") == "1":
        path.write_bytes(result)
    assert path.exists(), f"no {path.name}: look at it and run again with BLESS=1"
    assert result == path.read_bytes(), f"{path.parent.name} comes out differently; BLESS=1 accepts it"


@pytest.mark.parametrize("case", sorted({*cases("reply.hl7"), *cases("1-loc.hl7")}), ids=lambda path: path.name)
def test_messages_become_canonical(case: Path) -> None:
    replies = [hl7.split(path.read_bytes()) for path in sorted(case.glob("*.hl7"))]
    result = json.dumps(read(replies), ensure_ascii=False, indent=1).encode() + b"\n"
    compare(case / "canonical.json", result)


@pytest.mark.parametrize("case", cases("notice.hl7"), ids=lambda path: path.name)
def test_notices_become_canonical(case: Path) -> None:
    records = messages.decode((case / "notice.hl7").read_bytes(), SITE)
    document = {"items": [as_json(record) for record in records], "notes": []}
    compare(case / "canonical.json", json.dumps(document, ensure_ascii=False, indent=1).encode() + b"\n")


@pytest.mark.parametrize("case", cases("command.json"), ids=lambda path: path.name)
def test_commands_become_messages(case: Path) -> None:
    command = load((case / "command.json").read_bytes())
    if isinstance(command, Book):
        names = keys.unpack(command.time.key)
        assert names is not None
        request = requests.book(command, *names, SITE, STAMP)
    elif isinstance(command, Move):
        names = keys.unpack(command.time.key)
        assert names is not None
        request = requests.move(command, *names, SITE, STAMP)
    elif isinstance(command, Cancel):
        request = requests.cancel(command, SITE, STAMP)
    else:
        assert isinstance(command, RegisterPerson)
        request = requests.register(command.person.hetu, SITE, STAMP)
    compare(case / "message.hl7", requests.write(request, SITE, STAMP))


def test_there_are_cases_of_both_directions() -> None:
    assert len(cases("reply.hl7")) >= 10
    assert len(cases("command.json")) >= 5
    assert len(cases("notice.hl7")) >= 5
