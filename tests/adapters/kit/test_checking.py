"""One check about one thing: what is wrong is named, and what to do about it."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from adapters.base import Installation
from adapters.call import Call
from adapters.contract.example import MemorySubject
from adapters.errors import Misconfigured
from adapters.kit.checking import Finding, Level, check_installation
from adapters.memory import MemoryAdapter, town
from canonical import times
from canonical.model import FreeQuery, FreeTime, Record

DAY = times.to_local(town.TODAY).date()


async def findings(kind: type[MemoryAdapter] = MemoryAdapter, day: date = DAY, **options: Any) -> dict[str, Finding]:
    installation = Installation("muisti-1", "muisti", "1", ("638",), ("health",), options)
    found = await check_installation(installation, lambda _: MemorySubject(kind=kind).adapter, day)
    return {one.name: one for one in found}


def beginning(*hours: int) -> type[MemoryAdapter]:
    """Its days, on both sides of a change of the clock, begin at these hours of Helsinki's."""

    class Beginning(MemoryAdapter):
        async def find_free(self, call: Call, query: FreeQuery) -> Sequence[FreeTime]:
            one = (await super().find_free(call, query))[0]
            days = zip((date(2027, 3, 22), date(2027, 3, 23), date(2027, 3, 29), date(2027, 3, 30)), hours, strict=True)
            starts = [times.from_local(datetime(day.year, day.month, day.day, hour)) for day, hour in days]
            return [replace(one, time=replace(one.time, start=start)) for start in starts]

    return Beginning


class Garbled(MemoryAdapter):
    """Reads UTF-8 as ISO-8859-1."""

    async def directory(self, call: Call) -> Sequence[Record]:
        found = await super().directory(call)
        return [replace(one, resource={**one.resource, "name": "LÃ¤Ã¤kÃ¤ri"}) for one in found]


class Lacking(MemoryAdapter):
    """Has no schedules."""

    async def directory(self, call: Call) -> Sequence[Record]:
        return [one for one in await super().directory(call) if one.kind != "Schedule"]


class Locked(MemoryAdapter):
    """Does not know us."""

    async def probe(self, call: Call) -> str:
        raise Misconfigured("HTTP 401 to probe")


def told_at(apart: timedelta, write: Callable[[datetime], bytes]) -> type[MemoryAdapter]:
    class Told(MemoryAdapter):
        async def probe(self, call: Call) -> str:
            call.recorder.received("", write(datetime.now(UTC) + apart), outcome="done")
            return await super().probe(call)

    return Told


def http(now: datetime) -> bytes:
    return b"HTTP/1.1 200 OK\r\ndate: " + format_datetime(now, usegmt=True).encode() + b"\r\n\r\n{}"


def hl7(now: datetime) -> bytes:
    return b"MSH|^~\\&|A||B||" + times.to_local(now).strftime("%Y%m%d%H%M%S").encode() + b"||ACK|1|P|2.4\r"


async def test_what_is_sound_is_said_to_be() -> None:
    found = await findings()
    levels = {name: one.level for name, one in found.items()}
    assert {levels[name] for name in ("options", "credentials", "directory", "free times", "time zone")} == {Level.OK}
    assert not any(one.level is Level.FAULT or one.fix for one in found.values() if one.name != "characters")


@pytest.mark.parametrize(
    ("kind", "name", "says"),
    [
        (beginning(10, 10, 11, 11), "time zone", "are read as UTC"),
        (beginning(5, 5, 5, 5), "time zone", "in UTC are read"),
        (beginning(2, 2, 2, 2), "time zone", "in UTC are read"),
        (beginning(8, 8, 9, 9), "time zone", "all the year"),
        (Garbled, "characters", "character set"),
        (Lacking, "directory", "mapping"),
        (Locked, "credentials", "credentials"),
    ],
)
async def test_what_is_wrong_is_named_with_what_to_do(kind: type[MemoryAdapter], name: str, says: str) -> None:
    found = (await findings(kind))[name]
    assert found.level is Level.FAULT
    assert says in found.fix


@pytest.mark.parametrize("write", [http, hl7])
@pytest.mark.parametrize(
    ("apart", "level"),
    [(timedelta(seconds=5), Level.OK), (timedelta(minutes=9), Level.NOTE), (timedelta(hours=-2), Level.FAULT)],
)
async def test_clocks_are_compared(apart: timedelta, level: Level, write: Callable[[datetime], bytes]) -> None:
    found = (await findings(told_at(apart, write)))["clock"]
    assert found.level is level, found


async def test_nobody_is_asked_where_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    found = await findings(address=f"http://127.0.0.1:{port}")
    assert found["connect"].level is Level.FAULT
    assert "port" in found["connect"].fix
    assert "credentials" not in found


async def test_a_day_without_free_times_asks_for_another() -> None:
    found = (await findings(day=date(2000, 1, 1)))["free times"]
    assert (found.level, "--day" in found.fix) == (Level.NOTE, True)


async def test_a_system_without_an_adapter_is_said() -> None:
    found = await check_installation(Installation("x-1", "x", "", (), ()), None, DAY)
    assert [(one.name, one.level) for one in found] == [("options", Level.FAULT)]
