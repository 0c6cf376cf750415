"""Messages of all wires as a test names them: a kind (``SRM^S01``, ``POST Appointment``, ``VaraaAika``) and fields.

Read for people to compare, not to be right about: what cannot be read has no fields, and no fault of the sandbox's is
refused here.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from lxml import etree

from canonical import xml

Fields = dict[str, str]
_BASES: Final = ("/fhir/", "/rajapinta/v3/", "/ws/")
_SOAP: Final = "{http://schemas.xmlsoap.org/soap/envelope/}"
_ENDS: Final = re.compile("[\x0b\x1c]")


@dataclass(frozen=True, slots=True)
class Read:
    """``kind`` is what it is, ``code`` what an answer says (MSA-1, the HTTP status), "" where there is none."""

    kind: str
    code: str
    fields: Fields


def read(system: str, text: str) -> Read:
    """The message of an installation of ``system``."""
    return _hl7(text) if system == "pegasos" else _http(text)


def _hl7(text: str) -> Read:
    lines = [one for one in re.split("[\r\n]+", _ENDS.sub("", text)) if one]
    found: Fields = {}
    seen: Counter[str] = Counter()
    for line in lines:
        name, *values = line.split("|")
        seen[name] += 1
        place = name if seen[name] == 1 else f"{name}[{seen[name]}]"
        # MSH-1 is the separator itself.
        for number, value in enumerate(values, 2 if name == "MSH" else 1):
            if value:
                found |= _components(f"{place}-{number}", value, split=not (name == "MSH" and number == 2))
    kind = "^".join(part for n in (1, 2) if (part := found.get(f"MSH-9.{n}")))
    return Read(kind, found.get("MSA-1", ""), found)


def _components(place: str, value: str, *, split: bool) -> Iterator[tuple[str, str]]:
    yield place, value
    if split and "^" in value:
        yield from ((f"{place}.{number}", part) for number, part in enumerate(value.split("^"), 1) if part)


def _http(text: str) -> Read:
    head, _, body = text.partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    found: Fields = {}
    for line in lines:
        name, _, value = line.partition(":")
        found[name.lower()] = value.strip()
    answered = re.match(r"HTTP/1\.1 (\d+)", first)
    payload, inner = _body(body)
    found |= inner
    if answered:
        return Read(payload or answered[1], answered[1], found | {"status": inner.get("status", answered[1])})
    method, _, rest = first.partition(" ")
    path = rest.partition(" ")[0]
    return Read(payload or f"{method} {_named(path)}", "", found | {"method": method, "path": path})


def _named(path: str) -> str:
    """What a path is about: the type, and the operation where there is one, without ids."""
    for base in _BASES:
        path = path.removeprefix(base)
    parts = path.partition("?")[0].split("/")
    operation = parts[-1] if len(parts) > 1 and parts[-1][:1] in ("_", "$") else ""
    return f"{parts[0]}/{operation}" if operation else parts[0]


def _body(body: str) -> tuple[str, Fields]:
    """(the payload's name in an envelope or "", its fields)."""
    if body.startswith("{"):
        try:
            return "", dict(_json(json.loads(body), ""))
        except ValueError:
            return "", {}
    if body.startswith("<"):
        try:
            root = xml.loads(body.encode("utf-8"))
        except xml.BadXml:
            return "", {}
        wrapped = root.find(f"{_SOAP}Body")
        payload = wrapped[0] if wrapped is not None and len(wrapped) else None
        return ("", dict(_xml(root, ""))) if payload is None else (_local(payload), dict(_xml(payload, "")))
    return "", {}


def _json(value: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _json(inner, f"{place}.{name}" if place else name)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _json(inner, f"{place}[{number}]")
    else:
        yield place, value if isinstance(value, str) else json.dumps(value)


def _xml(element: etree._Element, place: str) -> Iterator[tuple[str, str]]:
    children = [one for one in element if isinstance(one.tag, str)]
    if not children and place:
        yield place, (element.text or "").strip()
    seen: Counter[str] = Counter()
    for child in children:
        name = _local(child)
        seen[name] += 1
        here = name if seen[name] == 1 else f"{name}[{seen[name]}]"
        yield from _xml(child, f"{place}.{here}" if place else here)


def _local(element: etree._Element) -> str:
    return str(etree.QName(element).localname)
