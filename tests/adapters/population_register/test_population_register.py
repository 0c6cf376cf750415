"""The register's every answer, and the silence, become what the hub can act on."""

from __future__ import annotations

import httpx
import pytest
import respx

from adapters.call import Call
from adapters.errors import Misconfigured, Unavailable
from adapters.population_register import PopulationRegisterClient

ANSWER = {
    "hetu": "010594Y9021",
    "family": "Testinen",
    "given": "Aino",
    "birth_date": "1994-05-01",
    "municipality": "638",
    "language": "fi",
    "non_disclosure": False,
    "guardians": [],
    "dependants": [],
}
CALL = Call(request_id="req_test", limit=0.2)


def client(answer: httpx.Response | Exception) -> PopulationRegisterClient:
    router = respx.Router(assert_all_called=False)
    route = router.post("http://register.test/persons/search")
    if isinstance(answer, Exception):
        route.mock(side_effect=answer)
    else:
        route.mock(return_value=answer)
    transport = httpx.MockTransport(router.async_handler)
    return PopulationRegisterClient("http://register.test", "key", transport=transport)


async def test_a_person_is_found() -> None:
    found = await client(httpx.Response(200, json=ANSWER)).person(CALL, "010594Y9021")
    assert found is not None
    assert found.person.family == "Testinen"


async def test_nobody_is_none() -> None:
    assert await client(httpx.Response(404, json={"error": "not-found"})).person(CALL, "010594Y9021") is None


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500),
        httpx.Response(302, headers={"Location": "http://elsewhere.test"}),
        httpx.Response(200, content=b"<html>"),
        httpx.Response(200, json=ANSWER | {"hetu": "020594X903P"}),
        httpx.Response(200, json={"hetu": "010594Y9021"}),
        httpx.Response(200, json=[]),
        httpx.Response(200, content=b"{" + b" " * 70_000 + b"}"),
        httpx.ConnectError("refused"),
        httpx.ReadError("reset"),
        httpx.RemoteProtocolError("cut"),
    ],
)
async def test_anything_else_is_unavailable(answer: httpx.Response | Exception) -> None:
    with pytest.raises(Unavailable) as raised:
        await client(answer).person(CALL, "010594Y9021")
    assert "010594Y9021" not in str(raised.value)


async def test_a_wrong_key_calls_a_person() -> None:
    with pytest.raises(Misconfigured):
        await client(httpx.Response(401)).person(CALL, "010594Y9021")
