"""The three words: it was done, nothing was done, we do not know yet. Every answer about a write says one of them."""

from __future__ import annotations

from enum import StrEnum

from hub.journal.ports import Row
from hub.journal.states import State


class Word(StrEnum):
    """What is said of a write."""

    DONE = "done"
    NOTHING_DONE = "nothing-done"
    NOT_KNOWN = "not-known"


def word(row: Row) -> Word:
    """What may be said of a command now. `accepted` is not known yet: it may be sent the next moment."""
    match row.state:
        case State.CONFIRMED:
            return Word.DONE
        case State.REFUSED:
            return Word.NOTHING_DONE
        case _:
            return Word.NOT_KNOWN
