"""Every answer of the manual's table, for every kind of request: what the port says of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx
import pytest

from adapters.errors import (
    AlreadyRegistered,
    ForeignError,
    Misconfigured,
    NoSuchTime,
    NotCancellable,
    OutcomeUnknown,
    Refused,
    SlotTaken,
    StaleVersion,
    Unavailable,
    UnknownAppointment,
    UnknownPatient,
)
from adapters.lifecare.adapter import LifecareAdapter
from canonical import hetu
from canonical.commands import Command
from tests.adapters.lifecare.lifecare_stub import (
    AINO,
    PATIENT,
    TIME,
    adapter_for,
    book,
    booked,
    call,
    cancel,
    fhir,
    outcome,
    register,
)

WRITES: dict[str, Callable[[], Command]] = {"book": book, "cancel": cancel, "register": register}

UNAVAILABLE, UNKNOWN, BROKEN = Unavailable, OutcomeUnknown, Misconfigured
ROWS: list[tuple[int, str, str, type[ForeignError]]] = [
    # status, code, request, meaning
    (400, "NOT_JSON", "book", Refused),
    (400, "NOT_UTF8", "cancel", Refused),
    (400, "NOT_AN_OBJECT", "book", Refused),
    (400, "WRONG_TYPE", "register", Refused),
    (400, "UNKNOWN_ELEMENT", "book", Refused),
    (400, "BAD_ELEMENT", "book", Refused),
    (400, "MISSING_ELEMENT", "cancel", Refused),
    (400, "BAD_VALUE", "register", Refused),
    (400, "BAD_CONDITION", "book", Refused),
    (400, "HETU_IN_URL", "book", Refused),
    (401, "TOKEN_INVALID", "book", BROKEN),
    (401, "TOKEN_EXPIRED", "cancel", BROKEN),
    (401, "TOKEN_MISSING", "register", BROKEN),
    (403, "", "book", BROKEN),
    (404, "NOT_FOUND", "cancel", UnknownAppointment),
    (404, "UNKNOWN_TYPE", "book", BROKEN),
    (404, "UNKNOWN_TYPE", "cancel", BROKEN),
    (405, "NOT_SUPPORTED", "register", BROKEN),
    (406, "NOT_ACCEPTABLE", "book", BROKEN),
    (408, "REQUEST_TOO_SLOW", "book", UNAVAILABLE),
    (409, "SLOT_TAKEN", "book", SlotTaken),
    (409, "ALREADY_BOOKED", "book", SlotTaken),
    (409, "ALREADY_REGISTERED", "register", AlreadyRegistered),
    (409, "SOMETHING_NEW", "book", Refused),
    (412, "IF_MATCH_MISSING", "cancel", BROKEN),
    (412, "STALE_VERSION", "cancel", StaleVersion),
    (412, "MULTIPLE_MATCHES", "book", UNKNOWN),
    (413, "TOO_LONG", "book", Refused),
    (415, "UNSUPPORTED_MEDIA_TYPE", "book", BROKEN),
    (418, "TEAPOT", "cancel", Refused),
    (422, "NOT_STORED", "book", BROKEN),
    (422, "UNKNOWN_SLOT", "book", NoSuchTime),
    (422, "SLOT_PAST", "book", NoSuchTime),
    (422, "TIME_MISMATCH", "book", NoSuchTime),
    (422, "UNKNOWN_PATIENT", "book", UnknownPatient),
    (422, "UNKNOWN_PERSON", "register", Refused),
    (422, "STATUS_NOT_ALLOWED", "book", Refused),
    (422, "OTHER_SERVICE", "cancel", Refused),
    (422, "CHANGE_NOT_ALLOWED", "cancel", BROKEN),
    (422, "NO_CHANGE", "cancel", NotCancellable),
    (422, "ALREADY_CANCELLED", "cancel", NotCancellable),
    (422, "NOT_CHANGEABLE", "cancel", NotCancellable),
    (422, "APPOINTMENT_PAST", "cancel", NotCancellable),
    (422, "REASON_MISSING", "cancel", BROKEN),
    (422, "UNKNOWN_REASON", "cancel", BROKEN),
    (422, "TEXT_TOO_LONG", "book", Refused),
    (429, "TOO_MANY_REQUESTS", "book", UNAVAILABLE),
    (429, "TOO_MANY_REQUESTS", "cancel", UNAVAILABLE),
    (500, "INTERNAL", "book", UNKNOWN),
    (500, "INTERNAL", "cancel", UNKNOWN),
    (500, "INTERNAL", "register", UNKNOWN),
    (501, "", "book", UNKNOWN),
    (502, "UNAVAILABLE", "book", UNKNOWN),
    (503, "UNAVAILABLE", "cancel", UNKNOWN),
    (504, "UNAVAILABLE", "register", UNKNOWN),
]


async def answer_to_write(kind: str, response: Callable[[], httpx.Response]) -> ForeignError:
    """What the adapter raises when the write itself is answered so."""

    def handler(request: httpx.Request) -> httpx.Response:
        return fhir(200, booked()) if request.method == "GET" else response()

    adapter = adapter_for(handler)
    with pytest.raises(ForeignError) as caught:
        await adapter.perform(call(), WRITES[kind]())
    return caught.value


@pytest.mark.parametrize(("status", "code", "kind", "meaning"), ROWS, ids=lambda v: getattr(v, "__name__", str(v)))
async def test_an_error_means_what_the_manual_says(
    status: int, code: str, kind: str, meaning: type[ForeignError]
) -> None:
    error = await answer_to_write(kind, lambda: outcome(status, code))
    assert type(error) is meaning
    assert error.native == f"{status} {code}".strip()
    assert not hetu.appears_in(str(error))


@pytest.mark.parametrize("kind", WRITES)
@pytest.mark.parametrize("status", [502, 503, 504])
async def test_retry_after_proves_that_nothing_was_done(kind: str, status: int) -> None:
    error = await answer_to_write(kind, lambda: outcome(status, "UNAVAILABLE", Retry_After="7"))
    assert type(error) is Unavailable
    assert error.retry_after == 7.0


async def test_a_500_with_retry_after_proves_nothing() -> None:
    assert type(await answer_to_write("book", lambda: outcome(500, "INTERNAL", Retry_After="1"))) is OutcomeUnknown


async def test_too_many_requests_says_when_to_come_back() -> None:
    error = await answer_to_write("book", lambda: outcome(429, "TOO_MANY_REQUESTS", Retry_After="1"))
    assert error.retry_after == 1.0


NOT_LIFECARES: dict[str, Callable[[], httpx.Response]] = {
    "a 404 page": lambda: httpx.Response(404, html="<h1>Not found</h1>"),
    "a 409 of another's": lambda: fhir(409, {"error": "conflict"}),
    "a 409 cut in the middle": lambda: httpx.Response(409, content=b'{"resourceType":"OperationOutcome","iss'),
    "a 422 without a body": lambda: httpx.Response(422),
    "a redirect": lambda: httpx.Response(307, headers={"Location": "http://127.0.0.1:8083/login"}),
    "a 202": lambda: httpx.Response(202),
    "a 204": lambda: httpx.Response(204),
    "a login page": lambda: httpx.Response(200, html="<html>login</html>"),
    "text": lambda: httpx.Response(201, text="{}"),
    "no JSON": lambda: fhir_bytes(b"{"),
    "nothing": lambda: fhir_bytes(b""),
    "a list": lambda: fhir_bytes(b"[]"),
    "latin letters": lambda: fhir_bytes('{"resourceType":"Appointment","comment":"ä"}'.encode("latin-1")),
    "another charset": lambda: httpx.Response(
        201, content=b"{}", headers={"Content-Type": "application/fhir+json; charset=iso-8859-1"}
    ),
    "a name twice": lambda: fhir_bytes(b'{"resourceType":"Appointment","id":"A1","id":"A2"}'),
    "another resource": lambda: fhir(201, {"resourceType": "Basic", "id": "1"}),
    "an outcome with 200": lambda: fhir(200, {"resourceType": "OperationOutcome", "issue": []}),
    "compressed": lambda: httpx.Response(201, content=b"{}", headers={"Content-Encoding": "br"}),
}


def fhir_bytes(content: bytes) -> httpx.Response:
    return httpx.Response(201, content=content, headers={"Content-Type": "application/fhir+json"})


@pytest.mark.parametrize("kind", WRITES)
@pytest.mark.parametrize("answer", NOT_LIFECARES.values(), ids=NOT_LIFECARES.keys())
async def test_after_a_write_what_is_not_lifecares_word_leaves_the_outcome_unknown(
    kind: str, answer: Callable[[], httpx.Response]
) -> None:
    assert type(await answer_to_write(kind, answer)) is OutcomeUnknown


READS: dict[str, Callable[[LifecareAdapter], Awaitable[Any]]] = {
    "find_person": lambda adapter: adapter.find_person(call(), AINO.hetu),
    "appointments": lambda adapter: adapter.appointments(call(), PATIENT),
    "appointment": lambda adapter: adapter.appointment(call(), "A20001"),
    "free_time": lambda adapter: adapter.free_time(call(), TIME),
    "directory": lambda adapter: adapter.directory(call()),
    "probe": lambda adapter: adapter.probe(call()),
    "look": lambda adapter: adapter.look(call(), book()),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS.keys())
@pytest.mark.parametrize("answer", NOT_LIFECARES.values(), ids=NOT_LIFECARES.keys())
async def test_a_read_without_an_answer_is_unavailable(
    read: Callable[[LifecareAdapter], Awaitable[Any]], answer: Callable[[], httpx.Response]
) -> None:
    with pytest.raises(Unavailable):
        await read(adapter_for(lambda _: answer()))


@pytest.mark.parametrize(
    ("status", "code", "meaning"),
    [
        (400, "BAD_PARAMETER", Misconfigured),
        (400, "PERIOD_TOO_LONG", Misconfigured),
        (401, "TOKEN_EXPIRED", Misconfigured),
        (404, "UNKNOWN_TYPE", Misconfigured),
        (405, "NOT_SUPPORTED", Misconfigured),
        (422, "NOT_STORED", Misconfigured),
        (429, "TOO_MANY_REQUESTS", Unavailable),
        (500, "INTERNAL", Unavailable),
        (503, "UNAVAILABLE", Unavailable),
    ],
)
async def test_an_error_to_a_read(status: int, code: str, meaning: type[ForeignError]) -> None:
    with pytest.raises(meaning):
        await adapter_for(lambda _: outcome(status, code)).appointments(call(), PATIENT)


@pytest.mark.parametrize("error", [httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError, httpx.ReadTimeout])
@pytest.mark.parametrize("kind", WRITES)
async def test_a_broken_connection_after_a_write_is_unknown(kind: str, error: type[httpx.TransportError]) -> None:
    def broken() -> httpx.Response:
        raise error("broken")

    assert type(await answer_to_write(kind, broken)) is OutcomeUnknown


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout])
@pytest.mark.parametrize("kind", WRITES)
async def test_a_connection_that_never_was_did_nothing(kind: str, error: type[httpx.TransportError]) -> None:
    def refused() -> httpx.Response:
        raise error("refused")

    assert type(await answer_to_write(kind, refused)) is Unavailable


ODD: list[Any] = [None, True, 0, -1, 2**70, 1.5, "", "x", "\x00", "010594Y9021", [], {}, [None], [{}], {"x": None}]


async def test_whatever_stands_in_an_answer_is_understood_or_leaves_the_outcome_unknown() -> None:
    """Any one value of the answer to a booking, replaced by something odd: done or unknown, and nothing else."""
    answer: dict[str, Any] = {}
    adapter = adapter_for(lambda _: fhir(201, answer))
    outcomes = set()
    for place in range(sum(1 for _ in _places(booked()))):
        for odd in ODD:
            answer = booked()
            holder, key = list(_places(answer))[place]
            holder[key] = odd
            outcomes.add(await _outcome(adapter))
    assert outcomes == {"done", "unknown"}


async def _outcome(adapter: LifecareAdapter) -> str:
    try:
        await adapter.perform(call(), book())
    except OutcomeUnknown as err:
        return "told of a person" if hetu.appears_in(str(err)) else "unknown"
    return "done"


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        yield value, key
        if isinstance(inner, dict | list):
            yield from _places(inner)
