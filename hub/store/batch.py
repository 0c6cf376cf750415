"""The records of one observation on their way into the projection, with everything about them looked up at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import orjson
from sqlalchemy import Connection, bindparam, select, update
from sqlalchemy import Row as SqlRow

from canonical import codes, fhir
from canonical.commands import Book
from canonical.fhir import Element
from canonical.model import Record
from hub import resources
from hub.sealing import Sealer
from hub.store import links, moving
from hub.store.errors import AnotherPatientRecord
from hub.store.observation import Observation, number, replaces
from hub.store.prepared import Prepared
from hub.store.schema import Moment, command, own_identifiers, resource
from hub.store.sql import one_of, parts
from hub.store.versions import Content, content_digest, write

_OWN: Final = "own_identifiers.identifiers"

_OWN_OF: Final = Prepared(select(own_identifiers).where(own_identifiers.c.hub_id.in_(one_of("by_ids"))))
_KEEP_OWN: Final = Prepared(own_identifiers.insert())
_THESE: Final = (resource.c.kind == bindparam("by_kind"), resource.c.hub_id.in_(one_of("by_ids")))
_ROWS: Final = Prepared(select(resource).where(*_THESE).order_by(resource.c.hub_id).with_for_update())
_PROVE: Final = Prepared(
    update(resource).where(*_THESE, resource.c.observed_until < bindparam("ended", type_=Moment()))
)
_PROMISED: Final = Prepared(
    select(command.c.target).where(
        command.c.id == bindparam("by_id"),
        command.c.kind == "book",
        command.c.installation == bindparam("by_installation"),
        command.c.subject == bindparam("by_subject"),
    )
)


class Batch:
    """The records of one observation, with everything about them looked up at once."""

    def __init__(
        self,
        connection: Connection,
        sealer: Sealer,
        seen: Observation,
        records: Sequence[Record],
        must_pass: int = 0,
    ) -> None:
        self._connection = connection
        self._sealer = sealer
        self._seen = seen
        self._must_pass = must_pass
        self._records = records
        self.ids = _known(connection, seen.installation, records)
        self._rows: dict[tuple[str, str], SqlRow[Any]] = {}
        self._own: dict[str, list[Element]] = {}
        self._unchanged: list[tuple[str, str]] = []

    def hub_id(self, record: Record, owner: str | None) -> str | None:
        """The record's own id: the one it has, the one a booking was promised, or a new one. None for a record that is
        not shown: part of a move."""
        if (record.kind, record.local_id) in self.ids:
            return self.ids[record.kind, record.local_id]
        if record.kind == "Appointment" and moving.is_hidden(self._connection, record, self._seen.installation, owner):
            return None
        return self._make(record.kind, record.local_id, self._reserved(record, owner))

    def look_up(self, hub_ids: Sequence[str | None]) -> None:
        """Read and lock the rows, and what portals call them."""
        keys = [(record.kind, hub_id) for record, hub_id in zip(self._records, hub_ids, strict=True) if hub_id]
        self._rows = _rows(self._connection, keys)
        appointments = [hub_id for kind, hub_id in keys if kind == "Appointment"]
        self._own = _own_identifiers(self._connection, self._sealer, appointments)

    def take(self, record: Record, owner: str | None, hub_id: str) -> None:
        """One record: a new version, nothing new, or older than what we know."""
        said = resources.localise(resources.bare(record.resource), lambda *target: self._refer(record, owner, *target))
        said = resources.with_identifiers(said, self._own.get(hub_id, ()))
        row = self._rows.get((record.kind, hub_id))
        is_same = row is not None and row.local_id == record.local_id
        if row is not None and is_same and row.digest == content_digest(self._sealer, said):
            self._unchanged.append((record.kind, hub_id))
            self._keep_newest_version(row, record)
        elif is_same and record.kind == "Appointment" and moving.is_in_steps(self._connection, hub_id):
            return
        elif row is None or not is_same or self._replaces(row, record):
            # A booking's effect is found herewith; any other open command stays unknown until it ends.
            unknown = row.unknown_command if row is not None and row.local_id is not None else None
            place = (record.kind, hub_id, self._seen.installation, record.local_id, owner)
            content = Content(*place, said, record.version, unknown)
            write(self._connection, self._sealer, content, self._seen.seen, row, after=self._must_pass)

    def _replaces(self, row: SqlRow[Any], record: Record) -> bool:
        return replaces(row.master_version, row.observed_until, record.version, self._seen)

    def prove_again(self) -> None:
        """What has not changed is proven until now."""
        proven = {"observed_from": self._seen.started, "observed_until": self._seen.ended, "ended": self._seen.ended}
        for kind in sorted({kind for kind, _ in self._unchanged}):
            for some in parts(sorted(hub_id for k, hub_id in self._unchanged if k == kind)):
                _PROVE.run(self._connection, proven | {"by_kind": kind, "by_ids": some})

    def _make(self, kind: str, local_id: str, reserved: str | None = None) -> str:
        found = self.ids.get((kind, local_id))
        if found is None:
            found = links.make(self._connection, kind, self._seen.installation, local_id, reserved)
            self.ids[kind, local_id] = found
        return found

    def _refer(self, record: Record, owner: str | None, kind: str, local_id: str) -> str | None:
        """How the record's references become ours. A Patient it names must be the one whose it is."""
        if kind == "Patient":
            if owner is None or local_id != record.patient:
                raise AnotherPatientRecord(self._seen.installation, record.kind, record.local_id)
            return owner
        return self._make(kind, local_id) if kind in resources.STORED else None

    def _reserved(self, record: Record, owner: str | None) -> str | None:
        """The id that a booking of ours was promised: the record carries the command's id as its placer id."""
        placer = fhir.identifier_value(record.resource, codes.PLACER) if record.kind == "Appointment" else None
        if placer is None:
            return None
        promised = {"by_id": placer, "by_installation": self._seen.installation, "by_subject": owner}
        target = _PROMISED.scalar(self._connection, promised)
        if target is None or links.local(self._connection, record.kind, target) is not None:
            return None
        return str(target)

    def _keep_newest_version(self, row: SqlRow[Any], record: Record) -> None:
        """The same content under a newer version of the master's."""
        stored, told = number(row.master_version), number(record.version)
        older = stored is not None and told is not None and told < stored
        if record.version != row.master_version and not older:
            self._connection.execute(
                update(resource)
                .where(resource.c.kind == row.kind, resource.c.hub_id == row.hub_id)
                .values(master_version=record.version)
            )


def _known(connection: Connection, installation: str, records: Sequence[Record]) -> dict[tuple[str, str], str]:
    """The hub ids of everything the records name, as far as there are any."""
    named = {(record.kind, record.local_id) for record in records}
    named.update(target for record in records for target in resources.references_in(record.resource))
    kept = {target for target in named if target[0] in resources.STORED and target[0] != "Patient"}
    return links.find_many(connection, installation, kept) if kept else {}


def keep_own_identifiers(connection: Connection, sealer: Sealer, hub_id: str, book: Book) -> None:
    """Keep what a portal calls the booking that was promised this id."""
    sealed = sealer.seal(orjson.dumps(resources.own_identifiers(book)), _OWN)
    _KEEP_OWN.run(connection, {"hub_id": hub_id, "identifiers": sealed})


def _own_identifiers(connection: Connection, sealer: Sealer, hub_ids: Sequence[str]) -> dict[str, list[Element]]:
    return {
        row.hub_id: orjson.loads(sealer.open(row.identifiers, _OWN))
        for some in parts(hub_ids)
        for row in _OWN_OF.all(connection, {"by_ids": some})
    }


def _rows(connection: Connection, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], SqlRow[Any]]:
    """The rows of some resources, locked for this transaction, in one order for all who lock."""
    by_kind: dict[str, list[str]] = {}
    for kind, hub_id in sorted(set(keys)):
        by_kind.setdefault(kind, []).append(hub_id)
    return {
        (row.kind, row.hub_id): row
        for kind, hub_ids in by_kind.items()
        for some in parts(hub_ids)
        for row in _ROWS.all(connection, {"by_kind": kind, "by_ids": some})
    }
