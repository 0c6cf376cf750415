"""What an adapter's test module gives the contract suite: a `Subject`, as the fixture named ``subject``.

A subject is one installation in a test environment, with the adapter that speaks to it and a back door into the record
system: the desk's hands, a neutral listing of what the system holds, and its faults. Everything is said in canonical
terms and in the neutral names below; how it is done in the record system is the subject's own business.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar, Final

from adapters.base import Adapter, RawMessage
from adapters.call import Call
from canonical.model import Person, TimeKey

LIMIT: Final = 10.0
"""Seconds an ordinary call of the suite may take."""

FAULT_LIMIT: Final = 1.0
"""Seconds a call may take whose answer a fault keeps from coming (see `Subject.fault_limit`)."""


class Fault(StrEnum):
    """What can go wrong with one request. Each says what has been done when the request is over."""

    REFUSE_CONNECTION = "refuse-connection"
    """Nobody listens, and what was connected is closed, until `Subject.disarm`: nothing is done."""
    DROP_REQUEST = "drop-request"
    """The request is read, the connection closed without a byte: nothing is done."""
    HALF_OPEN = "half-open"
    """The request is read and never answered, the connection stays open: nothing is done."""
    ERROR_BEFORE_WORK = "error-before-work"
    """The system's own word for trouble: nothing is done."""
    DROP_ANSWER = "drop-answer"
    """The connection is closed without a byte: the work is done."""
    CUT_REPLY = "cut-reply"
    """The reply ends in the middle: the work is done."""
    GARBAGE = "garbage"
    """Random bytes instead of the reply: the work is done."""
    WRONG_CHARSET = "wrong-charset"
    """The reply is in another character set than it says: the work is done."""
    ERROR_AFTER_WORK = "error-after-work"
    """The system's own word for trouble of which it is not known whether it came before the work: the work is done."""
    SLOW = "slow"
    """The reply comes later than `Subject.fault_limit`: the work is done at once."""
    WORK_LATE = "work-late"
    """No answer; the work is done later, but before the profile's quiescence time is over."""
    DUPLICATE = "duplicate"
    """The reply is sent twice: the work is done once."""
    WRONG_PERSON = "wrong-person"
    """The reply is about another patient: a write is done, for the right one."""
    PENDING_ANSWER = "pending-answer"
    """Received and kept, not yet booked; it stays so while the test runs (only for `Operation.BOOK`)."""


class Operation(StrEnum):
    """What a fault is for: the adapter's method, in one word."""

    BOOK = "book"
    CANCEL = "cancel"
    MOVE = "move"
    HOLD = "hold"
    RELEASE = "release"
    ANSWER = "accept"
    """`Accept` and `Propose`."""
    REGISTER = "register"
    FIND = "find"
    """`Adapter.find_free`."""
    LIST = "list"
    """`Adapter.appointments`."""
    READ = "read"
    """`Adapter.appointment`."""
    PERSON = "person"
    """`Adapter.find_person`."""


@dataclass(frozen=True, slots=True)
class Booking:
    """One booking as the record system holds it. ``status`` is FHIR's word (booked, pending, cancelled …), and
    ``proposed`` of a proposal that waits for the resident."""

    local_id: str
    placer_id: str | None
    hetu: str
    start: datetime
    end: datetime
    status: str


@dataclass(frozen=True, slots=True)
class Minor:
    """A minor known to the installation, and the RestrictionParent codes of their appointments (None: no code)."""

    person: Person
    codes: tuple[str | None, ...]


class Subject(ABC):
    """One installation to be examined. Set the attributes, define the abstract methods; override the rest if need be.

    A subject may be used for one test or for many: the suite takes what is free and known at the moment, and has the
    desk cancel afterwards what it booked. The persons it registers stay.
    """

    adapter: Adapter
    known: Sequence[Person]
    """At least two persons known there (ten make the race livelier), without behaviours of their own."""
    stranger: Person
    """A valid HETU that the installation neither knows nor would register."""
    start: datetime
    """From here ..."""
    end: datetime
    """... until here there are at least 30 free times that hold one person each. Keep it to a few days."""

    services: tuple[str, ...] | None = None
    """The services whose times hold one person each (None: all of them). Group times are not taken for booking."""
    minor: Minor | None = None
    """Needed where the profile claims `Capability.RESTRICTION_PARENT`; welcome where it declares the gap."""
    fault_limit: float = FAULT_LIMIT
    """Seconds to listen for an answer that a fault holds back; the less, the quicker the exam."""
    unknown_appointment: ClassVar[str] = "999999999"
    """A local id of the right shape that no appointment has."""

    @abstractmethod
    async def newcomer(self) -> Person:
        """A person not known there who can be registered; another one at each call."""

    @abstractmethod
    async def desk_book(self, person: Person, time: TimeKey) -> str:
        """Book a known person's ``time`` in the record system itself; its local id, as the adapter names it."""

    @abstractmethod
    async def desk_move(self, local_id: str, time: TimeKey) -> None:
        """Move an appointment to another free ``time`` (of the same service) in the record system itself."""

    @abstractmethod
    async def desk_cancel(self, local_id: str) -> None:
        """Cancel an appointment in the record system itself."""

    @abstractmethod
    async def bookings(self, placer_id: str) -> Sequence[Booking]:
        """What the record system holds under a placer id, whatever its status; not through the adapter."""

    @abstractmethod
    async def arm(self, fault: Fault, operation: Operation) -> None:
        """Let ``fault`` meet the next request of ``operation``. Never called where `no_counterpart` gives a reason."""

    @abstractmethod
    async def disarm(self) -> None:
        """End every fault."""

    def no_counterpart(self, fault: Fault, operation: Operation) -> str | None:
        """Why this wire cannot have ``fault`` in ``operation``; None where it can."""
        return None

    async def desk_propose(self, person: Person, time: TimeKey) -> str:
        """Let the desk propose ``time`` to a known person; its local id. Needed where the profile claims
        `Capability.ANSWER_PROPOSALS`."""
        raise AssertionError("a subject whose profile answers proposals defines desk_propose()")

    async def let_holds_expire(self) -> None:
        """Make every hold of the record system older than it may get (by its clock). Needed where the profile claims
        `Capability.HOLD`."""
        raise AssertionError("a subject whose profile holds times defines let_holds_expire()")

    async def now(self) -> datetime | None:
        """The record system's business time, to which the end of a hold is compared; None where it is not known."""
        return None

    async def held(self, local_id: str) -> Booking:
        """What the record system holds under a local id, whatever its status. Override it with a look past the
        adapter; needed where the profile claims `Capability.ANSWER_PROPOSALS`."""
        raise AssertionError("a subject whose profile answers proposals defines held()")

    async def quiet(self) -> None:
        """Return when the record system is certainly no longer working on an unanswered request sent just now."""
        await asyncio.sleep(self.adapter.profile.quiescence)

    async def is_customer(self, hetu: str) -> bool:
        """Whether the record system knows the person. Override it with a look past the adapter where there is one."""
        return await self.adapter.find_person(Call("contract", LIMIT), hetu) is not None

    async def night_times(self) -> Sequence[TimeKey]:
        """Free times on nights when the Helsinki clock changes, best both 03:30s of an autumn night."""
        return ()

    def no_such_time(self, time: TimeKey) -> TimeKey:
        """A time that does not exist, made from one that does."""
        shift = timedelta(minutes=7)
        return replace(time, start=time.start + shift, end=time.end + shift)

    def stale_version(self, version: str) -> str:
        """A well-formed version that is not the appointment's."""
        return str(int(version) + 1) if version.isdigit() else version[::-1] + "0"

    def raw_message(self, operation: str, reply: bytes) -> RawMessage | None:
        """A recorded reply as `Adapter.decode` takes it; None for replies that hold no records (a token, a plain ack).

        ``operation`` is the exchange's name as the adapter recorded it.
        """
        return RawMessage(operation, reply)
