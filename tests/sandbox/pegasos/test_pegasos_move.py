"""SRM^S02: a visit moves to a free time, or nothing changes (manual section 5.1)."""

from __future__ import annotations

from datetime import datetime, timedelta

from sandbox.clock import HELSINKI
from tests.sandbox.pegasos.pegasos_bench import (
    AINO,
    AXEL,
    KERTTU,
    NURSE,
    Answer,
    Client,
    Pegasos,
    book,
    cancel,
    move,
    stamp,
)


async def booked(pegasos: Pegasos, client: Client, hetu: str = AINO) -> Answer:
    answer = await client.ask(book(pegasos.system, pegasos.free(), hetu, extra=("ZPA||||||||||a|b", "ZXX|kept")))
    assert answer.code == "AA"
    return answer


def start_of(answer: Answer) -> datetime:
    return datetime.strptime(answer.get("ZPA", 1), "%Y%m%d%H%M%S").replace(tzinfo=HELSINKI)


async def test_the_visit_keeps_its_numbers_and_the_old_time_is_free(pegasos: Pegasos, client: Client) -> None:
    old, first = pegasos.free(), await booked(pegasos, client)
    to = pegasos.free(which=4)
    filler = first.get("SCH", 2)
    event = "3^Asiakas siirsi^L"
    answer = await client.ask(
        move(pegasos.system, AINO, start_of(first), to, filler=filler, event=event, zpa="|||||||||c")
    )
    assert answer.names[0:4] == ["MSH", "MSA", "SCH", "ZPA"]
    assert (answer.code, answer.lines[0][8], answer.status) == ("AA", "SRR^S02^SRR_S01", "Booked")
    assert (answer.get("SCH", 1), answer.get("SCH", 2)) == (first.get("SCH", 1), filler)
    assert (answer.get("SCH", 11, 4), answer.get("SCH", 6, 2)) == (stamp(to.start), "Asiakas siirsi")
    assert (answer.get("SCH", 5), answer.get("ZPA", 7)) == (to.calendar, "2")
    assert (answer.all("ZPA")[0][10:], answer.all("ZXX")) == (["c", "b"], [["ZXX", "kept"]])
    assert pegasos.free() == old
    assert to not in pegasos.system.free_times(to.start, to.end, calendar=to.calendar)


async def test_without_a_reason_it_was_moved(pegasos: Pegasos, client: Client) -> None:
    first = await booked(pegasos, client)
    answer = await client.ask(move(pegasos.system, AINO, start_of(first), pegasos.free(which=2)))
    assert answer.all("SCH")[0][6] == "SIIRTO^Siirretty^99PEGTAP"


async def test_the_start_believed_in_is_looked_at(pegasos: Pegasos, client: Client) -> None:
    first, to = await booked(pegasos, client), pegasos.free(which=4)
    other = await client.ask(move(pegasos.system, AINO, start_of(first) + timedelta(hours=1), to))
    assert (other.error, other.blamed) == (("AE", "206", "A06"), "ZPA^1^1")
    text = move(pegasos.system, AINO, start_of(first), to)
    without = await client.ask(text.replace(f"ZPA|{stamp(start_of(first))}", "ZXX|"))
    assert (without.error, without.blamed) == (("AE", "101", "M02"), "ZPA^1^1")
    assert pegasos.system.free_times(to.start, to.end, calendar=to.calendar) == [to]


async def test_a_taken_time_moves_nothing(pegasos: Pegasos, client: Client) -> None:
    first = await booked(pegasos, client)
    taken = pegasos.free(which=2)
    await client.ask(book(pegasos.system, taken, AXEL, placer="p-2"))
    answer = await client.ask(move(pegasos.system, AINO, start_of(first), taken))
    assert (answer.error, answer.blamed) == (("AE", "206", "A01"), "AIS^1^4")
    kept = pegasos.system.appointment(first.get("SCH", 2))
    assert kept is not None
    assert (kept.start, kept.version) == (start_of(first), 1)
    own = pegasos.system.calendars[kept.calendar]
    same = type(taken)(own.id, kept.start, kept.end, 1)
    assert (await client.ask(move(pegasos.system, AINO, kept.start, same))).error == ("AE", "206", "A02")


async def test_a_visit_stays_in_its_service_and_with_its_patient(pegasos: Pegasos, client: Client) -> None:
    first = await booked(pegasos, client)
    nurse = pegasos.free(NURSE)
    other = await client.ask(move(pegasos.system, AINO, start_of(first), nurse))
    assert (other.error, other.blamed) == (("AE", "204", "K02"), "AIS^1^3")
    to, filler = pegasos.free(which=3), first.get("SCH", 2)
    anothers = await client.ask(move(pegasos.system, AXEL, start_of(first), to, filler=filler))
    assert anothers.error == ("AE", "204", "A04")
    past = type(to)(to.calendar, start_of(first) - timedelta(days=30), to.end, 1)
    assert (await client.ask(move(pegasos.system, AINO, start_of(first), past))).error == ("AE", "204", "A03")
    await client.ask(cancel(AINO, start_of(first)))
    gone = await client.ask(move(pegasos.system, AINO, start_of(first), to, filler=filler))
    assert gone.error == ("AE", "206", "A07")


async def test_what_moves_no_more_is_told_so_before_its_time_is_looked_at(pegasos: Pegasos, client: Client) -> None:
    gone, begun = await booked(pegasos, client), pegasos.free(which=2)
    filler, at = gone.get("SCH", 2), start_of(gone)
    await client.ask(cancel(AINO, at))
    own = type(begun)(pegasos.system.appointment(filler).calendar, at, at, 1)
    cancelled = await client.ask(move(pegasos.system, AINO, at, own, filler=filler))
    assert (cancelled.error, cancelled.blamed) == (("AE", "206", "A07"), "ARQ^1^2")
    second = await client.ask(book(pegasos.system, begun, AINO, placer="p-2"))
    pegasos.world.clock.freeze(begun.start)
    late = await client.ask(move(pegasos.system, AINO, begun.start, begun, filler=second.get("SCH", 2)))
    assert late.error == ("AE", "206", "A07")


async def test_a_pending_visit_is_not_moved(pegasos: Pegasos, client: Client) -> None:
    pegasos.faults.arm("pending-answer", operation="book", params={"after": 60.0})
    first = await booked(pegasos, client)
    assert first.status == "Pending"
    answer = await client.ask(move(pegasos.system, AINO, start_of(first), pegasos.free(which=2)))
    assert answer.error == ("AE", "206", "A07")


async def test_the_new_hour_of_the_autumn_night_is_named(pegasos: Pegasos, client: Client) -> None:
    pegasos.world.clock.freeze(datetime(2027, 10, 25, 8, tzinfo=HELSINKI))
    night = datetime(2027, 10, 31, 3, tzinfo=HELSINKI)
    hours = pegasos.system.free_times(night, night.replace(hour=4), service="1090")
    first = hours[0]
    made = await client.ask(book(pegasos.system, first, AINO, placer="p-9", extra=(f"ZPA||{offset(first.start)}",)))
    second = next(one for one in hours if one.start.timestamp() != first.start.timestamp())
    zpa = f"|{offset(first.start)}|||{offset(second.start)}"
    answer = await client.ask(move(pegasos.system, AINO, first.start, second, placer="p-9", zpa=zpa))
    assert made.code == answer.code == "AA"
    assert (answer.get("ZPA", 1), answer.get("ZPA", 2)) == (stamp(second.start), offset(second.start))
    wrong = move(pegasos.system, AINO, second.start, first, placer="p-9", zpa=f"|{offset(second.start)}|||+0500")
    refused = await client.ask(wrong)
    assert (refused.error, refused.blamed) == (("AR", "102", "M03"), "ZPA^1^5")


async def test_a_move_whose_answer_is_lost_was_done(pegasos: Pegasos, client: Client) -> None:
    first, to = await booked(pegasos, client), pegasos.free(which=2)
    pegasos.faults.arm("drop-answer", operation="move")
    await client.send(b"\x0b" + move(pegasos.system, AINO, start_of(first), to).encode("iso-8859-1") + b"\x1c\r")
    assert await client.ended() == b""
    kept = pegasos.system.appointment(first.get("SCH", 2))
    assert kept is not None
    assert kept.start == to.start


async def test_the_desk_takes_the_time_kerttu_moves_to(pegasos: Pegasos, client: Client) -> None:
    patient = pegasos.system.patient_by_hetu(KERTTU)
    time = pegasos.free()
    assert patient is not None
    made = pegasos.system.book(patient=patient.number, calendar=time.calendar, start=time.start, placer_id="p-1")
    answer = await client.ask(move(pegasos.system, KERTTU, made.start, pegasos.free(which=2)))
    assert answer.error == ("AE", "206", "A01")
    assert pegasos.system.appointment(made.id) == made


def offset(at: datetime) -> str:
    text = at.strftime("%z")
    assert len(text) == 5
    return text
