"""Accept, propose another time, move, cancel; versions; and what the desk does (manual §8.1, §8.4)."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest

from sandbox.engine.model import Status
from tests.sandbox.proconsona.proconsona_bench import Bench, Reply, at, cancel


def state(answer: Reply) -> tuple[int, str | None, str | None, str | None]:
    """Status, version, state and proposer."""
    return answer.status, answer.text("versio"), answer.text("tila"), answer.text("ehdottaja")


async def test_test_persons_have_open_proposals(bench: Bench) -> None:
    assert {key: len(bench.proposals(key)) for key in ("aino", "mikael", "axel")} == {"aino": 2, "mikael": 1, "axel": 1}
    found = await bench.ask("GET", f"/tapaamiset?asiakas={bench.number('aino')}&tila=EHDOTETTU")
    assert [one.findtext("{*}ehdottaja") for one in found.all("tapaaminen")] == ["TYONTEKIJA"] * 2


async def test_accept(bench: Bench) -> None:
    offer = bench.proposals("aino")[0]
    assert state(await bench.change(offer.id, 1, "<hyvaksy/>")) == (200, "2", "VARATTU", None)
    kept = bench.kept(offer.id)
    assert (kept.status, kept.start, kept.calendar) == (Status.BOOKED, offer.start, offer.calendar)
    assert (await bench.change(offer.id, 2, "<hyvaksy/>")).error == (422, "TILA_EI_SALLI")


@pytest.mark.parametrize(("decision", "tila", "syy"), [("booked", "VARATTU", None), ("refused", "PERUTTU", "YKSIKKO")])
async def test_another_time_is_a_wish_until_the_unit_decides(
    bench: Bench, decision: str, tila: str, syy: str | None
) -> None:
    offer = bench.proposed("aino")
    time, other, *_ = await bench.free()
    assert state(await bench.change(offer.id, 1, at("ehdotaUutta", time))) == (200, "2", "EHDOTETTU", "ASIAKAS")
    assert (offer.calendar, offer.start.isoformat()) in await bench.free(count=200)
    assert (await bench.book("helvi", time)).error == (409, "AIKA_VARATTU")
    assert (await bench.change(offer.id, 2, "<hyvaksy/>")).error == (422, "TILA_EI_SALLI")
    assert state(await bench.change(offer.id, 2, at("ehdotaUutta", other))) == (200, "3", "EHDOTETTU", "ASIAKAS")
    bench.system.decide(offer.id, decision)  # type: ignore[arg-type]
    read = await bench.ask("GET", f"/tapaamiset/{offer.id}")
    assert (read.text("tila"), read.text("versio"), read.text("alku")) == (tila, "4", other[1])
    assert read.text("peruutus/syy") == syy


async def test_decline(bench: Bench) -> None:
    offer = bench.proposed("aino")
    answer = await bench.change(offer.id, 1, cancel("ESTE", "En pääse & en ehdi"))
    assert (state(answer), answer.text("peruutus/syy")) == ((200, "2", "PERUTTU", None), "ESTE")
    assert answer.text("peruutus/selite") == "En pääse & en ehdi"
    assert (offer.calendar, offer.start.isoformat()) in await bench.free(count=200)


async def test_a_wish_that_waits_for_the_desk_can_be_changed_and_taken_back(bench: Bench) -> None:
    bench.faults.arm("pending-answer", operation="book", params={"after": 600})
    waiting = await bench.booked()
    other = (await bench.free())[1]
    assert (await bench.change(waiting.text("tunnus"), 1, at("siirra", other))).error == (422, "TILA_EI_SALLI")
    moved = await bench.change(waiting.text("tunnus"), 1, at("ehdotaUutta", other))
    assert (state(moved), moved.text("alku")) == ((200, "2", "EHDOTETTU", "ASIAKAS"), other[1])
    assert state(await bench.change(waiting.text("tunnus"), 2, cancel())) == (200, "3", "PERUTTU", None)


async def test_move(bench: Bench) -> None:
    booked = await bench.booked(external="b-1", text="teksti")
    other = (await bench.free())[0]
    moved = await bench.change(booked.text("tunnus"), 1, at("siirra", other))
    assert state(moved) == (200, "2", "VARATTU", None)
    assert (moved.text("kalenteri"), moved.text("alku")) == other
    assert (moved.text("ulkoinenTunniste"), moved.text("lisatieto")) == ("b-1", "teksti")
    free = await bench.free(count=200)
    assert (booked.text("kalenteri"), booked.text("alku")) in free
    assert other not in free


async def test_cancel(bench: Bench) -> None:
    booked = await bench.booked()
    time = (booked.text("kalenteri"), booked.text("alku"))
    answer = await bench.change(booked.text("tunnus"), 1, cancel("MUU"))
    assert (state(answer), answer.text("peruutus/syy"), answer.text("peruutus/selite")) == (
        (200, "2", "PERUTTU", None),
        "MUU",
        None,
    )
    assert time in await bench.free()
    for wish in (cancel(), at("siirra", (await bench.free())[0]), "<hyvaksy/>"):
        assert (await bench.change(booked.text("tunnus"), 2, wish)).error == (422, "TILA_EI_SALLI")


async def test_a_stale_version_gets_the_record(bench: Bench) -> None:
    booked = await bench.booked()
    meeting = booked.text("tunnus")
    bench.system.cancel(meeting or "", by="desk", reason="Sairastapaus")
    for wish in (cancel(), "<hyvaksy/>", at("siirra", (await bench.free())[1])):
        found = await bench.change(meeting, 1, wish)
        assert found.error == (409, "VERSIO")
        assert (found.text("tapaaminen/versio"), found.text("tapaaminen/tila")) == ("2", "PERUTTU")
        assert (found.text("tapaaminen/peruutus/syy"), found.text("tapaaminen/peruutus/selite")) == (
            "YKSIKKO",
            "Sairastapaus",
        )
    assert (await bench.change(meeting, 3, cancel())).error == (409, "VERSIO")


async def test_one_of_two_changes_wins(bench: Bench) -> None:
    booked = await bench.booked()
    times = await bench.free()
    answers = await asyncio.gather(*(bench.change(booked.text("tunnus"), 1, at("siirra", time)) for time in times[1:6]))
    assert sorted(one.status for one in answers) == [200, 409, 409, 409, 409]
    assert bench.kept(booked.text("tunnus")).version == 2


async def test_times_that_a_meeting_cannot_get(bench: Bench) -> None:
    booked = await bench.booked()
    meeting = booked.text("tunnus")
    mine, taken, *_ = await bench.free()
    await bench.book("aino", mine)
    await bench.book("helvi", taken)
    (other_service, *_) = await bench.free("palvelu=IKA")
    unknown = ("00000000-0000-4000-8000-000000000000", mine[1])
    here = (booked.text("kalenteri") or "", booked.text("alku") or "")
    for time, expected in (
        (unknown, (422, "TUNTEMATON_AIKA")),
        (other_service, (422, "TOINEN_PALVELU")),
        (here, (422, "EI_MUUTOSTA")),
        (mine, (409, "OMA_AIKA")),
        (taken, (409, "AIKA_VARATTU")),
    ):
        assert (await bench.change(meeting, 1, at("siirra", time))).error == expected
    assert bench.kept(meeting).version == 1


async def test_what_has_begun_stays(bench: Bench) -> None:
    booked = await bench.booked()
    bench.system.clock.set(datetime.fromisoformat(booked.text("alku") or "") + timedelta(minutes=1))
    time = (await bench.free())[0]
    for wish in (cancel(), at("siirra", time)):
        assert (await bench.change(booked.text("tunnus"), 1, wish)).error == (422, "TAPAAMINEN_MENNYT")
    past = next(
        one for one in bench.system.appointments(patient=bench.number("aino")) if one.status is Status.FULFILLED
    )
    assert (await bench.change(past.id, past.version, cancel())).error == (422, "TILA_EI_SALLI")


async def test_what_the_desk_does_is_seen(bench: Bench) -> None:
    offer = bench.proposed("aino")
    time, other, *_ = await bench.free()
    await bench.change(offer.id, 1, at("ehdotaUutta", time))
    bench.system.move(offer.id, start=datetime.fromisoformat(other[1]), calendar=other[0], by="desk")
    read = await bench.ask("GET", f"/tapaamiset/{offer.id}")
    assert state(read) == (200, "3", "EHDOTETTU", "TYONTEKIJA")
    booked = await bench.booked("helvi")
    bench.system.no_show(booked.text("tunnus") or "")
    assert state(await bench.ask("GET", f"/tapaamiset/{booked.text('tunnus')}")) == (200, "2", "SAAPUMATTA", None)


async def test_the_desks_words_may_be_anything(bench: Bench) -> None:
    offer = bench.proposed("aino")
    bench.system.cancel(offer.id, by="desk", reason="a\x00\x1fb <c> ]]> \ud7ff")
    read = await bench.ask("GET", f"/tapaamiset/{offer.id}")
    assert read.text("peruutus/selite") == "a��b <c> ]]> \ud7ff"


async def test_unknown_meetings(bench: Bench) -> None:
    for found in ("00000000-0000-4000-8000-000000000000", "x", "A1"):
        assert (await bench.change(found, 1, cancel())).error == (404, "EI_LOYDY")
        assert (await bench.ask("GET", f"/tapaamiset/{found}")).error == (404, "EI_LOYDY")
    assert (await bench.change("x", 0, cancel())).error == (400, "SKEEMA")
