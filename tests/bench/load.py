"""The load client of the reading benchmark, a process of its own: ``python -m tests.bench.load`` asks one URL again and
again on many kept connections and prints what it saw, in JSON. Configuration comes on standard input."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from array import array
from dataclasses import dataclass, field
from typing import cast

import uvloop

from tests.bench.figures import percentile


@dataclass(slots=True)
class Seen:
    """What all connections saw together; ``until`` is when they stop asking."""

    until: float = 0.0
    expected: int = -1
    seconds: array[float] = field(default_factory=lambda: array("d"))
    wrong: int = 0


class Asker(asyncio.Protocol):
    """One connection: a request, its whole answer, the next request."""

    def __init__(self, request: bytes, seen: Seen) -> None:
        self._request, self._seen = request, seen
        self._buffer = b""
        self._began = 0.0
        self._transport: asyncio.Transport | None = None
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def ask(self) -> None:
        assert self._transport is not None
        self._began = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        at = self._buffer.find(b"content-length: ") + 16
        size = int(self._buffer[at : self._buffer.find(b"\r", at)])
        if len(self._buffer) < head + 4 + size:
            return
        self._count(size)
        self._buffer = b""
        if time.perf_counter() < self._seen.until:
            self.ask()
        else:
            self._end()

    def _count(self, size: int) -> None:
        self._seen.seconds.append(time.perf_counter() - self._began)
        if not self._buffer.startswith(b"HTTP/1.1 200 ") or size != self._seen.expected:
            self._seen.wrong += 1

    def connection_lost(self, exc: Exception | None) -> None:
        self._seen.wrong += not self.ended.done()
        self._end()

    def _end(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)
        if self._transport is not None:
            self._transport.close()


async def load(host: str, port: int, request: bytes, size: int, connections: int, seconds: float) -> dict[str, float]:
    """Ask for ``seconds``, and count. ``size`` is the length of the one right body."""
    seen = Seen(expected=size)
    loop = asyncio.get_running_loop()
    askers = [(await loop.create_connection(lambda: Asker(request, seen), host, port))[1] for _ in range(connections)]
    began, cpu = time.perf_counter(), time.process_time()
    seen.until = began + seconds
    for asker in askers:
        asker.ask()
    await asyncio.gather(*(asker.ended for asker in askers))
    took = time.perf_counter() - began
    return {
        "answers": len(seen.seconds),
        "wrong": seen.wrong,
        "seconds": took,
        "p50": percentile(seen.seconds, 50),
        "p99": percentile(seen.seconds, 99),
        "cpu": time.process_time() - cpu,
    }


def main() -> None:
    told = json.load(sys.stdin)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        asked = load(
            told["host"], told["port"], told["request"].encode(), told["size"], told["connections"], told["seconds"]
        )
        print(json.dumps(runner.run(asked)))


if __name__ == "__main__":
    main()
