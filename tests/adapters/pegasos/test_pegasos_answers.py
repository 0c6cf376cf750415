"""Whatever comes back, or does not: what the adapter says of it is true. One row for each thing that can happen."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from adapters.base import Done
from adapters.errors import (
    AlreadyRegistered,
    AnotherPatient,
    ForeignError,
    Misconfigured,
    NoSuchTime,
    NotCancellable,
    NotSupported,
    OutcomeUnknown,
    Refused,
    SlotTaken,
    StaleVersion,
    Unavailable,
    UnknownAppointment,
    UnknownPatient,
)
from canonical.commands import Book, Cancel, RegisterPerson
from canonical.model import LocalPatient, Person, TimeKey
from mappings.pegasos import tables

HETU = "010594Y9021"
PERSON = Person(HETU, "Testinen", ("Aino",), date(1994, 5, 1), "fi", "638")
PATIENT = LocalPatient("100042", HETU)
START = datetime(2027, 3, 24, 7, 30, tzinfo=UTC)
BOOK = Book("7b0f6c1e", PERSON, TimeKey("4007/1010", START, START + timedelta(minutes=30)), PATIENT, "Yskä")
CANCEL = Cancel("c0ffee", PATIENT, "700123", START, "1", "Este tuli")
REGISTER = RegisterPerson("4e6", PERSON)

MSH = "MSH|^~\\&|PEGASOS|LOVIISA|SOTESILTA|ITAUUSIMAA|20270322081501||{kind}|P17|P|2.4||||||{charset}"
SCH = (
    "SCH|{placer}^SOTESILTA|{number}^PEGASOS|||4007^Lahtinen^99PEGKAL|VARAUS^^99PEGTAP||Normal^^HL70277|30|min|"
    "^^M30^20270324093000^20270324100000|SOTESILTA||||2004^Lahtinen^Maija||||SOTESILTA|||||{status}^^HL70278"
)
ZPA = "ZPA|20270324093000|+0200||||1|1|20270322081501|20270322081501"
PID = "PID|1||{hetu}^^^VRK&1.2.246.21&ISO^NNFIN~{patient}^^^LOVIISA^PI||Testinen^Äinö^^^^^L||19940501"
AIS = "AIS|1|A|1010^Lääkäri^99PEGPAL^EE^^1.2.246.537.6.49|20270324093000|||30|min||{status}^^HL70278"
ZSU = "ZSU|638^^1.2.246.537.6.21|N"

DEFAULTS = {
    "charset": "8859/1",
    "placer": "7b0f6c1e",
    "number": "700123",
    "status": "Booked",
    "hetu": HETU,
    "patient": "100042",
}
KINDS = {
    "SRM^S01": "SRR^S01^SRR_S01",
    "SRM^S02": "SRR^S02^SRR_S01",
    "SRM^S04": "SRR^S04^SRR_S01",
    "QRY^A19": "ADR^A19^ADR_A19",
    "ADT^A28": "ACK^A28^ACK",
}
BODIES = {
    "SRM^S01": [SCH, ZPA, PID, "RGS|1|A", AIS],
    "SRM^S02": [SCH, ZPA, PID, "RGS|1|A", AIS],
    "SRM^S04": [SCH, ZPA, PID, "RGS|1|A", AIS],
    "QRY^A19": [PID, ZSU, "PV1||N"],
    "ADT^A28": [],
}

Outcome = type[Done] | type[ForeignError]


def answer(turn: Any, *, ack: str = "AA", err: str = "", lines: list[str] | None = None, **values: str) -> bytes:
    """A good answer to the request, with whatever a test wants other in it; framed."""
    kind = values.pop("kind", KINDS[turn.operation])
    msa = f"MSA|{ack}|{values.pop('control_id', turn.control_id)}|Käsitelty"
    body = BODIES[turn.operation] if lines is None else lines
    lines = [MSH, msa, *([err] if err else []), *(body if ack == "AA" else [])]
    values = {**DEFAULTS, **values}
    text = "".join(line.format(kind=kind, **values) + "\r" for line in lines)
    codec = "utf-8" if values["charset"] == "UNICODE UTF-8" else "iso-8859-1"
    return b"\x0b" + text.encode(codec) + b"\x1c\r"


def error(code: str, own: str = "") -> str:
    return f"ERR|AIS^1^4^{code}&text&HL70357&{own}&NAME&99PEGVIR"


def says(**values: Any) -> Callable[[Any], Awaitable[None]]:
    """A script: answer so."""

    async def script(turn: Any) -> None:
        await turn.send(answer(turn, **values))

    return script


def sends(change: Callable[[bytes], bytes], *, close: bool = False) -> Callable[[Any], Awaitable[None]]:
    """A script: take a good answer, change its bytes, send what comes of it."""

    async def script(turn: Any) -> None:
        await turn.send(change(answer(turn)))
        if close:
            await turn.close()

    return script


async def closes(turn: Any) -> None:
    await turn.close()


async def resets(turn: Any) -> None:
    await turn.reset()


async def is_silent(turn: Any) -> None:
    return


async def dribbles(turn: Any) -> None:
    reply = answer(turn)
    for n in range(len(reply)):
        await turn.send(reply[n : n + 1])
        await asyncio.sleep(0)


async def dribbles_for_ever(turn: Any) -> None:
    reply = answer(turn)
    for n in range(len(reply)):
        await turn.send(reply[n : n + 1])
        await asyncio.sleep(0.05)


async def answers_another_first(turn: Any) -> None:
    await turn.send(answer(turn, control_id="EARLIER", placer="other", patient="999", hetu="020594X903P"))
    await turn.send(answer(turn))


async def outcome(attempt: Awaitable[Any]) -> Any:
    """What a call gives, or the error it raises."""
    try:
        return await attempt
    except ForeignError as err:
        found = err
    assert HETU not in str(found)
    assert "Testinen" not in str(found)
    return found


NO_ANSWER: list[Any] = [
    pytest.param(closes, id="closes after the request"),
    pytest.param(resets, id="resets after the request"),
    pytest.param(is_silent, id="silence"),
    pytest.param(dribbles_for_ever, id="a byte now and then, past the limit"),
    pytest.param(sends(lambda good: b"", close=True), id="nothing, then closes"),
    pytest.param(sends(lambda good: b"\xde\xad\xbe\xef" * 9, close=True), id="bytes that are no block"),
    pytest.param(sends(lambda good: b"\x0b\xde\xad\xbe\xef\x1c\r"), id="a block of garbage"),
    pytest.param(sends(lambda good: b"\x0b\x1c\r"), id="an empty block"),
    pytest.param(sends(lambda good: b"\x0bFHS|^~\\&|X\r" + good[1:]), id="a batch"),
    pytest.param(sends(lambda good: good.replace(b"\r", b"\n").replace(b"\x1c\n", b"\x1c\r")), id="LF line ends"),
    pytest.param(sends(lambda good: good.replace(b"\x1c\r", good[1:])), id="two messages in one block"),
    pytest.param(sends(lambda good: good.replace(b"MSA|", b"\x0bMSA|")), id="a VT inside"),
    pytest.param(sends(lambda good: good.replace(b"MSA|", b"\x1cMSA|")), id="an FS inside"),
    pytest.param(sends(lambda good: good[:-1], close=True), id="FS without CR"),
    pytest.param(sends(lambda good: good.replace(b"MSA|", b"MSB|")), id="no MSA"),
    pytest.param(sends(lambda good: good.replace(b"|^~\\&|", b"|^~\\\\|")), id="illegal delimiters"),
    pytest.param(sends(lambda good: good.replace(b"8859/1", b"8859/2")), id="an unknown character set"),
    pytest.param(sends(lambda good: good.replace(b"8859/1", b"UNICODE UTF-8")), id="not the character set it says"),
    pytest.param(sends(lambda good: good[:-2] + b"NTE|" + b"x" * 70_000 + b"\r\x1c\r"), id="longer than the cap"),
    pytest.param(sends(lambda good: b"\x0b" + b"x" * 70_000), id="longer than the cap, without end"),
    pytest.param(says(control_id="SOMEBODYELSE"), id="another MSA-2"),
    pytest.param(says(control_id=""), id="no MSA-2"),
    pytest.param(says(kind="ACK^S01^ACK"), id="AA by a bare acknowledgement"),
    pytest.param(says(kind="SQR^S25^SQR_S25"), id="AA to another question"),
    pytest.param(says(lines=[]), id="AA and nothing else"),
    *(pytest.param(says(ack=ack), id=f"acknowledgement code {ack!r}") for ack in ("CA", "CE", "CR", "XX", "aa", "")),
    *(pytest.param(says(ack=ack), id=f"{ack} without ERR") for ack in ("AE", "AR")),
    pytest.param(says(ack="AE", err=error("999", "Q01")), id="AE with an unknown code"),
    pytest.param(says(ack="AR", err=error("206", "A01")), id="AR with a code of AE"),
    pytest.param(says(ack="AE", err=error("207", "X01")), id="AE 207"),
    pytest.param(says(ack="AE", err=error("207", "X99")), id="AE 207 with an unknown own code"),
]


class TestNoAnswer:
    """A write that left and has no usable answer is unknown; a read has not happened."""

    @pytest.fixture
    def bench(self, bench: Any) -> Any:
        from adapters.base import Installation
        from adapters.pegasos import PegasosAdapter

        known = bench.adapter.installation
        bench.adapter = PegasosAdapter(
            Installation(known.name, known.system, known.release, (), (), {**known.options, "max_reply": 65_536})
        )
        return bench

    @pytest.mark.parametrize("script", NO_ANSWER)
    async def test_write(self, bench: Any, script: Any) -> None:
        bench.pegasos.scripts = [script]
        found = await outcome(bench.adapter.perform(bench.call(0.4), BOOK))
        assert type(found) is OutcomeUnknown, found
        assert len(bench.pegasos.turns) == 1, "a write was sent again"
        assert [kept[2] for kept in bench.kept.came] == ["unknown"]
        await bench.adapter.close()

    @pytest.mark.parametrize("script", NO_ANSWER)
    async def test_read(self, bench: Any, script: Any) -> None:
        bench.pegasos.scripts = [script]
        found = await outcome(bench.adapter.find_person(bench.call(0.4), HETU))
        assert type(found) is Unavailable, found
        assert [kept[2] for kept in bench.kept.came] == ["unavailable"]
        await bench.adapter.close()


UNTOLD: list[Any] = [
    pytest.param({"lines": [SCH, ZPA, "RGS|1|A", AIS]}, id="no PID"),
    pytest.param({"lines": [SCH, ZPA, PID, AIS, SCH, ZPA, PID, AIS]}, id="two appointments"),
    pytest.param({"number": ""}, id="no number"),
    pytest.param({"patient": ""}, id="no patient number"),
    pytest.param({"placer": "somebody-elses"}, id="another placer id"),
    pytest.param({"lines": [SCH.replace("20270324093000", "2027032409300x"), ZPA, PID]}, id="no time"),
    pytest.param({"lines": [SCH.replace("20270324093000", "20270230093000"), ZPA, PID]}, id="no such day"),
    pytest.param(
        {"lines": [SCH, ZPA.replace("+0200||||", "+0200||soon||"), PID, AIS]}, id="an unreadable release date"
    ),
]


@pytest.mark.parametrize("values", UNTOLD)
async def test_aa_that_does_not_tell_what_was_done_is_unknown(bench: Any, values: Any) -> None:
    bench.pegasos.scripts = [says(**values)]
    assert type(await outcome(bench.adapter.perform(bench.call(), BOOK))) is OutcomeUnknown


@pytest.mark.parametrize("values", [{"hetu": "020594X903P"}, {"patient": "100043"}, {"hetu": "010594-9021"}])
async def test_answer_about_another_patient_is_quarantined(bench: Any, values: Any) -> None:
    bench.pegasos.scripts = [says(**values)]
    for command in (BOOK, CANCEL):
        assert type(await outcome(bench.adapter.perform(bench.call(), command))) is AnotherPatient
    assert [kept[2] for kept in bench.kept.came] == ["another-patient"] * 2


async def test_cancel_answered_for_another_appointment_is_unknown(bench: Any) -> None:
    bench.pegasos.scripts = [says(number="700124", status="Cancelled")]
    assert type(await outcome(bench.adapter.perform(bench.call(), CANCEL))) is OutcomeUnknown


OWN_DELIMITERS = bytes.maketrans(b"^~\\&", b"#*?%")
ANSWERS: list[Any] = [
    pytest.param(says(), id="at once"),
    pytest.param(dribbles, id="byte by byte"),
    pytest.param(says(charset="UNICODE UTF-8"), id="in UTF-8, and says so"),
    pytest.param(says(charset=""), id="without MSH-18"),
    pytest.param(sends(lambda good: b"\r\n" + good), id="after stray bytes"),
    pytest.param(sends(lambda good: good + good), id="twice"),
    pytest.param(sends(lambda good: good + b"\x0bMSH"), id="and half of another block"),
    pytest.param(sends(lambda good: good, close=True), id="and the connection is closed"),
    pytest.param(sends(lambda good: good.replace(b"\r\x1c\r", b"\x1c\r")), id="without the last CR"),
    pytest.param(sends(lambda good: good.translate(OWN_DELIMITERS)), id="with delimiters of its own"),
    pytest.param(answers_another_first, id="after somebody else's"),
]


class TestAnswers:
    @pytest.mark.parametrize("script", ANSWERS)
    async def test_whole_answer_is_taken(self, bench: Any, script: Any) -> None:
        bench.pegasos.scripts = [script, says()]
        done = await outcome(bench.adapter.perform(bench.call(), BOOK))
        assert isinstance(done, Done), done
        assert (done.native, done.record.resource["status"], done.record.patient) == ("AA", "booked", "100042")
        patient = await outcome(bench.adapter.find_person(bench.call(), HETU))
        assert isinstance(patient, LocalPatient), patient
        assert patient.number == "100042"

    @pytest.mark.parametrize(
        ("code", "status"), [("Pending", "pending"), ("Cancelled", "cancelled"), ("Waitlist", "waitlist"), ("Dc", None)]
    )
    async def test_aa_is_not_booked_unless_sch_25_says_so(self, bench: Any, code: str, status: str | None) -> None:
        bench.pegasos.scripts = [says(status=code)]
        done = await bench.adapter.perform(bench.call(), BOOK)
        assert done.record.resource.get("status") == status

    async def test_answer_to_another_request_is_thrown_away_and_noted(self, bench: Any) -> None:
        bench.pegasos.scripts = [answers_another_first]
        await bench.adapter.perform(bench.call(), BOOK)
        [(_, raw, outcome_word, notes)] = bench.kept.came
        assert (outcome_word, [note.path for note in notes]) == ("done", ["MSA-2"])
        assert b"EARLIER" not in raw

    async def test_another_time_than_asked_is_told(self, bench: Any) -> None:
        lines = [line.replace("20270324", "20270325") for line in BODIES["SRM^S01"]]
        bench.pegasos.scripts = [says(lines=lines)]
        done = await bench.adapter.perform(bench.call(), BOOK)
        assert done.record.resource["start"] == "2027-03-25T09:30:00+02:00"

    async def test_every_cut_of_an_answer_is_unknown(self, bench: Any) -> None:
        whole = False
        length = 0
        while not whole:
            bench.pegasos.scripts = [sends(lambda good, n=length: good[:n], close=True)]  # type: ignore[misc]
            found = await outcome(bench.adapter.perform(bench.call(), BOOK))
            whole = isinstance(found, Done)
            assert whole or type(found) is OutcomeUnknown, f"cut after {length} bytes: {found}"
            length += 1
        assert length > 600
        assert len(bench.pegasos.turns) == length


WORDS: dict[str, Outcome] = {
    "slot-taken": SlotTaken,
    "no-such-time": NoSuchTime,
    "not-a-customer": UnknownPatient,
    "already-registered": AlreadyRegistered,
    "stale-version": StaleVersion,
    "not-cancellable": NotCancellable,
    "unknown-appointment": UnknownAppointment,
    "refused": Refused,
    "misconfigured": Misconfigured,
    "not-supported": NotSupported,
    "unavailable": Unavailable,
    "unknown": OutcomeUnknown,
}


class TestRefusals:
    @pytest.mark.parametrize(
        "row", tables.table("error", keys=3).values(), ids=lambda row: f"{row['ack']} {row['code']} {row['own']}"
    )
    async def test_every_row_of_the_table(self, bench: Any, row: Any) -> None:
        bench.pegasos.scripts = [says(ack=row["ack"], err=error(row["code"], row["own"]))]
        found = await outcome(bench.adapter.perform(bench.call(), BOOK))
        assert type(found) is WORDS[row["verdict"]], found
        if not isinstance(found, NotSupported):
            assert found.native == " ".join(filter(None, (row["ack"], row["code"], row["own"])))
        assert len(bench.pegasos.turns) == 1

    @pytest.mark.parametrize(("ack", "code"), [("AE", "206"), ("AE", "204"), ("AE", "205"), ("AR", "102")])
    async def test_known_code_with_a_new_own_code_is_refused(self, bench: Any, ack: str, code: str) -> None:
        bench.pegasos.scripts = [says(ack=ack, err=error(code, "NEW"))]
        assert type(await outcome(bench.adapter.perform(bench.call(), BOOK))) is Refused

    @pytest.mark.parametrize(
        ("command", "capability"), [(BOOK, "book"), (CANCEL, "cancel"), (REGISTER, "register-person")]
    )
    async def test_not_supported_names_the_capability(self, bench: Any, command: Any, capability: str) -> None:
        bench.pegasos.scripts = [says(ack="AR", err=error("201", "M06"))]
        found = await outcome(bench.adapter.perform(bench.call(), command))
        assert isinstance(found, NotSupported)
        assert found.capability == capability

    async def test_unsupported_question_is_our_mistake(self, bench: Any) -> None:
        bench.pegasos.scripts = [says(ack="AR", err=error("200", "M05"))]
        assert type(await outcome(bench.adapter.find_person(bench.call(), HETU))) is Misconfigured

    async def test_unknown_person_is_nobody(self, bench: Any) -> None:
        bench.pegasos.scripts = [says(ack="AE", kind="ACK^A19^ACK", err=error("204", "P01"))]
        assert await bench.adapter.find_person(bench.call(), HETU) is None

    async def test_person_who_is_another_is_not_taken(self, bench: Any) -> None:
        bench.pegasos.scripts = [says(hetu="010594-9021")]
        assert type(await outcome(bench.adapter.find_person(bench.call(), HETU))) is AnotherPatient


class TestRegister:
    async def test_number_is_learned_after_the_acknowledgement(self, bench: Any) -> None:
        bench.pegasos.scripts = [says()]
        done = await bench.adapter.perform(bench.call(), REGISTER)
        assert (done.record.kind, done.record.local_id) == ("Patient", "100042")
        assert [turn.operation for turn in bench.pegasos.turns] == ["ADT^A28", "QRY^A19"]

    @pytest.mark.parametrize(
        "script", [closes, says(ack="AE", err=error("204", "P01")), says(ack="AR", err=error("207", "X03"))]
    )
    async def test_registered_but_not_found_is_unknown(self, bench: Any, script: Any) -> None:
        bench.pegasos.scripts = [says(), script]
        assert type(await outcome(bench.adapter.perform(bench.call(), REGISTER))) is OutcomeUnknown
        assert len(bench.pegasos.turns) == 2
