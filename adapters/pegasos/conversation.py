"""One request and its answer: recorded, sent once, matched by MSA-2, and judged.

What can be known of a request that did not end well depends on one thing only: whether its first byte was given to the
network. Before that, nothing has happened. After that, a write may have been done, now or until the quiescence time is
over; only an answer that is ours, readable and in Pegasos's own table of codes tells.
"""

from __future__ import annotations

import asyncio
import secrets
from base64 import b32encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeVar

from adapters.call import Call
from adapters.errors import (
    AlreadyRegistered,
    AnotherPatient,
    ForeignError,
    Misconfigured,
    NoSuchTime,
    NotCancellable,
    NotMovable,
    NotSupported,
    OutcomeUnknown,
    Refused,
    SlotTaken,
    StaleVersion,
    TextNotCarried,
    Unavailable,
    UnknownAppointment,
    UnknownPatient,
)
from adapters.mllp.framing import FramingError
from adapters.mllp.link import Closed, Connection, Link
from canonical import hl7
from canonical.notes import Note, NoteKind
from mappings.pegasos import answers, requests
from mappings.pegasos.requests import Build, Request, Stamp, Unfit
from mappings.pegasos.site import Site

T = TypeVar("T")

Reading = tuple[T, Sequence[Note]]
"""What a mapping returns."""

_REFUSALS: Final = {
    kind.code: kind
    for kind in (
        Refused,
        SlotTaken,
        NoSuchTime,
        UnknownPatient,
        AlreadyRegistered,
        StaleVersion,
        NotCancellable,
        UnknownAppointment,
    )
} | {"refused": Refused}

_CAPABILITY: Final = {"SRM^S01": "book", "SRM^S02": "move", "SRM^S04": "cancel", "ADT^A28": "register-person"}
"""The writes, and what cannot be done where the installation does not know the message."""

_ACCEPTED: Final = Note(NoteKind.KEPT, "MSA-1", "CA came first: accepted, which does not say that it was done")
_NOT_OURS: Final = Note(NoteKind.DROPPED, "MSA-2", "an answer to another request came, and was thrown away")

_OUTCOMES: Final[Sequence[tuple[type[ForeignError], str]]] = (
    (AnotherPatient, "another-patient"),
    (OutcomeUnknown, "unknown"),
    (Unavailable, "unavailable"),
    (Misconfigured, "misconfigured"),
    (NotSupported, "not-supported"),
    (Refused, "refused"),
)


def stamp() -> Stamp:
    """A control id that no other message of anybody carries (20 characters, 96 random bits), and the moment."""
    return Stamp(b32encode(secrets.token_bytes(12)).rstrip(b"=").decode("ascii"), datetime.now(UTC))


@dataclass(slots=True)
class _Turn:
    """How far one request has come."""

    operation: str
    control_id: str
    started: float
    enhanced: bool = False
    left: bool = False
    received: bytes = b""
    notes: tuple[Note, ...] = ()

    @property
    def is_write(self) -> bool:
        return self.operation in _CAPABILITY

    def lost(self, why: str) -> ForeignError:
        """The error for a request whose answer is of no use."""
        kind = OutcomeUnknown if self.left and self.is_write else Unavailable
        return kind(f"{self.operation}: {why}, after {self._elapsed()}")

    def refusal(self, answer: answers.Answer) -> ForeignError:
        """The error of an answer that is not ``AA``; the table of codes says which."""
        where = f" at {answer.where}" if answer.where else ""
        detail, native = f"{answer.native}{where} to {self.operation} after {self._elapsed()}", answer.native
        verdict = answer.rejection if self.enhanced and answer.rejection else answer.verdict
        if verdict == NotCancellable.code and self.operation == "SRM^S02":
            return NotMovable(detail, native=native)
        if verdict in _REFUSALS:
            return _REFUSALS[verdict](detail, native=native)
        if verdict == "unavailable":
            return Unavailable(detail, native=native)
        if verdict == "not-supported" and self.is_write:
            return NotSupported(detail, capability=_CAPABILITY[self.operation])
        if verdict in ("misconfigured", "not-supported"):
            return Misconfigured(detail, native=native)
        kind = OutcomeUnknown if self.is_write else Unavailable
        return kind(f"{detail}: it is not said whether anything was done", native=native)

    def _elapsed(self) -> str:
        return f"{(asyncio.get_running_loop().time() - self.started) * 1000:.0f} ms"


class Conversation:
    """Asks one installation. ``stamps`` gives every message its control id and time."""

    def __init__(self, link: Link, site: Site, stamps: Callable[[], Stamp] = stamp) -> None:
        self._link = link
        self._site = site
        self._stamps = stamps

    async def ask(self, call: Call, deadline: float, build: Build, read: Callable[[hl7.Message], Reading[T]]) -> T:
        """Send what ``build`` makes, once, and give what ``read`` makes of the answer.

        ``deadline`` is on the loop's clock. ``read`` may raise `hl7.BadMessage` for an answer that is not what was
        asked for, and any `ForeignError`. Raises only `ForeignError`, and what the recorder raises.
        """
        stamped = self._stamps()
        try:
            request = build(stamped)
            raw = requests.write(request, self._site, stamped)
        except Unfit as err:
            raise (TextNotCarried if err.why else Refused)(str(err), native=err.why) from err
        now = asyncio.get_running_loop().time()
        turn = _Turn(request.operation, stamped.control_id, now, self._site.enhanced)
        exchange = await self._recorded(call, deadline, turn, raw)
        outcome = "cancelled"
        try:
            message = await self._answer(call, deadline, turn, raw)
            result, notes = self._judged(turn, request, message, read)
            turn.notes, outcome = (*turn.notes, *notes), "done"
        except ForeignError as err:
            outcome = next(word for kind, word in _OUTCOMES if isinstance(err, kind))
            raise
        finally:
            call.recorder.received(exchange, turn.received, outcome=outcome, notes=turn.notes)
        return result

    async def _recorded(self, call: Call, deadline: float, turn: _Turn, raw: bytes) -> str:
        try:
            async with asyncio.timeout_at(deadline):
                return await call.recorder.sending(call, turn.operation, raw)
        except TimeoutError as err:
            raise turn.lost("no time was left to send it") from err

    async def _answer(self, call: Call, deadline: float, turn: _Turn, raw: bytes) -> hl7.Message:
        """The message that answers ``raw``; the connection goes back to the pool only if it came."""
        try:
            async with asyncio.timeout_at(deadline), self._link.connection() as connection:
                try:
                    turn.left = True
                    await connection.send(raw)
                    call.reached("sent")
                    message = await self._matching(connection, turn)
                    call.reached("replied")
                    connection.settle()
                finally:
                    turn.received = turn.received or connection.pending
        except TimeoutError as err:
            raise turn.lost("no answer in time" if turn.left else "no connection in time") from err
        except Closed as err:
            turn.received = turn.received or err.partial
            raise turn.lost("the connection was closed without an answer") from err
        except FramingError as err:
            raise turn.lost(str(err)) from err
        except OSError as err:
            raise turn.lost(f"no connection: {type(err).__name__}") from err
        except hl7.BadMessage as err:
            raise turn.lost(f"the answer cannot be read ({err})") from err
        return message

    async def _matching(self, connection: Connection, turn: _Turn) -> hl7.Message:
        """The answer whose MSA-2 is ours. Another's (a late one, one sent twice) is thrown away, as the manual says; in
        enhanced mode an accept acknowledgement is waited past: the answer comes after it."""
        while True:
            block = await connection.receive()
            turn.received = block
            message = hl7.split(block, max_bytes=len(block))
            if hl7.misdeclared(block, message):
                raise hl7.BadMessage("it says 8859/1 and is written in UTF-8")
            answer = answers.answer(message)
            ours = answer.control_id == turn.control_id
            if ours and not (turn.enhanced and turn.is_write and answer.is_accepted):
                return message
            turn.notes = (*turn.notes, _ACCEPTED if ours else _NOT_OURS)
            if ours:
                turn.received = b""

    def _judged(
        self, turn: _Turn, request: Request, message: hl7.Message, read: Callable[[hl7.Message], Reading[T]]
    ) -> Reading[T]:
        answer = answers.answer(message)
        if answer.verdict != answers.DONE:
            raise turn.refusal(answer)
        try:
            answers.expect(message, request.answer)
            return read(message)
        except hl7.BadMessage as err:
            raise turn.lost(f"{answer.native}, but the answer does not tell what was done ({err})") from err
