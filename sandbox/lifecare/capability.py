"""The capability statement (`GET metadata`), made from the same tables that answer the requests."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sandbox.lifecare import appointments, codes, patients, slots
from sandbox.lifecare.directory import PARAMETERS
from sandbox.lifecare.outcome import Json
from sandbox.lifecare.release import Release

_TYPES: Final = {
    "_id": "token",
    "_lastUpdated": "date",
    "actor": "reference",
    "date": "date",
    "location": "reference",
    "name": "string",
    "organization": "reference",
    "partof": "reference",
    "patient": "reference",
    "practitioner": "reference",
    "schedule": "reference",
    "schedule.actor": "reference",
    "service": "reference",
    "slot": "reference",
    "start": "date",
}
"""The types of the search parameters that are not tokens."""

SEARCHES: Final[dict[str, tuple[str, ...]]] = {
    **{kind: tuple(parameters) for kind, parameters in PARAMETERS.items()},
    "Slot": slots.SEARCH,
    "Patient": patients.SEARCH,
    "Appointment": appointments.SEARCH,
}
"""Every resource type and its search parameters, besides `_count` and `_page`."""


def capability_statement(base: str, release: Release) -> Json:
    """Return what an installation of this release can do."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2027-01-01",
        "kind": "instance",
        "software": {"name": "Lifecare (sandbox)", "version": release.name},
        "implementation": {"description": "Synthetic data only. Every behaviour is an assumption.", "url": base},
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "rest": [
            {
                "mode": "server",
                "security": {"description": "OAuth 2.0 client credentials."},
                "resource": [_resource(kind, names, release) for kind, names in sorted(SEARCHES.items())],
            }
        ],
    }


def _resource(kind: str, names: Iterable[str], release: Release) -> Json:
    interactions = ("read", "search-type", *release.writes.get(kind, ()))
    found: Json = {
        "type": kind,
        "interaction": [{"code": code} for code in interactions],
        "versioning": "no-version" if kind == "Slot" else "versioned-update" if kind == "Appointment" else "versioned",
    }
    if kind == "Appointment":
        found |= {"updateCreate": False, "conditionalCreate": release.conditional}
    if kind == "Slot" and release.holds:
        found["operation"] = [{"name": name, "definition": codes.operation(name)} for name in ("hold", "release")]
    return found | {"searchParam": [{"name": name, "type": _TYPES.get(name, "token")} for name in names]}
