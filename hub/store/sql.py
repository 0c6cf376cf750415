"""What SQLite and PostgreSQL spell differently, as statements that are made once.

Building a statement costs more than running it: what runs often is a constant whose values are parameters.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, Final, TypeVar

from sqlalchemy import BindParameter, Column, Connection, Table, bindparam
from sqlalchemy.dialects import postgresql, sqlite

from hub.store.prepared import Prepared

T = TypeVar("T")


_MANY: Final = 500


def one_of(name: str) -> BindParameter[Any]:
    """A parameter of a constant statement that stands for a list: ``column.in_(one_of("ids"))``."""
    return bindparam(name, expanding=True)


def parts(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """The values in lists that are not too long for one statement."""
    for begin in range(0, len(values), _MANY):
        yield values[begin : begin + _MANY]


def insert_or_leave(connection: Connection, table: Table, *unique: Column[Any]) -> Prepared:
    """INSERT of one row that leaves a row which has the same ``unique`` columns (none given: any unique columns).

    Returns the new row's ``unique`` columns, or its primary key; no row where there was one (psycopg's row count after
    ON CONFLICT is -1). A concurrent insert of such a row is waited for.
    """
    return _insert_or_leave(connection.dialect.name, table, unique)


def insert_or_update(connection: Connection, table: Table) -> Prepared:
    """INSERT of one row over the row that has its primary key."""
    return _insert_or_update(connection.dialect.name, table)


@cache
def _insert_or_leave(dialect: str, table: Table, unique: tuple[Column[Any], ...]) -> Prepared:
    returned = unique or tuple(table.primary_key)
    row = sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
    return Prepared(row.on_conflict_do_nothing(index_elements=unique or None).returning(*returned))


@cache
def _insert_or_update(dialect: str, table: Table) -> Prepared:
    row = sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
    key = list(table.primary_key)
    changed = {column.name: row.excluded[column.name] for column in table.columns if column not in key}
    return Prepared(row.on_conflict_do_update(index_elements=key, set_=changed))
