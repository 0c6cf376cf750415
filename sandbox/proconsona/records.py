"""Engine records to XML (INTERFACE.md §5-§8), and what of them the client may see (§4)."""

from __future__ import annotations

import zlib
from collections.abc import Collection
from datetime import datetime
from typing import Final

import orjson
from lxml import etree

from sandbox.clock import HELSINKI
from sandbox.engine.model import Appointment, Calendar, FreeTime, Patient, Professional, Service, Status, Unit
from sandbox.engine.system import RecordSystem
from sandbox.proconsona.documents import NAMESPACE, add, add_some, legal, make

TASKS: Final = {
    "1": "Iäkkäiden palvelut",
    "2": "Lapsiperheiden palvelut",
    "3": "Lastensuojelu",
    "4": "Perheoikeudelliset palvelut",
    "5": "Päihdehuolto",
    "6": "Työikäisten palvelut",
    "7": "Vammaispalvelut",
}
"""Palvelutehtävä (1.2.246.537.6.1221): code and name. The code values are the manual's assumption."""

EXTENSION: Final = "urn:proconsona:laajennus:1"

_STATES: Final = {
    Status.BOOKED: "VARATTU",
    Status.CANCELLED: "PERUTTU",
    Status.FULFILLED: "TOTEUTUNUT",
    Status.NOSHOW: "SAAPUMATTA",
    Status.PENDING: "EHDOTETTU",
    Status.PROPOSED: "EHDOTETTU",
}
STATES: Final = tuple(dict.fromkeys(_STATES.values()))


def state_of(one: Appointment) -> str:
    """Return the `tila` of a meeting."""
    return _STATES[one.status]


def proposer_of(one: Appointment) -> str | None:
    """Return the `ehdottaja` of a proposed meeting; None of any other."""
    if one.status is Status.PROPOSED:
        return "ASIAKAS" if one.by_resident else "TYONTEKIJA"
    return "ASIAKAS" if one.status is Status.PENDING else None


def read_extra(one: Appointment) -> dict[str, str]:
    """Return what this face keeps with a meeting: see `keys` and `changes`."""
    return dict(orjson.loads(one.extra)) if one.extra else {}


def write_extra(kept: dict[str, str]) -> str:
    """The inverse of `read_extra`."""
    return orjson.dumps(kept).decode("utf-8") if kept else ""


def local(at: datetime) -> str:
    """Return a time of a calendar."""
    return at.astimezone(HELSINKI).isoformat(timespec="seconds")


def stamp(at: datetime) -> str:
    """Return the time of a change, with milliseconds."""
    return at.astimezone(HELSINKI).isoformat(timespec="milliseconds")


class Records:
    """The records of one installation as a client with the right to `tasks` sees them."""

    def __init__(self, system: RecordSystem, tasks: Collection[str]) -> None:
        self._system = system
        self._tasks = frozenset(tasks)

    # ---- what may be seen

    def sees_service(self, code: str) -> bool:
        """Whether a service is the client's to see; an unknown one is not."""
        service = self._system.services.get(code)
        return service is not None and service.category in self._tasks

    def calendar(self, found: str) -> Calendar | None:
        """Return a calendar, or None if there is none for the client."""
        calendar = self._system.calendars.get(found)
        return calendar if calendar is not None and self.sees_service(calendar.service) else None

    def meeting(self, found: str) -> Appointment | None:
        """Return a meeting, or None if there is none for the client."""
        one = self._system.appointment(found)
        return one if one is not None and self.sees(one) else None

    def sees(self, one: Appointment) -> bool:
        """Whether a meeting is the client's to see."""
        return self.calendar(one.calendar) is not None

    def customer(self, found: str) -> Patient | None:
        """Return a customer, or None if there is none for the client."""
        patient = self._system.patient(found)
        return patient if patient is not None and self.tasks_of(patient) else None

    def tasks_of(self, patient: Patient) -> list[str]:
        """Return the Palvelutehtävä codes of a customer that the client may see.

        They are those of his meetings; whoever has none is a customer of the installation's first service.
        """
        calendars = {one.calendar for one in self._system.appointments(patient=patient.number)}
        services = {self._system.calendars[one].service for one in calendars} or {next(iter(self._system.services))}
        return sorted({self._task(self._system.services[one]) for one in services} & self._tasks)

    # ---- directory

    def unit(self, unit: Unit) -> etree._Element:
        """Return a unit."""
        root = make("yksikko")
        add(root, "tunnus", unit.id)
        add(root, "oid", unit.oid)
        _add_names(root, "nimi", unit.name_fi, unit.name_sv)
        add(root, "kunta", unit.municipality)
        _add_address(root, unit.street, unit.postal_code, unit.city)
        add(root, "puhelin", unit.phone)
        return root

    def service(self, service: Service) -> etree._Element:
        """Return a service."""
        root = make("palvelu")
        add(root, "koodi", service.code)
        _add_names(root, "nimi", service.name_fi, service.name_sv)
        self._add_task(root, self._task(service))
        add(root, "kestoMinuuttia", str(service.minutes))
        add(root, "paikkoja", str(service.capacity))
        for unit in sorted({one.unit for one in self._system.calendars.values() if one.service == service.code}):
            add(root, "yksikko", unit)
        return root

    def sees_worker(self, worker: Professional) -> bool:
        """Whether any of a worker's calendars is the client's to see."""
        calendars = self._system.calendars.values()
        return any(one.professional == worker.id and self.sees_service(one.service) for one in calendars)

    def worker(self, worker: Professional) -> etree._Element:
        """Return a worker with the calendars that the client may see."""
        root = make("tyontekija")
        add(root, "tunnus", worker.id)
        add(root, "rekisterinumero", worker.register_number)
        add(root, "sukunimi", worker.family)
        add(root, "etunimi", worker.given)
        _add_names(root, "nimike", worker.title_fi, worker.title_sv)
        add(root, "yksikko", worker.unit)
        for language in worker.languages:
            add(root, "kieli", language)
        for calendar in self._system.calendars.values():
            if calendar.professional == worker.id and self.sees_service(calendar.service):
                add(root, "kalenteri", tunnus=calendar.id, palvelu=calendar.service)
        return root

    # ---- people and times

    def customer_element(self, patient: Patient) -> etree._Element:
        """Return a customer."""
        root = make("asiakas")
        add(root, "tunnus", patient.number)
        add(root, "henkilotunnus", patient.hetu)
        add(root, "sukunimi", patient.family)
        add(root, "etunimet", patient.given)
        add(root, "syntymaaika", patient.birth_date.isoformat())
        add(root, "kieli", patient.language)
        add(root, "kotikunta", patient.municipality)
        _add_address(root, patient.street, patient.postal_code, patient.city)
        add_some(root, "puhelin", patient.phone)
        add_some(root, "sahkoposti", patient.email)
        add(root, "turvakielto", "true" if patient.non_disclosure else "false")
        for task in self.tasks_of(patient):
            self._add_task(root, task)
        add(root, "luotu", stamp(patient.registered))
        return root

    def free_time(self, time: FreeTime) -> etree._Element:
        """Return a time that may be booked."""
        calendar = self._system.calendars[time.calendar]
        root = make("vapaaAika")
        add(root, "kalenteri", calendar.id)
        add(root, "alku", local(time.start))
        add(root, "loppu", local(time.end))
        add(root, "palvelu", calendar.service)
        self._add_task(root, self._task(self._system.services[calendar.service]))
        add(root, "yksikko", calendar.unit)
        add(root, "tyontekija", calendar.professional)
        add(root, "vapaana", str(time.left))
        return root

    # ---- meetings

    def meeting_element(self, one: Appointment) -> etree._Element:
        """Return a meeting."""
        calendar = self._system.calendars[one.calendar]
        root = make("tapaaminen")
        add(root, "tunnus", one.id)
        add(root, "versio", str(one.version))
        add(root, "tila", state_of(one))
        add_some(root, "ehdottaja", proposer_of(one))
        self._add_task(root, self._task(self._system.services[calendar.service]))
        add(root, "asiakas", one.patient)
        add(root, "palvelu", calendar.service)
        add(root, "yksikko", calendar.unit)
        add(root, "tyontekija", calendar.professional)
        add(root, "kalenteri", calendar.id)
        add(root, "alku", local(one.start))
        add(root, "loppu", local(one.end))
        add_some(root, "ulkoinenTunniste", one.placer_id)
        add_some(root, "lisatieto", one.text)
        _add_cancellation(root, one)
        add_some(root, "huoltajarajaus", None if one.restriction_parent is None else str(one.restriction_parent))
        add_some(root, "nakyyAlkaen", None if one.release_date is None else one.release_date.isoformat())
        _add_room(root, calendar)
        add(root, "luotu", stamp(one.created))
        add(root, "muutettu", stamp(one.updated))
        return root

    def about_another(self, root: etree._Element, patient: Patient) -> None:
        """Make every customer and meeting in an answer one of this patient (a fault of the sandbox)."""
        for one in root.iter(f"{{{NAMESPACE}}}asiakas"):
            if len(one) == 0:
                one.text = patient.number
                continue
            one[:] = list(self.customer_element(patient))

    def _task(self, service: Service) -> str:
        assert service.category is not None  # every service of this system's data files has one
        return service.category

    def _add_task(self, parent: etree._Element, task: str) -> None:
        add(parent, "palvelutehtava", TASKS[task], koodi=task)


def _add_names(parent: etree._Element, name: str, finnish: str, swedish: str) -> None:
    add(parent, name, finnish, kieli="fi")
    add(parent, name, swedish, kieli="sv")


def _add_address(parent: etree._Element, street: str, postal_code: str, city: str) -> None:
    address = add(parent, "osoite")
    add(address, "katu", street)
    add(address, "postinumero", postal_code)
    add(address, "postitoimipaikka", city)


def _add_cancellation(parent: etree._Element, one: Appointment) -> None:
    """Add why a meeting was cancelled: as the client said, or the unit's own words."""
    if one.status is not Status.CANCELLED:
        return
    kept = read_extra(one)
    cancelled = add(parent, "peruutus")
    add(cancelled, "syy", kept.get("syy", "YKSIKKO"))
    unit_said = "Aika ei sovi yksikölle." if one.reason == "refused" else one.reason
    add_some(cancelled, "selite", kept.get("selite", "") if "syy" in kept else unit_said)


def _add_room(parent: etree._Element, calendar: Calendar) -> None:
    extension = add(parent, "laajennus")
    room = etree.SubElement(extension, f"{{{EXTENSION}}}huone", nsmap={"l": EXTENSION})
    room.text = legal(f"Huone {1 + zlib.crc32(calendar.id.encode()) % 40}")
