"""SRM^S01, SRM^S02 and SRM^S04: booking, moving and cancelling (manual sections 4 and 5)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sandbox.engine import errors
from sandbox.engine.model import Appointment, Calendar, Patient, Status
from sandbox.pegasos import kept as keeping
from sandbox.pegasos.er7 import Segment
from sandbox.pegasos.localtime import read_time
from sandbox.pegasos.messages import Request
from sandbox.pegasos.pages import Pages
from sandbox.pegasos.persons import find_patient, read_pid
from sandbox.pegasos.refusals import Refusal, bad_value, missing
from sandbox.pegasos.work import Conduct, Done, Job, Office

LONGEST_COMMENT: Final = 32_768
LONGEST_PLACER_ID: Final = 50
_SINGLE: Final = ("PID", "RGS", "AIS", "AIL", "AIP", "ZPA")
_LENGTHS: Final = ((1, 1, LONGEST_PLACER_ID), (2, 1, 12), (5, 1, 12), (6, 2, 199), (7, 2, 199))


def prepare_booking(office: Office, request: Request) -> Job:
    """Return the job of an SRM^S01."""
    request.at_most_one(*_SINGLE)
    request.the("AIS")
    ids = read_pid(request.the("PID"))

    def run(conduct: Conduct) -> Done:
        arq = _checked_arq(request)
        comment = _comment(request)
        calendar = _calendar(office, request)
        ais = request.the("AIS")
        start = read_time(ais, 4, named_offset=_named_offset(request))
        patient = find_patient(office.system, ids)
        try:
            if conduct.desk_first:
                office.system.take_time(calendar.id, start, besides=patient.number)
            booked = office.system.book(
                patient=patient.number,
                calendar=calendar.id,
                start=start,
                placer_id=arq.text(1),
                text=comment,
                reason=arq.text(6, 2),
                extra=keeping.dump(keeping.from_booking(request)),
                pending=conduct.pending,
            )
        except errors.NoSuchTime as err:
            raise Refusal("A03", ais.place(4)) from err
        except errors.SlotTaken as err:
            raise Refusal("A02" if err.held_by_same_patient else "A01", ais.place(4)) from err
        return _answer(office, booked, office.shown(patient, conduct))

    return Job("book", office.hetu_of(ids), run)


def prepare_cancel(office: Office, request: Request) -> Job:
    """Return the job of an SRM^S04."""
    request.at_most_one(*_SINGLE)
    ids = read_pid(request.the("PID"))

    def run(conduct: Conduct) -> Done:
        arq = _checked_arq(request)
        zpa = request.first("ZPA")
        if zpa is None:
            raise missing("ZPA", 1)
        believed = read_time(zpa, 1, named_offset=_named_offset(request))
        patient = find_patient(office.system, ids)
        found = _appointment(office, arq, patient)
        try:
            cancelled = office.system.cancel(
                found.id,
                by="interface",
                reason=arq.text(6, 2),
                expected_start=believed,
                extra=keeping.dump(keeping.after_cancel(keeping.load(found.extra), request)),
            )
        except errors.StaleVersion as err:
            raise Refusal("A06", zpa.place(1)) from err
        except errors.NotCancellable as err:
            raise Refusal("A07", arq.place(2), str(err)) from err
        return _answer(office, cancelled, office.shown(patient, conduct))

    return Job("cancel", office.hetu_of(ids), run)


def prepare_move(office: Office, request: Request) -> Job:
    """Return the job of an SRM^S02."""
    request.at_most_one(*_SINGLE)
    request.the("AIS")
    ids = read_pid(request.the("PID"))

    def run(conduct: Conduct) -> Done:
        arq, zpa, ais = _checked_arq(request), request.first("ZPA"), request.the("AIS")
        if zpa is None:
            raise missing("ZPA", 1)
        calendar = _calendar(office, request)
        believed = read_time(zpa, 1, named_offset=zpa.text(2))
        start = read_time(ais, 4, named_offset=zpa.text(5), offset_field=5)
        patient = find_patient(office.system, ids)
        found = _appointment(office, arq, patient)
        if office.system.calendars[found.calendar].service != calendar.service:
            raise Refusal("K02", ais.place(3), "another service")
        moved = _move(office, request, conduct, found, _Target(calendar, start, believed))
        return _answer(office, moved, office.shown(patient, conduct))

    return Job("move", office.hetu_of(ids), run)


@dataclass(frozen=True, slots=True)
class _Target:
    """Where a visit is to go, and where the client believes it to be."""

    calendar: Calendar
    start: datetime
    believed: datetime


def _move(office: Office, request: Request, conduct: Conduct, found: Appointment, to: _Target) -> Appointment:
    """Move an appointment, or leave it as it was. Raises Refusal; what the client believed is looked at first."""
    arq, zpa, ais = request.the("ARQ"), request.the("ZPA"), request.the("AIS")
    if to.believed.timestamp() != found.start.timestamp():
        raise Refusal("A06", zpa.place(1))
    if found.status is Status.PENDING:
        raise Refusal("A07", arq.place(2), "it is pending")
    is_own_time = (to.calendar.id, to.start.timestamp()) == (found.calendar, found.start.timestamp())
    still_moves = found.status is Status.BOOKED and found.start.timestamp() > office.system.clock.now().timestamp()
    if is_own_time and still_moves:  # what moves no more is told so, below, before its time is looked at
        raise Refusal("A02", ais.place(4))
    try:
        if conduct.desk_first:
            office.system.take_time(to.calendar.id, to.start, besides=found.patient)
        return office.system.move(
            found.id,
            start=to.start,
            calendar=to.calendar.id,
            by="interface",
            reason=arq.text(6, 2),
            expected_start=to.believed,
            extra=keeping.dump(keeping.after_move(keeping.load(found.extra), request)),
        )
    except errors.NotCancellable as err:
        raise Refusal("A07", arq.place(2), str(err)) from err
    except errors.NoSuchTime as err:
        raise Refusal("A03", ais.place(4)) from err
    except errors.SlotTaken as err:
        raise Refusal("A02" if err.held_by_same_patient else "A01", ais.place(4)) from err


def _answer(office: Office, appointment: Appointment, shown: Patient) -> Done:
    pages = Pages(office.system, office.facility)
    return Done(pages.appointment(appointment, shown, ail_first=True), appointment.id)


def _checked_arq(request: Request) -> Segment:
    arq = request.the("ARQ")
    if not arq.text(1):
        raise missing("ARQ", 1)
    for field, component, length in _LENGTHS:
        if len(arq.text(field, component)) > length:
            raise bad_value("ARQ", field, f"is longer than {length} characters")
    for field in (15, 19):
        if len(arq.standard_field(field)) > 250:
            raise bad_value("ARQ", field, "is longer than 250 characters")
    return arq


def _named_offset(request: Request) -> str:
    zpa = request.first("ZPA")
    return "" if zpa is None else zpa.text(2)


def _comment(request: Request) -> str:
    """Return the patient's text: the NTE segments after ARQ, before the patient and the resources."""
    lines: list[str] = []
    for one in request.segments:
        if one.name in ("PID", "RGS"):
            break
        if one.name == "NTE" and one.has(3):
            lines += one.whole_texts(3)
    comment = "\n".join(lines)
    if len(comment) > LONGEST_COMMENT:
        raise bad_value("NTE", 3, f"is longer than {LONGEST_COMMENT} characters")
    return comment


def _calendar(office: Office, request: Request) -> Calendar:
    """Return the calendar of ARQ-5, once service, length, unit and professional agree with it."""
    system = office.system
    arq, ais = request.the("ARQ"), request.the("AIS")
    if not arq.text(5):
        raise missing("ARQ", 5)
    service = system.services.get(ais.text(3))
    if service is None:
        raise Refusal("S01", ais.place(3))
    if ais.has(7) and ais.text(7) != str(service.minutes):
        raise Refusal("S02", ais.place(7))
    if ais.text(8).lower() not in ("", "min"):
        raise Refusal("S02", ais.place(8))
    calendar = system.calendars.get(arq.text(5))
    if calendar is None:
        raise Refusal("K01", arq.place(5))
    if calendar.service != service.code:
        raise Refusal("K02", ais.place(3))
    for name, own in (("AIL", calendar.unit), ("AIP", calendar.professional)):
        given = request.first(name)
        if given is not None and given.text(3) not in ("", own):
            raise Refusal("K02", given.place(3))
    return calendar


def _appointment(office: Office, arq: Segment, patient: Patient) -> Appointment:
    """Return the patient's appointment by filler id, or else the one live one by placer id."""
    if arq.has(2):
        found = office.system.appointment(arq.text(2))
        if found is None or found.patient != patient.number:
            raise Refusal("A04", arq.place(2))
        return found
    all_found = office.system.appointments(patient=patient.number, placer_id=arq.text(1))
    live = [one for one in all_found if one.status in (Status.BOOKED, Status.PENDING)]
    if not all_found:
        raise Refusal("A04", arq.place(1))
    if len(live) > 1:
        raise Refusal("A05", arq.place(1))
    return live[0] if live else all_found[0]
