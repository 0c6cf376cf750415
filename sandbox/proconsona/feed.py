"""The change feed: Atom (RFC 4287), archived pages (RFC 5005 §4), newest first (INTERFACE.md §9).

It is made anew at each request of the engine's change log, whose numbers never change: a page is 50 of them.
"""

from __future__ import annotations

from typing import Final
from uuid import NAMESPACE_OID, uuid5

from lxml import etree

from sandbox.engine.model import Change
from sandbox.engine.system import RecordSystem
from sandbox.http.answer import Answer
from sandbox.proconsona.documents import NAMESPACE, to_bytes
from sandbox.proconsona.outcome import Refusal
from sandbox.proconsona.query import BASE
from sandbox.proconsona.records import Records, stamp

PAGE: Final = 50
ATOM: Final = "http://www.w3.org/2005/Atom"
HISTORY: Final = "http://purl.org/syndication/history/1.0"
ATOM_XML: Final = "application/atom+xml; charset=utf-8"
SCHEME: Final = f"{NAMESPACE}:laji"
FEED: Final = f"{BASE}/muutokset"

_XML: Final = "application/xml"


class Feed:
    """The changes of one installation that the client may see."""

    def __init__(self, system: RecordSystem, records: Records) -> None:
        self._system = system
        self._records = records

    def current(self, if_none_match: str | None) -> Answer:
        """Answer the subscription document, or 304 when the client has it."""
        last = self._system.last_change()
        etag = f'"{last}"'
        headers = {"content-type": ATOM_XML, "etag": etag, "cache-control": "private, no-cache"}
        if if_none_match is not None and etag in [part.strip().removeprefix("W/") for part in if_none_match.split(",")]:
            return Answer(304, headers={"etag": etag})
        pages = _pages(last)
        root = self._document("", FEED, pages * PAGE)
        _link(root, "self", FEED)
        if pages:
            _link(root, "prev-archive", _archive(pages))
        self._add_entries(root, pages * PAGE)
        return Answer(200, to_bytes(root), headers)

    def archive(self, number: int) -> Answer:
        """Answer an archive page, from 1. Raises Refusal (404) for one that is not there."""
        pages = _pages(self._system.last_change())
        if not 1 <= number <= pages:
            raise Refusal("EI_LOYDY")
        root = self._document(f", sivu {number}", _archive(number), (number - 1) * PAGE)
        etree.SubElement(root, f"{{{HISTORY}}}archive")
        _link(root, "self", _archive(number))
        _link(root, "current", FEED)
        if number > 1:
            _link(root, "prev-archive", _archive(number - 1))
        if number < pages:
            _link(root, "next-archive", _archive(number + 1))
        self._add_entries(root, (number - 1) * PAGE)
        return Answer(200, to_bytes(root), {"content-type": ATOM_XML, "cache-control": "private, max-age=86400"})

    def news_after(self, number: int) -> bool:
        """Whether there is an entry for the client among the changes after a number."""
        found = self._system.changes(number, max(0, self._system.last_change() - number))
        return any(self._sees(change) for change in found)

    def _sees(self, change: Change) -> bool:
        if change.kind == "patient":
            return self._records.customer(change.id) is not None
        return self._records.meeting(change.id) is not None

    def _document(self, title: str, address: str, after: int) -> etree._Element:
        """Return a feed without entries; `updated` is the time of the newest of its changes, seen or not."""
        changes = self._system.changes(after, PAGE)
        updated = changes[-1].at if changes else self._system.clock.now()
        root = etree.Element(f"{{{ATOM}}}feed", nsmap={None: ATOM, "fh": HISTORY, "pc": NAMESPACE})
        _add(root, "id", f"urn:uuid:{uuid5(NAMESPACE_OID, f'{self._system.name}{address}')}")
        _add(root, "title", f"ProConsona {self._system.name}, muutokset{title}")
        _add(root, "updated", stamp(updated))
        _add(_add(root, "author"), "name", "ProConsona")
        return root

    def _add_entries(self, root: etree._Element, after: int) -> None:
        for change in reversed(self._system.changes(after, PAGE)):
            if self._sees(change):
                root.append(self._entry(change))

    def _entry(self, change: Change) -> etree._Element:
        term, title, place = _KINDS[change.kind]
        entry = etree.Element(f"{{{ATOM}}}entry")
        _add(entry, "id", f"urn:uuid:{uuid5(NAMESPACE_OID, f'{self._system.name}/muutos/{change.number}')}")
        _add(entry, "title", title)
        _add(entry, "updated", stamp(change.at))
        etree.SubElement(entry, f"{{{ATOM}}}category", term=term, scheme=SCHEME)
        _link(entry, "alternate", f"{BASE}/{place}/{change.id}", _XML)
        etree.SubElement(entry, f"{{{NAMESPACE}}}versio").text = str(change.version)
        return entry


_KINDS: Final = {
    "appointment": ("TAPAAMINEN", "Tapaaminen", "tapaamiset"),
    "patient": ("ASIAKAS", "Asiakas", "asiakkaat"),
}


def _pages(last: int) -> int:
    """Return how many archive pages there are: the newest change is never in one."""
    return max(0, last - 1) // PAGE


def _archive(number: int) -> str:
    return f"{FEED}/arkisto/{number}"


def _add(parent: etree._Element, name: str, text: str | None = None) -> etree._Element:
    child = etree.SubElement(parent, f"{{{ATOM}}}{name}")
    child.text = text
    return child


def _link(parent: etree._Element, relation: str, address: str, kind: str = "application/atom+xml") -> None:
    etree.SubElement(parent, f"{{{ATOM}}}link", rel=relation, href=address, type=kind)
