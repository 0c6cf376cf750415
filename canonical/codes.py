"""Names of code systems, identifier systems and extensions, national and our own.

National ones are written as unversioned ``urn:oid`` URIs; readers accept a versioned style too where they must.
Our own live under a reserved ``.example`` domain, so that they cannot be taken for anybody's.
"""

from __future__ import annotations

import re
from typing import Final

# Finland
HETU: Final = "urn:oid:1.2.246.21"
MUNICIPALITY: Final = "urn:oid:1.2.246.537.6.21"
SERVICE: Final = "urn:oid:1.2.246.537.6.49"
SERVICE_CATEGORY: Final = "urn:oid:1.2.246.537.6.50"
TASK: Final = "urn:oid:1.2.246.537.6.1221"
"""Palvelutehtävä: the task of social care that a service, and all that comes of it, belongs to."""
APPOINTMENT_STATE: Final = "urn:oid:1.2.246.537.6.881"
TERHIKKI: Final = "urn:oid:1.2.246.537.26"
PROFILES: Final = "https://hl7.fi/fhir/finnish-base-profiles"
MUNICIPALITY_EXTENSION: Final = f"{PROFILES}/StructureDefinition/municipality-code"
RESTRICTION_PARENT: Final = f"{PROFILES}/StructureDefinition/RestrictionParent"
RESTRICTION_PARENT_CODES: Final = "urn:oid:1.2.246.537.5.40202.201901"
RELEASE_DATE: Final = f"{PROFILES}/StructureDefinition/ReleaseDateForPatientViewing"
SECURITY_LABELS: Final = f"{PROFILES}/CodeSystem/fi-base-security-label-cs"
TURVAKIELTO: Final = "TURVAKIELTO"

# HL7 International
V2_0203: Final = "http://terminology.hl7.org/CodeSystem/v2-0203"
DATA_ABSENT: Final = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
TRANSLATION: Final = "http://hl7.org/fhir/StructureDefinition/translation"
LANGUAGE: Final = "urn:ietf:bcp:47"

# Sotesilta's own
ROOT: Final = "https://sotesilta.example"
ERRORS: Final = f"{ROOT}/errors"
SOURCE: Final = f"{ROOT}/source"
SYNC_STATE: Final = f"{ROOT}/fhir/CodeSystem/sync-state"
TASK_KIND: Final = f"{ROOT}/fhir/CodeSystem/task-kind"
RECEIPT_STATE: Final = f"{ROOT}/fhir/CodeSystem/receipt-state"
SECTOR: Final = f"{ROOT}/fhir/CodeSystem/sector"
PLACER: Final = f"{ROOT}/fhir/placer"
RECEIPT_EXTENSION: Final = f"{ROOT}/fhir/StructureDefinition/receipt"
PLACE_MUNICIPALITY: Final = f"{ROOT}/fhir/StructureDefinition/municipality"
"""Where a Location is. The national extension (`MUNICIPALITY_EXTENSION`) is for a Patient's home only."""
AS_OF_EXTENSION: Final = f"{ROOT}/fhir/StructureDefinition/as-of"


_VERSIONED: Final = re.compile(r"(urn:oid:1\.2\.246\.537\.6\.[0-9]{1,5})\.((?:19|20)[0-9]{2}(?:[0-9]{2}){0,2})")


def unversioned(system: str) -> tuple[str, str | None]:
    """A national classification without its version, and the version (``….6.49.201501``: ``….6.49``, ``201501``). Both
    styles are in use; any other system is given back as it is."""
    found = _VERSIONED.fullmatch(system)
    return (found[1], found[2]) if found else (system, None)


def source(name: str) -> str:
    """``meta.source`` of what came from installation ``name`` (or ``population-register``, ``hub``)."""
    return f"{SOURCE}/{name}"


def local(installation: str, what: str) -> str:
    """The identifier or code system of an installation's own ``what`` (``service``, ``schedule``, ``appointment``)."""
    return f"{ROOT}/installation/{installation}/{what}"
