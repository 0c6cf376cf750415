"""What a message is before it has a meaning: a tree of named places that know where they stand.

The rules see this tree only. What wire it came from is its reader's business (`mappings.xml_tree` …).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol


class Standing(Protocol):
    """Something that knows where it stands in a message."""

    @property
    def place(self) -> str:
        """The path from the message's root; with the line, unique in the message. For people, and slow."""

    @property
    def line(self) -> int:
        """The line of the file (XML) or the number of the segment (HL7), from 1; 0 where it is not known."""


class Node(Standing, Protocol):
    """One place of a message."""

    @property
    def name(self) -> str:
        """What the place is called: an element, ``@`` an attribute."""

    @property
    def shown(self) -> str:
        """The name as a note may say it."""

    @property
    def value(self) -> str:
        """What stands there, as it was written; ``""`` for nothing. Raises `BadMessage` where it holds others."""

    def one(self, name: str) -> Node | None:
        """The child called ``name``, or None."""

    def all(self, name: str) -> Sequence[Node]:
        """Every child called ``name``, in order."""

    def others(self, known: frozenset[str]) -> Sequence[Node]:
        """The children that no rule reads: those not ``known``."""

    def written(self) -> str:
        """All of it as it was written, for the kept-bag."""


Seen = Callable[[Standing], None] | None
"""Is told of every place that is read; None while nobody follows."""
