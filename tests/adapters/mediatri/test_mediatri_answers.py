"""Whatever comes back, or does not: what the adapter says of it is true. One row for each thing that can happen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import pytest

from adapters.base import Capability, Done
from adapters.errors import (
    AlreadyRegistered,
    AnotherPatient,
    HoldExpired,
    Misconfigured,
    NoSuchTime,
    NotCancellable,
    NotSupported,
    OutcomeUnknown,
    Refused,
    SlotTaken,
    StaleVersion,
    TextNotCarried,
    Unavailable,
    UnknownAppointment,
    UnknownPatient,
)
from adapters.mediatri import tokens
from canonical.commands import Accept, Release
from canonical.model import FreeQuery, LocalPatient, TimeKey
from tests.adapters.mediatri.mediatri_stub import (
    BOOK,
    CANCEL,
    CANCEL_MARK,
    HOLD,
    MARK,
    PATIENT,
    PERSON,
    REGISTER,
    RESERVED,
    START,
    TIME,
    Stub,
    answer,
    fault,
    golden,
    outcome,
    reply,
    xml,
)

RESERVATION = answer("VaraaAika", RESERVED)
FREED = answer("PeruAika", f"<asiakasViite>{MARK}</asiakasViite><vapautettu>1</vapautettu>")
CANCELLED_NOTHING = answer("PeruAika", f"<asiakasViite>{CANCEL_MARK}</asiakasViite><vapautettu>0</vapautettu>")
NOTHING = answer("HaeAjanvaraukset", "<jatko/>")
LOST = httpx.ReadError("gone")
KINDS = {
    "book": ("VahvistaVaraus", BOOK, OutcomeUnknown),
    "cancel": ("PeruAika", CANCEL, OutcomeUnknown),
    "register": ("LuoPotilas", REGISTER, OutcomeUnknown),
}


def stub(**steps: Any) -> Stub:
    """One that reserves and frees; ``steps`` are of operations, one or a list."""
    made = {"VaraaAika": [RESERVATION], "PeruAika": [FREED], "HaeAjanvaraukset": [NOTHING]}
    made |= {name: step if isinstance(step, list) else [step] for name, step in steps.items()}
    return Stub(made)


FAULTS: list[tuple[str, str, type[Exception]]] = [
    ("VahvistaVaraus", "VARAUS_VANHENTUNUT", Unavailable),
    ("VahvistaVaraus", "TUNTEMATON_AIKA", NoSuchTime),
    ("VahvistaVaraus", "VIRHEELLINEN_PYYNTO", Refused),
    ("VahvistaVaraus", "EI_OIKEUTTA", Misconfigured),
    ("VahvistaVaraus", "JOKIN_UUSI", Refused),
    ("VaraaAika", "AIKA_VARATTU", SlotTaken),
    ("VaraaAika", "TUNTEMATON_POTILAS", UnknownPatient),
    ("VaraaAika", "TUNTEMATON_AIKA", NoSuchTime),
    ("VaraaAika", "VIRHEELLINEN_PYYNTO", Refused),
    ("VaraaAika", "EI_OIKEUTTA", Misconfigured),
    ("PeruAika", "VARAUS_MUUTTUNUT", StaleVersion),
    ("PeruAika", "EI_PERUTTAVISSA", NotCancellable),
    ("PeruAika", "TUNTEMATON_VARAUS", UnknownAppointment),
    ("PeruAika", "TUNTEMATON_POTILAS", UnknownPatient),
    ("LuoPotilas", "TUNTEMATON_HENKILO", Refused),
    ("LuoPotilas", "POTILAS_ON_JO", AlreadyRegistered),
]


@pytest.mark.parametrize(("operation", "code", "error"), FAULTS)
async def test_fault_means_what_to_do_next(operation: str, code: str, error: type[Exception]) -> None:
    command = {"PeruAika": CANCEL, "LuoPotilas": REGISTER}.get(operation, BOOK)
    made = stub(**{operation: fault(code, where="alku/klo")})
    found = await outcome(made.adapter().perform(made.call(), command))
    assert type(found) is error, found
    assert found.native == code
    assert made.ledger.exchanges[-1].replies, "every exchange has its end"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "step",
    [
        LOST,
        fault("JARJESTELMAVIRHE", side="soap:Server"),
        fault("", side="soap:Server"),
        fault("", side="soap:Other"),
        fault("AIKA_VARATTU", side="x:Client"),
        xml("<soap:Fault/>", 500),
        reply(b"<html>login</html>", kind="text/html"),
        reply(b"<html>login</html>"),
        reply(b""),
        reply(b"<x", 500),
        reply(b"Bad Gateway", 502, "text/plain"),
        reply(b"", 503, "text/plain"),
        reply(b"", 500, "text/html"),
        reply(b"", 403, "text/html"),
        reply(b"", 302, "text/html", location="http://127.0.0.1:9/login"),
        reply(b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>'),
        golden("book-answer", 500),
        golden("free-times"),
        reply(golden("book-answer").content, kind="text/xml; charset=iso-8859-1"),
        reply(golden("cancel-answer").content.decode().encode("iso-8859-1")),
        reply(golden("book-answer").content[:-30]),
        xml("<a/><b/>"),
    ],
    ids=str,
)
async def test_write_without_a_usable_answer_is_unknown(kind: str, step: Any) -> None:
    operation, command, error = KINDS[kind]
    made = stub(**{operation: step})
    found = await outcome(made.adapter().perform(made.call(), command))
    assert type(found) is error, found
    assert made.operations.count(operation) == 1, "sent again"
    assert made.ledger.exchanges[-1].replies[0][1] == "unknown"


@pytest.mark.parametrize(
    "step",
    [
        LOST,
        fault("JARJESTELMAVIRHE", side="soap:Server"),
        reply(b"", 500, "text/html"),
        reply(b"<html/>"),
        reply(b"", 502),
        golden("person", 500),
        golden("book-answer"),
        golden("person", henkilotunnus=""),
        golden("person", potilasnumero="7/1"),
    ],
    ids=str,
)
async def test_read_without_a_usable_answer_did_nothing(step: Any) -> None:
    made = stub(HaePotilas=step)
    assert type(await outcome(made.adapter().find_person(made.call(), PERSON.hetu))) is Unavailable


@pytest.mark.parametrize(
    "step",
    [
        fault("", side="wsse:FailedAuthentication"),
        fault("", side="wsse:MessageExpired"),
        fault("", side="soap:VersionMismatch"),
        fault("", side="soap:MustUnderstand"),
        fault("", side="soap:Client"),
        reply(b"", 404),
        reply(b"", 405),
        reply(b"", 415),
        reply(b"", 431),
    ],
    ids=str,
)
async def test_what_is_wrong_on_our_side_calls_a_person(step: Any) -> None:
    for operation, command, _ in KINDS.values():
        made = stub(**{operation: step})
        assert type(await outcome(made.adapter().perform(made.call(), command))) is Misconfigured
    made = stub(HaePotilas=step)
    assert type(await outcome(made.adapter().find_person(made.call(), PERSON.hetu))) is Misconfigured


@pytest.mark.parametrize("status", [502, 503, 504])
@pytest.mark.parametrize(("after", "seconds"), [("1", 1.0), ("Wed, 21 Oct 2027 07:28:00 GMT", 0.0)])
async def test_busy_did_nothing_and_says_when_to_come_again(status: int, after: str, seconds: float) -> None:
    for operation, command, _ in KINDS.values():
        made = stub(**{operation: reply(b"", status, retry_after=after)})
        found = await outcome(made.adapter().perform(made.call(), command))
        assert type(found) is Unavailable
        assert found.retry_after == seconds


class TestAnotherPatient:
    @pytest.mark.parametrize("change", [{"potilasnumero": "7530002"}, {"henkilotunnus": "020594X903P"}])
    @pytest.mark.parametrize(
        ("operation", "case", "command"),
        [("VahvistaVaraus", "book-answer", BOOK), ("PeruAika", "cancel-answer", CANCEL)],
    )
    async def test_write(self, operation: str, case: str, command: Any, change: dict[str, str]) -> None:
        made = stub(**{operation: golden(case, **change)})
        assert type(await outcome(made.adapter().perform(made.call(), command))) is AnotherPatient
        assert made.ledger.exchanges[-1].replies[0][1] == "another-patient"

    async def test_registration(self) -> None:
        made = stub(LuoPotilas=golden("person-without-contact", asiakasViite=MARK, henkilotunnus="020594X903P"))
        assert type(await outcome(made.adapter().perform(made.call(), REGISTER))) is AnotherPatient

    async def test_person(self) -> None:
        made = stub(HaePotilas=golden("person", henkilotunnus="020594X903P"))
        assert type(await outcome(made.adapter().find_person(made.call(), PERSON.hetu))) is AnotherPatient

    async def test_list_and_looks(self) -> None:
        made = stub(HaeAjanvaraukset=golden("moved-by-the-unit", potilasnumero="7530002"))
        adapter = made.adapter()
        assert type(await outcome(adapter.appointments(made.call(), PATIENT))) is AnotherPatient
        assert type(await outcome(adapter.look(made.call(), BOOK))) is AnotherPatient
        assert type(await outcome(adapter.look(made.call(), CANCEL))) is AnotherPatient


@pytest.mark.parametrize(
    ("operation", "step", "command"),
    [
        ("VahvistaVaraus", golden("book-answer", asiakasViite="somebody-elses"), BOOK),
        ("VahvistaVaraus", golden("book-answer", varausnumero=""), BOOK),
        ("VahvistaVaraus", answer("VahvistaVaraus", ""), BOOK),
        ("PeruAika", golden("cancel-answer", varausnumero="400002"), CANCEL),
        ("PeruAika", golden("cancel-answer", asiakasViite="somebody-elses"), CANCEL),
        (
            "PeruAika",
            answer("PeruAika", f"<asiakasViite>{CANCEL_MARK}</asiakasViite><vapautettu>0</vapautettu>"),
            CANCEL,
        ),
        ("LuoPotilas", golden("person-without-contact"), REGISTER),
    ],
)
async def test_answer_about_something_else_is_none(operation: str, step: Any, command: Any) -> None:
    made = stub(**{operation: step})
    assert type(await outcome(made.adapter().perform(made.call(), command))) is OutcomeUnknown


class TestReservation:
    """The first step of a booking: never an effect, and never left standing where it can be helped."""

    GOOD = golden("book-answer")
    OURS = fault("AIKA_VARATTU", reference=MARK)

    async def test_lost_answer_is_freed_and_reserved_again(self) -> None:
        made = stub(VaraaAika=[LOST, RESERVATION], VahvistaVaraus=self.GOOD)
        assert isinstance(await made.adapter().perform(made.call(), BOOK), Done)
        assert made.operations == ["VaraaAika", "PeruAika", "VaraaAika", "VahvistaVaraus"]
        freed = made.asked[1][1]
        assert [child.text for child in freed] == [MARK, "7530001", MARK]

    async def test_own_reservation_is_freed_and_reserved_again(self) -> None:
        made = stub(VaraaAika=[self.OURS, RESERVATION], VahvistaVaraus=self.GOOD)
        assert isinstance(await made.adapter().perform(made.call(), BOOK), Done)
        assert made.operations == ["VaraaAika", "PeruAika", "VaraaAika", "VahvistaVaraus"]

    async def test_reservation_of_somebody_else_by_the_same_client_is_left_alone(self) -> None:
        made = stub(VaraaAika=fault("AIKA_VARATTU", reference="another-resident"))
        assert isinstance(await outcome(made.adapter().perform(made.call(), BOOK)), SlotTaken)
        assert made.operations == ["VaraaAika"]

    @pytest.mark.parametrize("step", [LOST, OURS, answer("VaraaAika", RESERVED.replace(MARK, "other"))], ids=str)
    async def test_what_cannot_be_reserved_was_not_booked(self, step: Any) -> None:
        made = stub(VaraaAika=step)
        assert type(await outcome(made.adapter().perform(made.call(), BOOK))) is Unavailable
        assert "VahvistaVaraus" not in made.operations
        assert made.operations.count("VaraaAika") == 3

    @pytest.mark.parametrize(
        ("step", "freed"),
        [(fault("EI_OIKEUTTA"), True), (reply(b"", 503, retry_after="1"), True), (LOST, False),
         (fault("JARJESTELMAVIRHE", side="soap:Server"), False), (golden("book-answer", potilasnumero="7"), False)],
        ids=str,
    )  # fmt: skip
    async def test_refused_second_step_frees_the_time_and_an_unknown_one_does_not(self, step: Any, freed: bool) -> None:
        made = stub(VahvistaVaraus=step)
        await outcome(made.adapter().perform(made.call(), BOOK))
        assert made.operations == ["VaraaAika", "VahvistaVaraus"] + ["PeruAika"] * freed

    async def test_freeing_that_fails_changes_nothing_of_what_is_said(self) -> None:
        made = stub(VahvistaVaraus=fault("TUNTEMATON_AIKA"), PeruAika=LOST)
        assert isinstance(await outcome(made.adapter().perform(made.call(), BOOK)), NoSuchTime)

    async def test_points_are_those_of_the_second_step(self) -> None:
        made, points = stub(VahvistaVaraus=self.GOOD), list[str]()
        await made.adapter().perform(replace(made.call(), reached=points.append), BOOK)
        assert points == ["sent", "replied"]


class TestHold:
    TOKEN = tokens.token(MARK, TIME)

    async def test_token_says_all(self) -> None:
        made = stub()
        done = await made.adapter().perform(made.call(), HOLD)
        assert done.record is None
        assert done.hold is not None
        assert done.hold.token == self.TOKEN
        assert len(done.hold.token) <= 64
        assert done.hold.until.isoformat() == "2027-03-22T06:20:00+00:00"

    @pytest.mark.parametrize("step", [LOST, fault("JARJESTELMAVIRHE", side="soap:Server")], ids=str)
    async def test_lost_hold_is_unknown_and_asked_for_once(self, step: Any) -> None:
        made = stub(VaraaAika=step)
        assert type(await outcome(made.adapter().perform(made.call(), HOLD))) is OutcomeUnknown
        assert made.operations == ["VaraaAika"]

    async def test_booking_gives_it_back_and_reserves_under_its_own_mark(self) -> None:
        held = tokens.token("the-hold", TIME)
        freed = answer("PeruAika", "<asiakasViite>the-hold</asiakasViite><vapautettu>1</vapautettu>")
        made = stub(PeruAika=freed, VahvistaVaraus=golden("book-answer"))
        assert isinstance(await made.adapter().perform(made.call(), replace(BOOK, hold=held)), Done)
        assert made.operations == ["PeruAika", "VaraaAika", "VahvistaVaraus"]

    async def test_hold_that_is_over_is_told(self) -> None:
        made = stub(PeruAika=fault("TUNTEMATON_VARAUS"))
        found = await outcome(made.adapter().perform(made.call(), replace(BOOK, hold=self.TOKEN)))
        assert type(found) is HoldExpired
        assert made.operations == ["PeruAika"]

    @pytest.mark.parametrize(
        "token", ["", "x", f"{MARK}~", "x~" + "0" * 16, tokens.token(MARK, TimeKey("K102", START, START))]
    )
    async def test_token_of_another_time_is_of_no_use(self, token: str) -> None:
        made = stub()
        adapter = made.adapter()
        if token:
            assert type(await outcome(adapter.perform(made.call(), replace(BOOK, hold=token)))) is HoldExpired
        assert isinstance(await adapter.perform(made.call(), Release("x", PATIENT, TIME, token)), Done)
        assert made.asked == []

    async def test_released_twice_is_released(self) -> None:
        made = stub(PeruAika=[FREED, fault("TUNTEMATON_VARAUS")])
        adapter = made.adapter()
        for _ in range(2):
            assert isinstance(await adapter.perform(made.call(), Release("x", PATIENT, TIME, self.TOKEN)), Done)


class TestCancel:
    REFUSED = fault("EI_PERUTTAVISSA")

    async def test_first_one_of_ours_did_it(self) -> None:
        listed = answer("HaeAjanvaraukset", _booking("cancel-answer") + "<jatko/>")
        made = stub(PeruAika=self.REFUSED, HaeAjanvaraukset=listed)
        done = await made.adapter().perform(made.call(), CANCEL)
        assert done.record is not None
        assert done.record.resource["status"] == "cancelled"

    async def test_somebody_else_did_it(self) -> None:
        listed = answer("HaeAjanvaraukset", _booking("cancel-answer").replace(CANCEL_MARK, "other") + "<jatko/>")
        made = stub(PeruAika=self.REFUSED, HaeAjanvaraukset=listed)
        assert type(await outcome(made.adapter().perform(made.call(), CANCEL))) is NotCancellable

    async def test_who_did_it_cannot_be_read(self) -> None:
        made = stub(PeruAika=self.REFUSED, HaeAjanvaraukset=LOST)
        assert type(await outcome(made.adapter().perform(made.call(), CANCEL))) is OutcomeUnknown

    async def test_start_within_a_minute_is_nobodys(self) -> None:
        made = stub()
        command = replace(CANCEL, believed_start=START.replace(second=1))
        assert type(await outcome(made.adapter().perform(made.call(), command))) is StaleVersion
        assert made.asked == []


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (replace(BOOK, comment="a" * 1001), TextNotCarried),
        (replace(BOOK, comment="a\x0bb"), TextNotCarried),
        (replace(BOOK, reason="\ud800"), TextNotCarried),
        (replace(BOOK, patient=None), UnknownPatient),
        (replace(BOOK, patient=LocalPatient("7/1", PERSON.hetu)), UnknownPatient),
        (replace(BOOK, time=TimeKey("K/1", START, START)), NoSuchTime),
        (replace(BOOK, time=TimeKey("K101", START.replace(second=1), START)), NoSuchTime),
        (replace(BOOK, placer_id=PERSON.hetu), Misconfigured),
        (replace(BOOK, placer_id="a" * 37), Misconfigured),
        (replace(CANCEL, local_id="4/1"), UnknownAppointment),
        (replace(REGISTER, person=replace(PERSON, hetu="nobody")), Refused),
        (Accept("x", PATIENT, "400001", START), NotSupported),
    ],
)
async def test_what_cannot_be_carried_is_refused_unsent(command: Any, error: type[Exception]) -> None:
    made = stub()
    assert type(await outcome(made.adapter().perform(made.call(), command))) is error
    assert made.asked == []
    assert made.ledger.exchanges == []


async def test_gap_names_its_capability() -> None:
    made = stub()
    found = await outcome(made.adapter().perform(made.call(), Accept("x", PATIENT, "400001", START)))
    assert found.capability == Capability.ANSWER_PROPOSALS


class TestLook:
    async def test_booking_is_what_was_booked_not_what_was_cancelled_by_the_reference(self) -> None:
        listed = answer("HaeAjanvaraukset", _booking("cancel-answer") + "<jatko/>")
        made = stub(HaeAjanvaraukset=listed)
        adapter = made.adapter()
        found = await adapter.look(made.call(), BOOK)
        assert found is not None
        assert found.resource["status"] == "cancelled"
        assert await adapter.look(made.call(), replace(BOOK, placer_id=CANCEL_MARK)) is None

    async def test_two_bookings_of_one_mark_are_for_a_person_to_judge(self) -> None:
        two = _booking("book-answer") + _booking("book-answer").replace("400001", "400002")
        made = stub(HaeAjanvaraukset=answer("HaeAjanvaraukset", two + "<jatko/>"))
        assert type(await outcome(made.adapter().look(made.call(), BOOK))) is OutcomeUnknown

    async def test_hold_is_no_effect(self) -> None:
        made = stub()
        assert await made.adapter().look(made.call(), HOLD) is None
        assert made.asked == []


class TestQuestions:
    async def test_answers_go_on_to_the_last_one(self) -> None:
        first = answer("HaeAjanvaraukset", _booking("book-answer") + "<jatko>a1.5</jatko>")
        last = answer("HaeAjanvaraukset", _booking("book-answer").replace("400001", "400002") + "<jatko/>")
        made = stub(HaeAjanvaraukset=[first, last])
        found = await made.adapter().appointments(made.call(), PATIENT)
        assert [record.local_id for record in found] == ["400001", "400002"]
        assert [child.text for child in made.asked[1][1]] == ["7530001", "a1.5"]

    async def test_answers_without_end_are_given_up(self) -> None:
        made = stub(HaeAjanvaraukset=answer("HaeAjanvaraukset", "<jatko>a1.5</jatko>"))
        assert type(await outcome(made.adapter().appointments(made.call(), PATIENT))) is Unavailable

    async def test_long_span_is_asked_for_in_parts_of_whole_days(self) -> None:
        made = stub(HaeVapaatAjat=answer("HaeVapaatAjat", "<jatko/>"))
        span = FreeQuery(START, START.replace(month=5, day=1, hour=21), ("LAAK",))
        await made.adapter().find_free(made.call(), span)
        asked = [[child.text for child in body] for _, body in made.asked]
        assert asked == [["24.03.2027", "23.04.2027", "LAAK"], ["24.04.2027", "01.05.2027", "LAAK"]]

    async def test_end_of_the_span_is_not_in_it(self) -> None:
        made = stub(HaeVapaatAjat=answer("HaeVapaatAjat", "<jatko/>"))
        midnight = START.replace(hour=22)
        await made.adapter().find_free(made.call(), FreeQuery(START, midnight))
        assert [child.text for child in made.asked[0][1]] == ["24.03.2027", "24.03.2027"]

    @pytest.mark.parametrize("names", [(), ("a/b",)])
    async def test_names_that_nothing_has_are_not_asked_for(self, names: tuple[str, ...]) -> None:
        made = stub()
        assert await made.adapter().find_free(made.call(), FreeQuery(START, START.replace(day=25), names)) == []
        assert made.asked == []

    async def test_what_is_no_code_is_nobody(self) -> None:
        made = stub()
        adapter = made.adapter()
        assert await adapter.find_person(made.call(), "nobody") is None
        assert await adapter.appointment(made.call(), "4/1") is None
        assert await adapter.free_time(made.call(), TimeKey("K/1", START, START)) is None
        assert made.asked == []

    async def test_another_booking_than_asked_for_is_no_answer(self) -> None:
        made = stub(HaeAjanvaraukset=answer("HaeAjanvaraukset", _booking("book-answer") + "<jatko/>"))
        assert type(await outcome(made.adapter().appointment(made.call(), "400009"))) is Unavailable


def _booking(case: str) -> str:
    """The ``ajanvaraus`` of a golden reply."""
    text = golden(case).text
    return text[text.index("<ajanvaraus>") : text.index("</ajanvaraus>") + len("</ajanvaraus>")]
