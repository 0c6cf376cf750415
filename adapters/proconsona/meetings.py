"""Meetings as they are now: one by its id, or those that a search finds."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.errors import AnotherPatient
from adapters.proconsona.listing import pages
from adapters.proconsona.wire import Reply, Request, Wire
from adapters.recording import Exchange
from adapters.trip import Trip
from canonical.messages import BadMessage
from canonical.model import Record
from mappings.proconsona.appointments import appointment, appointments
from mappings.proconsona.document import ID, Part
from mappings.proconsona.site import Site

PATH = "tapaamiset"


class Meetings:
    """Reads meetings of one installation."""

    def __init__(self, wire: Wire, site: Site) -> None:
        self._wire, self._site = wire, site

    async def one(
        self, trip: Trip, operation: str, local_id: str, number: str | None = None, *, marks: bool = True
    ) -> Record | None:
        """One meeting, or None where there is none; if ``number`` is given, it must be that customer's."""
        if not ID.fullmatch(local_id):
            return None
        async with self._wire.ask(trip, operation, Request.get(f"{PATH}/{local_id}", marks=marks)) as reply:
            return None if reply.absent else self.answered(reply, 200, local_id, number)

    async def search(
        self, trip: Trip, operation: str, criteria: Sequence[tuple[str, str]], number: str | None
    ) -> list[Record]:
        """Meetings of every state, all of customer ``number`` (None: of anybody), each once, as it was read last."""

        def read(page: Part, exchange: Exchange) -> list[Record]:
            found = appointments(page, self._site)
            for record in found:
                exchange.note(record.notes)
            if any(number not in (None, record.patient) for record in found):
                raise AnotherPatient("a search for one customer's meetings found another one's")
            return found

        found = await pages(self._wire, trip, operation, PATH, criteria, "tapaamiset", read)
        return list({record.local_id: record for record in found}.values())

    def answered(self, reply: Reply, status: int, local_id: str | None, number: str | None) -> Record:
        """The meeting in an answer of this status: the one that was asked about, of the customer it was asked for."""
        record = appointment(reply.document(status, "tapaaminen"), self._site)
        reply.exchange.note(record.notes)
        if number not in (None, record.patient):
            what = reply.request.what
            raise AnotherPatient(f"{what} was answered about another customer", native=reply.native)
        if local_id not in (None, record.local_id):
            raise BadMessage("tapaaminen/tunnus is another than was asked")
        return record
