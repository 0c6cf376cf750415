"""The connection under every write over HTTP, on real sockets, with TLS and without."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpcore
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from adapters.http.stream import connect

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
LIMIT = 5.0


@asynccontextmanager
async def server(serve: Serve, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield int(listening.sockets[0].getsockname()[1])
    finally:
        listening.close()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while part := await reader.read(65536):
        writer.write(part)
        await writer.drain()
    writer.close()


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for 127.0.0.1, signed by itself, with its key in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "record system")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    no_password = serialization.NoEncryption()
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, no_password)
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    file.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return file


def speaks(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.mark.parametrize("secured", [False, True])
async def test_what_is_written_arrives_and_what_comes_is_read(secured: bool, certificate: Path) -> None:
    trust = ssl.create_default_context(cafile=certificate) if secured else None
    async with server(echo, speaks(certificate) if secured else None) as port:
        stream = await connect("127.0.0.1", port, trust, LIMIT)
        sent = b"\x00\xff" * 300_000
        writing = asyncio.create_task(stream.write(sent, LIMIT))
        got = b""
        while len(got) < len(sent):
            got += await stream.read(65536, LIMIT)
        await writing
        await stream.aclose()
    assert got == sent


async def test_a_certificate_nobody_trusts_is_no_connection(certificate: Path) -> None:
    async with server(echo, speaks(certificate)) as port:
        with pytest.raises(ssl.SSLCertVerificationError):
            await connect("127.0.0.1", port, ssl.create_default_context(), LIMIT)


async def test_nobody_listens(unused_tcp_port: int) -> None:
    with pytest.raises(OSError):
        await connect("127.0.0.1", unused_tcp_port, None, LIMIT)


async def test_a_silent_connection_is_silent_and_a_closed_one_is_heard() -> None:
    hung_up = asyncio.Event()

    async def hangs_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await hung_up.wait()
        writer.close()

    async with server(hangs_up) as port:
        stream = await connect("127.0.0.1", port, None, LIMIT)
        await asyncio.sleep(0.05)
        assert not stream.heard
        hung_up.set()
        async with asyncio.timeout(LIMIT):
            while not stream.heard:
                await asyncio.sleep(0.01)
        assert stream.get_extra_info("is_readable")
        await stream.aclose()


async def test_what_is_said_unasked_is_heard() -> None:
    async def talks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
        await silent(reader, writer)

    async with server(talks) as port:
        stream = await connect("127.0.0.1", port, None, LIMIT)
        async with asyncio.timeout(LIMIT):
            while not stream.heard:
                await asyncio.sleep(0.01)
        await stream.aclose()


async def test_an_answer_that_does_not_come_in_time() -> None:
    async with server(silent) as port:
        stream = await connect("127.0.0.1", port, None, LIMIT)
        with pytest.raises(httpcore.ReadTimeout):
            await stream.read(10, 0.05)
        await stream.aclose()


async def test_a_connection_that_is_cut() -> None:
    async def cuts(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(4)
        at_once = struct.pack("ii", 1, 0)  # a reset, not an end
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        writer.transport.abort()

    async with server(cuts) as port:
        stream = await connect("127.0.0.1", port, None, LIMIT)
        await stream.write(b"left", LIMIT)
        with pytest.raises(httpcore.ReadError):
            await stream.read(10, LIMIT)
        with pytest.raises(httpcore.WriteError):
            for _ in range(100):
                await stream.write(b"more", LIMIT)
        await stream.aclose()
