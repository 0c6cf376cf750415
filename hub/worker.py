"""Wake-ups for open commands, as dramatiq messages that carry an id and nothing else.

The database row is the truth: a lost message costs time (the sweeper finds the row again), a message delivered twice
costs nothing (the second claim fails). So there are no retries here, and nothing is kept in the broker: a wake-up that
nobody takes soon is dropped there, so that a broker without workers never fills. While the broker is away, a worker
works on what its own sweeper finds.
Embedded (no broker configured) the queue is in memory and its worker threads live in the hub's process; with RabbitMQ
any number of ``silta worker`` processes share it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import dramatiq
import structlog
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.brokers.stub import StubBroker
from dramatiq.errors import BrokerError

KEPT: Final = 30.0
"""Seconds that RabbitMQ keeps a wake-up which nobody takes; the sweepers send another."""
BLOCKED: Final = 10.0
"""Seconds to wait for a RabbitMQ that holds its publishers back (it is short of memory or disk)."""
_log = structlog.get_logger("worker")


class _Broker(RabbitmqBroker):
    """RabbitMQ that forgets: without dead letters, and with an end for what nobody takes."""

    def __init__(self, url: str) -> None:
        # Without confirmation a message can vanish on its way to the broker.
        super().__init__(url=url, confirm_delivery=True, middleware=[])
        for one in self.parameters if isinstance(self.parameters, list) else [self.parameters]:
            one.blocked_connection_timeout = BLOCKED

    def _build_queue_arguments(self, queue_name: str) -> dict[str, Any]:
        return {"x-message-ttl": int(KEPT * 1000)}


class Wakeups:
    """Sends command ids to ``queue``, and where ``consume`` is set works on them: each runs ``settle`` in ``loop``.

    ``settle`` must end by itself (every foreign call has a limit); the worker's thread waits for it.
    """

    def __init__(
        self,
        broker_url: str,
        settle: Callable[[str], Awaitable[object]],
        loop: asyncio.AbstractEventLoop,
        *,
        queue: str,
        consume: bool,
        threads: int = 4,
    ) -> None:
        self._settle, self._loop = settle, loop
        self._broker: dramatiq.Broker = _Broker(broker_url) if broker_url else StubBroker(middleware=[])
        self._away = False
        self._actor = dramatiq.actor(broker=self._broker, actor_name="settle", queue_name=queue)(self._work)
        self._worker: dramatiq.Worker | None = None
        if consume:
            self._worker = dramatiq.Worker(self._broker, queues={queue}, worker_threads=threads, worker_timeout=100)
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
        """Let somebody work on the command soon. Never fails for the broker's sake: what it does not take is worked on
        here where ``consume`` is set, and else found again by the next sweep."""
        sent = await asyncio.to_thread(self._send, command_id)
        if sent or self._worker is None:
            return
        (outcome,) = await asyncio.gather(self._settle(command_id), return_exceptions=True)
        if isinstance(outcome, Exception):
            _log.error("settling failed", command=command_id, error=type(outcome).__name__)

    def _send(self, command_id: str) -> bool:
        try:
            self._actor.send(command_id)
        except (BrokerError, OSError) as error:  # OSError: its name is not known (its container is gone)
            if not self._away:
                _log.error("the broker takes no wake-ups", error=type(error).__name__)
            self._away = True
            return False
        if self._away:
            _log.warning("the broker takes wake-ups again")
        self._away = False
        return True

    async def stop(self) -> None:
        """Take no more, wait for what is running."""
        if self._worker is not None:
            await asyncio.to_thread(self._worker.stop, 30_000)
        await asyncio.to_thread(self._broker.close)
