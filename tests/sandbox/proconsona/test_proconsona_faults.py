"""Every fault of appendix A.2, truly on the wire; and the test persons' behaviours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.engine.model import Status
from tests.sandbox.http.http_bench import HETU, until
from tests.sandbox.http.http_faults import HttpFaults, arm
from tests.sandbox.proconsona.conftest import opened
from tests.sandbox.proconsona.proconsona_bench import BASE, Bench, at, booking, cancel, signed

TARGET = f"{BASE}/tapaamiset"


class Case:
    """A booking of Aino to be sent as raw bytes, and what became of it."""

    def __init__(self, bench: Bench, time: tuple[str, str]) -> None:
        self.bench = bench
        self.time = time

    def request(self, *, close: bool = False) -> bytes:
        body = booking(self.bench.number("aino"), self.time, "b-1").encode()
        head = [
            f"POST {TARGET} HTTP/1.1",
            "Host: x",
            *(f"{name}: {value}" for name, value in signed("POST", TARGET, body).items()),
            "Content-Type: application/xml",
            "Idempotency-Key: k-1",
            f"Content-Length: {len(body)}",
            *(["Connection: close"] if close else []),
        ]
        return "\r\n".join(head).encode() + b"\r\n\r\n" + body

    def done(self) -> int:
        return len(self.bench.system.appointments(placer_id="b-1"))


@pytest.fixture
async def case(bench: Bench) -> Case:
    return Case(bench, (await bench.free())[0])


class TestHttpFaults(HttpFaults):
    booked = b"HTTP/1.1 201 Created"


async def test_work_late_keeps_the_key_busy(case: Case) -> None:
    bench = case.bench
    arm(bench, "work-late", seconds=0.3)
    assert await bench.raw(case.request()) == b""
    assert case.done() == 0
    again = await bench.book("aino", case.time, external="b-1", Idempotency_Key="k-1")
    assert again.error == (409, "AVAIN_KESKEN")
    await until(lambda: case.done() == 1)
    await until(lambda: bench.journal.entries()[-1].note == "work done late: 201")
    late = await bench.book("aino", case.time, external="b-1", Idempotency_Key="k-1")
    assert (late.status, late.headers["idempotency-replayed"], case.done()) == (201, "true", 1)


async def test_a_lost_answer_and_the_same_key(case: Case) -> None:
    arm(case.bench, "drop-answer")
    assert await case.bench.raw(case.request()) == b""
    reply = await case.bench.raw(case.request(close=True))
    assert b"idempotency-replayed: true\r\n" in reply
    assert case.done() == 1


@pytest.mark.parametrize(
    ("kind", "code", "status", "koodi", "retry_after", "done"),
    [
        ("error", "", 503, "EI_KAYTETTAVISSA", True, 0),
        ("error", "500", 500, "VIRHE", False, 0),
        ("error", "504", 504, "EI_KAYTETTAVISSA", True, 0),
        ("error", "429", 429, "LIIKAA_PYYNTOJA", True, 0),
        ("error", "401", 401, "TUNNISTUS_PUUTTUU", False, 0),
        ("error", "418", 418, "VIRHE", False, 0),
        ("error", "AE", 503, "EI_KAYTETTAVISSA", True, 0),
        ("error-after-work", "", 500, "VIRHE", False, 1),
        ("error-after-work", "503", 503, "EI_KAYTETTAVISSA", False, 1),
        ("error-after-work", "404", 500, "VIRHE", False, 1),
    ],
)
async def test_errors(case: Case, kind: str, code: str, status: int, koodi: str, retry_after: bool, done: int) -> None:
    arm(case.bench, kind, code=code)
    answer = await case.bench.book("aino", case.time, external="b-1")
    assert answer.error == (status, koodi)
    assert ("retry-after" in answer.headers) == retry_after
    assert case.done() == done


async def test_wrong_charset(bench: Bench) -> None:
    bench.faults.arm("wrong-charset")
    answer = await bench.send("GET", "/palvelut")
    assert answer.content.startswith(b'<?xml version="1.0" encoding="UTF-8"?>')
    assert b"Socialarbetarens" in answer.content
    assert "ä".encode("iso-8859-1") in answer.content
    with pytest.raises(UnicodeDecodeError):
        answer.content.decode("utf-8")


async def test_wrong_person(case: Case) -> None:
    bench = case.bench
    aino = bench.number("aino")
    arm(bench, "wrong-person")
    booked = await bench.book("aino", case.time, external="b-1")
    assert booked.text("asiakas") not in (aino, None)
    assert bench.kept(booked.text("tunnus")).patient == aino
    arm(bench, "wrong-person", "person")
    found = await bench.ask("GET", f"/asiakkaat/{aino}")
    assert found.text("henkilotunnus") not in (HETU["aino"], None)
    arm(bench, "wrong-person", "list")
    listed = await bench.ask("GET", f"/tapaamiset?asiakas={aino}")
    assert listed.all("asiakas")
    assert all(one.text != aino for one in listed.all("asiakas"))


async def test_desk_takes_the_time(case: Case) -> None:
    arm(case.bench, "desk-takes-the-time")
    assert (await case.bench.book("aino", case.time, external="b-1")).error == (409, "AIKA_VARATTU")
    assert case.done() == 0
    assert case.time not in await case.bench.free()
    arm(case.bench, "desk-takes-the-time")
    unknown = ("00000000-0000-4000-8000-000000000000", case.time[1])
    assert (await case.bench.book("aino", unknown)).error == (422, "TUNTEMATON_AIKA")


@pytest.mark.parametrize(("decide", "tila"), [("booked", "VARATTU"), ("refused", "PERUTTU")])
async def test_pending_answer(case: Case, decide: str, tila: str) -> None:
    bench = case.bench
    arm(bench, "pending-answer", decide=decide, after=0)
    answer = await bench.book("aino", case.time, external="b-1")
    assert (answer.status, answer.text("tila"), answer.text("ehdottaja")) == (201, "EHDOTETTU", "ASIAKAS")
    bench.system.decide_due()
    read = await bench.ask("GET", f"/tapaamiset/{answer.text('tunnus')}")
    assert (read.text("tila"), read.text("versio"), read.text("ehdottaja")) == (tila, "2", None)


async def test_a_fault_meets_its_own_operation_only(bench: Bench) -> None:
    booked = (await bench.booked()).text("tunnus")
    offer = bench.proposed("aino")
    times = await bench.free()
    calls: dict[str, Callable[[], Any]] = {
        "book": lambda: bench.book("aino", times[1]),
        "move": lambda: bench.change(booked, 1, at("siirra", times[2])),
        "cancel": lambda: bench.change(booked, 1, cancel()),
        "accept": lambda: bench.change(offer.id, 1, "<hyvaksy/>"),
        "find": lambda: bench.ask("GET", "/vapaat-ajat"),
        "list": lambda: bench.ask("GET", "/tapaamiset?ulkoinenTunniste=x"),
        "read": lambda: bench.ask("GET", f"/tapaamiset/{booked}"),
        "person": lambda: bench.ask("GET", f"/asiakkaat/{bench.number('aino')}"),
    }
    for operation, call in calls.items():
        bench.faults.clear()
        bench.faults.arm("error", operation=operation, seconds=60)
        assert (await call()).status == 503
        harmless = [calls[name] for name in ("find", "list", "read", "person") if name != operation]
        assert [(await other()).status for other in harmless] == [200] * len(harmless)
        assert (await bench.ask("GET", "/muutokset")).status == 200
    assert bench.kept(booked).version == bench.kept(offer.id).version == 1
    for wish in (at("ehdotaUutta", times[3]), cancel()):
        bench.faults.clear()
        bench.faults.arm("error", operation="accept")
        assert (await bench.change(offer.id, 1, wish)).status == 503


async def test_a_fault_of_one_person_spares_others(bench: Bench) -> None:
    times = await bench.free()
    bench.faults.arm("error", operation="book", person=HETU["aino"], count=5)
    assert (await bench.book("helvi", times[0])).status == 201
    assert (await bench.book("aino", times[1])).status == 503


async def test_mikael_does_everything_without_an_answer(bench: Bench) -> None:
    time, other, *_ = await bench.free()
    with pytest.raises(httpx.RemoteProtocolError):
        await bench.book("mikael", time, external="b-1")
    found = await bench.ask("GET", "/tapaamiset?ulkoinenTunniste=b-1")
    meeting = found.text("tapaaminen/tunnus")
    for version, wish in ((1, at("siirra", other)), (2, cancel())):
        with pytest.raises(httpx.RemoteProtocolError):
            await bench.change(meeting, version, wish)
    assert (await bench.ask("GET", f"/tapaamiset/{meeting}")).text("tila") == "PERUTTU"
    (offer,) = bench.proposals("mikael")
    with pytest.raises(httpx.RemoteProtocolError):
        await bench.change(offer.id, 1, "<hyvaksy/>")
    assert bench.kept(offer.id).status is Status.BOOKED


async def test_kerttu_finds_her_time_taken(bench: Bench) -> None:
    time = (await bench.free())[0]
    assert (await bench.book("kerttu", time)).error == (409, "AIKA_VARATTU")
    assert time not in await bench.free()


async def test_eero_is_slow_where_the_manual_says(tmp_path: Path) -> None:
    async with opened(tmp_path, "proconsona-sipoo") as bench:
        slow = {fault.operation for fault in bench.faults.standing() if fault.person == HETU["eero"]}
        assert slow == {"book", "move", "cancel", "accept", "list", "read"}
        (offer,) = bench.proposals("eero")
        assert (await bench.ask("GET", f"/asiakkaat/{offer.patient}")).status == 200
        bench.client.timeout = httpx.Timeout(0.3)
        for target in (f"/tapaamiset/{offer.id}", f"/tapaamiset?asiakas={offer.patient}"):
            with pytest.raises(httpx.ReadTimeout):
                await bench.ask("GET", target)
        with pytest.raises(httpx.ReadTimeout):
            await bench.change(offer.id, 1, "<hyvaksy/>")
        assert bench.kept(offer.id).status is Status.BOOKED
