"""Seeing what an installation holds, in one neutral shape whatever the vendor: bookings and free times."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Response

from sandbox.control.access import installation_of, person_of
from sandbox.control.refusals import Refusal
from sandbox.control.shapes import Booking, BookingSearch, FreeTimeShape, Goto, HoldShape, Instant, StatusName
from sandbox.engine.model import Appointment, FreeTime, Hold, Status
from sandbox.engine.system import RecordSystem
from sandbox.installations import SYSTEMS
from sandbox.world import Installation, World

DEFAULT_WINDOW = timedelta(days=14)


def bookings_router(world: World) -> APIRouter:
    """Return the routes of bookings."""
    router = APIRouter(prefix="/installations/{name}", tags=["records"])

    @router.get("/bookings", response_model=list[Booking], summary="List bookings, of every status")
    async def list_bookings(
        name: str,
        person: Annotated[str | None, Query(description="a test person's key, never a HETU", examples=["aino"])] = None,
        start: Instant | None = None,
        end: Instant | None = None,
        status: StatusName | None = None,
        placer_id: str | None = None,
        calendar: str | None = None,
        updated_since: Instant | None = None,
    ) -> Response:
        """All filters must fit: `start` <= booking.start < `end`. In a URL, `+` of an offset is written `%2B`."""
        if person is not None and world.population.by_key(person) is None:
            # The value is not repeated, and a HETU is not even looked up: it has no business in a URL.
            raise Refusal(
                404,
                "unknown-key",
                "`person` takes a test person's key (GET /persons). A HETU goes into the body of "
                "POST /installations/{name}/bookings/search.",
            )
        asked = BookingSearch(
            person=person,
            start=start,
            end=end,
            status=status,
            placer_id=placer_id,
            calendar=calendar,
            updated_since=updated_since,
        )
        return _bookings(world, installation_of(world, name), asked)

    @router.post("/bookings/search", response_model=list[Booking], summary="The same, with a HETU in the body")
    async def search_bookings(name: str, asked: BookingSearch) -> Response:
        return _bookings(world, installation_of(world, name), asked)

    @router.get("/bookings/{booking_id}", response_model=Booking, summary="One booking")
    async def one_booking(name: str, booking_id: str) -> Response:
        system = installation_of(world, name).system
        found = system.appointment(booking_id)
        if found is None:
            raise Refusal(404, "unknown-appointment", "No such appointment. See GET /installations/{name}/bookings.")
        return _json(booking_shape(system, found))

    @router.post("/bookings/{booking_id}/goto", response_model=Booking, summary="Put a booking into a state")
    async def goto(name: str, booking_id: str, asked: Goto) -> Response:
        """Whatever its state and time are: nobody at a desk can do this. One that comes back needs its place."""
        one = installation_of(world, name)
        if asked.status == "proposed" and not SYSTEMS[one.data.system].proposals:
            raise Refusal(409, "no-proposals", f"{one.data.system} knows no proposals. Choose another state.")
        return _json(booking_shape(one.system, one.system.jump(booking_id, Status(asked.status))))

    return router


def free_times_router(world: World) -> APIRouter:
    """Return the route of free times."""
    router = APIRouter(prefix="/installations/{name}", tags=["records"])

    @router.get("/free-times", response_model=list[FreeTimeShape], summary="List the times that may be booked now")
    async def list_free_times(
        name: str,
        start: Instant | None = None,
        end: Instant | None = None,
        service: str | None = None,
        calendar: str | None = None,
        unit: str | None = None,
    ) -> Response:
        """Without `start`: from now (virtual). Without `end`: 14 days from `start`."""
        system = installation_of(world, name).system
        first = system.clock.now() if start is None else start
        last = first + DEFAULT_WINDOW if end is None else end
        found = system.free_times(first, last, service=service, calendar=calendar, unit=unit)
        return _json([_free_time_shape(system, time) for time in found])

    return router


def holds_router(world: World) -> APIRouter:
    """Return the route of holds."""
    router = APIRouter(prefix="/installations/{name}", tags=["records"])

    @router.get("/holds", response_model=list[HoldShape], summary="List the places that are kept for somebody")
    async def list_holds(name: str) -> Response:
        """Live holds, and those that became a booking in the last 24 hours of virtual time; by start."""
        system = installation_of(world, name).system
        return _json([_hold_shape(system, hold) for hold in system.holds()])

    return router


def booking_shape(system: RecordSystem, one: Appointment) -> dict[str, Any]:
    """Return an appointment in the neutral shape."""
    calendar = system.calendars[one.calendar]
    patient = system.patient(one.patient)
    assert patient is not None
    return {
        "id": one.id,
        "placer_id": one.placer_id,
        "person": patient.hetu,
        "start": one.start,
        "end": one.end,
        "unit": calendar.unit,
        "service": calendar.service,
        "calendar": calendar.id,
        "professional": calendar.professional,
        "status": one.status,
        "version": one.version,
        "booked_by": one.booked_by,
        "text": one.text,
        "reason": one.reason,
        "restriction_parent": one.restriction_parent,
        "by_resident": one.by_resident,
        "created": one.created,
        "updated": one.updated,
    }


def _bookings(world: World, one: Installation, asked: BookingSearch) -> Response:
    system, number = one.system, None
    if asked.person is not None:
        patient = system.patient_by_hetu(person_of(world, asked.person).hetu)
        if patient is None:
            return _json([])
        number = patient.number
    found = system.appointments(
        patient=number,
        placer_id=asked.placer_id,
        calendar=asked.calendar,
        start=asked.start,
        end=asked.end,
        updated_since=asked.updated_since,
    )
    return _json([booking_shape(system, each) for each in found if asked.status in (None, each.status)])


def _hold_shape(system: RecordSystem, hold: Hold) -> dict[str, Any]:
    calendar = system.calendars[hold.calendar]
    patient = system.patient(hold.patient)
    assert patient is not None
    return {
        "person": patient.hetu,
        "reference": hold.reference,
        "calendar": calendar.id,
        "unit": calendar.unit,
        "service": calendar.service,
        "start": hold.start,
        "end": hold.end,
        "expires_at": hold.expires_at,
        "booking": hold.appointment,
    }


def _free_time_shape(system: RecordSystem, time: FreeTime) -> dict[str, Any]:
    calendar = system.calendars[time.calendar]
    return {
        "calendar": calendar.id,
        "professional": calendar.professional,
        "unit": calendar.unit,
        "service": calendar.service,
        "start": time.start,
        "end": time.end,
        "left": time.left,
    }


def _json(body: object) -> Response:
    return Response(orjson.dumps(body), media_type="application/json")
