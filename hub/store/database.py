"""One database, SQLite or PostgreSQL: reads in threads, writes in groups.

Writes that wait at the same time are made in one transaction and committed once (one fsync), then all are answered:
a write that returned is on disk. Work is a plain function of a connection; it may run more than once (alone after its
group failed, again after a serialisation failure), so it must have no effect but in the database.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from hub.store.errors import StoreUnavailable, UnsafeDatabase
from hub.store.hot import HotReader
from hub.store.prepared import Prepared, begin, transaction
from hub.store.prepared import Row as Found

T = TypeVar("T")
Work = Callable[[Connection], T]
Row = Mapping[str, Any]

_log = logging.getLogger(__name__)
_GROUP: Final = 256
_WAITING: Final = 20_000
_ATTEMPTS: Final = 8
# Serialisation failure, deadlock, and a row that somebody else inserted first: made again, the work finds it.
_AGAIN: Final = frozenset({"40001", "40P01", "23505"})
_BUSY_SECONDS: Final = 10.0
_COMPANY: Final = 0.02
"""Seconds that a write nobody waits for may wait for others: a commit of its own would keep the next one waiting."""


@dataclass(slots=True, eq=False)
class _Waiting:
    """One write in the queue: work, or a row for a statement; and who waits for it (None: nobody).

    ``since`` is when it came (`time.monotonic`).
    """

    work: Work[Any] | None
    statement: Prepared | None = None
    row: Row | None = None
    future: asyncio.Future[Any] | None = None
    since: float = field(default_factory=time.monotonic)
    result: Any = None
    error: Exception | None = None


class _CommitFailed(Exception):
    """The commit itself failed; ``reason`` in short."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Database:
    """An open database. ``url`` is ``sqlite:///path`` or ``postgresql+psycopg://…``.

    Raises `UnsafeDatabase` where commits would not be durable. Safe to use from several event loops and threads.
    """

    def __init__(self, url: str, *, writers: int = 2, readers: int = 4) -> None:
        self.url = url
        self.is_sqlite = url.startswith("sqlite:")
        self.engine = connect(url, pool_size=writers + readers)
        self._reading = _reading(self.engine, url, readers)
        self._queue: deque[_Waiting] = deque()  # somebody waits for it
        self._later: deque[_Waiting] = deque()  # nobody does
        self._wake = threading.Condition()
        self._closed = False
        self._kept: Connection | None = None
        self._readers = ThreadPoolExecutor(readers, "store-read")
        self._hot = HotReader(url) if self.is_sqlite else None
        count = 1 if self.is_sqlite else writers
        # Daemons: a process that falls over must not be held by its writers; `close` is what waits for them.
        self._writers = [threading.Thread(target=self._write, name=f"store-{n}", daemon=True) for n in range(count)]
        for writer in self._writers:
            writer.start()

    async def read(self, work: Work[T]) -> T:
        """What ``work`` returns, from one consistent snapshot. Raises `StoreUnavailable`."""
        if self._closed:
            raise StoreUnavailable("the store is closed")
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    def read_now(self, statement: Prepared, values: Row) -> Sequence[Found] | None:
        """The rows, without waiting: for small reads in the event loop's thread. None says nothing: use `read`."""
        return self._hot.rows(statement, values) if self._hot is not None else None

    def check(self, work: Work[bool]) -> bool:
        """A read by whoever opens the database, before any event loop runs. A database that fails it is closed."""
        passed = False
        try:
            passed = self._read(work)
        finally:
            if not passed:
                self._close()
        return passed

    def _read(self, work: Work[T]) -> T:
        with typed_errors():
            try:
                return self._read_once(work)
            except DBAPIError as err:
                if not err.connection_invalidated:
                    raise
            # The connection broke while it lay in the pool (the server was started again, say): the pool is new now.
            return self._read_once(work)

    def _read_once(self, work: Work[T]) -> T:
        with self._reading.connect() as connection, connection.begin():
            return work(connection)

    async def write(self, work: Work[T]) -> T:
        """What ``work`` returned, once it is durable. Raises what ``work`` raises (then nothing of it was written), and
        `StoreUnavailable`. A caller that stops waiting does not stop the write."""
        waiting = _Waiting(work, future=asyncio.get_running_loop().create_future())
        self._put(waiting)
        assert waiting.future is not None
        result: T = await waiting.future
        return result

    async def execute(self, statement: Prepared, row: Row) -> None:
        """Execute a statement with one row of values; durable on return. Cheaper than `write`: the
        rows of a group go to the database together, before its other work; they must have the same names."""
        waiting = _Waiting(None, statement, row, asyncio.get_running_loop().create_future())
        self._put(waiting)
        assert waiting.future is not None
        await waiting.future

    def write_soon(self, work: Work[object]) -> None:
        """`write` without waiting; a failure is logged. `close` waits for it."""
        self._put(_Waiting(work))

    def execute_soon(self, statement: Prepared, row: Row) -> None:
        """`execute` without waiting; a failure is logged. `close` waits for it."""
        self._put(_Waiting(None, statement, row))

    def _put(self, waiting: _Waiting) -> None:
        with self._wake:
            if self._closed:
                raise StoreUnavailable("the store is closed")
            if len(self._queue) + len(self._later) >= _WAITING:
                raise StoreUnavailable("too many writes are waiting")
            if waiting.future is not None:
                self._queue.append(waiting)
                self._wake.notify()
                return
            self._later.append(waiting)
            # A writer that waits for company need not be told of more that can wait.
            if len(self._later) in (1, _GROUP):
                self._wake.notify()

    async def close(self) -> None:
        """Write what waits, then let go of the database."""
        await asyncio.get_running_loop().run_in_executor(None, self._close)

    def _close(self) -> None:
        with self._wake:
            self._closed = True
            self._wake.notify_all()
        for writer in self._writers:
            writer.join()
        if self._kept is not None:
            self._kept.close()
        self._readers.shutdown()
        if self._hot is not None:
            self._hot.close()
        self._reading.dispose()
        self.engine.dispose()

    def _write(self) -> None:
        """The life of a writer thread."""
        while group := self._take():
            self._settle(group)
            _answer(group)

    def _take(self) -> list[_Waiting]:
        """The next group; empty when the store is closed and nothing waits."""
        with self._wake:
            while (patience := self._patience()) is None or patience > 0:
                self._wake.wait(patience)
            group = [self._queue.popleft() for _ in range(min(_GROUP, len(self._queue)))]
            if self._later_due() <= 0:
                group += [self._later.popleft() for _ in range(min(_GROUP - len(group), len(self._later)))]
            return group

    def _patience(self) -> float | None:
        """Seconds until something must be written; None while there is nothing."""
        if self._queue or self._closed:
            return 0.0
        return self._later_due() if self._later else None

    def _later_due(self) -> float:
        """Seconds until what nobody waits for must be written: it makes nobody's commit longer who waits."""
        if self._closed or not self._later or len(self._later) >= _GROUP:
            return 0.0
        return self._later[0].since + _COMPANY - time.monotonic()

    def _settle(self, group: list[_Waiting]) -> None:
        """Give every write of the group its result or error. One that fails hurts no other: the group is rolled back
        and each is made again in a transaction of its own."""
        try:
            self._transact(group)
        except _CommitFailed as err:
            # Never again by ourselves: on a lost connection the commit may have happened.
            for waiting in group:
                waiting.error = StoreUnavailable(err.reason, maybe_written=not self.is_sqlite)
        except Exception as err:  # noqa: BLE001 - whatever the work raises belongs to who waits for it
            if len(group) == 1:
                group[0].error = StoreUnavailable(_reason(err)) if isinstance(err, _UNAVAILABLE) else err
            else:
                for waiting in group:
                    self._settle([waiting])

    def _transact(self, group: list[_Waiting]) -> None:
        """The group in one transaction, again as a whole when PostgreSQL asks for it or the connection
        was lost before the commit."""
        for attempt in range(_ATTEMPTS):
            try:
                with self._writing() as connection, transaction(connection) as commit:
                    _perform(connection, group)
                    self._commit(commit)
                return
            except DBAPIError as err:
                again = getattr(err.orig, "sqlstate", None) in _AGAIN or err.connection_invalidated
                if not again or attempt == _ATTEMPTS - 1:
                    raise

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """A connection for one transaction. SQLite's only writer keeps its own until something fails on it."""
        connection = self._kept if self._kept is not None else self.engine.connect()
        self._kept = None
        try:
            yield connection
        except BaseException:  # whatever ended the work: a connection in the midst of it is never used again
            connection.close()
            raise
        if self.is_sqlite:
            self._kept = connection
        else:
            connection.close()

    def _commit(self, commit: Callable[[], None]) -> None:
        try:
            commit()
        except DBAPIError as err:
            if getattr(err.orig, "sqlstate", None) in _AGAIN:
                raise
            raise _CommitFailed(_reason(err)) from err


_UNAVAILABLE: Final = (OperationalError, InterfaceError, PoolTimeout)


def _perform(connection: Connection, group: Iterable[_Waiting]) -> None:
    together: dict[Prepared, list[Row]] = {}
    for waiting in group:
        if waiting.statement is not None and waiting.row is not None:
            together.setdefault(waiting.statement, []).append(waiting.row)
    for statement, rows in together.items():
        statement.run(connection, rows)
    for waiting in group:
        if waiting.work is not None:
            waiting.result = waiting.work(connection)


def _answer(group: list[_Waiting]) -> None:
    """Tell those who wait, once per event loop; log what nobody waited for."""
    loops: dict[asyncio.AbstractEventLoop, list[_Waiting]] = {}
    for waiting in group:
        if waiting.future is not None:
            loops.setdefault(waiting.future.get_loop(), []).append(waiting)
        elif waiting.error is not None:
            _log.error("a write that nobody waited for failed: %s", type(waiting.error).__name__)
    for loop, waiting_there in loops.items():
        with suppress(RuntimeError):  # the loop is closed: nobody is left to tell
            loop.call_soon_threadsafe(_resolve, waiting_there)


def _resolve(group: list[_Waiting]) -> None:
    for waiting in group:
        if waiting.future is None or waiting.future.done():
            continue
        if waiting.error is not None:
            waiting.future.set_exception(waiting.error)
        else:
            waiting.future.set_result(waiting.result)


def _reason(err: Exception) -> str:
    """The driver's own words in short: its kind and code, never a statement or its values."""
    original = getattr(err, "orig", None) or err
    code = getattr(original, "sqlstate", None) or getattr(original, "sqlite_errorname", None) or "no code"
    return f"{type(original).__name__} ({code})"


@contextmanager
def typed_errors() -> Iterator[None]:
    """The driver's "cannot now" as `StoreUnavailable`, for reads."""
    try:
        yield
    except _UNAVAILABLE as err:
        raise StoreUnavailable(_reason(err)) from err


def connect(url: str, *, pool_size: int = 2) -> Engine:
    """An engine whose every connection is checked to be durable; raises `UnsafeDatabase` for other databases."""
    if url.startswith("sqlite:"):
        return _sqlite(url, pool_size)
    if url.startswith("postgresql+psycopg:"):
        return _postgresql(url, pool_size)
    raise UnsafeDatabase("the database is sqlite:///… or postgresql+psycopg://…")


def _reading(engine: Engine, url: str, pool_size: int) -> Engine:
    """An engine whose transactions cannot write, and see one moment."""
    if engine.dialect.name == "postgresql":
        return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    reading = _sqlite(url, pool_size)
    event.listen(reading, "connect", lambda connection, _: connection.execute("PRAGMA query_only=ON"))
    return reading


def _sqlite(url: str, pool_size: int) -> Engine:
    if make_url(url).database in (None, "", ":memory:"):
        raise UnsafeDatabase("SQLite must have a file")
    # isolation_level None: the driver begins nothing behind our back; we say BEGIN below.
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_reset_on_return="rollback",
        connect_args={"timeout": _BUSY_SECONDS, "isolation_level": None, "check_same_thread": False},
    )
    event.listen(engine, "connect", _make_durable)
    event.listen(engine, "begin", begin)
    return engine


def _make_durable(connection: Any, _: Any) -> None:
    """SQLite's defaults, made explicit and read back: a build or a file system may silently say no."""
    mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    safe = connection.execute("PRAGMA synchronous").fetchone()[0] >= 2
    if mode != "wal" or not safe or not connection.execute("PRAGMA foreign_keys").fetchone()[0]:
        raise UnsafeDatabase(f"SQLite must keep a write-ahead log with full synchronisation, not {mode}")


def _postgresql(url: str, pool_size: int) -> Engine:
    engine = create_engine(url, pool_size=pool_size, max_overflow=pool_size, connect_args={"connect_timeout": 10})
    event.listen(engine, "connect", _check_postgresql)
    return engine


def _check_postgresql(connection: Any, _: Any) -> None:
    with connection.cursor() as cursor:
        # A lock that cannot be had is said, not waited for without end.
        cursor.execute(f"SET lock_timeout = '{int(_BUSY_SECONDS)}s'")
        cursor.execute("SELECT current_setting('synchronous_commit'), current_setting('fsync')")
        synchronous, fsync = cursor.fetchone()
    connection.commit()
    if synchronous == "off" or fsync != "on":
        raise UnsafeDatabase("PostgreSQL must run with fsync and synchronous_commit")
