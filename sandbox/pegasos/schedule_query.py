"""SQM^S25: free times and bookings (manual section 6)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeVar

from sandbox.engine.model import Appointment, FreeTime
from sandbox.pegasos import answers
from sandbox.pegasos.er7 import Segment, segment
from sandbox.pegasos.localtime import read_time
from sandbox.pegasos.messages import Request
from sandbox.pegasos.pages import Pages
from sandbox.pegasos.persons import PersonIds, find_patient, read_pid
from sandbox.pegasos.queries import asked
from sandbox.pegasos.refusals import Refusal, bad_value, missing
from sandbox.pegasos.work import Conduct, Done, Job, Office

MOST_RECORDS: Final = 1000
LARGEST_ANSWER: Final = 900_000
"""An answer is ended, to be continued, before it has more characters than this."""
LONGEST_RANGE: Final = timedelta(days=93)

Record = TypeVar("Record")
Key = tuple[int, str]
"""Start in epoch seconds, and calendar or filler id: the order of the records."""


@dataclass(frozen=True, slots=True)
class _Query:
    """A query as read: what, by what, and the segments that hold the values."""

    office: Office
    request: Request
    qrd: Segment

    def filter(self, name: str, field: int) -> str:
        """Return a value to ask by. Raises Refusal if it is not there."""
        found = self.request.first(name)
        if found is None or not found.text(field):
            raise missing(name, field)
        return found.text(field)

    def narrowing(self, name: str) -> str | None:
        """Return the AIL-3 or AIP-3 that narrows a query, None without one."""
        found = self.request.first(name)
        return None if found is None else found.text(3) or None

    def known(self, value: str, among: Iterable[str], refusal: str, name: str, field: int) -> str:
        """Return `value` if it is `among` those known. Raises the refusal named."""
        if value not in among:
            raise Refusal(refusal, self.request.the(name).place(field))
        return value

    def range(self) -> tuple[datetime, datetime]:
        """Return QRF-2 and QRF-3."""
        qrf = self.request.first("QRF")
        if qrf is None:
            raise missing("QRF", 2)
        start = read_time(qrf, 2, date_alone=True)
        end = read_time(qrf, 3, date_alone=True, later=True)
        if not timedelta(0) <= end - start <= LONGEST_RANGE:
            raise bad_value("QRF", 3, "is before QRF-2, or more than 93 days after it")
        return start, end

    def ids(self) -> PersonIds:
        """Return the person asked for."""
        return read_pid(self.request.the("PID"))


def prepare_schedule_query(office: Office, request: Request) -> Job:
    """Return the job of an SQM^S25."""
    request.at_most_one("PID", "RGS", "AIS", "AIL", "AIP")
    what, by = asked(request)
    query = _Query(office, request, request.the("QRD"))
    if what not in ("SOP", "SBK"):
        raise Refusal("M04", query.qrd.place(9))
    if what == "SOP" and by in _FREE:
        return Job("find", None, lambda conduct: _free_times(query, _FREE[by]))
    if what == "SBK" and by in _BOOKED:
        return Job(
            "read" if by in ("PLACER", "FILLER") else "list",
            _person(query, by),
            lambda conduct: _appointments(query, _BOOKED[by](query), conduct),
        )
    raise Refusal("M04", query.qrd.place(10))


def _person(query: _Query, by: str) -> str | None:
    """Return the HETU of the person whose bookings are asked for: by PID, or by what will be found."""
    if by == "PATIENT":
        return query.office.hetu_of(query.ids())
    if by == "SCHEDULE":
        return None
    found = _BOOKED[by](query)
    patient = query.office.system.patient(found[0].patient) if found else None
    return None if patient is None else patient.hetu


def _free_by_schedule(query: _Query) -> list[FreeTime]:
    system = query.office.system
    calendar = query.known(query.filter("ARQ", 5), system.calendars, "K01", "ARQ", 5)
    return system.free_times(*query.range(), calendar=calendar)


def _free_by_service(query: _Query) -> list[FreeTime]:
    system = query.office.system
    service = query.known(query.filter("AIS", 3), system.services, "S01", "AIS", 3)
    unit, professional = query.narrowing("AIL"), query.narrowing("AIP")
    if unit is not None:
        query.known(unit, system.units, "K02", "AIL", 3)
    if professional is not None:
        query.known(professional, system.professionals, "K02", "AIP", 3)
    found = system.free_times(*query.range(), service=service, unit=unit)
    return [time for time in found if professional in (None, system.calendars[time.calendar].professional)]


def _free_of_all(query: _Query) -> list[FreeTime]:
    return query.office.system.free_times(*query.range())


def _booked_by_placer(query: _Query) -> list[Appointment]:
    return query.office.system.appointments(placer_id=query.filter("ARQ", 1))


def _booked_by_filler(query: _Query) -> list[Appointment]:
    found = query.office.system.appointment(query.filter("ARQ", 2))
    return [] if found is None else [found]


def _booked_by_patient(query: _Query) -> list[Appointment]:
    patient = find_patient(query.office.system, query.ids())
    qrf = query.request.first("QRF")
    if qrf is None or not (qrf.has(2) or qrf.has(3)):
        return query.office.system.appointments(patient=patient.number)
    start, end = query.range()
    return query.office.system.appointments(patient=patient.number, start=start, end=end)


def _booked_by_schedule(query: _Query) -> list[Appointment]:
    system = query.office.system
    calendar = query.known(query.filter("ARQ", 5), system.calendars, "K01", "ARQ", 5)
    start, end = query.range()
    return system.appointments(calendar=calendar, start=start, end=end)


_FREE: Final[dict[str, Callable[[_Query], list[FreeTime]]]] = {
    "SCHEDULE": _free_by_schedule,
    "SERVICE": _free_by_service,
    "ALL": _free_of_all,
}
_BOOKED: Final[dict[str, Callable[[_Query], list[Appointment]]]] = {
    "PLACER": _booked_by_placer,
    "FILLER": _booked_by_filler,
    "PATIENT": _booked_by_patient,
    "SCHEDULE": _booked_by_schedule,
}


def _free_times(query: _Query, find: Callable[[_Query], list[FreeTime]]) -> Done:
    pages = Pages(query.office.system, query.office.facility)
    found = [((int(time.start.timestamp()), time.calendar), time) for time in find(query)]
    return _paged(query, found, pages.free_time)


def _appointments(query: _Query, appointments: list[Appointment], conduct: Conduct) -> Done:
    system = query.office.system
    pages = Pages(system, query.office.facility)

    def write(one: Appointment) -> list[str]:
        patient = system.patient(one.patient)
        if patient is None:
            raise LookupError(f"appointment {one.id} is of no patient")
        return pages.appointment(one, query.office.shown(patient, conduct), ail_first=False)

    return _paged(query, [((int(one.start.timestamp()), one.id), one) for one in appointments], write)


def _paged(query: _Query, found: list[tuple[Key, Record]], write: Callable[[Record], list[str]]) -> Done:
    """Return the answer with the records after the continuation pointer, as many as fit."""
    limit, after = _limit(query.qrd), _pointer(query.request)
    ahead = found if after is None else [entry for entry in found if entry[0] > after]
    data: list[str] = []
    size = given = 0
    for _, record in ahead[:limit]:
        segments = write(record)
        size += sum(map(len, segments))
        if given and size > LARGEST_ANSWER:
            break
        data += segments
        given += 1
    remaining = len(ahead) - given
    if remaining:
        start, name = ahead[given - 1][0]
        data.append(segment("DSC", [(1, f"{start}-{name}"), (2, "I")]))
    qak = answers.found(query.qrd.text(4), hits=len(found), given=given, remaining=remaining)
    return Done([qak, *data])


def _limit(qrd: Segment) -> int:
    text = qrd.text(7)
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text)):
        raise bad_value("QRD", 7, "is not a number of records")
    return min(int(text), MOST_RECORDS)


def _pointer(request: Request) -> Key | None:
    dsc = request.first("DSC")
    if dsc is None or not dsc.has(1):
        return None
    start, dash, name = dsc.text(1).partition("-")
    if not (dash and start.isascii() and start.isdigit() and len(start) <= 12):
        raise bad_value("DSC", 1, "is not a pointer that Pegasos gave")
    return int(start), name
