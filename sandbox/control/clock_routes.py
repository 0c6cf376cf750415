"""The virtual clock: business time. Real time (tokens, time-outs, faults) is never moved."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from fastapi import APIRouter

from sandbox.control.refusals import Refusal
from sandbox.control.shapes import ClockAdvance, ClockFreeze, ClockPut, ClockShape
from sandbox.engine.system import day_start
from sandbox.world import World

REACH: Final = timedelta(days=731)
"""How far from the first day the clock may be put: every day up to it is filled with the seed's bookings."""


def clock_router(world: World) -> APIRouter:
    """Return the routes of the clock."""
    router = APIRouter(prefix="/clock", tags=["clock"])

    @router.get("", response_model=ClockShape, summary="What time it is in the sandbox")
    async def show() -> dict[str, Any]:
        return _shape(world)

    @router.put("", response_model=ClockShape, summary="Put the clock to an instant")
    async def put(asked: ClockPut) -> dict[str, Any]:
        _check_reach(world, asked.now)
        if asked.frozen is None:
            world.clock.set(asked.now)
        elif asked.frozen:
            world.clock.freeze(asked.now)
        else:
            world.clock.restart(asked.now)
        return _shape(world)

    @router.post("/advance", response_model=ClockShape, summary="Move the clock by elapsed seconds")
    async def advance(asked: ClockAdvance) -> dict[str, Any]:
        """Calendars open as the clock goes: always six weeks ahead of its day."""
        by = timedelta(seconds=asked.seconds)
        _check_reach(world, world.clock.now() + by)
        world.clock.advance(by)
        return _shape(world)

    @router.post("/freeze", response_model=ClockShape, summary="Stop the clock")
    async def freeze(asked: ClockFreeze | None = None) -> dict[str, Any]:
        if asked is not None and asked.at is not None:
            _check_reach(world, asked.at)
        world.clock.freeze(None if asked is None else asked.at)
        return _shape(world)

    @router.post("/run", response_model=ClockShape, summary="Let the clock run")
    async def run() -> dict[str, Any]:
        world.clock.run()
        return _shape(world)

    return router


def _check_reach(world: World, at: datetime) -> None:
    first = world.first_instant
    # Compared as seconds: differences of far-off times would overflow.
    if not 0 <= at.timestamp() - day_start(first.date()).timestamp() <= REACH.total_seconds():
        raise Refusal(
            422,
            "out-of-reach",
            f"The sandbox lives from {first.date()} for {REACH.days} days. Choose a time in between.",
        )


def _shape(world: World) -> dict[str, Any]:
    state = world.clock.state
    return {"now": world.clock.now(), "frozen": state.frozen, "virtual": state.virtual, "real": state.real}
