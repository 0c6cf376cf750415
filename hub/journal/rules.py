"""What follows from what: every decision of the journal as a pure function of the row, what happened, and the time.

The record system is the only one who knows. So: what certainly did not happen is refused at once; what may have
happened is unknown until it has been looked for; "not found" counts only after the quiescence time; and only an answer
that says *booked, for this person* is a confirmation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from adapters.base import Done
from adapters.errors import (
    AnotherPatient,
    ForeignError,
    Misconfigured,
    NotSupported,
    OutcomeUnknown,
    Refused,
    Unavailable,
)
from canonical.commands import Accept, Book, Cancel, Command, Hold, Propose, RegisterPerson, Release
from canonical.commands import Move as MoveTo
from canonical.model import Record
from canonical.times import instant
from hub.journal.ports import Move, Problem, Row, Terms
from hub.journal.states import State
from hub.journal.steps import Facts, Next, is_step, next_step


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the hub tries to find out. All in seconds but ``sends``.

    ``first_look`` after an outcome got lost, then twice as long each time up to ``longest_wait``; after ``give_up``
    without an answer a person is called. A cancellation, a hold or its return is sent at most ``sends`` times.
    """

    first_look: float = 1.0
    longest_wait: float = 30.0
    give_up: float = 24 * 3600.0
    sends: int = 3


class Verdict(StrEnum):
    """What a record of the master says about a command."""

    DONE = "done"
    OTHER_TIME = "other-time"
    """Done, at another time than was asked."""
    NOT_YET = "not-yet"
    """Received, not booked (SCH-25 Pending)."""
    NOT_DONE = "not-done"
    UNCLEAR = "unclear"
    """Somebody else has changed it as well: whether the command was done before that cannot be told."""
    OTHER_PERSON = "other-person"


_WAITING: Final = frozenset({"proposed", "pending", "waitlist"})
_GONE: Final = frozenset({"cancelled", "entered-in-error"})
PENDING_THERE: Final = "pending-at-record-system"


def judge(command: Command, record: Record) -> Verdict:
    """Hold what the master has against what was asked."""
    match command:
        case RegisterPerson():
            return Verdict.DONE
        case Cancel():
            if record.patient is not None and record.patient != command.patient.number:
                return Verdict.OTHER_PERSON
            return Verdict.DONE if record.resource.get("status") in _GONE else Verdict.NOT_DONE
        case Book():
            return _judge_booking(command, record)
        case Hold() | Release():
            raise TypeError("a hold is no record")
        case MoveTo() | Accept() | Propose():
            if record.patient is not None and record.patient != command.patient.number:
                return Verdict.OTHER_PERSON
            return _judge_change(command, record)


def _judge_change(command: MoveTo | Accept | Propose, record: Record) -> Verdict:
    status = record.resource.get("status")
    if status in _GONE:
        return Verdict.UNCLEAR
    if "start" not in record.resource:
        return Verdict.NOT_YET
    start = instant(record.resource["start"])
    match command:
        case MoveTo():
            if start == command.believed_start:
                return Verdict.NOT_DONE
            done = Verdict.DONE if start == command.time.start else Verdict.OTHER_TIME
            return Verdict.NOT_YET if status in _WAITING else done
        case Accept():
            if status in _WAITING and _asks_patient(record):
                return Verdict.NOT_DONE
            if status in _WAITING:  # accepted and not booked yet; at another time it is a wish of somebody's since
                return Verdict.NOT_YET if start == command.believed_start else Verdict.UNCLEAR
            return Verdict.DONE if start == command.believed_start else Verdict.OTHER_TIME
        case Propose():
            if status in _WAITING and not _asks_patient(record):
                return Verdict.DONE
            if status in _WAITING and start == command.believed_start:
                return Verdict.NOT_DONE
            return Verdict.DONE if status not in _WAITING and start == command.time.start else Verdict.UNCLEAR


def _asks_patient(record: Record) -> bool:
    """Whether it waits for the resident's word."""
    people = record.resource.get("participant", ())
    patients = [one for one in people if one.get("actor", {}).get("reference", "").startswith("Patient/")]
    return any(one.get("status") == "needs-action" for one in patients)


def _judge_booking(command: Book, record: Record) -> Verdict:
    if command.patient is None or record.patient != command.patient.number:
        return Verdict.OTHER_PERSON
    if record.resource.get("status") in _WAITING:
        return Verdict.NOT_YET
    if "start" not in record.resource:
        return Verdict.NOT_YET
    same = instant(record.resource["start"]) == command.time.start
    return Verdict.DONE if same else Verdict.OTHER_TIME


def not_prepared(row: Row, error: ForeignError, now: float) -> Move:
    """It could not even be prepared: nothing of the command was sent."""
    return Move(State.REFUSED, now, problem=_problem(error))


def expired(row: Row, now: float) -> Move:
    """Its deadline passed before anything was sent."""
    return Move(State.REFUSED, now, problem=Problem("expired", "the deadline passed before anything was sent"))


def abandoned(row: Row, now: float, terms: Terms, patience: Patience) -> Move:
    """Found `sending`, and whoever sent it is gone: it may have left at any moment until now."""
    return Move(
        State.UNKNOWN,
        now,
        quiet_at=now + terms.quiescence,
        wake_at=now,
        problem=Problem("outcome-unknown", "the process that was sending it died"),
        release=False,
    )


def failed(row: Row, error: ForeignError, now: float, terms: Terms, patience: Patience) -> Move:
    """The call failed; the error's type says what that means."""
    match error:
        case Unavailable() | Misconfigured() if is_owed(row) or (_is_unseen(row.new.command) and row.attempts > 1):
            wake_at = now + min(patience.longest_wait, patience.first_look * 2 ** min(row.attempts, 16))
            return Move(State.UNKNOWN, now, quiet_at=now, wake_at=wake_at, problem=_problem(error), looks=0)
        case OutcomeUnknown():
            code = "quarantined" if isinstance(error, AnotherPatient) else "outcome-unknown"
            return Move(
                State.UNKNOWN,
                now,
                quiet_at=now + terms.quiescence,
                wake_at=now + patience.first_look,
                problem=Problem(code, error.detail),
                looks=0,
            )
        case Unavailable() | Refused() | Misconfigured() | NotSupported():
            return Move(State.REFUSED, now, problem=_problem(error))
        case _:
            raise TypeError(f"an adapter raised {type(error).__name__}") from error


def answered(row: Row, command: Command, done: Done, now: float, terms: Terms, patience: Patience) -> Move:
    """The master answered: is it what was asked?"""
    if isinstance(command, Hold | Release):
        return Move(State.CONFIRMED, now)
    verdict = Verdict.NOT_YET if done.record is None else judge(command, done.record)
    if done.record is not None and verdict in (Verdict.DONE, Verdict.OTHER_TIME):
        return _confirmed(row, done.record, verdict, now)
    code = PENDING_THERE if verdict is Verdict.NOT_YET else "outcome-unknown"
    if verdict is Verdict.OTHER_PERSON:
        code = "quarantined"
    return Move(
        State.UNKNOWN,
        now,
        quiet_at=now + terms.quiescence,
        wake_at=now + patience.first_look,
        problem=Problem(code, f"answered {done.native}, which says {verdict}"),
        looks=0,
    )


def looked(
    row: Row, command: Command, found: Record | None, began: float, now: float, patience: Patience, chance: float
) -> Move:
    """A look came back. ``began`` is when it was asked: only a look begun after the quiescence time proves absence."""
    if found is None:
        return _absent(row, command, began, now, patience, chance)
    verdict = judge(command, found)
    if verdict is Verdict.OTHER_PERSON:
        return Move(State.NEEDS_PERSON, now, problem=Problem("quarantined", "the effect found is another patient's"))
    if verdict is Verdict.NOT_YET:
        waiting = replace(row, problem=Problem(PENDING_THERE, "received by the record system, not booked yet"))
        return _wait(waiting, now, now + patience.give_up, patience, chance)
    if verdict is Verdict.NOT_DONE:
        return _absent(row, command, began, now, patience, chance)
    if verdict is Verdict.UNCLEAR or (verdict is Verdict.OTHER_TIME and not isinstance(command, Book)):
        return _unclear(row, found, began, now, patience, chance)
    if isinstance(command, Book) and found.resource.get("status") in _GONE:
        return _found_cancelled(row, found, now)
    return _confirmed(row, found, verdict, now)


def waiting(row: Row, problem: Problem | None, now: float, patience: Patience, chance: float) -> Move:
    """A move in steps, one of which is being settled."""
    known = problem or row.problem or Problem("outcome-unknown", "its steps are being settled")
    return _wait(replace(row, problem=known), now, now + patience.give_up, patience, chance)


def is_owed(row: Row) -> bool:
    """Whether it must be brought to its end because something else has been done already: a cancellation that is a step
    of a move. It is tried for as long as the hub tries to find anything out."""
    return is_step(row.new) and isinstance(row.new.command, Cancel)


def _is_unseen(command: Command) -> bool:
    """Whether its effect is shown to nobody: only sending it again, which has no second effect, tells what became of
    it. That nothing happened this time says nothing of the time before."""
    return isinstance(command, Hold | Release)


def silent(row: Row, error: ForeignError, now: float, patience: Patience, chance: float) -> Move:
    """The look itself failed: nothing learned."""
    return _wait(row, now, now + patience.give_up, patience, chance)


def quarantined(row: Row, now: float) -> Move:
    """The answer names another patient as well: nobody is shown it, and a person must look."""
    return Move(State.NEEDS_PERSON, now, problem=Problem("quarantined", "the record names another patient"))


def _confirmed(row: Row, record: Record, verdict: Verdict, now: float) -> Move:
    warning = "other-time" if verdict is Verdict.OTHER_TIME else None
    return Move(State.CONFIRMED, now, record=record, warning=warning)


def _found_cancelled(row: Row, found: Record, now: float) -> Move:
    """The effect is there and cancelled. Record systems write "declined by the unit" and "booked, then cancelled" the
    same way: where it was last seen pending it counts as declined, else as done and cancelled since. Both are words
    for "nothing stands", and the Appointment says so itself."""
    if row.problem is not None and row.problem.code == PENDING_THERE:
        return Move(State.REFUSED, now, problem=Problem("declined", "pending, then cancelled by the unit"))
    return Move(State.CONFIRMED, now, record=found, warning="cancelled-since")


def _absent(row: Row, command: Command, began: float, now: float, patience: Patience, chance: float) -> Move:
    quiet_at = row.quiet_at if row.quiet_at is not None else now + patience.longest_wait
    if began < quiet_at:
        return _wait(row, now, quiet_at, patience, chance)
    if is_owed(row) and now - row.accepted_at > patience.give_up:
        return Move(State.NEEDS_PERSON, now, problem=row.problem)
    may_be_sent = isinstance(command, Cancel) or _is_unseen(command)
    if is_owed(row) or (may_be_sent and row.attempts < patience.sends):
        return Move(State.ACCEPTED, now, looks=0)
    if _is_unseen(command):
        return Move(State.NEEDS_PERSON, now, problem=row.problem)
    return Move(State.REFUSED, now, problem=Problem("not-done", "looked for after the quiescence time: nothing there"))


def _unclear(row: Row, found: Record, began: float, now: float, patience: Patience, chance: float) -> Move:
    """Somebody at the unit changed it, too: done and changed since, or changed and so never done. No word is true for
    certain; what is shown is what the record system has."""
    quiet_at = row.quiet_at if row.quiet_at is not None else now + patience.longest_wait
    if began < quiet_at:
        return _wait(row, now, quiet_at, patience, chance)
    changed = Problem("outcome-unknown", "changed at the record system while its outcome was not known")
    return Move(State.NEEDS_PERSON, now, problem=changed, record=found)


def _wait(row: Row, now: float, latest: float, patience: Patience, chance: float) -> Move:
    if row.sent_at is not None and now - row.sent_at > patience.give_up:
        return Move(State.NEEDS_PERSON, now, problem=row.problem)
    pause = min(patience.longest_wait, patience.first_look * 2 ** min(row.looks, 16)) * (0.75 + chance / 2)
    wake_at = min(now + pause, max(latest, now + 0.001))
    return Move(State.UNKNOWN, now, wake_at=wake_at, problem=row.problem, looks=row.looks + 1)


def _problem(error: ForeignError) -> Problem:
    match error:
        case Refused():
            return Problem(error.code, error.detail)
        case Misconfigured():
            return Problem("misconfigured", error.detail)
        case NotSupported():
            return Problem("not-supported", f"{error.capability}: {error.detail}")
        case _:
            return Problem("record-system-failed", error.detail)


@dataclass(frozen=True, slots=True)
class Rules:
    """The decisions as one value, so that the simulation can plant a wrong one and prove that it is caught."""

    not_prepared: Callable[[Row, ForeignError, float], Move] = not_prepared
    expired: Callable[[Row, float], Move] = expired
    abandoned: Callable[[Row, float, Terms, Patience], Move] = abandoned
    failed: Callable[[Row, ForeignError, float, Terms, Patience], Move] = failed
    answered: Callable[[Row, Command, Done, float, Terms, Patience], Move] = answered
    looked: Callable[[Row, Command, Record | None, float, float, Patience, float], Move] = looked
    silent: Callable[[Row, ForeignError, float, Patience, float], Move] = silent
    quarantined: Callable[[Row, float], Move] = quarantined
    waiting: Callable[[Row, Problem | None, float, Patience, float], Move] = waiting
    next_step: Callable[[Facts], Next] = next_step
