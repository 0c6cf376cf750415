"""Pages of the diary: appointments and free times as segments (manual sections 4, 6 and 10.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sandbox.engine.model import Appointment, Calendar, FreeTime, Patient, Professional, Service, Status, Unit
from sandbox.engine.system import RecordSystem
from sandbox.pegasos import kept as keeping
from sandbox.pegasos.er7 import components, escape, segment
from sandbox.pegasos.localtime import offset, stamp
from sandbox.pegasos.persons import pid_segment, telephone

RESTRICTION_OID: Final = "1.2.246.537.5.40202.201901"
NOMENCLATURE_OID: Final = "1.2.246.537.6.49"
FREE: Final = "Free^Vapaa^99PEGTIL"

STATUS: Final = {
    Status.BOOKED: "Booked^Varattu^HL70278",
    Status.PENDING: "Pending^Odottaa^HL70278",
    Status.CANCELLED: "Cancelled^Peruttu^HL70278",
    Status.FULFILLED: "Complete^Toteutunut^HL70278",
    Status.NOSHOW: "Noshow^Ei saapunut^HL70278",
}


@dataclass(frozen=True, slots=True)
class _CalendarText:
    """The parts that all times of one calendar share, encoded."""

    schedule: str
    professional: str
    phone: str
    service: str
    ail: str
    aip: str
    minutes: int
    capacity: int


class Pages:
    """Writes appointments and free times; made anew for each answer, since it remembers what calendars look like.

    `ail_first` is the order of SRR; SQR has AIP before AIL.
    """

    def __init__(self, system: RecordSystem, facility: str) -> None:
        self._system = system
        self._facility = facility
        self._calendar_texts: dict[str, _CalendarText] = {}

    def appointment(self, one: Appointment, patient: Patient, *, ail_first: bool) -> list[str]:
        """Return the segments of an appointment; the PID is of `patient`."""
        texts = self._texts(one.calendar)
        kept = keeping.load(one.extra)
        status = STATUS[one.status]
        pages = [self._sch(one, texts, kept, status), self._zpa(one, texts, kept), *kept.segments]
        if one.text:
            source = "P" if one.booked_by == "interface" else "L"
            pages.append(segment("NTE", [(1, "1"), (2, source), (3, escape(one.text))]))
        pages.append(pid_segment(patient, self._facility))
        return [*pages, *_resources(texts, stamp(one.start), status, ail_first=ail_first)]

    def free_time(self, time: FreeTime) -> list[str]:
        """Return the segments of a free time, in the order of SQR."""
        texts = self._texts(time.calendar)
        start = stamp(time.start)
        sch = [
            *_timing(texts, start, stamp(time.end), FREE),
            (6, "VAPAA^Vapaa aika^99PEGTAP"),
            (20, "PEGASOS"),
        ]
        zpa = [(1, start), (2, offset(time.start)), (5, str(time.left)), (6, str(texts.capacity))]
        resources = _resources(texts, start, FREE, ail_first=False)
        return [segment("SCH", sch), segment("ZPA", zpa), *resources]

    def _sch(self, one: Appointment, texts: _CalendarText, kept: keeping.Kept, status: str) -> str:
        return segment(
            "SCH",
            [
                (1, kept.placer or escape(one.placer_id or "")),
                (2, components(one.id, "PEGASOS")),
                *_timing(texts, stamp(one.start), stamp(one.end), status),
                (6, _event(one, kept)),
                (7, kept.reason),
                (12, kept.contact),
                (20, kept.entered or "DESK^Ajanvaraus"),
            ],
        )

    def _zpa(self, one: Appointment, texts: _CalendarText, kept: keeping.Kept) -> str:
        restriction = one.restriction_parent
        values = [
            (1, stamp(one.start)),
            (2, offset(one.start)),
            (3, "" if restriction is None else components(str(restriction), "", RESTRICTION_OID)),
            (4, "" if one.release_date is None else f"{one.release_date:%Y%m%d}"),
            (6, str(texts.capacity)),
            (7, str(one.version)),
            (8, stamp(one.updated)),
            (9, stamp(one.created)),
        ]
        return keeping.zpa_segment(values, kept)

    def _texts(self, calendar_id: str) -> _CalendarText:
        found = self._calendar_texts.get(calendar_id)
        if found is None:
            found = self._calendar_texts[calendar_id] = self._write_texts(calendar_id)
        return found

    def _write_texts(self, calendar_id: str) -> _CalendarText:
        system = self._system
        calendar = system.calendars[calendar_id]
        professional = system.professionals[calendar.professional]
        role = components("HLO", professional.title_fi, "99PEGROO")
        unit, service = system.units[calendar.unit], system.services[calendar.service]
        return _CalendarText(
            schedule=schedule_field(calendar, professional, service),
            professional=professional_field(professional),
            phone=telephone(unit.phone, "WPN", "PH"),
            service=service_field(service),
            ail=segment("AIL", [(1, "1"), (3, location_field(unit, self._facility)), (4, "C^Clinic^HL70260")]),
            aip=segment("AIP", [(1, "1"), (3, professional_field(professional)), (4, role)]),
            minutes=service.minutes,
            capacity=service.capacity,
        )


def schedule_field(calendar: Calendar, professional: Professional, service: Service) -> str:
    """Return a calendar as CE: its id and a name for people."""
    name = f"{professional.family} {professional.given}: {service.name_fi}"
    return components(calendar.id, name, "99PEGKAL")


def professional_field(professional: Professional) -> str:
    """Return a professional as XCN."""
    return components(professional.id, professional.family, professional.given)


def service_field(service: Service) -> str:
    """Return a service as CE: the local code, and the national one if there is one."""
    national = (service.national_code, "", NOMENCLATURE_OID) if service.national_code else ()
    return components(service.code, service.name_fi, "99PEGPAL", *national)


def location_field(unit: Unit, facility: str) -> str:
    """Return a unit as PL, with its name."""
    return components(unit.id, "", "", facility, "", "C", "", "", unit.name_fi)


def _timing(texts: _CalendarText, start: str, end: str, status: str) -> list[tuple[int, str]]:
    """Return the SCH fields that appointments and free times share; `start` and `end` are stamps."""
    return [
        (5, texts.schedule),
        (8, "Normal^^HL70277"),
        (9, str(texts.minutes)),
        (10, "min"),
        (11, f"^^M{texts.minutes}^{start}^{end}"),
        (16, texts.professional),
        (17, texts.phone),
        (25, status),
    ]


def _event(one: Appointment, kept: keeping.Kept) -> str:
    if one.status is Status.CANCELLED:
        return kept.cancelled_for or components("PERUUTUS", one.reason or "Peruttu", "99PEGTAP")
    return kept.booked_for or components("VARAUS", one.reason or "Varattu", "99PEGTAP")


def _resources(texts: _CalendarText, start: str, status: str, *, ail_first: bool) -> list[str]:
    ais = [
        (1, "1"),
        (3, texts.service),
        (4, start),
        (7, str(texts.minutes)),
        (8, "min"),
        (10, status),
    ]
    pair = (texts.ail, texts.aip) if ail_first else (texts.aip, texts.ail)
    return ["RGS|1", segment("AIS", ais), *pair]
