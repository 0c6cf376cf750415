"""Reads so small that a thread costs more than they do: straight on the SQLite driver, about 15 µs instead of 500."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from sqlalchemy import make_url
from sqlalchemy.exc import OperationalError

from hub.store.errors import StoreUnavailable
from hub.store.prepared import Prepared, Row, Values


class HotReader:
    """One connection that only reads and never waits. For one thread at a time (the event loop's)."""

    def __init__(self, url: str) -> None:
        path = make_url(url).database or ""
        try:
            self._connection = sqlite3.connect(path, timeout=0.0, isolation_level=None, check_same_thread=False)
            self._connection.execute("PRAGMA query_only=ON")
        except sqlite3.OperationalError as err:
            raise StoreUnavailable(err.sqlite_errorname) from err

    def rows(self, statement: Prepared, values: Values) -> Sequence[Row] | None:
        """The rows, of what is committed now. None says nothing: the database is busy just now, or its disk fails; the
        ordinary read waits, or says so."""
        try:
            return statement.on_driver(self._connection, values)
        except OperationalError:
            return None

    def close(self) -> None:
        self._connection.close()
