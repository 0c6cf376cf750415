"""A command as the Appointment it asks for, which the rules write; and what of it a record system has no place for."""

from __future__ import annotations

import re
from datetime import datetime

from canonical import codes, fhir, times
from canonical.commands import Accept, Book, Cancel, Move, Propose
from canonical.fhir import Resource
from canonical.model import TimeKey
from canonical.notes import Note, NoteKind


def asked(command: Book | Accept | Propose | Move | Cancel, number: str = "") -> Resource:
    """The Appointment that ``command`` asks for, of patient ``number`` (or the command's own), without its texts. Of
    what is there already it has id and version and, where nothing else is asked for, the start that is believed."""
    number = number or (command.patient.number if command.patient else "")
    if isinstance(command, Book):
        return wanted(command.placer_id, number, command.time.start, command.time)
    time = command.time if isinstance(command, Propose | Move) else None
    there = {"id": command.local_id, "meta": {"versionId": command.believed_version}}
    return there | wanted(command.placer_id, number, time.start if time else command.believed_start, time)


def wanted(mark: str, number: str, start: datetime, time: TimeKey | None) -> Resource:
    """An Appointment of patient ``number`` with the hub's ``mark``; the slot is named by the time's key."""
    named: Resource = {"end": times.iso(time.end), "slot": [fhir.reference("Slot", time.key)]} if time else {}
    return named | {
        "identifier": [fhir.identifier(codes.PLACER, mark, type_code="PLAC")],
        "participant": [{"actor": fhir.reference("Patient", number), "status": "accepted"}],
        "start": times.iso(start),
    }


def words(command: Book, limit: int) -> tuple[str, tuple[Note, ...]]:
    """The comment of a booking where a system has no element for why the person comes: ``reason`` follows the comment
    on a line of its own while the two fit into ``limit``, so that the unit reads it; otherwise it is left out, with a
    note."""
    both = "\n".join(text for text in (command.comment, command.reason) if text.strip())
    if not command.reason.strip():
        return both, ()
    if len(both) > limit:
        return command.comment, (Note(NoteKind.DROPPED, "Book.reason", "no room for it beside the comment"),)
    return both, (Note(NoteKind.KEPT, "Book.reason", "carried in Appointment.comment"),)


def shortened(command: Cancel, limit: int, unspeakable: re.Pattern[str], whose: str) -> tuple[str, tuple[Note, ...]]:
    """The reason of a cancellation. One that does not fit is made to, with a note: a text must not keep anybody from
    cancelling."""
    text = unspeakable.sub(" ", command.reason)[:limit]
    text = text if text.strip() else ""
    cut = Note(NoteKind.DROPPED, "Cancel.reason", f"cut or cleaned to what {whose} takes")
    return text, () if text == command.reason else (cut,)
