"""Every fault of the manual's appendix, truly on the wire; and the test persons' behaviours."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from sandbox.engine.model import Status
from tests.sandbox.http.http_bench import HETU, until
from tests.sandbox.http.http_faults import HttpFaults, arm
from tests.sandbox.mediatri.mediatri_bench import Bench, Reply


class Case:
    """A VahvistaVaraus of Aino to be sent as raw bytes, and what became of it."""

    def __init__(self, bench: Bench, token: str) -> None:
        self.bench = bench
        self.token = token

    def request(self, *, close: bool = False) -> bytes:
        message = self.bench.message("VahvistaVaraus", varaustunnus=self.token, asiakasViite="v-1")
        return self.bench.http(message, "VahvistaVaraus", close=close)

    def done(self) -> int:
        return len(self.bench.system.appointments(placer_id="v-1"))

    async def confirm(self) -> Reply:
        return await self.bench.confirm(self.token, "v-1")


@pytest.fixture
async def case(bench: Bench) -> Case:
    reply = await bench.reserve("aino", bench.free()[0], "v-1")
    return Case(bench, reply.text("varaustunnus"))


class TestHttpFaults(HttpFaults):
    booked = b"HTTP/1.1 200 OK"


async def test_a_repeated_confirmation_overtakes_the_late_one(case: Case) -> None:
    arm(case.bench, "work-late", seconds=0.2)
    assert await case.bench.raw(case.request()) == b""
    assert (await case.confirm()).code == ""
    await until(lambda: case.bench.journal.entries()[-1].note == "work done late: 200")
    assert case.done() == 1


async def test_a_freed_reservation_is_not_confirmed_late(case: Case) -> None:
    bench = case.bench
    arm(bench, "work-late", seconds=0.2)
    assert await bench.raw(case.request()) == b""
    await bench.call("PeruAika", viite="v-1", potilasnumero=bench.number("aino"), asiakasViite="p-1")
    await until(lambda: bench.journal.entries()[-1].note == "work done late: 500")
    assert case.done() == 0


@pytest.mark.parametrize(
    ("kind", "code", "expected", "done"),
    [
        ("error", "", (500, "soap:Server", "JARJESTELMAVIRHE"), 0),
        ("error", "JARJESTELMAVIRHE", (500, "soap:Server", "JARJESTELMAVIRHE"), 0),
        ("error", "EI_OIKEUTTA", (500, "soap:Client", "EI_OIKEUTTA"), 0),
        ("error", "VARAUS_VANHENTUNUT", (500, "soap:Client", "VARAUS_VANHENTUNUT"), 0),
        ("error", "FailedAuthentication", (500, "wsse:FailedAuthentication", None), 0),
        ("error", "nonsense", (500, "soap:Server", "JARJESTELMAVIRHE"), 0),
        ("error-after-work", "", (500, "soap:Server", "JARJESTELMAVIRHE"), 1),
        ("error-after-work", "404", (500, "soap:Server", "JARJESTELMAVIRHE"), 1),
    ],
)
async def test_soap_errors(case: Case, kind: str, code: str, expected: tuple[int, str, str | None], done: int) -> None:
    arm(case.bench, kind, code=code)
    reply = await case.confirm()
    assert (reply.status, reply.faultcode, reply.code) == expected
    assert case.done() == done


@pytest.mark.parametrize(
    ("kind", "code", "retry_after", "done"),
    [
        ("error", "503", True, 0),
        ("error", "502", True, 0),
        ("error", "404", False, 0),
        ("error-after-work", "504", False, 1),
    ],
)
async def test_http_errors(case: Case, kind: str, code: str, retry_after: bool, done: int) -> None:
    bench = case.bench
    arm(bench, kind, code=code)
    answer = await bench.post(bench.message("VahvistaVaraus", varaustunnus=case.token, asiakasViite="v-1"))
    assert (answer.status_code, answer.content) == (int(code), b"")
    assert ("retry-after" in answer.headers) == retry_after
    assert case.done() == done


async def test_wrong_charset(bench: Bench) -> None:
    bench.faults.arm("wrong-charset")
    answer = await bench.post(bench.message("HaeYksikot"))
    assert answer.headers["content-type"] == "text/xml; charset=utf-8"
    assert "Söderkullan".encode("iso-8859-1") in answer.content


async def test_wrong_person(case: Case) -> None:
    bench = case.bench
    aino = bench.number("aino")
    arm(bench, "wrong-person")
    booked = (await case.confirm()).record("ajanvaraus")
    assert booked["potilasnumero"] != aino
    assert booked["henkilotunnus"] != HETU["aino"]
    assert bench.kept(booked["varausnumero"]).patient == aino
    arm(bench, "wrong-person", "person")
    person = (await bench.call("HaePotilas", henkilotunnus=HETU["aino"])).record("potilas")
    assert (person["henkilotunnus"], person["sukunimi"]) != (HETU["aino"], "Testinen")
    arm(bench, "wrong-person", "list")
    visits = (await bench.call("HaeAjanvaraukset", potilasnumero=aino)).records("ajanvaraus")
    assert visits
    assert all(one["potilasnumero"] != aino for one in visits)


async def test_what_this_wire_cannot_show(bench: Bench) -> None:
    assert "pending-answer" not in bench.face.fault_kinds


OPERATIONS: dict[str, Callable[[Bench, dict[str, Any]], Awaitable[Reply]]] = {
    "hold": lambda bench, visit: bench.reserve("aino", bench.free()[0], "v-8"),
    "book": lambda bench, visit: bench.confirm("none", "v-9"),
    "release": lambda bench, visit: bench.call(
        "PeruAika", viite="v-9", potilasnumero=bench.number("aino"), asiakasViite="p-9"
    ),
    "cancel": lambda bench, visit: bench.cancel(visit, varausnumero="1"),
    "find": lambda bench, visit: bench.call("HaeVapaatAjat", alkupaiva="24.03.2027", loppupaiva="24.03.2027"),
    "list": lambda bench, visit: bench.call("HaeAjanvaraukset", potilasnumero=visit["potilasnumero"]),
    "read": lambda bench, visit: bench.call("HaeAjanvaraukset", varausnumero=visit["varausnumero"]),
    "register": lambda bench, visit: bench.call("LuoPotilas", henkilotunnus=HETU["aino"], asiakasViite="r-1"),
    "person": lambda bench, visit: bench.call("HaePotilas", potilasnumero="1"),
}


async def test_a_fault_meets_its_own_operation_only(bench: Bench) -> None:
    visit = await bench.booked()
    for operation in OPERATIONS:
        bench.faults.clear()
        bench.faults.arm("error", operation=operation, seconds=60)
        codes = {name: (await call(bench, visit)).code for name, call in OPERATIONS.items()}
        assert {name for name, code in codes.items() if code == "JARJESTELMAVIRHE"} == {operation}
        for neutral in ("HaeYksikot", "HaeMuutokset"):
            assert (await bench.call(neutral)).code == ""
    bench.faults.clear()
    bench.faults.arm("error")
    assert (await bench.call("HaeMuutokset")).code == "JARJESTELMAVIRHE"


async def test_a_fault_of_one_person_spares_others(bench: Bench) -> None:
    times = bench.free(count=2)
    bench.faults.arm("error", operation="hold", person=HETU["aino"], count=5)
    assert (await bench.reserve("marja", times[0], "v-1")).code == ""
    assert (await bench.reserve("aino", times[1], "v-2")).code == "JARJESTELMAVIRHE"


async def test_a_refused_request_uses_no_fault_up(bench: Bench) -> None:
    bench.faults.arm("error", operation="hold")
    assert (await bench.call("VaraaAika", potilasnumero="1")).code == "VIRHEELLINEN_PYYNTO"
    assert (await bench.reserve("aino", bench.free()[0], "v-1")).code == "JARJESTELMAVIRHE"


async def test_kerttu_finds_the_time_taken(bench: Bench) -> None:
    time = bench.free()[0]
    refused = await bench.reserve("kerttu", time, "v-1")
    assert (refused.code, refused.text("asiakasViite")) == ("AIKA_VARATTU", "")
    (holder,) = bench.system.appointments(
        calendar=time.calendar, start=time.start, end=time.start + timedelta(minutes=1)
    )
    assert (holder.booked_by, holder.patient != bench.number("kerttu")) == ("desk", True)


async def test_a_fault_of_booking_waits_for_the_confirmation(bench: Bench) -> None:
    bench.faults.arm("desk-takes-the-time", operation="book")
    bench.faults.arm("error", operation="book")
    first, second = bench.free(count=2)
    assert (await bench.reserve("aino", first, "v-1")).code == "AIKA_VARATTU"
    reserved = await bench.reserve("aino", second, "v-2")
    assert (await bench.confirm(reserved.text("varaustunnus"), "v-2")).code == "JARJESTELMAVIRHE"
    assert (await bench.confirm(reserved.text("varaustunnus"), "v-2")).code == ""


async def test_mikael_books_and_cancels_without_an_answer(bench: Bench) -> None:
    time = bench.free()[0]
    token = (await bench.reserve("mikael", time, "v-1")).text("varaustunnus")
    with pytest.raises(httpx.RemoteProtocolError):
        await bench.confirm(token, "v-1")
    visit = (await bench.call("HaeAjanvaraukset", asiakasViite="v-1")).record("ajanvaraus")
    assert visit["tila"] == "VARATTU"
    with pytest.raises(httpx.RemoteProtocolError):
        await bench.cancel(visit)
    found = (await bench.call("HaeAjanvaraukset", asiakasViite="p-1")).record("ajanvaraus")
    assert (found["varausnumero"], found["tila"]) == (visit["varausnumero"], "PERUTTU")


async def test_eero_is_slow_where_the_manual_says(bench: Bench) -> None:
    bench.number("eero")
    slow = {fault.operation for fault in bench.faults.standing() if fault.person == HETU["eero"]}
    assert {"book", "cancel", "list", "read"} <= slow
    assert not {"hold", "person"} & slow
    token = (await bench.reserve("eero", bench.free()[0], "v-1")).text("varaustunnus")
    bench.client.timeout = httpx.Timeout(0.3)
    with pytest.raises(httpx.ReadTimeout):
        await bench.confirm(token, "v-1")
    (visit,) = bench.system.appointments(placer_id="v-1")
    assert visit.status is Status.BOOKED
    for criteria in ({"varausnumero": visit.id}, {"asiakasViite": "v-1"}, {"potilasnumero": visit.patient}):
        with pytest.raises(httpx.ReadTimeout):
            await bench.call("HaeAjanvaraukset", **criteria)
    assert (await bench.call("HaePotilas", henkilotunnus=HETU["eero"])).code == ""
