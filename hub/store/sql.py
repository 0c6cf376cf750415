"""The little that SQLite and PostgreSQL spell differently."""

from __future__ import annotations

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert(connection: Connection, table: Table) -> postgresql.Insert:
    """An INSERT that knows ``on_conflict_do_nothing`` and ``on_conflict_do_update``. Ask what happened with RETURNING:
    psycopg's row count after ON CONFLICT is -1."""
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table)  # type: ignore[return-value]  # both spell the two methods the same way
    return postgresql.insert(table)
