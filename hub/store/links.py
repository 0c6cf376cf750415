"""Hub ids: opaque, stable, and tied to an installation's own ids in one table; and whose a patient number is.

An id outlives its record system: when a municipality changes systems the link is tied anew, the id stays.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Collection
from typing import Final

from sqlalchemy import Connection, bindparam, delete, select, update

from hub.journal.steps import lane_of_appointment
from hub.sealing import Sealer
from hub.store.database import Database
from hub.store.prepared import Prepared
from hub.store.schema import alias, command, history, link, patient_link, resource
from hub.store.sql import insert_or_leave, insert_or_update, one_of, parts

_LEFT: Final = {"Appointment": "left Appointment"}
"""Under which kind the local ids are kept that a moved resource has left."""
PATIENT_NUMBER: Final = "patient_link.number"
"""The sealing context of a patient number."""

_FIND: Final = Prepared(
    select(link.c.hub_id).where(
        link.c.kind == bindparam("by_kind"),
        link.c.installation == bindparam("by_installation"),
        link.c.local_id == bindparam("by_local_id"),
    )
)
_FIND_MANY: Final = Prepared(
    select(link.c.kind, link.c.local_id, link.c.hub_id).where(
        link.c.kind.in_(one_of("by_kinds")),
        link.c.installation == bindparam("by_installation"),
        link.c.local_id.in_(one_of("by_local_ids")),
    )
)
_LOCAL: Final = Prepared(
    select(link.c.installation, link.c.local_id).where(
        link.c.kind == bindparam("by_kind"), link.c.hub_id == bindparam("by_id")
    )
)
_CANONICAL: Final = Prepared(
    select(alias.c.canonical).where(alias.c.kind == bindparam("by_kind"), alias.c.hub_id == bindparam("by_id"))
)
_PATIENTS_OF: Final = Prepared(
    select(patient_link.c.patient)
    .where(
        patient_link.c.installation == bindparam("by_installation"),
        patient_link.c.number_hash == bindparam("by_hash"),
    )
    .order_by(patient_link.c.patient)
)


def new_id() -> str:
    """Twenty letters ``a-z 2-7``: a hundred random bits."""
    return base64.b32encode(secrets.token_bytes(13))[:20].decode().lower()


class Links:
    """Which hub id is whose local id, for whoever is not in a transaction already."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def hub_id(self, kind: str, installation: str, local_id: str) -> str:
        """The hub id, made where there is none."""
        return await self._database.write(lambda connection: hub_id(connection, kind, installation, local_id))

    async def find(self, kind: str, installation: str, local_id: str) -> str | None:
        """The hub id, or None."""
        return await self._database.read(lambda connection: find(connection, kind, installation, local_id))

    async def local(self, kind: str, hub_id: str) -> tuple[str, str] | None:
        """(installation, local id) of a hub id or of an alias of it; None where it is tied to none."""
        return await self._database.read(
            lambda connection: local(connection, kind, canonical(connection, kind, hub_id))
        )


def find(connection: Connection, kind: str, installation: str, local_id: str) -> str | None:
    """The hub id that is tied to the local id, or None."""
    place = {"by_kind": kind, "by_installation": installation, "by_local_id": local_id}
    found: str | None = _FIND.scalar(connection, place)
    return found


def find_many(
    connection: Connection, installation: str, targets: Collection[tuple[str, str]]
) -> dict[tuple[str, str], str]:
    """The hub ids that are tied to some of the targets, which are (kind, local id)."""
    place = {"by_kinds": sorted({kind for kind, _ in targets}), "by_installation": installation}
    return {
        (row.kind, row.local_id): row.hub_id
        for some in parts(sorted({local_id for _, local_id in targets}))
        for row in _FIND_MANY.all(connection, place | {"by_local_ids": some})
        if (row.kind, row.local_id) in targets
    }


def hub_id(connection: Connection, kind: str, installation: str, local_id: str, reserved: str | None = None) -> str:
    """The hub id of the local id; where there is none, ``reserved`` or a new one is tied to it."""
    known = find(connection, kind, installation, local_id)
    return known if known is not None else make(connection, kind, installation, local_id, reserved)


def make(connection: Connection, kind: str, installation: str, local_id: str, reserved: str | None = None) -> str:
    """`hub_id`, for a local id that probably has none."""
    row = {"kind": kind, "hub_id": reserved or new_id(), "installation": installation, "local_id": local_id}
    by_local_id = (link.c.kind, link.c.installation, link.c.local_id)
    if insert_or_leave(connection, link, *by_local_id).one_or_none(connection, row) is not None:
        return row["hub_id"]
    # It had one, or somebody else has tied it just now.
    known = find(connection, kind, installation, local_id)
    assert known is not None, "links are never taken away"
    return known


def local(connection: Connection, kind: str, hub_id: str) -> tuple[str, str] | None:
    """(installation, local id) of a hub id, or None."""
    row = _LOCAL.one_or_none(connection, {"by_kind": kind, "by_id": hub_id})
    return (row.installation, row.local_id) if row is not None else None


def canonical(connection: Connection, kind: str, hub_id: str) -> str:
    """The id under which the resource is kept: ``hub_id`` itself, or what it is an alias of."""
    return _CANONICAL.scalar(connection, {"by_kind": kind, "by_id": hub_id}) or hub_id


def bind(connection: Connection, kind: str, target: str, installation: str, local_id: str) -> int:
    """Tie the id that a portal was promised to the local id, now that there is one.

    Somebody may have met the record before (a search during the booking) and given it another id: that one becomes an
    alias of ``target``, its row goes, and a change that was begun under it is one of ``target``, so that it goes on
    keeping others out. Returns the version that went with it (0: none), which ``target`` must pass.
    A target that is tied to another record already stays so: the master has two, and both are shown.
    """
    if local(connection, kind, target) is not None:
        return 0
    other = make(connection, kind, installation, local_id, reserved=target)
    if other == target:
        return 0
    connection.execute(update(alias).where(alias.c.kind == kind, alias.c.canonical == other).values(canonical=target))
    tied = (link.c.kind == kind) & (link.c.hub_id == other)
    connection.execute(update(link).where(tied).values(hub_id=target))
    connection.execute(alias.insert().values(kind=kind, hub_id=other, canonical=target))
    lane = lane_of_appointment(target)
    changing = update(command).where(command.c.open_lane == lane_of_appointment(other))
    connection.execute(changing.values(target=target, lane=lane, open_lane=lane))
    gone = delete(resource).where(resource.c.kind == kind, resource.c.hub_id == other).returning(resource.c.version)
    version = connection.execute(gone).scalar_one_or_none() or 0
    connection.execute(delete(history).where(history.c.kind == kind, history.c.hub_id == other))
    return version


def bind_anew(connection: Connection, kind: str, target: str, installation: str, local_id: str) -> int:
    """`bind`, where the master has given the resource of ``target`` another local id: the one it had is left behind,
    and what the master goes on saying of that one is not shown (`is_left`)."""
    before = local(connection, kind, target)
    if before == (installation, local_id):
        return 0
    if before is not None:
        connection.execute(delete(link).where(link.c.kind == kind, link.c.hub_id == target))
        make(connection, _LEFT[kind], *before)
    return bind(connection, kind, target, installation, local_id)


def is_left(connection: Connection, kind: str, installation: str, local_id: str) -> bool:
    """Whether a resource of ours had the local id before it got another one."""
    return kind in _LEFT and find(connection, _LEFT[kind], installation, local_id) is not None


def _number_hash(sealer: Sealer, installation: str, number: str) -> str:
    """By which a patient number is found: the numbers of two installations have nothing in common."""
    return sealer.keyed_hash(number, f"patient number/{installation}")


def keep_patient(
    connection: Connection, sealer: Sealer, patient: str, installation: str, number: str | None, asked_at: float
) -> None:
    """Write who the person is at the installation (None: not known there), over what was there."""
    values = {
        "number": sealer.seal(number.encode(), PATIENT_NUMBER) if number is not None else None,
        "number_hash": _number_hash(sealer, installation, number) if number is not None else None,
        "asked_at": asked_at,
    }
    row = {"patient": patient, "installation": installation} | values
    insert_or_update(connection, patient_link).run(connection, row)


def patients_of(connection: Connection, sealer: Sealer, installation: str, number: str) -> list[str]:
    """The hub Patient ids that are tied to a patient number (one; none; after a merge perhaps two)."""
    number_hash = _number_hash(sealer, installation, number)
    place = {"by_installation": installation, "by_hash": number_hash}
    return [row.patient for row in _PATIENTS_OF.all(connection, place)]
