"""What the hub does to a resource on its way between a record system and a portal. Pure functions on plain JSON.

A record system's resource comes with local references and nothing of the hub's; a portal's has hub ids, a version and
where it came from. `bare` is the way back.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Final

import orjson

from canonical import codes, fhir, hetu, profiles, strict_json, times
from canonical.commands import Book
from canonical.fhir import Element, Resource

DIRECTORY: Final = frozenset(
    {"Organization", "Location", "HealthcareService", "Practitioner", "PractitionerRole", "Schedule"}
)
"""Kinds that are nobody's own: every client may see them."""
PERSONAL: Final = frozenset({"Patient", "Appointment"})
"""Kinds that are one person's."""
STORED: Final = DIRECTORY | PERSONAL

CONFIRMED: Final = {"system": codes.SYNC_STATE, "code": "confirmed"}
OUTCOME_UNKNOWN: Final = {"system": codes.SYNC_STATE, "code": "outcome-unknown"}
STALE: Final = {"system": codes.SYNC_STATE, "code": "stale"}

_KIND: Final = re.compile(r"[A-Z][A-Za-z]{1,63}")
_KEPT_META: Final = ("profile", "security")
_SEES_GUARDIAN: Final = frozenset({"1", "2"})
_SMALL_CHILD: Final = 10

Ids = Callable[[str, str], str | None]


def local_reference(text: str) -> tuple[str, str] | None:
    """Kind and id of a ``Kind/id`` reference; None for anything else (absolute, contained, a bare id)."""
    kind, slash, local_id = text.partition("/")
    return (kind, local_id) if slash and local_id and _KIND.fullmatch(kind) else None


def references_in(resource: Resource) -> Iterator[tuple[str, str]]:
    """Every ``Kind/id`` that the resource refers to, as often as it does."""
    for element in fhir.references(resource):
        found = local_reference(element["reference"])
        if found is not None:
            yield found


def localise(resource: Resource, ids: Ids) -> Resource:
    """A copy in which every ``Kind/local`` reference is ``Kind/<hub id>``.

    Where ``ids`` knows none (a kind that the hub does not keep), the literal reference is taken out, its display and
    identifier stay, and an element that is left with nothing goes too. Other references stay as they are.
    Whatever is shaped like a HETU is masked, whoever typed it where; only a Patient has one of their own.
    """
    mask = str if resource.get("resourceType") == "Patient" else hetu.mask
    result = _localised(resource, ids, mask)
    assert isinstance(result, dict)
    return result


def _localised(value: Any, ids: Ids, mask: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        found = {name: _localised(inner, ids, mask) for name, inner in value.items()}
        target = local_reference(value["reference"]) if isinstance(value.get("reference"), str) else None
        if target is not None:
            hub_id = ids(*target)
            found["reference"] = f"{target[0]}/{hub_id}" if hub_id is not None else None
        return {name: inner for name, inner in found.items() if inner is not None} or None
    if isinstance(value, list):
        return [inner for inner in (_localised(one, ids, mask) for one in value) if inner is not None] or None
    return mask(value) if isinstance(value, str) else value


def digest(resource: Resource) -> str:
    """SHA-256 in hex of what the resource says, whatever the order of its properties; ``id`` and ``meta`` do not count,
    but for the labels that a record system gives (``meta.security``, ``meta.profile``)."""
    return hashlib.sha256(orjson.dumps(bare(resource), default=_decimal, option=orjson.OPT_SORT_KEYS)).hexdigest()


def bare(resource: Resource) -> Resource:
    """The resource without what the hub put on it: id, meta (but security, and profiles that somebody else claimed) and
    the receipt's extension."""
    result = {name: value for name, value in resource.items() if name not in ("id", "meta", "extension")}
    meta = {name: resource["meta"][name] for name in _KEPT_META if resource.get("meta", {}).get(name)}
    if theirs := [one for one in meta.pop("profile", ()) if one not in profiles.CLAIMS.values()]:
        meta["profile"] = theirs
    extensions = [e for e in resource.get("extension", ()) if e.get("url") != codes.RECEIPT_EXTENSION]
    return result | ({"meta": meta} if meta else {}) | ({"extension": extensions} if extensions else {})


def with_meta(
    resource: Resource,
    hub_id: str,
    version: int,
    last_updated: datetime,
    source: str,
    tags: Sequence[Element] = (),
    receipt: str | None = None,
) -> bytes:
    """The resource as portals read it, in JSON: ``id`` and ``meta`` in front, ``meta.source`` of installation
    ``source``, the Finnish profile that is true of it, and where a write's outcome is unknown the extension that names
    its receipt ``Task/<receipt>``."""
    content = bare(resource)
    profile = [*content.get("meta", {}).get("profile", ()), *profiles.claimed(content)]
    labels = content.pop("meta", {}) | ({"profile": profile} if profile else {})
    meta: Element = {"versionId": str(version), "lastUpdated": times.iso(last_updated), "source": codes.source(source)}
    meta |= labels | ({"tag": list(tags)} if tags else {})
    if receipt is not None:
        named = {"url": codes.RECEIPT_EXTENSION, "valueReference": fhir.reference("Task", receipt)}
        content["extension"] = [*content.get("extension", ()), named]
    shown = {"resourceType": content.pop("resourceType"), "id": hub_id, "meta": meta} | content
    return orjson.dumps(shown, default=_decimal)


def stale(shown: bytes, as_of: float) -> bytes:
    """A resource as portals read it, marked as no more than the last known state: its master was asked and did not
    answer. A tag says so, and an extension of ``meta`` since when (``as_of``, real time) nothing newer is known."""
    resource = strict_json.loads(shown)
    meta = resource["meta"]
    said = {"url": codes.AS_OF_EXTENSION, "valueInstant": times.iso(datetime.fromtimestamp(as_of, UTC))}
    marked = meta | {"extension": [*meta.get("extension", ()), said], "tag": [*meta.get("tag", ()), STALE]}
    return orjson.dumps(resource | {"meta": marked}, default=_decimal)


def _decimal(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value).encode("ascii"))
    raise TypeError(f"{type(value).__name__} is not JSON")


def pending_appointment(
    book: Book, patient: str, slot: str | None = None, participants: Iterable[Element] = ()
) -> Resource:
    """The Appointment of a booking whose outcome is not known: what was asked for, status ``pending``, texts masked as
    by `localise`.

    ``patient`` is a hub Patient id, ``slot`` a Slot id, ``participants`` whoever else is known to take part.
    """
    asked: Resource = {
        "resourceType": "Appointment",
        "identifier": [fhir.identifier(codes.PLACER, book.placer_id, type_code="PLAC"), *own_identifiers(book)],
        "status": "pending",
        "reasonCode": [fhir.concept(text=hetu.mask(book.reason))] if book.reason else None,
        "start": times.iso(book.time.start),
        "end": times.iso(book.time.end),
        "slot": [fhir.reference("Slot", slot)] if slot else None,
        "comment": hetu.mask(book.comment) or None,
        "participant": [{"actor": fhir.reference("Patient", patient), "status": "accepted"}, *participants],
    }
    return {name: value for name, value in asked.items() if value is not None}


def own_identifiers(book: Book) -> list[Element]:
    """The portal's own names for a booking, as FHIR Identifiers."""
    return [({"system": system} if system else {}) | {"value": value} for system, value in book.identifiers]


def with_identifiers(resource: Resource, own: Sequence[Element]) -> Resource:
    """A copy that carries ``own`` too, behind the record system's."""
    there = resource.get("identifier", [])
    added = [one for one in own if one not in there]
    return resource | {"identifier": [*there, *added]} if added else resource


def with_status(resource: Resource, status: str) -> Resource:
    """A copy with another status."""
    return resource | {"status": status}


def span(resource: Resource) -> tuple[datetime | None, datetime | None]:
    """``start`` and ``end``, where it has them. ValueError for a time without an offset."""
    start, end = resource.get("start"), resource.get("end")
    return (times.instant(start) if start else None, times.instant(end) if end else None)


def guardian_sees(resource: Resource, birth_date: date | None) -> bool:
    """Whether somebody who acts for the person may see this Appointment.

    RestrictionParent 1 and 2 show, 3, 4 and any other code hide; without it the visits of a child under ten (on the
    day of the visit, in Helsinki) show, everybody else's are hidden.
    """
    restriction = fhir.extension(resource, codes.RESTRICTION_PARENT)
    if restriction is not None:
        return _restriction(restriction) in _SEES_GUARDIAN
    start, _ = span(resource)
    if start is None or birth_date is None:
        return False
    day = times.to_local(start).date()
    age = day.year - birth_date.year - ((day.month, day.day) < (birth_date.month, birth_date.day))
    return age < _SMALL_CHILD


def _restriction(extension: Element) -> str | None:
    """The code, written as a Coding (the profile), or as the other shapes seen of coded extensions."""
    concept = extension.get("valueCodeableConcept", {}).get("coding", ())
    for coding in (extension.get("valueCoding", {}), *concept):
        if coding.get("system", codes.RESTRICTION_PARENT_CODES) == codes.RESTRICTION_PARENT_CODES:
            code: str | None = coding.get("code")
            if code is not None:
                return code
    return None


def release_at(resource: Resource) -> datetime | None:
    """From when the resident may see it (ReleaseDateForPatientViewing; a date is the beginning of the Helsinki day)."""
    extension = fhir.extension(resource, codes.RELEASE_DATE)
    if extension is None:
        return None
    if "valueDate" in extension:
        return times.from_local(datetime.combine(date.fromisoformat(extension["valueDate"]), time()))
    text = str(extension.get("valueDateTime") or extension.get("valueInstant"))
    if len(text) == len("2027-03-22"):
        return times.from_local(datetime.combine(date.fromisoformat(text), time()))
    return times.instant(text)
