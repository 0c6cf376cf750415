"""The memory adapter's wire: messages of bytes between it and the master, and everything that can happen to them.

A message is one line naming its character set and one JSON object. A connection carries one request at a time; what
was sent is answered by ``{"answers": <the request's number>, "word": …, "rows": […]}``. Faults are armed for the next
requests of an operation, as a real wire would meet them; nothing here is random.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field, replace
from typing import Any, Final

from adapters.memory.face import Face
from canonical import strict_json

FAULTS: Final = frozenset(
    {
        "refuse-connection", "drop-request", "half-open", "error-before-work", "drop-answer", "cut-reply", "garbage",
        "wrong-charset", "error-after-work", "slow", "work-late", "duplicate", "wrong-person", "pending-answer",
    }
)  # fmt: skip
_NOT_WORKING: Final = frozenset({"drop-request", "half-open", "error-before-work"})
_DROPPING: Final = frozenset({"drop-request", "drop-answer", "work-late"})
_GARBAGE: Final = bytes.fromhex("00ff1c0d7b22c3285b9e8142")


class Cut(ConnectionError):
    """The connection ended inside a message; ``part`` is what had come."""

    def __init__(self, part: bytes) -> None:
        super().__init__("the connection ended inside a message")
        self.part = part


@dataclass(frozen=True, slots=True)
class Fault:
    """``kind`` is one of `FAULTS`, for ``left`` requests. ``seconds`` is how long; ``code`` is the word of an error."""

    kind: str
    operation: str
    left: int = 1
    seconds: float = 3.0
    code: str | None = None


def pack(message: dict[str, Any], charset: str) -> bytes:
    """A message as bytes; raises UnicodeEncodeError where the character set lacks a character."""
    return f"charset={charset}\n".encode("ascii") + strict_json.dumps(message).decode("utf-8").encode(charset)


def unpack(raw: bytes) -> dict[str, Any]:
    """The message of bytes; raises ValueError for what is none."""
    head, _, body = raw.partition(b"\n")
    charset = head.removeprefix(b"charset=").decode("ascii")
    if charset not in ("utf-8", "iso-8859-1"):
        raise ValueError("no character set that is known here")
    message = strict_json.loads(body.decode(charset).encode("utf-8"))
    if isinstance(message, dict):
        return message
    raise ValueError("a message is an object")


@dataclass(slots=True)
class Wire:
    """The way to one `Face`. ``served`` counts the requests that were read."""

    face: Face
    charset: str = "utf-8"
    served: int = 0
    _faults: list[Fault] = field(default_factory=list)

    def arm(self, fault: Fault) -> None:
        """Let ``fault`` meet the next ``left`` requests of its operation (refuse-connection: all, until `disarm`)."""
        if fault.kind not in FAULTS:
            raise ValueError(f"no such fault: {fault.kind}")
        self._faults.append(fault)

    def disarm(self) -> None:
        """End every fault; work that is still to come comes all the same."""
        self._faults.clear()

    def connect(self) -> Connection:
        """Raises ConnectionRefusedError where nobody listens."""
        if any(f.kind == "refuse-connection" for f in self._faults):
            raise ConnectionRefusedError
        return Connection(self)

    def take(self, operation: str) -> Fault | None:
        """The fault that meets this request; used up by one."""
        for i, fault in enumerate(self._faults):
            if fault.operation in (operation, "*"):
                if fault.left <= 1:
                    del self._faults[i]
                else:
                    self._faults[i] = replace(fault, left=fault.left - 1)
                return fault
        return None

    def work_late(self, request: dict[str, Any], seconds: float) -> None:
        """Do the work of a request ``seconds`` from now, whoever is still listening."""
        asyncio.get_running_loop().call_later(seconds, self.face.answer, request)


class Connection:
    """One connection: `send` a request, `receive` its reply."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._replies: deque[bytes] = deque()
        self._cut = False
        self._wait: float | None = 0.0

    async def send(self, raw: bytes) -> None:
        """Returns when the last byte has left; the master works at once, unless a fault says otherwise."""
        await asyncio.sleep(0)
        request = unpack(raw)
        self._wire.served += 1
        fault = self._wire.take(str(request.get("operation")))
        kind = None if fault is None else fault.kind
        answer: dict[str, Any] = {}
        if fault is not None and kind == "work-late":
            self._wire.work_late(request, fault.seconds)
        elif kind not in _NOT_WORKING:
            answer = self._wire.face.answer(request, pending=kind == "pending-answer", wrong=kind == "wrong-person")
        if fault is not None and kind in ("error-before-work", "error-after-work"):
            usual = "busy" if kind == "error-before-work" else "internal"
            answer = {"answers": request.get("number"), "word": fault.code or usual, "rows": []}
        self._reply(answer, fault)

    def _reply(self, answer: dict[str, Any], fault: Fault | None) -> None:
        """Put the bytes of ``answer`` on their way, as ``fault`` lets them."""
        kind = None if fault is None else fault.kind
        if kind in _DROPPING:
            self._cut = True
            return
        if kind == "half-open":
            self._wait = None
            return
        if kind == "wrong-charset":
            # Says one, speaks the other; UTF-16 is never what it says.
            reply = f"charset={self._wire.charset}\n".encode("ascii") + strict_json.dumps(answer).decode().encode(
                "utf-16"
            )
        else:
            reply = _GARBAGE if kind == "garbage" else pack(answer, self._wire.charset)
        if kind == "cut-reply":
            self._cut, reply = True, reply[: len(reply) // 2]
        self._replies.extend([reply] * (2 if kind == "duplicate" else 1))
        if fault is not None and kind == "slow":
            self._wait = fault.seconds

    async def receive(self) -> bytes:
        """The next reply, whole; raises `Cut` when the connection ends before it does, and may never return."""
        if self._wait is None:
            await asyncio.Event().wait()
        else:
            await asyncio.sleep(self._wait)
        part = self._replies.popleft() if self._replies else b""
        if self._cut or not part:
            raise Cut(part)
        return part
