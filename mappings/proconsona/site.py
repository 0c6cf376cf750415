"""What the mappings must know of one installation, and what all of its messages have in common."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from canonical import codes, fhir
from canonical.fhir import Element, Resource
from canonical.notes import Note, NoteKind
from mappings.conversions import kept, said
from mappings.engine.recorder import Recorder
from mappings.engine.tables import table
from mappings.proconsona.document import Part


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

    def kept(self, parts: Iterable[Part], path: str, notes: list[Note]) -> list[Element]:
        """Elements that nothing here understands, carried along as extensions of the installation's own."""
        return kept(parts, path, self.system("extension"), "carried along as it was written", Recorder(self, notes))


def task(part: Part, path: str, recorder: Recorder) -> list[Element]:
    """The Palvelutehtävä as a category: its code and its name. A code that is not in the table is kept, and noted."""
    code = part.attribute("koodi")
    if (code,) not in table(__package__, "task"):
        recorder.note(NoteKind.UNKNOWN_CODE, path, f"{said(code)} is no palvelutehtava that is known here")
    return [fhir.concept(fhir.coding(codes.TASK, code, part.value.strip() or None))]


def named(parts: Iterable[Part], path: str, notes: list[Note], *, element: str = "name") -> Resource:
    """``element`` in Finnish, the other languages in the translation extension beside it."""
    names = {part.attribute("kieli"): part.value for part in parts}
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
    for one in part.unread():
        notes.append(Note(NoteKind.DROPPED, f"{part.name}/{one.shown}", "nothing here carries it"))


def filled(parts: Resource) -> Resource:
    """``parts`` without those that have no value."""
    return {name: value for name, value in parts.items() if value not in (None, "", [], {})}


def each_once(notes: Sequence[Note]) -> tuple[Note, ...]:
    """The notes, each once, in order."""
    return tuple(dict.fromkeys(notes))


def _translation(language: str, text: str) -> Element:
    parts = [{"url": "lang", "valueCode": language}, {"url": "content", "valueString": text}]
    return {"url": codes.TRANSLATION, "extension": parts}
