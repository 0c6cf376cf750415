"""The door: the bytes of any message that holds records -> these records, with their notes.

Pure, and the same for what has just come, for what is kept, and for a file somebody asks about.
"""

from __future__ import annotations

from dataclasses import replace

from canonical import hl7
from canonical.model import Record
from canonical.notes import Note, NoteKind
from mappings.engine.recorder import Recorder
from mappings.pegasos import appointments, directory, notices, patients, persons
from mappings.pegasos.site import Site


def decode(
    data: bytes, site: Site, *, default_charset: str = "8859/1", recorder: Recorder | None = None
) -> list[Record]:
    """The records of one message: the appointments of SRR and SQR, the appointment and patient of an SIU, the patients
    of an ADR^A19 or an ADT (A28, A31, A40 …), the directory of an MFR.

    ``data`` may be in its MLLP frame, and lines may end as they do in files. ``default_charset`` (a key of
    `hl7.TABLE_0211`) is that of messages without MSH-18. Raises `hl7.BadMessage` (a ValueError) for bytes that are no
    such message, or hold nothing that can be told.
    """
    raw = hl7.unframed(data)
    message = hl7.split(
        raw,
        default_charset=default_charset,
        max_bytes=len(raw),
        charsets=hl7.TABLE_0211,
        seen=recorder.seen if recorder else None,
    )
    found = records(message, site, recorder or Recorder(site))
    if hl7.misdeclared(raw, message):
        doubt = Note(NoteKind.GUESSED, "MSH-18", "reads as UTF-8 too; read as ISO-8859-1, which it says or leaves out")
        found = [replace(record, notes=(*record.notes, doubt)) for record in found]
    return found


def records(message: hl7.Message, site: Site, recorder: Recorder) -> list[Record]:
    """The same of a message that is split. Raises `hl7.BadMessage`."""
    kind = message.header[9].text()
    if kind in ("SRR", "SQR"):
        booked = (group for group in appointments.groups(message) if group.sch[2])
        return [appointments.appointment(group, site, recorder).record for group in booked]
    if kind == "SIU":
        return notices.records(message, site, recorder)
    if kind == "ADT":
        return patients.merged(message, site, manual=notices.is_pegasos(message, site), recorder=recorder)
    if kind == "MFR":
        made = "Organization, Location, HealthcareService, Practitioner, PractitionerRole, Schedule"
        listed: list[Record] = recorder.carry(made, directory.records, directory.master_files([message]), site)
        return listed
    if kind == "ADR":
        patient, notes = recorder.carry("Patient", persons.local_patient, message)
        return [persons.patient_record(patient, site, notes)]
    raise hl7.BadMessage(f"{kind or 'a message without MSH-9'} holds no records")
