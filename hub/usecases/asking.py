"""Asking several record systems at once, each with a deadline; who does not answer is named, the others are heard."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from adapters.errors import ForeignError
from hub.usecases.ports import Missing
from hub.usecases.world import World

T = TypeVar("T")


@dataclass(slots=True)
class Heard:
    """When each installation was last heard, by anybody in this process (real time)."""

    last: dict[str, float] = field(default_factory=dict)
    silent_since: dict[str, float] = field(default_factory=dict)

    def answered(self, installation: str, at: float) -> None:
        self.last[installation] = at
        self.silent_since.pop(installation, None)

    def failed(self, installation: str, at: float) -> None:
        self.silent_since.setdefault(installation, at)


@dataclass(slots=True)
class Asking:
    """Fans a question out. ``names`` are what people call the installations."""

    world: World
    heard: Heard = field(default_factory=Heard)
    names: Mapping[str, str] = field(default_factory=dict)

    async def all(
        self, installations: Iterable[str], ask: Callable[[str], Awaitable[T]], seconds: float
    ) -> tuple[dict[str, T], list[Missing]]:
        """The answers by installation, and who did not answer within ``seconds``. A question goes on after that: its
        answer is then only late for us."""
        tasks = {name: asyncio.ensure_future(self._ask(name, ask)) for name in installations}
        if tasks:
            await asyncio.wait(tasks.values(), timeout=max(0.0, seconds))
        answers: dict[str, T] = {}
        missing: list[Missing] = []
        for name, task in tasks.items():
            if not task.done():
                task.add_done_callback(_look_away)
                self.heard.failed(name, self.world.real.now())
                missing.append(self.missing(name, f"no answer within {seconds:.1f} s"))
            elif (error := task.exception()) is None:
                answers[name] = task.result()
            elif isinstance(error, ForeignError):
                missing.append(self.missing(name, error.detail))
            else:
                raise error
        return answers, missing

    async def one(self, installation: str, ask: Awaitable[T]) -> T:
        """One question; raises what it raises."""
        try:
            answer = await ask
        except ForeignError:
            self.heard.failed(installation, self.world.real.now())
            raise
        self.heard.answered(installation, self.world.real.now())
        return answer

    async def _ask(self, installation: str, ask: Callable[[str], Awaitable[T]]) -> T:
        return await self.one(installation, ask(installation))

    def missing(self, installation: str, why: str) -> Missing:
        """The installation as one that is missing from an answer."""
        name = self.names.get(installation, installation)
        return Missing(installation, name, self.heard.last.get(installation), why)


def _look_away(task: asyncio.Future[T]) -> None:
    """A late failure is nobody's any more; the exchange has been recorded."""
    if not task.cancelled():
        task.exception()


@dataclass(slots=True)
class SingleFlight(Generic[T]):
    """One request in flight per question: whoever asks the same meanwhile waits for the same answer."""

    _flying: dict[Hashable, asyncio.Task[T]] = field(default_factory=dict)

    async def do(self, question: Hashable, ask: Callable[[], Awaitable[T]]) -> T:
        """The shared answer. A caller that gives up does not cancel the others' request."""
        task = self._flying.get(question)
        if task is None:
            task = asyncio.ensure_future(self._run(ask))
            self._flying[question] = task
            task.add_done_callback(lambda done: self._land(question, done))
        return await asyncio.shield(task)

    async def fresh(self, question: Hashable, ask: Callable[[], Awaitable[T]]) -> T:
        """An answer to what is asked from now on: whoever comes while a request is in flight shares the next one."""
        flying, following = self._flying.get(question), ("next", question)
        if flying is None:
            return await self.do(question, ask)

        async def after() -> T:
            await asyncio.wait({flying})
            self._flying.pop(following, None)  # who comes later wants a later one
            return await self.do(question, ask)

        return await self.do(following, after)

    async def _run(self, ask: Callable[[], Awaitable[T]]) -> T:
        return await ask()

    def _land(self, question: Hashable, done: asyncio.Task[T]) -> None:
        if self._flying.get(question) is done:
            del self._flying[question]
        _look_away(done)
