"""SQM^S25: free times and bookings."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from sandbox.clock import HELSINKI
from sandbox.engine.model import FreeTime
from tests.sandbox.pegasos.pegasos_bench import (
    AINO,
    DOCTOR,
    GROUP,
    HELVI,
    LILJA,
    ONNI,
    Answer,
    Client,
    Pegasos,
    book,
    cancel,
    query,
    stamp,
)

WEEK = ("20270322000000", "20270329000000")
START, END = datetime(2027, 3, 22, tzinfo=HELSINKI), datetime(2027, 3, 29, tzinfo=HELSINKI)


def times(answer: Answer) -> list[tuple[str, str, str]]:
    return [
        (sch[5].split("^")[0], sch[11].split("^")[3], zpa[5])
        for sch, zpa in zip(answer.all("SCH"), answer.all("ZPA"), strict=True)
    ]


def expected(found: list[FreeTime]) -> list[tuple[str, str, str]]:
    return [(one.calendar, stamp(one.start), str(one.left)) for one in found]


async def test_free_times_are_those_of_the_record_system(pegasos: Pegasos, client: Client) -> None:
    by_service = await client.ask(
        query("SOP", "SERVICE", between=WEEK, resources=(f"AIS|1||{DOCTOR}",), limit=20, tag="abc")
    )
    everything = pegasos.system.free_times(START, END, service=DOCTOR)
    assert times(by_service) == expected(everything[:20])
    assert by_service.all("QAK")[0] == [
        "QAK", "abc", "OK", "", str(len(everything)), "20", str(len(everything) - 20)
    ]  # fmt: skip
    assert by_service.names[3:8] == ["SCH", "ZPA", "RGS", "AIS", "AIP"]
    assert {by_service.get("SCH", 25, which=n) for n in range(20)} == {"Free"}
    assert by_service.get("SCH", 2) == ""

    group = await client.ask(query("SOP", "SCHEDULE", arq="-||||2207", between=WEEK, limit=5))
    assert times(group) == expected(pegasos.system.free_times(START, END, calendar="2207"))[:5]


async def test_pages_give_every_free_time_once_though_some_are_booked_in_between(
    pegasos: Pegasos, client: Client
) -> None:
    two_days = ("20270324", "20270326")
    first_day = datetime(2027, 3, 24, tzinfo=HELSINKI)
    before = expected(pegasos.system.free_times(first_day, first_day + timedelta(days=2)))
    seen: list[tuple[str, str, str]] = []
    pointer = ""
    while True:
        ask = query("SOP", "ALL", arq=None, between=two_days, limit=40, pointer=pointer)
        page = await client.ask(ask, valid=not pointer)
        seen += times(page)
        assert int(page.get("QAK", 5)) == len(page.all("SCH"))
        if not page.all("DSC"):
            break
        pointer = page.get("DSC", 1)
        # The last one given is taken: the next page must go on after it all the same.
        last = page.all("SCH")[-1]
        taken = next(
            one
            for one in pegasos.system.free_times(START, END, calendar=last[5].split("^")[0])
            if stamp(one.start) == last[11].split("^")[3]
        )
        await client.ask(book(pegasos.system, taken, AINO))
    assert page.get("QAK", 6) == "0"
    assert seen == before


async def test_unit_and_professional_narrow_the_free_times(pegasos: Pegasos, client: Client) -> None:
    unit = await client.ask(query("SOP", "SERVICE", between=WEEK, resources=(f"AIS|1||{DOCTOR}", "AIL|1||530|C")))
    assert times(unit) == expected(pegasos.system.free_times(START, END, service=DOCTOR, unit="530"))
    doctor = next(one for one in pegasos.system.calendars.values() if one.service == DOCTOR).professional
    own = await client.ask(
        query("SOP", "SERVICE", between=WEEK, resources=(f"AIS|1||{DOCTOR}", f"AIP|1||{doctor}|HLO")), valid=False
    )
    assert {line[3].split("^")[0] for line in own.all("AIP")} == {doctor}
    assert 0 < len(own.all("SCH")) < len(pegasos.system.free_times(START, END, service=DOCTOR))
    wrong_order = query("SOP", "SERVICE", between=WEEK, resources=(f"AIS|1||{DOCTOR}", "AIL|1||530|C", "AIP|1||1|X"))
    assert (await client.ask(wrong_order)).error == ("AR", "100", "M01")


async def test_a_group_time_says_how_many_places_are_left(pegasos: Pegasos, client: Client) -> None:
    now = pegasos.world.clock.now()
    found = pegasos.system.free_times(now, now + timedelta(days=20), service=GROUP)
    time = next(one for one in found if one.left >= 2)
    between = (stamp(time.start), stamp(time.end))
    ask = query("SOP", "SCHEDULE", arq=f"-||||{time.calendar}", between=between)
    assert (await client.ask(ask)).all("ZPA")[0][5:7] == [str(time.left), "3"]
    await client.ask(book(pegasos.system, time, AINO))
    assert (await client.ask(ask)).all("ZPA")[0][5] == str(time.left - 1)


async def test_a_booking_is_found_by_placer_id_filler_id_patient_and_calendar(pegasos: Pegasos, client: Client) -> None:
    time = pegasos.free()
    booked = await client.ask(book(pegasos.system, time, AINO, placer="find-me"))
    filler = booked.get("SCH", 2)
    day = (stamp(time.start)[:8], stamp(time.start + timedelta(days=1))[:8])
    for ask in (
        query("SBK", "PLACER", arq="find-me^ANOTHER"),
        query("SBK", "FILLER", arq=f"-|{filler}"),
        query("SBK", "PATIENT", hetu=AINO),
        query("SBK", "PATIENT", hetu=AINO, between=day),
        query("SBK", "SCHEDULE", arq=f"-||||{time.calendar}", between=day),
    ):
        answer = await client.ask(ask)
        assert filler in [sch[2].split("^")[0] for sch in answer.all("SCH")]
    await client.ask(cancel(AINO, time.start, filler=filler))
    found = await client.ask(query("SBK", "PLACER", arq="find-me"))
    assert found.status == "Cancelled"


async def test_what_is_not_there_is_not_found(pegasos: Pegasos, client: Client) -> None:
    for ask in (query("SBK", "PLACER", arq="nothing"), query("SBK", "FILLER", arq="-|1")):
        answer = await client.ask(ask)
        assert (answer.code, answer.all("QAK")[0][2:]) == ("AA", ["NF", "", "0", "0", "0"])
    assert (await client.ask(query("SBK", "PATIENT", hetu=LILJA))).error == ("AE", "204", "P01")


async def test_seeded_visits_carry_restriction_status_and_patient(pegasos: Pegasos, client: Client) -> None:
    onni = await client.ask(query("SBK", "PATIENT", hetu=ONNI))
    assert sorted(zpa[3].split("^")[0] for zpa in onni.all("ZPA")) == ["", "2", "4"]
    helvi = await client.ask(query("SBK", "PATIENT", hetu=HELVI))
    assert sorted(sch[25].split("^")[0] for sch in helvi.all("SCH")) == ["Booked", "Complete", "Complete"]
    assert {line[3].split("^")[0] for line in helvi.all("PID")} == {HELVI}
    assert all(len(line) <= 8 for line in helvi.all("PID"))


async def test_what_the_desk_does_is_seen(pegasos: Pegasos, client: Client) -> None:
    helvi = pegasos.system.patient_by_hetu(HELVI)
    assert helvi is not None
    visit = next(one for one in pegasos.system.appointments(patient=helvi.number) if one.status == "booked")
    pegasos.system.cancel(visit.id, by="desk", reason="Lääkäri | sairas")
    answer = await client.ask(query("SBK", "FILLER", arq=f"-|{visit.id}"))
    assert answer.status == "Cancelled"
    assert answer.all("SCH")[0][6] == "PERUUTUS^Lääkäri \\F\\ sairas^99PEGTAP"
    time = pegasos.free()
    made = pegasos.system.book(patient=helvi.number, calendar=time.calendar, start=time.start, by="desk")
    pegasos.world.clock.freeze(time.end)
    pegasos.system.no_show(made.id)
    missed = await client.ask(query("SBK", "FILLER", arq=f"-|{made.id}"))
    assert missed.status == "Noshow"
    assert missed.all("SCH")[0][20] == "DESK^Ajanvaraus"
    assert missed.get("SCH", 1) == ""


@pytest.mark.parametrize(
    ("ask", "error"),
    [
        (query("XXX", "ALL", between=WEEK), ("AE", "103", "M04")),
        (query("SOP", "PATIENT", between=WEEK), ("AE", "103", "M04")),
        (query("SOP", "ALL"), ("AE", "101", "M02")),
        (query("SOP", "ALL", between=("20270322", "20270701")), ("AR", "102", "M03")),
        (query("SOP", "ALL", between=("20270323", "20270322")), ("AR", "102", "M03")),
        (query("SOP", "SCHEDULE", between=WEEK), ("AE", "101", "M02")),
        (query("SOP", "SCHEDULE", arq="-||||1", between=WEEK), ("AE", "204", "K01")),
        (query("SOP", "SERVICE", between=WEEK, resources=("AIS|1||1",)), ("AE", "103", "S01")),
        (query("SOP", "SERVICE", between=WEEK), ("AE", "101", "M02")),
        (query("SBK", "FILLER"), ("AE", "101", "M02")),
        (query("SBK", "PATIENT"), ("AR", "100", "M01")),
        (query("SBK", "PLACER", arq="x", limit=0), ("AR", "102", "M03")),
        (query("SBK", "PLACER", arq="x", pointer="next"), ("AR", "102", "M03")),
    ],
)
async def test_a_query_that_asks_wrongly_is_refused_with_its_tag(
    client: Client, ask: str, error: tuple[str, str, str]
) -> None:
    answer = await client.ask(ask)
    assert answer.error == error
    assert answer.all("QAK")[0] == ["QAK", "Q", error[0]]
