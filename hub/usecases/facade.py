"""The hub as the HTTP face sees it: each question goes to the use case that answers it."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import structlog

from hub import resources
from hub.access import Access
from hub.criteria import Criterion, Reference, Token
from hub.resources import DIRECTORY
from hub.store.audit import AuditEntry
from hub.store.errors import StoreUnavailable
from hub.store.projection import BadCursor, Stored, UnknownParameter
from hub.usecases import receipts
from hub.usecases.answers import Answers
from hub.usecases.appointments import Appointments, Patients, found
from hub.usecases.asking import Asking
from hub.usecases.booking import Booking
from hub.usecases.cancelling import Cancelling
from hub.usecases.directory import Directory
from hub.usecases.freetimes import FreeTimes
from hub.usecases.holding import Holding
from hub.usecases.moving import Moving
from hub.usecases.ports import (
    AcceptRequest,
    Answer,
    ApiExchange,
    BookRequest,
    CancelRequest,
    ChangeRequest,
    Disclosure,
    Failed,
    Found,
    Held,
    HoldRequest,
    InstallationState,
    Item,
    Kept,
    Missing,
    MoveRequest,
    PageRequest,
    Readiness,
    RequestContext,
    Results,
    SlotQuery,
    Unknown,
)
from hub.usecases.world import World

_log = structlog.get_logger("hub")


@dataclass(slots=True)
class Hub:
    """Implements `UseCases` and `Ledger` of `hub.usecases.ports`. ``tokens`` are by SHA-256 of their text."""

    world: World
    tokens: Mapping[str, Access]
    booking: Booking
    holding: Holding
    cancelling: Cancelling
    moving: Moving
    appointments: Appointments
    patients: Patients
    free: FreeTimes
    directory: Directory
    asking: Asking
    answers: Answers

    async def whoami(self, token: str) -> Access | None:
        return self.tokens.get(hashlib.sha256(token.encode()).hexdigest())

    async def book(self, access: Access, request: BookRequest, context: RequestContext) -> Answer:
        with no_store():
            return await self.booking.book(access, request, context)

    async def cancel(self, access: Access, request: CancelRequest, context: RequestContext) -> Answer:
        with no_store():
            return await self.cancelling.cancel(access, request, context)

    async def move(self, access: Access, request: MoveRequest, context: RequestContext) -> Answer:
        with no_store():
            return await self.moving.move(access, request, context)

    async def accept(self, access: Access, request: AcceptRequest, context: RequestContext) -> Answer:
        with no_store():
            return await self.moving.accept(access, request, context)

    async def hold(self, access: Access, request: HoldRequest, context: RequestContext) -> Held | Unknown:
        with no_store():
            return await self.holding.hold(access, request, context)

    async def release(self, access: Access, request: HoldRequest, context: RequestContext) -> Unknown | None:
        with no_store():
            return await self.holding.release(access, request, context)

    async def remember(self, access: Access, request: BookRequest | ChangeRequest, answer: Kept) -> None:
        if isinstance(request, BookRequest):
            key = self.booking.key(access, request)
        else:
            key = self.cancelling.changing.key(access, request)
        if key is not None:
            await self.answers.keep(key, answer)

    def read_now(self, access: Access, kind: str, hub_id: str) -> Found | None:
        world = self.world
        with no_store():
            stored = world.store.projection.read_now(access, kind, hub_id, today=world.today.now())
        if stored is None:
            return None
        if kind in DIRECTORY or world.real.now() - stored.proven_at <= world.settings.proven_window:
            return found(stored)
        return None

    async def read(
        self, access: Access, kind: str, hub_id: str, *, fresh: bool, context: RequestContext
    ) -> Found | None:
        with no_store():
            match kind:
                case "Appointment":
                    return await self.appointments.read(access, hub_id, fresh=fresh, context=context)
                case "Patient":
                    return await self.patients.read(access, hub_id, fresh=fresh, context=context)
                case "Slot":
                    return await self.free.read(hub_id, context)
                case "Task":
                    kept = await self.world.store.receipts.get(access, hub_id)
                    return receipts.render(kept) if kept else None
                case _:
                    today = self.world.today.now()
                    stored = await self.world.store.projection.read(access, kind, hub_id, today=today)
                    return stored and found(stored)

    async def version(
        self, access: Access, kind: str, hub_id: str, version: int, context: RequestContext
    ) -> Found | None:
        with no_store():
            today = self.world.today.now()
            kept = await self.world.store.projection.version(access, kind, hub_id, version, today=today)
        if kept is None:
            return None
        return Found(kind, kept.id, kept.json, kept.version, kept.recorded_at, kept.recorded_at)

    async def history(self, access: Access, kind: str, hub_id: str, context: RequestContext) -> Sequence[Found]:
        with no_store():
            today = self.world.today.now()
            kept = await self.world.store.projection.history(access, kind, hub_id, today=today)
        return [Found(kind, one.id, one.json, one.version, one.recorded_at, one.recorded_at) for one in kept]

    async def search(
        self, access: Access, kind: str, criteria: Sequence[Criterion], page: PageRequest, context: RequestContext
    ) -> Results:
        page, bound = self._opened(access, page, f"{kind}?{criteria!r}")
        with no_store():
            return bound(await self._search(access, kind, criteria, page, context))

    async def _search(
        self, access: Access, kind: str, criteria: Sequence[Criterion], page: PageRequest, context: RequestContext
    ) -> Results:
        if kind == "Task":
            return await self._tasks(access, criteria, page)
        if kind == "Patient":
            return await self._own_patient(access, criteria, context)
        missing: list[Missing] = []
        if kind == "Appointment" and page.cursor is None and access.subject is not None:
            missing = await self.appointments.refresh(access.subject, context)
        return await self._projected(access, kind, criteria, page, missing)

    async def own_appointments(self, access: Access, criteria: Sequence[Criterion], context: RequestContext) -> Results:
        """The caller's own appointments that match, for If-None-Exist: two are enough to know."""
        return await self.search(access, "Appointment", criteria, PageRequest(2), context)

    async def _projected(
        self, access: Access, kind: str, criteria: Sequence[Criterion], page: PageRequest, missing: list[Missing]
    ) -> Results:
        projection, today = self.world.store.projection, self.world.today.now()
        try:
            total = None
            if page.cursor is None and not missing:
                total = await projection.count(access, kind, criteria, today=today)
            got = await projection.search(
                access,
                kind,
                criteria,
                today=today,
                limit=page.count,
                after=page.cursor,
                descending=page.descending and kind == "Appointment",
            )
        except UnknownParameter as error:
            raise Failed("bad-parameter", str(error)) from error
        except BadCursor as error:
            raise Failed("bad-cursor") from error
        return Results([self._item(stored, missing) for stored in got.items], got.next, total, missing)

    def _item(self, stored: Stored, missing: Sequence[Missing]) -> Item:
        """One entry; an Appointment whose installation does not answer, on this page or since the first, is marked."""
        heard = self.asking.heard
        is_silent = stored.installation in heard.silent_since or any(
            one.installation == stored.installation for one in missing
        )
        stale = is_silent and stored.kind == "Appointment" and stored.local_id is not None
        shown = resources.stale(stored.json, stored.proven_at) if stale else stored.json
        return Item(stored.kind, stored.id, shown)

    async def _own_patient(self, access: Access, criteria: Sequence[Criterion], context: RequestContext) -> Results:
        """Exactly the resident, if the criteria fit."""
        if access.subject is None:
            raise Failed("forbidden")
        seen = await self.patients.read(access, access.subject, fresh=False, context=context)
        if seen is None:
            return Results([], total=0)
        return await self._projected(access, "Patient", criteria, PageRequest(1), [])

    async def _tasks(self, access: Access, criteria: Sequence[Criterion], page: PageRequest) -> Results:
        own = [c for c in criteria if c.name not in ("patient", "for")]
        if any(_another(access, c) for c in criteria if c.name in ("patient", "for")):
            return Results([], total=0)
        narrowed = receipts.states(own)
        kept = self.world.store.receipts
        found_ = await kept.search(access, limit=page.count + 1, after=page.cursor, **narrowed)
        shown = [receipts.render(one) for one in found_[: page.count]]
        more = len(found_) > page.count > 0
        total = await kept.count(access, **narrowed) if page.cursor is None else None
        items = [Item("Task", one.id, one.json) for one in shown]
        return Results(items, shown[-1].id if more else None, total)

    async def free_times(self, access: Access, query: SlotQuery, page: PageRequest, context: RequestContext) -> Results:
        page, bound = self._opened(access, page, f"Slot?{query!r}")
        with no_store():
            return bound(await self.free.search(access, query, page, context))

    def _opened(
        self, access: Access, page: PageRequest, search: str
    ) -> tuple[PageRequest, Callable[[Results], Results]]:
        """The page that is asked for, with its cursor as the use case made it, and what binds the next one.

        A cursor belongs to one caller, one search and one order: a seal at its end says which. Raises `Failed` for any
        other. It is no proof of anything else: the next page is authorised anew.
        """
        who = f"{access.client}/{access.resident}/{access.subject}/{page.descending}/{search}"

        def seal(cursor: str) -> str:
            return self.world.sealer.keyed_hash(f"{cursor} {who}", "cursor")[:24]

        def bind(results: Results) -> Results:
            return replace(results, next=f"{results.next}~{seal(results.next)}") if results.next else results

        if page.cursor is None:
            return page, bind
        cursor, _, found = page.cursor.rpartition("~")
        if not hmac.compare_digest(found.encode(), seal(cursor).encode()):
            raise Failed("bad-cursor", expression=["http._cursor"])
        return replace(page, cursor=cursor), bind

    async def installations(self) -> Sequence[InstallationState]:
        return [self._state(name) for name in self.world.names]

    def _state(self, name: str) -> InstallationState:
        adapter, heard = self.world.adapters[name], self.asking.heard
        silent, last = heard.silent_since.get(name), heard.last.get(name)
        view, one = self.directory.view(name), adapter.installation
        return InstallationState(
            name,
            one.system,
            one.release,
            one.municipalities,
            one.sectors,
            adapter.profile,
            None if silent is None and last is None else silent is None,
            silent if silent is not None else last,
            view.at if view else None,
        )

    async def readiness(self) -> Readiness:
        states = await self.installations()
        works = await self.world.store.works()
        # Ready once each installation's directory has come or its absence is known: then every answer is honest.
        asked = all(one.directory_at is not None or one.up is False for one in states)
        return Readiness(works and asked, works, states)

    async def released(self, entry: Disclosure) -> None:
        access = entry.access
        kind, _, interaction = entry.event.partition(".")
        audited = AuditEntry(
            at=entry.at,
            request_id=entry.request_id,
            client=access.client if access else "",
            resident=access.resident if access else None,
            acting_for=access.acting_for if access else None,
            patient=access.subject if access else None,
            kind=kind,
            interaction=interaction,
            purpose=access.purpose if access else "",
            register="directory" if kind in DIRECTORY else "health",
            outcome=entry.outcome,
            released=entry.released,
            query=entry.query,
        )
        with no_store():
            await self.world.store.audit.record(audited)

    def exchanged(self, entry: ApiExchange) -> None:
        client = entry.access.client if entry.access else "-"
        heading = f"{entry.method} {entry.target}\n".encode()
        try:
            self.world.store.exchanges.served(
                entry.request_id,
                client,
                f"{entry.method} {entry.route}",
                entry.started,
                entry.ended,
                str(entry.status),
                heading + _head(entry.headers) + b"\n" + entry.body,
                _head(entry.answer_headers) + b"\n" + entry.answer,
            )
        except StoreUnavailable:
            _log.error("exchange not kept", request_id=entry.request_id)


def _head(headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    return b"".join(name + b": " + value + b"\n" for name, value in headers)


def _another(access: Access, criterion: Criterion) -> bool:
    """Whether a search for a patient's things means somebody else's."""
    wanted = {v.id for v in criterion.values if isinstance(v, Reference)}
    wanted |= {v.code for v in criterion.values if isinstance(v, Token) and v.code}
    return access.subject not in wanted


@contextmanager
def no_store() -> Iterator[None]:
    """A store that cannot read or write becomes the answer that says so."""
    try:
        yield
    except StoreUnavailable as error:
        code = "answer-withheld" if error.maybe_written else "no-store"
        raise Failed(code, str(error), retry_after=5.0) from error
