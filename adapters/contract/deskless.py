"""A subject for a test environment without a back door: the desk is a second client of the same interface.

What the adapter gets wrong both ways is not seen so: a back door is better wherever there is one.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from adapters.base import Adapter
from adapters.call import Call
from adapters.contract.relay import RelayedSubject
from adapters.contract.subject import LIMIT, Booking
from canonical import codes, fhir, times
from canonical.commands import Book, Cancel
from canonical.model import LocalPatient, Person, TimeKey


class DesklessSubject(RelayedSubject):
    """``direct`` is an adapter that reaches the system without the relay."""

    direct: Adapter

    async def desk_book(self, person: Person, time: TimeKey) -> str:
        """See `Subject`. The mark is another one each time."""
        command = Book(uuid4().hex, person, time, await self._patient(person))
        done = await self.direct.perform(_call(), command)
        assert done.record is not None
        return done.record.local_id

    async def desk_cancel(self, local_id: str) -> None:
        """See `Subject`."""
        record = await self.direct.appointment(_call(), local_id)
        assert record is not None, "the desk cancels what there is"
        patients = [await self._patient(person) for person in self.known]
        patient = next(one for one in patients if one.number == record.patient)
        start = times.instant(record.resource["start"])
        await self.direct.perform(_call(), Cancel(uuid4().hex, patient, local_id, start, record.version))

    async def bookings(self, placer_id: str) -> Sequence[Booking]:
        """See `Subject`: of the known persons."""
        found = []
        for person in self.known:
            for record in await self.direct.appointments(_call(), await self._patient(person)):
                resource = record.resource
                if fhir.identifier_value(resource, codes.PLACER) == placer_id:
                    start, end = (times.instant(resource[name]) for name in ("start", "end"))
                    found.append(Booking(record.local_id, placer_id, person.hetu, start, end, resource["status"]))
        return found

    async def _patient(self, person: Person) -> LocalPatient:
        found = await self.direct.find_person(_call(), person.hetu)
        assert found is not None, "a person said to be known is not"
        return found


def _call() -> Call:
    return Call(f"req_{uuid4().hex[:20]}", LIMIT)
