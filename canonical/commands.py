"""The writes a portal can ask for, as canonical commands.

A command is immutable, carries everything the delivery needs, and is stored (sealed) in the journal before anything is
sent. ``placer_id`` is the hub's own mark on the effect, at most 36 characters: what the record system stores with the
booking and what an unknown outcome is settled by.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from canonical.model import LocalPatient, Person, TimeKey


@dataclass(frozen=True, slots=True)
class RegisterPerson:
    """Make ``person`` a customer of the installation."""

    placer_id: str
    person: Person
    kind: Literal["register-person"] = "register-person"


@dataclass(frozen=True, slots=True)
class Book:
    """Book ``time`` for ``person``. ``comment`` is the resident's own text to the unit; ``reason`` why they come.

    ``identifiers`` (system, value) are the portal's own names for the booking, kept by the hub, sent nowhere.
    ``patient`` is None until the installation has been asked who the person is there; an adapter is given it always.
    ``hold`` is the token of a hold of the same person and time, "" for none.
    """

    placer_id: str
    person: Person
    time: TimeKey
    patient: LocalPatient | None = None
    comment: str = ""
    reason: str = ""
    identifiers: tuple[tuple[str | None, str], ...] = ()
    hold: str = ""
    kind: Literal["book"] = "book"


@dataclass(frozen=True, slots=True)
class Move:
    """Let the installation's appointment ``local_id`` of ``patient`` be at another ``time``: at once, or not at all.

    ``believed_start`` and ``believed_version`` as in `Cancel`; ``reason`` is the resident's own text. ``comment`` and
    ``visit`` (why they come) are what the appointment says and goes on saying: needed where it has to be booked anew.
    """

    placer_id: str
    person: Person
    patient: LocalPatient
    local_id: str
    believed_start: datetime
    time: TimeKey
    believed_version: str | None = None
    reason: str = ""
    comment: str = ""
    visit: str = ""
    kind: Literal["move"] = "move"


@dataclass(frozen=True, slots=True)
class Cancel:
    """Cancel the installation's appointment ``local_id`` of ``patient``.

    ``believed_start`` and ``believed_version`` are what the caller saw; a master that can check them refuses with
    `StaleVersion` when they are no longer so. ``reason`` is the resident's own text.
    """

    placer_id: str
    patient: LocalPatient
    local_id: str
    believed_start: datetime
    believed_version: str | None = None
    reason: str = ""
    kind: Literal["cancel"] = "cancel"


@dataclass(frozen=True, slots=True)
class Hold:
    """Keep ``time`` free for ``person`` for a while, as long as the record system says. It is shown to nobody, and ends
    by itself there; what is learned of it is the token with which `Book` takes the time and `Release` gives it back.

    ``patient`` as in `Book`.
    """

    placer_id: str
    person: Person
    time: TimeKey
    patient: LocalPatient | None = None
    kind: Literal["hold"] = "hold"


@dataclass(frozen=True, slots=True)
class Release:
    """Give back the ``time`` that ``patient`` holds by the token ``hold``. What is not held any more is released."""

    placer_id: str
    patient: LocalPatient
    time: TimeKey
    hold: str
    kind: Literal["release"] = "release"


@dataclass(frozen=True, slots=True)
class Accept:
    """Accept the record system's proposal ``local_id`` to ``patient`` as it stands: at ``believed_start``."""

    placer_id: str
    patient: LocalPatient
    local_id: str
    believed_start: datetime
    believed_version: str | None = None
    kind: Literal["accept"] = "accept"


@dataclass(frozen=True, slots=True)
class Propose:
    """Ask for another ``time`` than the record system's proposal ``local_id`` has (``believed_start``); the desk then
    answers. ``comment`` is the resident's own text to the unit."""

    placer_id: str
    patient: LocalPatient
    local_id: str
    believed_start: datetime
    time: TimeKey
    believed_version: str | None = None
    comment: str = ""
    kind: Literal["propose"] = "propose"


Command = RegisterPerson | Book | Move | Cancel | Hold | Release | Accept | Propose

_adapter: TypeAdapter[Command] = TypeAdapter(Annotated[Command, Field(discriminator="kind")])


def dump(command: Command) -> bytes:
    """The command as JSON bytes, for the journal."""
    return _adapter.dump_json(command)


def load(data: bytes) -> Command:
    """The command of `dump`; raises pydantic.ValidationError for anything else."""
    return _adapter.validate_json(data)
