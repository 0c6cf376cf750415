"""Free times: asked from the masters, merged by start, shared for a moment among those who ask the same."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from operator import attrgetter
from typing import Final

from adapters.errors import ForeignError, Unavailable
from canonical import codes
from canonical.fhir import Resource
from canonical.model import FreeQuery, FreeTime, TimeKey
from canonical.strict_json import dumps
from canonical.times import iso, to_local
from hub.access import Access
from hub.resources import localise
from hub.slots import KeyTooLong, SlotIds
from hub.usecases import agreement
from hub.usecases.asking import Asking, SingleFlight
from hub.usecases.directory import Directory, View
from hub.usecases.gathering import Gathering, pieces
from hub.usecases.permits import Permits, is_within
from hub.usecases.ports import Claim, Failed, Found, Item, PageRequest, RequestContext, Results, SlotQuery
from hub.usecases.world import World

DEFAULT_SPAN: Final = timedelta(days=14)
LONGEST_SPAN: Final = timedelta(days=92)
REMEMBERED: Final = 20_000
"""How many offered times are remembered."""
QUICK: Final = 1.0
"""Seconds that a 409 may wait for alternatives."""

Place = tuple[datetime, str]
"""Where a time stands in a search: its start and its id."""


@dataclass(slots=True)
class Free:
    """One free time that was found. ``day`` is the local one; ``sent`` what is sent of it, made when it is first sent:
    of many times that are found few are shown."""

    start: datetime
    id: str
    day: date
    view: View
    found: FreeTime
    sent: bytes | None = None

    @property
    def place(self) -> Place:
        """Where it stands in a search."""
        return self.start, self.id


@dataclass(slots=True)
class FreeTimes:
    """Finds free times and reads single ones."""

    world: World
    slot_ids: SlotIds
    directory: Directory
    permits: Permits
    asking: Asking
    _flights: SingleFlight[list[Free]] = field(default_factory=SingleFlight)
    _offered: dict[str, tuple[str, Resource]] = field(default_factory=dict)
    _shared: dict[tuple[str, FreeQuery], tuple[float, list[Free]]] = field(default_factory=dict)

    async def search(self, access: Access, query: SlotQuery, page: PageRequest, context: RequestContext) -> Results:
        """The free times the caller may book, by start; who did not answer is named. The total is known where everybody
        was asked for the whole span: ``page.counted``, or where the page holds all."""
        after = _cursor(page.cursor)
        start, end = self._span(query)
        allowed = await self.permits.of_query(access, query, start, end, context)
        seconds = min(self.world.settings.search_deadline, max(0.05, context.deadline - self.world.real.now()))
        is_whole = page.counted or page.count == 0
        known = None if is_whole else after
        spans = (
            [(start, end)] if is_whole else [one for one in pieces(start, end) if known is None or one[1] > known[0]]
        )
        most = None if is_whole else page.count + 1
        coming = Gathering[Free](sorted(allowed), spans, most, self.world.settings.patience)

        async def ask(installation: str) -> None:
            days = allowed[installation]
            is_partial = any(sectors is not None for sectors in days.values())
            try:
                for number, (since, until) in enumerate(spans):
                    times = await self._of(installation, query, since, until, context.request_id)
                    found = [one for one in times if since <= one.start < until and one.day in days]
                    if is_partial:
                        found = [one for one in found if is_within(one.view, one.found.service, days[one.day])]
                    if not await coming.more(installation, number, _behind(found, known)):
                        break
            except ForeignError:
                coming.gone(installation)
                raise

        _, missing = await self.asking.all(sorted(allowed), ask, seconds)
        is_counted = coming.is_whole and known is None and not missing
        merged = sorted(coming.close(), key=_place)
        rest = _behind(merged, after)
        shown = rest[: page.count]
        items = [Item("Slot", free.id, self.rendered(free)) for free in shown]
        next_ = _write_cursor(*shown[-1].place) if len(rest) > page.count > 0 else None
        return Results(items, next_, len(merged) if is_counted else None, missing)

    def _span(self, query: SlotQuery) -> tuple[datetime, datetime]:
        now = self.world.today.now()
        start = max(query.start, now) if query.start else now
        end = query.end or start + DEFAULT_SPAN
        if end - start > LONGEST_SPAN:
            raise Failed("too-costly", f"at most {LONGEST_SPAN.days} days at once", expression=["http.start"])
        return start, max(start, end)

    async def permit(
        self, access: Access, slot_id: str, installation: str, time: TimeKey, context: RequestContext
    ) -> None:
        """Raises `Failed` where the caller may not book the time: for its day, or for the sector of its service (which
        the record system is asked for, where it matters and this process has not offered the time)."""
        sectors = await self.permits.of_day(access, installation, time.start, context)
        if sectors is None:
            return
        if slot_id not in self._offered:
            await self.read(slot_id, context)
        offered, view = self._offered.get(slot_id), self.directory.view(installation)
        if offered is not None and not is_within(view, offered[0], sectors):
            raise Failed("not-bookable", expression=["Appointment.slot[0]"], facts={"installation": installation})

    async def _of(
        self, installation: str, query: SlotQuery, start: datetime, end: datetime, request_id: str
    ) -> list[Free]:
        view = self.directory.view(installation)
        if view is None and not await self.directory.refresh(installation):
            raise Unavailable("its directory could not be had")
        view = self.directory.view(installation)
        assert view is not None
        services, schedules = view.services(query), view.schedules(query)
        if services == frozenset() or schedules == frozenset():
            return []
        # Asked from the whole minute on, so that everybody's "from now" is the same question for a moment.
        begin = start.replace(second=0, microsecond=0)
        until = (
            end if end.second == end.microsecond == 0 else end.replace(second=0, microsecond=0) + timedelta(minutes=1)
        )
        asked = FreeQuery(begin, until, _sorted(services), _sorted(schedules))
        return await self._asked(installation, view, asked, request_id)

    async def _asked(self, installation: str, view: View, asked: FreeQuery, request_id: str) -> list[Free]:
        question = (installation, asked)
        kept = self._shared.get(question)
        if kept and kept[0] > self.world.real.now():
            return kept[1]

        async def ask() -> list[Free]:
            call = self.world.call(installation, request_id, limit=self.world.settings.search_deadline)
            times = await self.world.adapters[installation].find_free(call, asked)
            found = [free for time in times if (free := self.find(installation, view, time))]
            self._forget_old()
            self._shared[question] = (self.world.real.now() + self.world.settings.shared_for, found)
            return found

        return await self._flights.do(question, ask)

    def forget(self, installation: str) -> None:
        """A time was booked or freed: what was shared is no longer so."""
        for question in [q for q in self._shared if q[0] == installation]:
            del self._shared[question]

    def _forget_old(self) -> None:
        now = self.world.real.now()
        for question in [q for q, kept in self._shared.items() if kept[0] <= now]:
            del self._shared[question]

    def find(self, installation: str, view: View, time: FreeTime) -> Free | None:
        """The time as it is sorted and kept; None for one whose key cannot be carried in an id."""
        try:
            slot_id = self._id(installation, time.time)
        except KeyTooLong:
            return None
        return Free(time.time.start, slot_id, to_local(time.time.start).date(), view, time)

    def rendered(self, free: Free) -> bytes:
        """The Slot as it is sent."""
        if free.sent is None:
            free.sent = dumps(self._slot(free))
        return free.sent

    def _slot(self, free: Free) -> Resource:
        view, time = free.view, free.found
        body = localise(time.slot, lambda kind, local: view.ids.get((kind, local), ""))
        slot: Resource = {"resourceType": "Slot", "id": free.id, "meta": {"source": codes.source(view.installation)}}
        slot |= {name: value for name, value in body.items() if name not in slot}
        if "serviceCategory" not in slot and (categories := view.categories(time.service)):
            slot["serviceCategory"] = categories
        slot |= {"status": "free", "start": iso(time.time.start), "end": iso(time.time.end)}
        self._remember(free.id, time.service, slot)
        return slot

    def _id(self, installation: str, time: TimeKey) -> str:
        return self.slot_ids.encode(self.world.names.index(installation), time)

    def _remember(self, slot_id: str, service: str, slot: Resource) -> None:
        """What was offered, for when it is taken: a record system tells of free times only."""
        self._offered[slot_id] = (service, slot)
        while len(self._offered) > REMEMBERED:
            del self._offered[next(iter(self._offered))]

    def known(self, slot_id: str, installation: str, time: TimeKey) -> Resource:
        """A time that is taken or past. Where this process never offered it, its Schedule is honestly unknown."""
        if slot_id in self._offered:
            return self._offered[slot_id][1] | {"status": "busy"}
        slot: Resource = {"resourceType": "Slot", "id": slot_id, "meta": {"source": codes.source(installation)}}
        unknown = {"extension": [{"url": codes.DATA_ABSENT, "valueCode": "unknown"}]}
        return slot | {"schedule": unknown, "status": "busy", "start": iso(time.start), "end": iso(time.end)}

    def decode(self, slot_id: str) -> tuple[str, TimeKey] | None:
        """(installation, time) of a Slot id; None for an id that is none of ours."""
        found = self.slot_ids.decode(slot_id)
        if found is None or found[0] >= len(self.world.names):
            return None
        return self.world.names[found[0]], found[1]

    def offered(self, slot_id: str) -> tuple[str, Resource] | None:
        """The local id of its service, and the Slot as it was shown, where this process has shown it."""
        return self._offered.get(slot_id)

    def check(self, slot_id: str, installation: str, claims: Sequence[Claim]) -> None:
        """Raises `Failed` where what is claimed of a time is known not to be so; nobody is asked."""
        if claims:
            agreement.check(claims, self._offered.get(slot_id), self.directory.view(installation))

    async def read(self, slot_id: str, context: RequestContext) -> Found | None:
        """One time as it is now: ``free``, or ``busy`` when it is taken or past."""
        decoded = self.decode(slot_id)
        if decoded is None:
            return None
        installation, time = decoded
        view = self.directory.view(installation)
        call = self.world.call(installation, context.request_id, limit=context.deadline - self.world.real.now())
        try:
            if view is None and not await self.directory.refresh(installation):
                raise Unavailable("its directory could not be had")
            found = await self.asking.one(installation, self.world.adapters[installation].free_time(call, time))
        except ForeignError as error:
            raise Failed("record-system-failed", error.detail, retry_after=5.0) from error
        view = self.directory.view(installation)
        free = self.find(installation, view, found) if found is not None and view is not None else None
        if free is None or time.start <= self.world.today.now():
            busy = dumps(self.known(slot_id, installation, time))
            return Found("Slot", slot_id, busy, None, None, self.world.real.now())
        return Found("Slot", slot_id, self.rendered(free), None, None, self.world.real.now())

    async def alternatives(self, installation: str, time: TimeKey, request_id: str, most: int = 3) -> Sequence[Free]:
        """The free times of the same service at the same installation that are nearest to a taken one, from one shared
        look-up per question; nothing when that does not come quickly."""
        view = self.directory.view(installation)
        offered = self._offered.get(self._id(installation, time))
        if view is None or offered is None:
            return ()
        now = self.world.today.now()
        begin = max(now, time.start - timedelta(days=1)).replace(second=0, microsecond=0)
        asked = FreeQuery(begin, begin + timedelta(days=8), (offered[0],))
        try:
            async with asyncio.timeout(QUICK):
                times = await self._asked(installation, view, asked, request_id)
        except (ForeignError, TimeoutError):
            return ()
        nearest = sorted(times, key=lambda free: (abs(free.start - time.start), free.start, free.id))
        return [free for free in nearest if free.start > now][:most]


_place: Final = attrgetter("start", "id")


def _behind(times: list[Free], after: Place | None) -> list[Free]:
    """Those that stand behind a place."""
    return times if after is None else [free for free in times if free.place > after]


def _sorted(ids: frozenset[str] | None) -> tuple[str, ...] | None:
    return None if ids is None else tuple(sorted(ids))


def _write_cursor(start: datetime, slot_id: str) -> str:
    return base64.urlsafe_b64encode(f"{iso(start)} {slot_id}".encode()).decode().rstrip("=")


def _cursor(text: str | None) -> Place | None:
    if text is None:
        return None
    try:
        start, slot_id = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().split(" ")
        return datetime.fromisoformat(start), slot_id
    except (ValueError, binascii.Error):
        raise Failed("bad-cursor") from None
