"""What the HTTP face asks of the hub. Nothing here knows HTTP or FHIR JSON beyond the bytes it hands on.

Every use case takes an `Access` and may raise `Failed`, whose code is one of the error contract (``problems.toml``).
Times are seconds of real time since the epoch, or aware datetimes of the patient's world.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from adapters.base import Profile
from hub.access import Access
from hub.criteria import Criterion, Reference, Token

Language = Literal["fi", "sv", "en"]


# What can go wrong


@dataclass(frozen=True, slots=True)
class Link:
    """A resource named in an answer (``Slot/abc``), and what people are shown for it."""

    reference: str
    display: str = ""


class Failed(Exception):
    """The answer is a problem of the error contract.

    ``detail`` is for developers: protocol facts, never personal data. ``expression`` names the elements or parameters
    to blame. ``facts`` fill the contract's templates (``capability``, ``installation``). ``see`` is what is in
    the way (a duplicate's Appointment) or what goes on telling (a receipt ``Task/…``). ``replayed`` is set when
    it is the answer of an earlier request with the same key. ``also`` are further problems of the same request.
    """

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        expression: Sequence[str] = (),
        facts: Mapping[str, str] | None = None,
        retry_after: float | None = None,
        alternatives: Sequence[Link] = (),
        see: Link | Sequence[Link] = (),
        replayed: bool = False,
        also: Sequence[Failed] = (),
    ) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail
        self.expression = tuple(expression)
        self.facts: Mapping[str, str] = facts or {}
        self.retry_after = retry_after
        self.alternatives = tuple(alternatives)
        self.see = (see,) if isinstance(see, Link) else tuple(see)
        self.replayed = replayed
        self.also = tuple(also)


# What is asked


def _nothing(_: str) -> None:
    return None


@dataclass(frozen=True, slots=True)
class RequestContext:
    """The request a use case works for. ``deadline`` is when the portal's wait ends, in real time; ``reached`` is told
    each failpoint by name."""

    request_id: str
    language: Language
    deadline: float
    reached: Callable[[str], None] = _nothing


@dataclass(frozen=True, slots=True)
class PageRequest:
    """At most ``count`` items (1-200; 0: only the total), after ``cursor``, a token of an earlier `Results.next`.

    ``descending`` turns the kind's order round (`Appointment` by start; others by id, always ascending). ``counted``:
    the total is wanted though it costs (of free times everybody must be asked for all).
    """

    count: int
    cursor: str | None = None
    descending: bool = False
    counted: bool = False


@dataclass(frozen=True, slots=True)
class SlotQuery:
    """Which free times are asked for. ``start`` and ``end`` bound the beginning of the time (None: the default of the
    use case: from now, for 14 days). Of each tuple any may match; empty: all. ``around`` are several such tuples: of
    each one must be an actor of the calendar, or what an actor belongs to (a unit's organisation)."""

    start: datetime | None = None
    end: datetime | None = None
    service_type: tuple[Token, ...] = ()
    service_category: tuple[Token, ...] = ()
    schedule: tuple[Reference, ...] = ()
    actor: tuple[Reference, ...] = ()
    municipality: tuple[str, ...] = ()
    sector: tuple[str, ...] = ()
    language: tuple[str, ...] = ()
    specialty: tuple[Token, ...] = ()
    around: tuple[tuple[Reference, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class ClientIdentifier:
    """A portal's own identifier of a booking."""

    system: str | None
    value: str


@dataclass(frozen=True, slots=True)
class Claim:
    """What a client says of a time beside naming it; it has to be so. ``expression`` is where it is said, ``element``
    of what (``serviceType``, ``participant``), ``values`` what: any of a concept's codes, or type and id of an actor.
    """

    expression: str
    element: str
    values: tuple[Token, ...]


@dataclass(frozen=True, slots=True)
class BookRequest:
    """A new booking, already valid in itself. ``start``, ``end`` and ``minutes`` are given where the client said them:
    they must be the slot's (`slot-mismatch` otherwise), as must the ``claims`` (`slot-contradicted`). ``raw`` is the
    body as it came (the key's fingerprint). ``patient`` is the subject's Patient id."""

    slot_id: str
    patient: str
    start: datetime | None
    end: datetime | None
    minutes: int | None
    comment: str
    reason: str
    identifiers: tuple[ClientIdentifier, ...]
    claims: tuple[Claim, ...]
    raw: bytes
    key: str | None = None
    if_none_exist: tuple[Criterion, ...] | None = None


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """A cancellation: nothing else differs from version ``expected_version``, which the client has seen.

    ``reason`` is the resident's text, ``reason_code`` the coded one."""

    appointment_id: str
    expected_version: int
    reason: str
    reason_code: Token | None
    body: dict[str, Any]
    raw: bytes
    key: str | None = None


@dataclass(frozen=True, slots=True)
class MoveRequest:
    """Another time for an appointment: nothing else differs from version ``expected_version``, which the client has
    seen. For a proposal that `awaits_answer` it asks the unit for that time.

    ``start``, ``end`` and ``minutes`` are given where the client said them: they must be the slot's, or as they were.
    ``comment`` is the resident's text, where it is a new one."""

    appointment_id: str
    expected_version: int
    slot_id: str
    start: datetime | None
    end: datetime | None
    minutes: int | None
    comment: str
    raw: bytes
    key: str | None = None


@dataclass(frozen=True, slots=True)
class AcceptRequest:
    """The resident accepts what the unit proposes: nothing else differs from version ``expected_version``."""

    appointment_id: str
    expected_version: int
    raw: bytes
    key: str | None = None


ChangeRequest = CancelRequest | MoveRequest | AcceptRequest


@dataclass(frozen=True, slots=True)
class HoldRequest:
    """A time that is to be held for ``patient``, the subject's Patient id, or given back. ``raw`` is the body as it
    came (the key's fingerprint)."""

    slot_id: str
    patient: str
    raw: bytes
    key: str | None = None


# What is answered


@dataclass(frozen=True, slots=True)
class Found:
    """One stored resource as bytes. ``version`` and ``last_updated`` are None for what has none (a Slot).

    ``proven_at`` is when the master last said so; ``stale`` that it was asked just now and did not answer.
    """

    kind: str
    id: str
    json: bytes
    version: int | None
    last_updated: float | None
    proven_at: float
    stale: bool = False


@dataclass(frozen=True, slots=True)
class Created:
    """Booked at the master. ``warning`` is a code of the contract (`other-time`)."""

    found: Found
    warning: str | None = None
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Updated:
    """Changed at the master."""

    found: Found
    warning: str | None = None
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """The record system keeps the time until ``until`` (its business time); ``slot`` is the Slot in JSON."""

    slot_id: str
    slot: bytes
    until: datetime
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Existing:
    """If-None-Exist found exactly one; nothing was done."""

    found: Found


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may have happened: the receipt ``Task/task_id`` will tell. ``target`` is the Appointment's id; ``code`` is of
    the contract (`outcome-unknown`, `pending-at-record-system`, `quarantined`)."""

    task_id: str
    target: str | None
    code: str = "outcome-unknown"
    retry_after: float = 2.0
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer as it was sent, byte for byte."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


Answer = Created | Updated | Existing | Unknown | Kept


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of a searchset."""

    kind: str
    id: str
    json: bytes
    mode: Literal["match", "include"] = "match"


@dataclass(frozen=True, slots=True)
class Missing:
    """An installation that did not answer. ``name`` is what people call it; ``since`` (real time) when it was last
    heard, where known; ``why`` is for developers."""

    installation: str
    name: str
    since: float | None
    why: str


@dataclass(frozen=True, slots=True)
class Results:
    """One page. ``next`` is an opaque, URL-safe token (None: the last page). ``total`` counts all pages' matches that
    the caller may see, None where it is not known; it is never shown while something is missing."""

    items: Sequence[Item]
    next: str | None = None
    total: int | None = None
    missing: Sequence[Missing] = ()


@dataclass(frozen=True, slots=True)
class InstallationState:
    """One installation as it is now. ``up`` is None while it has not been asked; ``since`` is when that began."""

    name: str
    system: str
    release: str
    municipalities: tuple[str, ...]
    sectors: tuple[str, ...]
    profile: Profile
    up: bool | None
    since: float | None
    directory_at: float | None


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether this process can serve. ``store`` is whether it can be read and written."""

    ready: bool
    store: bool
    installations: Sequence[InstallationState]


class UseCases(Protocol):
    """The hub, as the HTTP face sees it."""

    async def whoami(self, token: str) -> Access | None:
        """Whose token it is; None for a token that is none. Fast, without I/O."""

    async def book(self, access: Access, request: BookRequest, context: RequestContext) -> Answer: ...

    async def cancel(self, access: Access, request: CancelRequest, context: RequestContext) -> Answer: ...

    async def move(self, access: Access, request: MoveRequest, context: RequestContext) -> Answer: ...

    async def accept(self, access: Access, request: AcceptRequest, context: RequestContext) -> Answer: ...

    async def hold(self, access: Access, request: HoldRequest, context: RequestContext) -> Held | Unknown: ...

    async def release(self, access: Access, request: HoldRequest, context: RequestContext) -> Unknown | None:
        """None when it is done; also for what is not held any more."""

    async def remember(self, access: Access, request: BookRequest | ChangeRequest, answer: Kept) -> None:
        """Keep the rendered answer of a finished request that carried a key, for the next one with that key. Called for
        final answers only. Raises nothing: an answer that was not kept is made again from the journal."""

    def read_now(self, access: Access, kind: str, hub_id: str) -> Found | None:
        """What is proven within the window, from the store alone; None: use `read`. The hot path."""

    async def read(
        self, access: Access, kind: str, hub_id: str, *, fresh: bool, context: RequestContext
    ) -> Found | None:
        """The resource, None where there is none for this caller. ``fresh`` asks the master whatever is stored.
        Also of kinds ``Slot`` (taken or past: ``busy``) and ``Task``."""

    async def version(
        self, access: Access, kind: str, hub_id: str, version: int, context: RequestContext
    ) -> Found | None:
        """One version of a stored resource as it was; None where there is none for this caller."""

    async def history(self, access: Access, kind: str, hub_id: str, context: RequestContext) -> Sequence[Found]:
        """Every version that the hub has seen of a resource and the caller may see, newest first; none where the
        resource itself is not to be seen now."""

    async def search(
        self, access: Access, kind: str, criteria: Sequence[Criterion], page: PageRequest, context: RequestContext
    ) -> Results:
        """Directory kinds, Patient, Appointment, Task; only what the caller may see."""

    async def free_times(
        self, access: Access, query: SlotQuery, page: PageRequest, context: RequestContext
    ) -> Results: ...

    async def installations(self) -> Sequence[InstallationState]: ...

    async def readiness(self) -> Readiness: ...


def awaits_answer(appointment: Mapping[str, Any]) -> bool:
    """Whether an Appointment is a proposal that waits for the resident's word."""
    actors = [(one.get("actor", {}).get("reference", ""), one) for one in appointment.get("participant", ())]
    asked = any(one.get("status") == "needs-action" for name, one in actors if name.startswith("Patient/"))
    return asked and appointment.get("status") in ("pending", "proposed")


# What is kept of it


@dataclass(frozen=True, slots=True)
class Disclosure:
    """Who saw, asked or was denied what: the audit record, committed before the answer leaves.

    ``event`` is type and interaction (``Appointment.search``); ``outcome`` ``success`` or the problem's code;
    ``released`` references (``Appointment/1``); ``query`` the raw search (sealed at rest).
    """

    at: float
    request_id: str
    access: Access | None
    event: str
    outcome: str
    released: tuple[str, ...] = ()
    query: bytes = b""


@dataclass(frozen=True, slots=True)
class ApiExchange:
    """One API request and its answer, for `silta msg show`. ``route`` is the template (``/fhir/Appointment/{id}``);
    ``target`` the path and query as they came, HETUs and tokens masked; headers come without Authorization."""

    request_id: str
    started: float
    ended: float
    access: Access | None
    method: str
    route: str
    target: str
    status: int
    headers: tuple[tuple[bytes, bytes], ...] = field(repr=False)
    body: bytes = field(repr=False)
    answer_headers: tuple[tuple[bytes, bytes], ...] = field(repr=False)
    answer: bytes = field(repr=False)


class Ledger(Protocol):
    """Where audit records and exchanges go."""

    async def released(self, entry: Disclosure) -> None:
        """Durable when it returns; raises ``Failed("no-store")`` where that cannot be."""

    def exchanged(self, entry: ApiExchange) -> None:
        """Kept soon; never waited for, raises nothing."""
