"""What is kept of an exchange, whatever its wire: the request before it leaves, the reply when it came."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from adapters.call import Call
from adapters.errors import AnotherPatient, ForeignError, Misconfigured, OutcomeUnknown, Refused, Unavailable
from canonical.notes import Note

_WORDS: Final = (
    (AnotherPatient, "another-patient"),
    (OutcomeUnknown, "unknown"),
    (Unavailable, "unavailable"),
    (Refused, "refused"),
    (Misconfigured, "misconfigured"),
)


@dataclass(slots=True)
class Exchange:
    """One request and what came of it; ``outcome`` is ``done`` unless something else is said or raised."""

    raw: bytes = b""
    outcome: str = "done"
    notes: list[Note] = field(default_factory=list)

    def note(self, notes: Iterable[Note]) -> None:
        """Keep notes of the mapping, each once."""
        self.notes.extend(note for note in notes if note not in self.notes)


@asynccontextmanager
async def recorded(call: Call, operation: str, raw: bytes) -> AsyncIterator[Exchange]:
    """The exchange that begins with ``raw``, which is durable when the block is entered."""
    exchange, kept = Exchange(), await call.recorder.sending(call, operation, raw)
    try:
        yield exchange
    except ForeignError as err:
        exchange.outcome = next((word for kind, word in _WORDS if isinstance(err, kind)), "failed")
        raise
    except BaseException:  # a cancelled call, too, has left its trace
        exchange.outcome = "abandoned"
        raise
    finally:
        call.recorder.received(kept, exchange.raw, outcome=exchange.outcome, notes=tuple(exchange.notes))
