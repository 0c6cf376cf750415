"""Bad input gets an answer that says what is wrong, never a 500 (manual §2)."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox import wire
from sandbox.lifecare.outcome import Refusal
from sandbox.lifecare.search import parse_query
from tests.plain_http import PLAIN
from tests.sandbox.lifecare.lifecare_bench import REASON, Bench, booking, error

FHIR = {"Content-Type": "application/fhir+json"}


BODIES = {
    b"": (400, "structure", "NOT_JSON"),
    b"{": (400, "structure", "NOT_JSON"),
    b"null": (400, "structure", "NOT_AN_OBJECT"),
    b"[]": (400, "structure", "NOT_AN_OBJECT"),
    b"NaN": (400, "structure", "NOT_JSON"),
    b'{"resourceType":"Appointment","priority":1e400}': (400, "required", "MISSING_ELEMENT"),
    b"\xef\xbb\xbf{}": (400, "structure", "NOT_JSON"),
    b'{"resourceType":"Appointment","comment":"\xe4"}': (400, "structure", "NOT_UTF8"),
    b'{"resourceType":"Appointment","comment":"\\ud800"}': (400, "structure", "NOT_JSON"),
    b'{"resourceType":"Appointment","status":"booked","status":"x"}': (422, "business-rule", "STATUS_NOT_ALLOWED"),
    b'{"resourceType":["Appointment"]}': (400, "structure", "WRONG_TYPE"),
    b"[" * 100_000: (400, "structure", "NOT_JSON"),
    b'{"a":' * 100_000: (400, "structure", "NOT_JSON"),
    b'{"resourceType":"Appointment","' + b"x" * 70 + b'":1}': (400, "structure", "UNKNOWN_ELEMENT"),
}


async def test_bodies(bench: Bench) -> None:
    for body, expected in BODIES.items():
        answer = await bench.client.post("Appointment", content=body, headers=FHIR)
        if body.startswith(b'{"resourceType":"Appointment","priority"'):
            assert error(answer)[0] in (400, 422), body
        else:
            assert error(answer) == expected, body[:60]


async def test_deeply_nested_update(bench: Bench) -> None:
    booked = (await bench.booked()).json()
    nested = b'{"a":' * 400 + b"1" + b"}" * 400
    body = b'{"resourceType":"Appointment","id":"%s","status":"cancelled","contained":%s}' % (
        booked["id"].encode(),
        nested,
    )
    answer = await bench.client.put(f"Appointment/{booked['id']}", content=body, headers={**FHIR, "If-Match": '"1"'})
    assert answer.status_code in (400, 422)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "application/fhir+xml"},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json; charset=iso-8859-1"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
async def test_content_type(bench: Bench, headers: dict[str, str]) -> None:
    answer = await bench.client.post("Appointment", content=b"{}", headers=headers)
    assert error(answer) == (415, "not-supported", "UNSUPPORTED_MEDIA_TYPE")
    search = await bench.client.post("Patient/_search", content=b"{}", headers={"Content-Type": "application/json"})
    assert error(search) == (415, "not-supported", "UNSUPPORTED_MEDIA_TYPE")


async def test_content_types_that_are_right(bench: Bench) -> None:
    for kind in ("application/json", "application/fhir+json; charset=UTF-8", 'application/json;charset="utf-8"'):
        answer = await bench.client.post("Appointment", content=b"{}", headers={"Content-Type": kind})
        assert error(answer)[0] == 400


async def test_accept(bench: Bench) -> None:
    for accept, status in {
        "application/fhir+xml": 406,
        "text/html": 406,
        "text/html, application/fhir+json;q=0.5": 200,
        "*/*": 200,
        "application/*": 200,
    }.items():
        assert (await bench.client.get("Location/U1", headers={"Accept": accept})).status_code == status


async def test_too_large(bench: Bench) -> None:
    body = b'{"resourceType":"Appointment","comment":"' + b"x" * 1_048_576 + b'"}'
    answer = await bench.client.post("Appointment", content=body, headers=FHIR)
    assert error(answer) == (413, "too-long", "TOO_LONG")
    assert answer.headers["connection"] == "close"

    async def chunks() -> object:
        for _ in range(40):
            yield b"x" * 50_000

    chunked = await bench.client.post("Appointment", content=chunks(), headers=FHIR)  # type: ignore[arg-type]
    assert error(chunked) == (413, "too-long", "TOO_LONG")


async def test_declared_far_too_large_is_refused_at_once(bench: Bench) -> None:
    reply = await bench.raw(b"POST /fhir/Appointment HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n")
    assert reply.startswith(b"HTTP/1.1 413 ")


async def test_slow_requests_are_ended(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "REQUEST_SECONDS", 0.2)
    head = b"POST /fhir/Appointment HTTP/1.1\r\nHost: x\r\n"
    assert (await bench.raw(head)).startswith(b"HTTP/1.1 408 ")
    reply = await bench.raw(head + b"Content-Length: 100\r\n\r\n{")
    assert reply.startswith(b"HTTP/1.1 408 ")
    assert b"REQUEST_TOO_SLOW" in reply


async def test_large_heads_and_garbage(bench: Bench) -> None:
    long = b"GET /fhir/Location HTTP/1.1\r\n" + b"X-Long: " + b"x" * 70_000
    assert (await bench.raw(long)).startswith(b"HTTP/1.1 431 ")
    assert (await bench.raw(b"\x16\x03\x01\x02\x00\x01hello")).startswith(b"HTTP/1.1 400 ")
    assert (await bench.client.get("Location/U1")).status_code == 200


async def test_expect_100_continue(bench: Bench) -> None:
    body = b"{}"
    head = (
        f"POST /fhir/Appointment HTTP/1.1\r\nHost: x\r\nAuthorization: {bench.client.headers['authorization']}\r\n"
        f"Content-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
    ).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", bench.face.port)
    writer.write(head)
    assert await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 3) == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(body)
    assert (await asyncio.wait_for(reader.read(), 3)).startswith(b"HTTP/1.1 400 ")
    writer.close()


async def test_methods(bench: Bench) -> None:
    for method, address, allow in (
        ("DELETE", "Appointment/A10231", "GET, PUT"),
        ("PATCH", "Appointment/A10231", "GET, PUT"),
        ("DELETE", "Patient/100001", "GET"),
        ("PUT", "Patient/100001", "GET"),
        ("POST", "Slot", "GET"),
        ("DELETE", "Appointment", "GET, POST"),
        ("GET", "Appointment/_search", "POST"),
        ("POST", "metadata", "GET"),
    ):
        answer = await bench.client.request(method, address)
        assert (answer.status_code, answer.headers["allow"]) == (405, allow), address


async def test_request_id(bench: Bench) -> None:
    assert (await bench.client.get("x", headers={"X-Request-Id": "req-1"})).headers["x-request-id"] == "req-1"
    odd = (await bench.client.get("x", headers={"X-Request-Id": "a b"})).headers["x-request-id"]
    assert odd not in ("a b", "")


async def test_odd_addresses(bench: Bench) -> None:
    for path in (
        b"/fhir/Location/%00",
        b"/fhir/Location/%ff",
        b"/fhir/../etc/passwd",
        b"/",
        b"/fhir",
        b"/fhir//",
        b"*",
    ):
        reply = await bench.raw(
            b"GET "
            + path
            + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: "
            + bench.client.headers["authorization"].encode()
            + b"\r\n\r\n"
        )
        assert reply[9:12] in (b"400", b"404"), (path, reply)


# ---- generated input

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NAMES = [
    "status",
    "slot",
    "participant",
    "identifier",
    "comment",
    "start",
    "cancelationReason",
    "extension",
    "meta",
    "id",
]


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
@given(data=st.data())
def test_generated_queries_are_read_or_refused(data: st.DataObject) -> None:
    raw = data.draw(st.binary(max_size=60))
    with suppress(Refusal):  # and no other error
        parse_query("Slot", raw, ("start", "status"))


async def test_generated_bodies_never_break_the_server(bench: Bench) -> None:
    slot = (await bench.free())[0]["id"]
    booked = (await bench.booked()).json()
    drawn: list[tuple[str, object]] = []

    @settings(max_examples=150, deadline=None, derandomize=True, database=None)
    @given(st.sampled_from(NAMES), JSON)
    def draw(name: str, value: object) -> None:
        drawn.append((name, value))

    draw()
    for name, value in drawn:
        try:
            created = await bench.client.post("Appointment", json={**booking("100001", slot), name: value})
        except ValueError:  # httpx does not write NaN
            continue
        assert created.status_code in (201, 400, 409, 422)
        change = {**booked, "status": "cancelled", "cancelationReason": REASON, name: value}
        updated = await bench.client.put(f"Appointment/{booked['id']}", json=change, headers={"If-Match": 'W/"1"'})
        assert updated.status_code in (200, 400, 412, 422)


async def test_errors_are_json_even_without_a_token(bench: Bench) -> None:
    async with httpx.AsyncClient(verify=PLAIN) as client:
        answer = await client.get(f"{bench.root}/fhir/Patient/1")
    assert error(answer) == (401, "login", "TOKEN_MISSING")
