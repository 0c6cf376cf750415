"""What the masters say enters the projection here; what they do not say any more leaves it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Connection, bindparam, select

from canonical.model import Record
from hub import resources
from hub.sealing import Sealer
from hub.store import links
from hub.store.batch import Batch
from hub.store.errors import AnotherPatientRecord
from hub.store.moving import is_in_steps
from hub.store.observation import Observation
from hub.store.prepared import Prepared
from hub.store.schema import Instant, resource
from hub.store.versions import content_of, write

__all__ = ["ENTERED_IN_ERROR", "LIVE", "REGISTER", "Ingest", "Observation", "held"]

REGISTER: Final = "population-register"
ENTERED_IN_ERROR: Final = "entered-in-error"
LIVE: Final = ("proposed", "pending", "booked", "arrived", "checked-in")
"""Statuses of an Appointment that hold its time."""

_HELD: Final = Prepared(
    select(resource.c.hub_id)
    .where(
        resource.c.kind == "Appointment",
        resource.c.patient == bindparam("by_patient"),
        resource.c.start == bindparam("by_start", type_=Instant()),
        resource.c.installation == bindparam("by_installation"),
        resource.c.status.in_(LIVE),
    )
    .order_by(resource.c.hub_id)
    .limit(1)
)


class Ingest:
    """Takes records into the projection, inside the caller's transaction."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def records(
        self,
        connection: Connection,
        records: Sequence[Record],
        seen: Observation,
        *,
        patient: str | None = None,
        complete_for: str | None = None,
        must_pass: int = 0,
    ) -> dict[tuple[str, str], str]:
        """Take the records in: each is in the projection afterwards, unless something newer is. Returns the hub ids of
        the records and of all they refer to, by (kind, local id).

        ``patient`` (hub id) is who was asked about: a record of anybody else raises `AnotherPatientRecord`.
        ``complete_for``: the records are all of that patient's appointments there; what is missing is gone.
        ``must_pass`` is a version that the next one of a single record must exceed.
        """
        owners = [self._owner(connection, record, patient, seen) for record in records]
        batch = Batch(connection, self._sealer, seen, records, must_pass)
        hub_ids = [batch.hub_id(record, owner) for record, owner in zip(records, owners, strict=True)]
        batch.look_up(hub_ids)
        for record, owner, hub_id in zip(records, owners, hub_ids, strict=True):
            if hub_id is not None:
                batch.take(record, owner, hub_id)
        batch.prove_again()
        if complete_for is not None:
            self._missing(connection, complete_for, {record.local_id for record in records}, seen)
        return batch.ids

    def person(self, connection: Connection, patient: str, record: Record, seen: Observation) -> None:
        """A person's demographics: the register's word about ``patient``, whose hub id is the local id."""
        batch = Batch(connection, self._sealer, seen, [record])
        batch.look_up([patient])
        batch.take(record, patient, patient)
        batch.prove_again()

    def _owner(self, connection: Connection, record: Record, patient: str | None, seen: Observation) -> str | None:
        """Whose the record is (hub id), None for directory data."""
        if record.kind not in resources.STORED:
            raise ValueError(f"{record.kind} is not kept")
        if record.kind in resources.DIRECTORY:
            return None
        owners = []
        if record.patient is not None:
            owners = links.patients_of(connection, self._sealer, seen.installation, record.patient)
        if (patient is not None and patient not in owners) or not owners:
            raise AnotherPatientRecord(seen.installation, record.kind, record.local_id)
        return patient if patient is not None else owners[0]

    def gone(self, connection: Connection, kind: str, hub_id: str, seen: Observation) -> None:
        """The master was asked for this one, and has it no more."""
        self._enter_in_error(connection, seen, resource.c.kind == kind, resource.c.hub_id == hub_id)

    def _missing(self, connection: Connection, patient: str, there: set[str], seen: Observation) -> None:
        """The master shows all of the patient's appointments, and some of ours are not among them."""
        ours = (resource.c.kind == "Appointment", resource.c.patient == patient)
        self._enter_in_error(connection, seen, *ours, there=there)

    def _enter_in_error(
        self, connection: Connection, seen: Observation, *which: ColumnElement[bool], there: Collection[str] = ()
    ) -> None:
        """What the master had, and was seen not to have after its last proof; what an open command may have changed
        just now is not judged."""
        judged = select(resource).where(
            *which,
            resource.c.installation == seen.installation,
            resource.c.local_id.is_not(None),
            resource.c.unknown_command.is_(None),
            resource.c.status != ENTERED_IN_ERROR,
            resource.c.observed_until <= seen.started,
        )
        for row in connection.execute(judged.order_by(resource.c.hub_id).with_for_update()).all():
            if row.local_id not in there and not is_in_steps(connection, row.hub_id):
                content = content_of(row, self._sealer)
                said = resources.with_status(content.resource, ENTERED_IN_ERROR)
                gone = replace(content, resource=said, master_version=None)
                write(connection, self._sealer, gone, seen.seen, row)


def held(connection: Connection, patient: str, installation: str, start: datetime) -> str | None:
    """The person's live Appointment of that installation at that start, or None."""
    place = {"by_patient": patient, "by_installation": installation, "by_start": start}
    found: str | None = _HELD.scalar(connection, place)
    return found
