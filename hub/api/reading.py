"""GET and search: from a request to what a use case answers, and back to bytes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

import orjson

from hub.access import Access
from hub.api import bundles, capability, definitions, negotiate, outcomes, resources, searchparams
from hub.api.interactions import MOST_PER_PAGE, Kind
from hub.api.message import ReadBody, Reply, Request
from hub.api.outcomes import parameter
from hub.api.searchparams import Pairs, Search
from hub.api.settings import ApiSettings
from hub.api.shaping import Shape, included
from hub.criteria import Criterion, Reference, Token
from hub.usecases.ports import Failed, Item, RequestContext, Results, SlotQuery, UseCases

_ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_VERSION: Final = re.compile(r"[1-9][0-9]{0,17}")


async def metadata(request: Request, usecases: UseCases, settings: ApiSettings) -> Reply:
    """The CapabilityStatement; nobody has to log in to see what there is."""
    pretty = _no_search(request, meaningless=("mode", "full"))
    statement = capability.statement(await usecases.installations(), settings)
    return Reply(200, _json(statement, pretty=pretty))


async def definition(request: Request, kind: Kind, hub_id: str) -> Reply:
    """A published definition."""
    pretty = _no_search(request)
    one = definitions.published(kind.name).get(hub_id)
    if one is None:
        raise Failed("not-found")
    return Reply(200, _json(one, pretty=pretty))


async def search_definitions(request: Request, kind: Kind, read_body: ReadBody, settings: ApiSettings) -> Reply:
    """All published definitions of a kind, or those of ``_id``."""
    search = await _search(request, kind, read_body, settings)
    if search.page.cursor is not None:
        raise Failed("bad-cursor", expression=[parameter("_cursor")])
    wanted = [{v.code for v in one.values if isinstance(v, Token)} for one in search.criteria]
    items = [
        Item(kind.name, identity, orjson.dumps(resource))
        for identity, resource in definitions.published(kind.name).items()
        if all(identity in ids for ids in wanted)
    ]
    return _bundle(Results(items[: search.page.count], total=len(items)), search, request, kind, settings)


async def read(
    request: Request, access: Access, kind: Kind, hub_id: str, usecases: UseCases, settings: ApiSettings
) -> Reply:
    """One resource as it is now: from the projection where it is proven, else from its master."""
    pretty, shape = _one(request, kind)
    _personal(kind, access)
    if not _ID.fullmatch(hub_id):
        raise Failed("not-found")
    fresh = "no-cache" in request.headers.get("cache-control", "")
    found = None if fresh else usecases.read_now(access, kind.name, hub_id)
    if found is None:
        found = await usecases.read(access, kind.name, hub_id, fresh=fresh, context=context(request, settings))
    if found is None:
        raise Failed("not-found")
    return resources.found(found, request, shape, pretty=pretty)


async def read_version(
    request: Request, access: Access, kind: Kind, hub_id: str, version: str, usecases: UseCases, settings: ApiSettings
) -> Reply:
    """One resource as it was."""
    pretty, shape = _one(request, kind)
    _personal(kind, access)
    if not _ID.fullmatch(hub_id) or not _VERSION.fullmatch(version):
        raise Failed("not-found")
    found = await usecases.version(access, kind.name, hub_id, int(version), context(request, settings))
    if found is None:
        raise Failed("not-found")
    return resources.found(found, request, shape, pretty=pretty)


async def search(
    request: Request, access: Access, kind: Kind, read_body: ReadBody, usecases: UseCases, settings: ApiSettings
) -> Reply:
    """A page of a search, by GET or by POST ``_search``."""
    _personal(kind, access)
    asked = await _search(request, kind, read_body, settings)
    if kind.name == "Slot":
        query = _slot_query(asked.criteria)
        if access.subject is None and not query.municipality:
            raise Failed("municipality-required", expression=[parameter("municipality")])
        results = await usecases.free_times(access, query, asked.page, context(request, settings))
    else:
        results = await usecases.search(access, kind.name, asked.criteria, asked.page, context(request, settings))
    if asked.includes and asked.page.count:
        more = await included(results.items, asked.includes, access, usecases, context(request, settings))
        results = replace(results, items=[*results.items, *more])
    return _bundle(results, asked, request, kind, settings)


def context(request: Request, settings: ApiSettings) -> RequestContext:
    """What a use case is told of the request."""
    return RequestContext(request.id, request.language, request.started + settings.deadline, settings.reached)


def _personal(kind: Kind, access: Access) -> None:
    if kind.personal and access.subject is None:
        raise Failed("forbidden", "It is a portal's own, without a resident.")


def _no_search(request: Request, meaningless: tuple[str, str] | None = None) -> bool:
    """The parameters of an interaction that is no search; whether the answer is to be pretty. ``meaningless`` is a
    parameter whose value asks for what is answered anyway."""
    given = [one for one in searchparams.pairs(request.query) if one != meaningless] if request.query else []
    request.media = negotiate.answer_media(request.headers.get("accept", ""), searchparams.named_format(given))
    return bool(given) and searchparams.only_format(given)


def _one(request: Request, kind: Kind) -> tuple[bool, Shape]:
    """The parameters of a read: whether the answer is to be pretty, and what is sent of the resource."""
    given = searchparams.pairs(request.query) if request.query else []
    request.media = negotiate.answer_media(request.headers.get("accept", ""), searchparams.named_format(given))
    return searchparams.only_shape(kind, given) if given else (False, Shape())


async def _search(request: Request, kind: Kind, read_body: ReadBody, settings: ApiSettings) -> Search:
    given: Pairs = searchparams.pairs(request.query) if request.query else []
    request.media = negotiate.answer_media(request.headers.get("accept", ""), searchparams.named_format(given))
    if request.method == "POST":
        request.body = await read_body()
        if request.body:
            negotiate.check_body(
                request.headers.get("content-type"), request.headers.get("content-encoding"), form=True
            )
        given = [*given, *searchparams.pairs(_form(request.body))]
        request.media = negotiate.answer_media(request.headers.get("accept", ""), searchparams.named_format(given))
    return searchparams.parse(kind, given, settings.base)


def _form(body: bytes) -> str:
    try:
        return body.decode("ascii")
    except UnicodeDecodeError:
        raise Failed("bad-parameter", "a form is percent-encoded ASCII") from None


def _bundle(results: Results, search: Search, request: Request, kind: Kind, settings: ApiSettings) -> Reply:
    if search.page.count == 0:
        results = Results((), None, results.total, results.missing)
    if search.shape:
        shaped = [replace(one, json=search.shape.of(one.kind, one.json)) for one in results.items]
        results = replace(results, items=shaped)
    notes = [outcomes.missing(one, request.language) for one in results.missing]
    if search.fewer:
        notes.append(outcomes.fewer(MOST_PER_PAGE, request.language))
    body = bundles.searchset(
        results,
        base=settings.base,
        kind=kind.name,
        shown=search.shown,
        total_wanted=search.total_wanted,
        notes=notes,
    )
    headers: list[tuple[str, str]] = [("Content-Language", request.language)] if notes else []
    released = (
        tuple(f"{i.kind}/{i.id}" for i in results.items) if kind.personal else (f"{len(results.items)} {kind.name}",)
    )
    return Reply(200, resources.indented(body) if search.pretty else body, headers, released=released)


def _slot_query(criteria: Iterable[Criterion]) -> SlotQuery:
    """The criteria of a Slot search by name. Those that are there twice must both hold: for the sets it is what they
    share, which is asked as one."""
    by_name: dict[str, list[Criterion]] = {}
    for one in criteria:
        by_name.setdefault(one.name, []).append(one)
    for name, several in by_name.items():
        if len(several) > 1 and name not in ("start", "status"):
            raise Failed("bad-parameter", "give it once, several values by comma", expression=[parameter(name)])
    span = searchparams.one_span(by_name.get("start", ()))
    tokens = {
        name: tuple(v for c in found for v in c.values if isinstance(v, Token)) for name, found in by_name.items()
    }
    references = {
        n: tuple(v for c in found for v in c.values if isinstance(v, Reference)) for n, found in by_name.items()
    }
    return SlotQuery(
        start=span.start,
        end=span.end,
        service_type=tokens.get("service-type", ()),
        service_category=tokens.get("service-category", ()),
        schedule=references.get("schedule", ()),
        actor=references.get("schedule.actor", ()),
        municipality=_codes("municipality", tokens),
        sector=_codes("sector", tokens),
        language=_codes("language", tokens),
    )


def _codes(name: str, tokens: dict[str, tuple[Token, ...]]) -> tuple[str, ...]:
    codes = tuple(token.code for token in tokens.get(name, ()) if token.code is not None)
    if len(codes) != len(tokens.get(name, ())):
        raise Failed("bad-parameter", "a code is named", expression=[parameter(name)])
    return codes


def _json(resource: object, *, pretty: bool) -> bytes:
    return orjson.dumps(resource, option=orjson.OPT_INDENT_2 if pretty else 0)
