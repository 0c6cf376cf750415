"""The Finnish base profiles that our resources claim, and what these ask beyond R4.

Source: HL7 Finland, Finnish Base Profiles (https://hl7.fi/fhir/finnish-base-profiles, CC0), releases 1.0.0 and
2.0.0-ci: ``fi-base-patient`` (in 1.0.0 on IPA's patient: an identifier and a name), ``fi-base-appointment``, and the
extensions ``RestrictionParent``, ``ReleaseDateForPatientViewing`` and ``municipality-code``. A claim holds for both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from canonical import codes
from canonical.fhir import Element, Resource

_STRUCTURES: Final = f"{codes.PROFILES}/StructureDefinition/"
PATIENT: Final = f"{_STRUCTURES}fi-base-patient"
APPOINTMENT: Final = f"{_STRUCTURES}fi-base-appointment"
CLAIMS: Final[Mapping[str, str]] = {"Patient": PATIENT, "Appointment": APPOINTMENT}
"""What a resource of a type claims, if it is true of it."""

_RESTRICTIONS: Final = frozenset("1234")


def claimed(resource: Resource) -> list[str]:
    """The profiles that may stand in ``meta.profile``: none that the resource does not satisfy."""
    profile = CLAIMS.get(resource.get("resourceType", ""))
    return [profile] if profile and not breaches(resource, profile) else []


def breaches(resource: Resource, profile: str) -> list[str]:
    """Where a valid R4 resource does not satisfy ``profile``, one of `CLAIMS`: FHIRPath, and what was asked."""
    own = _patient(resource) if profile == PATIENT else ()
    return [*own, *_extensions(resource, resource["resourceType"])]


def _patient(patient: Resource) -> Iterator[str]:
    identifiers, names = patient.get("identifier", []), patient.get("name", [])
    if not identifiers or any("value" not in one for one in identifiers):
        yield "Patient.identifier: 1..* with a value"
    official = [one for one in identifiers if one.get("use") == "official"]
    if len(official) > 1 or any(not _is_hetu(one) for one in official):
        yield "Patient.identifier: the official one is the HETU, NNFIN"
    if not names or any(not one.keys() & {"family", "given", "text"} for one in names):
        yield "Patient.name: 1..* with family, given or text"
    labels = [one for one in patient.get("meta", {}).get("security", []) if one.get("system") == codes.SECURITY_LABELS]
    if len(labels) > 1:
        yield "Patient.meta.security: one Finnish label"


def _is_hetu(identifier: Element) -> bool:
    types = identifier.get("type", {}).get("coding", [])
    kinds = {(one.get("system"), one.get("code")) for one in types}
    return identifier.get("system") == codes.HETU and kinds == {(codes.V2_0203, "NNFIN")}


def _municipality(extension: Element) -> bool:
    coding: Element = extension.get("valueCoding", {})
    return coding.get("system") == codes.MUNICIPALITY


def _restriction(extension: Element) -> bool:
    coding = extension.get("valueCoding", {})
    known = coding.get("system") == codes.RESTRICTION_PARENT_CODES and coding.get("code") in _RESTRICTIONS
    return known and coding.keys() == {"system", "code", "display"} and "id" not in extension


def _release(extension: Element) -> bool:
    return "valueDate" in extension


_EXTENSIONS: Final[Mapping[str, tuple[str, Callable[[Element], bool]]]] = {
    codes.MUNICIPALITY_EXTENSION: ("Patient", _municipality),
    codes.RESTRICTION_PARENT: ("Appointment", _restriction),
    codes.RELEASE_DATE: ("Appointment", _release),
}
"""Where an extension may stand, and what it has to hold."""


def _extensions(resource: Resource, kind: str) -> Iterator[str]:
    urls = [one.get("url") for one in resource.get("extension", [])]
    for one in resource.get("extension", []):
        context, holds = _EXTENSIONS.get(one["url"], (kind, lambda _: True))
        if context != kind or not holds(one) or (one["url"] in _EXTENSIONS and urls.count(one["url"]) > 1):
            yield f"{kind}.extension: {one['url'].removeprefix(_STRUCTURES)}"
