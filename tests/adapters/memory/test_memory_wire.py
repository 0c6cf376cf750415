"""The memory adapter's wire: faults come when armed, as often as armed, and for whom they are armed."""

from __future__ import annotations

import asyncio

import pytest

from adapters.call import Call
from adapters.errors import AnotherPatient, ForeignError, Misconfigured, OutcomeUnknown, Unavailable
from adapters.memory import Fault, MemoryAdapter, open_memory, town
from adapters.memory.wire import pack, unpack
from canonical.commands import Book
from canonical.model import FreeQuery

CALL = Call("req_memory", 5.0)


@pytest.fixture
def adapter() -> MemoryAdapter:
    return open_memory()


async def booking(adapter: MemoryAdapter) -> Book:
    patient = await adapter.find_person(CALL, town.CUSTOMERS[0].hetu)
    free = await adapter.find_free(CALL, FreeQuery(town.TODAY, town.TODAY + town.DAY))
    return Book("placer", town.CUSTOMERS[0], free[0].time, patient)


async def probed(adapter: MemoryAdapter) -> bool:
    try:
        await adapter.probe(CALL)
    except Unavailable:
        return False
    return True


async def test_fault_meets_as_many_requests_as_armed_for(adapter: MemoryAdapter) -> None:
    adapter.wire.arm(Fault("drop-answer", "probe", left=2))
    assert [await probed(adapter) for _ in range(3)] == [False, False, True]


async def test_fault_meets_only_its_operation(adapter: MemoryAdapter) -> None:
    adapter.wire.arm(Fault("drop-answer", "list"))
    assert await probed(adapter)
    adapter.wire.arm(Fault("drop-answer", "*"))
    assert not await probed(adapter)


async def test_oldest_fault_comes_first(adapter: MemoryAdapter) -> None:
    command = await booking(adapter)
    adapter.wire.arm(Fault("drop-request", "book"))
    adapter.wire.arm(Fault("wrong-person", "book"))
    with pytest.raises(OutcomeUnknown):
        await adapter.perform(CALL, command)
    with pytest.raises(AnotherPatient):
        await adapter.perform(CALL, command)


async def test_closed_listener_stays_closed_until_disarmed(adapter: MemoryAdapter) -> None:
    adapter.wire.arm(Fault("refuse-connection", "*"))
    assert [await probed(adapter) for _ in range(2)] == [False, False]
    adapter.wire.disarm()
    assert await probed(adapter)


@pytest.mark.parametrize(
    ("code", "error"),
    [("busy", Unavailable), ("forbidden", Misconfigured), ("not-understood", Misconfigured), ("zzz", OutcomeUnknown)],
)
async def test_word_of_trouble_is_its_error(adapter: MemoryAdapter, code: str, error: type[ForeignError]) -> None:
    command = await booking(adapter)
    adapter.wire.arm(Fault("error-before-work", "book", code=code))
    with pytest.raises(error) as raised:
        await adapter.perform(CALL, command)
    assert raised.value.native == code


async def test_late_work_is_done_after_the_answer_was_lost(adapter: MemoryAdapter) -> None:
    command = await booking(adapter)
    adapter.wire.arm(Fault("work-late", "book", seconds=0.02))
    with pytest.raises(OutcomeUnknown):
        await adapter.perform(CALL, command)
    assert await adapter.look(CALL, command) is None
    await asyncio.sleep(0.05)
    assert await adapter.look(CALL, command) is not None


async def test_pending_booking_is_decided_by_the_desk(adapter: MemoryAdapter) -> None:
    command = await booking(adapter)
    adapter.wire.arm(Fault("pending-answer", "book"))
    done = await adapter.perform(CALL, command)
    assert done.record.resource["status"] == "pending"
    assert await adapter.free_time(CALL, command.time) is None
    adapter.master.decide(done.record.local_id, "booked")
    seen = await adapter.look(CALL, command)
    assert seen is not None
    assert seen.resource["status"] == "booked"


def test_unknown_fault_is_not_armed(adapter: MemoryAdapter) -> None:
    with pytest.raises(ValueError, match="no such fault"):
        adapter.wire.arm(Fault("earthquake", "book"))


@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-1"])
def test_messages_say_their_character_set(charset: str) -> None:
    assert unpack(pack({"a": "Öö | \r\n"}, charset)) == {"a": "Öö | \r\n"}


@pytest.mark.parametrize(
    "raw",
    [b"", b"{}", b"charset=utf-7\n{}", b"charset=utf-8\n[]", b"charset=utf-8\n{", b"charset=utf-8\n\xff", b"\xff\n{}"],
)
def test_bytes_that_are_no_message_are_refused(raw: bytes) -> None:
    with pytest.raises(ValueError):
        unpack(raw)
