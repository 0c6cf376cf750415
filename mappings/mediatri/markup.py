"""The content of a Mediatri message, element by element: what stands there, and what nobody has read.

The manual promises that every element of its schema is there, empty where there is no value, and asks to pass over
elements that one does not know. So a missing element is read as an empty one, and a strange one is told apart.
"""

from __future__ import annotations

import re
from typing import Any, Final

from lxml import etree

NAMESPACE: Final = "http://mediatri.example/ajanvaraus/v1"

_PREFIX: Final = f"{{{NAMESPACE}}}"
_CODE: Final = re.compile(r"[A-Za-z0-9-]{1,20}")
_NUMBER: Final = re.compile(r"[0-9]{1,9}", re.ASCII)

Element = Any
"""An element of lxml's."""


class BadMessage(ValueError):
    """A message is not as the manual promises. The text names the place, never what stands there."""


def is_code(text: str) -> bool:
    """Whether ``text`` has the form of Mediatri's identifiers (manual §3.2)."""
    return _CODE.fullmatch(text) is not None


def name_of(element: Element) -> str:
    """The element's name; one of another namespace with its namespace, in braces."""
    return str(element.tag).removeprefix(_PREFIX)


class Fields:
    """The children of one element, by name. Of an element that comes twice the first is read."""

    __slots__ = ("_children", "_repeated", "element", "name")

    def __init__(self, element: Element) -> None:
        self.element = element
        self.name = name_of(element)
        self._children: dict[str, Element] = {}
        self._repeated: list[Element] = []
        for child in element:
            name = name_of(child)
            if name in self._children:
                self._repeated.append(child)
            else:
                self._children[name] = child

    def text(self, name: str) -> str:
        """What stands in the child ``name``; ``""`` where it is empty or missing."""
        child = self._children.get(name)
        return "" if child is None or child.text is None else str(child.text)

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

    def fields(self, name: str) -> Fields:
        """The children of the child ``name``, which must be there. Raises `BadMessage`."""
        child = self._children.get(name)
        if child is None:
            raise BadMessage(f"{self.name} without {name}")
        return Fields(child)

    def each(self, name: str) -> list[Element]:
        """Every child ``name``, in order; all of them count as read."""
        self._repeated = [child for child in self._repeated if name_of(child) != name]
        return list(self.element.iterchildren(f"{_PREFIX}{name}"))

    def strangers(self, known: frozenset[str]) -> list[Element]:
        """The children that are not ``known``, and those that come again though only the first is read."""
        if not self._repeated and self._children.keys() <= known:
            return []
        return [child for name, child in self._children.items() if name not in known] + self._repeated


def written(element: Element) -> str:
    """The element as XML, without what follows it."""
    return str(etree.tostring(element, encoding="unicode", with_tail=False))
