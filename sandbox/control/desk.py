"""Acting as the desk: what a unit's own people do in the record system. Faults and behaviours never apply here."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from sandbox.control.access import installation_of, patient_of
from sandbox.control.bookings import booking_shape
from sandbox.control.refusals import Refusal
from sandbox.control.shapes import (
    Booking,
    DeskBook,
    DeskCancel,
    DeskDecide,
    DeskMove,
    DeskNoShow,
    DeskPropose,
)
from sandbox.installations import SYSTEMS
from sandbox.world import World


def desk_router(world: World) -> APIRouter:
    """Return the routes of the desk."""
    router = APIRouter(prefix="/installations/{name}/desk", tags=["desk"])

    @router.post("/book", response_model=Booking, status_code=201, summary="Book a time for a person")
    async def book(name: str, asked: DeskBook) -> dict[str, Any]:
        """The person becomes a customer of the installation first, if they are none."""
        one = installation_of(world, name)
        patient = patient_of(world, one, asked.person)
        calendar = one.system.calendar_for(asked.start, calendar=asked.calendar, service=asked.service, unit=asked.unit)
        made = one.system.book(
            patient=patient.number,
            calendar=calendar,
            start=asked.start,
            placer_id=asked.placer_id,
            text=asked.text,
            by="desk",
        )
        return booking_shape(one.system, made)

    @router.post("/move", response_model=Booking, summary="Move an appointment to a free time")
    async def move(name: str, asked: DeskMove) -> dict[str, Any]:
        system = installation_of(world, name).system
        moved = system.move(asked.id, start=asked.start, calendar=asked.calendar, by="desk", reason=asked.reason)
        return booking_shape(system, moved)

    @router.post("/cancel", response_model=Booking, summary="Cancel an appointment")
    async def cancel(name: str, asked: DeskCancel) -> dict[str, Any]:
        system = installation_of(world, name).system
        return booking_shape(system, system.cancel(asked.id, by="desk", reason=asked.reason))

    @router.post("/no-show", response_model=Booking, summary="Mark that nobody came")
    async def no_show(name: str, asked: DeskNoShow) -> dict[str, Any]:
        system = installation_of(world, name).system
        return booking_shape(system, system.no_show(asked.id))

    @router.post("/propose", response_model=Booking, status_code=201, summary="Offer a time to a person")
    async def propose(name: str, asked: DeskPropose) -> dict[str, Any]:
        """The time is held until the person answers. Only where the vendor's interface knows proposals."""
        one = installation_of(world, name)
        if not SYSTEMS[one.data.system].proposals:
            raise Refusal(409, "no-proposals", f"{one.data.system} knows no proposals. Book the time instead.")
        patient = patient_of(world, one, asked.person)
        calendar = one.system.calendar_for(asked.start, calendar=asked.calendar, service=asked.service, unit=asked.unit)
        made = one.system.propose(patient.number, calendar, asked.start, placer_id=asked.placer_id, text=asked.text)
        return booking_shape(one.system, made)

    @router.post("/decide", response_model=Booking, summary="Decide what waits for the desk")
    async def decide(name: str, asked: DeskDecide) -> dict[str, Any]:
        """A pending appointment, or a proposed one for which the resident wished another time."""
        system = installation_of(world, name).system
        return booking_shape(system, system.decide(asked.id, asked.decision))

    return router
