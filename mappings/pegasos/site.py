"""What the mappings must know of one installation, and how its coded values and texts become FHIR's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import quote

from canonical import codes, fhir
from canonical.fhir import Element
from canonical.hl7 import Segment, Value
from canonical.notes import Note, NoteKind
from mappings.pegasos import tables

_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TABLE = re.compile(r"HL7([0-9]{4})")
_CODE = re.compile(r"[^\s]+(\s[^\s]+)*")
UNSPEAKABLE: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
"""Characters that a FHIR string does not have (R4, datatypes, string)."""


@dataclass(frozen=True, slots=True)
class Site:
    """One installation: its name in the configuration, and the names agreed for MSH-3 to MSH-6.

    ``charset`` (a key of `hl7.CHARSETS`) is what we write. An answer is read by its own MSH-18. ``enhanced``: writes
    ask for an accept acknowledgement before the answer (manual §13).
    """

    installation: str
    sending_application: str
    sending_facility: str
    receiving_application: str
    receiving_facility: str
    processing_id: str = "P"
    charset: str = "8859/1"
    enhanced: bool = False

    def system(self, what: str) -> str:
        """The installation's own identifier or code system of ``what``."""
        return codes.local(self.installation, what)

    def code_system(self, written: str) -> str | None:
        """The URI of a coding system as Pegasos writes it (CE-3), or None for one that is not known."""
        if _OID.fullmatch(written):
            return f"urn:oid:{written}"
        if found := _TABLE.fullmatch(written):
            return f"http://terminology.hl7.org/CodeSystem/v2-{found[1]}"
        row = tables.row("code-system", written)
        if row is None:
            return None
        return row["system"] or self.system(row["local"])

    def coding(self, value: Value, path: str, notes: list[Note], *, first: int = 1) -> Element | None:
        """The Coding of a CE's components ``first`` (code), + 1 (text) and + 2 (system), or None where there is none.

        Where none is named a code of the table that the standard gives the field is of that table, with a note. A
        system that is not known becomes one of the installation's own, with an unknown-code note: nothing is guessed.
        """
        code, text, written = (value.text(first + i) for i in range(3))
        if not code:
            return None
        if not _CODE.fullmatch(code) or UNSPEAKABLE.search(code):
            notes.append(Note(NoteKind.UNKNOWN_CODE, path, "no code, as FHIR writes codes"))
            return None
        own = None if written else tables.table("field-table", keys=2).get((path, code.upper()))
        if own is not None:
            notes.append(Note(NoteKind.DEFAULTED, path, f"no code system; taken for {own['table']}, the field's own"))
            code, written = own["written"], own["table"]
        system = self.code_system(written)
        if system is None:
            notes.append(Note(NoteKind.UNKNOWN_CODE, path, f"no known code system: {written or 'none is named'}"))
            system = self.system("unknown")
        return fhir.coding(system, code, plain(text, path, notes))

    def authority(self, value: Value, component: int, *, own: str) -> str:
        """The identifier system of whoever gave a number: the HD in ``component``'s subcomponents (namespace, universal
        id). ``own`` is what the installation's own numbers are called here, for one that names nobody or itself."""
        return self.namespace(*(value.text(component, sub) for sub in (1, 2)), own=own)

    def namespace(self, name: str, universal: str, *, own: str) -> str:
        """As `authority`, of the parts. A namespace that is not known becomes a system of the installation's own."""
        if _OID.fullmatch(universal):
            return f"urn:oid:{universal}"
        if _UUID.fullmatch(universal):
            return f"urn:uuid:{universal.lower()}"
        known = name or universal
        if known in ("", self.receiving_application, self.receiving_facility):
            return self.system(own)
        return f"{self.system('authority')}/{quote(known, safe='')}"

    def kept(self, segment: Segment, notes: list[Note]) -> Element:
        """A segment carried along unread, as it was written, in an extension of the installation's own."""
        notes.append(Note(NoteKind.KEPT, segment.name, "carried along as it was written"))
        return {"url": self.system("segment"), "valueString": segment.raw}


def plain(text: str, path: str, notes: list[Note]) -> str:
    """``text`` as a FHIR string can hold it: control characters, which it cannot, become U+FFFD, and are noted."""
    if UNSPEAKABLE.search(text) is None:
        return text
    notes.append(Note(NoteKind.DROPPED, path, "control characters that a FHIR string cannot hold"))
    return UNSPEAKABLE.sub("\ufffd", text)


def unread(segment: Segment, read: tuple[int, ...], *, manual: bool = True) -> list[Note]:
    """A note for every field of ``segment`` that has a value and is not in ``read``. Where the message is written by
    Pegasos's ``manual``, fields that the table says are left out on purpose have none."""
    known = _known(segment.name, read) if manual else frozenset(read)
    return [
        Note(NoteKind.DROPPED, f"{segment.name}-{number}", "nothing here carries it")
        for number in segment.filled()
        if number not in known
    ]


@lru_cache(maxsize=256)
def _known(name: str, read: tuple[int, ...]) -> frozenset[int]:
    left_out = (field.split("-") for (field,) in tables.table("ignored"))
    return frozenset(read) | {int(number) for segment, number in left_out if segment == name}
