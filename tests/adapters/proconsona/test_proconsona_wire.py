"""Below HTTP: what left, what came, and that the adapter tells the truth about it. Real sockets on the loopback."""

from __future__ import annotations

import asyncio
import random
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from adapters.errors import Misconfigured, OutcomeUnknown, Unavailable
from adapters.http import connections
from adapters.proconsona.adapter import ProConsonaAdapter
from tests.adapters.proconsona.proconsona_stub import (
    AINO,
    BASE,
    MEETING,
    PATIENT,
    Recorder,
    Talk,
    accept,
    book,
    call,
    cancel,
    days,
    installation,
    listed,
    listening,
    meeting,
    move,
)

XML = "application/xml; charset=utf-8"


async def request_of(reader: asyncio.StreamReader) -> tuple[str, str]:
    """The next request: its first line and its X-PC-Pyynto."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    length = re.search(r"(?i)content-length: (\d+)", head)
    if length:
        await reader.readexactly(int(length[1]))
    number = re.search(r"(?i)x-pc-pyynto: (\S+)", head)
    return head.split("\r\n")[0], number[1] if number else ""


def answer(number: str, body: bytes | str, status: str = "200 OK", media: str = XML) -> bytes:
    content = body.encode() if isinstance(body, str) else body
    head = f"HTTP/1.1 {status}\r\nContent-Type: {media}\r\nContent-Length: {len(content)}\r\nX-PC-Pyynto: {number}"
    return f"{head}\r\n\r\n".encode() + content


@asynccontextmanager
async def proconsona(talk: Talk, **options: Any) -> AsyncIterator[ProConsonaAdapter]:
    """An adapter that speaks to ``talk``."""
    async with listening(talk) as at:
        adapter = ProConsonaAdapter(installation(at, **options))
        try:
            yield adapter
        finally:
            await adapter.close()


async def test_every_offset_at_which_a_reply_to_a_booking_can_end_leaves_it_unknown() -> None:
    whole = answer("N" * 22, meeting(), "201 Created")
    offsets = [*range(0, 300, 3), *range(300, len(whole), 41), len(whole) - 1]
    left = iter(offsets)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, number = await request_of(reader)
        writer.write(whole.replace(b"N" * 22, number.encode())[: next(left)])

    async with proconsona(talk) as adapter:
        for offset in offsets:
            with pytest.raises(OutcomeUnknown):
                await adapter.perform(call(), book())
                pytest.fail(f"cut after {offset} bytes")


async def test_a_reply_without_a_length_that_ends_early_is_no_document() -> None:
    """Without Content-Length the end of the connection is the end of the reply: only the document tells it is whole."""
    whole = meeting()
    offsets = [*range(0, len(whole), 67), len(whole) - 5]
    left = iter(offsets)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, number = await request_of(reader)
        head = f"HTTP/1.1 201 Created\r\nContent-Type: {XML}\r\nX-PC-Pyynto: {number}\r\n\r\n"
        writer.write(head.encode() + whole[: next(left)])

    async with proconsona(talk) as adapter:
        for _ in offsets:
            with pytest.raises(OutcomeUnknown):
                await adapter.perform(call(), book())


async def test_nobody_listening_is_unavailable_and_nothing_was_sent(recorder: Recorder) -> None:
    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise AssertionError

    async with listening(never) as gone:
        pass
    adapter = ProConsonaAdapter(installation(gone))
    for command in (book(), cancel(), move(), accept()):
        with pytest.raises(Unavailable):
            await adapter.perform(call(recorder), command)
    assert set(recorder.outcomes("book")) == {"unavailable"}
    await adapter.close()


async def test_random_bytes_instead_of_an_answer_leave_a_write_unknown() -> None:
    dice = random.Random(42)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(dice.randbytes(300))

    async with proconsona(talk) as adapter:
        for _ in range(30):
            with pytest.raises(OutcomeUnknown):
                await adapter.perform(call(), book())


async def test_an_answer_sent_twice_is_not_taken_for_the_next_ones(recorder: Recorder) -> None:
    asked = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            line, number = await request_of(reader)
            asked.append(line)
            local_id = line.split()[1].rsplit("/", 1)[1]
            writer.write(answer(number, meeting(tunnus=local_id)) * (2 if len(asked) == 1 else 1))

    async with proconsona(talk) as adapter:
        for local_id in (f"00000000-0000-4000-8000-00000000000{n}" for n in "123"):
            record = await adapter.appointment(call(recorder), local_id)
            assert record is not None
            assert record.local_id == local_id
    assert recorder.outcomes("read") == ["done", "misplaced", "done", "done"]


async def test_a_write_never_gets_a_connection_used_before() -> None:
    used: list[list[str]] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        used.append([])
        mine = used[-1]
        while True:
            line, number = await request_of(reader)
            mine.append(line.split()[0])
            writer.write(answer(number, meeting(), "201 Created" if line.startswith("POST") else "200 OK"))

    async with proconsona(talk) as adapter:
        for _ in range(2):
            await adapter.perform(call(), book())
            await adapter.perform(call(), cancel())
    assert sorted(one for one in used if one) == [["GET", "GET"], ["POST"], ["POST"], ["PUT"], ["PUT"]]


async def test_no_answer_within_the_limit() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        await asyncio.sleep(60)

    async with proconsona(talk) as adapter:
        with pytest.raises(OutcomeUnknown):
            await adapter.perform(call(limit=0.2), book())
        with pytest.raises(Unavailable):
            await adapter.perform(call(limit=0.2), cancel())  # it is the reading before that is not answered
        with pytest.raises(Unavailable):
            await adapter.find_person(call(limit=0.2), AINO.hetu)


async def test_pages_share_one_limit() -> None:
    asked = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        while True:
            _, number = await request_of(reader)
            asked += 1
            await asyncio.sleep(0.1)
            writer.write(answer(number, listed("tapaamiset", following=f"{BASE}/tapaamiset?jatko=x")))

    async with proconsona(talk) as adapter:
        with pytest.raises(Unavailable):
            await adapter.appointments(call(limit=0.35), PATIENT)
    assert 1 <= asked <= 4  # a limit for each page would let all pages be asked


async def test_a_limit_that_is_over_sends_nothing(recorder: Recorder) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise AssertionError

    async with proconsona(talk) as adapter:
        with pytest.raises(Unavailable):
            await adapter.perform(call(recorder, limit=0.0), book())


async def test_one_slow_answer_blocks_no_other() -> None:
    go_on = asyncio.Event()
    slow_ones = [f"00000000-0000-4000-8000-0000000000{n}" for n in range(10, 30)]

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            line, number = await request_of(reader)
            local_id = line.split()[1].rsplit("/", 1)[1]
            if local_id in slow_ones:
                await go_on.wait()
            writer.write(answer(number, meeting(tunnus=local_id)))

    async with proconsona(talk) as adapter:
        slow = [asyncio.create_task(adapter.appointment(call(), one)) for one in slow_ones]
        assert await adapter.appointment(call(), MEETING) is not None
        assert not any(task.done() for task in slow)
        go_on.set()
        assert all(await asyncio.gather(*slow))


async def test_an_endless_answer_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MAX_REPLY", 100_000)
    written = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        _, number = await request_of(reader)
        head = f"HTTP/1.1 201 Created\r\nContent-Type: {XML}\r\nX-PC-Pyynto: {number}\r\n"
        writer.write(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        while written < 200_000_000:
            writer.write(b"2710\r\n" + b" " * 10_000 + b"\r\n")
            written += 10_000
            await writer.drain()

    async with proconsona(talk) as adapter:
        with pytest.raises(OutcomeUnknown):
            await adapter.perform(call(), book())
        with pytest.raises(Unavailable):
            await adapter.appointments(call(), PATIENT)
    assert written < 50_000_000


BOMB = (
    "<!DOCTYPE tapaaminen ["
    + "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(9))
    + '<!ENTITY e0 "ha">]>'
)
NS = 'xmlns="urn:proconsona:rajapinta:3"'
HOSTILE = {
    "entity bomb": f"{BOMB}<tapaaminen {NS}>&e9;</tapaaminen>",
    "external entity": f'<!DOCTYPE t [<!ENTITY x SYSTEM "file:///etc/hostname">]><tapaaminen {NS}>&x;</tapaaminen>',
    "external dtd": f'<!DOCTYPE t SYSTEM "http://127.0.0.1:9/x.dtd"><tapaaminen {NS}/>',
    "depth": f"<tapaaminen {NS}>" + "<a>" * 100_000,
    "attributes": f"<tapaaminen {NS} " + " ".join(f'a{n}="1"' for n in range(50_000)) + "/>",
    "namespaces": f"<tapaaminen {NS} " + " ".join(f'xmlns:n{n}="urn:{n}"' for n in range(20_000)) + "/>",
    "a long text": f"<tapaaminen {NS}><tunnus>{'x' * 7_000_000}</tunnus></tapaaminen>",
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
async def test_a_hostile_document_is_refused(body: str) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            _, number = await request_of(reader)
            writer.write(answer(number, body))

    async with proconsona(talk) as adapter:
        with pytest.raises(Unavailable):
            await adapter.appointment(call(), MEETING)


async def test_a_full_page_of_free_times_is_read() -> None:
    one = (
        "<vapaaAika><kalenteri>58833468-ffbc-51cb-93a6-5bf97038b6f4</kalenteri><alku>2027-03-23T08:00:00+02:00</alku>"
        "<loppu>2027-03-23T08:45:00+02:00</loppu><palvelu>TSO</palvelu><palvelutehtava koodi='6'>T</palvelutehtava>"
        "<yksikko>5f0c7a52-9f6f-4a53-8e0e-2f1d3c434003</yksikko>"
        "<tyontekija>b41e373c-8f01-51f1-9f66-7c6fa2f8a452</tyontekija><vapaana>1</vapaana></vapaaAika>"
    )
    body = listed("vapaatAjat", *[one] * 500)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            _, number = await request_of(reader)
            writer.write(answer(number, body))

    async with proconsona(talk) as adapter:
        assert len(await adapter.find_free(call(), days(7))) == 500


# TLS


async def test_mutual_tls(tmp_path: Path) -> None:
    ours, theirs = self_signed(tmp_path, "ours"), self_signed(tmp_path, "theirs")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=ours[0])
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(*theirs)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line, number = await request_of(reader)
            writer.write(answer(number, meeting(), "201 Created" if line.startswith("POST") else "200 OK"))
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context)
    at = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    shown = {"certificate": ours[0], "certificate_key": ours[1]}
    with_it = ProConsonaAdapter(installation(at, ca_file=theirs[0], **shown))
    assert (await with_it.perform(call(), book())).native == "201"
    assert await with_it.appointment(call(), MEETING) is not None
    without = ProConsonaAdapter(installation(at, ca_file=theirs[0]))
    with pytest.raises((Unavailable, Misconfigured)):
        await without.appointment(call(), MEETING)
    untrusting = ProConsonaAdapter(installation(at, **shown))
    with pytest.raises(Misconfigured, match="certificate"):
        await untrusting.perform(call(), book())
    for adapter in (with_it, without, untrusting):
        await adapter.close()
    server.close()


def self_signed(folder: Path, name: str) -> tuple[str, str]:
    """A certificate and its key, which is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    until, number = now + timedelta(1), x509.random_serial_number()
    made = x509.CertificateBuilder(subject, subject, key.public_key(), number, now - timedelta(1), until)
    address = x509.IPAddress(ip_address("127.0.0.1"))
    made = made.add_extension(x509.SubjectAlternativeName([address]), False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
    cert, secret = folder / f"{name}.pem", folder / f"{name}-key.pem"
    cert.write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    pkcs8, clear = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    secret.write_bytes(key.private_bytes(serialization.Encoding.PEM, pkcs8, clear))
    return str(cert), str(secret)
