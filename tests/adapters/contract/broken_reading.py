"""Adapters that read wrongly, each in one way, and the tests of the exam that must notice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from adapters.base import RawMessage
from adapters.call import Call
from adapters.contract import Fault, Operation
from adapters.errors import ForeignError, Unavailable
from adapters.memory import MemoryAdapter
from canonical import times
from canonical.model import FreeQuery, FreeTime, LocalPatient, Record, TimeKey
from tests.adapters.contract.broken import Broken, caught


class Mute(MemoryAdapter):
    async def probe(self, call: Call) -> str:
        await super().probe(call)
        return ""


class ListsTwice(MemoryAdapter):
    async def directory(self, call: Call) -> Sequence[Record]:
        return [*await super().directory(call)] * 2


class LosesPlaces(MemoryAdapter):
    async def directory(self, call: Call) -> Sequence[Record]:
        return [r for r in await super().directory(call) if r.kind not in ("Location", "Schedule")]


class TellsOfPersons(MemoryAdapter):
    async def directory(self, call: Call) -> Sequence[Record]:
        first, *rest = await super().directory(call)
        hetu = next(self.master.patients()).hetu
        return [replace(first, resource=first.resource | {"alias": [f"see {hetu}"]}), *rest]


class Forgetful(MemoryAdapter):
    asked = 0

    async def directory(self, call: Call) -> Sequence[Record]:
        self.asked += 1
        found = await super().directory(call)
        return found if self.asked == 1 else found[:-1]


class Unordered(MemoryAdapter):
    async def find_free(self, call: Call, query: FreeQuery) -> Sequence[FreeTime]:
        return [*await super().find_free(call, query)][::-1]


class LongKeys(MemoryAdapter):
    async def find_free(self, call: Call, query: FreeQuery) -> Sequence[FreeTime]:
        found = await super().find_free(call, query)
        return [replace(f, time=replace(f.time, key=f"{f.time.key:x<26}")) for f in found]


class IncludesTheEnd(MemoryAdapter):
    async def find_free(self, call: Call, query: FreeQuery) -> Sequence[FreeTime]:
        return await super().find_free(call, replace(query, end=query.end + timedelta(seconds=1)))


class IgnoresFilters(MemoryAdapter):
    async def find_free(self, call: Call, query: FreeQuery) -> Sequence[FreeTime]:
        return await super().find_free(call, replace(query, services=None, schedules=None))


class TakesNoneForAll(MemoryAdapter):
    async def find_free(self, call: Call, query: FreeQuery) -> Sequence[FreeTime]:
        asked = replace(query, services=query.services or None, schedules=query.schedules or None)
        return await super().find_free(call, asked)


class SaysLessOfOne(MemoryAdapter):
    async def free_time(self, call: Call, time: TimeKey) -> FreeTime | None:
        found = await super().free_time(call, time)
        return found and replace(found, slot={k: v for k, v in found.slot.items() if k != "serviceType"})


class BelievesInTimes(MemoryAdapter):
    async def free_time(self, call: Call, time: TimeKey) -> FreeTime | None:
        slot = {"resourceType": "Slot", "status": "free"}
        return await super().free_time(call, time) or FreeTime(time, "V1", "K1", slot)


class RemembersFreeTimes(MemoryAdapter):
    kept: dict[FreeQuery, Sequence[FreeTime]] | None = None

    async def find_free(self, call: Call, query: FreeQuery) -> Sequence[FreeTime]:
        self.kept = self.kept or {}
        if query not in self.kept:
            self.kept[query] = await super().find_free(call, query)
        return self.kept[query]


class OneNumber(MemoryAdapter):
    async def find_person(self, call: Call, hetu: str) -> LocalPatient | None:
        found = await super().find_person(call, hetu)
        return found and replace(found, number="1001")


class KnowsEverybody(MemoryAdapter):
    async def find_person(self, call: Call, hetu: str) -> LocalPatient | None:
        return await super().find_person(call, hetu) or LocalPatient("1", hetu)


class FoldsSigns(MemoryAdapter):
    async def find_person(self, call: Call, hetu: str) -> LocalPatient | None:
        digits = (hetu[:6], hetu[7:])
        known = next((p.hetu for p in self.master.patients() if (p.hetu[:6], p.hetu[7:]) == digits), hetu)
        return await super().find_person(call, known)


class ShowsNothing(MemoryAdapter):
    async def appointments(self, call: Call, patient: LocalPatient) -> Sequence[Record]:
        await super().appointments(call, patient)
        return []


class ShowsTheLiving(MemoryAdapter):
    async def appointments(self, call: Call, patient: LocalPatient) -> Sequence[Record]:
        return [r for r in await super().appointments(call, patient) if r.resource["status"] == "booked"]


class KnowsNoEnd(MemoryAdapter):
    """Cannot tell "there is none" from "I could not ask"."""

    async def appointment(self, call: Call, local_id: str) -> Record | None:
        found = await super().appointment(call, local_id)
        if found is None:
            raise Unavailable("read: nothing came")
        return found


class TakesSilenceForNothing(MemoryAdapter):
    """Answers a question that got no answer: nothing there."""

    async def appointments(self, call: Call, patient: LocalPatient) -> Sequence[Record]:
        try:
            return await super().appointments(call, patient)
        except Unavailable:
            return []

    async def find_person(self, call: Call, hetu: str) -> LocalPatient | None:
        try:
            return await super().find_person(call, hetu)
        except Unavailable:
            return None


class ShowsAnybody(MemoryAdapter):
    """Takes whatever comes for an answer about the person it asked of."""

    async def appointments(self, call: Call, patient: LocalPatient) -> Sequence[Record]:
        return self._records(await self._ask(call, {"operation": "list", "patient": patient.number}))


class DecodesPoorly(MemoryAdapter):
    def decode(self, raw: RawMessage) -> Sequence[Record]:
        return [replace(record, version=None) for record in super().decode(raw)]


class DecodesAnything(MemoryAdapter):
    def decode(self, raw: RawMessage) -> Sequence[Record]:
        try:
            return super().decode(raw)
        except ValueError:
            return []


class ReadsTheClockFace(MemoryAdapter):
    """Forgets, on the way, which of two equal clock faces was meant."""

    async def _ask(self, call: Call, asked: dict[str, Any]) -> list[dict[str, Any]]:
        if "start" in asked:
            face = times.to_local(times.instant(asked["start"])).replace(fold=0)
            asked = asked | {"start": times.iso(face)}
        return await super()._ask(call, asked)


class TellsTheName(MemoryAdapter):
    """Its errors say whose matter it was, if not at once, then in what they were raised from."""

    async def find_person(self, call: Call, hetu: str) -> LocalPatient | None:
        try:
            return await super().find_person(call, hetu)
        except ForeignError as err:
            raise err from LookupError(f"identifier={hetu}")


READING = [
    Broken(Mute, caught("probe_says_in_one_line_what_answered")),
    Broken(ListsTwice, caught("directory_holds_its_kinds_once_each", says="comes twice")),
    Broken(
        LosesPlaces,
        caught("directory_holds_its_kinds_once_each", says="incomplete directory"),
        caught("directory_references_lead_somewhere", says="refers to what the directory lacks"),
        caught("free_times_lead_into_the_directory", says="refers to what the directory lacks"),
        caught("booking_leads_into_the_directory", says="participants that the directory lacks"),
    ),
    Broken(TellsOfPersons, caught("directory_holds_no_personal_data")),
    Broken(Forgetful, caught("directory_is_the_same_when_asked_again")),
    Broken(Unordered, caught("free_times_come_in_order_each_once")),
    Broken(LongKeys, caught("every_free_time_is_whole", says="a key of 26 bytes")),
    Broken(IncludesTheEnd, caught("span_is_half_open"), caught("span_without_length_holds_nothing")),
    Broken(
        IgnoresFilters,
        caught("filters_let_through_exactly_what_they_name", by="service"),
        caught("filters_let_through_exactly_what_they_name", by="schedule"),
        caught("filters_let_through_exactly_what_they_name", by="both"),
    ),
    Broken(
        TakesNoneForAll,
        caught("filter_that_names_nothing_lets_nothing_through", filters={"services": ()}),
        caught("filter_that_names_nothing_lets_nothing_through", filters={"schedules": ()}),
    ),
    Broken(SaysLessOfOne, caught("free_time_says_the_same_as_find_free")),
    Broken(
        BelievesInTimes,
        caught("time_that_does_not_exist_is_not_free"),
        caught("time_the_desk_takes_is_free_no_more_until_given_back"),
        caught("booked_time_is_not_free"),
    ),
    Broken(
        RemembersFreeTimes,
        caught("time_the_desk_takes_is_free_no_more_until_given_back"),
        caught("booked_time_is_not_free"),
    ),
    Broken(OneNumber, caught("known_persons_are_found_each_by_a_number_of_their_own")),
    Broken(KnowsEverybody, caught("unknown_persons_are_not_found")),
    Broken(FoldsSigns, caught("the_sign_tells_people_apart", says="another person")),
    Broken(ShowsNothing, caught("booking_is_seen_in_the_list_and_by_itself"), caught("booking_of_the_desk_is_seen")),
    Broken(ShowsTheLiving, caught("booking_of_the_desk_is_seen"), caught("cancel_is_done_and_gives_the_time_back")),
    Broken(KnowsNoEnd, caught("appointment_that_does_not_exist_is_none", raises=Unavailable)),
    Broken(
        TakesSilenceForNothing,
        *(
            caught("read_gives_the_right_answer_or_none_at_all", operation=operation, fault=fault)
            for operation in (Operation.LIST, Operation.PERSON)
            for fault in (Fault.DROP_ANSWER, Fault.CUT_REPLY, Fault.GARBAGE, Fault.SLOW, Fault.REFUSE_CONNECTION)
        ),
    ),
    Broken(
        ShowsAnybody,
        caught("read_gives_the_right_answer_or_none_at_all", operation=Operation.LIST, fault=Fault.WRONG_PERSON),
    ),
    Broken(DecodesPoorly, caught("kept_replies_decode_to_the_same_records", says="decodes to something else")),
    Broken(DecodesAnything, caught("bytes_that_are_no_message_do_not_decode", data=b"{", raises=BaseException)),
    Broken(
        ReadsTheClockFace,
        caught("night_times_are_free_at_their_own_instants"),
        caught("night_bookings_keep_their_instants", raises=ForeignError),
        caught("both_times_of_one_clock_face_are_two", says="the other time went with it"),
    ),
    Broken(
        TellsTheName,
        caught(
            "read_gives_the_right_answer_or_none_at_all",
            says="a personal identity code in LookupError",
            operation=Operation.PERSON,
            fault=Fault.DROP_ANSWER,
        ),
    ),
]
