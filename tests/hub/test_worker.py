"""Wake-ups: an id goes in, the command is settled; in memory and through a real RabbitMQ."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from hub.worker import KEPT, Wakeups

AWAY = ("amqp://guest:guest@127.0.0.1:1/", "amqp://guest:guest@no-such-host.invalid:5672/")


def a_queue() -> str:
    return f"sotesilta-test-{uuid.uuid4().hex}"


@contextmanager
def queue_of(url: str) -> Iterator[tuple[str, BlockingChannel]]:
    """A queue of the test's own, with a channel to look at it; gone at the end with what belongs to it."""
    queue, connection = a_queue(), pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    try:
        yield queue, channel
    finally:
        for name in (queue, f"{queue}.DQ", f"{queue}.XQ"):
            channel.queue_delete(name)
        connection.close()


async def settled_ids(url: str, ids: list[str], queue: str) -> list[str]:
    seen: list[str] = []
    enough = asyncio.Event()

    async def settle(command_id: str) -> None:
        seen.append(command_id)
        if len(seen) >= len(ids):
            enough.set()

    loop = asyncio.get_running_loop()
    consumer = Wakeups(url, settle, loop, queue=queue, consume=True)
    sender = Wakeups(url, settle, loop, queue=queue, consume=False) if url else consumer
    try:
        for one in ids:
            await sender.wake(one)
        await asyncio.wait_for(enough.wait(), 30)
    finally:
        await consumer.stop()
        if sender is not consumer:
            await sender.stop()
    return seen


async def test_in_memory() -> None:
    ids = [uuid.uuid4().hex for _ in range(20)]
    assert sorted(await settled_ids("", ids, a_queue())) == sorted(ids)


@pytest.mark.rabbitmq
async def test_through_rabbitmq_between_two_brokers(rabbitmq_url: str) -> None:
    ids = [uuid.uuid4().hex for _ in range(20)]
    with queue_of(rabbitmq_url) as (queue, _):
        assert sorted(await settled_ids(rabbitmq_url, ids, queue)) == sorted(ids)


@pytest.mark.rabbitmq
async def test_nothing_is_kept_in_rabbitmq(rabbitmq_url: str) -> None:
    """What nobody takes, and what failed, is dropped: the database knows it."""
    failed = asyncio.Event()

    async def fail(_: str) -> None:
        failed.set()
        raise ValueError("broken")

    with queue_of(rabbitmq_url) as (queue, channel):
        consumer = Wakeups(rabbitmq_url, fail, asyncio.get_running_loop(), queue=queue, consume=True)
        try:
            await consumer.wake("bad")
            await asyncio.wait_for(failed.wait(), 10)
        finally:
            await consumer.stop()
        for name in (queue, f"{queue}.DQ", f"{queue}.XQ"):
            assert channel.queue_declare(name, passive=True).method.message_count == 0
        forgets = {"x-message-ttl": int(KEPT * 1000)}
        channel.queue_declare(queue, durable=True, arguments=forgets)  # refused unless it is as said


@pytest.mark.parametrize("url", AWAY)
async def test_a_worker_whose_broker_is_away_works_on_its_own(url: str) -> None:
    seen: list[str] = []

    async def settle(command_id: str) -> None:
        seen.append(command_id)
        if command_id == "bad":
            raise ValueError("broken")

    loop = asyncio.get_running_loop()
    worker = Wakeups(url, settle, loop, queue=a_queue(), consume=True)
    sender = Wakeups(url, settle, loop, queue=a_queue(), consume=False)
    try:
        await sender.wake("not its work")
        for one in ("bad", "good"):
            await worker.wake(one)
        assert seen == ["bad", "good"]
    finally:
        await worker.stop()
        await sender.stop()


async def test_a_settling_that_fails_leaves_the_worker_alive() -> None:
    done = asyncio.Event()

    async def settle(command_id: str) -> None:
        if command_id == "bad":
            raise ValueError("broken")
        done.set()

    wakeups = Wakeups("", settle, asyncio.get_running_loop(), queue=a_queue(), consume=True)
    try:
        await wakeups.wake("bad")
        await wakeups.wake("good")
        await asyncio.wait_for(done.wait(), 10)
    finally:
        await wakeups.stop()
