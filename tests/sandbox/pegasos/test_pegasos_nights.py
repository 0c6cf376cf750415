"""The two nights of the year when the clock is changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sandbox.clock import HELSINKI
from tests.sandbox.pegasos.pegasos_bench import AINO, Client, Pegasos, book, cancel, query

NIGHT = "1090"


@pytest.fixture
def autumn(pegasos: Pegasos) -> Pegasos:
    """The desk has cleared the night in which 03:00-04:00 comes twice."""
    pegasos.world.clock.freeze(datetime(2027, 10, 29, 12, tzinfo=HELSINKI))
    for one in pegasos.system.appointments(
        start=datetime(2027, 10, 31, tzinfo=HELSINKI), end=datetime(2027, 11, 1, tzinfo=HELSINKI)
    ):
        if one.holds_time:
            pegasos.system.cancel(one.id, by="desk")
    return pegasos


async def test_the_hour_that_comes_twice_is_told_apart_by_its_offset(autumn: Pegasos, client: Client) -> None:
    answer = await client.ask(
        query("SOP", "SERVICE", between=("202710310300", "202710310400"), resources=(f"AIS|1||{NIGHT}",))
    )
    shown = [(sch[11].split("^")[3], zpa[2]) for sch, zpa in zip(answer.all("SCH"), answer.all("ZPA"), strict=True)]
    both = autumn.system.free_times(
        datetime(2027, 10, 31, 0, 0, tzinfo=UTC), datetime(2027, 10, 31, 2, 0, tzinfo=UTC), service=NIGHT
    )
    assert shown == [(one.start.strftime("%Y%m%d%H%M%S"), one.start.strftime("%z")) for one in both]
    assert {offset for _, offset in shown} == {"+0300", "+0200"}


@pytest.mark.parametrize(("offset", "hour"), [("", 0), ("+0300", 0), ("+0200", 1)])
async def test_a_client_books_the_hour_it_means(autumn: Pegasos, client: Client, offset: str, hour: int) -> None:
    wanted = datetime(2027, 10, 31, hour, 0, tzinfo=UTC)
    free = autumn.system.free_times(wanted, wanted + timedelta(hours=1), service=NIGHT)
    time = free[0]
    text = book(autumn.system, time, AINO, extra=(f"ZPA||{offset}",) if offset else ())
    answer = await client.ask(text)
    assert answer.code == "AA"
    kept = autumn.system.appointment(answer.get("SCH", 2))
    assert kept is not None
    assert kept.start.timestamp() == time.start.timestamp()
    assert answer.get("ZPA", 2) == (offset or "+0300")
    other = "+0200" if answer.get("ZPA", 2) == "+0300" else "+0300"
    start = answer.get("ZPA", 1)
    wrong = await client.ask(cancel(AINO, kept.start, filler=kept.id, extra=(f"ZPA|{start}|{other}",)))
    assert wrong.error == ("AE", "206", "A06")
    right = await client.ask(cancel(AINO, kept.start, filler=kept.id, extra=(f"ZPA|{start}|{answer.get('ZPA', 2)}",)))
    assert right.code == "AA"


@pytest.mark.parametrize("offset", ["+0300", "0200", "+02:00", "summer"])
async def test_an_offset_that_cannot_be_is_refused(pegasos: Pegasos, client: Client, offset: str) -> None:
    answer = await client.ask(book(pegasos.system, pegasos.free(), AINO, extra=(f"ZPA||{offset}",)))
    assert answer.error == ("AR", "102", "M03")
    assert answer.blamed == "ZPA^1^2"


async def test_the_hour_that_does_not_exist_has_no_times(client: Client) -> None:
    shown = await client.ask(
        query("SOP", "SERVICE", between=("20270328000000", "20270328060000"), resources=(f"AIS|1||{NIGHT}",))
    )
    starts = [sch[11].split("^")[3][8:10] for sch in shown.all("SCH")]
    assert starts
    assert "03" not in starts
    gap = query("SOP", "SERVICE", between=("202703280330", "202703280600"), resources=(f"AIS|1||{NIGHT}",))
    assert (await client.ask(gap)).error == ("AR", "102", "M03")
