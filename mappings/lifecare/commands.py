"""Commands as Lifecare takes them (manual §5.2, §6.1, §7.1, §7.3)."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from canonical import codes, fhir, hetu, times
from canonical.commands import Book, Cancel, Hold, Move, RegisterPerson, Release
from canonical.fhir import Element, Resource
from canonical.messages import BadMessage
from canonical.model import TimeKey
from canonical.notes import Note, NoteKind
from mappings.asked import words
from mappings.lifecare.clocks import TRUE, Clock
from mappings.lifecare.vocabulary import CANCELATION_REASON

COMMENT_LIMIT: Final = 500
REASON_LIMIT: Final = 200
TOKEN_LIMIT: Final = 64
HELD_BY: Final = "https://lifecare.example/fhir/StructureDefinition/hold-token"
HELD_UNTIL: Final = "https://lifecare.example/fhir/StructureDefinition/hold-until"
BY_CUSTOMER: Final = "ASIAKAS"
"""The customer cancelled."""

_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def registration(command: RegisterPerson) -> Resource:
    """The body that registers a person. Only the HETU is read: the rest comes from the population register."""
    return {"resourceType": "Patient", "identifier": [{"system": codes.HETU, "value": command.person.hetu}]}


def unfit(command: Book) -> str | None:
    """Why Lifecare would not take the texts of a booking, or None. They are refused, never bent (manual §7.1)."""
    for name, text in (("comment", command.comment), ("reason", command.reason)):
        if len(text) > COMMENT_LIMIT:
            return f"{name}: more than {COMMENT_LIMIT} characters"
        if _CONTROL.search(text):
            return f"{name}: control characters other than line feeds"
    return None


def booking(command: Book, number: str, clock: Clock = TRUE) -> tuple[Resource, tuple[Note, ...]]:
    """The body that books for patient ``number``; ``start`` and ``end`` are sent for the master to check, a hold's
    token as the extension for it.
    """
    comment, notes = words(command, COMMENT_LIMIT)
    body: Resource = {
        "resourceType": "Appointment",
        "status": "booked",
        "identifier": [fhir.identifier(codes.PLACER, command.placer_id, type_code="PLAC")],
        **_time(command.time, clock),
        "participant": [{"actor": fhir.reference("Patient", number), "status": "accepted"}],
    }
    if command.hold:
        body["extension"] = [{"url": HELD_BY, "valueString": command.hold}]
    return body | ({"comment": comment} if comment else {}), notes


def moving(stored: Resource, command: Move, clock: Clock = TRUE) -> tuple[Resource, tuple[Note, ...]]:
    """The body that moves: ``stored``, whole and as it was read, with another slot and its start and end, for the
    master to check. Lifecare has no element for why it is moved."""
    body = {name: value for name, value in stored.items() if name != "minutesDuration"}
    lost = bool(command.reason.strip())
    notes = (Note(NoteKind.DROPPED, "Move.reason", "Lifecare has no element for it"),) if lost else ()
    return body | _time(command.time, clock), notes


def holding(command: Hold, number: str) -> Resource:
    """The parameters that hold a time for patient ``number`` under the hub's own mark."""
    mark = fhir.identifier(codes.PLACER, command.placer_id)
    patient = {"name": "patient", "valueReference": fhir.reference("Patient", number)}
    return {"resourceType": "Parameters", "parameter": [patient, {"name": "identifier", "valueIdentifier": mark}]}


def releasing(command: Release) -> Resource:
    """The parameters that give a hold back."""
    return {"resourceType": "Parameters", "parameter": [{"name": "token", "valueString": command.hold}]}


def held(slot: Resource) -> tuple[str, datetime]:
    """The token of the Slot that ``$hold`` answers, and until when it holds; raises `BadMessage`."""
    told = {one["url"]: one for one in slot["extension"]}
    token, until = told[HELD_BY]["valueString"], told[HELD_UNTIL]["valueInstant"]
    if not isinstance(token, str) or not 0 < len(token) <= TOKEN_LIMIT or hetu.appears_in(token):
        raise BadMessage("a hold without a token that fits")
    return token, times.instant(until)


def cancellation(stored: Resource, command: Cancel, root: str) -> tuple[Resource, tuple[Note, ...]]:
    """The body that cancels: ``stored``, whole and as it was read, with another status and the reason.

    A reason that does not fit is made to, with a note: a text must not keep anybody from cancelling.
    """
    text = _CONTROL.sub(" ", command.reason.replace("\r\n", "\n")).strip()[:REASON_LIMIT]
    lost = text != command.reason
    notes = (Note(NoteKind.DROPPED, "Cancel.reason", "cut or cleaned to what Lifecare takes"),) if lost else ()
    by_customer = fhir.coding(f"{root}.{CANCELATION_REASON}", BY_CUSTOMER)
    return stored | {"status": "cancelled", "cancelationReason": fhir.concept(by_customer, text=text or None)}, notes


def _time(time: TimeKey, clock: Clock) -> Element:
    return {
        "slot": [fhir.reference("Slot", time.key)],
        "start": clock.write(time.start),
        "end": clock.write(time.end),
    }
