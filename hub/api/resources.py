"""Resources as replies: entity tags, times, what is stale, and what the client prefers to get back."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from email.utils import formatdate
from functools import lru_cache
from typing import Any, Final

import orjson

from canonical import strict_json
from canonical.times import HELSINKI
from hub.api import outcomes
from hub.api.message import Reply, Request
from hub.api.settings import ApiSettings
from hub.api.shaping import Shape
from hub.usecases.ports import Created, Existing, Failed, Found, Kept, Unknown, Updated

_STALE: Final = '111 - "Revalidation Failed: the record system did not answer; see Sotesilta-As-Of"'
_LOCATION: Final = re.compile(r"([A-Za-z]+/[A-Za-z0-9\-.]+)/_history/")
MOST_NAMED: Final = 20
"""Elements that one Warning header names."""
_STRICT: Final = re.compile(r"(?:^|[,;\s])handling\s*=\s*\"?strict\"?(?=$|[,;\s])")
_PREFER: Final = re.compile(r"(?:^|[,;\s])return\s*=\s*\"?(minimal|representation|OperationOutcome)\"?(?=$|[,;\s])")


def found(one: Found, request: Request, shape: Shape, *, pretty: bool = False) -> Reply:
    """The answer to a read: 200, or 304 where If-None-Match names this very version."""
    headers = _headers(one)
    if one.version is not None and _matches(request.headers.get("if-none-match"), one.version):
        return Reply(304, b"", headers)
    body = shape.of(one.kind, one.json)
    return Reply(200, indented(body) if pretty else body, headers, released=(f"{one.kind}/{one.id}",))


def is_strict(request: Request) -> bool:
    """Whether the client would rather be refused than have something of its request left out."""
    return _STRICT.search(request.headers.get("prefer", "")) is not None


def written(
    answer: Created | Updated | Existing, lost: Sequence[str], request: Request, settings: ApiSettings
) -> Reply:
    """The answer to a write that ended well; ``lost`` are the elements of the request that were not carried."""
    one = answer.found
    headers = _headers(one)
    headers.append(("Location", f"{settings.base}/{one.kind}/{one.id}/_history/{one.version}"))
    warning = None if isinstance(answer, Existing) else answer.warning
    if warning:
        headers.append(("Warning", f'199 - "{warning}"'))
    headers += _not_carried(lost)
    if not isinstance(answer, Existing) and answer.replayed:
        headers.append(("Idempotent-Replayed", "true"))
    status = 201 if isinstance(answer, Created) else 200
    remarks = [*([Failed(warning)] if warning else []), *([Failed("not-carried", expression=lost)] if lost else [])]
    preferred = _PREFER.search(request.headers.get("prefer", ""))
    match preferred and preferred[1]:
        case "minimal":
            return Reply(status, b"", headers, remarks=tuple(remarks))
        case "OperationOutcome":
            said = remarks if warning else [Failed("done"), *remarks]
            body = outcomes.resource(said, request.language, request.id)
            return Reply(status, body, headers)
        case _:
            released = (f"{one.kind}/{one.id}",)
            return Reply(status, one.json, headers, released=released, remarks=tuple(remarks))


def unknown(answer: Unknown, lost: Sequence[str], request: Request, settings: ApiSettings) -> Reply:
    """202: it may have happened, and the receipt will tell; ``lost`` as for `written`."""
    problem = outcomes.receipt(answer)
    reply = outcomes.reply(problem, request, settings.help)
    reply.headers.append(("Content-Location", f"{settings.base}/Task/{answer.task_id}"))
    reply.headers += _not_carried(lost)
    return reply


def kept(answer: Kept) -> Reply:
    """The very answer of before. Its Location, where it has one, names what it releases again."""
    located = (_LOCATION.search(value) for name, value in answer.headers if name == "Location")
    released = tuple(found[1] for found in located if found)
    headers = [*answer.headers, ("Idempotent-Replayed", "true")]
    return Reply(answer.status, answer.body, headers, released=released)


def indented(body: bytes) -> bytes:
    """JSON for reading by people; decimals keep their digits."""
    return orjson.dumps(strict_json.loads(body), default=_decimal, option=orjson.OPT_INDENT_2)


def _decimal(value: Any) -> Any:
    return orjson.Fragment(strict_json.dumps(value))


def _headers(one: Found) -> list[tuple[str, str]]:
    headers = [("Sotesilta-As-Of", _instant(one.proven_at))]
    if one.version is not None:
        headers.append(("ETag", f'W/"{one.version}"'))
    if one.last_updated is not None:
        headers.append(("Last-Modified", _http_date(int(one.last_updated))))
    if one.stale:
        headers.append(("Warning", _STALE))
    return headers


def _not_carried(lost: Sequence[str]) -> list[tuple[str, str]]:
    """The header that names elements which were not carried, as many as fit into one."""
    if not lost:
        return []
    more = f" and {len(lost) - MOST_NAMED} more" if len(lost) > MOST_NAMED else ""
    return [("Warning", f'199 - "not-carried: {", ".join(lost[:MOST_NAMED])}{more}"')]


def _instant(at: float) -> str:
    return datetime.fromtimestamp(at, HELSINKI).isoformat(timespec="milliseconds")


@lru_cache(maxsize=4096)
def _http_date(at: int) -> str:
    return formatdate(at, usegmt=True)


def _matches(header: str | None, version: int) -> bool:
    """Whether an If-None-Match header names the version (weak comparison)."""
    if header is None:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in header.split(",")]
    return f'"{version}"' in tags or tags == ["*"]
