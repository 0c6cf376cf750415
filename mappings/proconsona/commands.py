"""Commands as ProConsona takes them: ``uusiTapaaminen`` and ``tapaamisenMuutos`` (manual §8.2, §8.4)."""

from __future__ import annotations

import re
from typing import Final

from lxml import etree

from canonical import times
from canonical.commands import Accept, Book, Cancel, Move, Propose
from canonical.model import TimeKey
from canonical.notes import Note, NoteKind
from mappings.proconsona import keys
from mappings.proconsona.document import NAMESPACE

COMMENT_LIMIT: Final = 1000
REASON_LIMIT: Final = 200
BY_CUSTOMER: Final = "ASIAKAS"
"""The customer cancelled, or declined."""

Change = Accept | Propose | Move | Cancel

_UNSPEAKABLE: Final = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 does not have."""


def unfit(command: Book | Propose) -> str | None:
    """Why ProConsona would not take the resident's text, or None. It is refused, never bent."""
    if isinstance(command, Propose):
        return "comment: a wish for another time carries none (manual §8.4)" if command.comment.strip() else None
    for name, text in (("comment", command.comment), ("reason", command.reason)):
        if len(text) > COMMENT_LIMIT:
            return f"{name}: more than {COMMENT_LIMIT} characters"
        if _UNSPEAKABLE.search(text):
            return f"{name}: characters that XML does not have"
    return None


def asiakashaku(hetu: str) -> bytes:
    """The body that asks for a customer by HETU."""
    root = _root("asiakashaku")
    _add(root, "henkilotunnus", hetu)
    return _bytes(root)


def booking(command: Book, number: str, calendar: str) -> tuple[bytes, tuple[Note, ...]]:
    """The body that books for customer ``number``. A time has no end here: it is the calendar's.

    ProConsona has no element for why the person comes: ``reason`` follows the comment on a line of its own while the
    two fit, so that the unit reads it; otherwise it is left out, with a note.
    """
    root, (comment, notes) = _root("uusiTapaaminen"), _comment(command)
    _add(root, "asiakas", number)
    _time(root, calendar, command.time)
    _add(root, "ulkoinenTunniste", command.placer_id)
    if comment:
        _add(root, "lisatieto", comment)
    return _bytes(root), notes


def change(command: Change, version: str) -> tuple[bytes, tuple[Note, ...]]:
    """The body that changes a meeting from ``version`` on. Raises ValueError for a time whose key is not ours."""
    root, notes = _root("tapaamisenMuutos"), list[Note]()
    _add(root, "versio", version)
    match command:
        case Accept():
            _add(root, "hyvaksy")
        case Propose():
            _time(_add(root, "ehdotaUutta"), _calendar(command.time), command.time)
        case Move():
            _time(_add(root, "siirra"), _calendar(command.time), command.time)
            if command.reason.strip():
                notes.append(Note(NoteKind.DROPPED, "Move.reason", "ProConsona has no place for it (manual §8.4)"))
        case Cancel():
            _cancel(_add(root, "peru"), command, notes)
    return _bytes(root), tuple(notes)


def _cancel(parent: etree._Element, command: Cancel, notes: list[Note]) -> None:
    """A reason that does not fit is made to, with a note: a text must not keep anybody from cancelling."""
    _add(parent, "syy", BY_CUSTOMER)
    text = _UNSPEAKABLE.sub(" ", command.reason)[:REASON_LIMIT]
    if text != command.reason:
        notes.append(Note(NoteKind.DROPPED, "Cancel.reason", "cut or cleaned to what ProConsona takes"))
    if text.strip():
        _add(parent, "selite", text)


def _comment(command: Book) -> tuple[str, tuple[Note, ...]]:
    texts = [text for text in (command.comment, command.reason) if text.strip()]
    both = "\n".join(texts)
    if not command.reason.strip():
        return both, ()
    if len(both) > COMMENT_LIMIT:
        return command.comment, (Note(NoteKind.DROPPED, "Book.reason", "no room for it beside the comment"),)
    return both, (Note(NoteKind.KEPT, "Book.reason", "carried in Appointment.comment"),)


def _calendar(time: TimeKey) -> str:
    found = keys.unpack(time.key)
    if found is None:
        raise ValueError("no key of ProConsona's has this form")
    return found


def _time(parent: etree._Element, calendar: str, time: TimeKey) -> None:
    _add(parent, "kalenteri", calendar)
    _add(parent, "alku", times.iso(time.start))


def _root(name: str) -> etree._Element:
    return etree.Element(f"{{{NAMESPACE}}}{name}", nsmap={None: NAMESPACE})


def _add(parent: etree._Element, name: str, text: str | None = None) -> etree._Element:
    child = etree.SubElement(parent, f"{{{NAMESPACE}}}{name}")
    child.text = text
    return child


def _bytes(root: etree._Element) -> bytes:
    data: bytes = etree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return data
