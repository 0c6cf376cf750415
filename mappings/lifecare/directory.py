"""The directory: units, places, services, professionals and their calendars."""

from __future__ import annotations

from typing import Final

from canonical import codes, fhir
from canonical.fhir import Resource
from canonical.model import Record
from canonical.notes import NoteKind
from mappings.engine.recorder import Recorder
from mappings.lifecare.carry import Carrier, target
from mappings.lifecare.vocabulary import Vocabulary

KINDS: Final = ("Organization", "Location", "HealthcareService", "Practitioner", "PractitionerRole", "Schedule")
"""In this order nothing names what has not come yet."""

_NUMBERED: Final = {"HealthcareService": "service-number", "Location": "unit-number", "Schedule": "schedule"}
_SERVICES_IN: Final = {"HealthcareService": "type", "Schedule": "serviceType"}


def record(source: Resource, kind: str, words: Vocabulary, recorder: Recorder | None = None) -> Record:
    """The record of one directory resource of ``kind`` (manual §4). Raises `BadMessage`."""
    carrier = Carrier(source, kind, words, recorder)
    local = carrier.name_services(_SERVICES_IN[kind]) if kind in _SERVICES_IN else []
    if kind == "HealthcareService":
        _name_sector(carrier, local)
    if kind == "Location" and (where := fhir.extension(carrier.resource, codes.MUNICIPALITY_EXTENSION)):
        where["url"] = codes.PLACE_MUNICIPALITY
    if kind in _NUMBERED:
        # Lifecare gives these no identifier of their own; tools that look at both sides need one.
        number = fhir.identifier(codes.local(words.installation, _NUMBERED[kind]), carrier.id)
        carrier.resource.setdefault("identifier", []).append(number)
    return Record(kind, carrier.id, carrier.resource, carrier.version, notes=carrier.notes)


def service_of(schedule: Resource) -> str | None:
    """The id of the HealthcareService whose calendar it is."""
    return next((found for actor in schedule.get("actor", ()) if (found := target(actor, "HealthcareService"))), None)


def _name_sector(carrier: Carrier, local: list[str]) -> None:
    """Say in ``HealthcareService.category`` of which sector it is: by the table, or the installation's only one."""
    known = carrier.words.services
    sectors = sorted({known[code].sector if code in known else carrier.words.sector for code in local} - {""})
    for sector in sectors:
        carrier.resource.setdefault("category", []).append(fhir.concept(fhir.coding(codes.SECTOR, sector)))
    if not sectors:
        carrier.note(NoteKind.UNKNOWN_CODE, "HealthcareService.type", "the sector of the service is not known")
