"""The port: what is asked of ProConsona, what becomes of its answers, and what is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from lxml import etree

from adapters.base import Capability
from adapters.errors import (
    AnotherPatient,
    Misconfigured,
    NoSuchTime,
    NotSupported,
    OutcomeUnknown,
    StaleVersion,
    TextNotCarried,
    Unavailable,
    UnknownAppointment,
    UnknownPatient,
)
from canonical.commands import Command, Hold, RegisterPerson, Release
from canonical.model import LocalPatient
from canonical.notes import NoteKind
from canonical.times import instant
from tests.adapters.proconsona.proconsona_stub import (
    AINO,
    GOLDEN,
    LATER,
    MEETING,
    OTHER,
    PATIENT,
    PLACER,
    TIME,
    ProConsona,
    Recorder,
    accept,
    adapter_for,
    book,
    call,
    cancel,
    meeting,
    move,
    propose,
    virhe,
    xml,
)

CHANGES: list[Callable[[], Command]] = [cancel, move, accept, propose]
NS = {"p": "urn:proconsona:rajapinta:3"}


def sent(request: httpx.Request) -> etree._Element:
    return etree.fromstring(request.content)


def then(answer: bytes, before: bytes | None = None) -> ProConsona:
    """Reads are answered with ``before``, what is written with ``answer``."""

    def handler(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return xml(200, before or meeting())
        return xml(201 if request.method == "POST" else 200, answer)

    return ProConsona(handler)


# Writing


async def test_a_booking_is_one_request_that_never_books_twice(recorder: Recorder) -> None:
    there = then(meeting())
    done = await adapter_for(there).perform(call(recorder), book())
    assert there.asked() == ["POST /tapaamiset"]
    (request,) = there.requests
    assert request.headers["Idempotency-Key"] == PLACER
    assert request.headers["Content-Type"] == "application/xml"
    assert request.content == (GOLDEN / "write-book" / "expected.xml").read_bytes()
    assert done.record is not None
    record = done.record
    assert (done.native, record.local_id, record.version, record.patient) == ("201", MEETING, "1", PATIENT.number)


async def test_a_booking_made_before_is_told_as_it_is_by_now(recorder: Recorder) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return xml(201, meeting(), Idempotency_Replayed="true")
        return xml(200, meeting(tila="PERUTTU", versio="2"))

    done = await adapter_for(handler).perform(call(recorder), book())
    assert done.record is not None
    assert (done.record.resource["status"], done.record.version) == ("cancelled", "2")
    assert recorder.operations() == ["book", "read"]
    assert b"\r\nidempotency-replayed: true\r\n" in recorder.got["0"][0]


@pytest.mark.parametrize("status", [404, 500])
async def test_a_booking_made_before_that_cannot_be_read_is_in_doubt(status: int) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return xml(201, meeting(), Idempotency_Replayed="true")
        return virhe(status, "EI_LOYDY" if status == 404 else "VIRHE")

    with pytest.raises(OutcomeUnknown):
        await adapter_for(handler).perform(call(), book())


async def test_a_wish_that_the_unit_has_not_decided_is_pending() -> None:
    answer = meeting(tila="EHDOTETTU</tila><ehdottaja>ASIAKAS</ehdottaja><tila>").replace(b"<tila></tila>", b"")
    done = await adapter_for(then(answer)).perform(call(), book())
    assert done.record is not None
    assert done.record.resource["status"] == "pending"
    assert done.record.resource["participant"][0]["status"] == "accepted"


@pytest.mark.parametrize("write", [book, *CHANGES])
async def test_an_answer_about_another_customer_is_said_so(write: Callable[[], Command], recorder: Recorder) -> None:
    with pytest.raises(AnotherPatient):
        await adapter_for(then(meeting(asiakas=OTHER))).perform(call(recorder), write())
    assert recorder.outcomes(write().kind) == ["another-patient"]


async def test_an_answer_about_another_booking_leaves_the_outcome_unknown() -> None:
    with pytest.raises(OutcomeUnknown):
        await adapter_for(then(meeting(ulkoinenTunniste="b-other"))).perform(call(), book())


@pytest.mark.parametrize("write", CHANGES)
async def test_an_answer_about_another_meeting_leaves_the_outcome_unknown(write: Callable[[], Command]) -> None:
    with pytest.raises(OutcomeUnknown):
        await adapter_for(then(meeting(tunnus=OTHER))).perform(call(), write())


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"patient": None}, UnknownPatient),
        ({"patient": LocalPatient("100001", AINO.hetu)}, UnknownPatient),
        ({"comment": "x" * 1001}, TextNotCarried),
        ({"comment": "a\x0bb"}, TextNotCarried),
        ({"comment": "a\ud800"}, TextNotCarried),
        ({"reason": "a\x00b"}, TextNotCarried),
        ({"placer_id": "a b"}, Misconfigured),
        ({"placer_id": "a:b"}, Misconfigured),
        ({"placer_id": "a\r\nX: y"}, Misconfigured),
        ({"placer_id": "010594-9021"}, Misconfigured),
        ({"time": replace(TIME, key="C11")}, NoSuchTime),
        ({"hold": "token"}, NotSupported),
    ],
)
async def test_what_proconsona_would_not_take_is_not_sent(
    changes: dict[str, Any], error: type[Exception], recorder: Recorder
) -> None:
    with pytest.raises(error):
        await adapter_for(then(meeting())).perform(call(recorder), replace(book(), **changes))
    assert recorder.sent == []


async def test_what_there_is_no_room_for_in_a_change_is_refused_unsent(recorder: Recorder) -> None:
    adapter = adapter_for(then(meeting()))
    with pytest.raises(TextNotCarried):
        await adapter.perform(call(recorder), propose(comment="Mieluummin iltapäivällä"))
    for command in (move(time=replace(LATER, key="C11")), propose(time=replace(LATER, key="C11"))):
        with pytest.raises(NoSuchTime):
            await adapter.perform(call(recorder), command)
    assert recorder.sent == []


@pytest.mark.parametrize(
    ("write", "change", "inside"),
    [
        (cancel, "peru", ["syy", "selite"]),
        (move, "siirra", ["kalenteri", "alku"]),
        (propose, "ehdotaUutta", ["kalenteri", "alku"]),
        (accept, "hyvaksy", []),
    ],
)
async def test_a_change_names_the_version_that_was_read(
    write: Callable[..., Any], change: str, inside: list[str]
) -> None:
    before = meeting(versio="4")
    there = then(meeting(versio="5"), before)
    command = replace(write(), believed_version="4")
    if change == "peru":
        command = replace(command, reason="Este tuli")
    done = await adapter_for(there).perform(call(), command)
    assert there.asked() == [f"GET /tapaamiset/{MEETING}", f"PUT /tapaamiset/{MEETING}"]
    root = sent(there.requests[1])
    assert root.findtext("p:versio", namespaces=NS) == "4"
    assert [etree.QName(one).localname for one in root.find(f"p:{change}", NS)] == inside
    assert "Idempotency-Key" not in there.requests[1].headers
    assert done.record is not None
    assert (done.native, done.record.version) == ("200", "5")


async def test_the_reason_of_a_move_is_said_to_be_lost() -> None:
    done = await adapter_for(then(meeting())).perform(call(), move(reason="Työvuoro"))
    assert [note.kind for note in done.notes] == [NoteKind.DROPPED]


@pytest.mark.parametrize("write", CHANGES)
@pytest.mark.parametrize(
    ("changes", "before", "error"),
    [
        ({"believed_version": "2"}, {}, StaleVersion),
        ({"believed_version": None, "believed_start": TIME.start + timedelta(hours=1)}, {}, StaleVersion),
        ({}, {"asiakas": OTHER}, AnotherPatient),
        ({}, {"tunnus": OTHER}, Unavailable),
        ({}, {"versio": "0"}, Unavailable),
    ],
)
async def test_what_speaks_against_a_change_is_seen_before_it_is_sent(
    write: Callable[..., Command], changes: dict[str, Any], before: dict[str, str], error: type[Exception]
) -> None:
    there = then(meeting(), meeting(**before))
    with pytest.raises(error):
        await adapter_for(there).perform(call(), replace(write(), **changes))
    assert there.asked() == [f"GET /tapaamiset/{MEETING}"]


async def test_a_believed_start_is_compared_as_an_instant() -> None:
    same = instant("2027-03-23T06:00:00+00:00")
    done = await adapter_for(then(meeting())).perform(call(), cancel(believed_start=same, believed_version=None))
    assert done.native == "200"


@pytest.mark.parametrize("write", CHANGES)
async def test_a_meeting_that_is_not_there_cannot_be_changed(write: Callable[[], Command]) -> None:
    with pytest.raises(UnknownAppointment):
        await adapter_for(lambda _: virhe(404, "EI_LOYDY")).perform(call(), write())


@pytest.mark.parametrize("write", CHANGES)
async def test_failing_to_read_before_a_change_means_nothing_was_done(write: Callable[[], Command]) -> None:
    with pytest.raises(Unavailable):
        await adapter_for(lambda _: virhe(500, "VIRHE")).perform(call(), write())


@pytest.mark.parametrize(
    ("command", "capability"),
    [
        (RegisterPerson("r-1", AINO), Capability.REGISTER_PERSON),
        (Hold("h-1", AINO, TIME, PATIENT), Capability.HOLD),
        (Release("h-1", PATIENT, TIME, "token"), Capability.HOLD),
    ],
)
async def test_what_it_cannot_do_is_said_and_not_sent(
    command: Command, capability: Capability, recorder: Recorder
) -> None:
    adapter = adapter_for(then(meeting()))
    with pytest.raises(NotSupported, match="manual") as caught:
        await adapter.perform(call(recorder), command)
    assert caught.value.capability == capability
    assert await adapter.look(call(recorder), command) is None
    assert recorder.sent == []


# What is kept


async def test_bytes_are_kept_before_they_leave_and_after_they_came(recorder: Recorder) -> None:
    there = then(meeting())
    await adapter_for(there).perform(call(recorder), book())
    assert recorder.operations() == ["book"]
    kept = recorder.sent[0][1]
    assert kept.startswith(b"POST /rajapinta/v3/tapaamiset HTTP/1.1\r\n")
    assert kept.endswith(b"\r\n\r\n" + there.requests[0].content)
    raw, word, notes = recorder.got["0"]
    assert raw.startswith(b"HTTP/1.1 201 Created\r\n")
    assert raw.endswith(b"\r\n\r\n" + meeting())
    assert word == "done"
    assert {note.kind for note in notes} == {NoteKind.KEPT}


class DiskFull(Exception):
    pass


async def test_nothing_leaves_that_was_not_kept() -> None:
    class Full(Recorder):
        async def sending(self, *_: Any) -> str:
            raise DiskFull

    there = then(meeting())
    for command in (book(), cancel()):
        with pytest.raises(DiskFull):
            await adapter_for(there).perform(call(Full()), command)
    assert there.requests == []


async def test_the_points_passed_are_those_of_the_write() -> None:
    points: list[str] = []
    await adapter_for(then(meeting())).perform(call(reached=points.append), cancel())
    assert points == ["sent", "replied"]


async def test_every_request_has_an_id_of_its_own_that_begins_with_the_calls() -> None:
    there = then(meeting())
    adapter = adapter_for(there)
    odd = replace(call(), request_id="req é" + "x" * 100)
    for one in (call(), call(), odd):
        await adapter.appointment(one, MEETING)
    numbers = [request.headers["X-PC-Pyynto"] for request in there.requests]
    assert len(set(numbers)) == 3
    assert numbers[0].startswith("req-1-")
    assert all(len(n) <= 64 and n.isascii() for n in numbers)
