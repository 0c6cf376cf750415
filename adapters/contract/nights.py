"""The nights on which the Helsinki clock changes."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest

from adapters.base import Capability
from adapters.contract import checks
from adapters.contract.exam import Exam, needs
from canonical import times
from canonical.model import FreeQuery, TimeKey


class NightContract:
    """Times that a clock face does not tell apart."""

    async def test_night_times_are_free_at_their_own_instants(self, exam: Exam) -> None:
        for time in await _nights(exam):
            found = await exam.adapter.free_time(exam.call(), time)
            assert found is not None, "a night time that was opened is not free"
            checks.free_time(found)
            assert checks.same_instant(found.time.start, time.start)
            query = FreeQuery(time.start, time.end, None, (found.schedule,))
            spanned = [f.time.start.timestamp() for f in await exam.adapter.find_free(exam.call(), query)]
            assert time.start.timestamp() in spanned
            strange = [s for s in spanned if not time.start.timestamp() <= s < time.end.timestamp()]
            assert not strange, "a span, said by the clock face, let the other hour in"

    async def test_night_bookings_keep_their_instants(self, exam: Exam) -> None:
        needs(exam.subject, Capability.BOOK)
        person = exam.subject.known[0]
        for time in await _nights(exam):
            command, record = await exam.booked(person, time)
            held = await exam.subject.bookings(command.placer_id)
            exam.held(held[0], record, command)
            assert command.patient is not None
            listed = await exam.adapter.appointments(exam.call(), command.patient)
            again = next(r for r in listed if r.local_id == record.local_id)
            checks.at(again, time)
            if Capability.CANCEL in exam.adapter.profile.capabilities:
                cancel = exam.cancel(command, record)
                assert await exam.judge(cancel, await exam.attempt(cancel)) == 1

    async def test_both_times_of_one_clock_face_are_two(self, exam: Exam) -> None:
        needs(exam.subject, Capability.BOOK)
        faces = [pair for pair in combinations(await _nights(exam), 2) if _face(pair[0]) == _face(pair[1])]
        if not faces:
            pytest.skip("the subject has no two times with one clock face")
        one, two, *_ = exam.subject.known
        first, second = faces[0]
        _, early = await exam.booked(one, first)
        assert await exam.adapter.free_time(exam.call(), second) is not None, "the other time went with it"
        _, late = await exam.booked(two, second)
        assert early.local_id != late.local_id


def _face(time: TimeKey) -> object:
    return times.to_local(time.start).replace(tzinfo=None, fold=0)


async def _nights(exam: Exam) -> list[TimeKey]:
    """The subject's times at night, in the zone in which two of them are easily taken for one."""
    found = await exam.subject.night_times()
    if not found:
        pytest.skip("the subject has no times at night")
    return [replace(time, start=times.to_local(time.start), end=times.to_local(time.end)) for time in found]
