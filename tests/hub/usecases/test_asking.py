"""One question in flight for everybody; and nobody is given an answer that is older than their question."""

from __future__ import annotations

import asyncio

from hub.usecases.asking import SingleFlight


class Master:
    """Answers with the number of the question, when it is let."""

    def __init__(self) -> None:
        self.asked = 0
        self.let = asyncio.Event()

    async def __call__(self) -> int:
        self.asked += 1
        number = self.asked
        await self.let.wait()
        await asyncio.sleep(0)
        return number


async def soon() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_who_asks_the_same_shares_the_answer() -> None:
    flight, master = SingleFlight[int](), Master()
    both = [asyncio.ensure_future(flight.do("q", master)) for _ in range(2)]
    await soon()
    master.let.set()
    assert await asyncio.gather(*both) == [1, 1]


async def test_who_comes_during_a_flight_shares_the_next_one() -> None:
    flight, master = SingleFlight[int](), Master()
    first = asyncio.ensure_future(flight.fresh("q", master))
    await soon()
    later = [asyncio.ensure_future(flight.fresh("q", master)) for _ in range(3)]
    await soon()
    assert master.asked == 1
    master.let.set()
    assert await first == 1
    assert await asyncio.gather(*later) == [2, 2, 2]


async def test_who_comes_during_the_next_flight_is_not_given_it() -> None:
    flight, master = SingleFlight[int](), Master()
    first = asyncio.ensure_future(flight.fresh("q", master))
    await soon()
    second = asyncio.ensure_future(flight.fresh("q", master))
    await soon()
    master.let.set()
    assert await first == 1
    master.let.clear()
    await soon()
    assert master.asked == 2
    third = asyncio.ensure_future(flight.fresh("q", master))
    await soon()
    master.let.set()
    assert await asyncio.gather(second, third) == [2, 3]


async def test_a_flight_that_fails_fails_for_its_own_only() -> None:
    flight, master = SingleFlight[int](), Master()

    async def broken() -> int:
        await master.let.wait()
        raise LookupError

    first = asyncio.ensure_future(flight.fresh("q", broken))
    await soon()
    second = asyncio.ensure_future(flight.fresh("q", master))
    await soon()
    master.let.set()
    assert [type(one) for one in await asyncio.gather(first, second, return_exceptions=True)] == [LookupError, int]
