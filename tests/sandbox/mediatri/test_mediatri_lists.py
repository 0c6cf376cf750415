"""Directory, patients, free times, bookings and changes (manual §5-§7, §11, §12)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from sandbox.clock import HELSINKI
from sandbox.engine.model import FreeTime
from tests.sandbox.http.http_bench import HETU
from tests.sandbox.mediatri.mediatri_bench import DOCTOR, Bench, Reply, moment

DAY = "24.03.2027"


async def free(bench: Bench, **criteria: str) -> Reply:
    return await bench.call("HaeVapaatAjat", **{"alkupaiva": DAY, "loppupaiva": DAY, **criteria})


async def listed(bench: Bench, **criteria: str) -> list[dict[str, Any]]:
    reply = await bench.call("HaeAjanvaraukset", **criteria)
    assert reply.code == ""
    return reply.records("ajanvaraus")


# ---- directory and patients


async def test_the_directory_is_whole_and_fits_together(bench: Bench) -> None:
    units = (await bench.call("HaeYksikot")).records("yksikko")
    services = (await bench.call("HaePalvelut")).records("palvelu")
    people = (await bench.call("HaeAmmattihenkilot")).records("ammattihenkilo")
    calendars = (await bench.call("HaeKalenterit")).records("kalenteri")
    ids = [[one["tunnus"] for one in part] for part in (units, services, people, calendars)]
    assert ids == [sorted(part) for part in ids]
    assert [len(part) for part in ids] == [4, 10, 12, 15]
    for calendar in calendars:
        assert calendar["yksikko"] in ids[0]
        assert calendar["palvelu"] in ids[1]
        assert calendar["ammattihenkilo"] in ids[2]
    assert {one["kunta"] for one in units} == {"753"}
    assert all(one["nimi"]["fi"] and one["nimi"]["sv"] for one in (*units, *services))
    (group,) = [one for one in services if one["ryhma"] == "K"]
    assert (group["tunnus"], group["paikkoja"]) == ("RYHM", "4")
    (unknown,) = [one for one in services if one["tunnus"] == "JALK-X"]
    assert (unknown["palvelunimike"], unknown["palveluluokka"]) == ("", "")
    assert {one["sektori"] for one in services} == {"TERVEYS", "SUUN"}


@pytest.mark.parametrize("by", ["henkilotunnus", "potilasnumero"])
async def test_a_patient_is_found_both_ways(bench: Bench, by: str) -> None:
    number = bench.number("helvi")
    value = HETU["helvi"] if by == "henkilotunnus" else number
    found = (await bench.call("HaePotilas", **{by: value})).record("potilas")
    assert (found["potilasnumero"], found["henkilotunnus"]) == (number, HETU["helvi"])
    assert (found["sukunimi"], found["etunimet"], found["turvakielto"]) == ("Turvakielto", "Helvi", "K")
    assert (found["syntymaaika"], found["kotikunta"]) == ("31.12.1944", "434")


async def test_a_patient_without_mail(bench: Bench) -> None:
    bench.number("axel")
    found = (await bench.call("HaePotilas", henkilotunnus=HETU["axel"])).record("potilas")
    assert (found["sahkoposti"], found["asiointikieli"]) == ("", "sv")


async def test_registering(bench: Bench) -> None:
    hetu = HETU["lilja"]
    unknown = await bench.call("HaePotilas", henkilotunnus=hetu)
    assert (unknown.code, unknown.text("kohta")) == ("TUNTEMATON_POTILAS", "henkilotunnus")
    made = await bench.call("LuoPotilas", henkilotunnus=hetu, asiakasViite="r-1")
    assert made.text("asiakasViite") == "r-1"
    found = await bench.call("HaePotilas", henkilotunnus=hetu)
    assert found.record("potilas") == made.record("potilas")
    again = await bench.call("LuoPotilas", henkilotunnus=hetu, asiakasViite="r-2")
    assert (again.code, again.faultcode) == ("POTILAS_ON_JO", "soap:Client")
    stranger = await bench.call("LuoPotilas", henkilotunnus="010190-900P", asiakasViite="r-3")
    assert stranger.code == "TUNTEMATON_HENKILO"


async def test_the_sign_of_a_hetu_tells_people_apart(bench: Bench) -> None:
    assert (await bench.call("HaePotilas", henkilotunnus=HETU["aino"].replace("Y", "-"))).code == "TUNTEMATON_POTILAS"


# ---- free times


def as_shown(bench: Bench, one: FreeTime) -> tuple[str, dict[str, str], str, str]:
    service = bench.system.services[bench.system.calendars[one.calendar].service]
    return one.calendar, moment(one.start), str(service.minutes), str(one.left)


async def test_free_times_are_the_engines(bench: Bench) -> None:
    shown = (await free(bench)).records("vapaaAika")
    start = datetime(2027, 3, 24, tzinfo=HELSINKI)
    engine = bench.system.free_times(start, start + timedelta(days=1))
    assert [(one["kalenteri"], one["alku"], one["kesto"], one["paikkoja"]) for one in shown] == [
        as_shown(bench, one) for one in engine
    ]


@pytest.mark.parametrize(
    "criteria",
    [
        {"palvelu": DOCTOR},
        {"yksikko": "HAM"},
        {"kalenteri": "K101"},
        {"ammattihenkilo": "A21"},
        {"palvelu": DOCTOR, "yksikko": "SOD"},
    ],
)
async def test_all_criteria_must_fit(bench: Bench, criteria: dict[str, str]) -> None:
    shown = (await free(bench, **criteria)).records("vapaaAika")
    every = (await free(bench)).records("vapaaAika")
    assert shown
    assert shown == [one for one in every if all(one[name] == value for name, value in criteria.items())]


@pytest.mark.parametrize("criteria", [{"palvelu": "X"}, {"yksikko": "X"}, {"kalenteri": "X"}, {"ammattihenkilo": "X"}])
async def test_an_unknown_code_finds_nothing(bench: Bench, criteria: dict[str, str]) -> None:
    assert (await free(bench, **criteria)).records("vapaaAika") == []


async def test_both_days_are_included_and_the_past_is_not(bench: Bench) -> None:
    bench.system.clock.advance(timedelta(hours=4))
    shown = (await free(bench, alkupaiva="22.03.2027", loppupaiva="23.03.2027")).records("vapaaAika")
    assert {one["alku"]["paiva"] for one in shown} == {"22.03.2027", "23.03.2027"}
    assert min(one["alku"]["klo"] for one in shown if one["alku"]["paiva"] == "22.03.2027") > "12.00"


async def test_a_period_is_at_most_31_days(bench: Bench) -> None:
    assert (await free(bench, loppupaiva="23.04.2027")).code == ""
    for wrong in ("24.04.2027", "23.03.2027"):
        refused = await free(bench, loppupaiva=wrong)
        assert (refused.code, refused.text("kohta")) == ("VIRHEELLINEN_PYYNTO", "loppupaiva")


async def test_long_answers_come_in_parts(bench: Bench) -> None:
    whole = bench.system.free_times(datetime(2027, 3, 24, tzinfo=HELSINKI), datetime(2027, 4, 24, tzinfo=HELSINKI))
    assert len(whole) > 1000
    found: list[dict[str, Any]] = []
    more, parts = "", 0
    while more or not parts:
        reply = await free(bench, loppupaiva="23.04.2027", **({"jatko": more} if more else {}))
        found += reply.records("vapaaAika")
        more, parts = reply.text("jatko"), parts + 1
        if parts == 1:  # taken in between: it neither repeats nor hides others
            bench.system.book(patient=bench.number("aino"), calendar=whole[0].calendar, start=whole[0].start)
    assert parts == -(-len(whole) // 500)
    assert [(one["kalenteri"], one["alku"]) for one in found] == [(one.calendar, moment(one.start)) for one in whole]


# ---- bookings


async def test_bookings_by_every_criterion(bench: Bench) -> None:
    first, second = bench.free(count=2)
    one = await bench.booked("aino", "v-1", first)
    other = await bench.booked("marja", "v-2", second)
    assert await listed(bench, varausnumero=one["varausnumero"]) == [one]
    assert await listed(bench, asiakasViite="v-2") == [other]
    of_aino = await listed(bench, potilasnumero=bench.number("aino"))
    assert one in of_aino
    assert all(found["potilasnumero"] == bench.number("aino") for found in of_aino)
    day = first.start.strftime("%d.%m.%Y")
    of_unit = await listed(bench, yksikko=one["yksikko"], alkupaiva=day, loppupaiva=day)
    assert one in of_unit
    assert len(of_unit) > 2
    assert await listed(bench, varausnumero="1") == []
    assert await listed(bench, asiakasViite="v-9") == []
    assert await listed(bench, yksikko="X", alkupaiva=day, loppupaiva=day) == []
    assert (await bench.call("HaeAjanvaraukset", potilasnumero="1")).code == "TUNTEMATON_POTILAS"


async def test_a_patients_bookings_of_some_days(bench: Bench) -> None:
    booking = await bench.booked()
    number, day = bench.number("aino"), booking["alku"]["paiva"]
    assert booking in await listed(bench, potilasnumero=number, alkupaiva=day, loppupaiva=day)
    assert await listed(bench, potilasnumero=number, alkupaiva="01.01.1990", loppupaiva="01.01.2020") == []


@pytest.mark.parametrize(
    ("criteria", "where"),
    [
        ({}, "varausnumero"),
        ({"varausnumero": "1", "asiakasViite": "v-1"}, "asiakasViite"),
        ({"potilasnumero": "1", "yksikko": "NIK"}, "yksikko"),
        ({"yksikko": "NIK"}, "alkupaiva"),
        ({"yksikko": "NIK", "alkupaiva": DAY}, "loppupaiva"),
        ({"yksikko": "NIK", "alkupaiva": DAY, "loppupaiva": "24.04.2027"}, "loppupaiva"),
        ({"potilasnumero": "1", "loppupaiva": DAY}, "alkupaiva"),
        ({"asiakasViite": "v-1", "alkupaiva": DAY, "loppupaiva": DAY}, "alkupaiva"),
        ({"varausnumero": "1", "jatko": "hello"}, "jatko"),
    ],
)
async def test_criteria_that_cannot_be(bench: Bench, criteria: dict[str, str], where: str) -> None:
    refused = await bench.call("HaeAjanvaraukset", **criteria)
    assert (refused.code, refused.text("kohta")) == ("VIRHEELLINEN_PYYNTO", where)


async def test_a_month_of_a_unit_comes_in_parts(bench: Bench) -> None:
    criteria = {"yksikko": "NIK", "alkupaiva": "22.03.2027", "loppupaiva": "21.04.2027"}
    numbers: list[str] = []
    more, parts = "", 0
    while more or not parts:
        reply = await bench.call("HaeAjanvaraukset", **criteria, **({"jatko": more} if more else {}))
        numbers += [one["varausnumero"] for one in reply.records("ajanvaraus")]
        more, parts = reply.text("jatko"), parts + 1
    engine = bench.system.appointments(
        start=datetime(2027, 3, 22, tzinfo=HELSINKI), end=datetime(2027, 4, 22, tzinfo=HELSINKI)
    )
    assert parts > 1
    assert numbers == [one.id for one in engine if bench.system.calendars[one.calendar].unit == "NIK"]


async def test_bookings_of_the_desk_and_their_states(bench: Bench) -> None:
    time, number = bench.free()[0], bench.number("aino")
    made = bench.system.book(
        patient=number, calendar=time.calendar, start=time.start, by="desk", text="Tule \x01 ajoissa"
    )
    (shown,) = await listed(bench, varausnumero=made.id)
    assert (shown["varaaja"], shown["asiakasViite"], shown["lisatiedot"]) == ("YKSIKKO", "", "Tule \ufffd ajoissa")
    bench.system.no_show(made.id)
    (shown,) = await listed(bench, varausnumero=made.id)
    assert (shown["tila"], shown["peruutussyy"]) == ("EI_SAAPUNUT", "")


async def test_what_the_unit_has_only_proposed_is_not_shown(bench: Bench) -> None:
    time, number = bench.free()[0], bench.number("aino")
    cursor = (await bench.call("HaeMuutokset")).text("kursori")
    made = bench.system.propose(number, time.calendar, time.start)
    assert await listed(bench, varausnumero=made.id) == []
    assert (await bench.call("HaeMuutokset", kursori=cursor)).records("muutos") == []
    bench.system.accept(made.id)
    assert [one["tila"] for one in await listed(bench, varausnumero=made.id)] == ["VARATTU"]
    changes = (await bench.call("HaeMuutokset", kursori=cursor)).records("muutos")
    assert changes == [{"laji": "AJANVARAUS", "numero": made.id}]


async def test_the_reference_of_a_cancellation_survives_a_restart(bench: Bench) -> None:
    booking = await bench.booked()
    await bench.cancel(booking, "p-7")
    bench.face._operations._references._cancelled = None
    (found,) = await listed(bench, asiakasViite="p-7")
    assert found["varausnumero"] == booking["varausnumero"]


# ---- changes


async def cursor(bench: Bench) -> str:
    reply = await bench.call("HaeMuutokset")
    assert (reply.records("muutos"), reply.text("lisaa")) == ([], "E")
    return reply.text("kursori")


async def test_a_booking_that_changed_thrice_comes_once_at_its_last_place(bench: Bench) -> None:
    begin = await cursor(bench)
    first, second, third = bench.free(count=3)
    one = await bench.booked("aino", "v-1", first)
    other = await bench.booked("aino", "v-2", second)
    bench.system.move(one["varausnumero"], start=third.start, calendar=third.calendar, by="desk")
    bench.system.cancel(one["varausnumero"], by="desk")
    reply = await bench.call("HaeMuutokset", kursori=begin)
    assert reply.records("muutos") == [
        {"laji": "AJANVARAUS", "numero": other["varausnumero"]},
        {"laji": "AJANVARAUS", "numero": one["varausnumero"]},
    ]
    assert (await bench.call("HaeMuutokset", kursori=reply.text("kursori"))).records("muutos") == []
    assert len((await bench.call("HaeMuutokset", kursori=begin)).records("muutos")) == 2


async def test_a_hundred_at_a_time(bench: Bench) -> None:
    begin = await cursor(bench)
    made = [
        bench.system.book(patient=bench.number("aino"), calendar=one.calendar, start=one.start).id
        for one in bench.free(count=201)
    ]
    bench.system.cancel(made[0], by="desk")
    found: list[list[str]] = []
    at, more = begin, "K"
    while more == "K":
        reply = await bench.call("HaeMuutokset", kursori=at)
        found.append([one["numero"] for one in reply.records("muutos")])
        at, more = reply.text("kursori"), reply.text("lisaa")
    assert [len(part) for part in found] == [100, 100, 1]
    assert [number for part in found for number in part] == [*made[1:], made[0]]


async def test_a_hundred_exactly_are_no_more(bench: Bench) -> None:
    begin = await cursor(bench)
    for one in bench.free(count=100):
        bench.system.book(patient=bench.number("aino"), calendar=one.calendar, start=one.start)
    reply = await bench.call("HaeMuutokset", kursori=begin)
    assert (len(reply.records("muutos")), reply.text("lisaa")) == (100, "E")


async def test_registrations_are_no_changes(bench: Bench) -> None:
    begin = await cursor(bench)
    await bench.call("LuoPotilas", henkilotunnus=HETU["lilja"], asiakasViite="r-1")
    assert (await bench.call("HaeMuutokset", kursori=begin)).records("muutos") == []


async def test_a_cursor_lives_a_day_of_virtual_time(bench: Bench) -> None:
    begin = await cursor(bench)
    bench.system.clock.advance(timedelta(hours=24))
    fresh = (await bench.call("HaeMuutokset", kursori=begin)).text("kursori")
    bench.system.clock.advance(timedelta(seconds=1))
    old = await bench.call("HaeMuutokset", kursori=begin)
    assert (old.code, old.faultcode, old.text("kohta")) == ("KURSORI_VANHENTUNUT", "soap:Client", "kursori")
    assert (await bench.call("HaeMuutokset", kursori=fresh)).code == ""


async def test_a_cursor_the_database_has_not_reached(bench: Bench) -> None:
    number, _, given = (await cursor(bench)).partition(".")
    ahead = await bench.call("HaeMuutokset", kursori=f"{int(number, 16) + 1:x}.{given}")
    assert ahead.code == "KURSORI_VANHENTUNUT"
