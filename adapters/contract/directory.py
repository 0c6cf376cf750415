"""Probe, directory and free times: what is read without a person."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.contract import checks
from adapters.contract.exam import Exam
from canonical import fhir, hetu
from canonical.model import FreeQuery, FreeTime


class DirectoryContract:
    """What the installation says of itself."""

    async def test_probe_says_in_one_line_what_answered(self, exam: Exam) -> None:
        answer = await exam.adapter.probe(exam.call())
        assert answer.strip()
        assert "\n" not in answer
        assert not hetu.appears_in(answer)

    async def test_directory_holds_its_kinds_once_each(self, exam: Exam) -> None:
        records = await exam.adapter.directory(exam.call())
        names = [(record.kind, record.local_id) for record in records]
        assert len(set(names)) == len(names), "a record comes twice"
        kinds = {kind for kind, _ in names}
        assert kinds <= checks.DIRECTORY, "what does not belong to a directory"
        assert kinds >= {"Organization", "Location", "HealthcareService", "Schedule"}, "an incomplete directory"
        for record in records:
            checks.well_formed(record)

    async def test_directory_references_lead_somewhere(self, exam: Exam) -> None:
        records = await exam.adapter.directory(exam.call())
        known = {f"{record.kind}/{record.local_id}" for record in records}
        for record in records:
            led = {reference["reference"] for reference in fhir.references(record.resource)}
            assert led <= known, f"{record.kind} refers to what the directory lacks: {sorted(led - known)[:3]}"

    async def test_directory_holds_no_personal_data(self, exam: Exam) -> None:
        for record in await exam.adapter.directory(exam.call()):
            assert record.patient is None
            for text in checks.texts(record.resource):
                assert not text.startswith("Patient/")
                assert not hetu.appears_in(text)

    async def test_directory_is_the_same_when_asked_again(self, exam: Exam) -> None:
        first = await exam.adapter.directory(exam.call())
        second = await exam.adapter.directory(exam.call())
        assert sorted(first, key=lambda r: (r.kind, r.local_id)) == sorted(second, key=lambda r: (r.kind, r.local_id))


class FreeTimesContract:
    """`Adapter.find_free` and `Adapter.free_time`."""

    async def test_free_times_come_in_order_each_once(self, exam: Exam) -> None:
        found = await exam.free()
        assert len(found) >= 30, "the subject promises thirty"
        starts = [free.time.start.timestamp() for free in found]
        assert starts == sorted(starts)
        assert len({(free.time.key, free.time.start.timestamp()) for free in found}) == len(found)

    async def test_every_free_time_is_whole(self, exam: Exam) -> None:
        for free in await exam.free():
            checks.free_time(free)

    async def test_free_times_lead_into_the_directory(self, exam: Exam) -> None:
        known = {f"{r.kind}/{r.local_id}" for r in await exam.adapter.directory(exam.call())}
        for free in await exam.free():
            led = {reference["reference"] for reference in fhir.references(free.slot)}
            led |= {f"Schedule/{free.schedule}", f"HealthcareService/{free.service}"}
            assert led <= known, f"a free time refers to what the directory lacks: {sorted(led - known)[:3]}"

    async def test_span_is_half_open(self, exam: Exam) -> None:
        found = await exam.free()
        start, end = found[3].time.start, found[-3].time.start
        part = await exam.adapter.find_free(exam.call(), FreeQuery(start, end, exam.subject.services))
        expected = [f for f in found if start.timestamp() <= f.time.start.timestamp() < end.timestamp()]
        assert _keys(part) == _keys(expected)

    async def test_span_without_length_holds_nothing(self, exam: Exam) -> None:
        start = (await exam.free())[0].time.start
        assert not await exam.adapter.find_free(exam.call(), FreeQuery(start, start))

    @pytest.mark.parametrize("by", ["service", "schedule", "both"])
    async def test_filters_let_through_exactly_what_they_name(self, exam: Exam, by: str) -> None:
        found = await exam.free()
        one = found[len(found) // 2]
        services = (one.service,) if by in ("service", "both") else None
        schedules = (one.schedule,) if by in ("schedule", "both") else None
        query = FreeQuery(exam.subject.start, exam.subject.end, services or exam.subject.services, schedules)
        part = await exam.adapter.find_free(exam.call(), query)
        expected = [
            free
            for free in found
            if free.service in (services or (free.service,)) and free.schedule in (schedules or (free.schedule,))
        ]
        assert expected
        assert _keys(part) == _keys(expected)

    @pytest.mark.parametrize("filters", [{"services": ()}, {"schedules": ()}], ids=["services", "schedules"])
    async def test_filter_that_names_nothing_lets_nothing_through(
        self, exam: Exam, filters: dict[str, tuple[str, ...]]
    ) -> None:
        query = FreeQuery(exam.subject.start, exam.subject.end, **filters)
        assert not await exam.adapter.find_free(exam.call(), query)

    async def test_free_time_says_the_same_as_find_free(self, exam: Exam) -> None:
        found = await exam.free()
        for free in (found[0], found[len(found) // 2], found[-1]):
            assert await exam.adapter.free_time(exam.call(), free.time) == free

    async def test_time_that_does_not_exist_is_not_free(self, exam: Exam) -> None:
        time = (await exam.free())[0].time
        assert await exam.adapter.free_time(exam.call(), exam.subject.no_such_time(time)) is None
        shifted = replace(time, start=time.start + timedelta(minutes=1))
        assert await exam.adapter.free_time(exam.call(), shifted) is None

    async def test_time_the_desk_takes_is_free_no_more_until_given_back(self, exam: Exam) -> None:
        person = exam.subject.known[0]
        free = (await exam.times_for(person))[0]
        local_id = await exam.desk_book(person, free.time)
        assert await exam.adapter.free_time(exam.call(), free.time) is None
        assert _keys([free])[0] not in _keys(await exam.free())
        await exam.subject.desk_cancel(local_id)
        assert await exam.adapter.free_time(exam.call(), free.time) == free


def _keys(found: Iterable[FreeTime]) -> list[tuple[str, float]]:
    return [(free.time.key, free.time.start.timestamp()) for free in found]
