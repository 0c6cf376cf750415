"""A seeded world: virtual time, one source of chance, tasks that belong to processes, and processes that die.

The code under test is awaited here without asyncio: its ports await `World.sleep` and `World.wait` only, which yield
to this scheduler. One seed is one schedule, replayed exactly.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any

from hub.journal.states import IllegalMove


class Pause:
    """The one awaitable of this world: park the task until somebody wakes it."""

    def __init__(self, park: Callable[[Task], None]) -> None:
        self.park = park

    def __await__(self) -> Generator[Pause, Any, Any]:
        return (yield self)


class Event:
    """Something that happens once, with a value; whoever waits is woken."""

    def __init__(self) -> None:
        self.value: Any = None
        self.happened = False
        self.waiting: list[tuple[Task, int]] = []


class Task:
    def __init__(self, world: World, process: Process, coroutine: Coroutine[Any, Any, Any]) -> None:
        self.world, self.process, self.coroutine = world, process, coroutine
        self.epoch = 0
        self.done = False

    def step(self, epoch: int, value: Any = None) -> None:
        """Go on with ``value``, unless the task went on meanwhile, ended, or its process died or sleeps."""
        if self.done or epoch != self.epoch or self.process.dead:
            return
        if self.world.now < self.process.asleep_until:
            self.world.at(self.process.asleep_until, lambda: self.step(epoch, value))
            return
        self.epoch += 1
        try:
            pause = self.coroutine.send(value)
        except StopIteration:
            self.end()
            return
        except (AssertionError, IllegalMove) as error:
            self.world.defects.append(f"{type(error).__name__}: {error}")
            self.end()
            return
        pause.park(self)

    def end(self) -> None:
        self.done = True
        self.process.tasks.discard(self)


class Process:
    """A hub process: it can die (its tasks are gone at once) or be stopped for a while (SIGSTOP)."""

    def __init__(self, world: World, name: str) -> None:
        self.world, self.name = world, name
        self.tasks: set[Task] = set()
        self.dead = False
        self.asleep_until = 0.0

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        task = Task(self.world, self, coroutine)
        self.tasks.add(task)
        self.world.at(self.world.now, lambda: task.step(0))

    def kill(self) -> None:
        self.dead = True
        for task in self.tasks:
            task.coroutine.close()
            task.done = True
        self.tasks.clear()


class World:
    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.now = 1_000_000.0
        self.trace: list[str] = []
        self.defects: list[str] = []
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    def at(self, when: float, act: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._queue, (max(when, self.now), self._count, act))

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        self.at(self.now + seconds, act)

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def note(self, text: str) -> None:
        self.trace.append(f"{self.now:.3f} {text}")

    def sleep(self, seconds: float) -> Awaitable[None]:
        def park(task: Task) -> None:
            epoch = task.epoch
            self.after(seconds, lambda: task.step(epoch))

        return Pause(park)

    def wait(self, event: Event, timeout: float) -> Awaitable[bool]:
        """Until ``event`` happened (True) or ``timeout`` seconds passed (False)."""

        def park(task: Task) -> None:
            epoch = task.epoch
            if event.happened:
                self.at(self.now, lambda: task.step(epoch, True))
                return
            event.waiting.append((task, epoch))
            self.after(timeout, lambda: task.step(epoch, False))

        return Pause(park)

    def happen(self, event: Event, value: Any) -> None:
        if event.happened:
            return
        event.happened, event.value = True, value
        for task, epoch in event.waiting:
            self.at(self.now, lambda task=task, epoch=epoch: task.step(epoch, True))  # type: ignore[misc]
        event.waiting.clear()

    def run(self, until: float) -> None:
        """Play everything up to the virtual time ``until``."""
        while self._queue and self._queue[0][0] <= until:
            self.now, _, act = heapq.heappop(self._queue)
            act()
        self.now = max(self.now, until)
