"""FHIR R4 (4.0.1) resources as plain JSON objects, and the few builders and readers all mappings share.

A resource is a ``dict`` as `json.loads` would give it. Between an adapter and the hub every reference is *local*:
``Location/12`` means "number 12 of that installation"; the hub alone turns local references into its own ids.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from canonical.codes import unversioned as _unversioned

Resource = dict[str, Any]
Element = dict[str, Any]


def coding(system: str, code: str, display: str | None = None) -> Element:
    """A Coding; ``display`` is left out when not known."""
    return {"system": system, "code": code} | ({"display": display} if display else {})


def concept(*codings: Element, text: str | None = None) -> Element:
    """A CodeableConcept of one or more Codings."""
    return ({"coding": list(codings)} if codings else {}) | ({"text": text} if text else {})


def identifier(system: str, value: str, *, type_code: str | None = None) -> Element:
    """An Identifier; ``type_code`` is from HL7 table 0203 (for instance ``PLAC``, ``FILL``)."""
    kind = {"type": concept(coding("http://terminology.hl7.org/CodeSystem/v2-0203", type_code))} if type_code else {}
    return kind | {"system": system, "value": value}


def reference(kind: str, local_id: str, display: str | None = None) -> Element:
    """A literal reference ``kind/local_id``."""
    return {"reference": f"{kind}/{local_id}"} | ({"display": display} if display else {})


def identifier_value(resource: Resource, system: str) -> str | None:
    """The first identifier value of ``system``, or None."""
    return next((i.get("value") for i in resource.get("identifier", ()) if i.get("system") == system), None)


def codes(concepts: Iterable[Element]) -> Iterator[tuple[str, str]]:
    """Every (system, code) of some CodeableConcepts."""
    for one in concepts:
        for c in one.get("coding", ()):
            if "code" in c:
                yield c.get("system", ""), c["code"]


def extension(resource: Element, url: str) -> Element | None:
    """The first extension with ``url``, or None."""
    return next((e for e in resource.get("extension", ()) if e.get("url") == url), None)


def actors(resource: Resource, kind: str) -> Iterator[Element]:
    """The participants of an Appointment whose actor is of ``kind``."""
    for participant in resource.get("participant", ()):
        if str(participant.get("actor", {}).get("reference", "")).startswith(f"{kind}/"):
            yield participant


def unversioned(value: Any) -> Any:
    """A copy in which a Coding of a national classification names it without its version, which stands beside it."""
    if isinstance(value, list):
        return [unversioned(one) for one in value]
    if not isinstance(value, dict):
        return value
    found = {name: unversioned(inner) for name, inner in value.items()}
    if isinstance(value.get("system"), str) and "code" in value:
        found["system"], version = _unversioned(value["system"])
        if version is not None:
            found.setdefault("version", version)
    return found


def references(value: Any) -> Iterator[Element]:
    """Every Reference element (an object with a ``reference`` string) inside ``value``, depth first."""
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)
