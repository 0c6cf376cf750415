"""SRM^S01 and SRM^S04 over a real connection."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from sandbox.engine.model import FreeTime
from sandbox.world import World
from tests.sandbox.pegasos.pegasos_bench import (
    AINO,
    AXEL,
    DOCTOR,
    GROUP,
    LILJA,
    Client,
    Pegasos,
    book,
    cancel,
    message,
    msh,
    pid,
    query,
    stamp,
)


async def test_a_booked_time_is_in_the_record_system_and_in_the_answer(pegasos: Pegasos, client: Client) -> None:
    time = pegasos.free()
    answer = await client.ask(book(pegasos.system, time, AINO, placer="p-77", reason="R1^Kontrolli^L"))
    assert answer.code == "AA"
    assert answer.names == ["MSH", "MSA", "SCH", "ZPA", "PID", "RGS", "AIS", "AIL", "AIP"]
    kept = pegasos.system.appointment(answer.get("SCH", 2))
    assert kept is not None
    assert (kept.start, kept.calendar, kept.placer_id, kept.status) == (time.start, time.calendar, "p-77", "booked")
    assert answer.get("SCH", 1) == "p-77"
    assert answer.get("SCH", 5) == time.calendar
    assert answer.get("SCH", 7, 2) == "Kontrolli"
    assert answer.get("SCH", 11, 4) == stamp(time.start)
    assert answer.get("SCH", 11, 5) == stamp(time.end)
    assert answer.get("SCH", 25) == "Booked"
    assert answer.get("AIS", 3) == DOCTOR
    assert answer.get("PID", 3).startswith(AINO)


async def test_the_same_message_twice_books_twice_where_there_is_room(pegasos: Pegasos, client: Client) -> None:
    time = next(one for one in _free(pegasos, GROUP) if one.left >= 2)
    text = book(pegasos.system, time, AINO)
    first, second = await client.ask(text), await client.ask(text)
    assert (first.code, second.code) == ("AA", "AA")
    assert first.get("SCH", 2) != second.get("SCH", 2)
    assert len(pegasos.live(AINO)) == 2


async def test_the_same_message_twice_on_an_exclusive_time_names_the_own_booking(
    pegasos: Pegasos, client: Client
) -> None:
    text = book(pegasos.system, pegasos.free(), AINO)
    assert (await client.ask(text)).code == "AA"
    again = await client.ask(text)
    assert again.error == ("AE", "206", "A02")
    assert again.blamed == "AIS^1^4"
    assert again.names == ["MSH", "MSA", "ERR"]


async def test_a_time_another_has_taken_is_refused(pegasos: Pegasos, client: Client) -> None:
    time = pegasos.free()
    await client.ask(book(pegasos.system, time, AXEL))
    assert (await client.ask(book(pegasos.system, time, AINO))).error == ("AE", "206", "A01")
    assert pegasos.live(AINO) == []


async def test_twenty_clients_racing_for_one_time_have_one_winner(pegasos: Pegasos) -> None:
    time = pegasos.free()
    clients = [await pegasos.connect() for _ in range(20)]
    answers = await asyncio.gather(*(one.ask(book(pegasos.system, time, AINO)) for one in clients))
    assert sorted(answer.code for answer in answers) == ["AA"] + ["AE"] * 19
    assert len(pegasos.live(AINO)) == 1


@pytest.mark.parametrize(
    ("old", "new", "error", "blamed"),
    [
        ("1010^^99PEGPAL", "9999^^99PEGPAL", ("AE", "103", "S01"), "AIS^1^3"),
        ("1010^^99PEGPAL", "1020^^99PEGPAL", ("AE", "204", "K02"), "AIS^1^3"),
        ("||||2201|", "||||9999|", ("AE", "204", "K01"), "ARQ^1^5"),
        ("||||2201|", "|||||", ("AE", "101", "M02"), "ARQ^1^5"),
        ("^NNFIN", "^XX", ("AE", "101", "M02"), "PID^1^3"),
        ("RGS|1", "RGS|", ("AE", "101", "M02"), "RGS^1^1"),
        ("|Testinen^X", "|", ("AE", "101", "M02"), "PID^1^5"),
        ("|p-1^HUB", f"|{'x' * 51}^HUB", ("AR", "102", "M03"), "ARQ^1^1"),
    ],
)
async def test_a_wrong_value_is_named(
    pegasos: Pegasos, client: Client, old: str, new: str, error: tuple[str, str, str], blamed: str
) -> None:
    time = next(one for one in _free(pegasos, DOCTOR) if one.calendar == "2201")
    text = book(pegasos.system, time, AINO)
    # The national identity code's own authority would do, too: it is taken away with the type.
    wrong = text.replace("VRK&1.2.246.21&ISO^NNFIN", "X^NNFIN").replace(old, new)
    assert wrong != text
    answer = await client.ask(wrong)
    assert answer.error == error
    assert answer.blamed == blamed
    assert pegasos.live(AINO) == []


@pytest.mark.parametrize(
    ("field", "error"),
    [
        ("20270324093001", ("AE", "204", "A03")),
        ("20270322075900", ("AE", "204", "A03")),
        ("20300101090000", ("AE", "204", "A03")),
        ("", ("AE", "101", "M02")),
        ("20270324", ("AR", "102", "M03")),
        ("202703240930+0200", ("AR", "102", "M03")),
        ("20270228250000", ("AR", "102", "M03")),
        ("00010101000000", ("AR", "102", "M03")),
        ("20270328033000", ("AR", "102", "M03")),
    ],
)
async def test_a_start_that_cannot_be_is_refused(
    pegasos: Pegasos, client: Client, field: str, error: tuple[str, str, str]
) -> None:
    time = pegasos.free()
    text = book(pegasos.system, time, AINO).replace(stamp(time.start), field)
    assert (await client.ask(text)).error == error


async def test_length_unit_and_professional_are_checked_when_given(pegasos: Pegasos, client: Client) -> None:
    time = pegasos.free()
    calendar = pegasos.system.calendars[time.calendar]
    text = book(pegasos.system, time, AINO).rstrip("\r")
    assert (await client.ask(f"{text}|||45|min\r")).error == ("AE", "103", "S02")
    assert (await client.ask(f"{text}|||20|h\r")).error == ("AE", "103", "S02")
    assert (await client.ask(f"{text}\rAIL|1|A|520|C\r")).error == ("AE", "204", "K02")
    assert (await client.ask(f"{text}\rAIP|1|A|3199|HLO\r")).error == ("AE", "204", "K02")
    right = f"{text}|||20|min\rAIL|1|A|{calendar.unit}|C\rAIP|1|A|{calendar.professional}|HLO\r"
    assert (await client.ask(right)).code == "AA"


async def test_an_unknown_person_must_be_registered_first(pegasos: Pegasos, client: Client) -> None:
    assert (await client.ask(book(pegasos.system, pegasos.free(), LILJA))).error == ("AE", "204", "P01")


async def test_hetu_and_number_must_be_of_one_person(pegasos: Pegasos, client: Client) -> None:
    aino, axel = pegasos.system.patient_by_hetu(AINO), pegasos.system.patient_by_hetu(AXEL)
    assert aino is not None
    assert axel is not None
    text = book(pegasos.system, pegasos.free(), AINO)
    both = text.replace("^NNFIN", f"^NNFIN~{axel.number}^^^LOVIISA^PI")
    assert (await client.ask(both)).error == ("AE", "204", "P03")
    alone = text.replace(f"{AINO}^^^VRK&1.2.246.21&ISO^NNFIN", f"{aino.number}^^^LOVIISA^PI")
    assert (await client.ask(alone)).code == "AA"
    assert len(pegasos.live(AINO)) == 1


async def test_free_text_comes_back_as_it_went(pegasos: Pegasos, client: Client) -> None:
    note = "Särky \\T\\ kuume 38\\S\\2\\.br\\a\\F\\b\\R\\c\\E\\d \\X41C4\\ \\H\\loppu\\N\\"
    answer = await client.ask(book(pegasos.system, pegasos.free(), AINO, note=note))
    kept = pegasos.system.appointment(answer.get("SCH", 2))
    assert kept is not None
    assert kept.text == "Särky & kuume 38^2\na|b~c\\d AÄ \\H\\loppu\\N\\"
    expected = "Särky \\T\\ kuume 38\\S\\2\\.br\\a\\F\\b\\R\\c\\E\\d AÄ \\E\\H\\E\\loppu\\E\\N\\E\\"
    assert answer.all("NTE")[0][3] == expected


async def test_text_of_32_kib_is_kept_and_more_is_refused_whole(pegasos: Pegasos, client: Client) -> None:
    time = pegasos.free()
    longest = "ä" * 32_768
    assert (await client.ask(book(pegasos.system, time, AINO, note=longest + "ä"))).error == ("AR", "102", "M03")
    assert pegasos.live(AINO) == []
    answer = await client.ask(book(pegasos.system, time, AINO, note=longest))
    assert answer.get("NTE", 3) == longest


async def test_what_the_client_sent_of_its_own_comes_back(pegasos: Pegasos, client: Client) -> None:
    extra = ("ZPA|||9|x|||||y|own a^b&c~d|||last", "ZXX|1||kept\\T\\^q|", "ZSU|a|b")
    text = book(pegasos.system, pegasos.free(), AINO, placer="p-z", extra=extra, event="E1^Syy^L")
    await client.ask(text)
    found = await client.ask(query("SBK", "PLACER", arq="p-z"))
    assert found.all("ZPA")[0][10:] == ["own a^b&c~d", "", "", "last"]
    assert found.get("ZPA", 3) == ""
    assert found.all("ZXX")[0] == ["ZXX", "1", "", "kept\\T\\^q", ""]
    assert found.all("ZSU")[0] == ["ZSU", "a", "b"]
    assert found.names[3:7] == ["SCH", "ZPA", "ZXX", "ZSU"]
    assert found.get("SCH", 1, 2) == "HUB"
    assert found.get("SCH", 6, 2) == "Syy"
    assert found.get("SCH", 20, 2) == "Verkko"


async def test_too_much_of_ones_own_is_refused(pegasos: Pegasos, client: Client) -> None:
    time = pegasos.free()
    answer = await client.ask(book(pegasos.system, time, AINO, extra=(f"ZXX|{'x' * 65_536}",)))
    assert answer.error == ("AR", "102", "M03")
    assert (await client.ask(book(pegasos.system, time, AINO, extra=(f"ZXX|{'x' * 65_533}",)))).code == "AA"


async def test_a_cancelled_time_is_free_again(pegasos: Pegasos, client: Client) -> None:
    time = pegasos.free()
    booked = await client.ask(book(pegasos.system, time, AINO, extra=("ZPA||||||||||a|b",)))
    text = cancel(AINO, time.start, filler=booked.get("SCH", 2), event="2^Este^L")
    answer = await client.ask(text)
    assert (answer.code, answer.status) == ("AA", "Cancelled")
    assert answer.get("SCH", 6, 2) == "Este"
    assert answer.all("ZPA")[0][7] == "2"
    assert answer.all("ZPA")[0][10:] == ["a", "b"]
    assert pegasos.free() == time
    assert (await client.ask(text)).error == ("AE", "206", "A07")


async def test_cancel_by_placer_id_alone(pegasos: Pegasos, client: Client) -> None:
    first, second = pegasos.free(), pegasos.free(which=1)
    await client.ask(book(pegasos.system, first, AINO, placer="same"))
    await client.ask(book(pegasos.system, second, AINO, placer="same"))
    assert (await client.ask(cancel(AINO, first.start, placer="same"))).error == ("AE", "205", "A05")
    assert (await client.ask(cancel(AINO, first.start, placer="none"))).error == ("AE", "204", "A04")
    filler = pegasos.live(AINO)[1]
    assert (await client.ask(cancel(AINO, second.start, placer="same", filler=filler))).code == "AA"
    assert (await client.ask(cancel(AINO, first.start, placer="same"))).code == "AA"
    assert (await client.ask(cancel(AINO, first.start, placer="same"))).error == ("AE", "206", "A07")


async def test_cancel_names_the_start_it_believes_in(pegasos: Pegasos, client: Client) -> None:
    time = pegasos.free()
    booked = await client.ask(book(pegasos.system, time, AINO))
    filler = booked.get("SCH", 2)
    other = await client.ask(cancel(AINO, time.start + timedelta(hours=1), filler=filler))
    assert other.error == ("AE", "206", "A06")
    assert other.blamed == "ZPA^1^1"
    without = await client.ask(cancel(AINO, time.start, filler=filler, extra=("ZXX|",)))
    assert without.error == ("AE", "101", "M02")
    assert without.blamed == "ZPA^1^1"
    assert len(pegasos.live(AINO)) == 1


async def test_nobody_cancels_anothers_appointment(pegasos: Pegasos, client: Client) -> None:
    time = pegasos.free()
    booked = await client.ask(book(pegasos.system, time, AINO))
    filler = booked.get("SCH", 2)
    others = await client.ask(cancel(AXEL, time.start, filler=filler))
    absent = await client.ask(cancel(AXEL, time.start, filler="1"))
    assert others.error == absent.error == ("AE", "204", "A04")
    assert others.lines[2] == absent.lines[2]
    assert len(pegasos.live(AINO)) == 1


async def test_what_has_begun_cannot_be_cancelled(pegasos: Pegasos, client: Client) -> None:
    time = pegasos.free()
    booked = await client.ask(book(pegasos.system, time, AINO))
    pegasos.world.clock.freeze(time.start)
    answer = await client.ask(cancel(AINO, time.start, filler=booked.get("SCH", 2)))
    assert answer.error == ("AE", "206", "A07")


async def test_one_patient_and_one_service_a_message(pegasos: Pegasos, client: Client) -> None:
    time = pegasos.free()
    text = book(pegasos.system, time, AINO)
    twice = text + text.rstrip("\r").split("\r")[-1] + "\r"
    assert (await client.ask(twice)).error == ("AR", "100", "M01")
    two_people = text.replace("RGS|1", pid(AXEL) + "\rRGS|1")
    assert (await client.ask(two_people)).error == ("AR", "100", "M01")
    nobody = text.replace(pid(AINO) + "\r", "")
    assert (await client.ask(nobody)).error == ("AR", "100", "M01")


async def test_other_events_are_not_offered(client: Client) -> None:
    answer = await client.ask(message(msh("SRM^S03^SRM_S01"), "ARQ|1"))
    assert answer.error == ("AR", "201", "M06")
    assert answer.lines[0][8] == "ACK^S03^ACK"


async def test_everything_survives_a_restart(pegasos: Pegasos, client: Client, tmp_path: Path) -> None:
    time = pegasos.free()
    booked = await client.ask(book(pegasos.system, time, AINO, note="Äiti", extra=("ZPA||||||||||mine", "ZXX|1")))
    await pegasos.face.stop()
    pegasos.world.close()
    world = World(pegasos.world.config, tmp_path)
    face = world.installations["pegasos-loviisa"].make_face()
    await face.start()
    again = Client(*await asyncio.open_connection("127.0.0.1", face.port))
    found = await again.ask(query("SBK", "FILLER", arq=f"-|{booked.get('SCH', 2)}"))
    assert [found.all(name) for name in ("SCH", "ZPA", "ZXX", "NTE", "PID")] == [
        booked.all(name) for name in ("SCH", "ZPA", "ZXX", "NTE", "PID")
    ]
    assert (await again.ask(book(pegasos.system, time, AXEL))).error == ("AE", "206", "A01")
    again.close()
    await face.stop()
    world.close()


def _free(pegasos: Pegasos, service: str) -> list[FreeTime]:
    now = pegasos.world.clock.now()
    return pegasos.system.free_times(now, now + timedelta(days=20), service=service)
