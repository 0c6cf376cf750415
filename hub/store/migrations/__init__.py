"""The schema's history (Alembic), run in process. No ini file: the address comes from configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from hub.store.database import connect, typed_errors
from hub.store.prepared import transaction

_FOLDER: Final = Path(__file__).parent
_LOCK: Final = 0x5071_5117A
"""Any constant number: whoever migrates a PostgreSQL database holds this advisory lock."""


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.attributes["connection"] = connection
    return config


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the database's schema to ``revision``; may be called by several processes at once.

    Raises `UnsafeDatabase` and `StoreUnavailable`.
    """
    engine = connect(url)
    try:
        with typed_errors(), engine.connect() as opened, transaction(opened) as commit:
            if engine.dialect.name == "postgresql":
                opened.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            elif not opened.in_transaction():
                opened.begin()  # what Alembic finds begun it does not commit
            command.upgrade(_config(opened), revision)
            commit()
    finally:
        engine.dispose()


def is_current(connection: Connection) -> bool:
    """Whether the schema is the one this release was written for."""
    head = ScriptDirectory.from_config(_config(connection)).get_current_head()
    return MigrationContext.configure(connection).get_current_revision() == head
