"""JSON Schemas of the resources, from the FHIR dictionary: small, for the OpenAPI document.

They describe; what decides is `canonical.validate`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from canonical import dictionary
from canonical.dictionary import ElementRule
from hub.api.bodies import LONGEST_COMMENT, MOST_IDENTIFIERS

Schema = dict[str, Any]

_MANY_CHOICES: Final = 12
ID: Final = r"^[A-Za-z0-9\-.]{1,64}$"
_INSTANT: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})$"
_PRIMITIVES: Final[Mapping[str, Schema]] = {
    "boolean": {"type": "boolean"},
    "integer": {"type": "integer"},
    "unsignedInt": {"type": "integer", "minimum": 0},
    "positiveInt": {"type": "integer", "minimum": 1, "maximum": 2147483647},
    "decimal": {"type": "number"},
    "id": {"type": "string", "pattern": ID},
    "instant": {"type": "string", "format": "date-time", "pattern": _INSTANT},
    "date": {"type": "string", "pattern": "^[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?$"},
    "dateTime": {"type": "string", "pattern": "^[0-9]{4}(-[0-9]{2}(-[0-9]{2}(T.+)?)?)?$"},
    "uri": {"type": "string", "pattern": r"^\S+$"},
}
_TEXT: Final[Schema] = {"type": "string", "minLength": 1}
_ANY_RESOURCE: Final[Schema] = {
    "type": "object",
    "properties": {"resourceType": {"type": "string"}},
    "required": ["resourceType"],
}
_EXTENSION: Final[Schema] = {"type": "object", "properties": {"url": {"type": "string"}}, "required": ["url"]}


def resource(name: str, into: dict[str, Schema]) -> Schema:
    """A reference to the schema of a type, which is put ``into`` the components with all that it needs."""
    if name in ("Resource", "Extension"):
        into[name] = _ANY_RESOURCE if name == "Resource" else _EXTENSION
    elif name not in into:
        into[name] = {}
        into[name] = _object(name, into)
    return {"$ref": f"#/components/schemas/{name}"}


def _object(name: str, into: dict[str, Schema]) -> Schema:
    rule = dictionary.describe(name)
    elements = rule.elements.values()
    open_choices = {
        e.choice for e in elements if e.choice and sum(o.choice == e.choice for o in elements) > _MANY_CHOICES
    }
    properties: dict[str, Schema] = {"resourceType": {"const": name}} if rule.is_resource else {}
    for element in elements:
        single = {"type": "object"} if element.choice in open_choices else _single(element, into)
        many = {"type": "array", "items": single, "minItems": 1}
        properties[element.name] = many if element.many else single
        if element.is_primitive:
            properties[f"_{element.name}"] = {"type": ["array", "object"]}
    required = ["resourceType"] if rule.is_resource else []
    required += [e.name for e in elements if e.required]
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False, "minProperties": 1}
    return schema | ({"required": required} if required else {})


def _single(element: ElementRule, into: dict[str, Schema]) -> Schema:
    if not element.is_primitive:
        return resource(element.type, into)
    if element.codes:
        return {"type": "string", "enum": sorted(element.codes)}
    return dict(_PRIMITIVES.get(element.type, _TEXT))


def _reference(kinds: str) -> Schema:
    return {
        "type": "object",
        "properties": {"reference": {"type": "string", "pattern": rf"^({kinds})/[A-Za-z0-9\-.]{{1,64}}$"}},
        "required": ["reference"],
        "additionalProperties": False,
    }


def proposed() -> Schema:
    """The Parameters of an operation on a proposed Appointment."""
    one = {
        "type": "object",
        "properties": {"name": {"const": "appointment-reference"}, "valueReference": _reference("Appointment")},
        "required": ["name", "valueReference"],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "description": "Names a proposed Appointment that `$find` gave.",
        "properties": {
            "resourceType": {"const": "Parameters"},
            "parameter": {"type": "array", "items": one, "minItems": 1, "maxItems": 1},
        },
        "required": ["resourceType", "parameter"],
        "additionalProperties": False,
    }


def batch(most: int) -> Schema:
    """A Bundle of at most ``most`` requests."""
    asked = {
        "type": "object",
        "properties": {
            "method": {"enum": ["GET", "HEAD", "POST", "PUT"]},
            "url": {"type": "string", "pattern": r"^[A-Z][A-Za-z]+(/[A-Za-z0-9.-]{1,64})?(\?[a-z_-]+=[A-Za-z0-9]+)?$"},
            "ifMatch": _TEXT,
            "ifNoneMatch": _TEXT,
            "ifNoneExist": _TEXT,
        },
        "required": ["method", "url"],
        "additionalProperties": False,
    }
    entry = {
        "type": "object",
        "properties": {"request": asked, "resource": _ANY_RESOURCE},
        "required": ["request"],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {
            "resourceType": {"const": "Bundle"},
            "type": {"const": "batch"},
            "entry": {"type": "array", "items": entry, "minItems": 1, "maxItems": most},
        },
        "required": ["resourceType", "type"],
        "additionalProperties": False,
    }


def booking() -> Schema:
    """What a new Appointment may hold; elements that the record system decides are left out here."""
    participant = {
        "type": "object",
        "properties": {
            "actor": _reference("Patient|Practitioner|PractitionerRole|Location|HealthcareService"),
            "status": {"enum": ["accepted", "tentative", "needs-action"]},
        },
        "required": ["actor", "status"],
        "additionalProperties": False,
    }
    identifier = {
        "type": "object",
        "properties": {"system": {"type": "string", "pattern": r"^\S+$"}, "value": _TEXT},
        "required": ["value"],
        "additionalProperties": False,
    }
    reason = {"type": "object", "properties": {"text": _TEXT}, "required": ["text"], "additionalProperties": False}
    return {
        "type": "object",
        "description": "A booking: one free Slot, for the person the token is about.",
        "properties": {
            "resourceType": {"const": "Appointment"},
            "status": {"enum": ["booked", "proposed", "pending"]},
            "slot": {"type": "array", "items": _reference("Slot"), "minItems": 1, "maxItems": 1},
            "start": _PRIMITIVES["instant"],
            "end": _PRIMITIVES["instant"],
            "minutesDuration": _PRIMITIVES["positiveInt"],
            "participant": {
                "type": "array",
                "items": participant,
                "contains": {"properties": {"actor": _reference("Patient")}},
                "minContains": 1,
                "maxContains": 1,
            },
            "comment": {"type": "string", "minLength": 1, "maxLength": LONGEST_COMMENT},
            "reasonCode": {"type": "array", "items": reason, "minItems": 1},
            "identifier": {"type": "array", "items": identifier, "minItems": 1, "maxItems": MOST_IDENTIFIERS},
        },
        "required": ["resourceType", "status", "slot", "participant"],
        "additionalProperties": False,
    }
