"""The population register: JSON over POST, the HETU in the body (manual: sandbox/population_register/INTERFACE.md)."""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus
from typing import Final

import httpx

from adapters.base import PopulationRegister
from adapters.call import Call
from adapters.errors import Misconfigured, Unavailable
from canonical import strict_json
from canonical.model import RegisteredPerson
from mappings.population_register import decode

_CAP: Final = 64 * 1024


class PopulationRegisterClient(PopulationRegister):
    """Asks one register. Connections are pooled; a question is asked once, and may be asked again at any time."""

    def __init__(
        self, address: str, api_key: str, *, limit: float = 5.0, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self.limit = limit
        self._client = httpx.AsyncClient(
            base_url=address,
            headers={"X-API-Key": api_key},
            transport=transport or httpx.AsyncHTTPTransport(limits=httpx.Limits(max_connections=50)),
            timeout=httpx.Timeout(None),  # the whole call has one deadline, below
            follow_redirects=False,
            trust_env=False,
        )

    async def person(self, call: Call, hetu: str) -> RegisteredPerson | None:
        body = json.dumps({"hetu": hetu}).encode()
        exchange = await call.recorder.sending(call, "persons/search", b"POST /persons/search\n\n" + body)
        status, answer = 0, b""
        try:
            async with asyncio.timeout(call.limit):
                status, answer = await self._ask(body)
        except (TimeoutError, httpx.TransportError) as err:
            raise Unavailable(f"the population register did not answer ({type(err).__name__})") from err
        finally:
            raw = f"{status}\n\n".encode() + answer if status else b""
            call.recorder.received(exchange, raw, outcome=str(status or "lost"))
        return _judge(status, answer, hetu)

    async def _ask(self, body: bytes) -> tuple[int, bytes]:
        headers = {"Content-Type": "application/json"}
        async with self._client.stream("POST", "/persons/search", content=body, headers=headers) as reply:
            data = b""
            async for part in reply.aiter_bytes():
                data += part
                if len(data) > _CAP:
                    raise Unavailable("the population register answered too much")
            return reply.status_code, data

    async def close(self) -> None:
        await self._client.aclose()


def _judge(status: int, answer: bytes, hetu: str) -> RegisteredPerson | None:
    if status == HTTPStatus.NOT_FOUND:
        return None
    if status == HTTPStatus.UNAUTHORIZED:
        raise Misconfigured("the population register refuses our key", native=str(status))
    if status != HTTPStatus.OK:
        raise Unavailable(f"the population register answered {status}", native=str(status))
    try:
        found = decode(strict_json.loads(answer))
    except (strict_json.BadJson, KeyError, TypeError, ValueError, AttributeError) as err:
        raise Unavailable(f"the population register's answer is not understood ({type(err).__name__})") from err
    if found.person.hetu != hetu:
        raise Unavailable("the population register answered about another person")
    return found
