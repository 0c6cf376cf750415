"""``yksikko``, ``palvelu``, ``ammattihenkilo`` and ``kalenteri`` -> Organization, Location, HealthcareService,
Practitioner, PractitionerRole and Schedule: ``rules/directory.toml``, and here what a row cannot say. Source:
Mediatri's manual §5.

A unit is an Organization and its Location, with one number. Who works where for which services is said by the calendars
alone, so a PractitionerRole is one professional in one unit, numbered ``professional-unit``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any, cast

from canonical import codes, fhir
from canonical.fhir import Element as FhirElement
from canonical.fhir import Resource
from canonical.model import Record
from canonical.notes import NoteKind
from mappings.conversions import CONVERSIONS, named, said, word
from mappings.engine.mapping import Message, load
from mappings.engine.recorder import Recorder
from mappings.engine.rules import Conversion, Primitive, Rule
from mappings.mediatri.markup import Element, Fields, name_of
from mappings.mediatri.site import Site, schema


def records(answers: Iterable[Element], site: Site, recorder: Recorder | None = None) -> list[Record]:
    """The directory, as far as the ``…Vastaus`` elements tell it; what was not read leaves its references out.

    Raises `BadMessage` for an entry without its identifiers.
    """
    entries: dict[str, list[Fields]] = {}
    for answer in answers:
        for child in answer:
            entries.setdefault(name_of(child), []).append(Fields(child, recorder.seen if recorder else None))

    def made(message: str, name: str) -> list[Record]:
        return [rules()[message].record(one, recorder or Recorder(site)) for one in entries.get(name, ())]

    units, places = made("unit", "yksikko"), [replace(one, notes=()) for one in made("place", "yksikko")]
    services, calendars = made("service", "palvelu"), made("calendar", "kalenteri")
    _name_units(services, calendars)
    known = {service.local_id: service.resource for service in services}
    found = [record for both in zip(units, places, strict=True) for record in both]
    found += [*services, *made("professional", "ammattihenkilo")]
    found += _roles(entries.get("ammattihenkilo", []), calendars, lambda: recorder or Recorder(site))
    return found + [_of_its_service(calendar, known, site) for calendar in calendars]


@cache
def rules() -> Mapping[str, Message]:
    """The messages of the directory, and those of customers."""
    masters = "the master says it; nobody tells the master"
    own = {
        "named": Conversion(_named, one_way=masters),
        "names": Conversion(lambda node, rule, recorder: node.value.split(), one_way=masters),
        "oid": Conversion(_oid, gives="Identifier", one_way=masters),
        "sector": Conversion(_sector, gives="CodeableConcept", one_way=masters),
        "classified": Conversion(_classified, gives="CodeableConcept", one_way=masters),
        "role": Conversion(_role, gives="Reference", one_way=masters),
    }
    return load(str(__package__), "directory.toml", {**CONVERSIONS, **own}, schema().exists)


def _named(node: Fields, rule: Rule, recorder: Recorder) -> str | Primitive | None:
    if not (finnish := node.text("fi")):
        recorder.note(NoteKind.DROPPED, rule.path, rule.note)
        return None
    return named(finnish, {"sv": node.text("sv")})


def _oid(node: Fields, rule: Rule, recorder: Recorder) -> FhirElement | str:
    return fhir.identifier("urn:ietf:rfc:3986", f"urn:oid:{oid}") if (oid := word(node)) else ""


def _sector(node: Fields, rule: Rule, recorder: Recorder) -> FhirElement | None:
    row = rule.line(recorder, word(node))
    if row is None:
        recorder.note(NoteKind.UNKNOWN_CODE, rule.path, f"{said(word(node))} {rule.note}")
        return None
    return fhir.concept(fhir.coding(codes.SECTOR, row["sector"]))


def _classified(found: Any, rule: Rule, recorder: Recorder) -> FhirElement:
    """A service's type; the directory itself says its national code."""
    code, name, national = found
    return cast(Site, recorder.site).classified(word(code), name.value if name else "", word(national), "")[0]


def _role(found: Any, rule: Rule, recorder: Recorder) -> FhirElement:
    return fhir.reference("PractitionerRole", "-".join(word(one) for one in found))


def _name_units(services: list[Record], calendars: list[Record]) -> None:
    """Say of each service in which units there is a calendar of it."""
    for service in services:
        units = dict.fromkeys(
            _actor(calendar, "Location")
            for calendar in calendars
            if _actor(calendar, "HealthcareService") == service.local_id
        )
        if units:
            service.resource["location"] = [fhir.reference("Location", unit) for unit in units]
            _last(service.resource, "name", "_name", "appointmentRequired")


def _of_its_service(calendar: Record, known: Mapping[str, Resource], site: Site) -> Record:
    service, recorder = _actor(calendar, "HealthcareService"), Recorder(site, list(calendar.notes))
    kinds = known[service]["type"] if service in known else [site.service(service, "kalenteri/palvelu", recorder)[0]]
    calendar.resource["serviceType"] = kinds
    _last(calendar.resource, "actor")
    return replace(calendar, notes=recorder.notes)


def _roles(people: list[Fields], calendars: list[Record], recorder: Callable[[], Recorder]) -> Iterator[Record]:
    """Every professional in every unit they have a calendar in; one without calendars in the home unit."""
    by_key = {person.code("tunnus"): person for person in people}
    roles: dict[tuple[str, str], dict[str, None]] = {}
    for calendar in calendars:
        role = _actor(calendar, "Practitioner"), _actor(calendar, "Location")
        roles.setdefault(role, {})[_actor(calendar, "HealthcareService")] = None
    busy = {professional for professional, _ in roles}
    roles |= {(key, person.code("yksikko")): {} for key, person in by_key.items() if key not in busy}
    for (professional, unit), services in roles.items():
        used, person = recorder(), by_key.get(professional)
        resource: Resource = {
            "resourceType": "PractitionerRole",
            "active": True,
            "practitioner": fhir.reference("Practitioner", professional),
            "organization": fhir.reference("Organization", unit),
            "code": rules()["role"].read(person, used).get("code", []) if person else [],
            "location": [fhir.reference("Location", unit)],
            "healthcareService": [fhir.reference("HealthcareService", service) for service in services],
        }
        filled = {name: value for name, value in resource.items() if value != []}
        yield Record("PractitionerRole", f"{professional}-{unit}", filled, notes=used.notes)


def _actor(calendar: Record, kind: str) -> str:
    found = (str(one["reference"]).partition("/") for one in calendar.resource["actor"])
    return next(local_id for name, _, local_id in found if name == kind)


def _last(resource: Resource, *names: str) -> None:
    """Let these elements stand last, in this order, as R4 has them."""
    for name in names:
        if name in resource:
            resource[name] = resource.pop(name)
