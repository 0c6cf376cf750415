"""The examples of Mediatri's manual, played against the mock: what the manual shows is what comes.

An ```xml block named by an operation is the content of a request's Body; the block after it is the answer's, or the
beginning of it when a comment ends it (directories are long). White space between elements is the manual's. The two
```http blocks are whole messages, compared byte for byte. Everything happens at one moment of the default sandbox.

Run as a program (`python -m tests.sandbox.mediatri.mediatri_manual`), it writes the answers into the manual anew. Do
that when the seeded data has changed, and read the difference.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from lxml import etree

from sandbox.clock import HELSINKI
from sandbox.config import new_config
from sandbox.mediatri.face import MediatriFace
from sandbox.world import World
from tests.sandbox.mediatri.mediatri_bench import CREDENTIALS, FOLDER, NS, SOAP, envelope, token

MANUAL = FOLDER / "INTERFACE.md"
INSTALLATION = "mediatri-sipoo"
MOMENT = datetime(2027, 3, 22, 8, 15, tzinfo=HELSINKI)
MORE = "<!-- … -->"
SHOWN_TOKEN = "kQ3vT0xYh2mJr8Zs5bLwEo7u"

_BLOCK = re.compile(r"```(xml|http)\n(.*?)```", re.DOTALL)
_REQUEST = re.compile(rf'<(\w+) xmlns="{NS}"')
_HEADERS = ("content-type", "content-length")


def blocks(manual: str) -> list[tuple[str, str]]:
    """Return the examples as (kind, text)."""
    return [(found[1], found[2]) for found in _BLOCK.finditer(manual)]


def is_request(kind: str, text: str) -> bool:
    """Whether an example is a request."""
    if kind == "http":
        return text.startswith("POST ")
    match = _REQUEST.match(text)
    return match is not None and not match[1].endswith("Vastaus")


def shown(body: bytes, lines: int | None) -> str:
    """Return the content of an answer's Body as the manual shows it: indented, all of it or its first lines."""
    envelope_ = etree.fromstring(body)
    etree.indent(envelope_)
    text = etree.tostring(envelope_[0][0], encoding="unicode").strip()
    text = text.replace(f' xmlns:soap="{SOAP}"', "")
    depth = "\n    "  # the Body and its content stand two levels below the envelope
    every = text.replace(depth, "\n").splitlines()
    return "\n".join(every) if lines is None else "\n".join([*every[:lines], MORE])


class Replay:
    """The sandbox's Mediatri at the manual's moment, and what it answers."""

    def __init__(self, state: Path) -> None:
        config = new_config(0, installations=(INSTALLATION,))
        self.world = World(config, state)
        self.world.clock.freeze(MOMENT)
        one = self.world.installations[INSTALLATION]
        own = replace(one.config, credentials=CREDENTIALS)
        self.face = MediatriFace(own, one.system, one.faults, one.journal, now=lambda: MOMENT.astimezone(UTC))
        self._token = SHOWN_TOKEN

    async def exchange(self, request: bytes) -> bytes:
        """Send one HTTP request on a connection of its own."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.face.port)
        try:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head)
            assert length is not None
            return head + await reader.readexactly(int(length[1]))
        finally:
            writer.close()

    async def call(self, content: str) -> bytes:
        """Send the content of a Body; the answer's HTTP body."""
        match = _REQUEST.match(content)
        assert match is not None
        body = envelope(content.replace(SHOWN_TOKEN, self._token), token("2027-03-22T06:15:00Z"))
        head = (
            f'POST /ws/Ajanvaraus HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\nSOAPAction: "{NS}/{match[1]}"\r\n'
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        answer = (await self.exchange(head.encode() + body)).partition(b"\r\n\r\n")[2]
        made = re.search(rb"<varaustunnus>([^<]*)<", answer)
        if made is not None:  # the one thing that is random
            self._token = made[1].decode()
            answer = answer.replace(made[1], SHOWN_TOKEN.encode())
        return answer

    async def http(self, text: str) -> str:
        """Send an ```http block; the answer as a block shows it, without the headers that are the server's own."""
        head, _, body = text.partition("\n\n")
        raw = await self.exchange(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body.removesuffix("\n").encode())
        answer_head, _, answer = raw.decode().partition("\r\n\r\n")
        status, *headers = answer_head.split("\r\n")
        kept = [line for line in headers if line.partition(":")[0] in _HEADERS]
        return "\n".join([status, *kept, "", answer])


async def replay(manual: str, state: Path) -> str:
    """Return the manual with every answer as the default sandbox (seed 42) gives it, as long as it was."""
    play = Replay(state)
    await play.face.start()
    parts: list[str] = []
    end, answer, body = 0, "", b""
    try:
        for found in _BLOCK.finditer(manual):
            kind, text = found[1], found[2]
            if is_request(kind, text):
                answer = await play.http(text) if kind == "http" else ""
                body = b"" if kind == "http" else await play.call(text.strip())
            elif answer or body:
                lines = text.splitlines()
                cut = len(lines) - 1 if lines[-1] == MORE else None
                new = answer if kind == "http" else shown(body, cut)
                parts += [manual[end : found.start()], f"```{kind}\n{new}\n```"]
                end, answer, body = found.end(), "", b""
    finally:
        await play.face.stop()
        play.world.close()
    return "".join(parts) + manual[end:]


def main() -> None:
    """Write the manual's answers anew."""
    with tempfile.TemporaryDirectory() as state:
        MANUAL.write_text(asyncio.run(replay(MANUAL.read_text("utf-8"), Path(state))), "utf-8")


if __name__ == "__main__":
    main()
