"""What happens in real time without anybody asking: listeners close and open with faults, desks decide."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from sandbox.face import Face
from sandbox.world import Installation, World

PERIOD_SECONDS: Final = 0.1

log = logging.getLogger("sandbox")


class Upkeep:
    """Runs the faces of a world: starts and stops them, and keeps them to the faults that are on."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._paused: set[str] = set()
        self._task: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()

    async def start(self) -> None:
        """Start every face. One that cannot listen is logged, with what to do, and the others go on without it."""
        for one in self._world.installations.values():
            await self._start_face(one)
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stop every face. Safe to call when not started."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None
        await self._stop_faces()

    async def reset(self, seed: int | None) -> None:
        """Reset the world, with new faces on the same ports: nothing of the old ones reaches the new world."""
        await self._between_faces(lambda: self._world.reset(seed))

    async def load(self, snapshot: str) -> None:
        """Go back to a snapshot, with new faces as in `reset`. Raises what `World.load_snapshot` raises."""
        await self._between_faces(lambda: self._world.load_snapshot(snapshot))

    async def apply(self) -> None:
        """Bring the listeners in line with the faults, and let due decisions happen; returns when it is so."""
        async with self._turn:
            for one in self._world.installations.values():
                one.system.decide_due()
                await self._open_or_close(one)

    async def failed(self) -> None:
        """Wait for ever, or raise what ended the upkeep: with a failing disk the sandbox must not go on."""
        if self._task is not None:
            await asyncio.shield(self._task)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(PERIOD_SECONDS)
            await self.apply()

    async def _between_faces(self, change: Callable[[], None]) -> None:
        async with self._turn:
            await self._stop_faces()
            try:
                change()
            finally:
                self._paused.clear()
                for one in self._world.installations.values():
                    await self._start_face(one)

    async def _start_face(self, one: Installation) -> None:
        face = one.make_face()
        try:
            await face.start()
        except OSError as err:
            _cannot_listen(one, err)
            return
        # A port that was any becomes this one, so that a reset does not change the address.
        one.face, one.problem, one.config = face, None, replace(one.config, port=face.port)

    async def _stop_faces(self) -> None:
        for one in self._world.installations.values():
            if one.face is not None:
                await one.face.stop()
                one.face = None

    async def _open_or_close(self, one: Installation) -> None:
        if one.face is None or one.faults.refusing == (one.data.name in self._paused):
            return
        if one.faults.refusing:
            await one.face.pause_listening()
            self._paused.add(one.data.name)
        else:
            await self._resume(one, one.face)

    async def _resume(self, one: Installation, face: Face) -> None:
        try:
            await face.resume_listening()
        except OSError as err:  # somebody took the port meanwhile: tried again at every turn, told once
            if one.problem is None:
                _cannot_listen(one, err)
            return
        one.problem = None
        self._paused.discard(one.data.name)


def _cannot_listen(one: Installation, err: OSError) -> None:
    one.problem = (
        f"{one.data.name} cannot listen on {one.config.host}:{one.config.port} ({err.strerror or err}). Free the port, "
        f"or change it under [installations.{one.data.name}] in sandbox.toml, and start the sandbox again."
    )
    log.error(one.problem)
