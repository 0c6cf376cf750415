"""Meetings, free times and what changes them (manual §7, §8): ``rules/appointments.toml``, and here what a row cannot
say.

A meeting keeps its ``tunnus`` and its ``ulkoinenTunniste`` for ever: after a move it is the same record, and it carries
the placer id of the booking it began with, never that of the move.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from canonical import codes, fhir
from canonical.fhir import Element, Resource
from canonical.model import Record
from canonical.notes import NoteKind
from mappings.conversions import CONVERSIONS, number, token, unmapped, word
from mappings.engine.mapping import Message, load
from mappings.engine.recorder import Recorder
from mappings.engine.rules import Conversion, Primitive, Rule
from mappings.engine.tables import Line
from mappings.proconsona import keys
from mappings.proconsona.document import Part, in_order, schema
from mappings.proconsona.site import Site, task

_NO_ROW = {"fhir": "", "patient": "tentative", "others": "tentative"}


def appointments(root: Part, site: Site) -> list[Record]:
    """The meetings of a ``tapaaminen`` or of ``tapaamiset``, in their order. Raises `BadMessage`."""
    return [appointment(one, site) for one in ([root] if root.name == "tapaaminen" else root.all("tapaaminen"))]


def appointment(part: Part, site: Site, recorder: Recorder | None = None) -> Record:
    """The record of one meeting. Raises `BadMessage`.

    ``Record.patient`` is of whom it says it is; whether that is who was asked for is the caller's to check.
    """
    record = rules()["tapaaminen"].record(part, recorder or Recorder(site))
    in_order(record.resource, "tapaaminen")
    return record


def placer_id(resource: Resource) -> str | None:
    """The hub's own mark on the appointment, where it has one."""
    return fhir.identifier_value(resource, codes.PLACER)


@cache
def rules() -> Mapping[str, Message]:
    """The messages about meetings, both ways."""
    own = {
        "status": Conversion(_status, gives="code", takes=(1,), one_way="a command says what to do, not what becomes"),
        "participant": Conversion(_participant, takes=(1,), one_way="who has answered is the master's to say"),
        "task": Conversion(_task, one_way="what a service is for is the directory's to say"),
        "places": Conversion(_places, one_way="how many are left is the master's to say"),
        "calendar": Conversion(_calendar, _uncalendar, "Reference"),
    }
    return load(str(__package__), "appointments.toml", {**CONVERSIONS, **own}, schema().exists)


def _meaning(rule: Rule, tila: Any, ehdottaja: Any) -> tuple[str, Line | None, bool]:
    """``tila``, its row, and whether ``ehdottaja`` has a meaning in it; one that has none is left out of account."""
    code, proposer = word(tila), word(ehdottaja)
    row = rule.table.get((code, proposer))
    return code, row or rule.table.get((code, "")), row is not None


def _status(found: Any, rule: Rule, recorder: Recorder) -> str | Primitive:
    """Appointment.status of ``tila`` and ``ehdottaja``. What has no counterpart keeps its own code; none is made up."""
    code, row, meant = _meaning(rule, *found)
    if not code:
        return ""
    if row is None:
        return unmapped(code, rule, recorder)
    if not meant:
        recorder.note(NoteKind.UNKNOWN_CODE, "tapaaminen/ehdottaja", "one that has no meaning in that tila")
    elif row["patient"] == "tentative":
        recorder.note(NoteKind.DEFAULTED, "tapaaminen/ehdottaja", "missing; nobody is said to have agreed")
    return row["fhir"]


def _participant(found: Any, rule: Rule, recorder: Recorder) -> Element | str:
    who, tila, ehdottaja = found
    row = _meaning(rule, tila, ehdottaja)[1] or _NO_ROW
    local_id, kind = token(who, rule), rule.words[0]
    answer = row["patient" if kind == "Patient" else "others"]
    return {"actor": fhir.reference(kind, local_id), "status": answer} if local_id else ""


def _task(part: Part, rule: Rule, recorder: Recorder) -> Element:
    return task(part, rule.path, recorder)[0]


def _places(node: Part, rule: Rule, recorder: Recorder) -> Element | str:
    """How many places a time of a group has left; nothing for a time of one person's."""
    left = number(node, rule)
    if left < 2:
        return {} if left else ""
    return {"url": recorder.uri("places"), "extension": [{"url": "left", "valueUnsignedInt": left}]}


def _calendar(node: Part, rule: Rule, recorder: Recorder) -> Element:
    return fhir.reference("Slot", keys.pack(token(node, rule)))


def _uncalendar(value: Element, rule: Rule, recorder: Recorder) -> str:
    """Raises ValueError for a time whose key is not ours."""
    found = keys.unpack(value["reference"].removeprefix("Slot/"))
    if found is None:
        raise ValueError("no key of ProConsona's has this form")
    return found
