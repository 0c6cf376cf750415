"""Reads and searches: only what the caller may see, in pages that stay."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from canonical import codes
from canonical.fhir import coding, concept
from canonical.model import Record
from hub.access import Access
from hub.criteria import Criterion, Reference, Span, Text, Token
from hub.resources import DIRECTORY, STORED
from hub.store import Store
from hub.store.projection import BadCursor, UnknownParameter
from hub.store.tokens import PARAMETERS
from tests.hub.store.samples import (
    CHILD_HETU,
    HETU,
    LOVIISA,
    NOBODY,
    PORVOO,
    START,
    TODAY,
    appointment,
    learn,
    location,
    look,
    meet,
    own,
    proxy,
)

DAY = timedelta(days=1)


async def found(store: Store, access: Access, kind: str, *criteria: Criterion, **more: Any) -> list[str]:
    page = await store.projection.search(access, kind, criteria, today=more.pop("today", TODAY), limit=100, **more)
    count = await store.projection.count(access, kind, criteria, today=TODAY)
    assert count == len(page.items)
    assert page.next is None
    return [item.id for item in page.items]


def both_ways(store: Store) -> list[Callable[..., Any]]:
    """`read`, and on SQLite `read_now`: they must agree."""

    async def slow(access: Access, kind: str, hub_id: str, today: datetime = TODAY) -> Any:
        return await store.projection.read(access, kind, hub_id, today=today)

    async def hot(access: Access, kind: str, hub_id: str, today: datetime = TODAY) -> Any:
        return store.projection.read_now(access, kind, hub_id, today=today)

    return [slow, hot] if store.database.is_sqlite else [slow]


async def test_only_ones_own_is_read(store: Store) -> None:
    aino, child = await meet(store), await meet(store, CHILD_HETU, "p88")
    await learn(store, aino, date(1990, 1, 1))
    ids = await store.projection.ingest([appointment()], look(1000), patient=aino)
    hub_id = ids["Appointment", "a1"]
    strangers = [own(child), proxy(aino, child), NOBODY, Access("portal", "", "", ""), own(hub_id)]
    for read in both_ways(store):
        assert (await read(own(aino), "Appointment", hub_id)).id == hub_id
        assert (await read(own(aino), "Patient", aino)).id == aino
        for stranger in strangers:
            assert await read(stranger, "Appointment", hub_id) is None
            assert await read(stranger, "Patient", aino) is None
        assert await read(own(aino), "Appointment", "nothing") is None
        assert await read(own(aino), "Location", hub_id) is None
        assert await read(own(aino), "Task", hub_id) is None


async def test_the_hot_read_says_the_same(store: Store) -> None:
    aino = await meet(store)
    ids = await store.projection.ingest([location(), appointment()], look(1000.125, 1000.375), patient=aino)
    for kind, local_id in (("Location", "12"), ("Appointment", "a1")):
        answers = [await read(own(aino), kind, ids[kind, local_id]) for read in both_ways(store)]
        assert answers[0] is not None
        assert all(answer == answers[0] for answer in answers)
    if not store.database.is_sqlite:
        assert store.projection.read_now(own(aino), "Location", ids["Location", "12"], today=TODAY) is None


async def test_the_hot_read_sees_what_was_written_just_now(store: Store) -> None:
    aino = await meet(store)
    for n in range(1, 4):
        record = appointment(version=str(n), comment=str(n))
        ids = await store.projection.ingest([record], look(1000.0 + n), patient=aino)
        for read in both_ways(store):
            assert (await read(own(aino), "Appointment", ids["Appointment", "a1"])).version == n


async def test_a_hidden_visit_does_not_exist_for_a_guardian(store: Store) -> None:
    aino, child = await meet(store), await meet(store, CHILD_HETU, "p88")
    restricted = {"url": codes.RESTRICTION_PARENT, "valueCoding": coding(codes.RESTRICTION_PARENT_CODES, "4")}
    shown = {"url": codes.RESTRICTION_PARENT, "valueCoding": coding(codes.RESTRICTION_PARENT_CODES, "1")}
    hidden = appointment("a1", number="p88", extension=[restricted])
    open_one = appointment("a2", number="p88", extension=[shown], at=START + DAY)
    ids = await store.projection.ingest([hidden, open_one], look(1000), patient=child)
    secret, seen = ids["Appointment", "a1"], ids["Appointment", "a2"]
    guardian = proxy(aino, child)
    for read in both_ways(store):
        assert await read(guardian, "Appointment", secret) is None
        assert (await read(guardian, "Appointment", seen)).id == seen
        assert (await read(own(child), "Appointment", secret)).id == secret
        assert (await read(proxy(child, child), "Appointment", secret)).id == secret, "for oneself is no proxy"
    assert await found(store, guardian, "Appointment") == [seen]
    assert await found(store, guardian, "Appointment", Criterion("_id", (Token(None, secret),))) == []
    assert await found(store, own(child), "Appointment") == [secret, seen]
    assert await store.projection.history(guardian, "Appointment", secret, today=TODAY) == []
    assert await store.projection.version(guardian, "Appointment", secret, 1, today=TODAY) is None


async def test_what_was_hidden_once_stays_hidden_in_the_history(store: Store) -> None:
    aino, child = await meet(store), await meet(store, CHILD_HETU, "p88")

    def restricted(code: str, version: str) -> Record:
        extension = {"url": codes.RESTRICTION_PARENT, "valueCoding": coding(codes.RESTRICTION_PARENT_CODES, code)}
        return appointment(number="p88", version=version, extension=[extension])

    for n, code in enumerate(("1", "4", "2"), 1):
        ids = await store.projection.ingest([restricted(code, str(n))], look(1000 + n), patient=child)
    hub_id = ids["Appointment", "a1"]
    for access, numbers in ((proxy(aino, child), [3, 1]), (own(child), [3, 2, 1])):
        versions = await store.projection.history(access, "Appointment", hub_id, today=TODAY)
        assert [version.version for version in versions] == numbers
    assert await store.projection.version(proxy(aino, child), "Appointment", hub_id, 2, today=TODAY) is None
    await store.projection.ingest([restricted("4", "4")], look(2000), patient=child)
    assert await store.projection.history(proxy(aino, child), "Appointment", hub_id, today=TODAY) == []


async def test_what_is_not_released_yet_does_not_exist(store: Store) -> None:
    aino = await meet(store)
    release = {"url": codes.RELEASE_DATE, "valueDate": "2027-03-10"}
    ids = await store.projection.ingest([appointment(extension=[release])], look(1000), patient=aino)
    hub_id = ids["Appointment", "a1"]
    midnight = datetime(2027, 3, 9, 22, 0, tzinfo=UTC)
    for read in both_ways(store):
        assert await read(own(aino), "Appointment", hub_id, midnight - timedelta(seconds=1)) is None
        assert (await read(own(aino), "Appointment", hub_id, midnight)).id == hub_id
    assert await found(store, own(aino), "Appointment") == []
    page = await store.projection.search(own(aino), "Appointment", [], today=midnight, limit=10)
    assert [item.id for item in page.items] == [hub_id]
    assert await store.projection.history(own(aino), "Appointment", hub_id, today=TODAY) == []
    assert len(await store.projection.history(own(aino), "Appointment", hub_id, today=midnight)) == 1


async def test_old_versions_are_read_as_they_were(store: Store) -> None:
    aino = await meet(store)
    ids = await store.projection.ingest([appointment()], look(1000), patient=aino)
    hub_id = ids["Appointment", "a1"]
    before = await store.projection.read(own(aino), "Appointment", hub_id, today=TODAY)
    await store.projection.ingest([appointment(version="2", status="cancelled")], look(2000), patient=aino)
    version = await store.projection.version(own(aino), "Appointment", hub_id, 1, today=TODAY)
    assert version is not None
    assert before is not None
    assert (version.json, version.recorded_at) == (before.json, 1001.0)
    assert await store.projection.version(own(aino), "Appointment", hub_id, 3, today=TODAY) is None
    assert await store.projection.version(NOBODY, "Appointment", hub_id, 1, today=TODAY) is None


async def test_nobody_finds_anything_of_a_persons(store: Store) -> None:
    aino = await meet(store)
    await learn(store, aino, date(1990, 1, 1))
    await store.projection.ingest([appointment()], look(1000), patient=aino)
    for kind in ("Appointment", "Patient"):
        assert await found(store, NOBODY, kind) == []
        assert await found(store, own("somebody"), kind) == []
        assert len(await found(store, own(aino), kind)) == 1


@pytest.mark.parametrize("kind", ["Task", "Slot", "Communication", "AuditEvent", "Nonsense"])
async def test_a_kind_that_is_not_kept_is_never_there(store: Store, kind: str) -> None:
    assert await store.projection.read(own("x"), kind, "x", today=TODAY) is None
    assert await found(store, own("x"), kind) == []


def test_every_kind_that_is_kept_is_somebodys_or_everybodys() -> None:
    assert set(PARAMETERS) == STORED
    assert DIRECTORY < STORED


async def visits(store: Store, aino: str) -> dict[str, str]:
    """Five appointments on following days, two of them at one time, one cancelled, one in error, one elsewhere."""
    await store.people.keep_link(aino, LOVIISA, "77", 900.0)
    service = [concept(coding(codes.SERVICE, "151"), coding("urn:local", "hammas"))]
    records = [
        appointment("a1", serviceType=service),
        appointment("a2", at=START + DAY, status="cancelled"),
        appointment("a3", at=START + 2 * DAY, status="entered-in-error"),
        appointment("a4", at=START + 3 * DAY),
    ]
    ids = await store.projection.ingest(records, look(1000), patient=aino)
    there = [appointment("b1", number="77", at=START + 3 * DAY)]
    ids |= await store.projection.ingest(there, look(2000, where=LOVIISA), patient=aino)
    return {local_id: hub_id for (kind, local_id), hub_id in ids.items() if kind == "Appointment"}


def on(start: datetime | None, end: datetime | None) -> Criterion:
    return Criterion("date", (Span(start, end),))


async def test_what_a_search_of_appointments_finds(store: Store) -> None:
    aino = await meet(store)
    ids = await visits(store, aino)
    last = sorted([ids["a4"], ids["b1"]])

    async def find(*criteria: Criterion, **more: Any) -> list[str]:
        return await found(store, own(aino), "Appointment", *criteria, **more)

    assert await find() == [ids["a1"], ids["a2"], *last]
    assert await find(descending=True) == [*reversed(last), ids["a2"], ids["a1"]]
    status = Criterion("status", (Token(None, "cancelled"), Token(None, "entered-in-error")))
    assert await find(status) == [ids["a2"], ids["a3"]]
    assert await find(on(START, START + DAY)) == [ids["a1"]]
    assert await find(on(START + DAY, None)) == [ids["a2"], *last]
    assert await find(on(None, START)) == []
    assert await find(on(START, START + DAY), on(START + DAY, None)) == []
    assert await find(Criterion("date", (Span(START, START + DAY), Span(START + 3 * DAY, None)))) == [ids["a1"], *last]
    assert await find(Criterion("patient", (Reference("Patient", aino),))) == [ids["a1"], ids["a2"], *last]
    assert await find(Criterion("patient", (Reference(None, "eero"),))) == []
    assert await find(Criterion("patient", (Reference("Location", aino),))) == []
    assert await find(Criterion("installation", (Text(LOVIISA),))) == [ids["b1"]]
    assert await find(Criterion("_id", (Token(None, ids["a1"]), Token(None, "x")))) == [ids["a1"]]
    instant = datetime.fromtimestamp(1500, UTC)
    assert await find(Criterion("_lastUpdated", (Span(instant, None),))) == [ids["b1"]]
    for token, hit in (
        (Token(codes.SERVICE, "151"), True),
        (Token(None, "151"), True),
        (Token(None, "hammas"), True),
        (Token("urn:local", None), True),
        (Token("urn:loca", None), False),
        (Token("urn:local", "151"), False),
        (Token("", "151"), False),
        (Token(None, "15"), False),
    ):
        assert await find(Criterion("service-type", (token,))) == ([ids["a1"]] if hit else [])


async def test_references_are_searched_by_the_hubs_ids(store: Store) -> None:
    aino = await meet(store)
    ids = await store.projection.ingest([appointment()], look(1000), patient=aino)
    place, hub_id = ids["Location", "12"], ids["Appointment", "a1"]
    for name, reference, hit in (
        ("location", Reference("Location", place), True),
        ("location", Reference(None, place), True),
        ("actor", Reference("Location", place), True),
        ("actor", Reference("Patient", aino), True),
        ("practitioner", Reference(None, place), False),
        ("location", Reference(None, aino), False),
    ):
        criterion = Criterion(name, (reference,))
        assert await found(store, own(aino), "Appointment", criterion) == ([hub_id] if hit else [])


async def test_the_directory_is_searched_by_anybody(store: Store) -> None:
    address = {"city": "Porvoo"}
    service = {
        "resourceType": "HealthcareService",
        "active": True,
        "name": "Hammashoitola Älykkö 100%",
        "providedBy": {"reference": "Organization/o1"},
        "identifier": [{"system": "urn:s", "value": "H1"}],
    }
    records = [
        location(),
        Record(
            "Location", "13", {"resourceType": "Location", "name": "Loviisa", "address": address, "status": "active"}
        ),
        Record("HealthcareService", "h1", service),
    ]
    ids = await store.projection.ingest(records, look(1000))
    tests = [
        ("Location", Criterion("name", (Text("näsin TERV"),)), "12"),
        ("Location", Criterion("name", (Text("nasin"),)), "12"),
        ("Location", Criterion("name", (Text("terveys"),)), None),
        ("Location", Criterion("address-city", (Text("porvoo"),)), "13"),
        ("Location", Criterion("status", (Token(None, "inactive"),)), None),
        ("HealthcareService", Criterion("name", (Text("hammashoitola alykko 100%"),)), "h1"),
        ("HealthcareService", Criterion("name", (Text("h%"),)), None),
        ("HealthcareService", Criterion("active", (Token(None, "true"),)), "h1"),
        ("HealthcareService", Criterion("identifier", (Token("urn:s", "H1"),)), "h1"),
        ("HealthcareService", Criterion("organization", (Reference(None, ids["Organization", "o1"]),)), "h1"),
    ]
    for kind, criterion, local_id in tests:
        expected = [ids[kind, local_id]] if local_id else []
        assert await found(store, NOBODY, kind, criterion) == expected, criterion


@pytest.mark.parametrize(
    ("kind", "criterion"),
    [
        ("Appointment", Criterion("colour", (Token(None, "red"),))),
        ("Appointment", Criterion("date", (Token(None, "2027"),))),
        ("Appointment", Criterion("location", (Text("x"),))),
        ("Location", Criterion("date", (Span(None, None),))),
        ("Practitioner", Criterion("name", (Text("x"),))),
        ("Appointment", Criterion("status", (Span(None, None),))),
        ("Location", Criterion("identifier", (Span(None, None),))),
    ],
)
async def test_what_cannot_be_searched_is_said(store: Store, kind: str, criterion: Criterion) -> None:
    with pytest.raises(UnknownParameter):
        await store.projection.search(own("x"), kind, [criterion], today=TODAY, limit=10)


async def walk(store: Store, access: Access, kind: str, limit: int, *, descending: bool = False) -> list[str]:
    """Every page after the other."""
    seen: list[str] = []
    after: str | None = None
    while True:
        page = await store.projection.search(
            access, kind, [], today=TODAY, limit=limit, after=after, descending=descending
        )
        assert len(page.items) == limit or page.next is None
        seen += [item.id for item in page.items]
        if page.next is None:
            return seen
        after = page.next


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 50])
async def test_pages_divide_what_is_found(store: Store, limit: int) -> None:
    aino = await meet(store)
    times = [START + (n // 3) * DAY for n in range(14)]
    records = [appointment(f"a{n}", at=at) for n, at in enumerate(times)]
    await store.projection.ingest([*records, *(location(str(n)) for n in range(9))], look(1000), patient=aino)
    for kind, total in (("Appointment", 14), ("Location", 9)):
        whole = await found(store, own(aino), kind)
        assert len(whole) == total
        assert await walk(store, own(aino), kind, limit) == whole
        assert await walk(store, own(aino), kind, limit, descending=True) == whole[::-1]


async def test_a_page_stays_where_it_was(store: Store) -> None:
    aino = await meet(store)
    records = [appointment(f"a{n}", at=START + n * DAY) for n in range(6)]
    await store.projection.ingest(records, look(1000), patient=aino)
    whole = await found(store, own(aino), "Appointment")
    first = await store.projection.search(own(aino), "Appointment", [], today=TODAY, limit=3)
    early = [appointment(f"b{n}", at=START - (n + 1) * DAY) for n in range(4)]
    await store.projection.ingest(early, look(2000), patient=aino)
    rest = await store.projection.search(own(aino), "Appointment", [], today=TODAY, limit=10, after=first.next)
    assert [item.id for item in (*first.items, *rest.items)] == whole


async def test_a_page_is_authorised_again(store: Store) -> None:
    aino, child = await meet(store), await meet(store, CHILD_HETU, "p88")
    records = [appointment(f"a{n}", at=START + n * DAY) for n in range(6)]
    await store.projection.ingest(records, look(1000), patient=aino)
    first = await store.projection.search(own(aino), "Appointment", [], today=TODAY, limit=3)
    stolen = await store.projection.search(own(child), "Appointment", [], today=TODAY, limit=10, after=first.next)
    assert stolen.items == []


@pytest.mark.parametrize("cursor", ["", "abc", "A" * 64, "../../etc"])
async def test_a_made_up_cursor_is_refused(store: Store, cursor: str) -> None:
    with pytest.raises(BadCursor):
        await store.projection.search(own("x"), "Appointment", [], today=TODAY, limit=10, after=cursor)


async def test_an_appointment_without_a_time_comes_first(store: Store) -> None:
    aino = await meet(store)
    timeless = appointment("a0", status="proposed")
    del timeless.resource["start"], timeless.resource["end"]
    await store.projection.ingest([appointment("a1"), timeless], look(1000), patient=aino)
    first = await walk(store, own(aino), "Appointment", 1)
    assert first[0] == await store.links.find("Appointment", PORVOO, "a0")
    assert len(first) == 2


async def test_reads_go_on_while_others_write(store: Store) -> None:
    aino = await meet(store)
    ids = await store.projection.ingest([appointment()], look(1000), patient=aino)
    hub_id = ids["Appointment", "a1"]
    versions: list[int] = []

    async def write() -> None:
        for n in range(2, 30):
            await store.projection.ingest([appointment(version=str(n), comment=str(n))], look(1000 + n), patient=aino)

    async def read() -> None:
        for _ in range(60):
            stored = await store.projection.read(own(aino), "Appointment", hub_id, today=TODAY)
            assert stored is not None
            versions.append(stored.version)

    await asyncio.gather(write(), read())
    assert versions == sorted(versions), "never an older version after a newer one"


async def test_a_hetu_is_searched_by_its_hash(store: Store) -> None:
    aino = await meet(store)
    resource = {"resourceType": "Patient", "identifier": [{"system": codes.HETU, "value": HETU}]}
    await store.people.put(aino, Record("Patient", aino, resource), date(1990, 1, 1), look(1000, where="register"))
    assert await found(store, own(aino), "Patient", Criterion("identifier", (Token(codes.HETU, HETU),))) == [aino]
    assert await found(store, own(aino), "Patient", Criterion("identifier", (Token(codes.HETU, CHILD_HETU),))) == []
