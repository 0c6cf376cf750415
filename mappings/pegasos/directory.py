"""Master files (MFR^M01: LOC, PRA, CDM, ZKA) -> Organization, Location, Practitioner, PractitionerRole,
HealthcareService and Schedule. Source: Pegasos's manual §9.

A unit is an Organization and its Location, with one number. Who works where for which services is said by the calendars
alone, so a PractitionerRole is one professional in one unit, numbered ``professional-unit``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from canonical import codes, fhir
from canonical.fhir import Element, Resource
from canonical.hl7 import BadMessage, Message, Segment, Value
from canonical.model import Record
from canonical.notes import Note, NoteKind
from mappings.pegasos import tables
from mappings.pegasos.appointments import service_type
from mappings.pegasos.persons import address, contact_points
from mappings.pegasos.site import Site, plain, unread

_ACTIVE = {"A": True, "I": False}


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a master file: the segments after its MFE."""

    key: str
    segments: tuple[Segment, ...]

    def first(self, name: str) -> Segment:
        """The entry's segment called ``name``; raises `BadMessage` without one."""
        found = next((segment for segment in self.segments if segment.name == name), None)
        if found is None:
            raise BadMessage(f"an entry without {name}")
        return found

    def names(self) -> dict[str, str]:
        """ZKI: language -> name."""
        return {s[2].text(): s[3].whole() for s in self.segments if s.name == "ZKI" and s[3]}


@dataclass(frozen=True, slots=True)
class MasterFiles:
    """The entries of as many master files as were read."""

    units: tuple[Entry, ...] = ()
    professionals: tuple[Entry, ...] = ()
    services: tuple[Entry, ...] = ()
    calendars: tuple[Entry, ...] = ()


@dataclass(slots=True)
class _Uses:
    """What the files say of each other: the calendars of who works where, the services of what they are called."""

    services: Mapping[str, Entry]
    units_of_service: dict[str, dict[str, None]] = field(default_factory=dict)
    services_of_role: dict[tuple[str, str], dict[str, None]] = field(default_factory=dict)


def master_files(messages: Iterable[Message]) -> MasterFiles:
    """The entries of some MFR^M01, by what MFI-1 says they are. Raises `BadMessage` for another file."""
    read: dict[str, tuple[Entry, ...]] = {}
    names = {"LOC": "units", "PRA": "professionals", "CDM": "services", "ZKA": "calendars"}
    for message in messages:
        mfi = message.first("MFI")
        if mfi is None or mfi[1].text() not in names:
            raise BadMessage("MFI-1 names no master file that is known here")
        read[names[mfi[1].text()]] = tuple(_entries(message))
    return MasterFiles(**read)


def records(files: MasterFiles, site: Site) -> list[Record]:
    """The directory, as far as the files tell it; a file that was not read leaves its references out."""
    uses = _uses(files)
    found = [record for entry in files.units for record in _unit(entry, site)]
    found += [_service(entry, uses, site) for entry in files.services]
    found += [_practitioner(entry, site) for entry in files.professionals]
    found += _roles(files, uses, site)
    found += [_schedule(entry, uses, site) for entry in files.calendars]
    return found


def _entries(message: Message) -> Iterator[Entry]:
    """What follows each MFE, up to the next."""
    key, current = "", list[Segment]()
    for segment in message.segments:
        if segment.name == "MFE":
            if key:
                yield Entry(key, tuple(current))
            key, current = segment[4].text(), []
            if not key:
                raise BadMessage("an MFE without a key")
        elif key:
            current.append(segment)
    if key:
        yield Entry(key, tuple(current))


def _uses(files: MasterFiles) -> _Uses:
    uses = _Uses({entry.key: entry for entry in files.services})
    for entry in files.calendars:
        zka = entry.first("ZKA")
        professional, unit, service = (zka[n].text() for n in (2, 3, 4))
        uses.units_of_service.setdefault(service, {})[unit] = None
        uses.services_of_role.setdefault((professional, unit), {})[service] = None
    return uses


def _unit(entry: Entry, site: Site) -> list[Record]:
    loc, notes = entry.first("LOC"), list[Note]()
    number = fhir.identifier(site.system("unit"), entry.key)
    named = _named(entry.names(), loc[2].whole(), "LOC-2", notes)
    points = [point for value in loc.each(6) for point in contact_points(value, "LOC-6", notes)]
    phone = {"telecom": points} if points else {}
    where = {"address": address(loc[5], "LOC-5", notes)} if loc[5] else {}
    oid = loc[4].text(8, 2)
    official = [fhir.identifier("urn:ietf:rfc:3986", f"urn:oid:{oid}")] if oid else []
    notes += unread(loc, (1, 2, 3, 4, 5, 6))
    kept = _strangers(entry, {"LOC", "ZKI"}, site, notes)
    organization: Resource = {
        "resourceType": "Organization", **({"extension": kept} if kept else {}), "identifier": [*official, number],
        "active": True, **named, **phone, **({"address": [where["address"]]} if where else {}),
    }  # fmt: skip
    location: Resource = {
        "resourceType": "Location", **_municipality(loc[5]), "identifier": [number], "status": "active", **named,
        "mode": "instance", **_type(loc[3]), **phone, **where,
        "managingOrganization": fhir.reference("Organization", entry.key),
    }  # fmt: skip
    said = tuple(notes)
    return [Record("Organization", entry.key, organization, notes=said), Record("Location", entry.key, location)]


def _municipality(where: Value) -> Resource:
    if not where.text(9):
        return {}
    coding = fhir.coding(codes.MUNICIPALITY, where.text(9))
    return {"extension": [{"url": codes.PLACE_MUNICIPALITY, "valueCoding": coding}]}


def _type(value: Value) -> Resource:
    code = value.text()
    return {"type": [fhir.concept(fhir.coding("http://terminology.hl7.org/CodeSystem/v2-0260", code))]} if code else {}


def _service(entry: Entry, uses: _Uses, site: Site) -> Record:
    cdm, notes = entry.first("CDM"), list[Note]()
    zpv = next((segment for segment in entry.segments if segment.name == "ZPV"), None)
    kind, category = _classified(cdm, site, notes)
    units = uses.units_of_service.get(entry.key, {})
    notes += unread(cdm, (1, 2, 3))
    parts: Resource = {
        "resourceType": "HealthcareService",
        "extension": _strangers(entry, {"CDM", "ZKI"}, site, notes),
        "identifier": [fhir.identifier(site.system("service"), entry.key)],
        "active": True,
        "category": [*_sector(zpv, notes), *category],
        "type": [kind],
        "location": [fhir.reference("Location", unit) for unit in units],
        **_named(entry.names(), cdm[3].whole(), "CDM-3", notes),
        "appointmentRequired": True,
    }
    return Record("HealthcareService", entry.key, _filled(parts), notes=tuple(notes))


def _classified(cdm: Segment, site: Site, notes: list[Note]) -> tuple[Element, list[Element]]:
    """A service's type and categories: CDM-1 is its local code, CDM-2 are national ones of either classification."""
    national = [coding for value in cdm.each(2) if (coding := site.coding(value, "CDM-2", notes))]
    category = [fhir.concept(coding) for coding in national if coding["system"] == codes.SERVICE_CATEGORY]
    kinds = [coding for coding in national if coding["system"] != codes.SERVICE_CATEGORY]
    if not kinds:
        return service_type(cdm[1], site, notes, "CDM-1"), category
    local = fhir.coding(site.system("service"), cdm[1].text(1), plain(cdm[1].text(2), "CDM-1", notes))
    return fhir.concept(local, *kinds), category


def _sector(zpv: Segment | None, notes: list[Note]) -> Iterator[Element]:
    """The sector of ZPV-3 as a category; a sector that is not in the table is noted and kept in the segment only."""
    code = zpv[3].text() if zpv else ""
    if row := tables.row("sector", code):
        yield fhir.concept(fhir.coding(codes.SECTOR, row["sector"]))
    else:
        notes.append(Note(NoteKind.UNKNOWN_CODE, "ZPV-3", f"{code or 'no code'} is no sector that is known here"))


def _practitioner(entry: Entry, site: Site) -> Record:
    stf, notes = entry.first("STF"), list[Note]()
    pra = next((segment for segment in entry.segments if segment.name == "PRA"), None)
    zhl = next((segment for segment in entry.segments if segment.name == "ZHL"), None)
    numbers = [fhir.identifier(site.system("practitioner"), entry.key)]
    for value in pra.each(6) if pra else ():
        if value.text(2) == "TERHIKKI":
            numbers.insert(0, fhir.identifier(codes.TERHIKKI, value.text(1)))
        else:
            notes.append(Note(NoteKind.UNKNOWN_CODE, "PRA-6", f"register {value.text(2)} is not known here"))
    if stf[7].text() not in _ACTIVE:
        notes.append(Note(NoteKind.UNKNOWN_CODE, "STF-7", "neither active nor inactive; nothing is said"))
    family, given = (plain(stf[3].text(n), "STF-3", notes) for n in (1, 2))
    spoken = [fhir.concept(fhir.coding(codes.LANGUAGE, value.text())) for value in zhl.each(1)] if zhl else []
    notes += unread(stf, (1, 3, 7, 8, 18)) + (unread(pra, (1, 6)) if pra else [])
    parts: Resource = {
        "resourceType": "Practitioner",
        "extension": _strangers(entry, {"STF", "PRA", "ZKI", "ZHL"}, site, notes),
        "identifier": numbers,
        "active": _ACTIVE.get(stf[7].text()),
        "name": [_filled({"family": family, "given": given.split()})],
        "communication": spoken,
    }
    return Record("Practitioner", entry.key, _filled(parts), notes=tuple(notes))


def _roles(files: MasterFiles, uses: _Uses, site: Site) -> Iterator[Record]:
    """Every professional in every unit they have a calendar in; one without calendars in the unit of STF-8."""
    people = {entry.key: entry for entry in files.professionals}
    roles = {role: list(services) for role, services in uses.services_of_role.items()}
    busy = {professional for professional, _ in roles}
    for key, entry in people.items():
        if key not in busy and (unit := entry.first("STF")[8].text()):
            roles[key, unit] = []
    for (professional, unit), services in roles.items():
        notes: list[Note] = []
        title: Resource = {}
        active: bool | None = True
        if person := people.get(professional):
            active = _ACTIVE.get(person.first("STF")[7].text())
            title = _named(person.names(), person.first("STF")[18].whole(), "STF-18", notes, element="text")
        parts: Resource = {
            "resourceType": "PractitionerRole",
            "active": active,
            "practitioner": fhir.reference("Practitioner", professional),
            "organization": fhir.reference("Organization", unit),
            "code": [title] if title else [],
            "location": [fhir.reference("Location", unit)],
            "healthcareService": [fhir.reference("HealthcareService", service) for service in services],
        }
        yield Record("PractitionerRole", f"{professional}-{unit}", _filled(parts), notes=tuple(notes))


def _schedule(entry: Entry, uses: _Uses, site: Site) -> Record:
    zka, notes = entry.first("ZKA"), list[Note]()
    professional, unit, service = (zka[n].text() for n in (2, 3, 4))
    if not (professional and unit and service):
        raise BadMessage("a calendar without professional, unit or service")
    named = uses.services.get(service)
    kind = _classified(named.first("CDM"), site, notes)[0] if named else service_type(zka[4], site, notes, "ZKA-4")
    resource: Resource = {
        "resourceType": "Schedule",
        "extension": _strangers(entry, {"ZKA"}, site, notes),
        "identifier": [fhir.identifier(site.system("schedule"), entry.key)],
        "active": True,
        "serviceType": [kind],
        "actor": [
            fhir.reference("Practitioner", professional),
            fhir.reference("Location", unit),
            fhir.reference("HealthcareService", service),
            fhir.reference("PractitionerRole", f"{professional}-{unit}"),
        ],
    }
    notes += unread(zka, (1, 2, 3, 4))
    return Record("Schedule", entry.key, _filled(resource), notes=tuple(notes))


def _named(names: dict[str, str], fallback: str, path: str, notes: list[Note], *, element: str = "name") -> Resource:
    """``element`` in Finnish, the other languages in the translation extension beside it."""
    finnish = plain(names.get("fi") or fallback, path, notes)
    if not finnish:
        notes.append(Note(NoteKind.DROPPED, path, "no Finnish name"))
        return {}
    translations = [
        {
            "url": codes.TRANSLATION,
            "extension": [
                {"url": "lang", "valueCode": language},
                {"url": "content", "valueString": plain(name, "ZKI-3", notes)},
            ],
        }
        for language, name in names.items()
        if language not in ("fi", "")
    ]
    return {element: finnish} | ({f"_{element}": {"extension": translations}} if translations else {})


def _strangers(entry: Entry, known: set[str], site: Site, notes: list[Note]) -> list[Element]:
    """The Z segments of the entry that nothing reads, kept; a note for each other one that nothing reads."""
    strangers = [segment for segment in entry.segments if segment.name not in known]
    notes += [
        Note(NoteKind.DROPPED, segment.name, "nothing here carries this segment")
        for segment in strangers
        if not segment.name.startswith("Z")
    ]
    return [site.kept(segment, notes) for segment in strangers if segment.name.startswith("Z")]


def _filled(parts: Resource) -> Resource:
    return {name: value for name, value in parts.items() if value not in (None, "", [], {})}
