"""Residents: one hub id per person, found by a keyed hash of the HETU, and who they are at each installation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, select, update

from canonical.model import Record
from hub.sealing import Sealer
from hub.store import links
from hub.store.database import Database
from hub.store.ingest import REGISTER, Ingest, Observation
from hub.store.prepared import Prepared
from hub.store.schema import patient_link, person
from hub.store.sql import insert_or_leave
from hub.store.versions import BIRTH_DATE

_HETU: Final = "person.hetu"
_HETU_OF: Final = Prepared(select(person.c.hetu).where(person.c.hub_id == bindparam("by_id")))
_OF_PATIENT: Final = (
    select(patient_link.c.installation, patient_link.c.number, patient_link.c.asked_at, person.c.hetu)
    .join_from(patient_link, person, person.c.hub_id == patient_link.c.patient)
    .where(patient_link.c.patient == bindparam("by_patient"))
)
_LINKS: Final = Prepared(_OF_PATIENT)
_LINK: Final = Prepared(_OF_PATIENT.where(patient_link.c.installation == bindparam("by_installation")))


@dataclass(frozen=True, slots=True)
class PatientLink:
    """Who a person is at an installation. ``number`` None: not known there when asked, ``asked_at`` (real time);
    ``hetu`` is what was asked by."""

    number: str | None
    asked_at: float
    hetu: str


class People:
    """Every method raises `StoreUnavailable`."""

    def __init__(self, database: Database, sealer: Sealer, ingest: Ingest) -> None:
        self._database = database
        self._sealer = sealer
        self._ingest = ingest

    async def by_hetu(self, hetu: str) -> str | None:
        """The hub Patient id of a HETU that has been met, else None."""
        hashed = self._sealer.keyed_hash(hetu)
        return await self._database.read(lambda connection: links.find(connection, "Patient", REGISTER, hashed))

    async def meet(self, hetu: str) -> str:
        """The hub Patient id of a HETU, made at the first meeting."""
        hashed, sealed = self._sealer.keyed_hash(hetu), self._sealer.seal(hetu.encode(), _HETU)

        def work(connection: Connection) -> str:
            hub_id: str = links.hub_id(connection, "Patient", REGISTER, hashed)
            insert_or_leave(connection, person).run(connection, {"hub_id": hub_id, "hetu": sealed})
            return hub_id

        known = await self.by_hetu(hetu)
        return known if known is not None else await self._database.write(work)

    async def hetu(self, patient: str) -> str:
        """The HETU, for a foreign call; KeyError for a Patient id that is none."""
        sealed = await self._database.read(lambda connection: _HETU_OF.scalar(connection, {"by_id": patient}))
        if sealed is None:
            raise KeyError(patient)
        return self._sealer.open(sealed, _HETU).decode()

    async def put(self, patient: str, record: Record, birth_date: date, seen: Observation) -> None:
        """Keep what the population register says of ``patient`` (met before; KeyError otherwise)."""
        sealed = self._sealer.seal(birth_date.isoformat().encode(), BIRTH_DATE)
        known = update(person).where(person.c.hub_id == patient).values(birth_date=sealed).returning(person.c.hub_id)

        def work(connection: Connection) -> None:
            if connection.execute(known).scalar_one_or_none() is None:
                raise KeyError(patient)
            self._ingest.person(connection, patient, record, seen)

        await self._database.write(work)

    async def link(self, patient: str, installation: str) -> PatientLink | None:
        """Who the person is at the installation; None where it was never asked."""
        wanted = {"by_patient": patient, "by_installation": installation}
        row = await self._database.read(lambda connection: _LINK.one_or_none(connection, wanted))
        return self._link(row) if row is not None else None

    async def keep_link(self, patient: str, installation: str, number: str | None, asked_at: float) -> None:
        """Keep what an installation answered when asked who the person is (None: not known there)."""
        await self._database.write(
            lambda connection: links.keep_patient(connection, self._sealer, patient, installation, number, asked_at)
        )

    async def forget_link(self, patient: str, installation: str) -> None:
        """Know no more who the person is there: it will be asked again."""
        where = (patient_link.c.patient == patient, patient_link.c.installation == installation)
        await self._database.write(lambda connection: connection.execute(delete(patient_link).where(*where)))

    async def links(self, patient: str) -> dict[str, PatientLink]:
        """Every installation that was asked about the person, with its answer."""
        rows = await self._database.read(lambda connection: _LINKS.all(connection, {"by_patient": patient}))
        return {row.installation: self._link(row) for row in rows}

    def _link(self, row: Any) -> PatientLink:
        number = self._sealer.open(row.number, links.PATIENT_NUMBER).decode() if row.number is not None else None
        return PatientLink(number, row.asked_at, self._sealer.open(row.hetu, _HETU).decode())
