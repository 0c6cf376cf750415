"""Exchanges, audit records and kept answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from adapters.call import Call
from canonical.notes import Note, NoteKind
from hub.journal.ports import IdempotencyKey, Lease
from hub.store import Store, StoreUnavailable
from hub.store.audit import AuditEntry
from tests.hub.store.samples import PORVOO, booking, meet

CALL = Call("req_1", 10.0, command_id="c1")
NOTES = (Note(NoteKind.DROPPED, "AIS-3", "ä"), Note(NoteKind.UNKNOWN_CODE, "x", "y"))


async def test_a_call_is_kept_before_it_leaves(store: Store) -> None:
    recorder = store.exchanges.to(PORVOO)
    exchange_id = await recorder.sending(CALL, "POST Appointment", b"\x00raw \xff out")
    (there,) = await store.exchanges.find(exchange_id)
    assert (there.direction, there.peer, there.operation) == ("out", PORVOO, "POST Appointment")
    assert (there.raw_out, there.raw_in, there.ended, there.outcome) == (b"\x00raw \xff out", None, None, None)


async def test_what_came_is_kept_when_the_store_closes(database_url: str, open_store: Callable[[str], Store]) -> None:
    store = open_store(database_url)
    exchange_id = await store.exchanges.to(PORVOO).sending(CALL, "op", b"out")
    store.exchanges.to(PORVOO).received(exchange_id, b"in", outcome="201", notes=NOTES)
    await store.close()
    (there,) = await open_store(database_url).exchanges.find(exchange_id)
    assert (there.raw_out, there.raw_in, there.outcome, there.notes) == (b"out", b"in", "201", NOTES)
    assert there.ended is not None
    assert there.ended >= there.started


async def test_exchanges_are_found_by_request_command_and_id(store: Store) -> None:
    first = await store.exchanges.sending(CALL, PORVOO, "one", b"1")
    other = await store.exchanges.sending(replace(CALL, request_id="req_2"), PORVOO, "two", b"2")
    alone = await store.exchanges.sending(Call("req_2", 1.0), PORVOO, "three", b"3")

    async def find(id_: str) -> list[str]:
        return [exchange.id for exchange in await store.exchanges.find(id_)]

    assert await find("req_1") == [first]
    assert sorted(await find("req_2")) == sorted([other, alone])
    assert sorted(await find("c1")) == sorted([first, other])
    assert await find(alone) == [alone]
    assert await find("nothing") == []


async def test_requests_are_kept_too(database_url: str, open_store: Callable[[str], Store]) -> None:
    store = open_store(database_url)
    store.exchanges.served("req_9", "portal", "GET /fhir/Patient/{id}", 10.0, 10.5, "200", b"in", b"out")
    await store.close()
    (there,) = await open_store(database_url).exchanges.find("req_9")
    assert (there.direction, there.peer, there.operation) == ("in", "portal", "GET /fhir/Patient/{id}")
    assert (there.started, there.ended, there.outcome) == (10.0, 10.5, "200")
    assert (there.raw_in, there.raw_out, there.command_id) == (b"in", b"out", None)


ENTRY = AuditEntry(
    at=1000.25,
    request_id="req_1",
    client="portal",
    resident="aino",
    acting_for="child",
    patient="child",
    kind="Appointment",
    interaction="search-type",
    purpose="care",
    register="health",
    outcome="success",
    released=("Appointment/a1", "Appointment/a2"),
    query=b"identifier=urn:oid:1.2.246.21|010190-9996",
)


async def test_an_audit_record_is_read_back_as_it_was(store: Store) -> None:
    nobody = replace(ENTRY, resident=None, acting_for=None, patient=None, released=(), query=b"", request_id="req_2")
    await store.audit.record(ENTRY)
    await store.audit.record(nobody)
    await store.audit.record(replace(ENTRY, outcome="not-found"))
    assert await store.audit.of_request("req_1") == [ENTRY, replace(ENTRY, outcome="not-found")]
    assert await store.audit.of_request("req_2") == [nobody]
    assert [entry.outcome for entry in await store.audit.of_patient("child", 10)] == ["not-found", "success"]
    assert len(await store.audit.of_patient("child", 1)) == 1


async def test_what_cannot_be_recorded_is_said(database_url: str, open_store: Callable[[str], Store]) -> None:
    store = open_store(database_url)
    await store.close()
    with pytest.raises(StoreUnavailable):
        await store.audit.record(ENTRY)


KEY = IdempotencyKey("portal/aino/Appointment", "k1", "digest")


async def test_an_answer_is_kept_once_with_its_key(store: Store) -> None:
    aino = await meet(store)
    assert await store.answers.kept(KEY.scope, KEY.key) is None
    assert not await store.answers.keep(KEY.scope, KEY.key, 201, {}, b"no such key")
    await store.journal.accept(booking(aino), Lease("w", 1060.0), 1000.0, KEY)
    assert await store.answers.kept(KEY.scope, KEY.key) is None, "still running"
    assert await store.answers.keep(KEY.scope, KEY.key, 201, {"ETag": 'W/"1"', "Location": "ä"}, b"\x00body")
    assert not await store.answers.keep(KEY.scope, KEY.key, 500, {}, b"another")
    answer = await store.answers.kept(KEY.scope, KEY.key)
    assert answer is not None
    assert (answer.status, answer.body, answer.fingerprint) == (201, b"\x00body", "digest")
    assert dict(answer.headers) == {"ETag": 'W/"1"', "Location": "ä"}
    assert await store.answers.kept("portal/eero/Appointment", KEY.key) is None


async def test_old_keys_are_forgotten(store: Store) -> None:
    aino = await meet(store)
    await store.journal.accept(booking(aino), Lease("w", 1060.0), 1000.0, KEY)
    assert await store.answers.forget(1000.0) == 0
    assert await store.answers.forget(1000.5) == 1
    assert await store.journal.get("c1") is not None
