"""Engine records to FHIR R4 JSON (INTERFACE.md §3-§7). Plain dicts; nothing here changes anything."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import orjson

from sandbox.clock import HELSINKI
from sandbox.engine.model import Appointment, Calendar, Hold, Patient, Professional, Service, Status, Unit
from sandbox.engine.system import OPEN_AHEAD, RecordSystem, day_start
from sandbox.lifecare import codes
from sandbox.lifecare.outcome import Json
from sandbox.lifecare.release import Release

COUNTY: Final = "COUNTY"
"""Id of the Organization that runs the installation."""

_RELEASED: Final = datetime(2027, 1, 1, tzinfo=HELSINKI)
"""When the directory of this installation last changed."""

_EPOCH_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


def slot_id(calendar: str, start: datetime) -> str:
    """Return the id of a time: the calendar's id and the minutes since 1970 in base 36."""
    minutes = int(start.timestamp()) // 60
    digits = ""
    while minutes:
        minutes, digit = divmod(minutes, 36)
        digits = _EPOCH_DIGITS[digit] + digits
    return f"{calendar}-{digits}"


def parse_slot_id(found: str) -> tuple[str, datetime] | None:
    """Return calendar and start of a slot id, or None if it is none. The calendar may be unknown."""
    calendar, dash, digits = found.rpartition("-")
    if not (calendar and dash and 1 <= len(digits) <= 6 and all(one in _EPOCH_DIGITS for one in digits)):
        return None
    if digits.startswith("0"):  # one time has one id only
        return None
    return calendar, datetime.fromtimestamp(int(digits, 36) * 60, UTC).astimezone(HELSINKI)


def translated(name: str, finnish: str, swedish: str) -> Json:
    """Return the element `name` in Finnish with its Swedish translation beside it."""
    parts = [{"url": "lang", "valueCode": "sv"}, {"url": "content", "valueString": swedish}]
    return {
        name: finnish,
        f"_{name}": {"extension": [{"url": codes.TRANSLATION_EXTENSION, "extension": parts}]},
    }


def etag(version: object) -> str:
    """Return the ETag of a version."""
    return f'W/"{version}"'


def reference(kind: str, found: str) -> Json:
    """Return a relative reference."""
    return {"reference": f"{kind}/{found}"}


def read_extra(appointment: Appointment) -> Mapping[str, str]:
    """Return what this face keeps with an appointment: `system` of the placer id, `code` and `text` of the reason."""
    return orjson.loads(appointment.extra) if appointment.extra else {}


class Resources:
    """Makes the resources of one installation, as its release writes them."""

    def __init__(self, system: RecordSystem, systems: codes.Systems, release: Release) -> None:
        self._system = system
        self.systems = systems
        self.release = release
        self.times = release.times
        self._concepts = {service.code: self._make_concepts(service) for service in system.services.values()}

    # ---- directory

    def county(self) -> Json:
        """Return the organization that runs the installation."""
        names = translated("name", "Itä-Uudenmaan hyvinvointialue (testi)", "Östra Nylands välfärdsområde (test)")
        return {"resourceType": "Organization", "id": COUNTY, "meta": self._meta(1, _RELEASED), "active": True, **names}

    def organization(self, unit: Unit) -> Json:
        """Return a unit as an Organization."""
        return {
            "resourceType": "Organization",
            "id": unit.id,
            "meta": self._meta(1, _RELEASED),
            "identifier": [{"use": "official", "system": codes.URI, "value": f"urn:oid:{unit.oid}"}],
            "active": True,
            **translated("name", unit.name_fi, unit.name_sv),
            "telecom": [_phone(unit.phone, "work")],
            "address": [_address(unit.street, unit.postal_code, unit.city, "work")],
            "partOf": reference("Organization", COUNTY),
        }

    def location(self, unit: Unit) -> Json:
        """Return a unit's place."""
        return {
            "resourceType": "Location",
            "id": unit.id,
            "meta": self._meta(1, _RELEASED),
            "extension": [_municipality(unit.municipality)],
            "status": "active",
            **translated("name", unit.name_fi, unit.name_sv),
            "mode": "instance",
            "telecom": [_phone(unit.phone, "work")],
            "address": _address(unit.street, unit.postal_code, unit.city, "work"),
            "managingOrganization": reference("Organization", unit.id),
        }

    def healthcare_service(self, service: Service) -> Json:
        """Return a service, with every place where it is given."""
        places = sorted({one.unit for one in self._system.calendars.values() if one.service == service.code})
        names = {"serviceCategory": "category", "serviceType": "type"}
        concepts = {names.get(name, name): value for name, value in self._concepts[service.code].items()}
        return {
            "resourceType": "HealthcareService",
            "id": service.code,
            "meta": self._meta(1, _RELEASED),
            "active": True,
            "providedBy": reference("Organization", COUNTY),
            **concepts,
            **({"location": [reference("Location", place) for place in places]} if places else {}),
            **translated("name", service.name_fi, service.name_sv),
            "appointmentRequired": True,
        }

    def practitioner(self, one: Professional) -> Json:
        """Return a professional."""
        return {
            "resourceType": "Practitioner",
            "id": one.id,
            "meta": self._meta(1, _RELEASED),
            "identifier": [
                {"use": "official", "system": codes.TERHIKKI, "value": one.register_number},
                {"use": "secondary", "system": self.systems.professional, "value": one.id},
            ],
            "active": True,
            "name": [{"use": "official", "family": one.family, "given": one.given.split()}],
            "communication": [_language(language) for language in one.languages],
        }

    def practitioner_role(self, one: Professional, unit: str) -> Json:
        """Return what a professional does in a unit."""
        mine = [c for c in self._system.calendars.values() if c.professional == one.id and c.unit == unit]
        services = [self._system.services[code] for code in sorted({calendar.service for calendar in mine})]
        return {
            "resourceType": "PractitionerRole",
            "id": f"{one.id}-{unit}",
            "meta": self._meta(1, _RELEASED),
            "active": True,
            "practitioner": reference("Practitioner", one.id),
            "organization": reference("Organization", unit),
            "code": [translated("text", one.title_fi, one.title_sv)],
            "specialty": self._specialties(services),
            "location": [reference("Location", unit)],
            "healthcareService": [reference("HealthcareService", service.code) for service in services],
        }

    def schedule(self, calendar: Calendar) -> Json:
        """Return a calendar; its horizon follows the virtual clock."""
        today = self._system.clock.now().date()
        end = day_start(today + OPEN_AHEAD + timedelta(days=1))
        return {
            "resourceType": "Schedule",
            "id": calendar.id,
            "meta": self._meta(1, _RELEASED),
            "active": True,
            **self._concepts[calendar.service],
            "actor": self._actors(calendar),
            "planningHorizon": {"start": self.times.local(day_start(today)), "end": self.times.local(end)},
        }

    # ---- times

    def slot(self, calendar: Calendar, start: datetime, end: datetime, left: int, hold: Hold | None = None) -> Json:
        """Return a time with `left` places: free; busy-tentative when the last ones are held; or else busy.

        A `hold` is shown to who made it: its token and its end.
        """
        service = self._system.services[calendar.service]
        slot: Json = {
            "resourceType": "Slot",
            "id": slot_id(calendar.id, start),
            "meta": {"lastUpdated": self.times.instant(self._system.clock.now())},
        }
        extensions: list[Json] = []
        if service.capacity > 1:
            capacity = {"url": "capacity", "valuePositiveInt": service.capacity}
            parts = [capacity, {"url": "left", "valueUnsignedInt": left}]
            extensions.append({"url": codes.PLACES_EXTENSION, "extension": parts})
        if hold is not None:
            extensions.append({"url": codes.HOLD_TOKEN_EXTENSION, "valueString": hold.token})
            until = self.times.instant(hold.expires_at)
            extensions.append({"url": codes.HOLD_UNTIL_EXTENSION, "valueInstant": until})
        if extensions:
            slot["extension"] = extensions
        return slot | {
            **self._concepts[calendar.service],
            "schedule": reference("Schedule", calendar.id),
            "status": self.slot_status(calendar.id, start, left),
            "start": self.times.local(start),
            "end": self.times.local(end),
        }

    def slot_status(self, calendar: str, start: datetime, left: int) -> str:
        """Return the status of a time with `left` places."""
        if left:
            return "free"
        held = self.release.holds and self._system.holds_on(calendar, start)
        return "busy-tentative" if held else "busy"

    # ---- people and their visits

    def patient(self, one: Patient) -> Json:
        """Return a customer of the installation."""
        meta = self._meta(1, one.registered)
        if one.non_disclosure:
            meta["security"] = [{"system": codes.SECURITY_LABEL, "code": "TURVAKIELTO"}]
        telecom = [_phone(one.phone, "mobile")] if one.phone else []
        if one.email:
            telecom.append({"system": "email", "value": one.email})
        return {
            "resourceType": "Patient",
            "id": one.number,
            "meta": meta,
            "extension": [_municipality(one.municipality)],
            "identifier": [
                {"use": "official", "type": _identifier_type("NNFIN"), "system": codes.HETU, "value": one.hetu},
                {"use": "secondary", "system": self.systems.patient, "value": one.number},
            ],
            "active": True,
            "name": [{"use": "official", "family": one.family, "given": one.given.split()}],
            **({"telecom": telecom} if telecom else {}),
            "birthDate": one.birth_date.isoformat(),
            "address": [_address(one.street, one.postal_code, one.city, "home")],
            "communication": [{"language": _language(one.language), "preferred": True}],
        }

    def appointment(self, one: Appointment) -> Json:
        """Return a visit of any status."""
        calendar = self._system.calendars[one.calendar]
        extra = read_extra(one)
        minutes = int(one.end.timestamp() - one.start.timestamp()) // 60
        reason = self._reason(one, extra)
        return {
            "resourceType": "Appointment",
            "id": one.id,
            "meta": self._meta(one.version, one.updated),
            "extension": _visit_extensions(one, calendar),
            "identifier": self._identifiers(one, extra),
            "status": one.status.value,
            **({"cancelationReason": reason} if reason else {}),
            **self._concepts[calendar.service],
            "start": self.times.local(one.start),
            "end": self.times.local(one.end),
            "minutesDuration": minutes,
            "slot": [reference("Slot", slot_id(one.calendar, one.start))],
            "created": self.times.instant(one.created),
            **({"comment": one.text} if one.text else {}),
            "participant": _participants(one, self._actors(calendar)),
        }

    def _identifiers(self, one: Appointment, extra: Mapping[str, str]) -> list[Json]:
        own: Json = {"type": _identifier_type("FILL"), "system": self.systems.appointment, "value": one.id}
        if one.placer_id is None:
            return [own]
        placer: Json = {"type": _identifier_type("PLAC")}
        if "system" in extra:
            placer["system"] = extra["system"]
        return [own, placer | {"value": one.placer_id}]

    def _reason(self, one: Appointment, extra: Mapping[str, str]) -> Json:
        if one.status is not Status.CANCELLED:
            return {}
        if "code" not in extra and "text" not in extra:  # the desk's own words
            return {"text": one.reason or codes.REASONS["YKSIKKO"]}
        reason: Json = {}
        if "code" in extra:
            display = codes.REASONS[extra["code"]]
            reason["coding"] = [{"system": self.systems.reason, "code": extra["code"], "display": display}]
        if "text" in extra:
            reason["text"] = extra["text"]
        return reason

    # ---- what several share

    def _meta(self, version: int, updated: datetime) -> Json:
        return {"versionId": str(version), "lastUpdated": self.times.instant(updated)}

    def _make_concepts(self, service: Service) -> Json:
        codings: list[Json] = [{"system": self.systems.service, "code": service.code, "display": service.name_fi}]
        if service.national_code is not None:
            codings.append({"system": codes.NATIONAL_SERVICE, "code": service.national_code})
        found: Json = {}
        if service.category is not None:
            found["serviceCategory"] = [{"coding": [{"system": category_system(service), "code": service.category}]}]
        return found | {"serviceType": [{"coding": codings}], "specialty": self._specialties([service])}

    def _specialties(self, services: Iterable[Service]) -> list[Json]:
        found = dict.fromkeys(specialty(service) for service in services)
        return [
            {"coding": [{"system": self.systems.specialty, "code": code, "display": codes.SPECIALTIES[code]}]}
            for code in found
        ]

    def _actors(self, calendar: Calendar) -> list[Json]:
        return [
            reference("Practitioner", calendar.professional),
            reference("Location", calendar.unit),
            reference("HealthcareService", calendar.service),
        ]


def category_system(service: Service) -> str:
    """Return the system of a service's category: Palvelutehtävä in social care, else the national classification."""
    return codes.SOCIAL_CATEGORY if service.sector == "social" else codes.NATIONAL_CATEGORY


def specialty(service: Service) -> str:
    """Return the local specialty code of a service: dentistry, social work, general medicine, else nursing."""
    if service.sector in ("oral", "social"):
        return "HAM" if service.sector == "oral" else "SOS"
    return "YLE" if service.category == "SOTE3" else "HOI"


def _visit_extensions(one: Appointment, calendar: Calendar) -> list[Json]:
    room = 100 + zlib.crc32(f"{calendar.unit}/{calendar.professional}".encode()) % 40
    arrival: list[Json] = [
        {"url": "fi", "valueString": "Ilmoittaudu aulan päätteellä."},
        {"url": "sv", "valueString": "Anmäl dig vid terminalen i aulan."},
        {"url": "minutesBefore", "valuePositiveInt": 10},
    ]
    found: list[Json] = [
        {"url": codes.ROOM_EXTENSION, "valueString": f"Huone {room}"},
        {"url": codes.ARRIVAL_EXTENSION, "extension": arrival},
        {"url": codes.CHANNEL_EXTENSION, "valueCode": one.booked_by},
    ]
    if one.restriction_parent is not None:
        coding = {"system": codes.RESTRICTION, "code": str(one.restriction_parent)}
        found.append({"url": codes.RESTRICTION_EXTENSION, "valueCoding": coding})
    if one.release_date is not None:
        found.append({"url": codes.RELEASE_EXTENSION, "valueDate": one.release_date.isoformat()})
    return found


def _participants(one: Appointment, actors: list[Json]) -> list[Json]:
    patient = {Status.PENDING: "needs-action", Status.CANCELLED: "declined"}.get(one.status, "accepted")
    pairs = [(reference("Patient", one.patient), patient), *((actor, "accepted") for actor in actors)]
    return [{"actor": actor, "required": "required", "status": status} for actor, status in pairs]


def _identifier_type(code: str) -> Json:
    return {"coding": [{"system": codes.IDENTIFIER_TYPE, "code": code}]}


def _municipality(code: str) -> Json:
    return {"url": codes.MUNICIPALITY_EXTENSION, "valueCoding": {"system": codes.MUNICIPALITY, "code": code}}


def _language(code: str) -> Json:
    return {"coding": [{"system": codes.LANGUAGE, "code": code}]}


def _phone(number: str, use: str) -> Json:
    return {"system": "phone", "value": number, "use": use}


def _address(street: str, postal_code: str, city: str, use: str) -> Json:
    return {"use": use, "line": [street], "city": city, "postalCode": postal_code, "country": "FI"}
