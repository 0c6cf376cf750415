"""One request from its block to its answer on the wire, under a fault or without (manual, appendix)."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from sandbox.clock import VirtualClock
from sandbox.engine.decisions import Decision
from sandbox.engine.system import RecordSystem
from sandbox.faults import Fault, FaultBook
from sandbox.journal import Journal
from sandbox.pegasos.answers import AnswerWriter
from sandbox.pegasos.jobs import Received, receive
from sandbox.pegasos.messages import Header, Names
from sandbox.pegasos.mllp import wrap
from sandbox.pegasos.refusals import NOWHERE, Refusal, error_named
from sandbox.pegasos.work import Conduct, Done, Office

_GARBAGE_BYTES: Final = 200
_NOT_TAKEN: Final = ("half-open", "drop-request")


class Line(Protocol):
    """The connection as an exchange needs it. A line that the other side has closed swallows what is sent."""

    async def send(self, data: bytes) -> None: ...

    def close(self) -> None:
        """Close the connection; nothing more is read from it."""
        ...

    async def hang(self) -> None:
        """Keep the connection open and dead until it ends."""
        ...


@dataclass(frozen=True, slots=True)
class _Turn:
    """One request on its way: the message, the fault that it meets (or none), the line, its number in the journal."""

    received: Received
    fault: Fault | None
    line: Line
    number: int


class Exchange:
    """Serves the requests of one installation, one at a time per connection. Every request and answer is journalled."""

    def __init__(self, system: RecordSystem, names: Names, faults: FaultBook, journal: Journal) -> None:
        self._office = Office(system, names.receiving_facility)
        self._system = system
        self._clock: VirtualClock = system.clock
        self._names = names
        self._faults = faults
        self._journal = journal
        self._writer = AnswerWriter(names)

    async def serve(self, raw: bytes, line: Line) -> None:
        """Carry out the request in a readable block and answer on the line, as the faults that are on have it."""
        received = receive(self._office, self._names, raw)
        job = received.job
        fault = self._faults.take(job.operation, job.person)
        number = self._journal.record(
            "received", wrap(raw), operation=job.operation, fault=None if fault is None else fault.kind
        )
        turn = _Turn(received, fault, line, number)
        if not await self._acknowledge(turn):
            return
        await (_FAULTS[fault.kind] if fault is not None else _honest)(self, turn)

    def refuse_too_large(self, start: bytes) -> bytes:
        """Return the answer to a block that grew too large, of which the first bytes are known."""
        header = receive(self._office, self._names, start).header
        refusal = Refusal("X03", detail="over 1 MiB")
        return wrap(
            self._reject(header, refusal) if header.accept else self._writer.refuse(header, refusal, self._clock.now())
        )

    async def _acknowledge(self, turn: _Turn) -> bool:
        """In enhanced mode send the accept acknowledgement, if one is due; return whether the answer is still to come.

        A fault that keeps the request from being taken keeps it from being acknowledged, too.
        """
        header, refusal = turn.received.header, turn.received.refusal
        kind = None if turn.fault is None else turn.fault.kind
        if not header.accept or kind in _NOT_TAKEN:
            return True
        named = error_named(_text(turn, "code"), "X03") if kind == "error" else None
        if named is not None and named.ack in ("CE", "CR"):
            rejected = self._writer.reject(header, named, NOWHERE, named.text, self._clock.now())
            await self.send(turn, wrap(rejected), "not accepted, nothing done")
            return False
        if refusal is not None and refusal.error.ack == "AR":
            await self.send(turn, wrap(self._reject(header, refusal)), "not accepted")
            return False
        if header.accept == "AL":
            await self.send(turn, wrap(self._writer.commit(header, self._clock.now())), "accepted")
        return True

    def _reject(self, header: Header, refusal: Refusal) -> bytes:
        return self._writer.reject(header, refusal.error, refusal.place, refusal.text, self._clock.now())

    def work(self, turn: _Turn, conduct: Conduct | None = None) -> bytes:
        """Do the job of a request and return the answer's message."""
        return self.answer(turn, turn.received.work(conduct or Conduct()))

    def answer(self, turn: _Turn, result: Done | Refusal) -> bytes:
        """Return the answer's message for what came of the work."""
        header, now = turn.received.header, self._clock.now()
        if isinstance(result, Refusal):
            return self._writer.refuse(header, result, now)
        return self._writer.accept(header, result.segments, now)

    def error(self, turn: _Turn, code: str, default: str) -> bytes:
        """Return the answer for an error that a tester named."""
        error = error_named(code, default)
        return self._writer.error(turn.received.header, error, NOWHERE, error.text, self._clock.now())

    def decide_later(self, appointment: str, turn: _Turn) -> None:
        """Let the desk decide a pending appointment as the fault says."""
        if turn.fault is not None:
            decision: Decision = "booked" if turn.fault.text("decide") == "booked" else "refused"
            self._system.decide_later(appointment, decision, turn.fault.number("after"))

    async def send(self, turn: _Turn, data: bytes, note: str = "") -> None:
        """Send bytes and journal them; no bytes with a note is a journal entry alone."""
        kind, operation = None if turn.fault is None else turn.fault.kind, turn.received.job.operation
        self._journal.record("sent", data, operation=operation, fault=kind, note=note, answer_to=turn.number)
        if data:
            await turn.line.send(data)


async def _honest(exchange: Exchange, turn: _Turn) -> None:
    await exchange.send(turn, wrap(exchange.work(turn)))


async def _slow(exchange: Exchange, turn: _Turn) -> None:
    answer = exchange.work(turn)
    await asyncio.sleep(_number(turn, "seconds"))
    await exchange.send(turn, wrap(answer))


async def _work_late(exchange: Exchange, turn: _Turn) -> None:
    await asyncio.sleep(_number(turn, "seconds"))
    await exchange.send(turn, wrap(exchange.work(turn)), "work done late")


async def _half_open(exchange: Exchange, turn: _Turn) -> None:
    await exchange.send(turn, b"", "no answer, nothing done, connection kept open")
    await turn.line.hang()


async def _cut_reply(exchange: Exchange, turn: _Turn) -> None:
    block = wrap(exchange.work(turn))
    await exchange.send(turn, block[: int(_number(turn, "bytes"))], f"cut, {len(block)} bytes whole")
    turn.line.close()


async def _drop_answer(exchange: Exchange, turn: _Turn) -> None:
    exchange.work(turn)
    await exchange.send(turn, b"", "connection closed without an answer, work done")
    turn.line.close()


async def _drop_request(exchange: Exchange, turn: _Turn) -> None:
    await exchange.send(turn, b"", "connection closed without an answer, nothing done")
    turn.line.close()


async def _error(exchange: Exchange, turn: _Turn) -> None:
    await exchange.send(turn, wrap(exchange.error(turn, _text(turn, "code"), "X03")), "nothing done")


async def _error_after_work(exchange: Exchange, turn: _Turn) -> None:
    exchange.work(turn)
    # The manual knows one error that leaves open what was done (3, AE 207): any other after the work would be a lie.
    code = _text(turn, "code")
    await exchange.send(turn, wrap(exchange.error(turn, code if code in _AFTER_WORK else "", "X01")), "work done")


async def _garbage(exchange: Exchange, turn: _Turn) -> None:
    exchange.work(turn)
    # The block itself stays whole (no VT, FS or CR inside), so that the connection can be used again.
    pick = random.Random(_GARBAGE_BYTES)  # noqa: S311 - rubbish, not a secret
    rubbish = bytes(pick.choice(range(0x1D, 0x100)) for _ in range(_GARBAGE_BYTES))
    await exchange.send(turn, wrap(rubbish), "work done")


async def _wrong_charset(exchange: Exchange, turn: _Turn) -> None:
    answer = exchange.work(turn)
    declared = answer.split(b"\r", 1)[0].split(b"|")[17:18]
    spoken, written = ("utf-8", "iso-8859-1") if declared == [b"UNICODE UTF-8"] else ("iso-8859-1", "utf-8")
    await exchange.send(turn, wrap(answer.decode(spoken).encode(written, "replace")), f"written in {written}")


async def _wrong_person(exchange: Exchange, turn: _Turn) -> None:
    await exchange.send(turn, wrap(exchange.work(turn, Conduct(stranger=True))), "about another patient")


async def _pending_answer(exchange: Exchange, turn: _Turn) -> None:
    result = turn.received.work(Conduct(pending=True))
    if isinstance(result, Done) and result.booked is not None and turn.received.job.operation == "book":
        exchange.decide_later(result.booked, turn)
    await exchange.send(turn, wrap(exchange.answer(turn, result)))


async def _duplicate(exchange: Exchange, turn: _Turn) -> None:
    await exchange.send(turn, wrap(exchange.work(turn)) * 2, "sent twice")


async def _desk_takes_the_time(exchange: Exchange, turn: _Turn) -> None:
    await exchange.send(turn, wrap(exchange.work(turn, Conduct(desk_first=True))))


def _number(turn: _Turn, name: str) -> float:
    return 0.0 if turn.fault is None else turn.fault.number(name)


_AFTER_WORK: Final = frozenset({"AE 207", "207", "X01"})


def _text(turn: _Turn, name: str) -> str:
    return "" if turn.fault is None else turn.fault.text(name)


_FAULTS: Final[Mapping[str, Callable[[Exchange, _Turn], Awaitable[None]]]] = {
    "slow": _slow,
    "work-late": _work_late,
    "half-open": _half_open,
    "cut-reply": _cut_reply,
    "drop-answer": _drop_answer,
    "drop-request": _drop_request,
    "error": _error,
    "error-after-work": _error_after_work,
    "garbage": _garbage,
    "wrong-charset": _wrong_charset,
    "wrong-person": _wrong_person,
    "pending-answer": _pending_answer,
    "duplicate": _duplicate,
    "desk-takes-the-time": _desk_takes_the_time,
}

FAULT_KINDS: Final = frozenset(_FAULTS) | {"refuse-connection"}
"""The kinds of fault that can be shown on this wire; a closed listener is the face's."""
