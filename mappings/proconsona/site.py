"""What the mappings must know of one installation, and what all of its messages have in common."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from lxml import etree

from canonical import codes, fhir, hetu
from canonical.fhir import Element, Resource
from canonical.notes import Note, NoteKind
from mappings.proconsona.document import Part, shown
from mappings.proconsona.tables import table

TASK: Final = "urn:oid:1.2.246.537.6.1221"
"""Palvelutehtävä: the task of social care that a service, and all that comes of it, belongs to."""

_CODE: Final = re.compile(r"[A-Za-z0-9_.-]{1,40}")


@dataclass(frozen=True, slots=True)
class Site:
    """One installation, by its name in the configuration."""

    installation: str

    def system(self, what: str) -> str:
        """The installation's own identifier or code system of ``what``, or the name of an extension of its own."""
        return codes.local(self.installation, what)

    def service(self, code: str, name: str | None = None) -> Element:
        """A service as a concept. Its code is local: ProConsona has no national one (manual §5)."""
        return fhir.concept(fhir.coding(self.system("service"), code, name))

    def kept(self, elements: Iterable[etree._Element], path: str, notes: list[Note]) -> list[Element]:
        """Elements that nothing here understands, carried along as extensions of the installation's own.

        They are written in canonical form (exclusive C14N), so that the same always looks the same. One that holds
        something of the form of a HETU is left behind.
        """
        found: list[Element] = []
        for element in elements:
            text = etree.tostring(element, method="c14n", exclusive=True, with_tail=False).decode()
            if hetu.appears_in(text):
                notes.append(Note(NoteKind.DROPPED, f"{path}/{shown(element)}", "not understood, and a HETU in it"))
            else:
                notes.append(Note(NoteKind.KEPT, f"{path}/{shown(element)}", "carried along as it was written"))
                found.append({"url": self.system("extension"), "valueString": text})
        return found


def said(code: str) -> str:
    """A code as a note may repeat it."""
    return hetu.mask(code) if _CODE.fullmatch(code) else "what is no code"


def task(part: Part | None, path: str, notes: list[Note]) -> list[Element]:
    """The Palvelutehtävä as a category: its code and its name. A code that is not in the table is kept, and noted."""
    if part is None:
        notes.append(Note(NoteKind.DROPPED, path, "no palvelutehtava is named"))
        return []
    code = part.attribute("koodi")
    if (code,) not in table("task"):
        notes.append(Note(NoteKind.UNKNOWN_CODE, path, f"{said(code)} is no palvelutehtava that is known here"))
    return [fhir.concept(fhir.coding(TASK, code, part.whole().strip() or None))]


def named(parts: Iterable[Part], path: str, notes: list[Note], *, element: str = "name") -> Resource:
    """``element`` in Finnish, the other languages in the translation extension beside it."""
    names = {part.attribute("kieli"): part.whole() for part in parts}
    finnish = names.pop("fi", "")
    if not finnish.strip():
        notes.append(Note(NoteKind.DROPPED, path, "no Finnish name"))
        return {}
    translations = [_translation(language, name) for language, name in names.items() if name.strip()]
    return {element: finnish} | ({f"_{element}": {"extension": translations}} if translations else {})


def address(part: Part | None, notes: list[Note]) -> Element:
    """An ``osoite``; nothing for none."""
    if part is None:
        return {}
    dropped(part, notes)
    line, code, city = part.text("katu"), part.token("postinumero"), part.text("postitoimipaikka")
    return filled({"line": [line] if line.strip() else [], "city": city.strip(), "postalCode": code})


def dropped(part: Part, notes: list[Note]) -> None:
    """Note every element of ``part`` that nothing carries."""
    for element in part.unread():
        notes.append(Note(NoteKind.DROPPED, f"{part.name}/{shown(element)}", "nothing here carries it"))


def filled(parts: Resource) -> Resource:
    """``parts`` without those that have no value."""
    return {name: value for name, value in parts.items() if value not in (None, "", [], {})}


def each_once(notes: Sequence[Note]) -> tuple[Note, ...]:
    """The notes, each once, in order."""
    return tuple(dict.fromkeys(notes))


def _translation(language: str, text: str) -> Element:
    parts = [{"url": "lang", "valueCode": language}, {"url": "content", "valueString": text}]
    return {"url": codes.TRANSLATION, "extension": parts}
