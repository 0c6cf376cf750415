"""The durable overlay: what changed since the seed's first day, in one sqlite3 file for all installations.

The seeded content is computed again at every start; the overlay holds the rows that differ. Each `save` is on the disk
(WAL, synchronous=FULL) when it returns, so an answer sent after it can never speak of work that a crash undoes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import date, datetime
from pathlib import Path

import orjson

from sandbox.clock import HELSINKI
from sandbox.engine.model import Appointment, Hold, Patient, Status

_SCHEMA = """
CREATE TABLE IF NOT EXISTS record (
    installation TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (installation, kind, id)
) WITHOUT ROWID;
"""


Row = tuple[str, str, bytes]
"""One record of an installation: kind, id, body."""


class StoreError(Exception):
    """The overlay file cannot be opened; the text says what to do."""


class OverlayStore:
    """One open overlay file. Not shared between threads or processes (the file is locked while it is open)."""

    def __init__(self, path: Path) -> None:
        try:
            # Autocommit: every statement is a transaction of its own, on the disk when it returns.
            self._db = sqlite3.connect(path, isolation_level=None, timeout=1.0)
            self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(_SCHEMA)
        except sqlite3.DatabaseError as err:
            raise StoreError(
                f"{path} cannot be opened ({err}). If another sandbox uses this state directory, stop it first; "
                "if the file is damaged, delete it: the sandbox then starts from its first day."
            ) from err

    def save(self, installation: str, kind: str, record_id: str, body: bytes) -> None:
        """Put one record, replacing an older one of the same id; it is on the disk when this returns."""
        self._db.execute("REPLACE INTO record VALUES (?, ?, ?, ?)", (installation, kind, record_id, body))

    def save_all(self, installation: str, rows: Iterable[Row]) -> None:
        """Put several records, all or none of them; they are on the disk when this returns."""
        with self._db:
            self._db.execute("BEGIN")
            self._db.executemany("REPLACE INTO record VALUES (?, ?, ?, ?)", ((installation, *row) for row in rows))

    def records(self, installation: str, kind: str) -> Iterator[tuple[str, bytes]]:
        """Yield (id, body) of one kind, in order of id."""
        query = "SELECT id, body FROM record WHERE installation = ? AND kind = ? ORDER BY id"
        yield from self._db.execute(query, (installation, kind))

    def read(self, installation: str, kind: str, record_id: str) -> bytes | None:
        """Return one record's body, or None."""
        query = "SELECT body FROM record WHERE installation = ? AND kind = ? AND id = ?"
        row = self._db.execute(query, (installation, kind, record_id)).fetchone()
        return None if row is None else bytes(row[0])

    def remove(self, installation: str, kind: str, record_id: str) -> None:
        """Remove one record; no error if it is not there."""
        query = "DELETE FROM record WHERE installation = ? AND kind = ? AND id = ?"
        self._db.execute(query, (installation, kind, record_id))

    def clear(self) -> None:
        """Forget every change of every installation."""
        self._db.execute("DELETE FROM record")

    def copy_to(self, path: Path) -> None:
        """Write every record into another file, whole or not at all; an older file of that name is replaced."""
        draft = path.with_suffix(".new")
        draft.unlink(missing_ok=True)
        with closing(sqlite3.connect(draft)) as copy, copy:
            copy.executescript(_SCHEMA)
            copy.executemany("INSERT INTO record VALUES (?, ?, ?, ?)", self._db.execute("SELECT * FROM record"))
        draft.chmod(0o600)
        draft.replace(path)

    def take_from(self, path: Path) -> None:
        """Take the records of a file that `copy_to` wrote instead of one's own, all or none.

        Raises StoreError for a file that is none; nothing is changed then.
        """
        try:
            with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as copy:
                rows = copy.execute("SELECT installation, kind, id, body FROM record").fetchall()
        except sqlite3.DatabaseError as err:
            raise StoreError(f"{path} cannot be read ({err}). Remove it and save a new one.") from err
        with self._db:
            self._db.execute("BEGIN")
            self._db.execute("DELETE FROM record")
            self._db.executemany("INSERT INTO record VALUES (?, ?, ?, ?)", rows)

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def dump_appointment(appointment: Appointment) -> bytes:
    """Return an appointment as JSON; times keep their offset, so both hours of the autumn night survive."""
    return orjson.dumps(appointment)


def load_appointment(body: bytes) -> Appointment:
    """The inverse of `dump_appointment`."""
    data = orjson.loads(body)
    for name in ("start", "end", "created", "updated"):
        data[name] = _helsinki(data[name])
    data["status"] = Status(data["status"])
    data["release_date"] = None if data["release_date"] is None else date.fromisoformat(data["release_date"])
    return Appointment(**data)


def dump_patient(patient: Patient) -> bytes:
    """Return a patient as JSON."""
    return orjson.dumps(patient)


def load_patient(body: bytes) -> Patient:
    """The inverse of `dump_patient`."""
    data = orjson.loads(body)
    data["birth_date"] = date.fromisoformat(data["birth_date"])
    data["registered"] = _helsinki(data["registered"])
    return Patient(**data)


def dump_hold(hold: Hold) -> bytes:
    """Return a hold as JSON."""
    return orjson.dumps(hold)


def load_hold(body: bytes) -> Hold:
    """The inverse of `dump_hold`."""
    data = orjson.loads(body)
    for name in ("start", "end", "expires_at", "used_at"):
        data[name] = None if data[name] is None else _helsinki(data[name])
    return Hold(**data)


def _helsinki(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(HELSINKI)
