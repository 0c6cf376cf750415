"""``yksikko``, ``palvelu``, ``tyontekija`` -> Organization, Location, HealthcareService, Practitioner,
PractitionerRole and Schedule (manual §5).

A unit is an Organization and its Location, with one id. A worker is a Practitioner and, in the one unit they have, a
PractitionerRole, with one id; each ``kalenteri`` of theirs is a Schedule.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from canonical import codes, fhir
from canonical.fhir import Element, Resource
from canonical.model import Record
from canonical.notes import Note, NoteKind
from mappings.engine.recorder import Recorder
from mappings.proconsona.document import ID, SERVICE, Part, checked
from mappings.proconsona.site import Site, address, each_once, filled, named, task

LISTS: Final = {"yksikot": "yksikko", "palvelut": "palvelu", "tyontekijat": "tyontekija"}
"""Each kind of list and what is in it; in this order nothing names what has not come yet."""
SOCIAL: Final = "social"
"""The sector of all that ProConsona holds."""


def records(root: Part, site: Site, services: Mapping[str, Resource] | None = None) -> list[Record]:
    """The records of one list, or of one thing of it. Raises `BadMessage`.

    ``services`` are the HealthcareServices that are known, by code: a calendar is of its service's kind and task. Of a
    service that is not among them it has the code alone.
    """
    found = root.all(LISTS[root.name]) if root.name in LISTS else iter([root])
    made: list[Record] = []
    for part in found:
        if part.name == "yksikko":
            made += _unit(part, site)
        elif part.name == "palvelu":
            made.append(_service(part, site))
        else:
            made += _worker(part, site, services or {})
    return made


def _unit(part: Part, site: Site) -> list[Record]:
    notes: list[Note] = []
    local_id, place = part.id("tunnus"), address(part.one("osoite"), notes)
    number = fhir.identifier(site.system("unit"), local_id)
    name = named(part.all("nimi"), "yksikko/nimi", notes)
    phone = part.token("puhelin")
    reached: Resource = {"telecom": [{"system": "phone", "value": phone, "use": "work"}] if phone else []}
    oid, municipality = part.token("oid"), part.token("kunta")
    official = [fhir.identifier("urn:ietf:rfc:3986", f"urn:oid:{oid}")] if oid else []
    coding = fhir.coding(codes.MUNICIPALITY, municipality)
    in_municipality = [{"url": codes.PLACE_MUNICIPALITY, "valueCoding": coding}] if municipality else []
    organization: Resource = {
        "resourceType": "Organization", "extension": site.kept(part.unread(), "yksikko", notes),
        "identifier": [*official, number], "active": True, **name, **reached, "address": [place] if place else [],
    }  # fmt: skip
    location: Resource = {
        "resourceType": "Location", "extension": in_municipality, "identifier": [number], "status": "active", **name,
        "mode": "instance", **reached, "address": place,
        "managingOrganization": fhir.reference("Organization", local_id),
    }  # fmt: skip
    return [
        Record("Organization", local_id, filled(organization), notes=each_once(notes)),
        Record("Location", local_id, filled(location)),
    ]


def _service(part: Part, site: Site) -> Record:
    notes: list[Note] = []
    code = checked(part.need("koodi"), SERVICE, "palvelu/koodi")
    name = named(part.all("nimi"), "palvelu/nimi", notes)
    places = [{"url": "capacity", "valuePositiveInt": part.number("paikkoja")}]
    own = [
        {"url": site.system("minutes"), "valuePositiveInt": part.number("kestoMinuuttia")},
        {"url": site.system("places"), "extension": places},
    ]
    sector = fhir.concept(fhir.coding(codes.SECTOR, SOCIAL))
    units = [checked(one.value.strip(), ID, "palvelu/yksikko") for one in part.all("yksikko")]
    resource: Resource = {
        "resourceType": "HealthcareService",
        "extension": [*own, *site.kept(part.unread(), "palvelu", notes)],
        "identifier": [fhir.identifier(site.system("service"), code)],
        "active": True,
        "category": [sector, *(_task(part, site, notes))],
        "type": [site.service(code, name.get("name"))],
        "location": [fhir.reference("Location", unit) for unit in units],
        **name,
        "appointmentRequired": True,
    }
    return Record("HealthcareService", code, filled(resource), notes=each_once(notes))


def _task(part: Part, site: Site, notes: list[Note]) -> list[Element]:
    if (found := part.one("palvelutehtava")) is not None:
        return task(found, "palvelu/palvelutehtava", Recorder(site, notes))
    notes.append(Note(NoteKind.DROPPED, "palvelu/palvelutehtava", "no palvelutehtava is named"))
    return []


def _worker(part: Part, site: Site, services: Mapping[str, Resource]) -> list[Record]:
    notes: list[Note] = []
    local_id, unit = part.id("tunnus"), part.id("yksikko")
    number, family = part.token("rekisterinumero"), part.token("sukunimi")
    name = filled({"family": family, "given": part.token("etunimi").split()})
    registered = [fhir.identifier(codes.TERHIKKI, number)] if number else []
    spoken = [fhir.concept(fhir.coding(codes.LANGUAGE, one.value.strip())) for one in part.all("kieli")]
    practitioner: Resource = {
        "resourceType": "Practitioner",
        "extension": site.kept(part.unread(), "tyontekija", notes),
        "identifier": [*registered, fhir.identifier(site.system("practitioner"), local_id)],
        "active": True,
        "name": [name] if name else [],
        "communication": spoken,
    }
    title = named(part.all("nimike"), "tyontekija/nimike", notes, element="text")
    calendars = [_calendar(one) for one in part.all("kalenteri")]
    role: Resource = {
        "resourceType": "PractitionerRole",
        "active": True,
        "practitioner": fhir.reference("Practitioner", local_id),
        "organization": fhir.reference("Organization", unit),
        "code": [title] if title else [],
        "location": [fhir.reference("Location", unit)],
        "healthcareService": [fhir.reference("HealthcareService", code) for code in sorted({c for _, c in calendars})],
    }
    people = [
        Record("Practitioner", local_id, filled(practitioner), notes=each_once(notes)),
        Record("PractitionerRole", local_id, filled(role)),
    ]
    return people + [_schedule(one, code, local_id, unit, site, services) for one, code in calendars]


def _calendar(part: Part) -> tuple[str, str]:
    """The id of a ``kalenteri`` and the code of its service."""
    local_id = checked(part.attribute("tunnus"), ID, "kalenteri/@tunnus")
    return local_id, checked(part.attribute("palvelu"), SERVICE, "kalenteri/@palvelu")


def _schedule(
    local_id: str, service: str, worker: str, unit: str, site: Site, services: Mapping[str, Resource]
) -> Record:
    known = services.get(service, {})
    resource: Resource = {
        "resourceType": "Schedule",
        "identifier": [fhir.identifier(site.system("schedule"), local_id)],
        "active": True,
        "serviceCategory": [one for one in known.get("category", ()) if not _is_sector(one)],
        "serviceType": known.get("type", [site.service(service)]),
        "actor": [
            fhir.reference("Practitioner", worker),
            fhir.reference("Location", unit),
            fhir.reference("HealthcareService", service),
            fhir.reference("PractitionerRole", worker),
        ],
    }
    return Record("Schedule", local_id, filled(resource))


def _is_sector(category: Element) -> bool:
    return any(system == codes.SECTOR for system, _ in fhir.codes([category]))
