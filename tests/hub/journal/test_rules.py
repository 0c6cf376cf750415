"""Every decision of the journal, as a table: what happened, and what follows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from adapters.base import Done
from adapters.errors import (
    AnotherPatient,
    ForeignError,
    Misconfigured,
    NotSupported,
    OutcomeUnknown,
    Refused,
    SlotTaken,
    StaleVersion,
    Unavailable,
)
from canonical.commands import Accept, Book, Cancel, Command, Hold, Propose, Release
from canonical.commands import Move as MoveTo
from canonical.model import LocalPatient, Person, Record, TimeKey
from canonical.times import iso
from hub.journal import rules
from hub.journal.ports import NewCommand, Problem, Row, Terms
from hub.journal.rules import PENDING_THERE, Patience, Verdict, judge
from hub.journal.states import MOVES, IllegalMove, State, check
from hub.journal.words import Word, word

NOW = 1_000_000.0
START = datetime(2027, 3, 22, 7, 0, tzinfo=UTC)
PERSON = Person("010594Y9021", "Testinen", ("Aino",), date(1994, 5, 1), "fi", "638")
PATIENT = LocalPatient("100001", PERSON.hetu)
BOOK = Book("c1", PERSON, TimeKey("k", START, START + timedelta(minutes=20)), patient=PATIENT)
CANCEL = Cancel("c2", PATIENT, "A1", START)
LATER = START + timedelta(days=1)
THIRD = START + timedelta(days=2)
MOVE = MoveTo("c3", PERSON, PATIENT, "A1", START, TimeKey("k2", LATER, LATER + timedelta(minutes=20)))
ACCEPT = Accept("c4", PATIENT, "A1", START)
PROPOSE = Propose("c5", PATIENT, "A1", START, MOVE.time)
HOLD = Hold("c6", PERSON, BOOK.time, PATIENT)
RELEASE = Release("c7", PATIENT, BOOK.time, "token")
TERMS = Terms(quiescence=25.0, limit=22.0)
PATIENCE = Patience()


def row(command: Command = BOOK, state: State = State.SENDING, **more: object) -> Row:
    new = NewCommand("c1", "i", command, "p", "a", "lane", NOW + 10, "r", "portal", "p")
    return replace(Row(new, state, 1, NOW - 5, attempts=1, sent_at=NOW - 4), **more)  # type: ignore[arg-type]


def record(status: str = "booked", patient: str = "100001", start: datetime = START) -> Record:
    return Record("Appointment", "A1", {"status": status, "start": iso(start)}, patient=patient)


@pytest.mark.parametrize(
    ("command", "found", "verdict"),
    [
        (BOOK, record(), Verdict.DONE),
        (BOOK, record("fulfilled"), Verdict.DONE),
        (BOOK, record("pending"), Verdict.NOT_YET),
        (BOOK, record("proposed"), Verdict.NOT_YET),
        (BOOK, record(patient="100002"), Verdict.OTHER_PERSON),
        (BOOK, record("pending", patient="100002"), Verdict.OTHER_PERSON),
        (BOOK, record(start=START + timedelta(minutes=20)), Verdict.OTHER_TIME),
        (replace(BOOK, patient=None), record(), Verdict.OTHER_PERSON),
        (CANCEL, record("cancelled"), Verdict.DONE),
        (CANCEL, record("entered-in-error"), Verdict.DONE),
        (CANCEL, record("booked"), Verdict.NOT_DONE),
        (CANCEL, record("cancelled", patient="100002"), Verdict.OTHER_PERSON),
    ],
)
def test_what_a_record_says_about_a_command(command: Book | Cancel, found: Record, verdict: Verdict) -> None:
    assert judge(command, found) is verdict


def asked(status: str = "pending", start: datetime = START, answer: str = "needs-action") -> Record:
    """A proposal of the unit's, and what the patient has said to it."""
    people = [{"actor": {"reference": "Patient/100001"}, "status": answer}]
    said = {"status": status, "start": iso(start), "participant": people}
    return Record("Appointment", "A1", said, patient="100001")


@pytest.mark.parametrize(
    ("command", "found", "verdict"),
    [
        (MOVE, record(start=LATER), Verdict.DONE),
        (MOVE, record(start=START), Verdict.NOT_DONE),
        (MOVE, record(start=THIRD), Verdict.OTHER_TIME),
        (MOVE, record("cancelled", start=LATER), Verdict.UNCLEAR),
        (MOVE, record("cancelled"), Verdict.UNCLEAR),
        (MOVE, record("pending", start=LATER), Verdict.NOT_YET),
        (MOVE, record(patient="100002", start=LATER), Verdict.OTHER_PERSON),
        (ACCEPT, asked(), Verdict.NOT_DONE),
        (ACCEPT, asked("booked", answer="accepted"), Verdict.DONE),
        (ACCEPT, asked(answer="accepted"), Verdict.NOT_YET),
        (ACCEPT, asked(start=THIRD, answer="accepted"), Verdict.UNCLEAR),
        (ACCEPT, asked("booked", THIRD, "accepted"), Verdict.OTHER_TIME),
        (ACCEPT, asked("cancelled"), Verdict.UNCLEAR),
        (PROPOSE, asked(), Verdict.NOT_DONE),
        (PROPOSE, asked(start=LATER, answer="accepted"), Verdict.DONE),
        (PROPOSE, asked(answer="accepted"), Verdict.DONE),
        (PROPOSE, asked("booked", LATER, "accepted"), Verdict.DONE),
        (PROPOSE, asked("booked", START, "accepted"), Verdict.UNCLEAR),
        (PROPOSE, asked(start=THIRD), Verdict.UNCLEAR),
        (PROPOSE, asked("cancelled"), Verdict.UNCLEAR),
    ],
)
def test_what_a_record_says_about_a_change(command: Command, found: Record, verdict: Verdict) -> None:
    assert judge(command, found) is verdict


@pytest.mark.parametrize("command", [MOVE, ACCEPT, PROPOSE])
def test_a_move_or_an_answer_is_never_sent_again(command: Command) -> None:
    there = record() if command is MOVE else asked()
    waiting = row(command, State.UNKNOWN, quiet_at=NOW)
    assert rules.looked(waiting, command, there, NOW - 1, NOW, PATIENCE, 0.5).to is State.UNKNOWN
    move = rules.looked(waiting, command, there, NOW, NOW, PATIENCE, 0.5)
    assert (move.to, move.problem and move.problem.code) == (State.REFUSED, "not-done")


@pytest.mark.parametrize("found", [record(start=THIRD), record("cancelled"), record("cancelled", start=LATER)])
def test_of_a_move_that_somebody_else_changed_too_no_word_is_said(found: Record) -> None:
    waiting = row(MOVE, State.UNKNOWN, quiet_at=NOW)
    early = rules.looked(waiting, MOVE, found, NOW - 1, NOW, PATIENCE, 0.5)
    assert early.to is State.UNKNOWN, "it may be done yet"
    late = rules.looked(waiting, MOVE, found, NOW, NOW, PATIENCE, 0.5)
    assert (late.to, late.record) == (State.NEEDS_PERSON, found), "what the record system has is shown"


def test_a_move_that_is_answered_with_another_time_is_done_there() -> None:
    move = rules.answered(row(MOVE), MOVE, Done(record(start=THIRD), "AA"), NOW, TERMS, PATIENCE)
    assert (move.to, move.warning) == (State.CONFIRMED, "other-time")


@pytest.mark.parametrize(
    ("error", "state", "code"),
    [
        (Unavailable("x"), State.REFUSED, "record-system-failed"),
        (SlotTaken("x"), State.REFUSED, "slot-taken"),
        (StaleVersion("x"), State.REFUSED, "stale-version"),
        (Refused("x"), State.REFUSED, "refused-by-record-system"),
        (Misconfigured("x"), State.REFUSED, "misconfigured"),
        (NotSupported("x", capability="book"), State.REFUSED, "not-supported"),
        (OutcomeUnknown("x"), State.UNKNOWN, "outcome-unknown"),
        (AnotherPatient("x"), State.UNKNOWN, "quarantined"),
    ],
)
def test_what_a_failed_call_means(error: ForeignError, state: State, code: str) -> None:
    move = rules.failed(row(), error, NOW, TERMS, PATIENCE)
    assert (move.to, move.problem and move.problem.code) == (state, code)
    if state is State.UNKNOWN:
        assert move.quiet_at == NOW + TERMS.quiescence


def test_an_error_of_no_known_kind_is_a_defect_and_said_so() -> None:
    with pytest.raises(TypeError):
        rules.failed(row(), ForeignError("x"), NOW, TERMS, PATIENCE)


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (record(), State.CONFIRMED),
        (record(start=START + timedelta(hours=1)), State.CONFIRMED),
        (record("pending"), State.UNKNOWN),
        (record(patient="100002"), State.UNKNOWN),
    ],
)
def test_an_answer_is_believed_for_what_it_says(found: Record, state: State) -> None:
    move = rules.answered(row(), BOOK, Done(found, "AA"), NOW, TERMS, PATIENCE)
    assert move.to is state
    assert (move.warning == "other-time") == (state is State.CONFIRMED and found.resource["start"] != iso(START))


def test_not_found_means_nothing_until_all_is_quiet() -> None:
    waiting = row(state=State.UNKNOWN, quiet_at=NOW + 10)
    early = rules.looked(waiting, BOOK, None, NOW + 9.9, NOW + 11, PATIENCE, 0.5)
    assert early.to is State.UNKNOWN, "it was asked before the quiescence time was over"
    late = rules.looked(waiting, BOOK, None, NOW + 10, NOW + 11, PATIENCE, 0.5)
    assert (late.to, late.problem and late.problem.code) == (State.REFUSED, "not-done")


def test_a_cancellation_not_done_is_sent_again_within_bounds() -> None:
    waiting = row(CANCEL, State.UNKNOWN, quiet_at=NOW)
    assert rules.looked(waiting, CANCEL, record(), NOW, NOW, PATIENCE, 0.5).to is State.ACCEPTED
    tired = replace(waiting, attempts=PATIENCE.sends)
    assert rules.looked(tired, CANCEL, record(), NOW, NOW, PATIENCE, 0.5).to is State.REFUSED


@pytest.mark.parametrize("command", [HOLD, RELEASE])
def test_what_nobody_can_look_for_is_sent_again_and_never_said_to_be_undone(command: Hold | Release) -> None:
    waiting = row(command, State.UNKNOWN, quiet_at=NOW)
    assert rules.looked(waiting, command, None, NOW - 1, NOW, PATIENCE, 0.5).to is State.UNKNOWN
    assert rules.looked(waiting, command, None, NOW, NOW, PATIENCE, 0.5).to is State.ACCEPTED
    tired = replace(waiting, attempts=PATIENCE.sends)
    assert rules.looked(tired, command, None, NOW, NOW, PATIENCE, 0.5).to is State.NEEDS_PERSON
    away = Unavailable("connection refused")
    assert rules.failed(row(command), away, NOW, TERMS, PATIENCE).to is State.REFUSED
    assert rules.failed(row(command, attempts=2), away, NOW, TERMS, PATIENCE).to is State.UNKNOWN


def test_what_is_found_settles_it_at_once() -> None:
    waiting = row(state=State.UNKNOWN, quiet_at=NOW + 100)
    assert rules.looked(waiting, BOOK, record(), NOW, NOW, PATIENCE, 0.5).to is State.CONFIRMED
    other = rules.looked(waiting, BOOK, record(patient="100002"), NOW, NOW, PATIENCE, 0.5)
    assert (other.to, other.problem and other.problem.code) == (State.NEEDS_PERSON, "quarantined")


def test_found_cancelled_is_declined_where_it_was_pending_and_done_and_gone_elsewhere() -> None:
    pending = row(state=State.UNKNOWN, problem=Problem(PENDING_THERE))
    declined = rules.looked(pending, BOOK, record("cancelled"), NOW, NOW, PATIENCE, 0.5)
    assert (declined.to, declined.problem and declined.problem.code) == (State.REFUSED, "declined")
    done = rules.looked(row(state=State.UNKNOWN), BOOK, record("cancelled"), NOW, NOW, PATIENCE, 0.5)
    assert (done.to, done.warning) == (State.CONFIRMED, "cancelled-since")


def test_silence_is_waited_for_ever_longer_and_then_a_person_is_called() -> None:
    waiting = row(state=State.UNKNOWN, quiet_at=NOW)
    pauses = []
    for looks in range(8):
        move = rules.silent(replace(waiting, looks=looks), Unavailable("x"), NOW, PATIENCE, 0.5)
        assert move.to is State.UNKNOWN
        assert move.wake_at is not None
        pauses.append(move.wake_at - NOW)
    assert pauses == sorted(pauses)
    assert pauses[-1] <= PATIENCE.longest_wait * 1.25
    old = replace(waiting, sent_at=NOW - PATIENCE.give_up - 1)
    assert rules.silent(old, Unavailable("x"), NOW, PATIENCE, 0.5).to is State.NEEDS_PERSON


def test_the_three_words() -> None:
    words = {state: word(row(state=state)) for state in State}
    assert words[State.CONFIRMED] is Word.DONE
    assert words[State.REFUSED] is Word.NOTHING_DONE
    assert {words[s] for s in State if s not in (State.CONFIRMED, State.REFUSED)} == {Word.NOT_KNOWN}


def test_the_table_of_moves() -> None:
    for before in State:
        for after in State:
            if after in MOVES[before]:
                check(before, after)
            else:
                with pytest.raises(IllegalMove):
                    check(before, after)
    assert State.ACCEPTED not in MOVES[State.SENDING], "what may have been sent is never taken for not sent"
    assert not MOVES[State.CONFIRMED]
    assert not MOVES[State.REFUSED]
