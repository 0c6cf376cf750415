"""What this API defines itself, as FHIR resources: SearchParameters, extensions, an operation."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from canonical import codes
from hub.api.interactions import KINDS
from hub.api.operations import HELD_UNTIL, OPERATIONS
from hub.usecases.abilities import ABILITIES

_PUBLISHED = "2026-11-22"
_COMMON: Final = {
    "version": "1",
    "status": "active",
    "experimental": False,
    "date": _PUBLISHED,
    "publisher": "Sotesilta",
}
_CAN: Final = "What can be done there: book, cancel, hold, answer-proposals, comment, register-person."
_ABILITIES: Final = (
    ("can", "code", "*", _CAN),
    ("moves", "code", "1", "How a booked time is moved: at-once, or in-two-steps (booked anew, then cancelled)."),
    ("mutable", "boolean", "1", "Whether the resident can change what was booked."),
    ("textLimit", "positiveInt", "1", "Most bytes (UTF-8) of a comment."),
)


@cache
def published(kind: str) -> dict[str, dict[str, Any]]:
    """Every definition of a kind (SearchParameter, StructureDefinition, OperationDefinition) by its id."""
    match kind:
        case "SearchParameter":
            return search_parameters()
        case "StructureDefinition":
            return {
                "abilities": _abilities(),
                "held-until": _extension(
                    "held-until", HELD_UNTIL, "Appointment", "Until when a time is held.", _instant()
                ),
            }
        case "OperationDefinition":
            return {"Appointment-release": _release()}
        case _:
            return {}


def search_parameters() -> dict[str, dict[str, Any]]:
    """Every published SearchParameter by its id (``Slot-municipality``)."""
    return {
        f"{kind.name}-{param.name}": {
            "resourceType": "SearchParameter",
            "id": f"{kind.name}-{param.name}",
            "url": canonical(kind.name, param.name),
            **_COMMON,
            "name": param.name.capitalize(),
            "description": param.documentation,
            "code": param.name,
            "base": [kind.name],
            "type": param.type,
            "multipleOr": True,
            "multipleAnd": False,
        }
        for kind in KINDS.values()
        for param in kind.params
        if param.own
    }


def canonical(kind: str, name: str) -> str:
    """The canonical URL of a published SearchParameter."""
    return f"{codes.ROOT}/fhir/SearchParameter/{kind}-{name}"


def _extension(
    identity: str, url: str, context: str, description: str, elements: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "resourceType": "StructureDefinition",
        "id": identity,
        "url": url,
        **_COMMON,
        "name": identity.title().replace("-", ""),
        "description": description,
        "fhirVersion": "4.0.1",
        "kind": "complex-type",
        "abstract": False,
        "context": [{"type": "element", "expression": context}],
        "type": "Extension",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Extension",
        "derivation": "constraint",
        "differential": {"element": [{"id": "Extension", "path": "Extension", "short": description}, *elements]},
    }


def _instant() -> list[dict[str, Any]]:
    value = {"id": "Extension.value[x]", "path": "Extension.value[x]", "min": 1, "type": [{"code": "instant"}]}
    return [value]


def _abilities() -> dict[str, Any]:
    elements: list[dict[str, Any]] = []
    for name, kind, most, short in _ABILITIES:
        here = f"Extension.extension:{name}"
        part = {"id": here, "path": "Extension.extension", "sliceName": name, "short": short, "min": 0, "max": most}
        url = {"id": f"{here}.url", "path": "Extension.extension.url", "fixedUri": name}
        value = {"id": f"{here}.value[x]", "path": "Extension.extension.value[x]", "type": [{"code": kind}]}
        elements += [part, url, value]
    about = "What the installation that a service is of can do for a resident."
    return _extension("abilities", ABILITIES, "HealthcareService", about, elements)


def _release() -> dict[str, Any]:
    one = OPERATIONS["release"]
    reference = {
        "name": "appointment-reference",
        "use": "in",
        "min": 1,
        "max": "1",
        "type": "Reference",
        "targetProfile": ["http://hl7.org/fhir/StructureDefinition/Appointment"],
        "documentation": "The proposed Appointment that is held.",
    }
    outcome = {"name": "return", "use": "out", "min": 1, "max": "1", "type": "OperationOutcome"}
    return {
        "resourceType": "OperationDefinition",
        "id": "Appointment-release",
        "url": one.definition,
        **_COMMON,
        "name": "ReleaseAppointment",
        "kind": "operation",
        "description": one.documentation,
        "affectsState": True,
        "code": one.name,
        "resource": ["Appointment"],
        "system": False,
        "type": True,
        "instance": False,
        "parameter": [reference, outcome],
    }
