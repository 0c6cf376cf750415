"""What must hold when a schedule has been played, judged by the ledger and by what portals were told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

from canonical.commands import Accept, Book, Cancel, Command, Hold, Propose, Release
from canonical.commands import Move as MoveTo
from hub.journal.ports import Row
from hub.journal.states import FINAL, State
from hub.journal.steps import Step, step_id
from hub.journal.words import Word
from tests.simulation.master import Master, start_of

DOES: Final = (Book, Hold, Accept, Propose)
"""Commands that leave an effect of their own where they are done."""


def violations(rows: Mapping[str, Row], said: Mapping[str, Sequence[Word]], master: Master) -> list[str]:
    """Invariants 1-4 and 9, checked from the ledger and from what portals were told."""
    wrong = []
    for command_id, row in rows.items():
        effects = sum(1 for tag, _ in master.effects if tag == command_id)
        words = said.get(command_id, ())
        if isinstance(row.new.command, Hold | Release):
            wrong += hold_violations(master, row, effects)
            effects = min(effects, 1)  # what was held and is over may be held again
        if effects > 1:
            wrong.append(f"1: {command_id} has {effects} effects")
        stands = any(b.tag == command_id and b.status in ("booked", "pending") for b in master.bookings)
        excused = row.warning == "cancelled-since" and not stands
        if row.state is State.CONFIRMED and effects == 0 and isinstance(row.new.command, DOES) and not excused:
            wrong.append(f"2: {command_id} is confirmed and was never done")
        if row.state is State.CONFIRMED and isinstance(row.new.command, Cancel):
            target = next(b for b in master.bookings if b.number == row.new.command.local_id)
            if target.status != "cancelled":
                wrong.append(f"2: {command_id} is confirmed and the booking still stands")
        declined = row.problem is not None and row.problem.code == "declined" and not stands
        is_over = declined or isinstance(row.new.command, Hold) or moved_back(master, row.new.command)
        if row.state is State.REFUSED and effects and not is_over:
            wrong.append(f"2: {command_id} is refused and was done")
        finals = {w for w in words if w is not Word.NOT_KNOWN}
        if len(finals) > 1:
            wrong.append(f"2: {command_id} was told {finals}")
        if finals and words[-1] is Word.NOT_KNOWN:
            wrong.append(f"2: {command_id} was told a final word, then not known")
        if Word.DONE in words and isinstance(row.new.command, Book) and effects == 0 and not excused:
            wrong.append(f"2: {command_id} was told done and was never done")
        if row.state not in FINAL and row.state is not State.NEEDS_PERSON:
            wrong.append(f"3: {command_id} never ended: {row.state}")
        if isinstance(row.new.command, MoveTo):
            wrong += move_violations(master, row)
    wrong += [f"4: {one} was answered and is gone" for one in said if one not in rows]
    for slot in {b.slot for b in master.bookings}:
        if len([b for b in master.live(slot) if b.status == "booked"]) > 1:
            wrong.append(f"9: time {slot} is booked twice")
    return wrong


def hold_violations(master: Master, row: Row, effects: int) -> list[str]:
    """A hold's own: kept once at a time, and what is said of it true when it is said; it may be over later."""
    command, at = row.new.command, row.ended_at or 0.0
    mine = [one for one in master.holds if one.tag == row.new.id]
    wrong = [f"1: {row.new.id} keeps its time twice"] * any(a.until > b.since for a, b in pairwise(mine))
    if isinstance(command, Hold) and row.state is State.REFUSED and any(one.stands(at) for one in mine):
        wrong.append(f"2: {row.new.id} is refused and the time is kept")
    if isinstance(command, Release) and row.state is State.CONFIRMED:
        kept = [one for one in master.holds if one.token == command.hold and one.stands(at)]
        wrong += [f"2: {row.new.id} is confirmed and the time is kept"] * bool(kept)
    return wrong


def moved_back(master: Master, command: Command) -> bool:
    """Whether the desk has put a moved one back to the very time it had: nobody can tell it from one never moved."""
    if not isinstance(command, MoveTo | Propose):
        return False
    return any(n == command.local_id and start_of(slot) == command.believed_start for n, slot in master.moved_by_desk)


def move_violations(master: Master, row: Row) -> list[str]:
    """A move's own: done or not done, and of the two times always exactly one, unless somebody else took it."""
    move, effects = row.new.command, [tag for tag, _ in master.effects]
    assert isinstance(move, MoveTo)
    if master.moves:
        # The desk, or another command of the same person's, may have moved it to the very time: then it is as asked.
        is_there = (move.local_id, int(move.time.key)) in master.moved
        return [f"2: {row.new.id} is confirmed and was never moved"] * (row.state is State.CONFIRMED and not is_there)
    booked, cancelled, undone = (step_id(row.new.id, step) in effects for step in Step)
    old = master.numbered(move.local_id)
    new = next((b for b in master.bookings if b.tag == step_id(row.new.id, Step.BOOK)), None)
    wrong = []
    both = new is not None and old is not None and {old.status, new.status} <= {"booked", "pending"}
    if new is not None and row.state is State.NEEDS_PERSON and (new.closed or new.number in master.touched):
        return []  # the unit changed the new booking before it could be given back: a person is called
    if both:
        wrong.append(f"both: {row.new.id} is {row.state}, and both times stand")
    if cancelled and (undone or not booked):
        wrong.append(f"none: {row.new.id} is {row.state}, and neither time stands")
    if row.state is State.REFUSED and cancelled:
        wrong.append(f"2: {row.new.id} is refused, and the old time was cancelled")
    if row.state is State.CONFIRMED and (not booked or undone):
        wrong.append(f"2: {row.new.id} is confirmed, and the new time was not kept")
    if row.state is State.NEEDS_PERSON:
        wrong.append(f"3: {row.new.id} was neither finished nor undone")
    return wrong
