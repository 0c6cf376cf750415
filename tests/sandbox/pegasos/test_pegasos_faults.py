"""Every fault on the wire, and the test persons' behaviours."""

from __future__ import annotations

import asyncio

import pytest

from sandbox.faults import KINDS, ParamValue
from tests.sandbox.pegasos.pegasos_bench import (
    AINO,
    EERO,
    HELVI,
    KERTTU,
    LILJA,
    MIKAEL,
    Answer,
    Client,
    Pegasos,
    book,
    cancel,
    directory,
    look_up,
    query,
    register,
)

VT, END = b"\x0b", b"\x1c\r"


def arm(pegasos: Pegasos, kind: str, operation: str = "*", person: str | None = None, **params: ParamValue) -> None:
    pegasos.faults.arm(kind, operation=operation, person=person, params=params)


async def send_booking(pegasos: Pegasos, client: Client, hetu: str = AINO) -> None:
    await client.send(VT + book(pegasos.system, pegasos.free(), hetu).encode("iso-8859-1") + END)


async def test_every_kind_of_fault_but_the_web_page_is_offered(pegasos: Pegasos) -> None:
    assert pegasos.face.fault_kinds == set(KINDS) - {"html-200"}


async def test_refuse_connection(pegasos: Pegasos, client: Client) -> None:
    await pegasos.face.pause_listening()
    assert await client.ended() == b""
    with pytest.raises(ConnectionRefusedError):
        await pegasos.connect()
    await pegasos.face.resume_listening()
    assert (await (await pegasos.connect()).ask(look_up(AINO))).code == "AA"


async def test_half_open_does_nothing_and_says_nothing(pegasos: Pegasos, client: Client) -> None:
    arm(pegasos, "half-open")
    await send_booking(pegasos, client)
    await client.send(VT + look_up(AINO).encode() + END)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(client.reader.read(1), 0.5)
    assert pegasos.live(AINO) == []
    other = await pegasos.connect()
    assert (await other.ask(look_up(AINO))).code == "AA"


@pytest.mark.parametrize("length", [0, 1, 20])
async def test_cut_reply(pegasos: Pegasos, client: Client, length: int) -> None:
    arm(pegasos, "cut-reply", bytes=length)
    await send_booking(pegasos, client)
    assert await client.ended() == (VT + b"MSH|^~\\&|PEGASOS|LOVIISA")[:length]
    assert len(pegasos.live(AINO)) == 1


async def test_drop_answer_has_done_the_work(pegasos: Pegasos, client: Client) -> None:
    arm(pegasos, "drop-answer", "book")
    await send_booking(pegasos, client)
    assert await client.ended() == b""
    assert len(pegasos.live(AINO)) == 1


async def test_drop_request_has_not(pegasos: Pegasos, client: Client) -> None:
    arm(pegasos, "drop-request", "book", AINO)
    await send_booking(pegasos, client)
    assert await client.ended() == b""
    assert pegasos.live(AINO) == []


async def test_late_work_is_done_though_the_client_has_left(pegasos: Pegasos, client: Client) -> None:
    arm(pegasos, "work-late", "book", seconds=0.6)
    await send_booking(pegasos, client)
    await asyncio.sleep(0.2)
    client.close()
    assert pegasos.live(AINO) == []
    while not pegasos.live(AINO):
        await asyncio.sleep(0.05)
    assert pegasos.journal.entries()[-1].fault == "work-late"


async def test_late_work_survives_a_closed_listener(pegasos: Pegasos, client: Client) -> None:
    arm(pegasos, "work-late", "book", seconds=0.4)
    await send_booking(pegasos, client)
    await asyncio.sleep(0.1)
    await pegasos.face.pause_listening()
    while not pegasos.live(AINO):
        await asyncio.sleep(0.05)


async def test_slow_has_done_the_work_at_once(pegasos: Pegasos, client: Client) -> None:
    arm(pegasos, "slow", "book", seconds=0.5)
    await send_booking(pegasos, client)
    while not pegasos.live(AINO):
        await asyncio.sleep(0.01)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(client.reader.read(1), 0.1)
    assert Answer(await client.block()).code == "AA"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("", ("AR", "207", "X03")),
        ("AE 206", ("AE", "206", "A01")),
        ("AE 207", ("AE", "207", "X01")),
        ("AR 207", ("AR", "207", "X02")),
        ("205", ("AE", "205", "P04")),
        ("A06", ("AE", "206", "A06")),
        ("CR", ("CR", "207", "X03")),
        ("AR", ("AR", "207", "X03")),
        ("AE", ("AE", "207", "X01")),
    ],
)
async def test_errors_of_any_code_do_nothing(
    pegasos: Pegasos, client: Client, code: str, expected: tuple[str, str, str]
) -> None:
    arm(pegasos, "error", code=code)
    answer = await client.ask(book(pegasos.system, pegasos.free(), AINO))
    assert answer.error == expected
    assert pegasos.live(AINO) == []
    assert (await client.ask(book(pegasos.system, pegasos.free(), AINO))).code == "AA"


async def test_an_error_after_the_work(pegasos: Pegasos, client: Client) -> None:
    arm(pegasos, "error-after-work")
    answer = await client.ask(book(pegasos.system, pegasos.free(), AINO))
    assert answer.error == ("AE", "207", "X01")
    assert len(pegasos.live(AINO)) == 1


async def test_garbage_is_one_block_and_the_link_is_usable_after(pegasos: Pegasos, client: Client) -> None:
    arm(pegasos, "garbage")
    await send_booking(pegasos, client)
    assert not (await client.block()).startswith(b"MSH")
    assert len(pegasos.live(AINO)) == 1
    assert (await client.ask(look_up(AINO))).code == "AA"


async def test_a_wrong_character_set_shows_in_every_answer(pegasos: Pegasos, client: Client) -> None:
    arm(pegasos, "wrong-charset")
    await send_booking(pegasos, client)
    assert "Käsitelty".encode() in await client.block()
    arm(pegasos, "wrong-charset")
    ask = book(pegasos.system, pegasos.free(), AINO, charset="UNICODE UTF-8")
    await client.send(VT + ask.encode() + END)
    answer = await client.block()
    assert b"UNICODE UTF-8" in answer
    with pytest.raises(UnicodeDecodeError):
        answer.decode("utf-8")


async def test_a_wrong_person_in_the_answer_alone(pegasos: Pegasos, client: Client) -> None:
    for text in (
        book(pegasos.system, pegasos.free(), AINO),
        query("SBK", "PATIENT", hetu=AINO),
        look_up(AINO),
    ):
        arm(pegasos, "wrong-person")
        answer = await client.ask(text)
        assert answer.code == "AA"
        assert AINO not in answer.all("PID")[0][3]
    assert len(pegasos.live(AINO)) == 1


@pytest.mark.parametrize(("decide", "later"), [("booked", "Booked"), ("refused", "Cancelled")])
async def test_a_pending_answer_is_decided_by_the_desk(
    pegasos: Pegasos, client: Client, decide: str, later: str
) -> None:
    arm(pegasos, "pending-answer", decide=decide, after=0.1)
    answer = await client.ask(book(pegasos.system, pegasos.free(), AINO, placer="later"))
    assert (answer.code, answer.status) == ("AA", "Pending")
    await asyncio.sleep(0.2)
    pegasos.system.decide_due()
    assert (await client.ask(query("SBK", "PLACER", arq="later"))).status == later


async def test_a_pending_appointment_can_be_cancelled(pegasos: Pegasos, client: Client) -> None:
    time = pegasos.free()
    arm(pegasos, "pending-answer", after=60)
    await client.ask(book(pegasos.system, time, AINO, placer="later"))
    assert (await client.ask(cancel(AINO, time.start, placer="later"))).status == "Cancelled"


async def test_a_duplicate_answer_is_of_one_work(pegasos: Pegasos, client: Client) -> None:
    arm(pegasos, "duplicate")
    await send_booking(pegasos, client)
    assert await client.block() == await client.block()
    assert len(pegasos.live(AINO)) == 1


@pytest.mark.parametrize(
    ("operation", "text"),
    [
        ("find", query("SOP", "ALL", between=("20270322", "20270323"), limit=1)),
        ("list", query("SBK", "PATIENT", hetu=AINO)),
        ("read", query("SBK", "PLACER", arq="x")),
        ("person", look_up(AINO)),
        ("register", register(LILJA)),
    ],
)
async def test_a_fault_meets_its_operation_only(pegasos: Pegasos, client: Client, operation: str, text: str) -> None:
    arm(pegasos, "error", operation)
    assert (await client.ask(directory("LOC"))).code == "AA"
    assert (await client.ask(text)).error == ("AR", "207", "X03")


async def test_a_read_is_of_the_person_who_is_found(pegasos: Pegasos, client: Client) -> None:
    await client.ask(book(pegasos.system, pegasos.free(), AINO, placer="mine"))
    arm(pegasos, "error", "read", HELVI)
    assert (await client.ask(query("SBK", "PLACER", arq="mine"))).code == "AA"
    arm(pegasos, "error", "read", AINO)
    assert (await client.ask(query("SBK", "PLACER", arq="mine"))).code == "AR"


async def test_kerttu_finds_her_time_taken_by_the_desk(pegasos: Pegasos, client: Client) -> None:
    time = pegasos.free()
    assert (await client.ask(book(pegasos.system, time, KERTTU))).error == ("AE", "206", "A01")
    assert pegasos.live(KERTTU) == []
    taken = pegasos.system.appointments(calendar=time.calendar, start=time.start, end=time.end)
    assert [one.booked_by for one in taken] == ["desk"]


async def test_mikael_is_cut_off_after_the_work(pegasos: Pegasos, client: Client) -> None:
    time = pegasos.free()
    await client.send(VT + book(pegasos.system, time, MIKAEL).encode() + END)
    assert await client.ended() == b""
    found = await (await pegasos.connect()).ask(query("SBK", "PLACER", arq="p-1"))
    assert found.status == "Booked"
    again = await pegasos.connect()
    await again.send(VT + cancel(MIKAEL, time.start).encode() + END)
    assert await again.ended() == b""
    assert pegasos.live(MIKAEL) == []


async def test_eero_waits_for_everything_but_his_person(pegasos: Pegasos, client: Client) -> None:
    """The 8 s themselves are the slow fault's, tested above with fewer."""
    time = pegasos.free()
    patient = pegasos.system.patient_by_hetu(EERO)
    assert patient is not None
    pegasos.system.book(patient=patient.number, calendar=time.calendar, start=time.start, placer_id="e", by="desk")
    assert (await client.ask(look_up(EERO))).code == "AA"
    slow = [await pegasos.connect() for _ in range(3)]
    asks = (
        query("SBK", "PATIENT", hetu=EERO),
        query("SBK", "PLACER", arq="e"),
        cancel(EERO, time.start, placer="e"),
    )
    for one, text in zip(slow, asks, strict=True):
        await one.send(VT + text.encode() + END)
    while len([entry for entry in pegasos.journal.entries() if entry.fault == "slow"]) < 3:
        await asyncio.sleep(0.01)
    assert pegasos.live(EERO) == []
    for one in slow:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(one.reader.read(1), 0.1)


async def test_stopping_ends_what_hangs(pegasos: Pegasos, client: Client) -> None:
    arm(pegasos, "half-open")
    await send_booking(pegasos, client)
    arm(pegasos, "work-late", "book", seconds=20)
    await send_booking(pegasos, await pegasos.connect())
    await asyncio.sleep(0.1)
    await pegasos.face.stop()
    assert await client.ended() == b""
    assert pegasos.live(AINO) == []
