"""Arming and ending faults."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from sandbox.control.access import installation_of, person_of
from sandbox.control.refusals import Refusal
from sandbox.control.shapes import Cleared, FaultArm, FaultShape, KindShape
from sandbox.faults import KINDS, Fault, FaultBook, FaultError
from sandbox.upkeep import Upkeep
from sandbox.world import Installation, World

CLEARABLE_HINT = "See GET /installations/{name}/faults; a test person's behaviour cannot be ended."


def faults_router(world: World, upkeep: Upkeep) -> APIRouter:
    """Return the routes of faults."""
    router = APIRouter(tags=["faults"])

    @router.get("/faults/kinds", response_model=list[KindShape], summary="What can go wrong, and where")
    async def kinds() -> list[dict[str, Any]]:
        return [_kind_shape(world, kind) for kind in KINDS]

    @router.get("/installations/{name}/faults", response_model=list[FaultShape], summary="The faults that are on")
    async def on(name: str) -> list[dict[str, Any]]:
        """Armed ones first, oldest first: the first that matches a request is taken. Then the standing behaviours."""
        book = installation_of(world, name).faults
        return [_fault_shape(book, fault) for fault in (*book.armed(), *book.standing())]

    @router.post("/installations/{name}/faults", response_model=FaultShape, status_code=201, summary="Arm a fault")
    async def arm(name: str, asked: FaultArm) -> dict[str, Any]:
        """It is on when the answer comes. It never applies to the desk or to this interface."""
        one = installation_of(world, name)
        _refuse_unshowable(one, asked.kind)
        fault = one.faults.arm(
            asked.kind,
            operation=asked.operation,
            person=None if asked.person is None else person_of(world, asked.person).hetu,
            count=asked.count,
            seconds=asked.seconds,
            params=asked.params,
        )
        await upkeep.apply()
        return _fault_shape(one.faults, fault)

    @router.delete("/installations/{name}/faults", response_model=Cleared, summary="End all armed faults")
    async def clear(name: str) -> dict[str, int]:
        ended = installation_of(world, name).faults.clear()
        await upkeep.apply()
        return {"ended": ended}

    @router.delete("/installations/{name}/faults/{fault_id}", response_model=Cleared, summary="End one fault")
    async def clear_one(name: str, fault_id: str) -> dict[str, int]:
        ended = installation_of(world, name).faults.clear(fault_id)
        if not ended:
            raise Refusal(404, "unknown-fault", f"No such fault is on. {CLEARABLE_HINT}")
        await upkeep.apply()
        return {"ended": ended}

    return router


def _refuse_unshowable(one: Installation, kind: str) -> None:
    if one.face is None:
        raise Refusal(409, "not-listening", one.problem or "The installation is not listening.")
    if kind in KINDS and kind not in one.face.fault_kinds:
        raise FaultError(f"{one.data.name} cannot show {kind}. It can: {', '.join(sorted(one.face.fault_kinds))}.")


def _kind_shape(world: World, kind: str) -> dict[str, Any]:
    able = [name for name, one in world.installations.items() if one.face is not None and kind in one.face.fault_kinds]
    spec = KINDS[kind]
    return {"kind": kind, "summary": spec.summary, "params": dict(spec.params), "installations": able}


def _fault_shape(book: FaultBook, fault: Fault) -> dict[str, Any]:
    return {
        "id": fault.id,
        "kind": fault.kind,
        "operation": fault.operation,
        "person": fault.person,
        "params": dict(fault.params),
        "left": fault.left,
        "ends_in": book.ends_in(fault),
        "standing": fault.standing,
    }
