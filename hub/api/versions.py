"""``_history`` of one resource: what the hub has seen of it, newest first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from canonical import times
from hub.access import Access
from hub.api import negotiate, reading, resources, searchparams
from hub.api.interactions import DEFAULT_PER_PAGE, MOST_PER_PAGE, Kind
from hub.api.message import Reply, Request
from hub.api.outcomes import parameter
from hub.api.searchparams import Pairs
from hub.api.settings import ApiSettings
from hub.usecases.ports import Failed, Found, UseCases

PARAMS: Final = ("_count", "_cursor", "_format", "_pretty")
_ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_NUMBER: Final = re.compile(r"[0-9]{1,18}")


async def history(
    request: Request, access: Access, kind: Kind, hub_id: str, usecases: UseCases, settings: ApiSettings
) -> Reply:
    """A Bundle of the versions; raises `not-found` where the resource is not to be seen now."""
    given: Pairs = searchparams.pairs(request.query) if request.query else []
    request.media = negotiate.answer_media(request.headers.get("accept", ""), searchparams.named_format(given))
    count, below = _page(given)
    if kind.personal and access.subject is None:
        raise Failed("forbidden", "It is a portal's own, without a resident.")
    found = (
        await usecases.history(access, kind.name, hub_id, reading.context(request, settings)) if _is_id(hub_id) else ()
    )
    if not found:
        raise Failed("not-found")
    older = [one for one in found if one.version is not None and (below is None or one.version < below)]
    shown = older[:count]
    url = f"{settings.base}/{kind.name}/{hub_id}/_history"
    links = [{"relation": "self", "url": f"{url}?{request.query}" if request.query else url}]
    if len(older) > count > 0:
        links.append({"relation": "next", "url": f"{url}?_count={count}&_cursor={shown[-1].version}"})
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "history", "total": len(found), "link": links}
    if shown:
        bundle["entry"] = list(_entries(shown, settings.base))
    body = orjson.dumps(bundle)
    released = (f"{kind.name}/{hub_id}",)
    return Reply(200, resources.indented(body) if ("_pretty", "true") in given else body, [], released=released)


def _is_id(hub_id: str) -> bool:
    return _ID.fullmatch(hub_id) is not None


def _page(given: Pairs) -> tuple[int, int | None]:
    """How many, and below which version; raises `unknown-parameter`, `bad-parameter`, `bad-cursor`."""
    named = dict(given)
    for name in named:
        if name not in PARAMS:
            where = [parameter(name)] if name.isidentifier() and len(name) < 50 else []
            raise Failed("unknown-parameter", f"Known: {', '.join(PARAMS)}.", expression=where)
    count, cursor = named.get("_count", str(DEFAULT_PER_PAGE)), named.get("_cursor")
    if not _NUMBER.fullmatch(count):
        raise Failed("bad-parameter", f"a whole number, 0 to {MOST_PER_PAGE}", expression=[parameter("_count")])
    if cursor is not None and not _NUMBER.fullmatch(cursor):
        raise Failed("bad-cursor", expression=[parameter("_cursor")])
    return min(int(count), MOST_PER_PAGE), int(cursor) if cursor is not None else None


def _entries(versions: list[Found], base: str) -> Iterator[dict[str, Any]]:
    for one in versions:
        assert one.last_updated is not None, "a version has a time"
        is_first = one.version == 1
        yield {
            "fullUrl": f"{base}/{one.kind}/{one.id}",
            "resource": orjson.Fragment(one.json),
            "request": {
                "method": "POST" if is_first else "PUT",
                "url": one.kind if is_first else f"{one.kind}/{one.id}",
            },
            "response": {
                "status": "201" if is_first else "200",
                "etag": f'W/"{one.version}"',
                "lastModified": times.iso(datetime.fromtimestamp(one.last_updated, UTC)),
            },
        }
