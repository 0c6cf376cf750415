"""A merged search asks piece by piece; its pages are those that asking everybody for everything would have given."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from adapters.memory import Fault
from canonical.times import to_local
from hub.usecases.gathering import Gathering, pieces

from .conftest import Portal

BEGIN = datetime(2027, 3, 22, 6, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
PATIENCE = 0.1


@dataclass(frozen=True)
class Time:
    start: datetime


def times(*hours: int) -> list[Time]:
    return [Time(BEGIN + n * HOUR) for n in hours]


@pytest.mark.parametrize("begin", [BEGIN, BEGIN + 13 * HOUR, BEGIN + 6 * 24 * HOUR])  # the last before summer time
def test_the_pieces_follow_each_other_and_end_at_midnights_in_helsinki(begin: datetime) -> None:
    end = begin + timedelta(days=30)
    cut = pieces(begin, end)

    assert [cut[0][0], cut[-1][1]] == [begin, end]
    assert all(one[1] == other[0] for one, other in itertools.pairwise(cut))
    assert {to_local(until).hour for _, until in cut[:-1]} == {0}
    assert 12 * HOUR <= cut[0][1] - begin <= 37 * HOUR


@pytest.mark.parametrize("length", [timedelta(0), HOUR])
def test_a_short_span_is_one_piece(length: timedelta) -> None:
    assert pieces(BEGIN, BEGIN + length) == [(BEGIN, BEGIN + length)]


def gathering(most: int | None, *names: str, patience: float = PATIENCE) -> Gathering[Time]:
    return Gathering(names, pieces(BEGIN, BEGIN + timedelta(days=14)), most, patience)


async def test_who_has_ended_a_piece_goes_on_only_while_there_is_not_enough() -> None:
    coming = gathering(4, "a", "b")

    one, other = await asyncio.gather(coming.more("a", 0, times(1, 2)), coming.more("b", 0, times(3, 4)))
    assert (one, other, coming.is_whole) == (False, False, False)
    assert len(coming.close()) == 4


async def test_what_begins_after_a_piece_fills_no_page_of_that_piece() -> None:
    coming = gathering(2, "a")
    assert await coming.more("a", 0, times(1, 300)) is True


async def test_the_others_are_waited_for_but_not_for_long() -> None:
    coming = gathering(2, "quick", "silent")
    began = asyncio.get_running_loop().time()

    assert await coming.more("quick", 0, times(1)) is True
    assert asyncio.get_running_loop().time() - began >= PATIENCE * 0.9


@pytest.mark.parametrize("late", ["a", "b"])
async def test_with_patience_what_is_asked_does_not_follow_from_who_is_quick(late: str) -> None:
    coming = gathering(4, "a", "b", patience=3600)
    there = {("a", 0): times(1), ("b", 0): times(2, 3), ("a", 1): times(50, 51)}
    asked: list[tuple[str, int]] = []

    async def ask(name: str) -> None:
        for piece in range(len(coming.pieces)):
            asked.append((name, piece))
            await asyncio.sleep(0.02 if name == late else 0)
            if not await coming.more(name, piece, there.get((name, piece), [])):
                break

    await asyncio.gather(ask("a"), ask("b"))
    assert sorted(asked) == [("a", 0), ("a", 1), ("b", 0), ("b", 1)]


async def test_nobody_waits_for_one_who_is_gone() -> None:
    coming = gathering(2, "quick", "broken", patience=3600)
    asyncio.get_running_loop().call_soon(coming.gone, "broken")

    async with asyncio.timeout(60):  # an hour, if it waited
        assert await coming.more("quick", 0, times(1)) is True
    assert not coming.is_whole


async def test_what_comes_after_the_end_is_not_taken() -> None:
    coming = gathering(None, "late")
    assert coming.close() == []
    assert await coming.more("late", 0, times(1)) is False
    assert coming.close() == []


async def pages(portal: Portal, count: int) -> list[str]:
    """The ids of every page, by the next links."""
    found: list[str] = []
    url: str | None = f"/fhir/Slot?start=ge2027-03-23T08:00&start=lt2027-04-06&_count={count}"
    while url is not None:
        bundle = (await portal.client.get(url)).raise_for_status().json()
        found += [entry["resource"]["id"] for entry in bundle.get("entry", ())]
        url = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), None)
    return found


@pytest.mark.parametrize("count", [7, 61, 200])
async def test_all_pages_are_everything_in_order(portal: Portal, count: int) -> None:
    query = {"start": ["ge2027-03-23T08:00", "lt2027-04-06"], "_total": "accurate", "_count": "200"}
    whole = (await portal.client.get("/fhir/Slot", params=query)).json()

    walked = await pages(portal, count)
    assert len(walked) == len(set(walked)) == whole["total"] > 400
    assert walked[:200] == [entry["resource"]["id"] for entry in whole["entry"]]


async def test_the_total_is_told_where_it_is_known_without_asking_more(portal: Portal) -> None:
    few = await portal.client.get("/fhir/Slot", params={"start": "2027-03-23", "_count": "200"})
    many = await portal.client.get("/fhir/Slot", params={"start": "ge2027-03-23", "_count": "10"})

    assert few.json()["total"] == sum(e["search"]["mode"] == "match" for e in few.json()["entry"])
    assert "total" not in many.json()


async def test_of_many_times_only_those_shown_are_made(portal: Portal) -> None:
    offered = portal.hub.hub.free._offered
    shown = await portal.slots(_count="5")
    assert list(offered) == [slot["id"] for slot in shown]


async def test_who_fails_in_a_later_piece_is_named_and_what_it_said_is_shown(portal: Portal) -> None:
    url = "/fhir/Slot?start=ge2027-03-26T15:00&start=lt2027-04-06&_count=200"
    original = portal.record_system.find_free
    asked: list[object] = []

    async def once(call: object, query: object) -> object:
        asked.append(query)
        if len(asked) == 2:
            portal.record_system.wire.arm(Fault("error-before-work", "find"))
        return await original(call, query)  # type: ignore[arg-type]

    portal.record_system.find_free = once  # type: ignore[method-assign, assignment]
    bundle = (await portal.client.get(url)).json()
    modes = [entry["search"]["mode"] for entry in bundle["entry"]]
    assert modes[-1] == "outcome"
    assert set(modes[:-1]) == {"match"}
    assert "total" not in bundle
