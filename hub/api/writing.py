"""POST and PUT of Appointments: booking, cancelling, moving, and answers to proposals."""

from __future__ import annotations

import orjson

from canonical.fhir import Resource
from hub.access import Access
from hub.api import bodies, carried, negotiate, reading, resources, searchparams
from hub.api import outcomes as outcome
from hub.api.interactions import KINDS
from hub.api.message import ReadBody, Reply, Request
from hub.api.outcomes import parameter
from hub.api.settings import ApiSettings
from hub.criteria import Criterion
from hub.usecases.ports import (
    AcceptRequest,
    Answer,
    BookRequest,
    CancelRequest,
    ChangeRequest,
    Created,
    Existing,
    Failed,
    Kept,
    MoveRequest,
    RequestContext,
    Unknown,
    Updated,
    UseCases,
)

_APPOINTMENT = KINDS["Appointment"]
# Said of this one request only, not of what was asked with the key: the next one is answered anew.
_NOT_FINAL = frozenset({"in-flight", "key-reused", "no-store", "throttled", "answer-withheld"})


async def create(
    request: Request, access: Access, read_body: ReadBody, usecases: UseCases, settings: ApiSettings
) -> Reply:
    """Book the free time that the Appointment in the body names."""
    key = await begin(request, access, read_body)
    return await book(request, access, bodies.appointment(request.body), key, usecases, settings)


async def book(
    request: Request, access: Access, resource: Resource, key: str | None, usecases: UseCases, settings: ApiSettings
) -> Reply:
    """Book the free time that a valid Appointment names; ``key`` is what `begin` gave."""
    if_none_exist = _if_none_exist(request.headers.get("if-none-exist"), settings.base)
    asked = bodies.booking(resource, settings.base, access, request.body, key, if_none_exist)
    if resources.is_strict(request) and (unplaced := carried.unplaced(resource)):
        raise Failed("not-supported", f"no record system carries {', '.join(unplaced)}", expression=unplaced)
    settings.reached("request-parsed")
    return await _answered(asked, resource, request, access, usecases, settings)


async def update(
    request: Request, access: Access, hub_id: str, read_body: ReadBody, usecases: UseCases, settings: ApiSettings
) -> Reply:
    """Cancel the Appointment, move it, or answer the unit's proposal, based on the version that If-Match names."""
    key = await begin(request, access, read_body)
    version = bodies.expected_version(request.headers.get("if-match"))
    resource = bodies.appointment(request.body)
    if resource.get("id") != hub_id:
        raise Failed("bad-value", "the id of the body is not the id of the URL", expression=["Appointment.id"])
    context = reading.context(request, settings)
    seen = await usecases.version(access, "Appointment", hub_id, version, context)
    if seen is None:
        if await usecases.read(access, "Appointment", hub_id, fresh=False, context=context) is None:
            raise Failed("not-found")
        raise Failed("stale-version", expression=[parameter("If-Match")])
    before = orjson.loads(seen.json)
    asked = bodies.change(resource, before, hub_id, version, settings.base, request.body, key)
    settings.reached("request-parsed")
    said = {name: value for name, value in resource.items() if name == "status" or value != before.get(name)}
    return await _answered(asked, said, request, access, usecases, settings)


async def begin(request: Request, access: Access, read_body: ReadBody) -> str | None:
    """What both have in common: who may, in which format, and the key."""
    if access.subject is None:
        raise Failed("forbidden", "It is a portal's own, without a resident.")
    given = searchparams.pairs(request.query) if request.query else []
    request.media = negotiate.answer_media(request.headers.get("accept", ""), searchparams.named_format(given))
    searchparams.only_format(given)
    key = bodies.idempotency_key(request.headers.get("idempotency-key"))
    negotiate.check_body(request.headers.get("content-type"), request.headers.get("content-encoding"))
    request.body = await read_body()
    return key


def _if_none_exist(header: str | None, base: str) -> tuple[Criterion, ...] | None:
    """The criteria of If-None-Exist, read as strictly as a search."""
    if header is None:
        return None
    given = searchparams.pairs(header.strip().removeprefix("Appointment").removeprefix("?"))
    if not given:
        raise Failed("bad-parameter", "no criteria", expression=[parameter("If-None-Exist")])
    return tuple(searchparams.criterion(_APPOINTMENT, name, value, base) for name, value in given)


async def _answered(
    asked: BookRequest | ChangeRequest,
    said: Resource,
    request: Request,
    access: Access,
    usecases: UseCases,
    settings: ApiSettings,
) -> Reply:
    """Ask the use case, render what it says of what was ``said``, and keep what is final for the next request with the
    same key."""
    context = reading.context(request, settings)
    try:
        answer = await _ask(asked, access, usecases, context)
        reply = _rendered(answer, said, request, settings)
        final = not isinstance(answer, Kept | Unknown)
    except Failed as problem:
        reply = outcome.reply(problem, request, settings.help)
        final = problem.code not in _NOT_FINAL
    if asked.key is not None and final:
        headers = tuple(reply.headers)
        await usecases.remember(access, asked, Kept(reply.status, headers, reply.body))
    return reply


async def _ask(
    asked: BookRequest | ChangeRequest, access: Access, usecases: UseCases, context: RequestContext
) -> Answer:
    match asked:
        case BookRequest():
            return await usecases.book(access, asked, context)
        case CancelRequest():
            return await usecases.cancel(access, asked, context)
        case MoveRequest():
            return await usecases.move(access, asked, context)
        case AcceptRequest():
            return await usecases.accept(access, asked, context)


def _rendered(answer: Answer, said: Resource, request: Request, settings: ApiSettings) -> Reply:
    match answer:
        case Kept():
            return resources.kept(answer)
        case Unknown():
            lost = carried.unplaced(said) if said["status"] != "cancelled" else carried.not_carried(said)
            return resources.unknown(answer, lost, request, settings)
        case Created(found=one):
            lost = carried.missing(said, orjson.loads(one.json), settings.base)
            return resources.written(answer, lost, request, settings)
        case Updated(found=one):
            is_cancelled = said["status"] == "cancelled"
            lost = carried.not_carried(said) if is_cancelled else carried.unsaid(said, orjson.loads(one.json))
            return resources.written(answer, lost, request, settings)
        case Existing():
            return resources.written(answer, [], request, settings)
