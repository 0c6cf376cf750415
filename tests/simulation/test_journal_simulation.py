"""The journal in a seeded world of lost answers, crashes and races; and the proof that this net catches fish."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable

import pytest

from adapters.base import Done
from adapters.errors import ForeignError, OutcomeUnknown
from canonical.commands import Accept, Cancel, Command, Hold, Propose, Release
from canonical.commands import Move as MoveTo
from canonical.model import Record
from hub.journal import rules, steps
from hub.journal.ports import Lease, Move, Problem, Row, Terms
from hub.journal.rules import Patience, Rules, Verdict, judge
from hub.journal.states import FINAL, State
from hub.journal.steps import Begin, End, Facts, Next, Step
from tests.hub.journal.memory_store import MemoryJournal
from tests.simulation.model import Plant, SimNet, SimStore, play

SCHEDULES = 10_000
BATCHES = 20
TROUBLES = {"kill -9", "SIGSTOP", "master pending", "master moves"} | {
    f"desk {does}" for does in ("books", "cancels", "decides", "moves", "closes")
}
TROUBLES |= {f"master {does}" for does in ("holds", "releases", "takes accept", "takes propose")}


def failing(seeds: range, plant: Plant | None = None) -> list[tuple[int, list[str]]]:
    outcomes = ((seed, play(seed, plant)) for seed in seeds)
    return [(seed, outcome.violations) for seed, outcome in outcomes if outcome.violations]


@pytest.mark.parametrize("batch", range(BATCHES))
def test_every_schedule_keeps_the_invariants(batch: int) -> None:
    size = SCHEDULES // BATCHES
    wrong = failing(range(batch * size, (batch + 1) * size))
    assert not wrong, f"replay with play(seed): {wrong[:5]}"


@pytest.mark.long
@pytest.mark.parametrize("batch", range(100))
def test_a_million_schedules_keep_the_invariants(batch: int) -> None:
    begin = 1_000_000 + batch * 10_000
    wrong = failing(range(begin, begin + 10_000))
    assert not wrong, f"replay with play(seed): {wrong[:5]}"


def test_a_seed_replays_exactly() -> None:
    for seed in range(50):
        assert play(seed).trace == play(seed).trace


def test_the_schedules_reach_every_state_and_fault() -> None:
    """A simulation that never comes to the hard places proves nothing."""
    seen: set[str] = set()
    for seed in range(400):
        for line in play(seed).trace:
            words = line.split(" ", 1)[1]
            seen |= {mark for mark in TROUBLES if words.startswith(mark)}
            if " begun Row" in words:
                seen.add(words.split(" ")[0][-2:])
            if "-> " in words:
                seen.add(words.rsplit("-> ", 1)[1])
            if words.startswith("told"):
                seen.add(words.rsplit(" ", 1)[1])
    reached = {"sending", "confirmed", "refused", "unknown", "accepted", "done", "nothing-done", "not-known"}
    steps_begun = {"-b", "-c", "-u"}
    assert reached | steps_begun | TROUBLES <= seen


# Planted bugs: each is a mistake somebody makes; the net must catch every one.


class BlindRetry(SimNet):
    """No answer? Send it again."""

    async def perform(self, row: Row, command: Command) -> Done:
        try:
            return await self.send(row, command)
        except OutcomeUnknown:
            return await self.send(row, command)


def give_up(row: Row, error: ForeignError, now: float, terms: Terms, patience: Patience) -> Move:
    """No answer? Say that it failed."""
    return Move(State.REFUSED, now, problem=Problem("record-system-failed", error.detail))


def no_quiescence(
    row: Row, command: Command, found: Record | None, began: float, now: float, patience: Patience, chance: float
) -> Move:
    """Not found? Then it was not done; a cancellation is sent again."""
    if found is None and not isinstance(command, Cancel):
        return Move(State.REFUSED, now, problem=Problem("not-done"))
    return rules.looked(dataclasses.replace(row, quiet_at=0.0), command, found, began, now, patience, chance)


def received_is_booked(row: Row, command: Command, done: Done, now: float, terms: Terms, patience: Patience) -> Move:
    """The answer is AA, so it is booked."""
    return Move(State.CONFIRMED, now, record=done.record)


def sending_was_not_sent(row: Row, now: float, terms: Terms, patience: Patience) -> Move:
    """After a crash: what was being sent was not sent."""
    return Move(State.REFUSED, now, problem=Problem("expired"))


class NoFence(MemoryJournal):
    """Everybody who finds a row works on it."""

    async def claim(self, command_id: str, lease: Lease, now: float) -> Row | None:
        row = self.rows.get(command_id)
        if row is None or row.state in FINAL:
            return None
        return row

    async def move(self, command_id: str, fence: int, move: Move) -> Row | None:
        row = self.rows[command_id]
        if row.state in FINAL:
            return row
        self.rows[command_id] = dataclasses.replace(
            row,
            state=move.to,
            attempts=row.attempts if move.attempts is None else move.attempts,
            sent_at=row.sent_at if move.sent_at is None else move.sent_at,
            quiet_at=row.quiet_at if move.quiet_at is None else move.quiet_at,
            lease_until=move.at + 120.0,
            wake_at=move.wake_at,
            problem=move.problem,
        )
        return self.rows[command_id]

    async def due(self, now: float, limit: int) -> list[str]:
        return [key for key, row in self.rows.items() if row.state not in FINAL and row.state is not State.NEEDS_PERSON]


def move_sent_again(
    row: Row, command: Command, found: Record | None, began: float, now: float, patience: Patience, chance: float
) -> Move:
    """A move that is not done is sent again, as a cancellation is."""
    if isinstance(command, MoveTo) and found is not None and judge(command, found) is Verdict.NOT_DONE:
        return Move(State.ACCEPTED, now, looks=0)
    return rules.looked(row, command, found, began, now, patience, chance)


def a_third_time_is_done(
    row: Row, command: Command, found: Record | None, began: float, now: float, patience: Patience, chance: float
) -> Move:
    """Not at its old time any more? Then it was moved."""
    if isinstance(command, MoveTo) and found is not None and judge(command, found) is Verdict.OTHER_TIME:
        return Move(State.CONFIRMED, now, record=found)
    return rules.looked(row, command, found, began, now, patience, chance)


def unseen_is_not_done(
    row: Row, command: Command, found: Record | None, began: float, now: float, patience: Patience, chance: float
) -> Move:
    """A hold, or its return, that is not found was not done."""
    if isinstance(command, Hold | Release) and began >= (row.quiet_at or 0.0):
        return Move(State.REFUSED, now, problem=Problem("not-done"))
    return rules.looked(row, command, found, began, now, patience, chance)


def second_time_counts(row: Row, error: ForeignError, now: float, terms: Terms, patience: Patience) -> Move:
    """Nothing happened this time, so nothing has happened."""
    return rules.failed(dataclasses.replace(row, attempts=1), error, now, terms, patience)


def proposal_seen_is_answered(
    row: Row, command: Command, found: Record | None, began: float, now: float, patience: Patience, chance: float
) -> Move:
    """The proposal is there, so it was answered."""
    if isinstance(command, Accept | Propose) and found is not None:
        return Move(State.CONFIRMED, now, record=found)
    return rules.looked(row, command, found, began, now, patience, chance)


def lost_answer_is_no_answer(row: Row, error: ForeignError, now: float, terms: Terms, patience: Patience) -> Move:
    """No word of the resident's answer to a proposal? Then it was not given."""
    if isinstance(row.new.command, Accept | Propose) and isinstance(error, OutcomeUnknown):
        return Move(State.REFUSED, now, problem=Problem("record-system-failed", error.detail))
    return rules.failed(row, error, now, terms, patience)


def step_given_up(row: Row, error: ForeignError, now: float, terms: Terms, patience: Patience) -> Move:
    """A step that cannot be sent now is refused, as a resident's own cancellation would be."""
    alone = dataclasses.replace(row, new=dataclasses.replace(row.new, parent=None))
    return rules.failed(alone, error, now, terms, patience)


def old_time_first(facts: Facts) -> Next:
    """Give up the old time, then book the new one."""
    cancel = facts.cancel
    if cancel is None:
        return Begin(Step.CANCEL)
    if facts.book is None and cancel.state in FINAL:
        return Begin(Step.BOOK) if cancel.state is State.CONFIRMED else End(State.REFUSED, cancel.problem)
    return steps.next_step(facts)


def no_undo(facts: Facts) -> Next:
    """The old time cannot be cancelled? Then the move is refused."""
    found = steps.next_step(facts)
    return End(State.REFUSED, Problem("not-movable")) if found == Begin(Step.UNDO) else found


def unsettled_step_is_not_done(facts: Facts) -> Next:
    """No word of the booking yet? Then the move failed."""
    open_now = facts.book is not None and facts.book.state not in FINAL
    return End(State.REFUSED, Problem("not-done")) if open_now else steps.next_step(facts)


def _rules(**wrong: Callable[..., object]) -> Plant:
    return Plant(rules=dataclasses.replace(Rules(), **wrong))  # type: ignore[arg-type]


BUGS: dict[str, Plant] = {
    "blind retry": Plant(net=BlindRetry),
    "give up": _rules(failed=give_up),
    "resend without quiescence": _rules(looked=no_quiescence),
    "no fence": Plant(disk=NoFence, store=SimStore),
    "AA taken as booked": _rules(answered=received_is_booked),
    "sending taken as not sent": _rules(abandoned=sending_was_not_sent),
    "move sent again": _rules(looked=move_sent_again),
    "a third time taken as done": _rules(looked=a_third_time_is_done),
    "a hold not found taken as not done": _rules(looked=unseen_is_not_done),
    "a hold's second time taken for all": _rules(failed=second_time_counts),
    "a proposal seen taken as answered": _rules(looked=proposal_seen_is_answered),
    "a lost answer to a proposal taken as none": _rules(failed=lost_answer_is_no_answer),
    "a step given up": _rules(failed=step_given_up),
    "old time first": _rules(next_step=old_time_first),
    "no undo": _rules(next_step=no_undo),
    "a step's unknown taken as not done": _rules(next_step=unsettled_step_is_not_done),
}


@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_is_caught(name: str) -> None:
    assert any(play(seed, BUGS[name]).violations for seed in range(6_000)), f"{name} got through"


def test_hash_order_does_not_matter() -> None:
    """The trace of a seed is the same whatever PYTHONHASHSEED is: no set order in the logic."""
    assert os.environ.get("PYTHONHASHSEED") in (None, "random") or play(7).trace == play(7).trace
