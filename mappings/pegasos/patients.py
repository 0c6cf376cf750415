"""PID and MRG of events (SIU, ADT) -> Patients, the installation's own.

Source: HL7 v2.4 §3.4.2 and §3.4.10; the HL7 v2-to-FHIR guide's maps of PID, CX and XPN. Read by the standard, wider
than Pegasos's manual, so that messages of other systems keep their meaning. Of who has a HETU the population register
is the master: name, birth date and gender are left to it. Of who has none it knows nothing, so what the message says
stands. Another country's number keeps its own system and is never taken for a HETU.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Final

from canonical import fhir
from canonical.fhir import Element, Resource
from canonical.hl7 import BadMessage, Message, Segment, Value
from canonical.model import Record
from canonical.notes import Note, NoteKind
from mappings.engine.recorder import Recorder
from mappings.pegasos import persons, tables
from mappings.pegasos import times as wire_times
from mappings.pegasos.site import Site, plain, unread

_READ: Final = (3, 11, 13, 15)
_READ_WITHOUT_HETU: Final = (*_READ, 2, 4, 5, 7, 8)
_ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}")


def record(
    pid: Segment, message: Message, site: Site, *, manual: bool, recorder: Recorder | None = None
) -> Record | None:
    """The Patient of a PID, or None for one that names nobody but by HETU or name. ``manual``: see `site.unread`."""
    notes: list[Note] = []
    carry = (recorder or Recorder(site)).carry
    who = persons.ids(pid)
    numbers = carry("Patient.identifier", _numbers, pid, site, notes, manual)
    if not numbers:
        return None
    number = numbers[0][0]
    resource: Resource = {
        "resourceType": "Patient",
        "identifier": [identifier for _, identifier in numbers],
        **({} if who.hetu else carry("Patient.name, gender, birthDate", demographics, pid, site, notes)),
        **carry("Patient.telecom, address, communication", persons.contact, pid, message, notes),
    }
    notes += unread(pid, _READ if who.hetu else _READ_WITHOUT_HETU, manual=manual)
    return Record("Patient", number, resource, patient=number, notes=tuple(notes))


def actor(pid: Segment, patient: Record | None, notes: list[Note]) -> Element:
    """A reference to the Patient of a PID: by number, or for somebody who has none, and no HETU, by name alone. Raises
    `BadMessage` for a HETU without a number: no resource of ours carries one."""
    if patient is not None:
        return fhir.reference("Patient", patient.local_id)
    name = human_name(pid[5], "PID-5", notes)
    if persons.ids(pid).hetu or not name:
        raise BadMessage("a patient without a number in PID-3")
    return {"type": "Patient", "display": " ".join((*name.get("given", ()), name.get("family", ""))).strip()}


def merged(message: Message, site: Site, *, manual: bool, recorder: Recorder | None = None) -> list[Record]:
    """The Patients of an ADT: one for each PID; an MRG after it names the numbers that it replaces."""
    found: list[Record] = []
    for segment in message.segments:
        if segment.name == "PID":
            patient = record(segment, message, site, manual=manual, recorder=recorder)
            if patient is None:
                raise BadMessage("a PID without a number")
            found.append(patient)
        elif segment.name == "MRG" and found:
            links = [{"other": other, "type": "replaces"} for other in _replaced(segment, site, manual=manual)]
            if links:
                found[-1].resource["link"] = [*found[-1].resource.get("link", []), *links]
    if not found:
        raise BadMessage("no PID")
    return found


def demographics(pid: Segment, site: Site, notes: list[Note]) -> Resource:
    """Names, gender and birth date."""
    found: Resource = {}
    if names := [name for value in pid.each(5) if (name := human_name(value, "PID-5", notes))]:
        found["name"] = names
    if code := pid[8].text():
        if row := tables.row("gender", code):
            found["gender"] = row["fhir"]
        else:
            notes.append(Note(NoteKind.UNKNOWN_CODE, "PID-8", f"{plain(code, 'PID-8', notes)} has no counterpart"))
    if born := pid[7].text():
        found["birthDate"] = wire_times.read_partial_date(born, "PID-7")
    return found


def human_name(value: Value, path: str, notes: list[Note]) -> Element:
    """The HumanName of an XPN (family, given, further given, suffix, prefix, degree, use)."""
    family, given, middle, suffix, prefix, degree = (plain(value.text(n), path, notes) for n in range(1, 7))
    use = tables.row("name-use", value.text(7))
    parts: Element = {
        "use": use["fhir"] if use else "",
        "family": family,
        "given": [*([given] if given else []), *middle.split()],
        "prefix": [prefix] if prefix else [],
        "suffix": [part for part in (suffix, degree) if part],
    }
    named = {name: part for name, part in parts.items() if part}
    return named if named.keys() - {"use"} else {}


def _numbers(pid: Segment, site: Site, notes: list[Note], manual: bool) -> list[tuple[str, Element]]:
    """Every number of PID-3, and of PID-2 and PID-4, where older versions have them, but the HETU: a key that is good
    for a reference, and the Identifier. The installation's own number comes first and is its own key."""
    found: list[tuple[str, Element]] = []
    values = [value for field in (3, 2, 4) for value in pid.each(field) if value.text()]
    others = [value for value in values if not persons.is_hetu(value)]
    for value in sorted(others, key=lambda value: not _is_own(value, site, manual=manual)):
        number = plain(value.text(), "PID-3", notes)
        if _is_own(value, site, manual=manual):
            found.append((number, fhir.identifier(site.system("patient"), number, type_code="PI")))
        else:
            kind, system = value.text(5), site.authority(value, 4, own="identifier")
            identifier = fhir.identifier(system, number, type_code=kind or None)
            found.append((_key(kind, value.text(4, 2) or value.text(4), number), identifier))
    return found


def _is_own(value: Value, site: Site, *, manual: bool) -> bool:
    """Whether a CX is a patient number of the installation's: Pegasos says so by its type; everybody else has patient
    numbers too (``PI``), and must name Pegasos's facility."""
    return value.text(5) == "PI" and (manual or value.text(4) == site.receiving_facility)


def _key(kind: str, authority: str, number: str) -> str:
    """A key for a number that is not the installation's own: one that is good for a reference, and that no number of
    Pegasos, which are digits, can be."""
    text = f"{kind or 'ID'}-{authority}-{number}"
    if _ID.fullmatch(text) and "-" not in kind + authority:
        return text
    return hashlib.sha256(text.encode()).hexdigest()


def _replaced(mrg: Segment, site: Site, *, manual: bool) -> Iterator[Element]:
    for value in mrg.each(1):
        if value.text() and _is_own(value, site, manual=manual):
            yield fhir.reference("Patient", value.text())
        elif value.text() and not persons.is_hetu(value):
            system = site.authority(value, 4, own="identifier")
            yield {
                "type": "Patient",
                "identifier": fhir.identifier(system, value.text(), type_code=value.text(5) or None),
            }
