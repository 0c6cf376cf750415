"""A move in steps: what comes next, as a table."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from adapters.errors import Misconfigured, SlotTaken, StaleVersion, Unavailable
from canonical.commands import Book, Cancel, Move
from canonical.model import LocalPatient, Person, Record, TimeKey
from canonical.times import iso
from hub.journal import rules, steps
from hub.journal.ports import Lease, NewCommand, Problem, Row, Terms
from hub.journal.rules import Patience
from hub.journal.states import State
from hub.journal.steps import Begin, End, Facts, Next, Read, Step, Wait, new_step, next_step, step_id
from tests.hub.journal.memory_store import MemoryJournal

NOW = 1_000_000.0
OLD = datetime(2027, 3, 22, 7, 0, tzinfo=UTC)
NEW = OLD + timedelta(days=1)
PERSON = Person("010594Y9021", "Testinen", ("Aino",), date(1994, 5, 1), "fi", "638")
PATIENT = LocalPatient("100001", PERSON.hetu)
TIME = TimeKey("k", NEW, NEW + timedelta(minutes=20))
MOVE = Move("m1", PERSON, PATIENT, "A1", OLD, TIME, "3", "kiire", comment="Tuo lähete", visit="Nuha")
PARENT = Row(NewCommand("m1", "i", MOVE, "p", "a", "lane", NOW + 10, "r", "portal", "p"), State.SENDING, 1, NOW)
TERMS, PATIENCE = Terms(quiescence=25.0, limit=22.0), Patience()
BOOKED = Record("Appointment", "B1", {"status": "booked", "start": iso(NEW)}, "7", "100001")
GONE = replace(BOOKED, resource={"status": "cancelled", "start": iso(NEW)})


def step(which: Step, state: State, code: str | None = None) -> Row:
    problem = Problem(code) if code else None
    return Row(new_step(PARENT, which, BOOKED), state, 1, NOW, attempts=1, problem=problem)


BOOK, CANCEL = step(Step.BOOK, State.CONFIRMED), step(Step.CANCEL, State.CONFIRMED)
KEPT = step(Step.CANCEL, State.REFUSED, "not-cancellable")
READ = Facts(BOOK, read=True, new=BOOKED)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (Facts(), Begin(Step.BOOK)),
        (Facts(step(Step.BOOK, State.SENDING)), Wait()),
        (Facts(step(Step.BOOK, State.UNKNOWN, "outcome-unknown")), Wait(Problem("outcome-unknown"))),
        (Facts(step(Step.BOOK, State.REFUSED, "slot-taken")), End(State.REFUSED, Problem("slot-taken"))),
        (Facts(step(Step.BOOK, State.NEEDS_PERSON, "quarantined")), End(State.NEEDS_PERSON, Problem("quarantined"))),
        (Facts(BOOK), Read(Step.BOOK)),
        (replace(READ, new=None), Wait()),
        (READ, Begin(Step.CANCEL)),
        (replace(READ, cancel=step(Step.CANCEL, State.UNKNOWN)), Wait()),
        (replace(READ, cancel=CANCEL), End(State.CONFIRMED, record=BOOKED)),
        (Facts(BOOK, CANCEL), Read(Step.BOOK)),
        (replace(READ, cancel=KEPT), Read(Step.CANCEL)),
        (replace(READ, cancel=KEPT, old_gone=True), End(State.CONFIRMED, record=BOOKED)),
        (replace(READ, cancel=KEPT, old_gone=False), Begin(Step.UNDO)),
        (Facts(BOOK, KEPT, step(Step.UNDO, State.SENDING)), Wait()),
        (Facts(BOOK, KEPT, step(Step.UNDO, State.CONFIRMED)), End(State.REFUSED, steps.why_refused(KEPT))),
        (replace(READ, new=GONE, cancel=CANCEL), End(State.CONFIRMED, record=GONE, warning="cancelled-since")),
        (replace(READ, new=GONE, cancel=KEPT), End(State.REFUSED, steps.why_refused(KEPT))),
    ],
    ids=str,
)
def test_what_comes_next(facts: Facts, expected: Next) -> None:
    assert next_step(facts) == expected


def test_when_the_unit_cancels_the_new_booking_first_the_old_one_stands() -> None:
    ended = next_step(replace(READ, new=GONE))
    assert isinstance(ended, End)
    assert (ended.to, ended.problem and ended.problem.code) == (State.REFUSED, "declined")


def test_when_neither_can_be_cancelled_a_person_is_called() -> None:
    ended = next_step(replace(READ, cancel=KEPT, undo=step(Step.UNDO, State.REFUSED, "not-cancellable")))
    assert isinstance(ended, End)
    assert ended.to is State.NEEDS_PERSON


def test_what_was_read_before_an_undo_is_read_again() -> None:
    assert next_step(READ.after(Step.UNDO, step(Step.UNDO, State.REFUSED))) == Read(Step.BOOK)


def test_why_a_move_is_refused() -> None:
    problem = steps.why_refused(KEPT)
    assert problem.code == "not-movable", "a portal asked for a move, not for a cancellation"
    assert steps.why_refused(step(Step.CANCEL, State.REFUSED, "stale-version")) == Problem("stale-version")


@pytest.mark.parametrize(
    ("found", "code", "gone"),
    [(BOOKED, "not-cancellable", False), (GONE, "not-cancellable", True), (None, "not-cancellable", False),
     (None, "unknown-appointment", True)],
)  # fmt: skip
def test_whether_the_old_one_is_gone(found: Record | None, code: str, gone: bool) -> None:
    assert steps.is_gone(step(Step.CANCEL, State.REFUSED, code), found) is gone


def test_the_steps_carry_what_they_need_and_show_nothing() -> None:
    book, cancel, undo = [new_step(PARENT, which, BOOKED) for which in Step]
    assert isinstance(book.command, Book)
    assert (book.command.time, book.command.comment, book.command.reason) == (TIME, "Tuo lähete", "Nuha")
    assert (book.deadline, cancel.deadline) == (PARENT.new.deadline, steps.NEVER), "what is begun is brought to its end"
    assert cancel.command == Cancel("m1-c", PATIENT, "A1", OLD, "3", "kiire")
    assert undo.command == Cancel("m1-u", PATIENT, "B1", NEW, "7")
    for one in (book, cancel, undo):
        assert (one.parent, one.target, one.command.placer_id) == ("m1", None, one.id)
        assert steps.is_step(one)
    assert len(step_id("f" * 32, Step.BOOK)) <= 36, "it travels as a placer id"


@pytest.mark.parametrize("error", [Unavailable("x"), Misconfigured("x")])
def test_a_cancellation_that_is_owed_is_not_given_up(error: Unavailable | Misconfigured) -> None:
    owed = replace(CANCEL, state=State.SENDING, sent_at=NOW)
    lost = rules.failed(owed, error, NOW, TERMS, PATIENCE)
    assert (lost.to, lost.quiet_at) == (State.UNKNOWN, NOW), "nothing was sent: a look proves it at once"
    tired = replace(owed, state=State.UNKNOWN, quiet_at=NOW, attempts=99)
    assert rules.looked(tired, tired.new.command, None, NOW, NOW, PATIENCE, 0.5).to is State.ACCEPTED
    old = replace(tired, accepted_at=NOW - PATIENCE.give_up - 1)
    assert rules.looked(old, old.new.command, None, NOW, NOW, PATIENCE, 0.5).to is State.NEEDS_PERSON
    alone = replace(owed, new=replace(owed.new, parent=None))
    assert rules.failed(alone, error, NOW, TERMS, PATIENCE).to is State.REFUSED


@pytest.mark.parametrize("error", [StaleVersion("x"), SlotTaken("x")])
def test_what_the_record_system_refuses_is_refused(error: StaleVersion | SlotTaken) -> None:
    assert rules.failed(replace(CANCEL, state=State.SENDING), error, NOW, TERMS, PATIENCE).to is State.REFUSED


async def test_who_slept_begins_no_step() -> None:
    store = MemoryJournal()
    parent = await store.accept(PARENT.new, Lease("a", NOW + 1), NOW)
    assert isinstance(parent, Row)
    claimed = await store.claim("m1", Lease("b", NOW + 99), NOW + 2)
    assert claimed is not None
    wanted = new_step(PARENT, Step.BOOK, None)
    assert await store.begin(wanted, parent.fence, Lease("a", NOW + 99), NOW + 3) is None
    assert isinstance(await store.begin(wanted, claimed.fence, Lease("b", NOW + 99), NOW + 3), Row)
