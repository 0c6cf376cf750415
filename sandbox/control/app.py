"""The control interface as an application: open, loopback only, described at /openapi.json and /docs."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, Query, Response
from fastapi.responses import PlainTextResponse

from sandbox.canonical import canonical
from sandbox.control.access import installation_of
from sandbox.control.bookings import bookings_router, free_times_router, holds_router
from sandbox.control.clock_routes import clock_router
from sandbox.control.desk import desk_router
from sandbox.control.fault_routes import faults_router
from sandbox.control.person_routes import persons_router
from sandbox.control.refusals import install_refusals
from sandbox.control.shapes import (
    PROBLEM_RESPONSES,
    InstallationShape,
    JournalEntry,
    Ready,
    ResetBody,
)
from sandbox.control.snapshot_routes import snapshots_router
from sandbox.installations import SYSTEMS
from sandbox.journal import KEPT
from sandbox.upkeep import Upkeep
from sandbox.world import Installation, World

ABOUT = """The sandbox's own interface, for tests and for people: look into any installation in one neutral shape, act
as its desk, arm faults, move the clock, save all and go back to it, start again. It is never a part of a vendor's
interface, asks for no password and listens on the loopback interface only. Synthetic data only; every vendor's
behaviour is an assumption of ours.

All times are ISO-8601 with offset, in Europe/Helsinki, and *virtual* unless said otherwise."""


def control_app(world: World, upkeep: Upkeep) -> FastAPI:
    """Return the control interface of a world."""
    app = FastAPI(
        title="Sotesilta sandbox: control interface", version="1", description=ABOUT, responses=PROBLEM_RESPONSES
    )
    install_refusals(app)
    _add_overview(app, world)
    app.include_router(persons_router(world))
    app.include_router(bookings_router(world))
    app.include_router(free_times_router(world))
    app.include_router(holds_router(world))
    app.include_router(desk_router(world))
    app.include_router(faults_router(world, upkeep))
    app.include_router(clock_router(world))
    app.include_router(snapshots_router(world, upkeep))
    _add_whole(app, world, upkeep)
    return app


def _add_overview(app: FastAPI, world: World) -> None:
    @app.get("/readyz", response_model=Ready, tags=["overview"], responses={503: {"model": Ready}})
    async def readyz(response: Response) -> dict[str, Any]:
        """200 when every installation listens; 503 with the problems when one cannot."""
        shape = _ready(world)
        response.status_code = 200 if shape["ready"] else 503
        return shape

    @app.get("/installations", response_model=list[InstallationShape], tags=["overview"], summary="What there is")
    async def installations() -> list[dict[str, Any]]:
        return [_installation_shape(one) for one in world.installations.values()]


def _add_whole(app: FastAPI, world: World, upkeep: Upkeep) -> None:
    @app.post("/reset", response_model=Ready, tags=["overview"], summary="Back to the seed's first day")
    async def reset(asked: ResetBody | None = None) -> dict[str, Any]:
        """Everything: bookings, customers, faults, journals and the clock. Connections are closed, access tokens end.

        Another seed gives another world; without one it is the configured one.
        """
        await upkeep.reset(None if asked is None else asked.seed)
        return _ready(world)

    @app.get(
        "/installations/{name}/journal",
        response_model=list[JournalEntry],
        response_model_exclude_none=False,
        tags=["records"],
        summary="What was received and sent",
    )
    async def journal(
        name: str,
        since: Annotated[int, Query(ge=0, description="only entries with a higher number")] = 0,
        limit: Annotated[int, Query(ge=1, le=KEPT)] = KEPT,
    ) -> list[dict[str, Any]]:
        """Oldest first. The last 2 000 messages are kept, in memory. `at` is real time."""
        found = installation_of(world, name).journal.entries(since=since, limit=limit)
        return [entry.as_json() for entry in found]

    @app.get("/journal", response_class=PlainTextResponse, tags=["records"], summary="The canonical journal")
    async def journals(installation: Annotated[list[str] | None, Query()] = None) -> str:
        """What every installation (or the named ones) received and sent, without what is another in two runs of one
        test: with the clock frozen, two runs from one snapshot give the same bytes."""
        return "".join(_canonical(installation_of(world, name)) for name in installation or world.installations)


def _canonical(one: Installation) -> str:
    address = f"{one.config.host}:{one.config.port}"
    return canonical(one.data.name, address, SYSTEMS[one.data.system].volatile(), one.journal.entries())


def _ready(world: World) -> dict[str, Any]:
    problems = [one.problem for one in world.installations.values() if one.problem is not None]
    return {
        "ready": not problems,
        "problems": problems,
        "seed": world.seed,
        "residents": len(world.population),
        "clock": world.clock.now(),
        "frozen": world.clock.state.frozen,
        "faults": sum(len(one.faults.armed()) for one in world.installations.values()),
        "snapshot": world.snapshot,
    }


def _installation_shape(one: Installation) -> dict[str, Any]:
    system = SYSTEMS[one.data.system]
    port = one.config.port if one.face is None else one.face.port
    return {
        "name": one.data.name,
        "system": one.data.system,
        "release": one.data.release,
        "protocol": system.protocol,
        "address": system.address(one.config.host, port, one.config.credentials),
        "manual": system.manual,
        "municipalities": list(one.data.municipalities),
        "sectors": list(one.data.sectors),
        "listening": one.face is not None and one.problem is None and not one.faults.refusing,
        "problem": one.problem,
        "faults": len(one.faults.armed()),
    }
