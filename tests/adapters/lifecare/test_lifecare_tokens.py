"""Access tokens: one for everybody, fetched by one, renewed once when refused, never recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from urllib.parse import parse_qs

import httpx
import pytest

from adapters.errors import ForeignError, Misconfigured, Unavailable
from adapters.lifecare.adapter import LifecareAdapter
from tests.adapters.lifecare.lifecare_stub import (
    PATIENT,
    Lifecare,
    Recorder,
    adapter_for,
    book,
    booked,
    call,
    fhir,
    installation,
    outcome,
    searchset,
)


def bearer(request: httpx.Request) -> str:
    return request.headers["Authorization"].removeprefix("Bearer ")


def accepting(*tokens: str) -> Callable[[httpx.Request], httpx.Response]:
    """Answers those tokens; any other is refused."""

    def handler(request: httpx.Request) -> httpx.Response:
        if bearer(request) not in tokens:
            return outcome(401, "TOKEN_INVALID", WWW_Authenticate="Bearer")
        return (
            fhir(201, booked())
            if request.method == "POST" and "search" not in str(request.url)
            else fhir(200, searchset(total=0))
        )

    return handler


async def test_one_token_serves_many_calls_at_once() -> None:
    lifecare = Lifecare(accepting("lc_1"))
    adapter = adapter_for(lifecare)
    await asyncio.gather(*(adapter.appointments(call(), PATIENT) for _ in range(50)))
    assert lifecare.tokens == 1
    assert {bearer(request) for request in lifecare.requests} == {"lc_1"}


async def test_a_refused_token_is_fetched_anew_once_and_the_booking_sent_again(recorder: Recorder) -> None:
    lifecare = Lifecare(accepting("lc_2"))
    adapter = adapter_for(lifecare)
    assert (await adapter.perform(call(recorder), book())).native == "201"
    assert [bearer(request) for request in lifecare.requests] == ["lc_1", "lc_2"]
    assert recorder.outcomes("book") == ["unauthorized", "done"]


async def test_many_who_are_refused_at_once_fetch_one_new_token() -> None:
    lifecare = Lifecare(accepting("lc_2"))
    adapter = adapter_for(lifecare)
    await asyncio.gather(*(adapter.appointments(call(), PATIENT) for _ in range(20)))
    assert lifecare.tokens == 2


async def test_a_new_token_that_is_refused_too_is_our_fault() -> None:
    lifecare = Lifecare(accepting())
    with pytest.raises(Misconfigured):
        await adapter_for(lifecare).perform(call(), book())
    assert len(lifecare.requests) == 2


async def test_a_token_is_used_until_shortly_before_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    lifecare = Lifecare(accepting("lc_1", "lc_2"))
    adapter = adapter_for(lifecare)
    now = asyncio.get_running_loop().time()
    await adapter.appointments(call(), PATIENT)
    for later, tokens in ((280.0, 1), (291.0, 2)):
        monkeypatch.setattr("adapters.trip.Trip.now", staticmethod(lambda later=later: now + later))
        await adapter.appointments(call(), PATIENT)
        assert lifecare.tokens == tokens


def with_token_endpoint(answer: Callable[[], httpx.Response]) -> LifecareAdapter:
    def handle(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/oauth2/token", "sent without a token"
        return answer()

    return LifecareAdapter(installation(), transport=httpx.MockTransport(handle))


def refused() -> httpx.Response:
    raise httpx.ConnectError("refused")


def broken() -> httpx.Response:
    raise httpx.ReadError("broken")


TOKEN_ANSWERS: dict[str, tuple[Callable[[], httpx.Response], type[ForeignError]]] = {
    "wrong secret": (lambda: httpx.Response(401, json={"error": "invalid_client"}), Misconfigured),
    "bad request": (lambda: httpx.Response(400, json={"error": "invalid_request"}), Misconfigured),
    "grant type": (lambda: httpx.Response(400, json={"error": "unsupported_grant_type"}), Misconfigured),
    "too many": (lambda: httpx.Response(429, json={}), Unavailable),
    "down": (lambda: httpx.Response(503, json={}), Unavailable),
    "a page": (lambda: httpx.Response(200, html="<html>login</html>"), Unavailable),
    "a 404 page": (lambda: httpx.Response(404, html="<html></html>"), Unavailable),
    "no JSON": (lambda: httpx.Response(200, content=b"{"), Unavailable),
    "no token": (lambda: httpx.Response(200, json={"token_type": "Bearer"}), Unavailable),
    "another type": (lambda: httpx.Response(200, json={"access_token": "x", "token_type": "mac"}), Unavailable),
    "a header in it": (
        lambda: httpx.Response(200, json={"access_token": "x\r\nX: y", "token_type": "Bearer"}),
        Unavailable,
    ),
    "dead at birth": (
        lambda: httpx.Response(200, json={"access_token": "x", "token_type": "Bearer", "expires_in": 0}),
        Unavailable,
    ),
    "lives a word": (
        lambda: httpx.Response(200, json={"access_token": "x", "token_type": "Bearer", "expires_in": "long"}),
        Unavailable,
    ),
    "a redirect": (lambda: httpx.Response(302, headers={"Location": "https://elsewhere.example/"}), Unavailable),
    "refused": (refused, Unavailable),
    "broken": (broken, Unavailable),
}


@pytest.mark.parametrize(("answer", "meaning"), TOKEN_ANSWERS.values(), ids=TOKEN_ANSWERS.keys())
async def test_without_a_token_nothing_is_sent(
    answer: Callable[[], httpx.Response], meaning: type[ForeignError], recorder: Recorder
) -> None:
    with pytest.raises(meaning):
        await with_token_endpoint(answer).perform(call(recorder), book())
    assert [operation for operation, _ in recorder.sent] == ["token"]


async def test_the_secret_travels_in_the_form_and_stays_out_of_the_records(recorder: Recorder) -> None:
    forms: list[dict[str, list[str]]] = []

    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth2/token":
            forms.append(parse_qs(request.content.decode()))
            answer = {"access_token": "lc_visible", "token_type": "bearer", "expires_in": 300}
            return httpx.Response(200, json=answer)
        return fhir(200, searchset(total=0), X_Request_Id=request.headers["X-Request-Id"])

    adapter = LifecareAdapter(installation(), transport=httpx.MockTransport(handle))
    await adapter.appointments(call(recorder), PATIENT)
    assert forms[0]["client_secret"] == ["s3cr3t/+ä"]
    assert recorder.outcomes("token") == ["done"]
    for secret in (b"s3cr3t", b"lc_visible", b"Authorization", b"Bearer lc"):
        assert secret not in recorder.everything()
    assert "s3cr3t" not in repr(adapter.__dict__)


async def test_a_slow_token_endpoint_uses_up_the_limit_of_the_call() -> None:
    async def handle(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(60)
        raise AssertionError

    adapter = LifecareAdapter(installation(), transport=httpx.MockTransport(handle))
    both = (adapter.perform(call(limit=0.1), book()), adapter.appointments(call(limit=0.1), PATIENT))
    assert [type(e) for e in await asyncio.gather(*both, return_exceptions=True)] == [Unavailable, Unavailable]
