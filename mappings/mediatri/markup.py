"""The content of a Mediatri message, element by element: what stands there, and what nobody has read.

The manual promises that every element of its schema is there, empty where there is no value, and asks to pass over
elements that one does not know. So a missing element is read as an empty one, and a strange one is told apart.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, Self

from lxml import etree

from canonical.messages import BadMessage
from mappings.engine.tree import Seen
from mappings.xml_tree import XmlNode

__all__ = ["NAMESPACE", "BadMessage", "Element", "Fields", "is_code", "name_of"]

NAMESPACE: Final = "http://mediatri.example/ajanvaraus/v1"

_PREFIX: Final = f"{{{NAMESPACE}}}"
_CODE: Final = re.compile(r"[A-Za-z0-9-]{1,20}")
_NUMBER: Final = re.compile(r"[0-9]{1,9}", re.ASCII)

Element = Any
"""An element of lxml's."""


def is_code(text: str) -> bool:
    """Whether ``text`` has the form of Mediatri's identifiers (manual §3.2)."""
    return _CODE.fullmatch(text) is not None


def name_of(element: Element) -> str:
    """The element's name; one of another namespace with its namespace, in braces."""
    return str(element.tag).removeprefix(_PREFIX)


class Fields(XmlNode):
    """The children of one element, by name. Of an element that comes twice the first is read; one that is missing is
    read as an empty one."""

    __slots__ = ("_all",)
    namespace = NAMESPACE

    def __init__(self, element: Element, seen: Seen = None, attribute: str = "") -> None:
        super().__init__(element, seen, attribute)
        self._all: set[str] = set()

    def one(self, name: str) -> Self:
        found = super().one(name)
        if found is None:
            found = self._ones[name] = type(self)(etree.Element(f"{_PREFIX}{name}"))
        return found

    def others(self, known: frozenset[str]) -> Sequence[Self]:
        """The children that are not ``known``, and those that come again though only the first is read."""
        again = [one for name, all_ in self._children.items() if name in known - self._all for one in all_[1:]]
        return [*super().others(known), *(type(self)(one, self.seen) for one in again)]

    def text(self, name: str) -> str:
        """What stands in the child ``name``; ``""`` where it is empty or missing."""
        return self.one(name).value

    def word(self, name: str) -> str:
        """The same of a value that is a code: without blanks around it, which no code of FHIR's has."""
        return " ".join(self.text(name).split())

    def code(self, name: str) -> str:
        """An identifier that must be there. Raises `BadMessage`."""
        found = self.text(name)
        if not is_code(found):
            raise BadMessage(f"{self.name}/{name} is not an identifier")
        return found

    def number(self, name: str) -> int:
        """A whole number, not negative, that must be there. Raises `BadMessage`."""
        found = self.text(name)
        if not _NUMBER.fullmatch(found):
            raise BadMessage(f"{self.name}/{name} is not a number")
        return int(found)

    def fields(self, name: str) -> Self:
        """The children of the child ``name``, which must be there. Raises `BadMessage`."""
        if name not in self._children:
            raise BadMessage(f"{self.name} without {name}")
        return self.one(name)

    def all(self, name: str) -> Sequence[Self]:
        """Every child ``name``, in order; all of them count as read."""
        self._all.add(name)
        return super().all(name)

    def each(self, name: str) -> list[Element]:
        """The same as elements of lxml's."""
        return self._children.get(name, [])
