"""The examples of ProConsona's manual, played against the mock: what the manual shows is what comes, byte for byte.

An ```http block that does not begin with HTTP/1.1 is a request; the headers of the signature are added to it. A block
that begins with HTTP/1.1 is its answer: status, the headers that are shown, and the body, or the beginning of one where
the text says so.

Run as a program (`python -m tests.sandbox.proconsona.proconsona_manual`), it writes the answers into the manual anew.
Do that when the seeded data has changed, and read the difference.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import httpx

import sandbox.proconsona
from sandbox.clock import real_now
from sandbox.config import new_config
from sandbox.proconsona.face import ProConsonaFace
from sandbox.world import World
from tests.plain_http import PLAIN
from tests.sandbox.proconsona.proconsona_bench import CREDENTIALS, signed

MANUAL = Path(sandbox.proconsona.__file__).with_name("INTERFACE.md")
FIRST_MORNING = datetime.fromisoformat("2027-03-22T08:04:12.532+02:00")
SIGNED_AT = datetime.fromisoformat("2027-03-22T06:04:12+00:00")
BEGINNING = 24
_BLOCK = re.compile(r"```http\n(.*?)\n```", re.DOTALL)


@dataclass(frozen=True)
class Example:
    """A request of the manual."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def has_signature(self) -> bool:
        return "X-PC-Allekirjoitus" in self.headers


def read_request(block: str) -> Example:
    """The request that a block shows."""
    head, _, body = block.partition("\n\n")
    first, *lines = head.split("\n")
    method, target, _ = first.split(" ")
    headers = dict(line.split(": ", 1) for line in lines)
    headers.pop("Host", None)
    return Example(method, target, headers, body.encode())


@asynccontextmanager
async def first_morning(state: Path, *, signing_example: bool = False) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the default sandbox's first morning, the virtual clock standing still.

    For the example of the signature, the real clock stands still too.
    """
    world = World(new_config(0, pick_ports=False, installations=("proconsona-loviisa",)), state)
    world.clock.freeze(FIRST_MORNING)
    one = world.installations["proconsona-loviisa"]
    config = replace(one.config, port=0, credentials=CREDENTIALS)
    now = (lambda: SIGNED_AT) if signing_example else real_now
    face = ProConsonaFace(config, one.system, one.faults, one.journal, now=now)
    await face.start()
    try:
        async with httpx.AsyncClient(verify=PLAIN, base_url=f"http://127.0.0.1:{face.port}") as client:
            yield client
    finally:
        await face.stop()
        world.close()


async def answer_to(client: httpx.AsyncClient, example: Example) -> httpx.Response:
    """What the mock answers; the example is signed unless it shows its signature."""
    signature = {} if example.has_signature else signed(example.method, example.target, example.body)
    headers = example.headers | signature
    return await client.request(example.method, example.target, content=example.body, headers=headers)


def shown(answer: httpx.Response, like: str) -> str:
    """An answer as the manual shows it, with the headers of the block it had before."""
    head = [line for line in like.partition("\n\n")[0].split("\n")[1:] if line]
    names = [line.partition(":")[0] for line in head]
    lines = [f"{name}: {answer.headers[name]}" for name in names]
    return "\n".join([f"HTTP/1.1 {answer.status_code} {answer.reason_phrase}", *lines, "", answer.text.rstrip("\n")])


async def replay(manual: str, state: Path) -> str:
    """Return the manual with every answer as the default sandbox (seed 42) gives it."""
    parts: list[str] = []
    end = 0
    answer: httpx.Response | None = None
    async with first_morning(state) as client:
        for found in _BLOCK.finditer(manual):
            if not found[1].startswith("HTTP/1.1"):
                example = read_request(found[1])
                answer = None if example.has_signature else await answer_to(client, example)
                continue
            assert answer is not None
            text = shown(answer, found[1])
            if manual[: found.start()].rstrip().endswith("The beginning of the answer:"):
                text = "\n".join(text.split("\n")[:BEGINNING])
            parts += [manual[end : found.start()], f"```http\n{text}\n```"]
            end = found.end()
    return "".join(parts) + manual[end:]


def main() -> None:
    """Write the manual's answers anew."""
    with tempfile.TemporaryDirectory() as state:
        MANUAL.write_text(asyncio.run(replay(MANUAL.read_text("utf-8"), Path(state))), "utf-8")


if __name__ == "__main__":
    main()
