"""The migrations make exactly the schema that the code was written for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from hub.sealing import Sealer
from hub.store import Store, UnsafeDatabase, upgrade
from hub.store.database import connect
from hub.store.schema import metadata


def test_the_migrated_schema_is_the_metadata(database_url: str) -> None:
    engine = connect(database_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_every_index_and_constraint_of_the_metadata_is_there(database_url: str) -> None:
    engine = connect(database_url)
    there = inspect(engine)
    for table in metadata.sorted_tables:
        assert {str(index.name) for index in table.indexes} == {
            index["name"] for index in there.get_indexes(table.name) if not index.get("duplicates_constraint")
        }
        assert [column.name for column in table.primary_key] == there.get_pk_constraint(table.name)[
            "constrained_columns"
        ]
    engine.dispose()


def test_migrating_again_changes_nothing(database_url: str) -> None:
    upgrade(database_url)
    upgrade(database_url)


def migrate_in_processes(url: str, many: int = 2) -> list[int]:
    """Exit codes of processes that migrate one new database at the same time."""
    code = f"from hub.store import upgrade; upgrade({url!r})"
    running = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(many)]
    return [process.wait(60) for process in running]


def test_several_processes_may_migrate_at_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    assert migrate_in_processes(url) == [0, 0]
    upgrade(url)


@pytest.mark.postgres
def test_several_processes_may_migrate_postgresql_at_once(new_postgres: str) -> None:
    assert migrate_in_processes(new_postgres) == [0, 0]
    upgrade(new_postgres)


def test_a_schema_of_another_release_is_not_used(tmp_path: Path, database_url: str) -> None:
    with pytest.raises(UnsafeDatabase, match="migrate"):
        Store.open(f"sqlite:///{tmp_path / 'empty.db'}", Sealer(bytes(32)))
    engine = connect(database_url)
    with engine.begin() as connection:
        head = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    try:
        with pytest.raises(UnsafeDatabase, match="migrate"):
            Store.open(database_url, Sealer(bytes(32)))
    finally:
        with engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = :head"), {"head": head})
        engine.dispose()


def test_what_a_person_s_resources_are_found_by_moves_into_their_rows(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'old.db'}"
    upgrade(url, "0001")
    engine = connect(url)
    columns = "kind, hub_id, installation, status, digest, version, last_updated, observed_from, observed_until"
    with engine.begin() as connection:
        for kind in ("Appointment", "Location"):
            values = f"'{kind}', 'x1', 'porvoo', 'booked', 'd', 1, 1, 1, 1, 1, x'00'"
            connection.execute(text(f"INSERT INTO resource ({columns}, guardian_visible, json) VALUES ({values})"))
            for name, value in (("identifier", "h|1"), ("actor", "Location/u=1")):
                row = {"kind": kind, "name": name, "value": value}
                connection.execute(text("INSERT INTO token VALUES (:kind, :name, :value, 'x1')"), row)
    upgrade(url)
    with engine.connect() as connection:
        found = dict([tuple(row) for row in connection.execute(text("SELECT kind, found_by FROM resource"))])
        kinds = connection.execute(text("SELECT DISTINCT kind FROM token")).scalars().all()
    engine.dispose()
    assert found == {"Appointment": "\nactor=Location/u=1\nidentifier=h|1\n", "Location": None}
    assert kinds == ["Location"]
