"""Booking, and the key that makes it happen once (manual §8.2)."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from sandbox.engine.model import Status
from tests.sandbox.proconsona.conftest import opened
from tests.sandbox.proconsona.proconsona_bench import BASE, Bench, at, booking, cancel


async def test_a_booking_is_what_the_engine_keeps(bench: Bench) -> None:
    time = (await bench.free())[0]
    answer = await bench.book("aino", time, external="b:1", text="Kiireellinen <asia> & muuta")
    kept = bench.kept(answer.text("tunnus"))
    assert answer.status == 201
    assert answer.headers["location"] == f"{BASE}/tapaamiset/{kept.id}"
    assert (kept.status, kept.placer_id, kept.text, kept.booked_by) == (
        Status.BOOKED,
        "b:1",
        "Kiireellinen <asia> & muuta",
        "interface",
    )
    assert (kept.patient, kept.calendar, kept.start.isoformat()) == (bench.number("aino"), *time)
    read = await bench.ask("GET", answer.headers["location"])
    assert (read.status, read.content) == (200, answer.content)
    assert time not in await bench.free(count=200)


async def test_any_offset_names_the_same_time(bench: Bench) -> None:
    calendar, start = (await bench.free("palvelu=TSO&alkaen=2027-03-24T00:00:00Z"))[0]
    hour, rest = int(start[11:13]), start[13:19]
    answer = await bench.book("aino", (calendar, f"{start[:11]}{hour - 2:02d}{rest}.000Z"))
    assert (answer.status, answer.text("alku")) == (201, start)


async def test_what_cannot_be_booked(bench: Bench) -> None:
    calendar, start = (await bench.free())[0]
    unknown = "00000000-0000-4000-8000-000000000000"
    customer = bench.number("aino")
    for body, expected in (
        (booking(unknown, (calendar, start)), (422, "TUNTEMATON_ASIAKAS")),
        (booking(customer, (unknown, start)), (422, "TUNTEMATON_AIKA")),
        (booking(customer, (calendar, start.replace(":00+", ":01+"))), (422, "TUNTEMATON_AIKA")),
        (booking(customer, (calendar, "2027-03-23T03:00:00+02:00")), (422, "TUNTEMATON_AIKA")),
        (booking(customer, (calendar, "2027-06-15T09:00:00+03:00")), (422, "TUNTEMATON_AIKA")),
        (booking(customer, (calendar, "9999-12-31T09:00:00+02:00")), (422, "TUNTEMATON_AIKA")),
    ):
        assert (await bench.ask("POST", "/tapaamiset", body)).error == expected
    bench.system.clock.advance(timedelta(days=2))
    assert (await bench.book("aino", (calendar, start))).error == (422, "AIKA_MENNYT")


async def test_a_taken_time(bench: Bench) -> None:
    time = (await bench.free())[0]
    first = await bench.book("aino", time)
    again = await bench.book("aino", time)
    assert again.error == (409, "OMA_AIKA")
    assert again.text("tapaaminen/tunnus") == first.text("tunnus")
    other = await bench.book("helvi", time)
    assert (other.error, other.text("tapaaminen/tunnus")) == ((409, "AIKA_VARATTU"), None)


async def test_a_proposed_time_is_taken_for_others(bench: Bench) -> None:
    offer = bench.proposed("axel")
    time = (offer.calendar, offer.start.isoformat())
    assert (await bench.book("aino", time)).error == (409, "AIKA_VARATTU")
    assert (await bench.book("axel", time)).error == (409, "OMA_AIKA")


async def test_one_winner(bench: Bench) -> None:
    time = (await bench.free())[0]
    answers = await asyncio.gather(*(bench.book(key, time) for key in ("aino", "helvi", "axel", "aino", "helvi")))
    assert sorted(one.status for one in answers) == [201, 409, 409, 409, 409]


async def test_a_group_has_places(bench: Bench) -> None:
    # Three places; some may be booked by the seed.
    (time, *_) = await bench.free("palvelu=VAN", 50)
    answer = await bench.ask("GET", f"/vapaat-ajat?palvelu=VAN&koko=1&kalenteri={time[0]}")
    left = int(answer.text("vapaaAika/vapaana") or 0)
    people = ["aino", "helvi", "axel"][:left]
    for key in people:
        assert (await bench.book(key, time)).status == 201
    assert (await bench.book("aino", time)).error == (409, "OMA_AIKA")
    known = {bench.number(key) for key in ("aino", "helvi", "axel", "mikael", "kerttu")}
    somebody = next(one.number for one in bench.system.patients() if one.number not in known)
    assert (await bench.ask("POST", "/tapaamiset", booking(somebody, time))).error == (409, "AIKA_VARATTU")
    assert time not in await bench.free("palvelu=VAN", 50)


async def test_the_key_books_once_and_answers_the_same_bytes(bench: Bench) -> None:
    time, other, *_ = await bench.free()
    first = await bench.book("aino", time, Idempotency_Key="k-1")
    again = await bench.book("aino", time, Idempotency_Key="k-1")
    assert (again.status, again.content) == (201, first.content)
    assert (first.headers.get("idempotency-replayed"), again.headers["idempotency-replayed"]) == (None, "true")
    assert again.headers["location"] == first.headers["location"]
    moved = await bench.change(first.text("tunnus"), 1, at("siirra", other))
    await bench.change(first.text("tunnus"), moved.text("versio"), cancel("ESTE", "x"))
    assert (await bench.book("aino", time, Idempotency_Key="k-1")).content == first.content
    assert bench.kept(first.text("tunnus")).status is Status.CANCELLED


async def test_the_key_belongs_to_one_body(bench: Bench) -> None:
    time, other, *_ = await bench.free()
    await bench.book("aino", time, Idempotency_Key="k-1")
    assert (await bench.book("aino", other, Idempotency_Key="k-1")).error == (422, "AVAIN_KAYTETTY")
    assert (await bench.book("aino", time, text="x", Idempotency_Key="k-1")).error == (422, "AVAIN_KAYTETTY")
    assert (await bench.book("aino", other, Idempotency_Key="k-2")).status == 201


async def test_a_refusal_does_not_use_the_key_up(bench: Bench) -> None:
    time, other, *_ = await bench.free()
    await bench.book("helvi", time)
    assert (await bench.book("aino", time, Idempotency_Key="k-1")).error == (409, "AIKA_VARATTU")
    assert (await bench.book("aino", other, Idempotency_Key="k-1")).status == 201


async def test_the_key_lives_for_24_hours_of_virtual_time(bench: Bench) -> None:
    time = (await bench.free("palvelu=TSO&alkaen=2027-03-26T00:00:00Z"))[0]
    await bench.book("aino", time, Idempotency_Key="k-1")
    bench.system.clock.advance(timedelta(hours=23, minutes=59))
    assert (await bench.book("aino", time, Idempotency_Key="k-1")).status == 201
    bench.system.clock.advance(timedelta(minutes=2))
    assert (await bench.book("aino", time, Idempotency_Key="k-1")).error == (409, "OMA_AIKA")


async def test_the_key_survives_a_restart(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        time = (await bench.free("palvelu=TSO&alkaen=2027-03-26T00:00:00Z"))[0]
        first = await bench.book("aino", time, Idempotency_Key="k-1")
    async with opened(tmp_path) as bench:
        again = await bench.book("aino", time, Idempotency_Key="k-1")
        assert (again.status, again.content) == (201, first.content)
        assert (await bench.ask("GET", f"/tapaamiset/{first.text('tunnus')}")).content == first.content


async def test_the_key_of_what_waits_for_the_desk(bench: Bench) -> None:
    time = (await bench.free())[0]
    bench.faults.arm("pending-answer", operation="book", params={"after": 0})
    first = await bench.book("aino", time, Idempotency_Key="k-1")
    assert (first.text("tila"), first.text("ehdottaja")) == ("EHDOTETTU", "ASIAKAS")
    bench.system.decide_due()
    assert bench.kept(first.text("tunnus")).status is Status.BOOKED
    assert (await bench.book("aino", time, Idempotency_Key="k-1")).content == first.content


@pytest.mark.parametrize("key", ["x" * 65, "a b", "a:b", "", "é"])
async def test_keys_that_are_none(bench: Bench, key: str) -> None:
    time = (await bench.free())[0]
    headers = {"Idempotency-Key": key.encode("latin-1")}
    found = await bench.ask("POST", "/tapaamiset", booking(bench.number("aino"), time), **headers)
    assert (found.error, found.places) == ((400, "PARAMETRI"), [("@Idempotency-Key", "ARVO")])


async def test_the_external_id_is_not_compared(bench: Bench) -> None:
    time, other, *_ = await bench.free()
    await bench.book("aino", time, external="b-1")
    await bench.book("helvi", other, external="b-1")
    found = await bench.ask("GET", "/tapaamiset?ulkoinenTunniste=b-1")
    assert [one.findtext("{*}alku") for one in found.all("tapaaminen")] == sorted([time[1], other[1]])


async def test_who_is_no_customer_cannot_book(bench: Bench) -> None:
    assert bench.system.patient_by_hetu("150668-910D") is None
    search = '<asiakashaku xmlns="urn:proconsona:rajapinta:3"><henkilotunnus>150668-910D</henkilotunnus></asiakashaku>'
    found = await bench.ask("POST", "/asiakkaat/haku", search)
    assert (found.status, found.all("asiakas")) == (200, [])
    wrong = await bench.ask("POST", "/asiakkaat/haku", search.replace("910D", "910E"))
    assert (wrong.error, wrong.places) == ((400, "SKEEMA"), [("/pc:asiakashaku/pc:henkilotunnus", "ARVO")])


async def test_a_customer_under_a_non_disclosure_order(bench: Bench) -> None:
    found = await bench.ask("GET", f"/asiakkaat/{bench.number('helvi')}")
    assert (found.text("turvakielto"), found.text("osoite/katu")) == ("true", bench.patient("helvi").street)
    axel = await bench.ask("GET", f"/asiakkaat/{bench.number('axel')}")
    assert (axel.text("kieli"), axel.text("sahkoposti"), axel.text("turvakielto")) == ("sv", None, "false")
