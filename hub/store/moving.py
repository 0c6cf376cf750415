"""What is not shown while an appointment is being moved in steps (`hub.journal.steps`), or because it has been moved.

Until such a move ends, the appointment stays as it was last proven: the booking of its new time is not a second
appointment, and the cancellation of its old time is not its end.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection, bindparam, select
from sqlalchemy import Row as SqlRow

from canonical import codes, fhir
from canonical.model import Record
from hub.journal.states import FINAL, State
from hub.journal.steps import Step, lane_of_appointment, step_id
from hub.store import links
from hub.store.prepared import Prepared
from hub.store.schema import command

_GONE: Final = ("cancelled", "entered-in-error")
_COLUMNS: Final = (command.c.id, command.c.kind, command.c.state, command.c.parent, command.c.target)
_BY_ID: Final = Prepared(select(*_COLUMNS).where(command.c.id == bindparam("by_id")))
_IN_LANE: Final = Prepared(select(*_COLUMNS).where(command.c.open_lane == bindparam("by_lane")))
_OURS: Final = Prepared(
    select(*_COLUMNS).where(
        command.c.id == bindparam("by_id"),
        command.c.installation == bindparam("by_installation"),
        command.c.subject == bindparam("by_subject"),
    )
)


def is_in_steps(connection: Connection, appointment: str) -> bool:
    """Whether the Appointment (hub id) is being moved in steps."""
    move = _open_move(connection, appointment)
    return move is not None and _BY_ID.one_or_none(connection, {"by_id": step_id(move.id, Step.BOOK)}) is not None


def is_hidden(connection: Connection, record: Record, installation: str, owner: str | None) -> bool:
    """Whether an appointment that no hub id is tied to is part of another one: the time that it had before it was
    moved, or one that an open move has booked, or that a move has booked and given back."""
    if links.is_left(connection, record.kind, installation, record.local_id):
        return True
    placer = fhir.identifier_value(record.resource, codes.PLACER)
    if placer is None:
        return False
    cause = _OURS.one_or_none(connection, {"by_id": placer, "by_installation": installation, "by_subject": owner})
    if cause is None:
        return False
    if cause.target is not None:
        return _open_move(connection, cause.target) is not None
    if cause.parent is None:
        return False
    move = _BY_ID.one(connection, {"by_id": cause.parent})
    return State(move.state) not in FINAL or record.resource.get("status") in _GONE


def _open_move(connection: Connection, appointment: str) -> SqlRow[Any] | None:
    held = _IN_LANE.one_or_none(connection, {"by_lane": lane_of_appointment(appointment)})
    return held if held is not None and held.kind == "move" else None
