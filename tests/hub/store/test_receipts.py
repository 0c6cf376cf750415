"""Receipts: everybody's own, and the operators' worklist."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from canonical import codes
from canonical.fhir import coding
from hub.access import Access
from hub.journal.ports import Lease, Move, Problem, Row
from hub.journal.states import State
from hub.store import Store
from tests.hub.store.samples import (
    CHILD_HETU,
    LOVIISA,
    NOBODY,
    PORVOO,
    START,
    appointment,
    booking,
    cancelling,
    go,
    look,
    lost,
    meet,
    own,
    placed,
    proxy,
    sent,
)

DAY = timedelta(days=1)


async def ids(store: Store, access: Access) -> list[str]:
    found = await store.receipts.search(access, limit=100)
    assert await store.receipts.count(access) == len(found)
    return [receipt.row.new.id for receipt in found]


async def test_a_receipt_follows_its_command(store: Store) -> None:
    aino = await meet(store)
    row = await store.journal.accept(booking(aino), Lease("w", 1060.0), 1000.0)
    assert isinstance(row, Row)
    receipt = await store.receipts.get(own(aino), "c1")
    assert receipt is not None
    assert (receipt.row, receipt.version, receipt.changed_at) == (row, 1, 1000.0)
    row = await go(store, row, Move(State.SENDING, 1001.0))
    row = await go(store, row, Move(State.CONFIRMED, 1002.5, record=placed(), warning="other-time"))
    receipt = await store.receipts.get(own(aino), "c1")
    assert receipt is not None
    assert (receipt.row, receipt.version, receipt.changed_at) == (row, 3, 1002.5)


async def test_a_claim_is_no_change_of_the_receipt(store: Store) -> None:
    aino = await meet(store)
    await store.journal.accept(booking(aino), Lease("w", 1060.0), 1000.0)
    await store.journal.claim("c1", Lease("v", 1200.0), 1100.0)
    receipt = await store.receipts.get(own(aino), "c1")
    assert receipt is not None
    assert (receipt.version, receipt.changed_at, receipt.row.fence) == (1, 1000.0, 2)


async def test_only_ones_own_receipts_are_there(store: Store) -> None:
    aino, eero = await meet(store), await meet(store, CHILD_HETU, "p88")
    await sent(store, booking(aino))
    for stranger in (own(eero), proxy(aino, eero), NOBODY):
        assert await store.receipts.get(stranger, "c1") is None
        assert await ids(store, stranger) == []
    assert await ids(store, own(aino)) == ["c1"]


async def test_a_guardian_sees_what_they_asked_for_and_what_is_about_a_visit_they_see(store: Store) -> None:
    aino, child = await meet(store), await meet(store, CHILD_HETU, "p-77b")

    def visit(local_id: str, code: str) -> object:
        extension = {"url": codes.RESTRICTION_PARENT, "valueCoding": coding(codes.RESTRICTION_PARENT_CODES, code)}
        return appointment(local_id, number="p-77b", extension=[extension])

    seen = await store.projection.ingest(
        [visit("shown", "1"), visit("hidden", "4")],  # type: ignore[list-item]
        look(900),
        patient=child,
    )
    for name in ("shown", "hidden"):
        target = seen["Appointment", name]
        new = replace(cancelling(child, target, f"cancel-{name}", name), lane=name)
        await store.journal.accept(new, Lease("w", 1060.0), 1000.0)
    mine = replace(booking(child, "by-guardian", "t1", start=START + DAY), resident=aino)
    its_own = booking(child, "by-child", "t2", start=START + 2 * DAY)
    for new in (mine, its_own):
        await store.journal.accept(new, Lease("w", 1060.0), 1001.0)
    assert set(await ids(store, own(child))) == {"cancel-shown", "cancel-hidden", "by-guardian", "by-child"}
    assert set(await ids(store, proxy(aino, child))) == {"cancel-shown", "by-guardian"}
    assert await store.receipts.get(proxy(aino, child), "by-child") is None
    assert await store.receipts.get(proxy("somebody", child), "by-guardian") is None


async def test_receipts_are_searched_newest_first_in_pages(store: Store) -> None:
    aino = await meet(store)
    for n in range(5):
        new = booking(aino, f"c{n}", f"t{n}", start=START + n * DAY)
        await store.journal.accept(new, Lease("w", 2000.0), 1000.0 + n // 2)
    assert await ids(store, own(aino)) == ["c4", "c3", "c2", "c1", "c0"]
    paged: list[str] = []
    after: str | None = None
    while page := await store.receipts.search(own(aino), limit=2, after=after):
        paged += [receipt.row.new.id for receipt in page]
        after = paged[-1]
    assert paged == ["c4", "c3", "c2", "c1", "c0"]


async def test_receipts_are_narrowed(store: Store) -> None:
    aino = await meet(store)
    for n in range(3):
        await store.journal.accept(
            booking(aino, f"c{n}", f"t{n}", start=START + n * DAY), Lease("w", 2000.0), 1000.0 + n
        )
    await store.journal.move("c1", 1, Move(State.SENDING, 1010.0))

    async def find(**more: object) -> list[str]:
        found = await store.receipts.search(own(aino), limit=10, **more)  # type: ignore[arg-type]
        assert await store.receipts.count(own(aino), **more) == len(found)  # type: ignore[arg-type]
        return [receipt.row.new.id for receipt in found]

    assert await find(states=[State.SENDING]) == ["c1"]
    assert await find(states=[State.SENDING, State.ACCEPTED]) == ["c2", "c1", "c0"]
    assert await find(targets=["t0", "t2"]) == ["c2", "c0"]
    assert await find(ids=["c0"], states=[State.SENDING]) == []
    assert await find(ids=[]) == []


async def test_the_latest_command_on_an_appointment(store: Store) -> None:
    aino = await meet(store)
    assert await store.receipts.by_target("target1") is None
    row = await sent(store, booking(aino))
    await go(store, row, Move(State.CONFIRMED, 1002.0, record=placed()))
    await sent(store, cancelling(aino, "target1"), 1100.0)
    latest = await store.receipts.by_target("target1")
    assert latest is not None
    assert latest.new.id == "c9"


async def test_what_needs_a_person_stands_in_the_worklist(store: Store) -> None:
    aino = await meet(store)
    for n in range(3):
        new = booking(aino, f"c{n}", f"t{n}", start=START + n * DAY)
        if n == 2:
            new = replace(new, installation=LOVIISA)
        row = await lost(store, await sent(store, new, 1000.0 + n))
        if n != 1:
            await go(store, row, Move(State.NEEDS_PERSON, 1500.0, problem=Problem("quarantined")))
    work = await store.receipts.worklist()
    assert [receipt.row.new.id for receipt in work] == ["c0", "c2"]
    assert await store.receipts.counts() == {
        (PORVOO, State.NEEDS_PERSON): 1,
        (PORVOO, State.UNKNOWN): 1,
        (LOVIISA, State.NEEDS_PERSON): 1,
    }
