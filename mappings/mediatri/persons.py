"""``potilas`` -> the installation's own patient: ``rules/directory.toml``. Source: Mediatri's manual §6."""

from __future__ import annotations

from canonical import fhir
from canonical.model import LocalPatient, Record
from canonical.notes import Note, NoteKind
from mappings.engine.recorder import Recorder
from mappings.mediatri.directory import rules
from mappings.mediatri.markup import BadMessage, Element, Fields
from mappings.mediatri.site import Site


def local_patient(element: Element, recorder: Recorder | None = None) -> tuple[LocalPatient, list[Note]]:
    """The customer; raises `BadMessage` for one without number or HETU.

    Of somebody protected for their personal safety (``turvakielto`` other than ``E``) Mediatri still gives address,
    telephone and e-mail, for the clinic's own use. They are left here: what is not carried on cannot be shown.
    """
    recorder = recorder or Recorder(Site(""))
    fields = Fields(element, recorder.seen)
    if not (hetu := fields.text("henkilotunnus")):
        raise BadMessage("potilas without henkilotunnus")
    contact = rules()["protected" if _is_protected(fields, recorder) else "potilas"].read(fields, recorder)
    number = str(contact.pop("id"))
    del contact["resourceType"]
    return LocalPatient(number, hetu, contact), list(recorder.notes)


def patient_record(patient: LocalPatient, site: Site, notes: list[Note]) -> Record:
    """The Patient of one installation, without what the population register is the master of."""
    number = fhir.identifier(site.system("patient"), patient.number, type_code="PI")
    resource = {"resourceType": "Patient", "identifier": [number], **patient.contact}
    return Record("Patient", patient.number, resource, patient=patient.number, notes=tuple(notes))


def _is_protected(fields: Fields, recorder: Recorder) -> bool:
    protection = fields.word("turvakielto")
    if protection not in ("K", "E"):
        recorder.note(NoteKind.DEFAULTED, "potilas/turvakielto", "neither K nor E; taken for protected")
    if protection != "E":
        where = "potilas/lahiosoite, puhelin, sahkoposti"
        recorder.note(NoteKind.DROPPED, where, "protected for personal safety")
    return protection != "E"
