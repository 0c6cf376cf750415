"""Without a back door the desk is a second client: what it does is done in the record system."""

from __future__ import annotations

from adapters.call import Call
from adapters.contract.deskless import DesklessSubject
from adapters.contract.example import MemorySubject
from canonical import codes, fhir
from canonical.model import FreeQuery, Person


class Deskless(DesklessSubject):
    """The reference's record system, past which nothing leads."""

    known = MemorySubject.known
    stranger = MemorySubject.stranger

    def __init__(self) -> None:
        self.behind = MemorySubject()
        self.adapter = self.direct = self.behind.adapter

    async def newcomer(self) -> Person:
        return await self.behind.newcomer()


async def test_the_desk_books_shows_and_cancels() -> None:
    subject = Deskless()
    call = Call("req_x", 1.0)
    free = await subject.adapter.find_free(call, FreeQuery(MemorySubject.start, MemorySubject.end))
    local_id = await subject.desk_book(subject.known[1], free[0].time)
    record = await subject.adapter.appointment(call, local_id)
    assert record is not None
    mark = fhir.identifier_value(record.resource, codes.PLACER)
    assert mark is not None
    [held] = await subject.bookings(mark)
    assert (held.local_id, held.hetu, held.status) == (local_id, subject.known[1].hetu, "booked")
    assert list(await subject.behind.bookings(mark)) == [held]
    await subject.desk_cancel(local_id)
    assert [one.status for one in await subject.bookings(mark)] == ["cancelled"]
    assert await subject.bookings("another mark") == []
