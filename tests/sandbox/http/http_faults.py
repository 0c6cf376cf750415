"""What every HTTP wire does under a fault, truly on the wire."""

from __future__ import annotations

import asyncio
import re
from typing import Any, Protocol

import pytest

from tests.sandbox.http.http_bench import HttpBench, until


class Case(Protocol):
    """A booking of Aino to be sent as raw bytes, and what became of it."""

    bench: HttpBench

    def request(self, *, close: bool = False) -> bytes:
        """The booking as a whole HTTP request."""
        ...

    def done(self) -> int:
        """How often it was booked."""
        ...


def arm(bench: HttpBench, kind: str, operation: str = "book", **params: Any) -> None:
    """Let the next such request meet a fault."""
    assert kind in bench.face.fault_kinds
    bench.faults.arm(kind, operation=operation, params=params)


class HttpFaults:
    """Inherit it beside the fixtures ``bench`` and ``case``. `booked` is the first line of a booking's answer."""

    booked: bytes

    async def test_without_a_fault(self, case: Case) -> None:
        reply = await case.bench.raw(case.request(close=True))
        assert reply.startswith(self.booked + b"\r\n")
        assert case.done() == 1

    @pytest.mark.parametrize(
        ("kind", "params", "expected", "done"),
        [
            ("drop-request", {}, rb"", 0),
            ("drop-answer", {}, rb"", 1),
            ("cut-reply", {"bytes": 12}, rb"HTTP/1\.1 20[01]", 1),
            ("cut-reply", {"bytes": 0}, rb"", 1),
            ("garbage", {}, rb"\xfe.{63}", 1),
        ],
    )
    async def test_the_server_closes(
        self, case: Case, kind: str, params: dict[str, Any], expected: bytes, done: int
    ) -> None:
        arm(case.bench, kind, **params)
        reply = await case.bench.raw(case.request())  # kept alive: only the server can end this
        assert re.fullmatch(expected, reply, re.DOTALL)
        assert case.done() == done
        entry = case.bench.journal.entries()[-1]
        assert (entry.direction, entry.operation, entry.fault, entry.raw) == ("sent", "book", kind, reply)

    async def test_half_open_stays_open_and_does_nothing(self, case: Case) -> None:
        arm(case.bench, "half-open")
        with pytest.raises(TimeoutError):
            await case.bench.raw(case.request(), seconds=0.3)
        assert case.done() == 0

    async def test_duplicate(self, case: Case) -> None:
        arm(case.bench, "duplicate")
        reply = await case.bench.raw(case.request(close=True))
        assert reply[: len(reply) // 2] * 2 == reply
        assert reply.count(self.booked) == 2
        assert case.done() == 1

    async def test_work_late(self, case: Case) -> None:
        arm(case.bench, "work-late", seconds=0.2)
        assert await case.bench.raw(case.request()) == b""
        assert case.done() == 0
        await until(lambda: case.done() == 1)
        status = self.booked.split()[1].decode()
        await until(lambda: case.bench.journal.entries()[-1].note == f"work done late: {status}")

    async def test_slow_does_the_work_at_once(self, case: Case) -> None:
        arm(case.bench, "slow", seconds=0.3)
        task = asyncio.create_task(case.bench.raw(case.request(close=True)))
        await until(lambda: case.done() == 1)
        assert not task.done()
        assert (await task).startswith(self.booked)

    async def test_slow_goes_on_when_the_client_has_gone(self, case: Case) -> None:
        arm(case.bench, "slow", seconds=0.3)
        with pytest.raises(TimeoutError):
            await case.bench.raw(case.request(), seconds=0.1)
        await until(lambda: case.done() == 1)

    async def test_refuse_connection(self, case: Case) -> None:
        bench, port = case.bench, case.bench.face.port
        assert "refuse-connection" in bench.face.fault_kinds
        await bench.face.pause_listening()
        with pytest.raises(OSError, match="Connect"):
            await bench.raw(case.request(close=True))
        await bench.face.resume_listening()
        assert bench.face.port == port
        assert (await bench.raw(case.request(close=True))).startswith(self.booked)

    async def test_html_200(self, case: Case) -> None:
        arm(case.bench, "html-200")
        head, _, page = (await case.bench.raw(case.request(close=True))).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"content-type: text/html; charset=utf-8" in head.split(b"\r\n")
        assert page.startswith(b"<!DOCTYPE html>")
        assert case.done() == 1

    async def test_stop_ends_what_is_under_way(self, case: Case) -> None:
        bench = case.bench
        bench.faults.arm("half-open", count=1)
        held = asyncio.create_task(bench.raw(case.request()))
        await until(lambda: bool(bench.journal.entries()) and bench.journal.entries()[-1].fault == "half-open")
        bench.faults.arm("work-late", operation="book", params={"seconds": 5})
        assert await bench.raw(case.request()) == b""
        await bench.face.stop()
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            if not await held:
                raise ConnectionResetError
        await bench.face.stop()
        assert case.done() == 0

    async def test_the_journal_holds_the_bytes(self, case: Case) -> None:
        case.bench.journal.clear()
        request = case.request(close=True)
        reply = await case.bench.raw(request)
        received, sent = case.bench.journal.entries()
        assert (received.direction, received.operation, received.raw) == ("received", "book", request)
        assert (sent.direction, sent.operation, sent.fault, sent.raw) == ("sent", "book", None, reply)
