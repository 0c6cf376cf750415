"""Commands as Lifecare takes them: three bodies (manual §5.2, §7.1, §7.3)."""

from __future__ import annotations

import re
from typing import Final

from canonical import codes, fhir, times
from canonical.commands import Book, Cancel, RegisterPerson
from canonical.fhir import Resource
from canonical.notes import Note, NoteKind
from mappings.lifecare.vocabulary import CANCELATION_REASON

COMMENT_LIMIT: Final = 500
REASON_LIMIT: Final = 200
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


def booking(command: Book, number: str) -> tuple[Resource, tuple[Note, ...]]:
    """The body that books for patient ``number``; ``start`` and ``end`` are sent for the master to check.

    Lifecare has no element for why the person comes: ``reason`` follows the comment on a line of its own while the two
    fit, so that the unit reads it; otherwise it is left out, with a note.
    """
    comment, notes = _comment(command)
    body: Resource = {
        "resourceType": "Appointment",
        "status": "booked",
        "identifier": [fhir.identifier(codes.PLACER, command.placer_id, type_code="PLAC")],
        "slot": [fhir.reference("Slot", command.time.key)],
        "start": times.iso(command.time.start),
        "end": times.iso(command.time.end),
        "participant": [{"actor": fhir.reference("Patient", number), "status": "accepted"}],
    }
    return body | ({"comment": comment} if comment else {}), notes


def cancellation(stored: Resource, command: Cancel, root: str) -> tuple[Resource, tuple[Note, ...]]:
    """The body that cancels: ``stored``, whole and as it was read, with another status and the reason.

    A reason that does not fit is made to, with a note: a text must not keep anybody from cancelling.
    """
    text = _CONTROL.sub(" ", command.reason.replace("\r\n", "\n")).strip()[:REASON_LIMIT]
    lost = text != command.reason
    notes = (Note(NoteKind.DROPPED, "Cancel.reason", "cut or cleaned to what Lifecare takes"),) if lost else ()
    by_customer = fhir.coding(f"{root}.{CANCELATION_REASON}", BY_CUSTOMER)
    return stored | {"status": "cancelled", "cancelationReason": fhir.concept(by_customer, text=text or None)}, notes


def _comment(command: Book) -> tuple[str, tuple[Note, ...]]:
    texts = [text for text in (command.comment, command.reason) if text.strip()]
    if not command.reason.strip():
        return "\n".join(texts), ()
    both = "\n".join(texts)
    if len(both) > COMMENT_LIMIT:
        return command.comment, (Note(NoteKind.DROPPED, "Book.reason", "no room for it beside the comment"),)
    return both, (Note(NoteKind.KEPT, "Book.reason", "carried in Appointment.comment"),)
