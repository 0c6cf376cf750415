"""Many at once, over several stores on one database: as if they were several processes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from hub.journal.ports import DuplicateTime, IdempotencyKey, KeyKnown, LaneTaken, Lease, Move, NewCommand, Row
from hub.journal.states import State
from hub.store import Store
from hub.store.observation import Observation
from tests.hub.store.samples import PORVOO, START, TODAY, booking, cancelling, go, lost, meet, own, placed, sent

LEASE = Lease("w", 1060.0)


@pytest.fixture
def stores(database_url: str, open_store: Callable[[str], Store]) -> list[Store]:
    """Three stores on one empty database."""
    return [open_store(database_url) for _ in range(3)]


async def accept_all(
    stores: list[Store], news: list[NewCommand], keys: list[IdempotencyKey] | None = None
) -> list[object]:
    """Everybody's answer, each by another store."""
    accepting = (
        stores[n % len(stores)].journal.accept(new, LEASE, 1000.0, keys[n] if keys else None)
        for n, new in enumerate(news)
    )
    return list(await asyncio.gather(*accepting))


async def test_of_many_commands_in_one_lane_one_is_accepted(stores: list[Store]) -> None:
    aino = await meet(stores[0])
    answers = await accept_all(stores, [booking(aino, f"c{n}", f"t{n}", lane="x") for n in range(30)])
    winners = [answer for answer in answers if isinstance(answer, Row)]
    assert len(winners) == 1
    assert {answer for answer in answers if not isinstance(answer, Row)} == {LaneTaken(winners[0].new.id)}


async def test_of_many_requests_with_one_key_one_is_accepted(stores: list[Store]) -> None:
    aino = await meet(stores[0])
    key = IdempotencyKey("s", "k", "d")
    news = [booking(aino, f"c{n}", f"t{n}", lane=f"x{n}") for n in range(30)]
    answers = await accept_all(stores, news, [key] * 30)
    winners = [answer for answer in answers if isinstance(answer, Row)]
    assert len(winners) == 1
    assert {a for a in answers if not isinstance(a, Row)} == {KeyKnown(winners[0].new.id, same=True)}


async def test_keys_and_lanes_mixed_give_one_answer_each(stores: list[Store]) -> None:
    """Each of six keys is used five times, all in one lane: whoever is not accepted leaves no trace."""
    aino = await meet(stores[0])
    news = [booking(aino, f"c{n}", f"t{n}", lane="x") for n in range(30)]
    keys = [IdempotencyKey("s", f"k{n % 6}", "d") for n in range(30)]
    answers = await accept_all(stores, news, keys)
    kinds = Counter(type(answer) for answer in answers)
    assert kinds[Row] == 1
    assert kinds[LaneTaken] + kinds[KeyKnown] == 29
    (winner,) = (answer for answer in answers if isinstance(answer, Row))
    for answer in answers:
        if isinstance(answer, KeyKnown | LaneTaken):
            assert answer.command_id == winner.new.id
    for n in range(30):
        there = await stores[0].journal.get(f"c{n}")
        assert (there is not None) == (f"c{n}" == winner.new.id)


async def test_many_claimants_get_the_row_one_at_a_time(stores: list[Store]) -> None:
    aino = await meet(stores[0])
    await stores[0].journal.accept(booking(aino), LEASE, 1000.0)
    claims = await asyncio.gather(
        *(stores[n % 3].journal.claim("c1", Lease(f"w{n}", 1200.0), 1100.0) for n in range(30))
    )
    assert [row.fence for row in claims if row is not None] == [2]


async def test_of_many_moves_with_one_fence_the_legal_ones_happen_once(stores: list[Store]) -> None:
    aino = await meet(stores[0])
    row = await sent(stores[0], booking(aino))

    async def confirm(n: int) -> Row | Exception | None:
        try:
            return await stores[n % 3].journal.move("c1", row.fence, Move(State.CONFIRMED, 1002.0, record=placed()))
        except Exception as err:  # noqa: BLE001 - the test looks at it
            return err

    answers = await asyncio.gather(*(confirm(n) for n in range(12)))
    assert sum(isinstance(answer, Row) for answer in answers) == 1
    assert {type(answer).__name__ for answer in answers} == {"Row", "IllegalMove"}


async def test_a_time_that_is_confirmed_just_now_is_a_duplicate(stores: list[Store]) -> None:
    """The lane is freed and the appointment appears in one transaction: nobody slips in between."""
    aino = await meet(stores[0])
    for n in range(10):
        start = START + n * timedelta(days=1)
        row = await sent(stores[0], booking(aino, f"c{n}", f"t{n}", start=start))
        move = Move(State.CONFIRMED, 1002.0, record=placed(f"c{n}", local_id=f"a{n}", at=start))
        again = [booking(aino, f"d{n}-{m}", f"u{n}-{m}", start=start) for m in range(4)]
        answers = await asyncio.gather(
            go(stores[0], row, move), *(stores[1].journal.accept(new, LEASE, 1001.0) for new in again)
        )
        assert set(answers[1:]) <= {LaneTaken(f"c{n}"), DuplicateTime(f"t{n}")}


async def test_many_commands_go_their_way_at_once(stores: list[Store]) -> None:
    aino = await meet(stores[0])

    async def whole(n: int) -> str:
        store = stores[n % 3]
        new = booking(aino, f"c{n}", f"t{n}", start=START + n * timedelta(hours=1))
        row = await sent(store, new)
        if n % 2:
            row = await lost(store, row)
            claimed = await stores[(n + 1) % 3].journal.claim(f"c{n}", LEASE, 1002.0)
            assert claimed is not None
            row = claimed
        record = placed(f"c{n}", local_id=f"a{n}", at=START + n * timedelta(hours=1))
        await go(store, row, Move(State.CONFIRMED, 1010.0, record=record))
        return f"t{n}"

    targets = await asyncio.gather(*(whole(n) for n in range(40)))
    page = await stores[1].projection.search(own(aino), "Appointment", [], today=TODAY, limit=100)
    assert sorted(item.id for item in page.items) == sorted(targets)
    assert all(item.status == "booked" for item in page.items)


async def test_a_search_and_a_settling_meet(stores: list[Store]) -> None:
    """The same record comes in by a search and by the command's own look, at the same time, in any order."""
    aino = await meet(stores[0])
    for n in range(10):
        start = START + n * timedelta(days=1)
        row = await lost(stores[0], await sent(stores[0], booking(aino, f"c{n}", f"t{n}", start=start)))
        record = placed(f"c{n}", local_id=f"a{n}", at=start)
        await asyncio.gather(
            go(stores[0], row, Move(State.CONFIRMED, 1010.0, record=record)),
            stores[1].projection.ingest([record], Observation(PORVOO, 1005.0, 1009.0), patient=aino),
            stores[2].projection.ingest([record], Observation(PORVOO, 1006.0, 1011.0), patient=aino),
        )
        stored = await stores[0].projection.read(own(aino), "Appointment", f"t{n}", today=TODAY)
        assert stored is not None
        assert (stored.status, stored.local_id) == ("booked", f"a{n}")
        assert await stores[0].links.find("Appointment", PORVOO, f"a{n}") == f"t{n}"


async def test_at_the_start_the_dead_hold_nothing(stores: list[Store]) -> None:
    aino = await meet(stores[0])
    await sent(stores[0], booking(aino))
    assert await stores[0].journal.due(1002.0, 10) == []
    await stores[1].journal.release_all()
    assert await stores[0].journal.due(1002.0, 10) == ["c1"]


async def test_a_store_says_whether_it_works(stores: list[Store]) -> None:
    assert await stores[0].works()
    await stores[0].close()
    assert not await stores[0].works()


async def test_two_cancellations_of_one_appointment(stores: list[Store]) -> None:
    aino = await meet(stores[0])
    row = await sent(stores[0], booking(aino))
    await go(stores[0], row, Move(State.CONFIRMED, 1002.0, record=placed()))
    news = [replace(cancelling(aino, "target1", f"x{n}")) for n in range(10)]
    answers = await accept_all(stores, news)
    assert sum(isinstance(answer, Row) for answer in answers) == 1
