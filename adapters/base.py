"""The port: everything the hub knows about a record system.

An adapter instance is one *installation*: product, release, address, secrets and options, from configuration. All of
it speaks canonical terms, raises only `adapters.errors`, and never retries a write by itself.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from adapters.call import Call
from adapters.errors import NotSupported
from canonical.commands import Book, Command
from canonical.model import FreeQuery, FreeTime, LocalPatient, Record, RegisteredPerson, TimeKey
from canonical.notes import Note


class Capability(StrEnum):
    """What an installation may be able to do; each is proven, or its absence is, by the contract suite."""

    BOOK = "book"
    CANCEL = "cancel"
    MOVE = "move"
    """An appointment gets another time at once: nobody ever sees it at both, or at none."""
    HOLD = "hold"
    """A time is kept for a person before it is booked, and can be given back."""
    ANSWER_PROPOSALS = "answer-proposals"
    """The desk proposes times; the resident accepts, or asks for another one."""
    REGISTER_PERSON = "register-person"
    DEDUPLICATES = "deduplicates"
    """The same command sent twice has one effect, at the master."""
    CHECKS_VERSION = "checks-version"
    """A cancel or move based on a stale version is refused by the master itself."""
    CHECKS_START = "checks-start"
    """A cancel or move that names another start than the master's is refused by the master itself."""
    RESTRICTION_PARENT = "restriction-parent"
    """Appointments carry who may see a minor's visit."""
    KEEPS_CANCELLED = "keeps-cancelled"
    """An appointment that the desk has cancelled is still shown, as cancelled; where not, it is simply gone."""
    COMMENT = "comment"
    """The resident's text travels with the booking and is read back."""


NEEDS: Final[Mapping[str, Capability]] = {
    "register-person": Capability.REGISTER_PERSON,
    "book": Capability.BOOK,
    "move": Capability.MOVE,
    "cancel": Capability.CANCEL,
    "hold": Capability.HOLD,
    "release": Capability.HOLD,
    "accept": Capability.ANSWER_PROPOSALS,
    "propose": Capability.ANSWER_PROPOSALS,
}
"""What the kind of a command needs."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What the installation can and cannot do, as data.

    ``gaps`` names every Capability that is missing with its reason: the contract suite fails on a declared gap that is
    not there. ``quiescence`` (seconds) is how long the system may still work on a request whose answer we did not get,
    counted from when it was sent. ``limit`` (seconds) is how long one call listens for its answer.
    """

    capabilities: frozenset[Capability]
    gaps: Mapping[Capability, str]
    quiescence: float
    limit: float
    text_limit: int

    def demand(self, command: Command) -> None:
        """Raises `NotSupported`, with the declared reason, for a command that needs what is missing here: to be asked
        before anything of it is sent."""
        wanted = [NEEDS[command.kind]]
        if isinstance(command, Book):
            wanted += [Capability.HOLD] * bool(command.hold) + [Capability.COMMENT] * bool(command.comment)
        for capability in wanted:
            if capability in self.gaps:
                raise NotSupported(f"{command.kind}: {self.gaps[capability]}", capability=capability)


@dataclass(frozen=True, slots=True)
class Installation:
    """One installation as configuration names it. ``options`` are the adapter's own, validated by the adapter."""

    name: str
    system: str
    release: str
    municipalities: tuple[str, ...]
    sectors: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HeldTime:
    """A time is kept: ``token`` (1 to 64 characters) takes it or gives it back, ``until`` (UTC, the master's business
    time) it is kept."""

    token: str
    until: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "until", self.until.astimezone(UTC))


@dataclass(frozen=True, slots=True)
class Done:
    """The record system answered that it did it. ``record`` is what it says it did: the caller checks that it is what
    was asked (status, person, time). ``native`` is its own word for it (``AA``, ``201``).

    A `Hold` gives ``hold`` and no record, a `Release` neither; everything else gives a record. A moved appointment may
    have a new local id: then the record has it.
    """

    record: Record | None
    native: str
    notes: tuple[Note, ...] = ()
    hold: HeldTime | None = None


@dataclass(frozen=True, slots=True)
class RawMessage:
    """Stored wire bytes of one message, and what kind they are (``SRR``, ``Appointment``)."""

    kind: str
    data: bytes


class Adapter(ABC):
    """One installation. Every method takes the `Call` it is part of, which carries the deadline and records the
    exchange; every method may raise `Unavailable`, `OutcomeUnknown` or `Misconfigured`, and what it says itself.

    For a method that only reads, a lost answer is `Unavailable`: nothing can have happened.
    """

    installation: Installation
    profile: Profile

    @abstractmethod
    async def probe(self, call: Call) -> str:
        """Ask for something harmless; the answer is a one-line description of what answered."""

    @abstractmethod
    async def directory(self, call: Call) -> Sequence[Record]:
        """Organization, Location, HealthcareService, Practitioner, PractitionerRole and Schedule, all of them."""

    @abstractmethod
    async def find_free(self, call: Call, query: FreeQuery) -> Sequence[FreeTime]:
        """Free times whose start lies in the span, ordered by start."""

    @abstractmethod
    async def free_time(self, call: Call, time: TimeKey) -> FreeTime | None:
        """That time if it is free now, else None."""

    @abstractmethod
    async def find_person(self, call: Call, hetu: str) -> LocalPatient | None:
        """The person of this HETU, or None where the installation does not know them."""

    @abstractmethod
    async def appointments(self, call: Call, patient: LocalPatient) -> Sequence[Record]:
        """Every appointment of the patient that the interface shows, past and cancelled ones included."""

    @abstractmethod
    async def appointment(self, call: Call, local_id: str) -> Record | None:
        """One appointment as it is now, or None where there is none."""

    @abstractmethod
    async def perform(self, call: Call, command: Command) -> Done:
        """Do it, once. Raises `Refused` and its kinds, `NotSupported`; after an `OutcomeUnknown` it may or may not
        have happened, or happen until the quiescence time is over."""

    @abstractmethod
    async def look(self, call: Call, command: Command) -> Record | None:
        """The effect of a command, looked for by what the master stores of it (placer id, local id, HETU); None where
        there is none *now*. Before the quiescence time is over, None means nothing.

        Of a `Move`, `Accept` or `Propose` it is the appointment as it is now: the caller judges whether that is the
        effect. Of a `Hold` or `Release` it is None always: neither is shown to anybody. Each may be performed again,
        and has one effect: the same `Hold` keeps the time once, and gives a token of it each time.
        """

    @abstractmethod
    def decode(self, raw: RawMessage) -> Sequence[Record]:
        """Map stored bytes again. Pure; raises ValueError for bytes that are no such message."""

    async def close(self) -> None:
        """Let go of connections."""
        return


class PopulationRegister(ABC):
    """The master of demographics: who is behind a HETU."""

    limit: float
    """Seconds one call listens for its answer."""

    @abstractmethod
    async def person(self, call: Call, hetu: str) -> RegisteredPerson | None:
        """The person, or None where the register has no such HETU. Raises `Unavailable` or `Misconfigured`."""

    async def close(self) -> None:
        """Let go of connections."""
        return


def span_contains(query: FreeQuery, start: datetime) -> bool:
    """Whether a time that begins at ``start`` belongs to the query's half-open span."""
    # In UTC: two times of one zone compare by their clock faces, and on one autumn night an hour has two of each.
    return query.start.astimezone(UTC) <= start.astimezone(UTC) < query.end.astimezone(UTC)
