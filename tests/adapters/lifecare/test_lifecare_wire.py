"""Below HTTP: what left, what came, and that the adapter tells the truth about it. Real sockets on the loopback."""

from __future__ import annotations

import asyncio
import json
import random
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from adapters.call import Call
from adapters.errors import Misconfigured, OutcomeUnknown, Unavailable
from adapters.http import connections
from adapters.lifecare.adapter import LifecareAdapter
from tests.adapters.lifecare.lifecare_stub import (
    AINO,
    PATIENT,
    Recorder,
    Talk,
    book,
    booked,
    call,
    cancel,
    days,
    golden,
    installation,
    listening,
    register,
    searchset,
)

TOKEN = json.dumps({"access_token": "lc_1", "token_type": "Bearer", "expires_in": 300}).encode()


async def request_of(reader: asyncio.StreamReader) -> tuple[str, str]:
    """The next request: its first line and its X-Request-Id ("" without)."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    length = re.search(r"(?i)content-length: (\d+)", head)
    if length:
        await reader.readexactly(int(length[1]))
    number = re.search(r"(?i)x-request-id: (\S+)", head)
    return head.split("\r\n")[0], number[1] if number else ""


def message(status: str, body: bytes, number: str = "", media: str = "application/fhir+json") -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {media}\r\nContent-Length: {len(body)}\r\nX-Request-Id: {number}\r\n\r\n"
    )
    return head.encode() + body


def answer(number: str, resource: Any, status: str = "200 OK") -> bytes:
    return message(status, json.dumps(resource, ensure_ascii=False).encode(), number)


@asynccontextmanager
async def lifecare(talk: Talk, **options: Any) -> AsyncIterator[LifecareAdapter]:
    """An adapter whose tokens come from one listener and everything else from ``talk`` on another."""

    async def tokens(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await request_of(reader)
            writer.write(message("200 OK", TOKEN, media="application/json"))

    async with listening(tokens) as token_at, listening(talk) as at:
        adapter = LifecareAdapter(installation(at, token_url=f"{token_at}/oauth2/token", **options))
        try:
            yield adapter
        finally:
            await adapter.close()


async def test_every_offset_at_which_a_reply_to_a_booking_can_end_leaves_it_unknown() -> None:
    whole = answer("N" * 22, booked(), "201 Created")
    offsets = [*range(400), *range(400, len(whole), 37), len(whole) - 1]
    left = iter(offsets)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, number = await request_of(reader)
        writer.write(whole.replace(b"N" * 22, number.encode())[: next(left)])

    async with lifecare(talk) as adapter:
        for offset in offsets:
            with pytest.raises(OutcomeUnknown):
                await adapter.perform(call(), book())
                pytest.fail(f"cut after {offset} bytes")


async def test_every_offset_at_which_a_reply_to_a_read_can_end_is_unavailable() -> None:
    whole = answer("N" * 22, searchset(booked(), total=1))
    offsets = [*range(0, len(whole), 53), len(whole) - 1]
    left = iter(offsets)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, number = await request_of(reader)
        writer.write(whole.replace(b"N" * 22, number.encode())[: next(left)])

    async with lifecare(talk) as adapter:
        for _ in offsets:
            with pytest.raises(Unavailable):
                await adapter.appointments(call(), PATIENT)


async def test_nobody_listening_is_unavailable_and_nothing_was_sent(recorder: Recorder) -> None:
    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise AssertionError

    async with listening(never) as gone:
        pass
    async with lifecare(never, address=f"{gone}/fhir") as adapter:
        for command in (book(), cancel(), register()):
            with pytest.raises(Unavailable):
                await adapter.perform(call(recorder), command)
    assert set(recorder.outcomes("book")) == {"unavailable"}


async def test_a_name_that_does_not_resolve_is_unavailable() -> None:
    adapter = LifecareAdapter(installation("https://lifecare.invalid"))
    with pytest.raises(Unavailable):
        await adapter.probe(call())
    await adapter.close()


async def test_random_bytes_instead_of_an_answer_leave_a_write_unknown() -> None:
    dice = random.Random(42)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(dice.randbytes(300))

    async with lifecare(talk) as adapter:
        for _ in range(50):
            with pytest.raises(OutcomeUnknown):
                await adapter.perform(call(), book())


async def test_an_answer_sent_twice_is_not_taken_for_the_next_ones(recorder: Recorder) -> None:
    asked = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            line, number = await request_of(reader)
            asked.append(line)
            local_id = line.split()[1].rsplit("/", 1)[1]
            copies = 2 if len(asked) == 1 else 1
            writer.write(answer(number, booked(id=local_id)) * copies)

    async with lifecare(talk) as adapter:
        for local_id in ("A1", "A2", "A3"):
            record = await adapter.appointment(call(recorder), local_id)
            assert record is not None
            assert record.local_id == local_id
    assert recorder.outcomes("read") == ["done", "misplaced", "done", "done"]


async def test_a_booking_never_gets_a_connection_used_before() -> None:
    connections: list[list[str]] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append([])
        mine = connections[-1]
        while True:
            line, number = await request_of(reader)
            mine.append(line.split()[0])
            status = "201 Created" if line.startswith("POST") else "200 OK"
            writer.write(answer(number, booked(), status) * 2)

    async with lifecare(talk) as adapter:
        for _ in range(3):
            await adapter.perform(call(), book())
    # The last one was opened ahead for a fourth.
    assert [used for used in connections if used] == [["POST"], ["POST"], ["POST"]]


async def test_a_connection_that_died_while_it_waited_is_not_used() -> None:
    connections: list[list[str]] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append([])
        if len(connections) == 2:
            return  # the one opened ahead: closed at once
        line, number = await request_of(reader)
        connections[-1].append(line.split()[0])
        writer.write(answer(number, booked(), "201 Created"))

    async with lifecare(talk) as adapter:
        for _ in range(2):
            await adapter.perform(call(), book())
            await asyncio.sleep(0.05)
    assert connections[:3] == [["POST"], [], ["POST"]]


async def test_a_connection_on_which_something_was_said_unasked_is_not_used() -> None:
    connections: list[list[str]] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append([])
        if len(connections) == 2:
            writer.write(answer("req-0", booked(id="A666"), "201 Created"))
        line, number = await request_of(reader)
        connections[-1].append(line.split()[0])
        writer.write(answer(number, booked(), "201 Created"))

    async with lifecare(talk) as adapter:
        for _ in range(2):
            done = await adapter.perform(call(), book())
            assert done.record.local_id != "A666"
            await asyncio.sleep(0.05)
    assert connections[:3] == [["POST"], [], ["POST"]]


async def test_bookings_at_the_same_time_get_a_connection_each() -> None:
    connections: list[list[str]] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append([])
        mine = connections[-1]
        line, number = await request_of(reader)
        mine.append(line.split()[0])
        await asyncio.sleep(0.05)
        writer.write(answer(number, booked(), "201 Created"))

    async with lifecare(talk) as adapter:
        for _ in range(2):
            await asyncio.gather(*(adapter.perform(call(), book()) for _ in range(5)))
    assert [used for used in connections if used] == [["POST"]] * 10


async def test_a_connection_found_dead_before_a_booking_does_not_make_it_unknown() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line, number = await request_of(reader)
        writer.write(answer(number, booked(), "201 Created" if line.startswith("POST") else "200 OK"))

    async with lifecare(talk) as adapter:
        for _ in range(3):
            await adapter.appointment(call(), "A20001")
            assert (await adapter.perform(call(), book())).native == "201"


async def test_no_answer_within_the_limit() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        await asyncio.sleep(60)

    async with lifecare(talk) as adapter:
        with pytest.raises(OutcomeUnknown):
            await adapter.perform(call(limit=0.2), book())
        with pytest.raises(Unavailable):
            await adapter.perform(call(limit=0.2), cancel())  # it is the reading before that is not answered
        with pytest.raises(Unavailable):
            await adapter.find_person(call(limit=0.2), AINO.hetu)


async def test_a_limit_that_is_over_sends_nothing(recorder: Recorder) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise AssertionError

    async with lifecare(talk) as adapter:
        with pytest.raises(Unavailable):
            await adapter.perform(call(recorder, limit=0.0), book())


async def test_one_slow_answer_blocks_no_other() -> None:
    free = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            line, number = await request_of(reader)
            if "slow" in line:
                await free.wait()
            writer.write(answer(number, booked(id=line.split()[1].rsplit("/", 1)[1])))

    async with lifecare(talk) as adapter:
        slow = [asyncio.create_task(adapter.appointment(call(), f"slow-{n}")) for n in range(20)]
        quick = await adapter.appointment(call(), "A1")
        assert quick is not None
        assert not any(task.done() for task in slow)
        free.set()
        assert all(await asyncio.gather(*slow))


async def test_an_endless_answer_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MAX_REPLY", 100_000)
    written = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        _, number = await request_of(reader)
        head = f"HTTP/1.1 201 Created\r\nContent-Type: application/fhir+json\r\nX-Request-Id: {number}\r\n"
        writer.write(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        while written < 200_000_000:
            writer.write(b"2710\r\n" + b" " * 10_000 + b"\r\n")
            written += 10_000
            await writer.drain()

    async with lifecare(talk) as adapter:
        with pytest.raises(OutcomeUnknown):
            await adapter.perform(call(), book())
        with pytest.raises(Unavailable):
            await adapter.appointments(call(), PATIENT)
    assert written < 50_000_000


@pytest.mark.parametrize(
    ("events", "meaning"),
    [
        (["connection.connect_tcp.started"], Unavailable),
        (["connection.connect_tcp.started", "http11.send_request_headers.started"], OutcomeUnknown),
        (["http11.send_request_headers.started", "http11.send_request_headers.complete"], OutcomeUnknown),
    ],
)
async def test_a_booking_that_broke_off_while_it_was_sent(events: list[str], meaning: type[Exception]) -> None:
    class BreakingOff(httpx.AsyncHTTPTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.path == "/oauth2/token":
                return httpx.Response(200, content=TOKEN)
            for event in events:
                await request.extensions["trace"](event, {})
            raise httpx.WriteError("broke off")

    adapter = LifecareAdapter(installation(), transport=BreakingOff())
    with pytest.raises(meaning):
        await adapter.perform(call(), book())


async def test_no_redirect_is_followed() -> None:
    asked = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line, _ = await request_of(reader)
        asked.append(line)
        writer.write(b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")

    async with lifecare(talk) as adapter:
        with pytest.raises(OutcomeUnknown):
            await adapter.perform(call(), book())
        with pytest.raises(Unavailable):
            await adapter.appointment(call(), "A1")
    assert [line.split()[1] for line in asked] == ["/fhir/Appointment", "/fhir/Appointment/A1"]


async def test_the_points_of_a_call_are_those_of_its_own_request() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            line, number = await request_of(reader)
            changed = booked(status="cancelled") if line.startswith("PUT") else booked()
            writer.write(answer(number, changed))

    points: list[str] = []
    async with lifecare(talk) as adapter:
        await adapter.perform(Call("r", 5.0, reached=points.append), cancel())
    assert points == ["sent", "replied"]


async def test_sent_is_reached_before_any_answer_came() -> None:
    arrived = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, number = await request_of(reader)
        await arrived.wait()
        writer.write(answer(number, booked(), "201 Created"))

    def reached(point: str) -> None:
        if point == "sent":
            arrived.set()

    async with lifecare(talk) as adapter:
        assert (await adapter.perform(Call("r", 5.0, reached=reached), book())).native == "201"


class Died(BaseException):
    """What a test that kills the process at a point raises instead."""


@pytest.mark.parametrize("at", ["sent", "replied"])
async def test_dying_at_a_point_is_not_turned_into_an_outcome(at: str, recorder: Recorder) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            _, number = await request_of(reader)
            writer.write(answer(number, booked(), "201 Created"))

    def reached(point: str) -> None:
        if point == at:
            raise Died

    async with lifecare(talk) as adapter:
        with pytest.raises(Died):
            await adapter.perform(Call("r", 5.0, recorder, reached=reached), book())
        assert recorder.outcomes("book") == ["abandoned"]
        assert (await adapter.perform(call(), book())).native == "201"


async def test_a_caller_that_goes_away_leaves_an_exchange_with_an_end(recorder: Recorder) -> None:
    came = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        came.set()
        await asyncio.sleep(60)

    async with lifecare(talk) as adapter:
        task = asyncio.create_task(adapter.perform(call(recorder), book()))
        await came.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert recorder.outcomes("book") == ["abandoned"]


async def test_a_certificate_nobody_vouches_for_is_misconfigured(tmp_path: Any) -> None:
    cert, key = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context)
    at = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def nobody(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise AssertionError

    async with lifecare(nobody, address=f"{at}/fhir") as adapter:
        with pytest.raises(Misconfigured, match="certificate"):
            await adapter.perform(call(), book())
    server.close()


def self_signed(folder: Any) -> tuple[str, str]:
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(1))
    cert, secret = folder / "cert.pem", folder / "key.pem"
    cert.write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    pkcs8, clear = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    secret.write_bytes(key.private_bytes(serialization.Encoding.PEM, pkcs8, clear))
    return str(cert), str(secret)


async def test_free_times_with_every_oddity_of_json(recorder: Recorder) -> None:
    good = json.dumps(golden("free-time"), ensure_ascii=False)
    odd = [
        good.replace("C11-hx2i0", "C11\\u0000"),
        good.replace('"status": "free"', '"status": NaN'),
        good.replace("Yleis", "\\ud800"),
        "[" * 900 + "]" * 900,
        good[:-1] + ',"schedule":' + '{"a":' * 500 + "1" + "}" * 500 + "}",
    ]
    left = iter(odd)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            _, number = await request_of(reader)
            bundle = json.dumps(searchset("@")).replace('"@"', next(left))
            writer.write(message("200 OK", bundle.encode(), number))

    async with lifecare(talk) as adapter:
        for _ in odd:
            with pytest.raises(Unavailable):
                await adapter.find_free(call(recorder), days(7))
