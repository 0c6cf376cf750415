"""Golden files: what Mediatri sent and what it becomes, what is commanded and the bytes it becomes.

A case is a folder of ``tests/golden/mediatri``: ``*.xml`` with ``canonical.json``, or ``command.json`` with
``message-*.xml``, one for each request. ``BLESS=1`` writes what comes out; look at the difference before you keep it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from adapters.mediatri.soap import contract
from adapters.soap.contract import Credentials
from canonical import soap, times
from canonical.commands import Book, Cancel, Hold, RegisterPerson, load
from canonical.model import FreeTime, Record
from canonical.notes import Note
from mappings.mediatri import appointments, directory, persons, requests
from mappings.mediatri.markup import Fields
from mappings.mediatri.requests import Request
from mappings.mediatri.site import Site

GOLDEN = Path(__file__).parents[2] / "golden" / "mediatri"
SITE = Site("mediatri-sipoo")
NONCE = bytes(range(0x10, 0x20)).decode("ascii")
WHO = Credentials("sotesilta", "esimerkki-salasana", NONCE, datetime(2027, 3, 22, 6, 15, tzinfo=UTC))


def cases(part: str) -> list[Path]:
    return sorted({path.parent for path in GOLDEN.glob(f"*/{part}")})


def said(notes: Iterable[Note]) -> list[str]:
    return [f"{note.kind} {note.path}: {note.text}" for note in notes]


def as_json(item: Record | FreeTime) -> dict[str, Any]:
    if isinstance(item, FreeTime):
        span = [times.iso(item.time.start), times.iso(item.time.end)]
        names = {"key": item.time.key, "span": span, "service": item.service, "schedule": item.schedule}
        return {**names, "slot": item.slot}
    names = {"kind": item.kind, "local_id": item.local_id, "version": item.version, "patient": item.patient}
    return {**names, "notes": said(item.notes), "resource": item.resource}


def read(replies: list[bytes]) -> dict[str, Any]:
    contents = [soap.body(reply) for reply in replies]
    answer, notes = Fields(contents[0]), list[Note]()
    found: list[Record | FreeTime | None] = []
    if len(contents) > 1:
        found += directory.records(contents, SITE)
    elif answer.name in ("HaePotilasVastaus", "LuoPotilasVastaus"):
        patient, remarks = persons.local_patient(answer.fields("potilas").element)
        found.append(persons.patient_record(patient, SITE, remarks))
    elif answer.name == "HaeVapaatAjatVastaus":
        found += [appointments.free_time(one, SITE, notes) for one in answer.each("vapaaAika")]
    else:
        found += [appointments.appointment(one, SITE).record for one in answer.each("ajanvaraus")]
    return {"items": [as_json(item) for item in found if item is not None], "notes": said(notes)}


def written(command: Any) -> list[tuple[Request, tuple[Note, ...]]]:
    match command:
        case Book():
            reserve = requests.reserve(command.patient.number, command.time, command.placer_id)
            return [(reserve, ()), requests.confirm(command, "kQ3vT0xYh2mJr8Zs5bLwEo7u")]
        case Hold():
            number = command.patient.number
            reserve = requests.reserve(number, command.time, command.placer_id)
            return [(reserve, ()), (requests.release(number, command.placer_id), ())]
        case Cancel():
            return [requests.cancel(command)]
        case RegisterPerson():
            return [(requests.register(command.person.hetu, command.placer_id), ())]
    raise AssertionError("a command that Mediatri has nothing for")


def compare(path: Path, result: bytes) -> None:
    if os.environ.get("BLESS") == "1":
        path.write_bytes(result)
    assert path.exists(), f"no {path.name}: look at it and run again with BLESS=1"
    assert result == path.read_bytes(), f"{path.parent.name} comes out differently; BLESS=1 accepts it"


@pytest.mark.parametrize("case", sorted({*cases("reply.xml"), *cases("1-*.xml")}), ids=lambda path: path.name)
def test_replies_become_canonical(case: Path) -> None:
    replies = [path.read_bytes() for path in sorted(case.glob("*.xml"))]
    compare(case / "canonical.json", json.dumps(read(replies), ensure_ascii=False, indent=1).encode() + b"\n")


@pytest.mark.parametrize("case", cases("command.json"), ids=lambda path: path.name)
def test_commands_become_messages(case: Path) -> None:
    requested = written(load((case / "command.json").read_bytes()))
    for number, (request, _) in enumerate(requested, 1):
        envelope = contract().envelope(request.operation, request.content, WHO)
        compare(case / f"message-{number}.xml", envelope.body + b"\n")
    notes = [line for _, notes in requested for line in said(notes)]
    compare(case / "notes.json", json.dumps(notes, ensure_ascii=False, indent=1).encode() + b"\n")


def test_there_are_cases_of_both_directions() -> None:
    assert len(cases("reply.xml")) >= 12
    assert len(cases("command.json")) >= 8
