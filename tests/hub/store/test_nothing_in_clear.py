"""Whoever reads the files learns no name, HETU, patient number or text of a person."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

from sqlalchemy import create_engine, text

from adapters.base import HeldTime
from adapters.call import Call
from canonical import codes
from canonical.model import Record, TimeKey
from hub.journal.ports import IdempotencyKey, Lease, Move
from hub.journal.states import State
from hub.store import Store
from hub.store.audit import AuditEntry
from hub.store.observation import Observation
from hub.store.schema import metadata
from tests.hub.store.samples import (
    HETU,
    PORVOO,
    appointment,
    booking,
    cancelling,
    go,
    location,
    look,
    lost,
    meet,
    placed,
    sent,
)

NUMBER = "potilas-7788"
SECRETS = [
    HETU,
    NUMBER,
    "Virtanen",
    "Salainen",
    "1990-01-01",
    "Kurkku kip",
    "Nuha",
    "0401234567",
    "En pääse",
    "Mannerheimintie",
    "raaka sanoma",
    "case seven",
    "token-4711",
]


async def live(store: Store) -> None:
    """A bit of everything that the store keeps of a person."""
    aino = await meet(store, HETU, NUMBER)
    await store.people.keep_link(aino, PORVOO, "p-77", 901.0)
    resource = {
        "resourceType": "Patient",
        "birthDate": "1990-01-01",
        "name": [{"family": "Salainen"}],
        "identifier": [{"system": codes.HETU, "value": HETU}],
        "address": [{"line": ["Mannerheimintie 1"]}],
    }
    seen = Observation("population-register", 900, 901)
    await store.people.put(aino, Record("Patient", aino, resource), date(1990, 1, 1), seen)
    key = IdempotencyKey("portal/aino", "k1", "digest")
    row = await store.journal.accept(booking(aino), Lease("w", 1060.0), 1000.0, key)
    row = await lost(store, await go(store, row, Move(State.SENDING, 1001.0)))  # type: ignore[arg-type]
    texts = {"comment": "Kurkku kipeä", "description": "Nuha"}
    await go(store, row, Move(State.CONFIRMED, 1010.0, record=placed(**texts)))
    await store.projection.ingest([appointment("a1", version="2", comment="Salainen")], look(2000), patient=aino)
    await store.projection.ingest([location()], look(2000))
    await lost(store, await sent(store, cancelling(aino, "target1")))
    other = booking(aino, "c2", "target2", identifiers=(("urn:portal", "case seven"),), lane="z", installation="x")
    await lost(store, await sent(store, other))
    time = TimeKey("k-1", datetime(2027, 3, 23, 8, tzinfo=UTC), datetime(2027, 3, 23, 9, tzinfo=UTC))
    await store.holds.keep(aino, PORVOO, time, HeldTime("token-4711", time.start), "c9")
    await store.answers.keep("portal/aino", "k1", 201, {"X": "Salainen"}, b"Kurkku kipe\xc3\xa4")
    exchange_id = await store.exchanges.sending(Call("req_1", 1.0), PORVOO, "SRM^S01", b"raaka sanoma " + HETU.encode())
    store.exchanges.received(exchange_id, b"raaka sanoma Virtanen", "AA", ())
    store.exchanges.served("req_1", "portal", "POST /fhir/Appointment", 1.0, 2.0, "201", b"Virtanen", b"Salainen")
    entry = AuditEntry(1.0, "r", "c", aino, None, aino, "Patient", "search", "care", "health", "ok", (), HETU.encode())
    await store.audit.record(entry)


async def test_the_files_of_sqlite(empty_sqlite: str, open_store: Callable[[str], Store]) -> None:
    store = open_store(empty_sqlite)
    await live(store)
    await store.database.write(lambda connection: None)
    path = Path(empty_sqlite.removeprefix("sqlite:///"))
    files = [path, path.with_name(path.name + "-wal")]
    assert all(file.stat().st_size > 10_000 for file in files), "the log has not been emptied before it was read"
    for file in files:
        content = file.read_bytes().lower()
        for secret in SECRETS:
            assert secret.lower().encode() not in content, f"{secret} in {file.name}"


async def test_every_cell_of_every_table(database_url: str, open_store: Callable[[str], Store]) -> None:
    store = open_store(database_url)
    await live(store)
    await store.close()
    engine = create_engine(database_url)
    with engine.connect() as connection:
        for table in metadata.sorted_tables:
            rows = connection.execute(text(f'SELECT * FROM "{table.name}"')).all()
            assert rows or table.name == "alias", f"{table.name} was not tried"
            cells = b"\n".join(
                cell if isinstance(cell, bytes) else str(cell).encode() for row in rows for cell in row
            ).lower()
            for secret in (*SECRETS, "p-77"):
                assert secret.lower().encode() not in cells, f"{secret} in {table.name}"
    engine.dispose()
