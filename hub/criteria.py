"""What a search asks for, in words that neither HTTP nor SQL is needed to understand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Token:
    """``code`` of ``system``; system None: of any; ``""``: of none. Code None: any code of the system."""

    system: str | None
    code: str | None


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open span of instants; None is open."""

    start: datetime | None
    end: datetime | None


@dataclass(frozen=True, slots=True)
class Reference:
    """The resource ``kind/id``; kind None where the client named the id alone."""

    kind: str | None
    id: str


@dataclass(frozen=True, slots=True)
class Text:
    """The beginning of a text (case ignored), or a whole URI."""

    text: str


@dataclass(frozen=True, slots=True)
class Criterion:
    """One search parameter: a resource matches when any of the values does. Several criteria must all match.

    Prefixes and precision of dates are spans already: ``date=ge2027-03-22`` is ``[22 March 00:00 Helsinki, None)``;
    ``_source`` is ``installation`` already, an installation's name.
    """

    name: str
    values: tuple[Token | Span | Reference | Text, ...]
