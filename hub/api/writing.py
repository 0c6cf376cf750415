"""POST and PUT of Appointments: booking and cancelling."""

from __future__ import annotations

from http import HTTPStatus

import orjson

from hub.access import Access
from hub.api import bodies, negotiate, reading, resources, searchparams
from hub.api import outcomes as outcome
from hub.api.interactions import KINDS
from hub.api.message import ReadBody, Reply, Request
from hub.api.outcomes import parameter
from hub.api.settings import ApiSettings
from hub.criteria import Criterion
from hub.usecases.ports import Answer, BookRequest, CancelRequest, Failed, Kept, Unknown, UseCases

_APPOINTMENT = KINDS["Appointment"]
# Said of this one request only, not of what was asked with the key: the next one is answered anew.
_NOT_FINAL = frozenset({"in-flight", "key-reused", "no-store", "throttled", "answer-withheld"})


async def create(
    request: Request, access: Access, read_body: ReadBody, usecases: UseCases, settings: ApiSettings
) -> Reply:
    """Book the free time that the Appointment in the body names."""
    key = await _begin(request, access, read_body)
    if_none_exist = _if_none_exist(request.headers.get("if-none-exist"), settings.base)
    asked = bodies.booking(bodies.appointment(request.body), settings.base, access, request.body, key, if_none_exist)
    settings.reached("request-parsed")
    reply = await _answered(asked, request, access, usecases, settings)
    if reply.status == HTTPStatus.CREATED and b'"description"' in request.body:
        # Said, for a person may have written it: no record system has a place for it beside the comment.
        reply.headers.append(("Warning", '199 - "not-carried: Appointment.description; use comment"'))
    return reply


async def update(
    request: Request, access: Access, hub_id: str, read_body: ReadBody, usecases: UseCases, settings: ApiSettings
) -> Reply:
    """Cancel the Appointment: the only change there is, based on the version that If-Match names."""
    key = await _begin(request, access, read_body)
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
    asked = bodies.cancellation(resource, orjson.loads(seen.json), hub_id, version, request.body, key)
    settings.reached("request-parsed")
    return await _answered(asked, request, access, usecases, settings)


async def _begin(request: Request, access: Access, read_body: ReadBody) -> str | None:
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
    asked: BookRequest | CancelRequest, request: Request, access: Access, usecases: UseCases, settings: ApiSettings
) -> Reply:
    """Ask the use case, render what it says, and keep what is final for the next request with the same key."""
    context = reading.context(request, settings)
    try:
        if isinstance(asked, BookRequest):
            answer = await usecases.book(access, asked, context)
        else:
            answer = await usecases.cancel(access, asked, context)
        reply = _rendered(answer, request, settings)
        final = not isinstance(answer, Kept | Unknown)
    except Failed as problem:
        reply = outcome.reply(problem, request, settings.help)
        final = problem.code not in _NOT_FINAL
    if asked.key is not None and final:
        headers = tuple(reply.headers)
        await usecases.remember(access, asked, Kept(reply.status, headers, reply.body))
    return reply


def _rendered(answer: Answer, request: Request, settings: ApiSettings) -> Reply:
    match answer:
        case Kept():
            return resources.kept(answer)
        case Unknown():
            return resources.unknown(answer, request, settings)
        case _:
            return resources.written(answer, request, settings)
