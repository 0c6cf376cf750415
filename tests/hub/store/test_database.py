"""The database: durable groups of writes, typed failures."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, select, text
from sqlalchemy.exc import InternalError

from hub.store.database import Database, connect
from hub.store.errors import StoreUnavailable, UnsafeDatabase
from hub.store.prepared import Prepared
from hub.store.schema import alias

NEW = Prepared(alias.insert())


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database(database_url)
    yield opened
    await opened.close()


def adding(name: str) -> Callable[[Connection], str]:
    def work(connection: Connection) -> str:
        connection.execute(alias.insert().values(kind="Test", hub_id=name, canonical="x"))
        return name

    return work


def names(connection: Connection) -> set[str]:
    return set(connection.execute(select(alias.c.hub_id)).scalars())


class Busy:
    """Every writer of a database, held until `release`: what is written meanwhile forms a group."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._go_on = threading.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def hold(self) -> None:
        for _ in range(1 if self._database.is_sqlite else 2):
            began = threading.Event()

            def work(connection: Connection, began: threading.Event = began) -> None:
                began.set()
                assert self._go_on.wait(10)

            self._tasks.append(asyncio.create_task(self._database.write(work)))
            assert await asyncio.to_thread(began.wait, 10)

    async def release(self) -> None:
        await asyncio.sleep(0)
        self._go_on.set()
        await asyncio.gather(*self._tasks)


async def held_up(database: Database) -> Busy:
    busy = Busy(database)
    await busy.hold()
    return busy


async def test_what_was_written_is_read(database: Database) -> None:
    assert await database.write(adding("a")) == "a"
    await database.execute(NEW, {"kind": "Test", "hub_id": "b", "canonical": "x"})
    assert await database.read(names) == {"a", "b"}


async def test_many_at_once_are_all_written(database: Database) -> None:
    every = [f"n{n}" for n in range(500)]
    assert await asyncio.gather(*(database.write(adding(name)) for name in every)) == every
    assert await database.read(names) == set(every)


async def test_work_that_fails_hurts_nobody_else(database: Database) -> None:
    def failing(connection: Connection) -> None:
        adding("half")(connection)
        raise LookupError("mine")

    busy = await held_up(database)
    writes = [database.write(adding("a")), database.write(failing), database.write(adding("b"))]
    group = asyncio.gather(*writes, return_exceptions=True)
    await busy.release()
    first, failed, last = await group
    assert (first, last) == ("a", "b")
    assert isinstance(failed, LookupError)
    assert await database.read(names) == {"a", "b"}


async def test_a_row_that_cannot_be_written_hurts_nobody_else(database: Database) -> None:
    await database.write(adding("there"))
    busy = await held_up(database)
    rows = [database.execute(NEW, {"kind": "Test", "hub_id": name, "canonical": "x"}) for name in ("new", "there")]
    group = asyncio.gather(*rows, database.write(adding("other")), return_exceptions=True)
    await busy.release()
    fine, failed, other = await group
    assert (fine, other) == (None, "other")
    assert isinstance(failed, Exception)
    assert await database.read(names) == {"there", "new", "other"}


async def test_who_stops_waiting_does_not_stop_the_write(database: Database) -> None:
    busy = await held_up(database)
    task = asyncio.create_task(database.write(adding("a")))
    await asyncio.sleep(0)
    task.cancel()
    await busy.release()
    with pytest.raises(asyncio.CancelledError):
        await task
    await database.write(adding("b"))
    await (await held_up(database)).release()  # both writers have been through the queue
    assert await database.read(names) == {"a", "b"}


async def test_what_nobody_waits_for_is_written_before_the_end(database_url: str) -> None:
    database = Database(database_url)
    for n in range(300):
        database.write_soon(adding(f"n{n}"))
        database.execute_soon(NEW, {"kind": "Test", "hub_id": f"m{n}", "canonical": "x"})
    await database.close()
    again = Database(database_url)
    assert len(await again.read(names)) == 600
    await again.close()


async def test_what_nobody_waits_for_is_written_soon_all_the_same(database: Database) -> None:
    database.write_soon(adding("a"))
    database.execute_soon(NEW, {"kind": "Test", "hub_id": "b", "canonical": "x"})
    async with asyncio.timeout(10):
        while await database.read(names) != {"a", "b"}:
            await asyncio.sleep(0.01)


async def test_what_nobody_waits_for_makes_nobody_wait_longer(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.store.database._COMPANY", 60.0)
    database.write_soon(adding("a"))
    await database.write(adding("b"))
    assert await database.read(names) == {"b"}


async def test_what_nobody_waits_for_goes_with_what_somebody_does_when_it_is_due(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.store.database._COMPANY", 60.0)
    database.write_soon(adding("a"))
    monkeypatch.setattr("hub.store.database._COMPANY", 0.0)
    await database.write(adding("b"))
    assert await database.read(names) == {"a", "b"}


async def test_what_nobody_waits_for_does_not_fail_in_silence(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(connection: Connection) -> None:
        raise LookupError("a secret")

    with caplog.at_level(logging.ERROR):
        database.write_soon(failing)
        await database.close()
    assert "LookupError" in caplog.text
    assert "a secret" not in caplog.text


async def test_a_closed_database_says_so(database_url: str) -> None:
    database = Database(database_url)
    await database.close()
    with pytest.raises(StoreUnavailable):
        await database.write(adding("a"))
    with pytest.raises(StoreUnavailable):
        database.write_soon(adding("a"))
    with pytest.raises(StoreUnavailable):
        await database.read(names)


async def test_a_read_sees_one_moment(database: Database) -> None:
    seen: list[set[str]] = []
    between, written = threading.Event(), threading.Event()

    def twice(connection: Connection) -> None:
        seen.append(names(connection))
        between.set()
        assert written.wait(10)
        seen.append(names(connection))

    reading = asyncio.create_task(database.read(twice))
    await asyncio.to_thread(between.wait, 10)
    await database.write(adding("a"))
    written.set()
    await reading
    assert seen == [set(), set()]


async def test_a_read_cannot_write(database: Database) -> None:
    with pytest.raises((StoreUnavailable, InternalError)):
        await database.read(adding("a"))
    assert await database.read(names) == set()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://x/y", "postgresql+asyncpg://x/y"])
def test_only_databases_that_keep_what_they_say_are_opened(url: str) -> None:
    with pytest.raises(UnsafeDatabase):
        connect(url).connect()


def test_sqlite_is_made_durable(tmp_path: Path) -> None:
    with connect(f"sqlite:///{tmp_path / 'a.db'}").connect() as connection:
        pragma = [connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in ("journal_mode", "synchronous")]
        assert pragma == ["wal", 2]
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1


async def test_a_full_disk_is_said_and_earlier_rows_stay(empty_sqlite: str) -> None:
    database = Database(empty_sqlite)
    await database.write(adding("before"))

    def fill(connection: Connection) -> None:
        # The limit is the connection's own; one writer keeps one connection in the pool.
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
        connection.execute(alias.insert().values(kind="Test", hub_id="big", canonical="x" * 1_000_000))

    with pytest.raises(StoreUnavailable, match="SQLITE_FULL") as failure:
        await database.write(fill)
    assert failure.value.maybe_written is False
    assert await database.read(names) == {"before"}
    await database.close()


async def test_a_full_disk_fails_the_big_write_of_a_group_alone(empty_sqlite: str) -> None:
    database = Database(empty_sqlite)

    def limit(connection: Connection) -> None:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")

    def big(connection: Connection) -> None:
        connection.execute(alias.insert().values(kind="Test", hub_id="big", canonical="x" * 1_000_000))

    await database.write(limit)
    busy = await held_up(database)
    group = asyncio.gather(database.write(adding("small")), database.write(big), return_exceptions=True)
    await busy.release()
    small, failed = await group
    assert small == "small"
    assert isinstance(failed, StoreUnavailable)
    assert await database.read(names) == {"small"}
    await database.close()


async def test_a_locked_database_is_said(empty_sqlite: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.store.database._BUSY_SECONDS", 0.05)
    database = Database(empty_sqlite)
    other = sqlite3.connect(empty_sqlite.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="SQLITE_BUSY"):
        await database.write(adding("a"))
    other.execute("ROLLBACK")
    other.close()
    assert await database.write(adding("a")) == "a"
    await database.close()


@pytest.mark.postgres
async def test_a_serialisation_failure_is_made_again_as_a_whole(empty_postgresql: str) -> None:
    database = Database(empty_postgresql)
    tries: list[int] = []

    def clashing(connection: Connection) -> int:
        connection.execute(alias.insert().values(kind="Test", hub_id="once", canonical="x"))
        tries.append(1)
        if len(tries) < 3:
            connection.exec_driver_sql("DO $$ BEGIN RAISE SQLSTATE '40001'; END $$")
        return len(tries)

    assert await database.write(clashing) == 3
    assert await database.read(names) == {"once"}
    await database.close()


@pytest.mark.postgres
async def test_a_deadlock_is_made_again(empty_postgresql: str) -> None:
    database, other = Database(empty_postgresql), Database(empty_postgresql)
    await database.write(adding("a"))
    await database.write(adding("b"))
    met = threading.Barrier(2, timeout=10)
    first = [True, True]

    def crossing(index: int, order: tuple[str, str]) -> Callable[[Connection], None]:
        def work(connection: Connection) -> None:
            for name in order:
                connection.execute(alias.update().where(alias.c.hub_id == name).values(canonical=str(index)))
                if first[index]:
                    first[index] = False
                    met.wait()

        return work

    await asyncio.gather(database.write(crossing(0, ("a", "b"))), other.write(crossing(1, ("b", "a"))))
    rows = await database.read(lambda connection: set(connection.execute(select(alias.c.canonical)).scalars()))
    assert rows in ({"0"}, {"1"})
    await database.close()
    await other.close()


def cut_off(url: str) -> None:
    """Let PostgreSQL end every connection to the database."""
    admin = create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    admin.dispose()


@pytest.mark.postgres
async def test_a_lost_connection_is_opened_again(empty_postgresql: str) -> None:
    database = Database(empty_postgresql)
    await database.write(adding("a"))
    cut_off(empty_postgresql)
    assert await database.write(adding("b")) == "b"
    assert await database.read(names) == {"a", "b"}
    cut_off(empty_postgresql)
    assert await database.read(names) == {"a", "b"}
    await database.close()


def at_commit(connection: Connection, what: str) -> None:
    """Let ``what`` (PL/pgSQL) happen in the middle of the transaction's COMMIT."""
    for statement in (
        f"CREATE FUNCTION pg_temp.late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {what} RETURN NULL; END $$",
        "CREATE TEMP TABLE late (x int) ON COMMIT DROP",
        "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON late DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION pg_temp.late()",
        "INSERT INTO late VALUES (1)",
    ):
        connection.exec_driver_sql(statement)


@pytest.mark.postgres
async def test_a_connection_lost_during_the_commit_leaves_it_open_what_happened(empty_postgresql: str) -> None:
    database = Database(empty_postgresql)
    tries: list[int] = []

    def dying(connection: Connection) -> None:
        tries.append(1)
        adding("a")(connection)
        at_commit(connection, "PERFORM pg_terminate_backend(pg_backend_pid());")

    with pytest.raises(StoreUnavailable) as failure:
        await database.write(dying)
    assert failure.value.maybe_written is True
    assert tries == [1], "what may have happened is not made again"
    await database.write(adding("b"))
    await database.close()


@pytest.mark.postgres
async def test_a_commit_that_was_refused_is_made_again(empty_postgresql: str) -> None:
    database = Database(empty_postgresql)
    tries: list[int] = []

    def refused_once(connection: Connection) -> int:
        tries.append(1)
        adding("a")(connection)
        if len(tries) == 1:
            at_commit(connection, "RAISE SQLSTATE '40001';")
        return len(tries)

    assert await database.write(refused_once) == 2
    assert await database.read(names) == {"a"}
    await database.close()


async def test_a_server_that_is_not_there_is_said() -> None:
    database = Database("postgresql+psycopg://nobody@127.0.0.1:1/none")
    with pytest.raises(StoreUnavailable):
        await database.write(adding("a"))
    with pytest.raises(StoreUnavailable):
        await database.read(names)
    await database.close()
