"""An XML document of ProConsona's, as the mappings read it: elements by name, and what of them nobody read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from functools import cache
from typing import Final

from lxml import etree

from canonical import times, xml
from mappings.proconsona import BadMessage
from mappings.proconsona.tables import table

NAMESPACE: Final = "urn:proconsona:rajapinta:3"
ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
"""An id of ProConsona's (manual §3)."""
SERVICE: Final = re.compile(r"[A-Z0-9-]{1,16}")
"""A code of a service (schema, ``Palvelukoodi``)."""

_OURS: Final = f"{{{NAMESPACE}}}"
_MAX_NUMBER: Final = 2**31 - 1


class Part:
    """An element and its children by name. Its methods raise `BadMessage` for what is not as promised.

    White space around and inside a token (an id, a code, a time) is XML Schema's: it collapses. In a text it matters
    (manual §3). An element that is empty is taken for one that is not there.
    """

    __slots__ = ("_children", "element", "name")

    def __init__(self, element: etree._Element) -> None:
        self.element = element
        self.name: str = element.tag.removeprefix(_OURS)
        self._children: dict[str, list[etree._Element]] = {}
        for child in element:
            self._children.setdefault(child.tag.removeprefix(_OURS), []).append(child)

    def all(self, name: str) -> Iterator[Part]:
        """The children called ``name``, in order."""
        return map(Part, self._children.get(name, ()))

    def one(self, name: str) -> Part | None:
        """The child called ``name``, or None; there may not be two."""
        found = self._one(name)
        return None if found is None else Part(found)

    def text(self, name: str) -> str:
        """The text of the child called ``name`` as it was written, "" where there is none."""
        found = self._one(name)
        if found is None:
            return ""
        if len(found):
            raise BadMessage(f"{self.name}/{name} holds elements")
        return found.text or ""

    def token(self, name: str) -> str:
        """The same as a token."""
        return _collapsed(self.text(name))

    def need(self, name: str) -> str:
        """A token that must be there."""
        found = self.token(name)
        if not found:
            raise BadMessage(f"{self.name} without {name}")
        return found

    def id(self, name: str) -> str:
        """The id in the child called ``name``."""
        return checked(self.need(name), ID, f"{self.name}/{name}")

    def service(self) -> str:
        """The code of the service it is for."""
        return checked(self.need("palvelu"), SERVICE, f"{self.name}/palvelu")

    def time(self, name: str) -> datetime:
        """The instant in the child called ``name``, aware."""
        try:
            return times.instant(self.need(name))
        except (ValueError, OverflowError):
            raise BadMessage(f"{self.name}/{name} is not a time with its offset") from None

    def span(self) -> tuple[datetime, datetime]:
        """``alku`` and ``loppu``, which follows it."""
        start, end = self.time("alku"), self.time("loppu")
        if start.timestamp() >= end.timestamp():
            raise BadMessage(f"{self.name} ends before it starts")
        return start, end

    def day(self, name: str) -> date | None:
        """The day in the child called ``name``, or None."""
        try:
            return date.fromisoformat(found) if (found := self.token(name)) else None
        except ValueError:
            raise BadMessage(f"{self.name}/{name} is not a day") from None

    def number(self, name: str) -> int:
        """The positive whole number in the child called ``name``."""
        found = self.need(name)
        if not (found.isascii() and found.isdecimal() and len(found) < 11 and 0 < int(found) <= _MAX_NUMBER):
            raise BadMessage(f"{self.name}/{name} is not a positive whole number")
        return int(found)

    def attribute(self, name: str) -> str:
        """The token in an attribute of this element that must be there."""
        found = _collapsed(str(self.element.get(name, "")))
        if not found:
            raise BadMessage(f"{self.name} without @{name}")
        return found

    def whole(self) -> str:
        """The text of this element, which holds no others, as it was written."""
        if len(self.element):
            raise BadMessage(f"{self.name} holds elements")
        return self.element.text or ""

    def unread(self) -> list[etree._Element]:
        """The children that no mapping reads: neither read nor left out on purpose, by ``codes/element.csv``."""
        known = _known(self.name)
        return [one for name, found in self._children.items() if name not in known for one in found]

    def _one(self, name: str) -> etree._Element | None:
        found = self._children.get(name, ())
        if len(found) > 1:
            raise BadMessage(f"{self.name} has more than one {name}")
        return found[0] if found else None


def document(data: bytes, *roots: str) -> Part:
    """The root of a document, which is one of ``roots``. Raises `BadMessage` and `canonical.xml.BadXml`."""
    element = xml.loads(data)
    if (element.getroottree().docinfo.encoding or "UTF-8").upper() != "UTF-8":
        raise BadMessage("a document in another encoding than UTF-8")
    root = Part(element)
    if not element.tag.startswith(_OURS) or root.name not in roots:
        raise BadMessage(f"{' or '.join(roots)} expected")
    return root


def _collapsed(text: str) -> str:
    return " ".join(text.split())


def checked(text: str, form: re.Pattern[str], path: str) -> str:
    """``text``, which has the form the schema gives it."""
    if not form.fullmatch(text):
        raise BadMessage(f"{path} has not the form of the schema")
    return text


def shown(element: etree._Element) -> str:
    """The name of an element for notes and errors: ``*`` for one of another namespace."""
    name = str(element.tag).removeprefix(_OURS)
    return "*" if name.startswith("{") else name


@cache
def _known(name: str) -> frozenset[str]:
    row = table("element")[name,]
    return frozenset(f"{row['read']} {row['left out']}".split())
