"""The journal's rows in SQL. What a row means and which moves it may make is `hub.journal`'s; here it is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import Connection, Integer, and_, bindparam, delete, or_, select, update
from sqlalchemy import Row as SqlRow

from canonical.commands import Book, dump, load
from hub.journal.ports import (
    DuplicateTime,
    IdempotencyKey,
    KeyKnown,
    LaneTaken,
    Lease,
    Move,
    NewCommand,
    Problem,
    Row,
)
from hub.journal.states import FINAL, MOVES, OPEN, State, check
from hub.sealing import Sealer
from hub.store.batch import keep_own_identifiers
from hub.store.database import Database
from hub.store.ingest import held
from hub.store.pending import UNSETTLED, Effects
from hub.store.prepared import Prepared
from hub.store.schema import Moment, command, idempotency
from hub.store.sql import insert_or_leave, one_of

_PAYLOAD: Final = "command.payload"

Accepted = Row | LaneTaken | DuplicateTime | KeyKnown


class SqlJournal:
    """`hub.journal.ports.JournalStore` on a `Database`. Every method raises `StoreUnavailable`."""

    def __init__(self, database: Database, sealer: Sealer, effects: Effects, now: Callable[[], float]) -> None:
        self._database = database
        self._sealer = sealer
        self._effects = effects
        self._now = now

    async def accept(
        self,
        new: NewCommand,
        lease: Lease,
        at: float,
        key: IdempotencyKey | None = None,
        sending: Move | None = None,
    ) -> Row | LaneTaken | DuplicateTime | KeyKnown:
        """See `JournalStore.accept`. A known key is said before a taken lane, that before a duplicate time."""
        row, values = self._made(new, lease, at)
        if sending is not None:
            check(row.state, sending.to)
            values |= self._changes(sending)
            row = _first_moved(row, sending)

        def work(connection: Connection) -> Accepted:
            if key is not None and (known := _key_known(connection, key, new.id, at)):
                return known
            refused = _inserted(connection, new, values)
            if refused is None:
                if isinstance(new.command, Book) and new.command.identifiers and new.target is not None:
                    keep_own_identifiers(connection, self._sealer, new.target, new.command)
                return row
            # Nothing of a command that is not accepted stays, its key neither: the portal may use it again.
            if key is not None:
                _DROP_KEY.run(connection, {"by_scope": key.scope, "by_key": key.key})
            return refused

        return await self._database.write(work)

    async def begin(
        self, step: NewCommand, fence: int, lease: Lease, at: float
    ) -> Row | LaneTaken | DuplicateTime | None:
        """See `JournalStore.begin`."""
        assert step.parent is not None, "a step has a parent"
        row, values = self._made(step, lease, at)
        parent = {"by_id": step.parent}

        def work(connection: Connection) -> Row | LaneTaken | DuplicateTime | None:
            held = _LOCKED.one_or_none(connection, parent)
            if held is None or held.fence != fence or State(held.state) in FINAL:
                return None
            return _inserted(connection, step, values) or row

        return await self._database.write(work)

    def _made(self, new: NewCommand, lease: Lease, at: float) -> tuple[Row, dict[str, Any]]:
        """A new command as the journal knows it, and as it is kept."""
        payload = self._sealer.seal(dump(new.command), _PAYLOAD)
        return Row(new, State.ACCEPTED, 1, at, lease_until=lease.until), _values(new, lease, at) | {"payload": payload}

    async def claim(self, command_id: str, lease: Lease, now: float) -> Row | None:
        """See `JournalStore.claim`."""
        lease_row = {"by_id": command_id, "now": now, "lease_owner": lease.owner, "lease_until": lease.until}
        return await self._database.write(lambda connection: self._maybe(_CLAIM.one_or_none(connection, lease_row)))

    async def move(self, command_id: str, fence: int, move: Move) -> Row | None:
        """See `JournalStore.move`. Raises `AnotherPatientRecord` for a record of somebody else: nothing moved."""
        statement = _MOVE_UNSETTLED if move.to in UNSETTLED else _MOVE
        which = {"by_id": command_id, "by_fence": fence, "by_states": _BEFORE[move.to]}
        changes = self._changes(move) | which

        def work(connection: Connection) -> Row | None:
            moved = statement.one_or_none(connection, changes)
            if moved is None:
                held = self._locked(connection, command_id)
                if held is not None and held.fence == fence:
                    check(held.state, move.to)
                return None
            after = self.row(moved)
            self._effects.of_move(connection, after, move.record, move.at)
            return after

        return await self._database.write(work)

    async def show_pending(self, command_id: str) -> Row | None:
        """The portal's wait ends before the command does: show that its outcome is not known yet. The row as it is
        (with its final word, when it has ended meanwhile); None where there is none."""
        at = self._now()

        def work(connection: Connection) -> Row | None:
            row = self._locked(connection, command_id)
            if row is None or row.state in FINAL or row.new.target is None:
                return row
            self._effects.show(connection, row, at)
            return self.row(_CHANGE.one(connection, {"by_id": command_id, "shown": True}))

        return await self._database.write(work)

    async def known(self, key: IdempotencyKey) -> KeyKnown | None:
        """Whose the key is, without using it; None for a key that is new."""
        by_key = {"by_scope": key.scope, "by_key": key.key}
        row = await self._database.read(lambda connection: _KEY.one_or_none(connection, by_key))
        return None if row is None else KeyKnown(row.command_id, same=row.fingerprint == key.fingerprint)

    async def release_all(self) -> None:
        """Take every lease away. Only for whoever knows that no other process works on this store."""
        held = command.c.lease_until.is_not(None)
        freed = update(command).where(held).values(lease_owner=None, lease_until=None)
        await self._database.write(lambda connection: connection.execute(freed))

    async def get(self, command_id: str) -> Row | None:
        """See `JournalStore.get`."""
        return await self._database.read(
            lambda connection: self._maybe(_BY_ID.one_or_none(connection, {"by_id": command_id}))
        )

    async def in_lane(self, lane: str) -> Row | None:
        """The open command of the lane; None where there is none."""
        by_lane = {"by_lane": lane}
        return await self._database.read(lambda connection: self._maybe(_OPEN_IN_LANE.one_or_none(connection, by_lane)))

    async def due(self, now: float, limit: int) -> list[str]:
        """See `JournalStore.due`. An unknown row without a time to wake is due: nothing waits for ever unseen."""
        wanted = {"now": now, "most": limit}
        return await self._database.read(lambda connection: [row.id for row in _DUE.all(connection, wanted)])

    def _changes(self, move: Move) -> dict[str, Any]:
        """The columns that the move changes."""
        given = {
            "sent_at": move.sent_at,
            "quiet_at": move.quiet_at,
            "wake_at": move.wake_at,
            "problem_code": move.problem.code if move.problem else None,
            "problem_detail": move.problem.detail if move.problem else None,
            "warning": move.warning,
            "attempts": move.attempts,
            "looks": move.looks,
            "payload": self._sealer.seal(dump(move.command), _PAYLOAD) if move.command else None,
        }
        changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        changes |= {"state": move.to.value, "changed_at": move.at}
        if move.release:
            changes |= {"lease_owner": None, "lease_until": None}
        if move.to in FINAL:
            changes |= {"ended_at": move.at, "open_lane": None}
        return changes

    def _locked(self, connection: Connection, command_id: str) -> Row | None:
        return self._maybe(_LOCKED.one_or_none(connection, {"by_id": command_id}))

    def _maybe(self, row: SqlRow[Any] | None) -> Row | None:
        return self.row(row) if row is not None else None

    def row(self, row: SqlRow[Any]) -> Row:
        """A row of the table `command` as the journal knows it."""
        return Row(
            new=self._new(row),
            state=State(row.state),
            fence=row.fence,
            accepted_at=row.accepted_at,
            attempts=row.attempts,
            looks=row.looks,
            sent_at=row.sent_at,
            quiet_at=row.quiet_at,
            wake_at=row.wake_at,
            lease_until=row.lease_until,
            ended_at=row.ended_at,
            shown=row.shown,
            problem=Problem(row.problem_code, row.problem_detail) if row.problem_code is not None else None,
            warning=row.warning,
        )

    def _new(self, row: SqlRow[Any]) -> NewCommand:
        return NewCommand(
            id=row.id,
            installation=row.installation,
            command=load(self._sealer.open(row.payload, _PAYLOAD)),
            subject=row.subject,
            target=row.target,
            lane=row.lane,
            deadline=row.deadline,
            request_id=row.request_id,
            client=row.client,
            resident=row.resident,
            parent=row.parent,
        )


def _nobody_holds(now: Any) -> Any:
    return or_(command.c.lease_until.is_(None), command.c.lease_until <= now)


_NOW: Final = bindparam("now", type_=Moment())
_IS_OPEN: Final = command.c.state.in_(sorted(state.value for state in OPEN))
_ONE: Final = select(command).where(command.c.id == bindparam("by_id"))
_BY_ID: Final = Prepared(_ONE)
_LOCKED: Final = Prepared(_ONE.with_for_update())
_CHANGED: Final = update(command).where(command.c.id == bindparam("by_id")).returning(command)
_CHANGE: Final = Prepared(_CHANGED)
_MOVED: Final = _CHANGED.where(
    command.c.fence == bindparam("by_fence"), command.c.state.in_(one_of("by_states"))
).values(version=command.c.version + 1)
_MOVE: Final = Prepared(_MOVED)
# From now on somebody may have seen the pending appointment of a booking.
_SHOWN: Final = or_(command.c.shown, and_(command.c.kind == "book", command.c.target.is_not(None)))
_MOVE_UNSETTLED: Final = Prepared(_MOVED.values(shown=_SHOWN))
_BEFORE: Final = {to: sorted(state.value for state in State if to in MOVES[state]) for to in State}
_CLAIM: Final = Prepared(
    update(command)
    .where(command.c.id == bindparam("by_id"), _IS_OPEN, _nobody_holds(_NOW))
    .values(fence=command.c.fence + 1)
    .returning(command)
)
_WANTS_WORK: Final = or_(
    command.c.state.in_([State.ACCEPTED.value, State.SENDING.value]),
    and_(command.c.state == State.UNKNOWN.value, or_(command.c.wake_at.is_(None), command.c.wake_at <= _NOW)),
)
_DUE: Final = Prepared(
    select(command.c.id)
    .where(_WANTS_WORK, _nobody_holds(_NOW))
    .order_by(command.c.accepted_at, command.c.id)
    .limit(bindparam("most", type_=Integer()))
)
_LANE: Final = Prepared(select(command.c.id).where(command.c.open_lane == bindparam("by_lane")))
_OPEN_IN_LANE: Final = Prepared(select(command).where(command.c.open_lane == bindparam("by_lane")))
_IS_KEY: Final = (idempotency.c.scope == bindparam("by_scope"), idempotency.c.key == bindparam("by_key"))
_KEY: Final = Prepared(select(idempotency.c.command_id, idempotency.c.fingerprint).where(*_IS_KEY))
_DROP_COMMAND: Final = Prepared(delete(command).where(command.c.id == bindparam("by_id")))
_DROP_KEY: Final = Prepared(delete(idempotency).where(*_IS_KEY))


def _key_known(connection: Connection, key: IdempotencyKey, command_id: str, at: float) -> KeyKnown | None:
    """Bind the key to the command, or say whose it is. A concurrent user of the key is waited for by the insert."""
    row = {"scope": key.scope, "key": key.key, "fingerprint": key.fingerprint}
    bound = insert_or_leave(connection, idempotency, *idempotency.primary_key)
    if bound.one_or_none(connection, row | {"command_id": command_id, "created_at": at}) is not None:
        return None
    known = _KEY.one(connection, {"by_scope": key.scope, "by_key": key.key})
    return KeyKnown(known.command_id, same=known.fingerprint == key.fingerprint)


def _first_moved(row: Row, move: Move) -> Row:
    """A row that is sent with its acceptance."""
    new = row.new if move.command is None else replace(row.new, command=move.command)
    return replace(row, new=new, state=move.to, attempts=move.attempts or 0, sent_at=move.sent_at)


def _values(new: NewCommand, lease: Lease, at: float) -> dict[str, Any]:
    """The row of a new command, without its payload."""
    return {
        "id": new.id,
        "kind": new.command.kind,
        "installation": new.installation,
        "subject": new.subject,
        "target": new.target,
        "lane": new.lane,
        "open_lane": new.lane,
        "deadline": new.deadline,
        "request_id": new.request_id,
        "client": new.client,
        "resident": new.resident,
        "parent": new.parent,
        "state": State.ACCEPTED.value,
        "fence": 1,
        "accepted_at": at,
        "attempts": 0,
        "looks": 0,
        "lease_owner": lease.owner,
        "lease_until": lease.until,
        "version": 1,
        "changed_at": at,
        "shown": False,
    }


def _insert(connection: Connection, row: dict[str, Any]) -> LaneTaken | None:
    """Insert the row, or say who has the lane. The insert waits for a concurrent user of the lane to be done."""
    free = insert_or_leave(connection, command, command.c.open_lane)
    while free.one_or_none(connection, row) is None:
        taken = _LANE.scalar(connection, {"by_lane": row["open_lane"]})
        if taken is not None:
            return LaneTaken(taken)
        # The holder ended between the two statements: the lane is free now.
    return None


def _inserted(connection: Connection, new: NewCommand, row: dict[str, Any]) -> LaneTaken | DuplicateTime | None:
    """Insert the row, or say why not and leave nothing of it."""
    taken = _insert(connection, row)
    if taken is not None:
        return taken
    duplicate = _duplicate(connection, new)
    if duplicate is not None:
        _DROP_COMMAND.run(connection, {"by_id": new.id})
    return duplicate


def _duplicate(connection: Connection, new: NewCommand) -> DuplicateTime | None:
    """Whether the subject holds the time already. After the insert, which waited for whoever had the lane."""
    if not isinstance(new.command, Book):
        return None
    appointment = held(connection, new.subject, new.installation, new.command.time.start)
    return DuplicateTime(appointment) if appointment is not None else None
