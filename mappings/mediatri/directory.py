"""``yksikko``, ``palvelu``, ``ammattihenkilo`` and ``kalenteri`` -> Organization, Location, HealthcareService,
Practitioner, PractitionerRole and Schedule. Source: Mediatri's manual §5.

A unit is an Organization and its Location, with one number. Who works where for which services is said by the calendars
alone, so a PractitionerRole is one professional in one unit, numbered ``professional-unit``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from canonical import codes, fhir
from canonical.fhir import Element as FhirElement
from canonical.fhir import Resource
from canonical.model import Record
from canonical.notes import Note, NoteKind
from mappings.engine.recorder import Recorder
from mappings.engine.tables import table
from mappings.mediatri.markup import Element, Fields, name_of
from mappings.mediatri.persons import address
from mappings.mediatri.site import Site, filled, known

_UNIT: Final = ("tunnus", "oid", "nimi", "kunta", "lahiosoite", "postinumero", "postitoimipaikka", "puhelin")
_SERVICE: Final = ("tunnus", "nimi", "sektori", "palvelunimike", "palveluluokka")
_PROFESSIONAL: Final = ("tunnus", "rekisterinumero", "sukunimi", "etunimi", "nimike", "kieli")
_CALENDAR: Final = ("tunnus", "yksikko", "palvelu", "ammattihenkilo")
_ACTIVE: Final = {"active": True}
"""Mediatri lists what is in use."""


@dataclass(slots=True)
class _Uses:
    """What the calendars say of the others, and the services of what they are."""

    services: dict[str, Fields] = field(default_factory=dict)
    units_of_service: dict[str, dict[str, None]] = field(default_factory=dict)
    services_of_role: dict[tuple[str, str], dict[str, None]] = field(default_factory=dict)


def records(answers: Iterable[Element], site: Site) -> list[Record]:
    """The directory, as far as the ``…Vastaus`` elements tell it; what was not read leaves its references out.

    Raises `BadMessage` for an entry without its identifiers.
    """
    entries: dict[str, list[Fields]] = {}
    for answer in answers:
        for child in answer:
            entries.setdefault(name_of(child), []).append(Fields(child))
    people, calendars = entries.get("ammattihenkilo", []), entries.get("kalenteri", [])
    uses = _uses(entries.get("palvelu", []), calendars)
    found = [record for unit in entries.get("yksikko", []) for record in _unit(unit, site)]
    found += [_service(service, uses, site) for service in entries.get("palvelu", [])]
    found += [_practitioner(person, site) for person in people]
    found += _roles(people, uses)
    return found + [_schedule(calendar, uses, site) for calendar in calendars]


def _uses(services: list[Fields], calendars: list[Fields]) -> _Uses:
    uses = _Uses({service.code("tunnus"): service for service in services})
    for calendar in calendars:
        professional, unit, service = (calendar.code(name) for name in ("ammattihenkilo", "yksikko", "palvelu"))
        uses.units_of_service.setdefault(service, {})[unit] = None
        uses.services_of_role.setdefault((professional, unit), {})[service] = None
    return uses


def _unit(fields: Fields, site: Site) -> list[Record]:
    key, notes = fields.code("tunnus"), list[Note]()
    number = fhir.identifier(site.system("unit"), key)
    official = [fhir.identifier("urn:ietf:rfc:3986", f"urn:oid:{oid}")] if (oid := fields.word("oid")) else []
    named = _named(fields, "nimi", notes)
    phone = [{"system": "phone", "value": value}] if (value := fields.text("puhelin")) else []
    where = address(fields)
    organization: Resource = {
        "resourceType": "Organization",
        "extension": site.kept(fields, known("yksikko", *_UNIT), notes),
        "identifier": [*official, number],
        **_ACTIVE,
        **named,
        "telecom": phone,
        "address": [where] if where else [],
    }
    location: Resource = {
        "resourceType": "Location",
        "extension": _municipality(fields.word("kunta")),
        "identifier": [number],
        "status": "active",
        **named,
        "mode": "instance",
        "telecom": phone,
        "address": where,
        "managingOrganization": fhir.reference("Organization", key),
    }
    said = tuple(notes)
    return [Record("Organization", key, filled(organization), notes=said), Record("Location", key, filled(location))]


def _municipality(code: str) -> list[FhirElement]:
    if not code:
        return []
    return [{"url": codes.PLACE_MUNICIPALITY, "valueCoding": fhir.coding(codes.MUNICIPALITY, code)}]


def _service(fields: Fields, uses: _Uses, site: Site) -> Record:
    key, notes = fields.code("tunnus"), list[Note]()
    kind, category = _classified(fields, site)
    resource: Resource = {
        "resourceType": "HealthcareService",
        "extension": site.kept(fields, known("palvelu", *_SERVICE), notes),
        "identifier": [fhir.identifier(site.system("service"), key)],
        **_ACTIVE,
        "category": [*_sector(fields.word("sektori"), notes), *category],
        "type": [kind],
        "location": [fhir.reference("Location", unit) for unit in uses.units_of_service.get(key, ())],
        **_named(fields, "nimi", notes),
        "appointmentRequired": True,
    }
    return Record("HealthcareService", key, filled(resource), notes=tuple(notes))


def _classified(fields: Fields, site: Site) -> tuple[FhirElement, list[FhirElement]]:
    """A service's type and categories; the directory itself says its national codes."""
    name = fields.fields("nimi").text("fi")
    return site.classified(fields.code("tunnus"), name, fields.word("palvelunimike"), fields.word("palveluluokka"))


def _sector(code: str, notes: list[Note]) -> list[FhirElement]:
    row = table(__package__, "sector").get((code,))
    if row is None:
        notes.append(Note(NoteKind.UNKNOWN_CODE, "palvelu/sektori", f"{code or 'no code'} is no sector known here"))
        return []
    return [fhir.concept(fhir.coding(codes.SECTOR, row["sector"]))]


def _practitioner(fields: Fields, site: Site) -> Record:
    key, notes = fields.code("tunnus"), list[Note]()
    register = fields.word("rekisterinumero")
    spoken = [child.text.strip() for child in fields.each("kieli") if (child.text or "").strip()]
    names = known("ammattihenkilo", *_PROFESSIONAL)
    name = filled({"family": fields.text("sukunimi"), "given": fields.text("etunimi").split()})
    resource: Resource = {
        "resourceType": "Practitioner",
        "extension": site.kept(fields, names, notes),
        "identifier": [
            *([fhir.identifier(codes.TERHIKKI, register)] if register else []),
            fhir.identifier(site.system("practitioner"), key),
        ],
        **_ACTIVE,
        "name": [name] if name else [],
        "communication": [fhir.concept(fhir.coding(codes.LANGUAGE, language)) for language in spoken],
    }
    return Record("Practitioner", key, filled(resource), notes=tuple(notes))


def _roles(people: list[Fields], uses: _Uses) -> Iterator[Record]:
    """Every professional in every unit they have a calendar in; one without calendars in the home unit."""
    by_key = {person.code("tunnus"): person for person in people}
    roles = {role: list(services) for role, services in uses.services_of_role.items()}
    busy = {professional for professional, _ in roles}
    roles |= {(key, person.code("yksikko")): [] for key, person in by_key.items() if key not in busy}
    for (professional, unit), services in roles.items():
        notes: list[Note] = []
        title = _named(person, "nimike", notes, "text") if (person := by_key.get(professional)) else {}
        resource: Resource = {
            "resourceType": "PractitionerRole",
            **_ACTIVE,
            "practitioner": fhir.reference("Practitioner", professional),
            "organization": fhir.reference("Organization", unit),
            "code": [title] if title else [],
            "location": [fhir.reference("Location", unit)],
            "healthcareService": [fhir.reference("HealthcareService", service) for service in services],
        }
        yield Record("PractitionerRole", f"{professional}-{unit}", filled(resource), notes=tuple(notes))


def _schedule(fields: Fields, uses: _Uses, site: Site) -> Record:
    key, notes = fields.code("tunnus"), list[Note]()
    professional, unit, service = (fields.code(name) for name in ("ammattihenkilo", "yksikko", "palvelu"))
    named = uses.services.get(service)
    kind = (
        _classified(named, site)[0] if named else site.service(service, "kalenteri/palvelu", Recorder(site, notes))[0]
    )
    resource: Resource = {
        "resourceType": "Schedule",
        "extension": site.kept(fields, known("kalenteri", *_CALENDAR), notes),
        "identifier": [fhir.identifier(site.system("schedule"), key)],
        **_ACTIVE,
        "serviceType": [kind],
        "actor": [
            fhir.reference("Practitioner", professional),
            fhir.reference("Location", unit),
            fhir.reference("HealthcareService", service),
            fhir.reference("PractitionerRole", f"{professional}-{unit}"),
        ],
    }
    return Record("Schedule", key, filled(resource), notes=tuple(notes))


def _named(fields: Fields, path: str, notes: list[Note], element: str = "name") -> Resource:
    """``element`` in Finnish, Swedish in the translation extension beside it."""
    names = fields.fields(path)
    finnish, swedish = names.text("fi"), names.text("sv")
    if not finnish:
        notes.append(Note(NoteKind.DROPPED, f"{fields.name}/{path}", "no Finnish name"))
        return {}
    if not swedish:
        return {element: finnish}
    parts = [{"url": "lang", "valueCode": "sv"}, {"url": "content", "valueString": swedish}]
    return {element: finnish, f"_{element}": {"extension": [{"url": codes.TRANSLATION, "extension": parts}]}}
