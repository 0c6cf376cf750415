"""The examples of Pegasos's manual, played against the mock: what the manual shows is what comes.

An ```hl7 block is a message, one segment a line. A block from SOTESILTA is a request; it is sent at the time in its
MSH-7, and the block from PEGASOS after it is its answer, or the beginning of one (directories are long).

Run as a program (`python -m tests.sandbox.pegasos.pegasos_manual`), it writes the answers into the manual anew. Do that
when the seeded data has changed, and read the difference.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from datetime import datetime
from pathlib import Path

import sandbox.pegasos
from sandbox.clock import HELSINKI
from sandbox.config import new_config
from sandbox.pegasos.face import make_face
from sandbox.world import World

MANUAL = Path(sandbox.pegasos.__file__).with_name("INTERFACE.md")
_BLOCK = re.compile(r"```hl7\n(.*?)```", re.DOTALL)


def blocks(manual: str) -> list[list[str]]:
    """Return the examples as lists of segments."""
    return [found[1].splitlines() for found in _BLOCK.finditer(manual)]


def is_request(block: list[str]) -> bool:
    """Whether an example is a request."""
    return block[0].split("|")[2] == "SOTESILTA"


async def replay(manual: str, state: Path) -> str:
    """Return the manual with every answer as the default sandbox (seed 42) gives it, as long as it was."""
    world = World(new_config(0), state)
    one = world.installations["pegasos-loviisa"]
    face = make_face(one.config, one.system, one.faults, one.journal)
    await face.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", face.port, limit=2**23)
    parts: list[str] = []
    end = 0
    try:
        for found in _BLOCK.finditer(manual):
            lines = found[1].splitlines()
            if is_request(lines):
                at = datetime.strptime(lines[0].split("|")[6], "%Y%m%d%H%M%S").replace(tzinfo=HELSINKI)
                world.clock.freeze(at)
                writer.write(b"\x0b" + "\r".join([*lines, ""]).encode("iso-8859-1") + b"\x1c\r")
                raw = await reader.readuntil(b"\x1c\r")
                answer = raw[1:-3].decode("iso-8859-1").split("\r")
            else:
                shown = "\n".join(answer[: len(lines)])
                parts += [manual[end : found.start()], f"```hl7\n{shown}\n```"]
                end = found.end()
    finally:
        writer.close()
        await face.stop()
        world.close()
    return "".join(parts) + manual[end:]


def main() -> None:
    """Write the manual's answers anew."""
    with tempfile.TemporaryDirectory() as state:
        MANUAL.write_text(asyncio.run(replay(MANUAL.read_text("utf-8"), Path(state))), "utf-8")


if __name__ == "__main__":
    main()
