"""One request and the truth about what became of it, whatever its wire: nothing, something, or nobody knows.

What can be known of a request that did not end well depends on two things only: whether a byte of it may have left, and
whether it was to change something.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from adapters.call import Call
from adapters.errors import ForeignError, Misconfigured, OutcomeUnknown, Unavailable
from adapters.recording import Exchange, recorded
from canonical.messages import UNREADABLE, BadMessage


class NotSent(Exception):
    """No byte of the request left. ``ours``: a person must change something on our side (a certificate)."""

    def __init__(self, detail: str, *, ours: bool = False) -> None:
        super().__init__(detail)
        self.ours = ours


class NoReply(Exception):
    """The request left, or some of it; no usable reply came."""


@asynccontextmanager
async def asked(call: Call, operation: str, raw: bytes, *, writes: bool) -> AsyncIterator[Exchange]:
    """The block that sends one request, once, and reads its answer; ``raw`` is durable when it is entered.

    The block sets ``exchange.raw``, and may raise `NotSent`, `NoReply`, any `ForeignError`, and for an answer that is
    not what was promised any of `canonical.messages.UNREADABLE`. Only `ForeignError` leaves it, and what the recorder
    raises.
    """
    async with recorded(call, operation, raw) as exchange:
        try:
            with sent(operation, writes=writes):
                yield exchange
        except UNREADABLE as err:
            # Python's own words may repeat what stood there, and a chained error is shown with them.
            why = str(err) if isinstance(err, BadMessage) else type(err).__name__
            raise lost(f"an unusable answer to {operation}: {why}", writes=writes) from None


@contextmanager
def sent(what: str, *, writes: bool) -> Iterator[None]:
    """The block that sends one request: what it raises of `NotSent` and `NoReply` leaves it in the words of the port.
    ``what`` names the request, and nobody."""
    try:
        yield
    except NotSent as err:
        raise (Misconfigured if err.ours else Unavailable)(f"{what} was not sent: {err}") from err
    except NoReply as err:
        raise lost(f"{what}: {err}", writes=writes) from err


def lost(detail: str, *, writes: bool, native: str = "") -> ForeignError:
    """No usable answer: of a question nothing can have happened, of a write nobody knows."""
    return (OutcomeUnknown if writes else Unavailable)(detail, native=native)
