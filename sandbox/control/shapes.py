"""The bodies of the control interface: neutral shapes, the same for every vendor. Times are ISO-8601 with offset."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictInt

from sandbox.faults import OPERATIONS

StatusName = Literal["booked", "cancelled", "noshow", "fulfilled", "pending", "proposed"]
WhoText = Annotated[str, Field(description="a test person's key (`aino`) or the HETU of any resident")]


def _written_out(value: object) -> object:
    """Refuse numbers, which pydantic would take for seconds since 1970: `2027` is no year to it."""
    if not isinstance(value, datetime) and not (isinstance(value, str) and "T" in value):
        raise ValueError("write the time out, with its offset: 2027-03-22T08:00:00+02:00")
    return value


Instant = Annotated[AwareDatetime, BeforeValidator(_written_out)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Problem(BaseModel):
    """Every refusal: a stable code, and a text that says what to do. No text repeats a HETU."""

    error: str = Field(examples=["slot-taken"])
    message: str = Field(examples=["The time is taken. Choose another one of GET /installations/{name}/free-times."])


class Ready(BaseModel):
    """Whether everything listens, and what state the sandbox is in. `faults` counts the armed ones, everywhere.

    `snapshot` is the one last saved or loaded; what happened since is not in it.
    """

    ready: bool
    problems: list[str]
    seed: int
    residents: int
    clock: datetime
    frozen: bool
    faults: int
    snapshot: str | None = Field(examples=["after-booking"])


class InstallationShape(BaseModel):
    """One installation and how it is doing. `faults` counts the armed ones, without the test persons' behaviours."""

    name: str = Field(examples=["pegasos-loviisa"])
    system: str = Field(examples=["pegasos"])
    release: str
    protocol: str
    address: str = Field(examples=["mllp://127.0.0.1:8084"])
    manual: str = Field(examples=["sandbox/pegasos/INTERFACE.md"])
    municipalities: list[str]
    sectors: list[str]
    listening: bool
    problem: str | None
    faults: int


class PersonShape(BaseModel):
    """A test person: who, and what always happens to their commands through a vendor's interface."""

    key: str = Field(examples=["aino"])
    name: str
    hetu: str
    municipality: str
    language: str
    guardians: list[str]
    customer_of: list[str]
    behaviour: str


class Booking(BaseModel):
    """One appointment in the neutral shape. `person` is a HETU, `placer_id` the other side's own id, if it gave one.

    `by_resident`: a proposed one whose time is the resident's wish; it waits for the desk's decision.
    """

    id: str = Field(examples=["A20001"])
    placer_id: str | None
    person: str = Field(examples=["010594Y9021"])
    start: datetime = Field(examples=["2027-03-23T09:00:00+02:00"])
    end: datetime
    unit: str = Field(examples=["U1"])
    service: str = Field(examples=["YLE"])
    calendar: str = Field(examples=["C11"])
    professional: str
    status: StatusName
    version: int
    booked_by: Literal["interface", "desk"]
    text: str
    reason: str
    restriction_parent: int | None
    by_resident: bool
    created: datetime
    updated: datetime


class Visit(Booking):
    """A booking, and where it is."""

    installation: str = Field(examples=["pegasos-loviisa"])


class PersonLink(BaseModel):
    """Where a person is a customer, under which number there, and since when."""

    installation: str
    number: str
    registered: datetime


class PersonEverywhere(BaseModel):
    """A person with their links and visits everywhere. Whoever is no test person has neither key nor behaviour.

    `guardians` are keys, and name test persons only.
    """

    key: str | None
    name: str
    hetu: str
    municipality: str
    language: str
    guardians: list[str]
    behaviour: str
    links: list[PersonLink]
    visits: list[Visit]


class PersonSearch(_Body):
    """Who to show."""

    person: WhoText


class BookingSearch(_Body):
    """Filters, all of which must fit. `start` <= booking.start < `end`; `updated_since` is inclusive, virtual time."""

    person: WhoText | None = None
    start: Instant | None = None
    end: Instant | None = None
    status: StatusName | None = None
    placer_id: str | None = None
    calendar: str | None = None
    updated_since: Instant | None = None


class HoldShape(BaseModel):
    """A place kept for a person. `reference` is the client's own id; `booking` what it became, within the last 24 h."""

    person: str = Field(examples=["010594Y9021"])
    reference: str
    calendar: str
    unit: str
    service: str
    start: datetime
    end: datetime
    expires_at: datetime
    booking: str | None


class FreeTimeShape(BaseModel):
    """A time that may be booked now; `left` places are free (more than one in group services only)."""

    calendar: str
    professional: str
    unit: str
    service: str
    start: datetime
    end: datetime
    left: int


class DeskBook(_Body):
    """The desk books: at `start`, in the named calendar, or in the first free one of the service and unit."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"person": "aino", "service": "YLE", "start": "2027-03-23T09:00:00+02:00"}]},
    )
    person: WhoText
    start: Instant
    calendar: str | None = None
    service: str | None = None
    unit: str | None = None
    text: str = ""
    placer_id: str | None = None


class DeskPropose(DeskBook):
    """The desk offers a time; chosen as in booking. The resident accepts it, wishes for another, or declines."""


class DeskMove(_Body):
    """The desk moves an appointment to a free time, of the same calendar unless one is named."""

    id: str
    start: Instant
    calendar: str | None = None
    reason: str = ""


class DeskCancel(_Body):
    """The desk cancels an appointment."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"id": "A20001", "reason": "lääkäri sairaana"}]}
    )
    id: str
    reason: str = ""


class DeskNoShow(_Body):
    """The desk marks that nobody came."""

    id: str


class DeskDecide(_Body):
    """The desk decides a pending appointment, or a proposed one whose time the resident wished for."""

    id: str
    decision: Literal["booked", "refused"]


class Goto(_Body):
    """The state to put an appointment into, whatever its state is."""

    status: StatusName


class FaultArm(_Body):
    """A fault to arm. It ends after `count` requests, after `seconds` of real time, or whichever comes first.

    Without both: after one request. `params` are the kind's own, see `GET /faults/kinds`.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"kind": "slow", "operation": "book", "count": 2, "params": {"seconds": 12}},
                {"kind": "drop-answer", "operation": "cancel", "person": "aino"},
                {"kind": "refuse-connection", "seconds": 20},
            ]
        },
    )
    kind: str
    operation: str = Field(default="*", description=f"one of {', '.join(OPERATIONS)}, or * for any")
    person: WhoText | None = None
    count: StrictInt | None = Field(default=None, ge=1, le=10_000)
    seconds: float | None = Field(default=None, gt=0, le=3_600)
    params: dict[str, str | int | float] = Field(default_factory=dict)


class FaultShape(BaseModel):
    """A fault that is on. `standing` ones are test persons' behaviours: no count, no end, not to be cleared."""

    id: str
    kind: str
    operation: str
    person: str | None
    params: dict[str, str | int | float]
    left: int | None
    ends_in: float | None
    standing: bool


class KindShape(BaseModel):
    """A kind of fault: its parameters with their defaults, and which installations can show it."""

    kind: str
    summary: str
    params: dict[str, str | int | float]
    installations: list[str]


class Cleared(BaseModel):
    """How many faults were ended."""

    ended: int


class ClockShape(BaseModel):
    """The virtual clock: `now` is virtual; `virtual` held at the real instant `real` (what clock.json says)."""

    now: datetime
    frozen: bool
    virtual: datetime
    real: datetime


class ClockPut(_Body):
    """Put the clock to an instant, and let it run or freeze it (unchanged when left out)."""

    now: Instant
    frozen: StrictBool | None = None


class ClockAdvance(_Body):
    """Move the clock forward (or back) by elapsed seconds: 86400 is 24 h, also over a summer-time night."""

    seconds: float = Field(ge=-315_360_000, le=315_360_000, examples=[86_400])


class ClockFreeze(_Body):
    """Freeze the clock, at an instant if one is given."""

    at: Instant | None = None


class ResetBody(_Body):
    """Start again from the first day; with another seed, in another world."""

    seed: StrictInt | None = Field(default=None, ge=0, le=2**53)


class SnapshotList(BaseModel):
    """The names that were saved. `current` is the one last saved or loaded, until the next reset."""

    snapshots: list[str]
    current: str | None


class JournalEntry(BaseModel):
    """One message. `text` is the bytes as UTF-8; if they are not, as ISO-8859-1, with the bytes in `base64`.

    `at` is real time, `virtual` the business time of then.
    """

    number: int
    at: datetime
    virtual: datetime
    direction: Literal["received", "sent"]
    operation: str
    fault: str | None
    note: str
    answer_to: int | None = Field(description="the number of the message that this one answers")
    text: str
    base64: str | None = None


PROBLEM_RESPONSES: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "the body is not JSON"},
    404: {"model": Problem, "description": "no such installation, person, appointment, calendar, fault or snapshot"},
    409: {"model": Problem, "description": "the time is taken, or the appointment's status forbids it"},
    422: {"model": Problem, "description": "the request cannot be understood, or asks for what cannot be"},
}
