"""Patient: only whose number it is, and how the installation reaches them.

Name, birth date, municipality and the non-disclosure order have another master, the population register; the HETU is
the key a person was found by and travels beside the resource, never in it.
"""

from __future__ import annotations

from typing import Final

from canonical import codes, fhir
from canonical.fhir import Resource
from canonical.messages import BadMessage
from canonical.model import LocalPatient, Record
from canonical.notes import Note, NoteKind
from mappings.engine.recorder import Recorder
from mappings.lifecare.carry import Carrier
from mappings.lifecare.vocabulary import Vocabulary

_CONTACT: Final = ("telecom", "address", "communication")
_OF_NO_MEANING_HERE: Final = frozenset({"resourceType", "id", "meta", "identifier", "active", "text"})


def patient(
    source: Resource, words: Vocabulary, recorder: Recorder | None = None
) -> tuple[LocalPatient, tuple[Note, ...]]:
    """Who it is there (manual §5). Raises `BadMessage`."""
    found = fhir.identifier_value(source, codes.HETU)
    if not isinstance(found, str):
        raise BadMessage("Patient.identifier holds no HETU")
    carrier = _carrier(source, words, recorder)
    for name in sorted(source.keys() - set(_CONTACT) - _OF_NO_MEANING_HERE):
        carrier.note(NoteKind.DROPPED, f"Patient.{name}", "the population register is its master")
    if source.get("meta", {}).get("security"):
        carrier.note(NoteKind.DROPPED, "Patient.meta.security", "the population register is its master")
    contact: Resource = {name: carrier.resource[name] for name in _CONTACT if name in carrier.resource}
    return LocalPatient(carrier.id, found, contact), carrier.notes


def record(source: Resource, words: Vocabulary, recorder: Recorder | None = None) -> Record:
    """The same as a record: the answer to a registration."""
    found, notes = patient(source, words, recorder)
    resource = {"resourceType": "Patient"} | found.contact
    return Record("Patient", found.number, resource, _carrier(source, words).version, found.number, notes)


def _carrier(source: Resource, words: Vocabulary, recorder: Recorder | None = None) -> Carrier:
    """The way over of what is carried, and of what names it."""
    names = ("resourceType", "id", *_CONTACT)
    version = {"versionId": source.get("meta", {}).get("versionId")}
    carried = {name: source[name] for name in names if name in source} | {"meta": version}
    return Carrier(carried, "Patient", words, recorder)
