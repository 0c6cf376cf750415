"""What a mapping could not carry, said aloud.

A mapping returns a value and notes. A note names the source path and what was done; it never holds personal data
(codes are not personal data, free text and numbers of people are).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class NoteKind(StrEnum):
    """What was done with something that could not be carried as it was."""

    DROPPED = "dropped"
    """The other side cannot carry it; it is not there any more."""
    DEFAULTED = "defaulted"
    """It was missing, and the documented default was taken."""
    GUESSED = "guessed"
    """It was ambiguous (an hour that happens twice, without an offset); the documented choice was taken."""
    UNKNOWN_CODE = "unknown-code"
    """A code without a counterpart; the local code is kept, nothing is guessed."""
    KEPT = "kept"
    """Not understood, but carried along unread (vendor extensions, Z segments)."""


@dataclass(frozen=True, slots=True)
class Note:
    """One remark of a mapping: ``path`` in the source's own terms (``AIS-3``, ``Appointment.priority``)."""

    kind: NoteKind
    path: str
    text: str
