"""The wake-up call: empty, signed, one for several changes, now and then not sent (manual §10)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest

from tests.sandbox.proconsona.proconsona_bench import NAMESPACE, Bench, cancel, signed


@dataclass
class Ear:
    """A small HTTP server that is called."""

    port: int = 0
    heard: list[bytes] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/kuuntelija?x=%C3%A4"

    async def listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            self.heard.append(head)
            writer.write(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            writer.close()
            return


@pytest.fixture
async def ear() -> AsyncIterator[Ear]:
    found = Ear()
    server = await asyncio.start_server(found.listen, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    yield found
    server.close()


def herate(address: str) -> str:
    """The body of a registration."""
    return f'<herate xmlns="{NAMESPACE}"><osoite>{address}</osoite></herate>'


async def test_the_call(bench: Bench, ear: Ear) -> None:
    assert (await bench.ask("PUT", "/herate", herate(ear.address))).text("osoite") == ear.address
    await asyncio.sleep(0.15)
    assert ear.heard == []
    await bench.booked()
    await _until(lambda: len(ear.heard) == 1)
    first, *lines = ear.heard[0].decode().strip().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    assert first == "POST /kuuntelija?x=%C3%A4 HTTP/1.1"
    assert (headers["content-length"], headers["x-pc-asennus"]) == ("0", "proconsona-loviisa")
    right = signed("POST", "/kuuntelija?x=%C3%A4", at=headers["x-pc-aika"])
    assert {name: headers[name.lower()] for name in right} == right
    await asyncio.sleep(0.2)
    assert len(ear.heard) == 1  # the 500 does not make it come again


async def test_several_changes_are_one_call(bench: Bench, ear: Ear) -> None:
    await bench.ask("PUT", "/herate", herate(ear.address))
    for _ in range(3):
        offer = bench.proposed("aino")
        bench.system.cancel(offer.id, by="desk")
    await _until(lambda: len(ear.heard) == 1)
    await asyncio.sleep(0.2)
    assert len(ear.heard) == 1


async def test_every_tenth_is_not_sent(bench: Bench, ear: Ear) -> None:
    await bench.ask("PUT", "/herate", herate(ear.address))
    for number in range(1, 12):
        bench.system.cancel(bench.proposed("aino").id, by="desk")
        await _until(lambda number=number: _calls(bench) == number)  # type: ignore[misc]
    assert len(ear.heard) == 10
    notes = [one.note for one in bench.journal.entries() if one.operation == "herate" and "not sent" in one.note]
    assert len(notes) == 1


async def test_no_call_for_what_the_client_may_not_see(bench: Bench, ear: Ear) -> None:
    await bench.ask("PUT", "/herate", herate(ear.address))
    bench.proposed("aino", "LAS")
    await asyncio.sleep(0.2)
    assert ear.heard == []


async def test_read_and_delete(bench: Bench, ear: Ear) -> None:
    assert (await bench.ask("GET", "/herate")).error == (404, "EI_LOYDY")
    await bench.ask("PUT", "/herate", herate("http://localhost/a"))
    await bench.ask("PUT", "/herate", herate(ear.address))
    assert (await bench.ask("GET", "/herate")).text("osoite") == ear.address
    gone = await bench.send("DELETE", "/herate")
    assert (gone.status_code, gone.content) == (204, b"")
    assert (await bench.ask("GET", "/herate")).error == (404, "EI_LOYDY")
    booked = await bench.booked()
    await bench.change(booked.text("tunnus"), 1, cancel())
    await asyncio.sleep(0.15)
    assert ear.heard == []


async def test_nobody_listens(bench: Bench) -> None:
    await bench.ask("PUT", "/herate", herate("http://127.0.0.1:9/x"))
    await bench.booked()
    await _until(lambda: _calls(bench) == 1)
    assert bench.journal.entries()[-1].note.startswith("not answered")


@pytest.mark.parametrize(
    "address",
    [
        "ftp://127.0.0.1/x",
        "http://example.org/x",
        "http://127.0.0.1:99999/x",
        "http://user@127.0.0.1/x",
        "http://127.0.0.1/x#y",
        "/x",
        "http://127.0.0.1.example.org/",
        "http://127.0.0.1/" + "x" * 500,
    ],
)
async def test_addresses_that_are_not_called(bench: Bench, address: str) -> None:
    assert (await bench.ask("PUT", "/herate", herate(address))).error == (422, "OSOITE_EI_KAY")


def _calls(bench: Bench) -> int:
    """How many calls were made, or left out."""
    return sum(
        1 for one in bench.journal.entries() if one.direction == "sent" and one.note and one.operation == "herate"
    )


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():
            await asyncio.sleep(0.01)
