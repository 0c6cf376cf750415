"""VaraaAika, VahvistaVaraus and PeruAika by the manual's rules (§8-§10)."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from sandbox.engine.model import Status
from tests.sandbox.mediatri.mediatri_bench import GROUP, Bench, moment


async def test_a_time_is_reserved_then_booked(bench: Bench) -> None:
    time = bench.free()[0]
    reserved = await bench.reserve("aino", time, "v-1")
    assert (reserved.text("asiakasViite"), reserved.text("voimassa")) == ("v-1", "5")
    assert reserved.record("vanhenee") == {"paiva": "22.03.2027", "klo": "08.05", "kesaaika": ""}
    assert not bench.system.appointments(placer_id="v-1")
    booking = (await bench.confirm(reserved.text("varaustunnus"), "v-1", "Kuume & yskä\nkaksi <päivää>")).record(
        "ajanvaraus"
    )
    calendar = bench.system.calendars[time.calendar]
    assert {name: booking[name] for name in ("tila", "asiakasViite", "perumisViite", "varaaja", "lisatiedot")} == {
        "tila": "VARATTU",
        "asiakasViite": "v-1",
        "perumisViite": "",
        "varaaja": "VERKKO",
        "lisatiedot": "Kuume & yskä\nkaksi <päivää>",
    }
    assert booking["alku"] == moment(time.start)
    assert [booking[name] for name in ("kalenteri", "yksikko", "palvelu", "ammattihenkilo", "kesto")] == [
        calendar.id,
        calendar.unit,
        calendar.service,
        calendar.professional,
        "20",
    ]
    (kept,) = bench.system.appointments(placer_id="v-1")
    assert (kept.id, kept.status, kept.patient) == (booking["varausnumero"], Status.BOOKED, bench.number("aino"))


@pytest.mark.parametrize(
    "text",
    [
        "]]>",
        "&amp; &x; <!-- -->",
        "\t kaksi\n\n  riviä ",
        "'\"`",
        "å ä ö Å € \U0001f600",
        "x" * 1000,
        "\\F\\ | ^ ~",
        "",
    ],
)
async def test_a_text_comes_back_as_it_was(bench: Bench, text: str) -> None:
    token = (await bench.reserve("aino", bench.free()[0], "v-1")).text("varaustunnus")
    assert (await bench.confirm(token, "v-1", text)).record("ajanvaraus")["lisatiedot"] == text


async def test_a_text_is_never_cut(bench: Bench) -> None:
    token = (await bench.reserve("aino", bench.free()[0], "v-1")).text("varaustunnus")
    refused = await bench.confirm(token, "v-1", "x" * 1001)
    assert (refused.code, refused.text("kohta")) == ("VIRHEELLINEN_PYYNTO", "lisatiedot")


async def test_a_reserved_time_is_nobodys(bench: Bench) -> None:
    time = bench.free()[0]
    await bench.reserve("aino", time, "v-1")
    day = time.start.strftime("%d.%m.%Y")
    free = await bench.call("HaeVapaatAjat", alkupaiva=day, loppupaiva=day, kalenteri=time.calendar)
    assert moment(time.start) not in [one["alku"] for one in free.records("vapaaAika")]
    listed = await bench.call("HaeAjanvaraukset", asiakasViite="v-1")
    assert listed.records("ajanvaraus") == []
    assert (await bench.reserve("marja", time, "v-2")).code == "AIKA_VARATTU"


async def test_a_taken_time_names_the_callers_own_reservation_only(bench: Bench) -> None:
    time = bench.free()[0]
    await bench.reserve("aino", time, "v-1")
    refused = await bench.reserve("aino", time, "v-1")
    assert (refused.code, refused.faultcode, refused.text("kohta")) == ("AIKA_VARATTU", "soap:Client", "alku")
    assert refused.text("asiakasViite") == "v-1"
    booked = bench.free(count=2)[1]
    await bench.booked("aino", "v-2", booked)
    refused = await bench.reserve("aino", booked, "v-3")
    assert (refused.code, refused.text("asiakasViite")) == ("AIKA_VARATTU", "")


async def test_in_a_group_the_patients_own_reservation_is_named_first(bench: Bench) -> None:
    time = next(one for one in bench.free(GROUP, count=5) if one.left > 1)
    people = ["marja", "aino", "helvi", "axel"][: time.left]
    for index, key in enumerate(people):
        assert (await bench.reserve(key, time, f"v-{index}")).code == ""
    refused = await bench.reserve("aino", time, "v-9")
    assert (refused.code, refused.text("asiakasViite")) == ("AIKA_VARATTU", f"v-{people.index('aino')}")


async def test_reserving_is_not_idempotent(bench: Bench) -> None:
    time = next(one for one in bench.free(GROUP, count=5) if one.left > 1)
    tokens = {(await bench.reserve("aino", time, "v-1")).text("varaustunnus") for _ in range(2)}
    assert len(tokens) == 2
    left = bench.system.free_times(time.start, time.start + timedelta(minutes=1), calendar=time.calendar)
    assert [one.left for one in left] == ([time.left - 2] if time.left > 2 else [])


async def test_a_reservation_ends_after_five_minutes_of_virtual_time(bench: Bench) -> None:
    time = bench.free()[0]
    token = (await bench.reserve("aino", time, "v-1")).text("varaustunnus")
    bench.system.clock.advance(timedelta(minutes=4, seconds=59))
    assert (await bench.reserve("marja", time, "v-2")).code == "AIKA_VARATTU"
    bench.system.clock.advance(timedelta(seconds=1))
    late = await bench.confirm(token, "v-1")
    assert (late.code, late.text("kohta")) == ("VARAUS_VANHENTUNUT", "varaustunnus")
    assert (await bench.reserve("marja", time, "v-2")).code == ""
    assert not bench.system.appointments(placer_id="v-1")


async def test_confirming_is_idempotent_by_token_for_a_day(bench: Bench) -> None:
    time = bench.free(count=300)[299]
    token = (await bench.reserve("aino", time, "v-1")).text("varaustunnus")
    first = await bench.confirm(token, "v-1", "ensin")
    again = await bench.confirm(token, "v-1", "toiseksi")
    assert again.record("ajanvaraus") == first.record("ajanvaraus")
    bench.system.cancel(first.text("varausnumero"), by="desk", reason="Lääkäri sairaana")
    bench.system.clock.advance(timedelta(hours=23, minutes=59))
    cancelled = (await bench.confirm(token, "v-1")).record("ajanvaraus")
    assert (cancelled["tila"], cancelled["peruutussyy"], cancelled["selite"]) == (
        "PERUTTU",
        "YKSIKKO_PERUI",
        "Lääkäri sairaana",
    )
    bench.system.clock.advance(timedelta(minutes=1))
    assert (await bench.confirm(token, "v-1")).code == "VARAUS_VANHENTUNUT"
    assert len(bench.system.appointments(placer_id="v-1")) == 1


async def test_two_confirm_at_once_and_one_booking_is_made(bench: Bench) -> None:
    token = (await bench.reserve("aino", bench.free()[0], "v-1")).text("varaustunnus")
    replies = await asyncio.gather(*(bench.confirm(token, "v-1") for _ in range(8)))
    assert len({reply.text("varausnumero") for reply in replies}) == 1
    assert len(bench.system.appointments(placer_id="v-1")) == 1


async def test_eight_want_one_time_and_one_gets_it(bench: Bench) -> None:
    time = bench.free()[0]
    replies = await asyncio.gather(*(bench.reserve("aino", time, f"v-{index}") for index in range(8)))
    assert sorted(str(reply.code) for reply in replies) == ["", *["AIKA_VARATTU"] * 7]


async def test_the_reference_must_be_the_reservations(bench: Bench) -> None:
    token = (await bench.reserve("aino", bench.free()[0], "v-1")).text("varaustunnus")
    other = await bench.confirm(token, "v-2")
    assert (other.code, other.text("kohta")) == ("VIRHEELLINEN_PYYNTO", "asiakasViite")
    assert (await bench.confirm(token, "v-1")).code == ""


async def test_a_time_that_has_begun_is_not_confirmed(bench: Bench) -> None:
    time = bench.free()[0]
    bench.system.clock.freeze(time.start - timedelta(minutes=2))
    token = (await bench.reserve("aino", time, "v-1")).text("varaustunnus")
    bench.system.clock.freeze(time.start)
    assert (await bench.confirm(token, "v-1")).code == "TUNTEMATON_AIKA"
    assert (await bench.confirm(token, "v-1")).code == "VARAUS_VANHENTUNUT"


@pytest.mark.parametrize(
    ("changes", "code", "where"),
    [
        ({"potilasnumero": "1"}, "TUNTEMATON_POTILAS", "potilasnumero"),
        ({"kalenteri": "K1"}, "TUNTEMATON_AIKA", "kalenteri"),
        ({"alku": {"paiva": "24.03.2027", "klo": "09.01"}}, "TUNTEMATON_AIKA", "alku"),
        ({"alku": {"paiva": "24.03.2026", "klo": "09.00"}}, "TUNTEMATON_AIKA", "alku"),
        ({"alku": {"paiva": "24.08.2027", "klo": "09.00"}}, "TUNTEMATON_AIKA", "alku"),
        ({"alku": {"paiva": "31.02.2027", "klo": "09.00"}}, "VIRHEELLINEN_PYYNTO", "alku/paiva"),
        ({"alku": {"paiva": "24.03.2027", "klo": "9.00"}}, "VIRHEELLINEN_PYYNTO", "alku/klo"),
        ({"alku": {"paiva": "24.03.2027", "klo": "24.00"}}, "VIRHEELLINEN_PYYNTO", "alku/klo"),
        ({"alku": {"paiva": "24.03.2027"}}, "VIRHEELLINEN_PYYNTO", "alku"),
        ({"asiakasViite": "x" * 37}, "VIRHEELLINEN_PYYNTO", "asiakasViite"),
        ({"asiakasViite": ""}, "VIRHEELLINEN_PYYNTO", "asiakasViite"),
    ],
)
async def test_what_cannot_be_reserved(bench: Bench, changes: dict[str, Any], code: str, where: str) -> None:
    time = bench.free()[0]
    fields = {"potilasnumero": bench.number("aino"), "kalenteri": time.calendar, "alku": moment(time.start)}
    reply = await bench.call("VaraaAika", **{**fields, "asiakasViite": "x" * 36, **changes})
    assert (reply.code, reply.text("kohta")) == (code, where)
    assert bench.system.holds() == []


async def test_cancelling(bench: Bench) -> None:
    time = bench.free()[0]
    booking = await bench.booked(time=time)
    reply = await bench.cancel(booking, "p-1", selite="Olo on parempi")
    assert (reply.text("vapautettu"), str(reply.body[0].text)) == ("0", "p-1")
    cancelled = reply.record("ajanvaraus")
    assert {name: cancelled[name] for name in ("tila", "asiakasViite", "perumisViite", "peruutussyy", "selite")} == {
        "tila": "PERUTTU",
        "asiakasViite": "v-1",
        "perumisViite": "p-1",
        "peruutussyy": "ASIAKAS_PERUI",
        "selite": "Olo on parempi",
    }
    assert (await bench.cancel(booking, "p-2")).code == "EI_PERUTTAVISSA"
    assert bench.free()[0] == time


async def test_a_booking_given_up_for_another_time_is_moved(bench: Bench) -> None:
    booking = await bench.booked()
    reply = await bench.cancel(booking, peruutussyy="ASIAKAS_SIIRSI")
    assert reply.record("ajanvaraus")["tila"] == "SIIRRETTY"
    assert bench.kept(booking["varausnumero"]).status is Status.CANCELLED


async def test_a_booking_that_the_unit_moved_is_not_cancelled(bench: Bench) -> None:
    booking = await bench.booked()
    target = bench.free(count=3)[2]
    bench.system.move(booking["varausnumero"], start=target.start, calendar=target.calendar, by="desk", reason="Este")
    refused = await bench.cancel(booking)
    assert (refused.code, refused.text("kohta")) == ("VARAUS_MUUTTUNUT", "alkuperainenAlku")
    listed = await bench.call("HaeAjanvaraukset", varausnumero=booking["varausnumero"])
    moved = listed.record("ajanvaraus")
    assert (moved["tila"], moved["alku"], moved["selite"]) == ("VARATTU", moment(target.start), "Este")
    assert (await bench.cancel(moved)).code == ""


@pytest.mark.parametrize(
    ("changes", "code", "where"),
    [
        ({"potilasnumero": "1"}, "TUNTEMATON_POTILAS", "potilasnumero"),
        ({"varausnumero": "1"}, "TUNTEMATON_VARAUS", "varausnumero"),
        ({"alkuperainenAlku": {"paiva": "01.04.2027", "klo": "09.00"}}, "VARAUS_MUUTTUNUT", "alkuperainenAlku"),
        ({"peruutussyy": ""}, "VIRHEELLINEN_PYYNTO", "peruutussyy"),
        ({"peruutussyy": "YKSIKKO_PERUI"}, "VIRHEELLINEN_PYYNTO", "peruutussyy"),
        ({"varausnumero": ""}, "VIRHEELLINEN_PYYNTO", "varausnumero"),
        ({"asiakasViite": ""}, "VIRHEELLINEN_PYYNTO", "asiakasViite"),
    ],
)
async def test_what_cannot_be_cancelled(bench: Bench, changes: dict[str, Any], code: str, where: str) -> None:
    booking = await bench.booked()
    refused = await bench.cancel(booking, **changes)
    assert (refused.code, refused.text("kohta")) == (code, where)
    assert bench.kept(booking["varausnumero"]).status is Status.BOOKED


async def test_anothers_booking_is_as_unknown_as_one_that_is_not_there(bench: Bench) -> None:
    booking = await bench.booked()
    refused = await bench.cancel(booking, potilasnumero=bench.number("marja"))
    absent = await bench.cancel(booking, varausnumero="1")
    assert refused.body.xpath("string()") == absent.body.xpath("string()")


async def test_a_visit_that_has_begun_is_not_cancelled(bench: Bench) -> None:
    booking = await bench.booked(time=bench.free()[0])
    bench.system.clock.freeze(bench.kept(booking["varausnumero"]).start)
    assert (await bench.cancel(booking)).code == "EI_PERUTTAVISSA"


async def test_a_booking_without_its_start_is_not_cancelled(bench: Bench) -> None:
    booking = await bench.booked()
    refused = await bench.call(
        "PeruAika",
        varausnumero=booking["varausnumero"],
        potilasnumero=booking["potilasnumero"],
        peruutussyy="MUU",
        asiakasViite="p-1",
    )
    assert (refused.code, refused.text("kohta")) == ("VIRHEELLINEN_PYYNTO", "alkuperainenAlku")


async def test_freeing_a_reservation_by_its_reference(bench: Bench) -> None:
    times = bench.free(count=2)
    for time in times:
        await bench.reserve("aino", time, "v-1")
    strangers = await bench.call("PeruAika", viite="v-1", potilasnumero=bench.number("marja"), asiakasViite="p-1")
    assert strangers.code == "TUNTEMATON_VARAUS"
    freed = await bench.call("PeruAika", viite="v-1", potilasnumero=bench.number("aino"), asiakasViite="p-1")
    assert (freed.text("vapautettu"), freed.records("ajanvaraus")) == ("2", [])
    assert bench.free(count=2) == times
    again = await bench.call("PeruAika", viite="v-1", potilasnumero=bench.number("aino"), asiakasViite="p-1")
    assert (again.code, again.text("kohta")) == ("TUNTEMATON_VARAUS", "viite")


async def test_a_confirmed_reservation_is_not_freed(bench: Bench) -> None:
    booking = await bench.booked()
    refused = await bench.call("PeruAika", viite="v-1", potilasnumero=bench.number("aino"), asiakasViite="p-1")
    assert refused.code == "TUNTEMATON_VARAUS"
    assert bench.kept(booking["varausnumero"]).status is Status.BOOKED


async def test_a_move_can_be_found_by_its_one_reference(bench: Bench) -> None:
    first, second = bench.free(count=2)
    old = await bench.booked(reference="v-1", time=first)
    new = await bench.booked(reference="s-1", time=second)
    await bench.cancel(old, "s-1", peruutussyy="ASIAKAS_SIIRSI")
    found = (await bench.call("HaeAjanvaraukset", asiakasViite="s-1")).records("ajanvaraus")
    assert [(one["varausnumero"], one["tila"]) for one in found] == [
        (old["varausnumero"], "SIIRRETTY"),
        (new["varausnumero"], "VARATTU"),
    ]
