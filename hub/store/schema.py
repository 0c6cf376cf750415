"""All tables. One schema for SQLite and PostgreSQL; the migrations make exactly this.

Columns of type `Sealed` hold what `hub.sealing.Sealer.seal` made, with the context ``table.column``. Everything else is
readable by whoever reads the file, and so holds no name, HETU, patient number or text of a person.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_MICROSECONDS: Final = 1_000_000


class Instant(TypeDecorator[datetime]):
    """An aware datetime, as microseconds since the epoch: no database's own idea of zones. Read back in UTC.

    A naive datetime is refused (ValueError).
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else to_microseconds(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else from_microseconds(value)


class Moment(TypeDecorator[float]):
    """Real time in seconds since the epoch (a float), as microseconds."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Dialect) -> int | None:
        return None if value is None else round(value * _MICROSECONDS)

    def process_result_value(self, value: Any, dialect: Dialect) -> float | None:
        return None if value is None else value / _MICROSECONDS


Sealed = LargeBinary


def to_microseconds(value: datetime) -> int:
    """Microseconds since the epoch of an aware datetime; ValueError for a naive one."""
    if value.tzinfo is None:
        raise ValueError("a stored instant needs a time zone")
    return (value - _EPOCH) // _MICROSECOND


def from_microseconds(value: int) -> datetime:
    """The instant, in UTC."""
    return _EPOCH + value * _MICROSECOND


metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# Small rows, found by their key: on SQLite the key's tree is the table, and there is one tree less to write.
_NARROW: Final[dict[str, Any]] = {"sqlite_with_rowid": False}

command: Final = Table(
    "command",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("installation", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("target", Text, index=True),
    Column("lane", Text, nullable=False),
    # The lane while the command is open, else null: at most one open command of a lane.
    Column("open_lane", Text, unique=True),
    Column("deadline", Moment, nullable=False),
    Column("request_id", Text, nullable=False, index=True),
    Column("client", Text, nullable=False),
    Column("resident", Text, nullable=False),
    Column("parent", Text),
    Column("payload", Sealed, nullable=False),
    Column("state", Text, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("accepted_at", Moment, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("looks", Integer, nullable=False),
    Column("sent_at", Moment),
    Column("quiet_at", Moment),
    Column("wake_at", Moment),
    Column("lease_owner", Text),
    Column("lease_until", Moment),
    Column("ended_at", Moment),
    # The receipt's own version and last change: a Task is read and followed like any resource.
    Column("version", Integer, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Column("shown", Boolean, nullable=False),
    Column("problem_code", Text),
    Column("problem_detail", Text),
    Column("warning", Text),
    Index(None, "state", "accepted_at"),
    Index(None, "subject", "accepted_at"),
)

idempotency: Final = Table(
    "idempotency",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("command_id", Text, nullable=False),
    Column("created_at", Moment, nullable=False, index=True),
    Column("status", Integer),
    Column("headers", Sealed),
    Column("body", Sealed),
)

link: Final = Table(
    "link",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("hub_id", Text, primary_key=True),
    Column("installation", Text, nullable=False),
    Column("local_id", Text, nullable=False),
    UniqueConstraint("kind", "installation", "local_id"),
    **_NARROW,
)

alias: Final = Table(
    "alias",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("hub_id", Text, primary_key=True),
    Column("canonical", Text, nullable=False),
    **_NARROW,
)

own_identifiers: Final = Table(
    "own_identifiers",
    metadata,
    # The Appointment that a booking was promised; the names its portal gave it, which no record system is sent.
    Column("hub_id", Text, primary_key=True),
    Column("identifiers", Sealed, nullable=False),
    **_NARROW,
)

person: Final = Table(
    "person",
    metadata,
    Column("hub_id", Text, primary_key=True),
    Column("hetu", Sealed, nullable=False),
    Column("birth_date", Sealed),
)

patient_link: Final = Table(
    "patient_link",
    metadata,
    Column("patient", Text, primary_key=True),
    Column("installation", Text, primary_key=True),
    # Null: the installation was asked and does not know the person.
    Column("number", Sealed),
    Column("number_hash", Text),
    Column("asked_at", Moment, nullable=False),
    Index(None, "installation", "number_hash"),
    **_NARROW,
)

resource: Final = Table(
    "resource",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("hub_id", Text, primary_key=True),
    Column("installation", Text, nullable=False),
    # Null: a booking that the master has not told of yet.
    Column("local_id", Text),
    Column("patient", Text),
    Column("status", Text, nullable=False),
    Column("start", Instant),
    Column("end", Instant),
    Column("master_version", Text),
    Column("digest", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("last_updated", Moment, nullable=False),
    Column("observed_from", Moment, nullable=False),
    Column("observed_until", Moment, nullable=False),
    Column("guardian_visible", Boolean, nullable=False),
    Column("release_at", Instant),
    # The open command whose outcome on it is unknown.
    Column("unknown_command", Text),
    Column("json", Sealed, nullable=False),
    # What a person's resource is found by, in lines: a search looks through one person's rows, and an index of a row
    # for each would be most of what a booking writes. What the directory is found by is in `token`.
    Column("found_by", Text),
    Index(None, "kind", "patient", "start"),
    Index(None, "kind", "installation", "local_id"),
    Index(None, "kind", "start"),
)

history: Final = Table(
    "history",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("hub_id", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("patient", Text),
    Column("guardian_visible", Boolean, nullable=False),
    Column("release_at", Instant),
    Column("status", Text, nullable=False),
    Column("recorded_at", Moment, nullable=False),
    Column("json", Sealed, nullable=False),
)

token: Final = Table(
    "token",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("hub_id", Text, primary_key=True),
    Index(None, "kind", "hub_id"),
    **_NARROW,
)

hold: Final = Table(
    "hold",
    metadata,
    # Whose it is, and of which time: installation, start and the installation's own key.
    Column("subject", Text, primary_key=True),
    Column("time", Text, primary_key=True),
    Column("command_id", Text, nullable=False),
    Column("token", Sealed, nullable=False),
    # By the record system's business clock.
    Column("until", Instant, nullable=False),
    **_NARROW,
)

exchange: Final = Table(
    "exchange",
    metadata,
    Column("id", Text, primary_key=True),
    Column("request_id", Text, nullable=False, index=True),
    Column("command_id", Text, index=True),
    Column("direction", Text, nullable=False),
    Column("peer", Text, nullable=False),
    Column("operation", Text, nullable=False),
    Column("started", Moment, nullable=False, index=True),
    Column("ended", Moment),
    Column("outcome", Text),
    Column("raw_in", Sealed),
    Column("raw_out", Sealed),
    Column("notes", Text, nullable=False),
)

audit: Final = Table(
    "audit",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("at", Moment, nullable=False),
    Column("request_id", Text, nullable=False, index=True),
    Column("client", Text, nullable=False),
    Column("resident", Text),
    Column("acting_for", Text),
    Column("patient", Text, index=True),
    Column("kind", Text, nullable=False),
    Column("interaction", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("register", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("released", Text, nullable=False),
    Column("query", Sealed),
)
