"""The population register's interface: JSON over POST, with the HETU in the body. Its manual is INTERFACE.md."""

from __future__ import annotations

import hmac
from collections.abc import Callable

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.population.person import Person, Population

BODY_LIMIT = 4_096


class _RefusalError(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(code)
        self.status, self.code, self.message = status, code, message


def register_app(population: Callable[[], Population], api_key: str) -> Starlette:
    """Return the register as an application. `population` is asked at every request: a reset may have changed it."""

    async def search(request: Request) -> Response:
        try:
            _check_key(request, api_key)
            person = _find(population(), await _asked_hetu(request))
        except _RefusalError as refusal:
            return _json(refusal.status, {"error": refusal.code, "message": refusal.message})
        return _json(200, describe_person(population(), person))

    return Starlette(routes=[Route("/persons/search", search, methods=["POST"])])


def describe_person(population: Population, person: Person) -> dict[str, object]:
    """Return what the register says of a person: no address under a non-disclosure order."""
    known: dict[str, object] = {
        "hetu": person.hetu,
        "family": person.family,
        "given": person.given,
        "birth_date": person.birth_date,
        "municipality": person.municipality,
        "language": person.language,
        "non_disclosure": person.non_disclosure,
        "guardians": person.guardians,
        "dependants": population.dependants(person.hetu),
    }
    if not person.non_disclosure:
        known["address"] = {"street": person.street, "postal_code": person.postal_code, "city": person.city}
    return known


def _check_key(request: Request, api_key: str) -> None:
    given = request.headers.get("x-api-key", "")
    if not hmac.compare_digest(given.encode(), api_key.encode()):
        raise _RefusalError(401, "unauthorized", "Send the register's key in the header X-API-Key.")


async def _asked_hetu(request: Request) -> str:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise _RefusalError(415, "unsupported-media-type", "Send the body as application/json.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_LIMIT:
            raise _RefusalError(413, "too-large", f"The body may have {BODY_LIMIT} bytes at most.")
    try:
        asked = orjson.loads(bytes(body))
    except orjson.JSONDecodeError:
        raise _RefusalError(400, "bad-request", "The body is not JSON.") from None
    if not isinstance(asked, dict) or set(asked) != {"hetu"} or not isinstance(asked["hetu"], str):
        raise _RefusalError(400, "bad-request", 'The body must be {"hetu": "<text>"} and nothing else.')
    return asked["hetu"]


def _find(population: Population, hetu: str) -> Person:
    person = population.by_hetu(hetu)
    if person is None:
        raise _RefusalError(404, "not-found", "The register knows nobody by this code.")
    return person


def _json(status: int, body: dict[str, object]) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json", headers={"Cache-Control": "no-store"})
