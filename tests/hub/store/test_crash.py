"""kill -9 at any moment: every write that was answered is there, and nothing of half a write."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
from sqlalchemy import select

from hub.sealing import Sealer
from hub.store import Store
from hub.store.database import Database
from hub.store.schema import alias, command, idempotency
from tests.hub.store.conftest import KEY

WRITER = """
import asyncio, sys, itertools
sys.path.insert(0, {root!r})
from hub.sealing import Sealer
from hub.store import Store
from hub.journal.ports import IdempotencyKey, Lease
from tests.hub.store.samples import booking
from hub.store.schema import alias

store = Store.open({url!r}, Sealer(bytes(range(32))))
numbers = itertools.count()

def pair(name):
    def work(connection):
        for half in ("one", "two"):
            connection.execute(alias.insert().values(kind=half, hub_id=name, canonical=""))
    return work

async def write():
    while True:
        n = next(numbers)
        new = booking("aino", f"c{{n}}", f"t{{n}}", lane=f"lane{{n}}")
        await store.journal.accept(new, Lease("w", 2.0), 1.0, IdempotencyKey("s", f"k{{n}}", "d"))
        sys.stdout.write(f"command c{{n}}\\n"); sys.stdout.flush()
        await store.database.write(pair(f"p{{n}}"))
        sys.stdout.write(f"pair p{{n}}\\n"); sys.stdout.flush()

async def main():
    await asyncio.gather(*(write() for _ in range(16)))

asyncio.run(main())
"""


def write_until_killed(url: str, seconds: float) -> set[tuple[str, str]]:
    """What a process that was killed had been told is written."""
    root = os.getcwd()
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER.format(url=url, root=root)], stdout=subprocess.PIPE, text=True, cwd=root
    )
    assert process.stdout is not None
    told = [process.stdout.readline()]
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    told += process.stdout.read().splitlines()
    process.wait()
    whole = [line.split() for line in told if len(line.split()) == 2]
    return {(kind, name) for kind, name in whole}


@pytest.mark.parametrize("seconds", [0.05, 0.4])
async def test_what_was_acknowledged_survives(database_url: str, seconds: float) -> None:
    told = write_until_killed(database_url, seconds)
    assert told, "nothing was written before the end"
    database = Database(database_url)
    commands = await database.read(lambda c: set(c.execute(select(command.c.id)).scalars()))
    keys = await database.read(lambda c: set(c.execute(select(idempotency.c.command_id)).scalars()))
    pairs = await database.read(lambda c: [tuple(row) for row in c.execute(select(alias.c.kind, alias.c.hub_id))])
    await database.close()
    there = {("command", name) for name in commands} | {("pair", name) for _, name in pairs}
    assert told <= there
    assert keys == commands, "a command and its key are written together"
    assert {name for half, name in pairs if half == "one"} == {name for half, name in pairs if half == "two"}
    store = Store.open(database_url, Sealer(KEY))
    assert sorted(await store.journal.due(10.0, 100_000)) == sorted(commands)
    await store.close()
