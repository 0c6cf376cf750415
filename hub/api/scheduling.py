"""The operations of IHE ITI Scheduling (ITI-115, -116, -117) beside plain REST: ``Appointment/$find``, ``$hold`` and
``$book``; and ``$release``, which is ours.

A proposed Appointment is a free time seen from its other side: its id is the Slot's, it is stored nowhere, and any
process of the hub can hold or book it. ``$book`` is the same as ``POST Appointment``, and shares its keys.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final

import orjson

from canonical import strict_json, times
from canonical.fhir import Resource
from canonical.validate import validate
from hub.access import Access
from hub.api import bodies, bundles, negotiate, outcomes, reading, resources, searchparams, writing
from hub.api.interactions import MOST_PER_PAGE
from hub.api.message import ReadBody, Reply, Request
from hub.api.operations import FIND, HELD_UNTIL
from hub.api.searchparams import Pairs, Search
from hub.api.settings import ApiSettings
from hub.criteria import Criterion, Reference, Span, Token
from hub.usecases.ports import Failed, Held, HoldRequest, Item, RequestContext, SlotQuery, UseCases

_REFERENCE: Final = "appointment-reference"


async def answer(
    request: Request, access: Access, name: str, read_body: ReadBody, usecases: UseCases, settings: ApiSettings
) -> Reply:
    """The answer to the operation ``name``, which is one of `hub.api.operations.OPERATIONS`."""
    if name == "find":
        return await _find(request, access, read_body, usecases, settings)
    if access.subject is None:
        raise Failed("forbidden", "It is a portal's own, without a resident.")
    key, given = await writing.begin(request, access, read_body), parameters_of(request)
    if name == "book":
        return await _book(request, access, given, key, usecases, settings)
    asked = HoldRequest(_slot_id(_values(given), settings.base), access.subject, request.body, key)
    context = reading.context(request, settings)
    if name == "release":
        lost = await usecases.release(access, asked, context)
        if lost is not None:
            return resources.unknown(lost, [], request, settings)
        done = outcomes.resource([Failed("done")], request.language, request.id)
        return Reply(200, done, released=(f"Slot/{asked.slot_id}",))
    held = await usecases.hold(access, asked, context)
    if not isinstance(held, Held):
        return resources.unknown(held, [], request, settings)
    shown = await _Proposals(access, usecases, context).of(held.slot)
    until = {"url": HELD_UNTIL, "valueInstant": times.iso(held.until)}
    body = strict_json.dumps(shown | {"status": "pending", "extension": [until]})
    headers = [("Idempotent-Replayed", "true")] if held.replayed else []
    return Reply(200, _bundle(body, held.slot_id, settings), headers, released=(f"Slot/{held.slot_id}",))


def parameters_of(request: Request) -> Resource:
    """The resource in the body, which is valid R4 if it is Parameters; raises what `bodies.appointment` raises."""
    resource = bodies.json_of(request.body)
    if not isinstance(resource, dict):
        raise Failed("bad-structure", "Parameters are expected", expression=["Parameters"])
    if resource.get("resourceType") != "Appointment" and (findings := validate(resource, "Parameters")):
        raise bodies.refusal(findings)
    return resource


async def _book(
    request: Request, access: Access, given: Resource, key: str | None, usecases: UseCases, settings: ApiSettings
) -> Reply:
    if given.get("resourceType") == "Appointment":
        return await writing.book(request, access, bodies.appointment(request.body), key, usecases, settings)
    slot_id = _slot_id(_values(given), settings.base)
    me = {"actor": {"reference": f"Patient/{access.subject}"}, "status": "accepted"}
    slot = [{"reference": f"Slot/{slot_id}"}]
    booking = {"resourceType": "Appointment", "status": "booked", "slot": slot, "participant": [me]}
    reply = await writing.book(request, access, booking, key, usecases, settings)
    booked = strict_json.loads(reply.body) if reply.outcome == "success" and reply.body else {}
    if booked.get("resourceType") != "Appointment":
        return reply  # refused, not known yet, or the client wants no body
    identity = str(booked["id"])
    return replace(reply, body=_bundle(reply.body, identity, settings))


async def _find(
    request: Request, access: Access, read_body: ReadBody, usecases: UseCases, settings: ApiSettings
) -> Reply:
    given: Pairs = searchparams.pairs(request.query) if request.query else []
    if request.method == "POST":
        request.media = negotiate.answer_media(request.headers.get("accept", ""), searchparams.named_format(given))
        negotiate.check_body(request.headers.get("content-type"), request.headers.get("content-encoding"))
        request.body = await read_body()
        given = [*given, *_values(parameters_of(request))]
    request.media = negotiate.answer_media(request.headers.get("accept", ""), searchparams.named_format(given))
    asked = searchparams.parse(FIND, given, settings.base)
    query, context = _query(asked, access), reading.context(request, settings)
    if access.subject is None and not query.municipality:
        raise Failed("municipality-required", expression=[outcomes.parameter("municipality")])
    found = await usecases.free_times(access, query, replace(asked.page, counted=asked.total_wanted), context)
    proposals = _Proposals(access, usecases, context)
    items = [Item("Appointment", one.id, await proposals.json(one.json)) for one in found.items]
    notes = [outcomes.missing(one, request.language) for one in found.missing]
    notes += [outcomes.fewer(MOST_PER_PAGE, request.language)] if asked.fewer else []
    body = bundles.searchset(
        replace(found, items=[replace(one, json=asked.shape.of(one.kind, one.json)) for one in items]),
        base=settings.base,
        kind="Appointment/$find",
        shown=asked.shown,
        total_wanted=asked.total_wanted,
        notes=notes,
    )
    headers: list[tuple[str, str]] = [("Content-Language", request.language)] if notes else []
    return Reply(200, resources.indented(body) if asked.pretty else body, headers, (f"{len(items)} Slot",))


def _query(asked: Search, access: Access) -> SlotQuery:
    named: dict[str, list[Criterion]] = {}
    for one in asked.criteria:
        named.setdefault(one.name, []).append(one)
    values = {name: [value for one in several for value in one.values] for name, several in named.items()}
    references = {name: tuple(v for v in several if isinstance(v, Reference)) for name, several in values.items()}
    tokens = {name: tuple(v for v in several if isinstance(v, Token)) for name, several in values.items()}
    codes_of = {name: tuple(v.code for v in several if v.code) for name, several in tokens.items()}
    if any(one.id != access.subject for one in references.get("patient-reference", ())):
        raise Failed("another-patient", expression=[outcomes.parameter("patient-reference")])
    return SlotQuery(
        start=_instant(values.get("start", []), "start"),
        end=_instant(values.get("end", []), "end"),
        service_type=tokens.get("visit-type", ()),
        specialty=tokens.get("specialty", ()),
        around=tuple(
            references[name] for name in ("practitioner", "organization", "location-reference") if name in references
        ),
        municipality=codes_of.get("municipality", ()),
        sector=codes_of.get("sector", ()),
        language=codes_of.get("language", ()),
    )


def _instant(values: list[Any], name: str) -> Any:
    """One end of a span: of a day that is named whole, its own."""
    if not values:
        return None
    if len(values) > 1 or not isinstance(values[0], Span):
        raise Failed("bad-parameter", "one instant or day", expression=[outcomes.parameter(name)])
    span = values[0]
    if name == "start" or span.end is None:
        return span.start
    whole_days = span.start is None or (span.end - span.start).total_seconds() > 3600
    return span.end if whole_days else span.start


@dataclass(slots=True)
class _Proposals:
    """Slots as the Appointments they could become. Each Schedule is read once."""

    access: Access
    usecases: UseCases
    context: RequestContext
    _actors: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    async def json(self, slot: bytes) -> bytes:
        return strict_json.dumps(await self.of(slot))

    async def of(self, slot: bytes) -> Resource:
        free = strict_json.loads(slot)
        start, end = times.instant(free["start"]), times.instant(free["end"])
        schedule = free.get("schedule", {}).get("reference", "").removeprefix("Schedule/")
        actors = await self._of_schedule(schedule) if schedule else []
        subject = self.access.subject
        me = [{"actor": {"reference": f"Patient/{subject}"}, "status": "needs-action"}] if subject else []
        others = [{"actor": actor, "status": "accepted"} for actor in actors]
        shown: Resource = {"resourceType": "Appointment", "id": free["id"], "meta": free["meta"], "status": "proposed"}
        same = ("serviceCategory", "serviceType", "specialty", "appointmentType", "start", "end")
        shown |= {name: free[name] for name in same if name in free}
        shown["minutesDuration"] = int((end - start).total_seconds()) // 60
        shown["slot"] = [{"reference": f"Slot/{free['id']}"}]
        # Somebody takes part in every Appointment; where nobody is known it is somebody whose name is not known.
        return shown | {"participant": [*me, *others] or [{"actor": {"display": "?"}, "status": "needs-action"}]}

    async def _of_schedule(self, hub_id: str) -> list[dict[str, Any]]:
        if hub_id not in self._actors:
            seen = self.usecases.read_now(self.access, "Schedule", hub_id)
            if seen is None:
                seen = await self.usecases.read(self.access, "Schedule", hub_id, fresh=False, context=self.context)
            self._actors[hub_id] = strict_json.loads(seen.json).get("actor", []) if seen else []
        return self._actors[hub_id]


def _values(parameters: Resource) -> Pairs:
    """Parameters as names and texts. Raises `not-supported` for what is none: a logical reference, a resource."""
    found: Pairs = []
    for i, one in enumerate(parameters.get("parameter", ())):
        value = next((inner for name, inner in one.items() if name.startswith("value")), None)
        if isinstance(value, dict):
            value = value.get("reference")
        if value is None:
            where = [f"Parameters.parameter[{i}]"]
            raise Failed("not-supported", "a parameter is a plain value or a literal reference", expression=where)
        found.append((one["name"], ("true" if value else "false") if isinstance(value, bool) else str(value)))
    return found


def _slot_id(given: Pairs, base: str) -> str:
    where = "Parameters.parameter"
    for name, _ in given:
        if name != _REFERENCE:
            raise Failed("not-supported", f"known: {_REFERENCE}", expression=[where])
    if len(given) != 1:
        raise Failed("required-element", f"one {_REFERENCE}", expression=[where])
    kind, _, identity = given[0][1].removeprefix(f"{base}/").partition("/")
    if kind not in ("Appointment", "Slot") or not identity:
        raise Failed("unknown-slot", "a proposed Appointment is Appointment/<id>", expression=[f"{where}[0].value"])
    return identity


def _bundle(appointment: bytes, identity: str, settings: ApiSettings) -> bytes:
    url = f"{settings.base}/Appointment/{identity}"
    entry = {"fullUrl": url, "resource": orjson.Fragment(appointment), "search": {"mode": "match"}}
    return orjson.dumps({"resourceType": "Bundle", "type": "searchset", "total": 1, "entry": [entry]})
