"""Wake-ups for open commands, as dramatiq messages that carry an id and nothing else.

The database row is the truth: a lost message costs time (the sweeper finds the row again), a message delivered twice
costs nothing (the second claim fails). So there are no retries here, and nothing is kept in the broker.
Embedded (no broker configured) the queue is in memory and its worker threads live in the hub's process; with RabbitMQ
any number of ``silta worker`` processes share it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import dramatiq
import structlog
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.brokers.stub import StubBroker

QUEUE: Final = "sotesilta"
_log = structlog.get_logger("worker")


class Wakeups:
    """Sends command ids, and where ``consume`` is set works on them: each runs ``settle`` in ``loop``.

    ``settle`` must end by itself (every foreign call has a limit); the worker's thread waits for it.
    """

    def __init__(
        self,
        broker_url: str,
        settle: Callable[[str], Awaitable[object]],
        loop: asyncio.AbstractEventLoop,
        *,
        consume: bool,
        threads: int = 4,
    ) -> None:
        self._settle, self._loop = settle, loop
        self._broker: dramatiq.Broker
        if broker_url:
            # Without confirmation a message can vanish on its way to the broker.
            self._broker = RabbitmqBroker(url=broker_url, confirm_delivery=True, middleware=[])
        else:
            self._broker = StubBroker(middleware=[])
        self._actor = dramatiq.actor(broker=self._broker, actor_name="settle", queue_name=QUEUE)(self._work)
        self._worker: dramatiq.Worker | None = None
        if consume:
            self._worker = dramatiq.Worker(self._broker, queues={QUEUE}, worker_threads=threads, worker_timeout=100)
            self._worker.start()

    def _work(self, command_id: str) -> None:
        """Runs in a worker thread: hand the id to the loop, wait for its end."""
        try:
            future = asyncio.run_coroutine_threadsafe(self._run(command_id), self._loop)
        except RuntimeError:
            return  # the loop is closed: we are stopping, and the sweeper of the next start finds the row
        future.result()

    async def _run(self, command_id: str) -> None:
        await self._settle(command_id)

    async def wake(self, command_id: str) -> None:
        """Let somebody work on the command soon."""
        await asyncio.to_thread(self._actor.send, command_id)

    async def stop(self) -> None:
        """Take no more, wait for what is running."""
        if self._worker is not None:
            await asyncio.to_thread(self._worker.stop, 30_000)
        await asyncio.to_thread(self._broker.close)
