"""The states of a command and the legal moves between them: one table, from which the picture in the docs is made."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class State(StrEnum):
    """Where a command stands."""

    ACCEPTED = "accepted"
    """On disk; nothing has been sent."""
    SENDING = "sending"
    """About to be sent, being sent, or waiting for its answer: after a crash nobody knows which."""
    UNKNOWN = "unknown"
    """Sent, and its answer will not come: the effect is being looked for."""
    CONFIRMED = "confirmed"
    """The record system says it is done. Final."""
    REFUSED = "refused"
    """It was not done and never will be. Final."""
    NEEDS_PERSON = "needs-person"
    """The hub cannot find out, or found a contradiction: it stands in the worklist."""


class IllegalMove(Exception):
    """A defect: a command was to move between states that are not connected."""


MOVES: Final[dict[State, frozenset[State]]] = {
    State.ACCEPTED: frozenset({State.SENDING, State.REFUSED}),
    State.SENDING: frozenset({State.CONFIRMED, State.REFUSED, State.UNKNOWN, State.NEEDS_PERSON}),
    State.UNKNOWN: frozenset({State.UNKNOWN, State.CONFIRMED, State.REFUSED, State.ACCEPTED, State.NEEDS_PERSON}),
    State.NEEDS_PERSON: frozenset({State.CONFIRMED, State.REFUSED}),
    State.CONFIRMED: frozenset(),
    State.REFUSED: frozenset(),
}

FINAL: Final = frozenset({State.CONFIRMED, State.REFUSED})
OPEN: Final = frozenset({State.ACCEPTED, State.SENDING, State.UNKNOWN, State.NEEDS_PERSON})


def check(before: State, after: State) -> None:
    """Raises `IllegalMove` unless the table allows it."""
    if after not in MOVES[before]:
        raise IllegalMove(f"{before} -> {after}")
