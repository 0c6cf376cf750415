"""A move where the record system has none: the new time is booked, then the old one is cancelled.

Each step is a command of its own in the journal, with the move as its parent; their ids follow from the move's, so that
whoever goes on after a crash finds them. What comes next is a pure function of what is on disk and of what the record
system says. The steps show nothing to anybody: the appointment has its old time until the move is confirmed, and then,
in one transaction, its new one.

```
book ──refused──▶ refused: nothing was done
  └─confirmed, and read back ──▶ cancel ──confirmed──▶ confirmed
                                   └─refused ─ old one gone ──▶ confirmed
                                             └ old one stands ─▶ undo (cancel the new one) ──▶ refused
```
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal

from adapters.errors import NotCancellable, NotMovable, UnknownAppointment
from canonical.commands import Book, Cancel
from canonical.commands import Move as MoveTo
from canonical.model import Record, TimeKey
from canonical.times import instant
from hub.journal.ports import NewCommand, Problem, Row
from hub.journal.states import FINAL, State

NEVER: Final = 4_102_444_800.0
"""A deadline far away: what has been begun is brought to its end, however late."""
_GONE: Final = frozenset({"cancelled", "entered-in-error"})


class Step(StrEnum):
    """One of the commands that a move is made of."""

    BOOK = "book"
    """Book the new time."""
    CANCEL = "cancel"
    """Cancel the old one."""
    UNDO = "undo"
    """The old one stays: cancel the new one."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a move's steps. ``new`` is the new booking as the record system has it, where it was read back
    (``read``); ``old_gone`` whether the old one stands no more, None while that was not asked."""

    book: Row | None = None
    cancel: Row | None = None
    undo: Row | None = None
    read: bool = False
    new: Record | None = None
    old_gone: bool | None = None

    def after(self, step: Step, row: Row) -> Facts:
        """With this step as it is now; what was read before it may be so no more where it was to change that."""
        match step:
            case Step.BOOK:
                return replace(self, book=row)
            case Step.CANCEL:
                return replace(self, cancel=row)
            case Step.UNDO:
                return replace(self, undo=row, read=False, new=None)


@dataclass(frozen=True, slots=True)
class Begin:
    """Put this step into the journal and deliver it."""

    step: Step


@dataclass(frozen=True, slots=True)
class Read:
    """Ask the record system for the new booking (`Step.BOOK`), or for the old one (`Step.CANCEL`)."""

    step: Literal[Step.BOOK, Step.CANCEL]


@dataclass(frozen=True, slots=True)
class Wait:
    """A step is being settled, or the record system is silent: come back."""

    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class End:
    """The move's last word. ``record`` is the appointment as it is now."""

    to: State
    problem: Problem | None = None
    record: Record | None = None
    warning: str | None = None


Next = Begin | Read | Wait | End


def next_step(facts: Facts) -> Next:
    """What to do now."""
    book, cancel, undo = facts.book, facts.cancel, facts.undo
    if book is None:
        return Begin(Step.BOOK)
    for row in (book, cancel, undo):
        if row is not None and row.state is State.NEEDS_PERSON:
            return End(State.NEEDS_PERSON, row.problem)
        if row is not None and row.state not in FINAL:
            return Wait(row.problem)
    if book.state is State.REFUSED:
        return End(State.REFUSED, book.problem)
    if undo is not None and undo.state is State.CONFIRMED:
        return End(State.REFUSED, why_refused(cancel))
    if not facts.read:
        return Read(Step.BOOK)
    if facts.new is None:
        return Wait()  # the record system said it was booked: it is asked again
    if facts.new.resource.get("status") in _GONE:
        return _new_is_gone(facts.new, cancel)
    return _both(facts, facts.new, book)


def _new_is_gone(new: Record, cancel: Row | None) -> End:
    """The new booking stands no more: it was undone, or somebody at the unit cancelled it."""
    if cancel is None:
        return End(State.REFUSED, Problem("declined", "booked, then cancelled by the unit; the old time stands"))
    if cancel.state is State.CONFIRMED:
        return End(State.CONFIRMED, record=new, warning="cancelled-since")
    return End(State.REFUSED, why_refused(cancel))


def _both(facts: Facts, new: Record, book: Row) -> Next:
    """The new booking stands: now the old one."""
    if facts.undo is not None:
        return End(State.NEEDS_PERSON, Problem("outcome-unknown", "neither booking could be cancelled: both stand"))
    if facts.cancel is None:
        return Begin(Step.CANCEL)
    if facts.cancel.state is State.CONFIRMED or facts.old_gone:
        return End(State.CONFIRMED, record=new, warning=book.warning)
    return Read(Step.CANCEL) if facts.old_gone is None else Begin(Step.UNDO)


def why_refused(cancel: Row | None) -> Problem:
    """What a portal is told when the old booking could not be cancelled."""
    problem = cancel.problem if cancel is not None else None
    if problem is None or problem.code == NotCancellable.code:
        return Problem(NotMovable.code, "the old time could not be cancelled; the new one was given back")
    return problem


def is_gone(cancel: Row, found: Record | None) -> bool:
    """Whether the old booking, read after its cancellation was refused, stands no more."""
    if found is None:
        return cancel.problem is not None and cancel.problem.code == UnknownAppointment.code
    return found.resource.get("status") in _GONE


def step_id(move_id: str, step: Step) -> str:
    """The id of a move's step (34 letters for a move's 32: it is the placer id on the wire)."""
    return f"{move_id}-{step[0]}"


def is_step(new: NewCommand) -> bool:
    """Whether it is a step of a move: a part of another command that shows nothing by itself."""
    return new.parent is not None and new.target is None and isinstance(new.command, Book | Cancel)


def lane_of_appointment(appointment: str) -> str:
    """The lane of an Appointment (hub id): at most one command changes it at a time."""
    return f"appointment:{appointment}"


def lane_of_booking(subject: str, installation: str, start: datetime) -> str:
    """The lane in which one person books one time once."""
    return f"book:{subject}:{installation}:{start.timestamp():.0f}"


def new_step(row: Row, step: Step, new: Record | None) -> NewCommand:
    """The command of a step of the move ``row``; ``new`` is the new booking, once it is there."""
    move, parent = row.new.command, row.new
    assert isinstance(move, MoveTo), "only a move has steps"
    identity = step_id(parent.id, step)
    command: Book | Cancel
    lane, deadline = f"step:{identity}", NEVER
    if step is Step.BOOK:
        command = Book(identity, move.person, move.time, move.patient, comment=move.comment, reason=move.visit)
        lane, deadline = lane_of_booking(parent.subject, parent.installation, move.time.start), parent.deadline
    elif step is Step.CANCEL:
        belief = (move.believed_start, move.believed_version)
        command = Cancel(identity, move.patient, move.local_id, *belief, move.reason)
    else:
        assert new is not None, "what is undone has been read"
        start = _start(new, move.time)
        command = Cancel(identity, move.patient, new.local_id, start, new.version)
    return NewCommand(
        id=identity,
        installation=parent.installation,
        command=command,
        subject=parent.subject,
        target=None,
        lane=lane,
        deadline=deadline,
        request_id=parent.request_id,
        client=parent.client,
        resident=parent.resident,
        parent=parent.id,
    )


def _start(record: Record, asked: TimeKey) -> datetime:
    start = record.resource.get("start")
    return instant(start) if start else asked.start
