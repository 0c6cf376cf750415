"""The hottest read there is, one resource by its id, straight on the SQLite driver: about 15 µs instead of 150.

The statements are the projection's own, compiled once, so that who may see what is said in one place.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, make_url
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from hub.access import Access
from hub.resources import DIRECTORY, PERSONAL
from hub.store.errors import StoreUnavailable
from hub.store.schema import to_microseconds

_DIALECT: Final = SQLiteDialect_pysqlite()


class Statement:
    """A SELECT as text, with the names of its parameters in their order."""

    def __init__(self, select: Select[Any]) -> None:
        compiled = select.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
        self.text = str(compiled)
        self.names: Sequence[str] = compiled.positiontup or ()
        self.fixed = {name: value for name, value in compiled.params.items() if value is not None}


class HotReader:
    """One connection that only reads. For one thread at a time (the event loop's)."""

    def __init__(self, url: str, by_kind: dict[tuple[str, bool], Statement]) -> None:
        """``by_kind`` holds the statements by kind and whether the caller is a proxy."""
        path = make_url(url).database or ""
        try:
            self._connection = sqlite3.connect(path, timeout=0.0, isolation_level=None, check_same_thread=False)
            self._connection.execute("PRAGMA query_only=ON")
        except sqlite3.OperationalError as err:
            raise StoreUnavailable(err.sqlite_errorname) from err
        self._statements = by_kind

    def one(self, access: Access, kind: str, hub_id: str, today: datetime) -> tuple[Any, ...] | None:
        """The row, or None where there is none for this caller, or the database is busy just now."""
        if kind in PERSONAL and access.subject is None:
            return None
        statement = self._statements.get((kind, access.is_proxy and kind in PERSONAL))
        if statement is None:
            return None
        given = {"kind": kind, "hub_id": hub_id, "subject": access.subject, "today": to_microseconds(today)}
        values = [given[name] if name in given else statement.fixed[name] for name in statement.names]
        try:
            rows = self._connection.execute(statement.text, values).fetchall()
        except sqlite3.OperationalError:
            return None  # busy, or the disk fails: the ordinary read waits, or says so
        return rows[0] if rows else None

    def close(self) -> None:
        self._connection.close()


KINDS: Final = tuple((kind, False) for kind in sorted(DIRECTORY | PERSONAL)) + tuple((kind, True) for kind in PERSONAL)
"""What there are statements for: (kind, whether the caller is a proxy)."""
