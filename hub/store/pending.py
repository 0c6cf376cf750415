"""What a command does to the projection: the master's answer enters it, and while there is none, that is shown.

A booking whose outcome is unknown shows as a pending Appointment under the id it was promised; a cancellation or a move
leaves what is proven and says so on it. Both name the receipt. When the command ends, so does that. The steps of a move
show nothing: their move does, once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sqlalchemy import Connection

from canonical.commands import Accept, Book, Cancel, Move, Propose
from canonical.fhir import Resource
from canonical.model import Record
from hub import resources
from hub.journal.ports import NewCommand, Row
from hub.journal.states import FINAL, State
from hub.journal.steps import is_step
from hub.sealing import Sealer
from hub.store import links
from hub.store.ingest import ENTERED_IN_ERROR, Ingest, Observation
from hub.store.versions import Content, Seen, content_of, current, write

Render = Callable[[NewCommand], Resource]
_KIND = "Appointment"
UNSETTLED = frozenset({State.UNKNOWN, State.NEEDS_PERSON})
"""States in which a booking's pending appointment is in the projection: somebody may have seen it."""


def render(new: NewCommand) -> Resource:
    """The pending Appointment of a booking, from the command alone."""
    assert isinstance(new.command, Book)
    return resources.pending_appointment(new.command, new.subject)


class Effects:
    """The projection's side of the journal, inside the journal's transaction."""

    def __init__(self, sealer: Sealer, ingest: Ingest, render: Render = render) -> None:
        self._sealer = sealer
        self._ingest = ingest
        self._render = render

    def of_move(self, connection: Connection, after: Row, record: Record | None, at: float) -> None:
        """Bring the projection to what ``after`` says. Raises `AnotherPatientRecord` for a record of somebody else."""
        if is_step(after.new):
            return
        if record is not None:
            self._take(connection, after, record, Observation(after.new.installation, _began(after, at), at, True))
        if after.new.target is None:
            return
        if after.state in FINAL:
            self._end(connection, after, at)
        elif after.state in UNSETTLED:
            self.show(connection, after, at)

    def show(self, connection: Connection, row: Row, at: float) -> None:
        """Show that the outcome is not known: a booking as pending, anything else as a mark on what is proven."""
        new = row.new
        assert new.target is not None
        there = current(connection, _KIND, new.target)
        if there is not None and there.unknown_command != new.id and not isinstance(new.command, Book):
            marked = replace(content_of(there, self._sealer), unknown_command=new.id)
            write(connection, self._sealer, marked, Seen(there.observed_from, there.observed_until, at), there)
        elif there is None and isinstance(new.command, Book):
            content = Content(
                _KIND, new.target, new.installation, None, new.subject, self._render(new), unknown_command=new.id
            )
            write(connection, self._sealer, content, Seen(0.0, 0.0, at), None)

    def _end(self, connection: Connection, after: Row, at: float) -> None:
        """The command has its final word: nothing is unknown any more."""
        assert after.new.target is not None
        if isinstance(after.new.command, Book) and not after.shown:
            return
        there = current(connection, _KIND, after.new.target)
        if there is None or there.unknown_command != after.new.id:
            return
        content = replace(content_of(there, self._sealer), unknown_command=None)
        if there.local_id is None and after.state is State.REFUSED:
            content = replace(content, resource=resources.with_status(content.resource, ENTERED_IN_ERROR))
        write(connection, self._sealer, content, Seen(there.observed_from, there.observed_until, at), there)

    def _take(self, connection: Connection, after: Row, record: Record, seen: Observation) -> None:
        """The master's answer to the command."""
        new = after.new
        if record.kind == "Patient":
            links.keep_patient(connection, self._sealer, new.subject, new.installation, record.local_id, seen.ended)
            return
        self._link_patient(connection, new, seen.ended)
        must_pass = 0
        if record.kind == _KIND and new.target is not None:
            tie = links.bind_anew if isinstance(new.command, Move) else links.bind
            must_pass = tie(connection, _KIND, new.target, new.installation, record.local_id)
        self._ingest.records(connection, [record], seen, patient=new.subject, must_pass=must_pass)

    def _link_patient(self, connection: Connection, new: NewCommand, at: float) -> None:
        """The subject is who the command was sent for: the number was found in its preparation."""
        known = new.command.patient if isinstance(new.command, Book | Move | Cancel | Accept | Propose) else None
        if known is not None and new.subject not in links.patients_of(
            connection, self._sealer, new.installation, known.number
        ):
            links.keep_patient(connection, self._sealer, new.subject, new.installation, known.number, at)


def _began(row: Row, at: float) -> float:
    """When the master may have begun to do what its answer says."""
    return row.sent_at if row.sent_at is not None else at
