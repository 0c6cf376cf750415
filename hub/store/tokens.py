"""Which search parameters a stored resource is found by, as (name, value) pairs. Tables and pure functions.

A code is kept twice, as ``system|code`` and as ``code``; a reference as ``Kind/id``; a text folded to lower case
without accents (FHIR R4, search, 3.1.1.4). Nothing of a person is kept in clear: names and free texts have
no token, and a person's identifiers, whatever they are, only their keyed hashes.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from typing import Any, Final

from canonical.fhir import Resource
from hub.resources import DIRECTORY

_CODED: Final = {"specialty": ("concept", "specialty")}
_NAMED: Final = {"identifier": ("identifier", "identifier"), "active": ("code", "active")}

PARAMETERS: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "Organization": _NAMED
    | {
        "name": ("text", "name"),
        "type": ("concept", "type"),
        "partof": ("reference", "partOf"),
        "address-city": ("text", "address.city"),
    },
    "Location": {
        "identifier": ("identifier", "identifier"),
        "name": ("text", "name"),
        "status": ("code", "status"),
        "type": ("concept", "type"),
        "organization": ("reference", "managingOrganization"),
        "partof": ("reference", "partOf"),
        "address-city": ("text", "address.city"),
    },
    "HealthcareService": _NAMED
    | _CODED
    | {
        "name": ("text", "name"),
        "service-type": ("concept", "type"),
        "service-category": ("concept", "category"),
        "organization": ("reference", "providedBy"),
        "location": ("reference", "location"),
    },
    "Practitioner": _NAMED,
    "PractitionerRole": _NAMED
    | _CODED
    | {
        "practitioner": ("reference", "practitioner"),
        "organization": ("reference", "organization"),
        "location": ("reference", "location"),
        "service": ("reference", "healthcareService"),
        "role": ("concept", "code"),
    },
    "Schedule": _NAMED
    | _CODED
    | {
        "actor": ("reference", "actor"),
        "service-type": ("concept", "serviceType"),
        "service-category": ("concept", "serviceCategory"),
    },
    "Patient": _NAMED,
    "Appointment": _CODED
    | {
        "identifier": ("identifier", "identifier"),
        "actor": ("reference", "participant.actor"),
        "practitioner": ("reference", "participant.actor"),
        "location": ("reference", "participant.actor"),
        "appointment-type": ("concept", "appointmentType"),
        "service-type": ("concept", "serviceType"),
        "service-category": ("concept", "serviceCategory"),
        "slot": ("reference", "slot"),
    },
}
"""By kind and parameter: how the element is read, and its path."""

_ONLY: Final = {"practitioner": "Practitioner/", "location": "Location/"}
"""Parameters that follow references of one kind only."""

REFERENCED: Final = (
    "Appointment",
    "HealthcareService",
    "Location",
    "Organization",
    "Patient",
    "Practitioner",
    "PractitionerRole",
    "Schedule",
    "Slot",
)
"""The kinds that what is kept refers to: a search that gives an id alone means any of them."""

Hash = Callable[[str], str]


def hiding(kind: str, hashed: Hash) -> Hash:
    """How identifiers of a kind are kept: as they are in the directory, hashed where they may name a person."""
    return str if kind in DIRECTORY else hashed


def tokens(resource: Resource, hashed: Hash) -> set[tuple[str, str]]:
    """(parameter, value) of everything the resource is found by; ``hashed`` is the keyed hash."""
    found: set[tuple[str, str]] = set()
    kind = resource["resourceType"]
    hide = hiding(kind, hashed)
    for name, (how, path) in PARAMETERS[kind].items():
        only = _ONLY.get(name) if kind == "Appointment" else None
        for element in _at(resource, path.split(".")):
            found |= {(name, value) for value in _READ[how](element, hide) if value and _fits(only, element)}
    return found


def lines(found: set[tuple[str, str]]) -> str:
    """All of it as one text, a line each, in which `line` is looked for."""
    return "\n" + "".join(f"{name}={value}\n" for name, value in sorted(found))


def line(name: str, value: str, *, is_beginning: bool) -> str:
    """What stands in `lines` where the resource is found by it."""
    return f"\n{name}={value}" if is_beginning else f"\n{name}={value}\n"


def _fits(only: str | None, element: Any) -> bool:
    return only is None or str(element.get("reference", "")).startswith(only)


def _at(value: Any, path: list[str]) -> Iterator[Any]:
    """Every element at ``path``, through lists."""
    if isinstance(value, list):
        for one in value:
            yield from _at(one, path)
    elif not path:
        yield value
    elif isinstance(value, dict) and path[0] in value:
        yield from _at(value[path[0]], path[1:])


def _coding(element: Any, hide: Hash) -> Iterator[str]:
    if "code" in element:
        yield element["code"]
        yield f"{element.get('system', '')}|{element['code']}"


def _concept(element: Any, hide: Hash) -> Iterator[str]:
    for coding in element.get("coding", ()):
        yield from _coding(coding, hide)


def _identifier(element: Any, hide: Hash) -> Iterator[str]:
    if "value" in element:
        kept = hide(element["value"])
        yield kept
        yield f"{element.get('system', '')}|{kept}"


def _reference(element: Any, hide: Hash) -> Iterator[str]:
    yield element.get("reference", "")


def _code(element: Any, hide: Hash) -> Iterator[str]:
    value = str(element).lower() if isinstance(element, bool) else str(element)
    yield value
    yield f"|{value}"


def _text(element: Any, hide: Hash) -> Iterator[str]:
    yield folded(str(element))


def folded(text: str) -> str:
    """Lower case, without accents."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in apart if not unicodedata.combining(c))


_READ: Final[dict[str, Callable[[Any, Hash], Iterator[str]]]] = {
    "concept": _concept,
    "identifier": _identifier,
    "reference": _reference,
    "code": _code,
    "text": _text,
}
