"""Commands as ProConsona takes them: ``uusiTapaaminen`` and ``tapaamisenMuutos`` (manual §8.2, §8.4)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from lxml import etree

from canonical.commands import Accept, Book, Cancel, Move, Propose
from canonical.notes import Note, NoteKind
from mappings.asked import asked, shortened, words
from mappings.engine.recorder import Recorder
from mappings.proconsona import keys
from mappings.proconsona.appointments import rules
from mappings.proconsona.document import NAMESPACE
from mappings.proconsona.site import Site

COMMENT_LIMIT: Final = 1000
REASON_LIMIT: Final = 200

Change = Accept | Propose | Move | Cancel

_SITE: Final = Site("")
"""What is told has no name of an installation's in it."""
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
    return _bytes("asiakashaku", {"henkilotunnus": hetu})


def booking(command: Book, number: str, calendar: str) -> tuple[bytes, tuple[Note, ...]]:
    """The body that books for customer ``number``. A time has no end here: it is the calendar's."""
    comment, notes = words(command, COMMENT_LIMIT)
    wanted = asked(command, number) | {"comment": comment}
    wanted["slot"] = [{"reference": f"Slot/{keys.pack(calendar)}"}]
    return _bytes("uusiTapaaminen", rules()["uusiTapaaminen"].write(wanted, Recorder(_SITE))), notes


def change(command: Change, version: str) -> tuple[bytes, tuple[Note, ...]]:
    """The body that changes a meeting from ``version`` on. Raises ValueError for a time whose key is not ours."""
    wanted, notes = asked(command) | {"meta": {"versionId": version}}, tuple[Note, ...]()
    match command:
        case Move() if command.reason.strip():
            notes = (Note(NoteKind.DROPPED, "Move.reason", "ProConsona has no place for it (manual §8.4)"),)
        case Cancel():
            why, notes = shortened(command, REASON_LIMIT, _UNSPEAKABLE, "ProConsona")
            wanted["cancelationReason"] = {"text": why}
    return _bytes("tapaamisenMuutos", rules()[command.kind].write(wanted, Recorder(_SITE))), notes


def _bytes(name: str, told: Mapping[str, Any]) -> bytes:
    root = etree.Element(f"{{{NAMESPACE}}}{name}", nsmap={None: NAMESPACE})
    _fill(root, told)
    data: bytes = etree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return data


def _fill(parent: etree._Element, told: Mapping[str, Any]) -> None:
    for name, value in told.items():
        child = etree.SubElement(parent, f"{{{NAMESPACE}}}{name}")
        if isinstance(value, dict):
            _fill(child, value)
        else:
            child.text = value or None
