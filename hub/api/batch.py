"""A Bundle of type ``batch``: several requests in one, each with its own answer, as if it had come alone.

Nothing binds them together: they run side by side, each is authorised, judged and audited for itself, and one that
fails leaves the others alone. A ``transaction`` is refused, for a record system cannot undo what another one has done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import unquote, unquote_plus

import orjson

from canonical import hetu, strict_json, times
from canonical.validate import validate
from hub.api import auth, bodies, negotiate, outcomes, resources, searchparams
from hub.api.message import FHIR_JSON, ReadBody, Reply, Request
from hub.api.settings import ApiSettings
from hub.usecases.ports import Failed

MOST_ENTRIES: Final = 50
AT_ONCE: Final = 8
_ROOT: Final = "/fhir/"
_OF_ALL: Final = ("authorization", "accept-language", "prefer", "cache-control")
"""Headers of the batch that hold for each of its requests."""
_OWN: Final = {"ifMatch": "if-match", "ifNoneMatch": "if-none-match", "ifNoneExist": "if-none-exist"}

Answer = Callable[[Request, ReadBody], Awaitable[Reply]]


async def answer(request: Request, read_body: ReadBody, one: Answer, settings: ApiSettings) -> Reply:
    """The answers to all requests of the batch, in their order; ``one`` answers each."""
    given = searchparams.pairs(request.query) if request.query else []
    request.media = negotiate.answer_media(request.headers.get("accept", ""), searchparams.named_format(given))
    pretty = searchparams.only_format(given)
    key = bodies.idempotency_key(request.headers.get("idempotency-key"))
    negotiate.check_body(request.headers.get("content-type"), request.headers.get("content-encoding"))
    request.body = await read_body()
    entries = _entries(request.body)
    free = asyncio.Semaphore(AT_ONCE)

    async def answered(number: int, entry: dict[str, Any]) -> dict[str, Any]:
        part = replace(request, method=entry["request"]["method"], query="", body=b"", access=None)
        try:
            _aim(part, entry, settings.base, f"{key}/{number}" if key is not None else None)
            body = strict_json.dumps(entry["resource"]) if "resource" in entry else b""
            async with free:
                return _rendered(await one(part, _reader(body)), part)
        except Failed as problem:
            return _rendered(outcomes.reply(problem, part, settings.help), part)

    answers = await asyncio.gather(*(answered(number, entry) for number, entry in enumerate(entries)))
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "batch-response"}
    body = orjson.dumps(bundle | ({"entry": answers} if answers else {}))
    return Reply(200, resources.indented(body) if pretty else body)


def _entries(body: bytes) -> list[dict[str, Any]]:
    """The entries of a valid batch. What their requests carry is judged by whoever answers them."""
    bundle = bodies.json_of(body)
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
        raise Failed("bad-structure", "a Bundle is expected", expression=["Bundle"])
    if bundle.get("type") == "transaction":
        raise Failed("not-supported", "a transaction over several record systems", expression=["Bundle.type"])
    entries = bundle.get("entry", [])
    is_list = isinstance(entries, list) and all(isinstance(one, dict) for one in entries)
    bare = [{name: v for name, v in one.items() if name != "resource"} for one in entries] if is_list else entries
    if findings := validate(bundle | ({"entry": bare} if entries else {}), "Bundle"):
        raise bodies.refusal(findings)
    if bundle["type"] != "batch":
        raise Failed("business-rule", "a Bundle sent here is a batch", expression=["Bundle.type"])
    if len(entries) > MOST_ENTRIES:
        raise Failed("too-costly", f"more than {MOST_ENTRIES} requests in a batch", expression=["Bundle.entry"])
    return list(entries)


def _aim(part: Request, entry: dict[str, Any], base: str, key: str | None) -> None:
    """Let ``part`` ask what the entry asks; raises `hetu-in-url`, `token-in-url`, `bad-value`."""
    asked = entry["request"]
    path, _, part.query = asked["url"].removeprefix(f"{base}/").partition("?")
    part.path = f"{_ROOT}{unquote(path).lstrip('/')}"
    part.headers = {name: part.headers[name] for name in _OF_ALL if name in part.headers} | {
        header: asked[name] for name, header in _OWN.items() if name in asked
    }
    if "resource" in entry:
        part.headers["content-type"] = FHIR_JSON
    if key is not None and part.method in ("POST", "PUT"):
        part.headers["idempotency-key"] = key
    if part.path == _ROOT:
        raise Failed("unknown-path", "a batch holds no batch")
    if "://" in path:
        raise Failed("bad-value", "the url of a request is relative to the base", expression=["Bundle.entry.request"])
    if auth.token_in_url(part.path, part.query):
        raise Failed("token-in-url")
    words = [part.path, part.query, unquote_plus(part.query), asked.get("ifNoneExist", "")]
    if hetu.appears_in("\n".join(words).upper()):
        raise Failed("hetu-in-url")


def _reader(body: bytes) -> ReadBody:
    async def read() -> bytes:
        return body

    return read


def _rendered(reply: Reply, part: Request) -> dict[str, Any]:
    headers = dict(reply.headers)
    response: dict[str, Any] = {"status": f"{reply.status} {HTTPStatus(reply.status).phrase}"}
    if location := headers.get("Location") or headers.get("Content-Location"):
        response["location"] = location
    if "ETag" in headers:
        response["etag"] = headers["ETag"]
    if "Last-Modified" in headers:
        response["lastModified"] = times.iso(parsedate_to_datetime(headers["Last-Modified"]))
    body = orjson.Fragment(reply.body) if reply.body and part.method != "HEAD" else None
    if reply.remarks:
        response["outcome"] = orjson.Fragment(outcomes.resource(reply.remarks, part.language, part.id))
    if body is None:
        return {"response": response}
    if reply.outcome == "success":
        return {"resource": body, "response": response}
    return {"response": response | {"outcome": body}}
