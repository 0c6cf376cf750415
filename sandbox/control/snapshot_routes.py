"""Saving the whole sandbox under a name, and going back to it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path

from sandbox.control.shapes import SnapshotList
from sandbox.snapshots import NAME
from sandbox.upkeep import Upkeep
from sandbox.world import World

Name = Annotated[str, Path(pattern=NAME, examples=["after-booking"])]


def snapshots_router(world: World, upkeep: Upkeep) -> APIRouter:
    """Return the routes of snapshots; every one answers with what there is then."""
    router = APIRouter(prefix="/snapshots", tags=["snapshots"])

    @router.get("", response_model=SnapshotList, summary="What has been saved")
    async def listed() -> dict[str, Any]:
        return _shape(world)

    @router.put("/{name}", response_model=SnapshotList, summary="Save everything under a name")
    async def save(name: Name) -> dict[str, Any]:
        """Records, holds, seed and clock; an older snapshot of the name is replaced. Not faults and journals."""
        world.save_snapshot(name)
        return _shape(world)

    @router.post("/{name}/load", response_model=SnapshotList, summary="Go back to a snapshot")
    async def load(name: Name) -> dict[str, Any]:
        """As a restore from a backup: what happened since is gone, and no installation tells so. Connections are
        closed, access tokens, faults and journals end; seed and clock are the snapshot's."""
        await upkeep.load(name)
        return _shape(world)

    @router.delete("/{name}", response_model=SnapshotList, summary="Remove a snapshot")
    async def remove(name: Name) -> dict[str, Any]:
        world.snapshots.remove(name)
        return _shape(world)

    return router


def _shape(world: World) -> dict[str, Any]:
    return {"snapshots": world.snapshots.names(), "current": world.snapshot}
