"""Wake-ups: an id goes in, the command is settled; in memory and through a real RabbitMQ."""

from __future__ import annotations

import asyncio
import uuid

import pytest

from hub import worker
from hub.worker import Wakeups


async def settled_ids(url: str, ids: list[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(worker, "QUEUE", f"sotesilta-test-{uuid.uuid4().hex}")
    seen: list[str] = []
    enough = asyncio.Event()

    async def settle(command_id: str) -> None:
        seen.append(command_id)
        if len(seen) >= len(ids):
            enough.set()

    loop = asyncio.get_running_loop()
    consumer = Wakeups(url, settle, loop, consume=True)
    sender = Wakeups(url, settle, loop, consume=False) if url else consumer
    try:
        for one in ids:
            await sender.wake(one)
        await asyncio.wait_for(enough.wait(), 30)
    finally:
        await consumer.stop()
        if sender is not consumer:
            await sender.stop()
    return seen


async def test_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [uuid.uuid4().hex for _ in range(20)]
    assert sorted(await settled_ids("", ids, monkeypatch)) == sorted(ids)


@pytest.mark.rabbitmq
async def test_through_rabbitmq_between_two_brokers(rabbitmq_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [uuid.uuid4().hex for _ in range(20)]
    assert sorted(await settled_ids(rabbitmq_url, ids, monkeypatch)) == sorted(ids)


async def test_a_settling_that_fails_leaves_the_worker_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "QUEUE", f"sotesilta-test-{uuid.uuid4().hex}")
    done = asyncio.Event()

    async def settle(command_id: str) -> None:
        if command_id == "bad":
            raise ValueError("broken")
        done.set()

    wakeups = Wakeups("", settle, asyncio.get_running_loop(), consume=True)
    try:
        await wakeups.wake("bad")
        await wakeups.wake("good")
        await asyncio.wait_for(done.wait(), 10)
    finally:
        await wakeups.stop()
