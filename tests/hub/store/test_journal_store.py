"""What a `JournalStore` promises, over all three: memory (the simulation's), SQLite, PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from canonical.commands import Book, Cancel, RegisterPerson
from canonical.model import LocalPatient, Person, Record, TimeKey
from hub.journal.ports import (
    DuplicateTime,
    IdempotencyKey,
    JournalStore,
    KeyKnown,
    LaneTaken,
    Lease,
    Move,
    NewCommand,
    Problem,
    Row,
)
from hub.journal.states import IllegalMove, State
from hub.store import Store
from tests.hub.journal.memory_store import MemoryJournal

START = datetime(2027, 3, 22, 7, 0, tzinfo=UTC)
AINO = Person("010190-9996", "Virtanen", ("Aino",), date(1990, 1, 1), "fi", "638")
LEASE = Lease("worker-1", 1060.0)
MEMORY_TOO = [
    pytest.param("memory"),
    pytest.param("sqlite"),
    pytest.param("postgresql", marks=pytest.mark.postgres),
]


@pytest.fixture(params=MEMORY_TOO)
def journal(request: pytest.FixtureRequest, open_store: Callable[[str], Store]) -> JournalStore:
    if request.param == "memory":
        return MemoryJournal()
    return open_store(request.getfixturevalue(f"empty_{request.param}")).journal


def booking(
    id_: str = "c1", *, start: datetime = START, lane: str | None = None, target: str | None = None
) -> NewCommand:
    time = TimeKey(f"time-{start:%H%M}", start, start + timedelta(minutes=30))
    return NewCommand(
        id=id_,
        installation="lifecare-porvoo",
        command=Book(placer_id=id_, person=AINO, time=time, patient=LocalPatient("p-77", AINO.hetu), comment="Kipeä"),
        subject="aino",
        target=target or f"target-{id_}",
        lane=lane or f"book/aino/{start.isoformat()}",
        deadline=1010.0,
        request_id="req_1",
        client="portal",
        resident="aino",
    )


def cancelling(id_: str = "c9", target: str = "target-c1") -> NewCommand:
    cancel = Cancel(id_, LocalPatient("p-77", AINO.hetu), "a-5", START, "3", "en pääse")
    return replace(booking(id_), command=cancel, target=target, lane=f"appointment/{target}")


def record(status: str = "booked", version: str = "1") -> Record:
    resource = {
        "resourceType": "Appointment",
        "status": status,
        "start": "2027-03-22T09:00:00+02:00",
        "end": "2027-03-22T09:30:00+02:00",
        "participant": [{"actor": {"reference": "Patient/p-77"}, "status": "accepted"}],
    }
    return Record("Appointment", "a-5", resource, version, "p-77")


async def accepted(journal: JournalStore, new: NewCommand, key: IdempotencyKey | None = None) -> Row:
    row = await journal.accept(new, LEASE, 1000.0, key)
    assert isinstance(row, Row)
    return row


async def moved(journal: JournalStore, row: Row, move: Move) -> Row:
    after = await journal.move(row.new.id, row.fence, move)
    assert after is not None
    return after


async def confirmed(journal: JournalStore, new: NewCommand) -> Row:
    row = await accepted(journal, new)
    row = await moved(journal, row, Move(State.SENDING, 1001.0, sent_at=1001.0))
    return await moved(journal, row, Move(State.CONFIRMED, 1002.0, record=record()))


async def test_an_accepted_command_is_kept_whole(journal: JournalStore) -> None:
    row = await accepted(journal, booking())
    assert row == Row(booking(), State.ACCEPTED, 1, 1000.0, lease_until=1060.0)
    assert await journal.get("c1") == row
    assert await journal.get("c2") is None


async def test_every_kind_of_command_comes_back_as_it_was(journal: JournalStore) -> None:
    register = replace(booking("c2"), command=RegisterPerson("c2", AINO), lane="register/aino", target=None)
    for new in (booking(), cancelling(), register):
        await accepted(journal, new)
        row = await journal.get(new.id)
        assert row is not None
        assert row.new == new


async def test_an_open_command_keeps_its_lane(journal: JournalStore) -> None:
    first = await accepted(journal, booking("c1", lane="x"))
    assert await journal.accept(booking("c2", lane="x"), LEASE, 1001.0) == LaneTaken("c1")
    assert await journal.get("c2") is None
    await moved(journal, first, Move(State.REFUSED, 1002.0, problem=Problem("expired")))
    await accepted(journal, booking("c2", lane="x"))


@pytest.mark.parametrize("stuck", [State.UNKNOWN, State.NEEDS_PERSON])
async def test_a_command_without_an_outcome_keeps_its_lane(journal: JournalStore, stuck: State) -> None:
    row = await accepted(journal, booking("c1", lane="x"))
    row = await moved(journal, row, Move(State.SENDING, 1001.0))
    await moved(journal, row, Move(stuck, 1002.0))
    assert await journal.accept(booking("c2", lane="x"), LEASE, 1003.0) == LaneTaken("c1")


async def test_a_key_is_known_again_and_its_body_compared(journal: JournalStore) -> None:
    key = IdempotencyKey("portal/aino/Appointment", "k1", "digest-1")
    await accepted(journal, booking("c1", lane="x"), key)
    assert await journal.accept(booking("c2", lane="x"), LEASE, 1001.0, key) == KeyKnown("c1", same=True)
    other_body = replace(key, fingerprint="digest-2")
    assert await journal.accept(booking("c3", lane="y"), LEASE, 1001.0, other_body) == KeyKnown("c1", same=False)
    other_scope = replace(key, scope="portal/eero/Appointment")
    await accepted(journal, booking("c4", lane="y", start=START + timedelta(hours=1)), other_scope)


async def test_a_key_outlives_its_command(journal: JournalStore) -> None:
    key = IdempotencyKey("s", "k1", "d")
    row = await accepted(journal, booking("c1"), key)
    await moved(journal, row, Move(State.REFUSED, 1001.0))
    assert await journal.accept(booking("c2"), LEASE, 1002.0, key) == KeyKnown("c1", same=True)


async def test_a_command_that_is_not_accepted_leaves_its_key_free(journal: JournalStore) -> None:
    key = IdempotencyKey("s", "k1", "d")
    holder = await accepted(journal, booking("c1", lane="x"))
    assert await journal.accept(booking("c2", lane="x"), LEASE, 1001.0, key) == LaneTaken("c1")
    await moved(journal, holder, Move(State.REFUSED, 1002.0))
    await accepted(journal, booking("c3", lane="x"), key)


async def test_a_time_that_is_held_is_said_to_be(journal: JournalStore) -> None:
    await confirmed(journal, booking("c1"))
    key = IdempotencyKey("s", "k1", "d")
    assert await journal.accept(booking("c2"), LEASE, 1003.0, key) == DuplicateTime("target-c1")
    assert await journal.get("c2") is None
    await accepted(journal, booking("c3", start=START + timedelta(minutes=30)), key)


async def test_the_same_time_elsewhere_or_for_somebody_else_is_free(journal: JournalStore) -> None:
    await confirmed(journal, booking("c1"))
    await accepted(journal, replace(booking("c2", lane="l2"), installation="pegasos-loviisa"))
    await accepted(journal, replace(booking("c3", lane="l3"), subject="eero"))


async def test_a_cancelled_time_is_free_again(journal: JournalStore) -> None:
    await confirmed(journal, booking("c1"))
    row = await accepted(journal, cancelling("c9", "target-c1"))
    row = await moved(journal, row, Move(State.SENDING, 1003.0, sent_at=1003.0))
    await moved(journal, row, Move(State.CONFIRMED, 1004.0, record=record("cancelled", "2")))
    await accepted(journal, booking("c2"))


async def test_a_pending_time_is_held_until_it_proves_not_done(journal: JournalStore) -> None:
    row = await accepted(journal, booking("c1", lane="x"))
    row = await moved(journal, row, Move(State.SENDING, 1001.0, sent_at=1001.0))
    row = await moved(journal, row, Move(State.UNKNOWN, 1002.0, quiet_at=1100.0, wake_at=1003.0))
    assert row.shown
    assert await journal.accept(booking("c2", lane="y"), LEASE, 1003.0) == DuplicateTime("target-c1")
    row = await moved(journal, row, Move(State.REFUSED, 1101.0, problem=Problem("not-done")))
    assert row.shown
    await accepted(journal, booking("c3", lane="y"))


async def test_a_claim_waits_for_the_lease_and_raises_the_fence(journal: JournalStore) -> None:
    await accepted(journal, booking())
    assert await journal.claim("c1", Lease("worker-2", 1100.0), 1059.5) is None
    row = await journal.claim("c1", Lease("worker-2", 1100.0), 1060.0)
    assert row is not None
    assert (row.fence, row.lease_until, row.state) == (2, 1100.0, State.ACCEPTED)
    assert await journal.claim("nothing", LEASE, 2000.0) is None


async def test_a_final_command_cannot_be_claimed(journal: JournalStore) -> None:
    await confirmed(journal, booking())
    assert await journal.claim("c1", LEASE, 5000.0) is None


async def test_only_the_latest_claimant_moves_the_row(journal: JournalStore) -> None:
    first = await accepted(journal, booking())
    second = await journal.claim("c1", Lease("worker-2", 1200.0), 1060.0)
    assert second is not None
    assert await journal.move("c1", first.fence, Move(State.SENDING, 1061.0)) is None
    assert (await moved(journal, second, Move(State.SENDING, 1061.0))).state is State.SENDING
    assert await journal.move("nothing", 1, Move(State.SENDING, 1061.0)) is None


async def test_a_move_changes_what_it_names_and_no_more(journal: JournalStore) -> None:
    row = await accepted(journal, booking())
    assert isinstance(row.new.command, Book)
    prepared = replace(row.new.command, patient=LocalPatient("p-77", AINO.hetu, {"language": "sv"}))
    sending = Move(State.SENDING, 1001.5, sent_at=1001.5, attempts=1, command=prepared, release=False)
    row = await moved(journal, row, sending)
    assert (row.sent_at, row.attempts, row.lease_until, row.new.command) == (1001.5, 1, 1060.0, prepared)
    unknown = Move(State.UNKNOWN, 1002.0, quiet_at=1030.0, wake_at=1003.0, problem=Problem("outcome-unknown", "EOF"))
    row = await moved(journal, row, unknown)
    assert (row.sent_at, row.quiet_at, row.wake_at, row.lease_until) == (1001.5, 1030.0, 1003.0, None)
    row = await moved(journal, row, Move(State.UNKNOWN, 1004.0, looks=1, wake_at=1005.0))
    assert (row.looks, row.attempts, row.problem) == (1, 1, Problem("outcome-unknown", "EOF"))
    row = await moved(journal, row, Move(State.CONFIRMED, 1006.0, record=record(), warning="other-time"))
    assert (row.ended_at, row.warning) == (1006.0, "other-time")
    assert await journal.get("c1") == row


async def test_an_illegal_move_is_a_defect_and_changes_nothing(journal: JournalStore) -> None:
    row = await accepted(journal, booking())
    with pytest.raises(IllegalMove):
        await journal.move("c1", 1, Move(State.CONFIRMED, 1001.0, record=record()))
    assert await journal.get("c1") == row
    await confirmed(journal, booking("c2", lane="y"))
    with pytest.raises(IllegalMove):
        await journal.move("c2", 1, Move(State.REFUSED, 1003.0))


async def test_what_wants_work_is_due_oldest_first(journal: JournalStore) -> None:
    async def at(id_: str, accepted_at: float, hour: int) -> Row:
        row = await journal.accept(
            booking(id_, start=START + timedelta(hours=hour)), Lease("w", accepted_at + 10), accepted_at
        )
        assert isinstance(row, Row)
        return row

    late, early = await at("c-late", 1005.0, 1), await at("c-early", 1001.0, 2)
    unknown, person = await at("c-unknown", 1000.0, 3), await at("c-person", 1000.0, 4)
    ended, sending = await at("c-ended", 1000.0, 5), await at("c-sending", 1002.0, 6)
    for row, state in ((unknown, State.UNKNOWN), (person, State.NEEDS_PERSON), (ended, State.CONFIRMED)):
        row = await moved(journal, row, Move(State.SENDING, 1006.0))
        await moved(journal, row, Move(state, 1007.0, wake_at=1050.0, record=record()))
    await moved(journal, sending, Move(State.SENDING, 1006.0, release=False))

    assert await journal.due(1010.9, 10) == []
    assert await journal.due(1011.0, 10) == ["c-early"]
    assert await journal.due(1049.0, 10) == ["c-early", "c-sending", "c-late"]
    assert await journal.due(1050.0, 10) == ["c-unknown", "c-early", "c-sending", "c-late"]
    assert await journal.due(1050.0, 2) == ["c-unknown", "c-early"]
    assert late.state is early.state is State.ACCEPTED


async def test_an_unknown_row_without_a_time_to_wake_is_due(journal: JournalStore) -> None:
    row = await accepted(journal, booking())
    row = await moved(journal, row, Move(State.SENDING, 1001.0))
    await moved(journal, row, Move(State.UNKNOWN, 1002.0))
    assert await journal.due(1002.0, 10) == ["c1"]
