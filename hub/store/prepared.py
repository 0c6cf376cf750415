"""Statements that are written once and executed again and again: on SQLite straight on the driver.

A booking executes some twenty statements, always the same. What SQLAlchemy does anew for each execution costs about
60 µs on the machine this was measured on, SQLite itself about 10. So on SQLite the text that SQLAlchemy has written
once, and values by its own conversions, go to the driver, inside the transaction of the connection. On PostgreSQL,
where the way to the server costs more than that, SQLAlchemy executes the statement as any other.
"""

from __future__ import annotations

import sqlite3
from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, cast

from sqlalchemy import Connection, Executable
from sqlalchemy import Row as SqlRow
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler

Values = Mapping[str, Any]
Convert = Callable[[Any], Any]
Row = SqlRow[Any]
"""Also what SQLite's driver gave, which has a row's columns as attributes and `_asdict`."""
_NONE: Final[Values] = {}
_SHAPES: Final = 100
_SQLITE: Final = SQLiteDialect_pysqlite()


class Prepared:
    """A statement and what it became. Its rows have their columns as attributes, and `_asdict`, on both databases.

    Every method raises what `Connection.execute` raises, without the statement and its values in the text.
    """

    def __init__(self, statement: Executable) -> None:
        self._statement = statement
        self._texts: dict[tuple[Any, ...], _Text] = {}

    def all(self, connection: Connection, values: Values = _NONE) -> Sequence[Row]:
        """The rows."""
        if connection.dialect.name != "sqlite":
            return connection.execute(self._statement, values).all()
        return self.on_driver(_driver(connection), values)

    def on_driver(self, driver: sqlite3.Connection, values: Values = _NONE) -> Sequence[Row]:
        """`all`, on SQLite's own driver."""
        return self._text(values).rows(driver, values)

    def one_or_none(self, connection: Connection, values: Values = _NONE) -> Row | None:
        """The only row, or None. A statement that finds several is wrong (ValueError)."""
        rows = self.all(connection, values)
        if len(rows) > 1:
            raise ValueError(f"{len(rows)} rows where there can be one")
        return rows[0] if rows else None

    def one(self, connection: Connection, values: Values = _NONE) -> Row:
        """The only row; ValueError where there is another number of them."""
        row = self.one_or_none(connection, values)
        if row is None:
            raise ValueError("no row where there must be one")
        return row

    def scalar(self, connection: Connection, values: Values = _NONE) -> Any:
        """The first column of the only row, or None."""
        row = self.one_or_none(connection, values)
        return None if row is None else row[0]

    def run(self, connection: Connection, values: Values | Sequence[Values] = _NONE) -> None:
        """Execute it, with one row of values or several (of the same names); it returns none."""
        if connection.dialect.name != "sqlite":
            connection.execute(self._statement, values)
            return
        rows = [values] if isinstance(values, Mapping) else values
        if rows:
            self._text(rows[0]).run(_driver(connection), rows)

    def _text(self, values: Values) -> _Text:
        # What the text depends on: the names that are given, and how long each list among them is.
        lists = tuple(len(value) for value in values.values() if isinstance(value, list | tuple))
        shape = (*values, lists)
        found = self._texts.get(shape)
        if found is None:
            if len(self._texts) >= _SHAPES:
                self._texts.clear()
            found = self._texts[shape] = _Text(self._statement, values)
        return found


class _Text:
    """The text of a statement for one shape of values, and how they go in and come out."""

    def __init__(self, statement: Executable, values: Values) -> None:
        compiled = cast(SQLCompiler, cast(Any, statement).compile(dialect=_SQLITE, column_keys=list(values)))
        expanded = compiled.construct_expanded_state(dict(values))
        self._text = expanded.statement
        self._fixed = {name: value for name, value in expanded.parameters.items() if name not in values}
        lists = expanded.parameter_expansion.items()
        places = {part: (whole, at) for whole, several in lists for at, part in enumerate(several)}
        self._slots: list[tuple[str, int | None, Convert | None]] = []
        for name in expanded.positiontup or ():
            whole, at = places.get(name, (name, None))
            convert = compiled.binds[whole].type.dialect_impl(_SQLITE).bind_processor(_SQLITE)
            # A list that the statement has itself is among the fixed values, part by part.
            self._slots.append((whole, at, convert) if whole in values else (name, None, convert))
        columns = list(getattr(statement, "exported_columns", ()))
        row = cast(Any, namedtuple("Row", [column.key for column in columns]))
        self._make: Callable[[Iterable[Any]], Row] = row._make
        self._converts = [column.type.dialect_impl(_SQLITE).result_processor(_SQLITE, None) for column in columns]

    def rows(self, driver: sqlite3.Connection, values: Values) -> Sequence[Row]:
        try:
            found = driver.execute(self._text, self._given(values)).fetchall()
        except sqlite3.Error as err:
            raise typed(err) from err
        return [self._make(self._converted(row)) for row in found]

    def run(self, driver: sqlite3.Connection, rows: Sequence[Values]) -> None:
        try:
            driver.executemany(self._text, [self._given(values) for values in rows])
        except sqlite3.Error as err:
            raise typed(err) from err

    def _given(self, values: Values) -> list[Any]:
        given = []
        for name, at, convert in self._slots:
            value = values[name] if name in values else self._fixed[name]
            if at is not None:
                value = value[at]
            given.append(value if convert is None else convert(value))
        return given

    def _converted(self, row: Sequence[Any]) -> Sequence[Any]:
        return [
            value if convert is None else convert(value) for convert, value in zip(self._converts, row, strict=True)
        ]


def typed(err: sqlite3.Error) -> BaseException:
    """The driver's error as SQLAlchemy would raise it."""
    return DBAPIError.instance(None, None, err, sqlite3.Error)


def _driver(connection: Connection) -> sqlite3.Connection:
    """What is below; it has begun a transaction, which the connection commits."""
    driver = cast(sqlite3.Connection, connection.connection.dbapi_connection)
    assert driver.in_transaction, "a prepared statement is executed within a transaction"
    return driver


@contextmanager
def transaction(connection: Connection) -> Iterator[Callable[[], None]]:
    """A transaction that writes; yields what commits it, without which it is rolled back.

    On SQLite the driver is told itself, and the writer's lock is taken at once: a transaction that reads first and
    writes later could not wait for its turn.
    """
    if connection.dialect.name != "sqlite":
        with connection.begin() as begun:
            yield begun.commit
        return
    driver = cast(sqlite3.Connection, connection.connection.dbapi_connection)
    _tell(driver, "BEGIN IMMEDIATE")
    try:
        yield lambda: _commit(connection, driver)
    finally:
        if connection.in_transaction():
            connection.rollback()
        elif driver.in_transaction:
            driver.rollback()


def _commit(connection: Connection, driver: sqlite3.Connection) -> None:
    # A statement that is not prepared has begun a transaction of SQLAlchemy's, which to the driver is the same.
    if connection.in_transaction():
        connection.commit()
    else:
        _tell(driver, "COMMIT")


def begin(connection: Connection) -> None:
    """SQLAlchemy begins a transaction on SQLite: it reads, unless it is within one that writes."""
    driver = cast(sqlite3.Connection, connection.connection.dbapi_connection)
    if not driver.in_transaction:
        _tell(driver, "BEGIN")


def _tell(driver: sqlite3.Connection, word: str) -> None:
    try:
        driver.execute(word)
    except sqlite3.Error as err:
        raise typed(err) from err
