"""How much of a resource is sent: `_elements` and `_summary`; and what comes with it: `_include`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from canonical import dictionary, strict_json
from canonical.fhir import Resource
from hub.access import Access
from hub.api.interactions import KINDS, Kind
from hub.api.outcomes import parameter
from hub.usecases.ports import Failed, Item, RequestContext, UseCases

MOST_INCLUDED: Final = 500
"""Resources that come along with one page."""
SUBSETTED: Final = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
SUMMARIES: Final = ("false", "true", "text", "data", "count")
_ALWAYS: Final = frozenset({"resourceType", "id", "meta"})
_SEVERAL: Final = "identifier active name type status serviceCategory serviceType specialty"
_SUMMARY: Final = {
    "Patient": "identifier active name telecom gender birthDate deceasedBoolean deceasedDateTime address link",
    "Organization": _SEVERAL,
    "Location": f"{_SEVERAL} mode description operationalStatus physicalType managingOrganization",
    "HealthcareService": f"{_SEVERAL} providedBy category location comment photo",
    "Practitioner": "identifier active name telecom address gender birthDate",
    "PractitionerRole": "identifier active period practitioner organization code specialty location telecom",
    "Schedule": f"{_SEVERAL} actor planningHorizon",
    "Slot": f"{_SEVERAL} appointmentType schedule start end",
    "Appointment": f"{_SEVERAL} cancelationReason appointmentType reasonCode start end participant",
    "Task": "identifier status statusReason businessStatus intent code focus for lastModified requester owner",
}
"""What R4 marks as part of the summary (Σ), of the elements that there are here."""
_BY_RULE: Final = {"Appointment": frozenset({"start", "end"}), "Organization": frozenset({"identifier", "name"})}
"""What a rule of R4 wants to be there beside the mandatory elements (app-2, app-3, org-1)."""
_INCLUDE: Final = re.compile(r"([A-Z][A-Za-z]{1,63}):([a-z-]{1,50})(?::([A-Z][A-Za-z]{1,63}))?")


@dataclass(frozen=True, slots=True)
class Shape:
    """What is sent of a resource: ``elements`` (empty: all of them), or a ``summary``."""

    elements: tuple[str, ...] = ()
    summary: str = "false"

    def __bool__(self) -> bool:
        return bool(self.elements) or self.summary in ("true", "text", "data")

    def of(self, kind: str, body: bytes) -> bytes:
        """The resource in this shape, tagged as `SUBSETTED`. What must be there in FHIR is there."""
        if not self or kind == "OperationOutcome":
            return body
        resource = strict_json.loads(body)
        kept = self._kept(kind, resource)
        shown = {name: value for name, value in resource.items() if name.removeprefix("_") in kept}
        meta = resource.get("meta", {})
        shown["meta"] = meta | {"tag": [*meta.get("tag", ()), SUBSETTED]}
        return strict_json.dumps(shown)

    def _kept(self, kind: str, resource: Resource) -> set[str]:
        if self.elements:
            return {*_ALWAYS, *_mandatory(kind), *self.elements}
        if self.summary == "data":
            return resource.keys() - {"text"}
        told = {"text"} if self.summary == "text" else set(_SUMMARY.get(kind, "").split()) or set(resource)
        return {*_ALWAYS, *_mandatory(kind), *told}


@dataclass(frozen=True, slots=True)
class Include:
    """A reference to follow: search parameter ``param`` of ``kind``, to ``target`` alone where that is named.
    ``again``: from what was included, too."""

    kind: str
    param: str
    target: str | None
    again: bool


def shape(kind: Kind, elements: str | None, summary: str | None) -> Shape:
    """The shape that the parameters ask for; raises `bad-parameter`."""
    names = tuple(elements.split(",")) if elements is not None else ()
    known = dictionary.describe(kind.name).elements
    if wrong := [name for name in names if name not in known]:
        listed = ", ".join(one[:50] for one in wrong[:5])
        raise Failed("bad-parameter", f"no elements of {kind.name}: {listed}", expression=[parameter("_elements")])
    if names and summary not in (None, "false"):
        raise Failed("bad-parameter", "_elements or _summary", expression=[parameter("_summary")])
    return Shape(names, summary or "false")


def include(kind: Kind, name: str, value: str) -> Include:
    """One ``_include`` or ``_include:iterate``; raises `bad-parameter`."""
    read, again = _INCLUDE.fullmatch(value), name.endswith(":iterate")
    source = KINDS.get(read[1]) if read else None
    path = followed(source, read[2]) if source and read else None
    if source is None or read is None or path is None or (read[3] and read[3] not in path[1]):
        where = ", ".join(includes(kind)) or "nothing"
        raise Failed("bad-parameter", f"{kind.name} includes {where}", expression=[parameter("_include")])
    if source is not kind and not again:
        why = f"{source.name} is not what is searched: say _include:iterate"
        raise Failed("bad-parameter", why, expression=[parameter("_include")])
    return Include(source.name, read[2], read[3], again)


def includes(kind: Kind) -> list[str]:
    """What a search of a type can include, as ``Slot:schedule``."""
    return [f"{kind.name}:{param.name}" for param in kind.params if followed(kind, param.name)]


@cache
def followed(kind: Kind, name: str) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """The elements on the way to the references of a search parameter, and the types they may lead to; None where it
    leads nowhere that can be included."""
    param = kind.param(name)
    if param is None or param.type != "reference" or kind.name == "Task":
        return None
    read = re.fullmatch(rf"{kind.name}\.([A-Za-z.]+?)(?:\.where\(.*\))?", param.expression)
    return (tuple(read[1].split(".")), param.targets) if read else None


async def included(
    items: Sequence[Item], wanted: Sequence[Include], access: Access, usecases: UseCases, context: RequestContext
) -> list[Item]:
    """What the items refer to by ``wanted``, each once, as far as the caller may see it; raises `too-costly`."""
    there = {(item.kind, item.id) for item in items}
    found: list[Item] = []
    new: Sequence[Item] = items
    while new and wanted:
        names = dict.fromkeys(pair for item in new for pair in _targets(item, wanted) if pair not in there)
        there.update(names)
        if len(found) + len(names) > MOST_INCLUDED:
            raise Failed("too-costly", f"at most {MOST_INCLUDED} are included", expression=[parameter("_include")])
        new = [one for kind, hub_id in names if (one := await _read(kind, hub_id, access, usecases, context))]
        found += new
        wanted = [one for one in wanted if one.again]
    return found


async def _read(kind: str, hub_id: str, access: Access, usecases: UseCases, context: RequestContext) -> Item | None:
    seen = usecases.read_now(access, kind, hub_id)
    if seen is None:
        seen = await usecases.read(access, kind, hub_id, fresh=False, context=context)
    return Item(kind, seen.id, seen.json, "include") if seen else None


def _targets(item: Item, wanted: Iterable[Include]) -> Iterator[tuple[str, str]]:
    following = [one for one in wanted if one.kind == item.kind]
    resource = strict_json.loads(item.json) if following else {}
    for one in following:
        path = followed(KINDS[one.kind], one.param)
        assert path is not None, "it was checked when it was read"
        for reference in _at(resource, path[0]):
            kind, _, hub_id = str(reference.get("reference", "")).partition("/")
            if hub_id and kind in path[1] and one.target in (None, kind):
                yield kind, hub_id


def _at(value: Any, path: Sequence[str]) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        for one in value:
            yield from _at(one, path)
    elif isinstance(value, dict):
        if path:
            yield from _at(value.get(path[0]), path[1:])
        else:
            yield value


@cache
def _mandatory(kind: str) -> frozenset[str]:
    required = frozenset(one.name for one in dictionary.describe(kind).elements.values() if one.required)
    return required | _BY_RULE.get(kind, frozenset())
