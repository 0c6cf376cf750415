"""Appointment: read as it is, in the installation's own state of it (``pending`` is the hub's to judge)."""

from __future__ import annotations

from typing import Final

from canonical import codes, fhir
from canonical.fhir import Element, Resource
from canonical.messages import BadMessage
from canonical.model import Record
from mappings.engine.recorder import Recorder
from mappings.lifecare.carry import Carrier, instant, target
from mappings.lifecare.vocabulary import Vocabulary, restrictions

KIND: Final = "Appointment"
ARRIVAL_INSTRUCTION: Final = "https://lifecare.example/fhir/StructureDefinition/arrival-instruction"
_STATUS: Final = frozenset(
    {
        *("booked", "pending", "cancelled", "fulfilled", "noshow"),  # the manual's
        *("proposed", "waitlist", "arrived", "checked-in", "entered-in-error"),  # R4's others, which mean what R4 says
    }
)
_WITHOUT_TIME: Final = frozenset({"proposed", "waitlist", "cancelled"})


def appointment(source: Resource, words: Vocabulary, recorder: Recorder | None = None) -> Record:
    """The record of one Appointment (manual §7; of other writers what R4 allows). Raises `BadMessage`.

    ``Record.patient`` is of whom it says it is, None where it names the patient without a number; whether that is who
    was asked for is the caller's to check.
    """
    carrier = Carrier(source, KIND, words, recorder)
    resource = carrier.resource
    if resource.get("status") not in _STATUS:
        raise BadMessage("Appointment.status is none of R4")
    timed = "start" in resource or "end" in resource or resource["status"] not in _WITHOUT_TIME
    if timed and instant(resource, KIND, "start") >= instant(resource, KIND, "end"):
        raise BadMessage("Appointment ends before it starts")
    carrier.name_services("serviceType")
    carrier.recorder.carry("Appointment.patientInstruction", _instruct, carrier)
    _name_restriction(resource)
    _answer_for_the_patient(resource)
    if fhir.identifier_value(resource, words.appointment) is None:
        own = fhir.identifier(words.appointment, carrier.id, type_code="FILL")
        resource["identifier"] = [own, *resource.get("identifier", ())]
    return Record(KIND, carrier.id, resource, carrier.version, _patient(resource), carrier.notes)


def placer_id(resource: Resource) -> str | None:
    """The hub's own mark on the appointment, where it has one."""
    return fhir.identifier_value(resource, codes.PLACER)


def _instruct(carrier: Carrier) -> str:
    """FHIR has an element of its own for what the extension tells the patient, which any portal knows: the text goes
    there too, in Finnish with the Swedish beside it (manual §3.1). The extension stays as it is."""
    extension = fhir.extension(carrier.resource, ARRIVAL_INSTRUCTION)
    texts = {part["url"]: part.get("valueString") for part in (extension or {}).get("extension", ())}
    if not texts.get("fi") or "patientInstruction" in carrier.resource:
        return ""
    carrier.resource["patientInstruction"] = texts["fi"]
    if texts.get("sv"):
        carrier.resource["_patientInstruction"] = {"extension": [_translation("sv", texts["sv"])]}
    return str(texts["fi"])


def _translation(language: str, text: str) -> Element:
    parts = [{"url": "lang", "valueCode": language}, {"url": "content", "valueString": text}]
    return {"url": codes.TRANSLATION, "extension": parts}


def _name_restriction(resource: Resource) -> None:
    """The national extension wants the code's name beside it; Lifecare leaves it out (manual §3.1)."""
    coding = (fhir.extension(resource, codes.RESTRICTION_PARENT) or {}).get("valueCoding", {})
    name = restrictions().get(coding.get("code", ""))
    if name and coding.get("system") == codes.RESTRICTION_PARENT_CODES:
        coding.setdefault("display", name)


def _answer_for_the_patient(resource: Resource) -> None:
    """Lifecare writes ``needs-action`` of the patient while the unit decides (manual §7.2). In FHIR that would ask the
    patient to answer, who has: the booking was their wish."""
    if resource["status"] == "pending":
        for participant in fhir.actors(resource, "Patient"):
            participant["status"] = "accepted"


def _patient(resource: Resource) -> str | None:
    """The number of the patient, or None where nobody takes part by a number: a HETU does not stay inside a resource,
    and a name is no number."""
    participants = resource.get("participant", ())
    numbers = [number for p in participants if (number := target(p.get("actor", {}), "Patient"))]
    if len(numbers) > 1 or not participants:
        raise BadMessage("Appointment.participant must name one patient")
    return numbers[0] if numbers else None
