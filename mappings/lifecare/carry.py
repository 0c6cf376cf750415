"""What all of Lifecare's resources have in common on their way here: one walk, from which a copy and notes come."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Final

from canonical import codes, hetu, times
from canonical.fhir import Element, Resource
from canonical.messages import BadMessage
from canonical.notes import Note, NoteKind
from mappings.engine.recorder import Recorder
from mappings.lifecare.vocabulary import Vocabulary, elements
from mappings.trace import Place

ID: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
"""An id of Lifecare's (manual §2)."""

_LOCAL_REFERENCE: Final = re.compile(r"[A-Z][A-Za-z]{1,63}/[A-Za-z0-9-]{1,64}")
_INTEGER: Final = 2**63
_NAME: Final = re.compile(r"[A-Za-z_]{1,40}")
_NOT_OURS: Final = frozenset({"id", "meta", "implicitRules"})
_UNREAD: Final = frozenset({"text", "contained"})
_UNDERSTOOD: Final = frozenset(
    {codes.RESTRICTION_PARENT, codes.RELEASE_DATE, codes.MUNICIPALITY_EXTENSION, codes.TRANSLATION}
)


class Carrier:
    """One resource's way over. ``resource`` is the copy: the installation's systems renamed, identifiers that are HETUs
    taken out, vendor's extensions kept, elements that R4 does not know left behind; ``notes`` say which. (A HETU that
    somebody typed into a text is the hub's to mask, whatever the system.)

    Raises `BadMessage` for another resource than ``kind``, for a reference that is not ``Kind/id``, and for a modifier
    extension (it may turn the meaning of what it stands on around).
    """

    def __init__(self, source: Resource, kind: str, words: Vocabulary, recorder: Recorder | None = None) -> None:
        if not isinstance(source, dict) or source.get("resourceType") != kind:
            raise BadMessage(f"{kind} expected")
        self.source, notes = words.clock.read(source, kind)
        self.kind, self.words, self.recorder = kind, words, recorder or Recorder(words)
        self._notes: dict[Note, None] = dict.fromkeys(notes)
        self.id = _id(source, kind)
        self.version = _version(source)
        self.resource = self._top()

    @property
    def notes(self) -> tuple[Note, ...]:
        """What is to be said so far, each once."""
        return tuple(self._notes)

    def note(self, kind: NoteKind, path: str, text: str) -> None:
        self._notes[Note(kind, path, text)] = None

    def name_services(self, element: str) -> list[str]:
        """Put the national code beside each local service code of ``element``, where there is one.

        Returns the local codes. What the record system says itself is never overruled by the table.
        """
        found = []
        for concept in self.resource.get(element, ()):
            local = _code(concept, self.words.service)
            if local is None:
                continue
            found.append(local)
            if _code(concept, codes.SERVICE) is not None:
                continue
            known = self.words.services.get(local)
            if known is not None and known.national:
                concept["coding"].append({"system": codes.SERVICE, "code": known.national})
            else:
                self.note(NoteKind.UNKNOWN_CODE, f"{self.kind}.{element}", f"{local} has no national code")
        return found

    def _top(self) -> Resource:
        known = elements()[self.kind]
        result: Resource = {"resourceType": self.kind}
        if security := self.source.get("meta", {}).get("security"):
            result["meta"] = {"security": self._value(security, f"{self.kind}.meta.security")}
        for name, value in self.source.items():
            path = f"{self.kind}.{name}"
            if name in _NOT_OURS or name == "resourceType":
                continue
            if name in _UNREAD:
                self.note(NoteKind.DROPPED, path, "a resource within the resource, or its narrative")
            elif name.removeprefix("_") in known or name in ("extension", "language"):
                self.recorder.carry(path, self._put, result, name, value, path)
            elif name == "modifierExtension":
                raise BadMessage(f"{path} is not understood")
            else:
                shown = path if _NAME.fullmatch(name) else f"{self.kind}.*"
                self.note(NoteKind.DROPPED, shown, "an element that R4 does not know")
        return result

    def _put(self, target: Element, name: str, value: Any, path: str) -> Any:
        """What of a value is carried; it is put under its name."""
        if value is None or value in ("", [], {}):
            self.note(NoteKind.DROPPED, path, "null and empty are no values in FHIR")
        elif isinstance(value, dict) and value.get("system") == codes.HETU:
            self.note(NoteKind.DROPPED, path, "a HETU does not stay inside a resource")
        else:
            carried = self._value(value, path)
            if carried != []:
                target[name] = carried
                return carried
        return None

    def _value(self, value: Any, path: str) -> Any:
        if isinstance(value, dict):
            return self._element(value, path)
        if isinstance(value, list):
            kept = [v for v in value if not (isinstance(v, dict) and v.get("system") == codes.HETU)]
            if len(kept) < len(value):
                self.note(NoteKind.DROPPED, path, "a HETU does not stay inside a resource")
            return [self._value(one, path) for one in kept]
        self._see(path)
        if isinstance(value, int) and not -_INTEGER <= value < _INTEGER:
            raise BadMessage(f"{path} is no number of FHIR's")
        return value

    def _see(self, path: str) -> None:
        if self.recorder.seen is not None:
            self.recorder.seen(Place(path))

    def _element(self, element: Element, path: str) -> Element:
        result: Element = {}
        for name, value in element.items():
            if name == "system":
                result |= self._system(value, path, element)
            elif name == "reference":
                self._see(path)
                result |= self._reference(value, path)
            elif name == "modifierExtension":
                raise BadMessage(f"{path}.modifierExtension is not understood")
            else:
                self._put(result, name, value, path if name == "coding" else f"{path}.{name}")
        if path.endswith(".extension"):
            self._extension(result, path)
        return result

    def _system(self, system: Any, path: str, element: Element) -> Element:
        """The system as it is called here; of a national classification the version stands beside it."""
        renamed = self.words.systems.get(system)
        if renamed is not None:
            self._see(path)
            return {"system": renamed}
        carried = self._value(system, path)
        if not isinstance(carried, str):
            return {"system": carried}
        if carried.startswith(f"{self.words.root}."):
            self.note(NoteKind.KEPT, path, f"a system of the vendor's that is not in the table: {carried}")
        plain, version = codes.unversioned(carried) if "code" in element else (carried, None)
        return {"system": plain} | ({"version": version} if version and "version" not in element else {})

    def _reference(self, value: Any, path: str) -> Element:
        """A literal reference. What is contained does not travel on: of it stay what it is and what it is called."""
        if not isinstance(value, str) or not value.startswith("#"):
            return {"reference": _local(value, path)}
        inside = next((one for one in self.source.get("contained", ()) if one.get("id") == value[1:]), None)
        if inside is None:
            raise BadMessage(f"{path}.reference names nothing")
        self.note(NoteKind.DROPPED, f"{path}.reference", "to a resource within the resource")
        named = {"type": inside.get("resourceType"), "display": _called(inside)}
        return {name: text for name, text in named.items() if isinstance(text, str) and text}

    def _extension(self, extension: Element, path: str) -> None:
        url = extension.get("url")
        if not isinstance(url, str):
            raise BadMessage(f"{path} without url")
        if "/" in url and url not in _UNDERSTOOD:
            self.note(NoteKind.KEPT, path, url)


def instant(resource: Resource, kind: str, name: str) -> datetime:
    """The time of element ``name``, aware. Raises `BadMessage`."""
    try:
        return times.instant(resource[name])
    except (KeyError, TypeError, ValueError):
        raise BadMessage(f"{kind}.{name} is not a time with its offset") from None


def target(reference: Element, kind: str) -> str | None:
    """The id that a literal reference names, or None where it names another kind."""
    found, _, local_id = str(reference.get("reference", "")).partition("/")
    return local_id if found == kind else None


def _local(value: Any, path: str) -> str:
    if not isinstance(value, str) or not _LOCAL_REFERENCE.fullmatch(value) or hetu.appears_in(value):
        raise BadMessage(f"{path}.reference is not of the form Kind/id")
    return value


def _called(resource: Resource) -> str | None:
    """What a resource is called: its name, a person's name, a concept's text."""
    name = resource.get("name")
    if isinstance(name, str):
        return name
    if isinstance(name, list):
        person = name[0]
        return person.get("text") or " ".join((*person.get("given", ()), person.get("family", ""))).strip()
    code = resource.get("code", {})
    return code.get("text") or next((one["display"] for one in code.get("coding", ()) if "display" in one), None)


def _id(source: Resource, kind: str) -> str:
    value = source.get("id")
    if not isinstance(value, str) or not ID.fullmatch(value) or hetu.appears_in(value):
        raise BadMessage(f"{kind}.id is missing or not an id")
    return value


def _version(source: Resource) -> str | None:
    meta = source.get("meta", {})
    if not isinstance(meta, dict):
        raise BadMessage("meta is not an object")
    version = meta.get("versionId")
    if version is not None and (not isinstance(version, str) or not ID.fullmatch(version)):
        raise BadMessage("meta.versionId is not an id")
    return version


def _code(concept: Element, system: str) -> str | None:
    return next((c["code"] for c in concept.get("coding", ()) if c.get("system") == system and "code" in c), None)
