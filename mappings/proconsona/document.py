"""An XML document of ProConsona's, as the mappings read it: elements by name, and what of them nobody read."""

from __future__ import annotations

import re
from datetime import datetime
from functools import cache
from typing import Final, Self

from lxml import etree

from canonical import times, xml
from canonical.fhir import Resource
from canonical.messages import BadMessage
from mappings.engine.tables import table
from mappings.engine.tree import Seen
from mappings.xml_tree import Schema, XmlNode

NAMESPACE: Final = "urn:proconsona:rajapinta:3"
ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
"""An id of ProConsona's (manual §3)."""
SERVICE: Final = re.compile(r"[A-Z0-9-]{1,16}")
"""A code of a service (schema, ``Palvelukoodi``)."""

_MAX_NUMBER: Final = 2**31 - 1


class Part(XmlNode):
    """An element and its children by name. Its methods raise `BadMessage` for what is not as promised.

    White space around and inside a token (an id, a code, a time) is XML Schema's: it collapses. In a text it matters
    (manual §3). An element that is empty is taken for one that is not there.
    """

    __slots__ = ()
    namespace = NAMESPACE

    @property
    def shown(self) -> str:
        """The name for notes and errors: ``*`` for one of another namespace."""
        return "*" if self.name.startswith("{") else self.name

    def one(self, name: str) -> Self | None:
        """The child called ``name``, or None; there may not be two."""
        if len(self._children.get(name, ())) > 1:
            raise BadMessage(f"{self.name} has more than one {name}")
        return super().one(name)

    def written(self) -> str:
        """In canonical form (exclusive C14N), so that the same always looks the same."""
        super().written()
        data: bytes = etree.tostring(self.element, method="c14n", exclusive=True, with_tail=False)
        return data.decode()

    def text(self, name: str) -> str:
        """The text of the child called ``name`` as it was written, "" where there is none."""
        found = self.one(name)
        return "" if found is None else found.value

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

    def number(self, name: str) -> int:
        """The positive whole number in the child called ``name``."""
        found = self.need(name)
        if not (found.isascii() and found.isdecimal() and len(found) < 11 and 0 < int(found) <= _MAX_NUMBER):
            raise BadMessage(f"{self.name}/{name} is not a positive whole number")
        return int(found)

    def attribute(self, name: str) -> str:
        """The token in an attribute of this element that must be there."""
        found = self.one(f"@{name}")
        if found is None or not _collapsed(found.value):
            raise BadMessage(f"{self.name} without @{name}")
        return _collapsed(found.value)

    def unread(self) -> list[Self]:
        """The children that no mapping reads: neither read nor left out on purpose, by ``codes/element.csv``."""
        return list(self.others(_known(self.name)))


def document(data: bytes, *roots: str, seen: Seen = None) -> Part:
    """The root of a document, which is one of ``roots``. Raises `BadMessage` and `canonical.xml.BadXml`."""
    element = xml.loads(data)
    if (element.getroottree().docinfo.encoding or "UTF-8").upper() != "UTF-8":
        raise BadMessage("a document in another encoding than UTF-8")
    root = Part(element, seen)
    if root.name not in roots:
        raise BadMessage(f"{' or '.join(roots)} expected")
    return root


def in_order(resource: Resource, name: str) -> tuple[datetime, datetime]:
    """Start and end; raises `BadMessage` unless the one follows the other."""
    start, end = times.instant(resource["start"]), times.instant(resource["end"])
    if start.timestamp() >= end.timestamp():
        raise BadMessage(f"{name} ends before it starts")
    return start, end


def _collapsed(text: str) -> str:
    return " ".join(text.split())


def checked(text: str, form: re.Pattern[str], path: str) -> str:
    """``text``, which has the form the schema gives it."""
    if not form.fullmatch(text):
        raise BadMessage(f"{path} has not the form of the schema")
    return text


@cache
def schema() -> Schema:
    """What the schema knows, for the rules."""
    return Schema(__package__, "proconsona.xsd")


@cache
def _known(name: str) -> frozenset[str]:
    row = table(__package__, "element")[name,]
    return frozenset(f"{row['read']} {row['left out']}".split())
