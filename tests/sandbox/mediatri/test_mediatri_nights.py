"""The two nights of the year when the clock is changed (manual §3.3)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from sandbox.clock import HELSINKI
from sandbox.mediatri.localtime import read_day, read_moment, write_moment
from sandbox.mediatri.refusals import Refusal
from tests.sandbox.mediatri.mediatri_bench import NIGHT, Bench

AUTUMN, SPRING = "31.10.2027", "28.03.2027"


@pytest.fixture
def autumn(bench: Bench) -> Bench:
    """The desk has cleared the night in which 03.00-04.00 comes twice."""
    bench.system.clock.freeze(datetime(2027, 10, 29, 12, tzinfo=HELSINKI))
    start = datetime(2027, 10, 31, tzinfo=HELSINKI)
    for one in bench.system.appointments(start=start, end=start + timedelta(days=1)):
        if one.holds_time:
            bench.system.cancel(one.id, by="desk")
    return bench


async def test_the_hour_that_comes_twice_is_told_apart(autumn: Bench) -> None:
    shown = (await autumn.call("HaeVapaatAjat", alkupaiva=AUTUMN, loppupaiva=AUTUMN, palvelu=NIGHT)).records(
        "vapaaAika"
    )
    free = autumn.system.free_times(
        datetime(2027, 10, 30, 21, tzinfo=UTC), datetime(2027, 10, 31, 22, tzinfo=UTC), service=NIGHT
    )
    names = {3 * 3600: "K", 2 * 3600: "E"}
    expected = []
    for one in free:
        offset = one.start.utcoffset()
        assert offset is not None
        twice = one.start.hour == 3
        expected.append((one.start.strftime("%H.%M"), names[offset.seconds] if twice else ""))
    assert [(one["alku"]["klo"], one["alku"]["kesaaika"]) for one in shown] == expected
    assert {"K", "E"} <= {summer for _, summer in expected}
    assert {one["kesto"] for one in shown} == {"30"}


@pytest.mark.parametrize(("summer", "hour"), [("", 0), ("K", 0), ("E", 1)])
async def test_a_client_books_and_cancels_the_hour_it_means(autumn: Bench, summer: str, hour: int) -> None:
    wanted = datetime(2027, 10, 31, hour, 0, tzinfo=UTC)
    time = autumn.system.free_times(wanted, wanted + timedelta(hours=1), service=NIGHT)[0]
    start = {"paiva": AUTUMN, "klo": time.start.strftime("%H.%M"), "kesaaika": summer}
    fields = {"potilasnumero": autumn.number("aino"), "kalenteri": time.calendar, "alku": start}
    reserved = await autumn.call("VaraaAika", **fields, asiakasViite="v-1")
    booking = (await autumn.confirm(reserved.text("varaustunnus"), "v-1")).record("ajanvaraus")
    assert autumn.kept(booking["varausnumero"]).start.timestamp() == time.start.timestamp()
    assert booking["alku"]["kesaaika"] == (summer or "K")
    other = booking["alku"] | {"kesaaika": "E" if booking["alku"]["kesaaika"] == "K" else "K"}
    assert (await autumn.cancel(booking, alkuperainenAlku=other)).code == "VARAUS_MUUTTUNUT"
    assert (await autumn.cancel(booking)).code == ""


async def test_the_hour_that_does_not_exist(bench: Bench) -> None:
    bench.system.clock.freeze(datetime(2027, 3, 26, 12, tzinfo=HELSINKI))
    shown = (await bench.call("HaeVapaatAjat", alkupaiva=SPRING, loppupaiva=SPRING, palvelu=NIGHT)).records("vapaaAika")
    assert shown
    assert not [one for one in shown if one["alku"]["klo"].startswith("03")]
    calendar = shown[0]["kalenteri"]
    reply = await bench.call(
        "VaraaAika",
        potilasnumero=bench.number("aino"),
        kalenteri=calendar,
        alku={"paiva": SPRING, "klo": "03.30"},
        asiakasViite="v-1",
    )
    assert (reply.code, reply.text("kohta")) == ("VIRHEELLINEN_PYYNTO", "alku/klo")


@pytest.mark.parametrize(
    ("day", "clock", "summer", "good"),
    [
        ("15.07.2027", "09.00", "K", True),
        ("15.07.2027", "09.00", "E", False),
        ("15.01.2027", "09.00", "E", True),
        ("15.01.2027", "09.00", "K", False),
        (AUTUMN, "02.59", "E", False),
        (AUTUMN, "04.00", "K", False),
        (SPRING, "04.00", "K", True),
    ],
)
def test_kesaaika_must_be_able_to_be_right(day: str, clock: str, summer: str, good: bool) -> None:
    if good:
        assert read_moment(day, clock, summer, "alku") == read_moment(day, clock, "", "alku")
    else:
        with pytest.raises(Refusal) as refused:
            read_moment(day, clock, summer, "alku")
        assert refused.value.where == "alku/kesaaika"


def test_what_is_written_is_read_back_to_the_same_instant() -> None:
    for first in (datetime(2027, 10, 30, 22, tzinfo=UTC), datetime(2027, 3, 27, 22, tzinfo=UTC)):
        for minutes in range(0, 600, 15):
            at = (first + timedelta(minutes=minutes)).astimezone(HELSINKI)
            day, clock, summer = (str(text) for _, text in write_moment(at))
            assert read_moment(day, clock, summer, "x").timestamp() == at.timestamp()


def test_days_are_of_these_centuries() -> None:
    assert read_day("29.02.2028", "x") == date(2028, 2, 29)
    for wrong in ("29.02.2027", "01.01.1899", "01.01.2200", "00.01.2027", "32.01.2027", "01.13.2027"):
        with pytest.raises(Refusal):
            read_day(wrong, "x")
