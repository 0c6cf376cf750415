"""What the journal needs of the world: a clock, chance, a store and a way to the record systems.

Times are seconds of real time since the epoch (floats): leases, quiescence and deadlines live on real time, whatever
the business clock says. Every `JournalStore` method is one transaction, durable when it returns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from adapters.base import Done
from canonical.commands import Command
from canonical.model import Record
from hub.journal.states import State


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a command is refused or stuck: a stable ``code`` of the error contract, and facts for developers (never
    personal data) in ``detail``."""

    code: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class NewCommand:
    """A write as it is accepted. Ids are the hub's.

    ``subject`` is whose matter it is (Patient id), ``target`` the Appointment it makes or changes (a booking's is
    reserved here), ``lane`` the thing of which at most one command may be open at a time.
    """

    id: str
    installation: str
    command: Command
    subject: str
    target: str | None
    lane: str
    deadline: float
    request_id: str
    client: str
    resident: str
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A client's Idempotency-Key with its scope (client, resident, route) and the digest of the request's body."""

    scope: str
    key: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Row:
    """A command with its state. ``fence`` grows with every claim: only the latest claimant may move the row.

    ``sent_at`` is when sending began; ``quiet_at`` is when the record system is certainly no longer working on it (set
    with `State.UNKNOWN`); ``looks`` counts the looks that settled nothing; ``shown`` is whether somebody may have been
    told of the pending appointment.
    """

    new: NewCommand
    state: State
    fence: int
    accepted_at: float
    attempts: int = 0
    looks: int = 0
    sent_at: float | None = None
    quiet_at: float | None = None
    wake_at: float | None = None
    lease_until: float | None = None
    ended_at: float | None = None
    shown: bool = False
    problem: Problem | None = None
    warning: str | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """One step of a command. None leaves a field as it is; ``release`` gives up the lease.

    ``command`` replaces the stored command (it was completed in preparation). ``record`` is the master's state of the
    target: it enters the projection in the same transaction, as an observation made by this write.
    """

    to: State
    at: float
    sent_at: float | None = None
    quiet_at: float | None = None
    wake_at: float | None = None
    problem: Problem | None = None
    warning: str | None = None
    command: Command | None = None
    record: Record | None = None
    attempts: int | None = None
    looks: int | None = None
    release: bool = True


@dataclass(frozen=True, slots=True)
class LaneTaken:
    """Not accepted: another command of the same lane is open."""

    command_id: str


@dataclass(frozen=True, slots=True)
class DuplicateTime:
    """Not accepted: the person holds a live appointment of that installation at that start already."""

    appointment: str


@dataclass(frozen=True, slots=True)
class KeyKnown:
    """Not accepted: the Idempotency-Key has been used; ``same`` is whether by the same request."""

    command_id: str
    same: bool


@dataclass(frozen=True, slots=True)
class Lease:
    """Who works on a command, and until when (real time)."""

    owner: str
    until: float


class RecordQuarantined(Exception):
    """The store does not take a record: it is another patient's. Nothing of the move was made."""


class Clock(Protocol):
    """Real time."""

    def now(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


class Rng(Protocol):
    """Chance, for jitter."""

    def random(self) -> float: ...


class JournalStore(Protocol):
    """The journal's rows. Each method is one durable transaction; none blocks another command for long."""

    async def accept(
        self,
        new: NewCommand,
        lease: Lease,
        at: float,
        key: IdempotencyKey | None = None,
        sending: Move | None = None,
    ) -> Row | LaneTaken | DuplicateTime | KeyKnown:
        """Write the row as `accepted`, leased to the caller with fence 1, and the key bound to it; or say why not.

        ``sending`` is the first move of a command that needs nothing more: it is made in the same transaction.
        """

    async def begin(
        self, step: NewCommand, fence: int, lease: Lease, at: float
    ) -> Row | LaneTaken | DuplicateTime | None:
        """`accept` a step of the open command ``step.parent``, if ``fence`` is still that one's; None when another has
        claimed it."""

    async def claim(self, command_id: str, lease: Lease, now: float) -> Row | None:
        """Lease an open row that nobody holds at ``now`` (fence + 1); None when it is final, held or not there."""

    async def move(self, command_id: str, fence: int, move: Move) -> Row | None:
        """Make the move if ``fence`` is still the row's; None when another has claimed it. Raises IllegalMove, and
        RecordQuarantined for a record that is another patient's."""

    async def get(self, command_id: str) -> Row | None:
        """The row as it is."""

    async def due(self, now: float, limit: int) -> list[str]:
        """Open rows that nobody holds and that want work: `accepted`, `sending`, and `unknown` with ``wake_at`` past;
        oldest first. Rows that need a person are not due."""


@dataclass(frozen=True, slots=True)
class Terms:
    """An installation's times, in seconds: see `adapters.base.Profile`."""

    quiescence: float
    limit: float


class Net(Protocol):
    """The way to the record systems; raises `adapters.errors`."""

    def terms(self, installation: str) -> Terms: ...

    def prepared(self, new: NewCommand) -> Command | None:
        """What `prepare` would give, where that is known without asking anybody; else None."""

    def in_steps(self, new: NewCommand) -> bool:
        """Whether it is a move at an installation that cannot move: see `hub.journal.steps`."""

    async def prepare(self, row: Row) -> Command:
        """The command with everything it needs before it can be sent (who the person is at the installation). Nothing
        of the command itself is sent. Raises `Unavailable` or `Refused` when that cannot be had."""

    async def perform(self, row: Row, command: Command) -> Done:
        """Send it, once."""

    async def look(self, row: Row) -> Record | None:
        """Look for its effect."""


def _never(_: str) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything the journal touches. ``owner`` names this process; ``reached`` is told each failpoint by name."""

    clock: Clock
    rng: Rng
    store: JournalStore
    net: Net
    owner: str
    reached: Callable[[str], None] = _never
