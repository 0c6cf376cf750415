"""Databases to test on: SQLite always, PostgreSQL where `SILTA_TEST_POSTGRES` names a server."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from hub.sealing import Sealer
from hub.store import Store, upgrade
from hub.store.database import connect
from hub.store.schema import metadata

KEY = bytes(range(32))
BOTH = [pytest.param("sqlite"), pytest.param("postgresql", marks=pytest.mark.postgres)]


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite database, to copy."""
    path = tmp_path_factory.mktemp("migrated") / "store.db"
    upgrade(f"sqlite:///{path}")
    return path


@contextmanager
def a_postgres_database() -> Iterator[str]:
    """A new database on the server, dropped at the end."""
    server = make_url(os.environ["SILTA_TEST_POSTGRES"])
    name = f"silta_test_{secrets.token_hex(6)}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    try:
        yield server.set(database=name).render_as_string(hide_password=False)
    finally:
        with admin.connect() as connection:
            connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
        admin.dispose()


@pytest.fixture
def new_postgres() -> Iterator[str]:
    """A PostgreSQL database without any table."""
    with a_postgres_database() as url:
        yield url


@pytest.fixture(scope="session")
def migrated_postgres() -> Iterator[str]:
    """The session's PostgreSQL database."""
    with a_postgres_database() as url:
        upgrade(url)
        yield url


def empty(url: str) -> str:
    """The database without any row. Deleting few rows is forty times as quick as truncating, which makes new files."""
    engine = connect(url)
    with engine.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())
    engine.dispose()
    return url


@pytest.fixture(params=BOTH)
def database_url(request: pytest.FixtureRequest) -> str:
    """A migrated database without rows, of each kind in turn."""
    return str(request.getfixturevalue(f"empty_{request.param}"))


@pytest.fixture
def empty_sqlite(migrated_file: Path, tmp_path: Path) -> str:
    """A migrated SQLite database without rows."""
    return f"sqlite:///{shutil.copy(migrated_file, tmp_path / 'store.db')}"


@pytest.fixture
def empty_postgresql(migrated_postgres: str) -> str:
    """A migrated PostgreSQL database without rows."""
    return empty(migrated_postgres)


@pytest.fixture
async def open_store() -> AsyncIterator[Callable[[str], Store]]:
    """Opens stores (several on one database, too) and closes them at the end."""
    opened: list[Store] = []

    def open_one(url: str) -> Store:
        opened.append(Store.open(url, Sealer(KEY)))
        return opened[-1]

    yield open_one
    for store in opened:
        await store.close()


@pytest.fixture
def store(database_url: str, open_store: Callable[[str], Store]) -> Store:
    """An empty store, of each kind in turn."""
    return open_store(database_url)
