"""Code systems, identifier systems and extension URLs of this interface (INTERFACE.md §3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

HETU: Final = "urn:oid:1.2.246.21"
MUNICIPALITY: Final = "urn:oid:1.2.246.537.6.21"
NATIONAL_SERVICE: Final = "urn:oid:1.2.246.537.6.49"
NATIONAL_CATEGORY: Final = "urn:oid:1.2.246.537.6.50"
SOCIAL_CATEGORY: Final = "urn:oid:1.2.246.537.6.1221"
"""Palvelutehtävä, the service task of social care."""

RESTRICTION: Final = "urn:oid:1.2.246.537.5.40202.201901"
TERHIKKI: Final = "urn:oid:1.2.246.537.26"
URI: Final = "urn:ietf:rfc3986"
LANGUAGE: Final = "urn:ietf:bcp:47"
IDENTIFIER_TYPE: Final = "http://terminology.hl7.org/CodeSystem/v2-0203"

_FINNISH: Final = "https://hl7.fi/fhir/finnish-base-profiles"
SECURITY_LABEL: Final = f"{_FINNISH}/CodeSystem/fi-base-security-label-cs"
MUNICIPALITY_EXTENSION: Final = f"{_FINNISH}/StructureDefinition/municipality-code"
RESTRICTION_EXTENSION: Final = f"{_FINNISH}/StructureDefinition/RestrictionParent"
RELEASE_EXTENSION: Final = f"{_FINNISH}/StructureDefinition/ReleaseDateForPatientViewing"
TRANSLATION_EXTENSION: Final = "http://hl7.org/fhir/StructureDefinition/translation"

_VENDOR: Final = "https://lifecare.example/fhir"
ERROR_CODES: Final = f"{_VENDOR}/CodeSystem/error"
ROOM_EXTENSION: Final = f"{_VENDOR}/StructureDefinition/room"
ARRIVAL_EXTENSION: Final = f"{_VENDOR}/StructureDefinition/arrival-instruction"
CHANNEL_EXTENSION: Final = f"{_VENDOR}/StructureDefinition/booking-channel"
PLACES_EXTENSION: Final = f"{_VENDOR}/StructureDefinition/places"
HOLD_TOKEN_EXTENSION: Final = f"{_VENDOR}/StructureDefinition/hold-token"
HOLD_UNTIL_EXTENSION: Final = f"{_VENDOR}/StructureDefinition/hold-until"

REASONS: Final = {
    "ASIAKAS": "Asiakas perui",
    "YKSIKKO": "Yksikkö perui",
    "ESTE": "Asiakkaalle tuli este",
    "MUU": "Muu syy",
}
"""Causes of cancellation, of the system `Systems.reason`."""

SPECIALTIES: Final = {"YLE": "Yleislääketiede", "HOI": "Hoitotyö", "HAM": "Hammaslääketiede", "SOS": "Sosiaalityö"}
"""Specialties, of the system `Systems.specialty`."""


@dataclass(frozen=True, slots=True)
class Systems:
    """The installation's own systems. The root is under 2.999, the arc reserved for examples."""

    service: str
    specialty: str
    reason: str
    patient: str
    professional: str
    appointment: str

    @classmethod
    def below(cls, oid: str) -> Systems:
        """Return the systems of the installation whose own root is this OID (such as `2.999.638`)."""
        root = f"urn:oid:{oid}"
        return cls(
            service=f"{root}.6.10",
            specialty=f"{root}.6.20",
            reason=f"{root}.6.30",
            patient=f"{root}.24",
            professional=f"{root}.26",
            appointment=f"{root}.30",
        )


def operation(name: str) -> str:
    """Return the address of an operation's definition."""
    return f"{_VENDOR}/OperationDefinition/slot-{name}"
