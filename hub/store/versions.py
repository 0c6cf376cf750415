"""Writing one resource: its row, its version, its history, and what it is found by. Always inside somebody's
transaction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, select
from sqlalchemy import Row as SqlRow

from canonical import strict_json
from canonical.fhir import Resource
from hub import resources
from hub.resources import PERSONAL
from hub.sealing import Sealer
from hub.store.prepared import Prepared
from hub.store.schema import from_microseconds, history, person, resource, token
from hub.store.sql import insert_or_update
from hub.store.tokens import lines, tokens

JSON: Final = "resource.json"
HISTORY_JSON: Final = "history.json"
BIRTH_DATE: Final = "person.birth_date"

_CURRENT: Final = Prepared(
    select(resource)
    .where(resource.c.kind == bindparam("by_kind"), resource.c.hub_id == bindparam("by_id"))
    .with_for_update()
)
_BORN: Final = Prepared(select(person.c.birth_date).where(person.c.hub_id == bindparam("by_id")))
_OF: Final = (token.c.kind == bindparam("by_kind"), token.c.hub_id == bindparam("by_id"))
_TOKENS: Final = Prepared(select(token.c.name, token.c.value).where(*_OF))
_REMEMBER: Final = Prepared(history.insert())
_FIND_BY: Final = Prepared(token.insert())
_FORGET: Final = Prepared(
    delete(token).where(*_OF, token.c.name == bindparam("by_name"), token.c.value == bindparam("by_value"))
)


@dataclass(frozen=True, slots=True)
class Content:
    """What a resource is to say: bare, with hub ids in its references. ``local_id`` None: no master has told of it.

    ``unknown_command`` is the open command whose outcome on it is not known.
    """

    kind: str
    hub_id: str
    installation: str
    local_id: str | None
    patient: str | None
    resource: Resource
    master_version: str | None = None
    unknown_command: str | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """When it was so (real time): between the two, and noted at ``at``."""

    since: float
    until: float
    at: float


def current(connection: Connection, kind: str, hub_id: str) -> SqlRow[Any] | None:
    """The row as it is, locked for this transaction."""
    return _CURRENT.one_or_none(connection, {"by_kind": kind, "by_id": hub_id})


def content_of(row: SqlRow[Any], sealer: Sealer) -> Content:
    """What a row says now."""
    said = resources.bare(strict_json.loads(sealer.open(row.json, JSON)))
    return Content(
        row.kind,
        row.hub_id,
        row.installation,
        row.local_id,
        row.patient,
        said,
        row.master_version,
        row.unknown_command,
    )


def hashing(sealer: Sealer) -> Callable[[str], str]:
    """The keyed hash by which a person's identifiers are found."""
    return lambda value: sealer.keyed_hash(value, "identifier")


def birth_date(connection: Connection, sealer: Sealer, patient: str | None) -> date | None:
    """The person's date of birth, where the register has told it."""
    if patient is None:
        return None
    sealed = _BORN.scalar(connection, {"by_id": patient})
    return date.fromisoformat(sealer.open(sealed, BIRTH_DATE).decode()) if sealed is not None else None


def content_digest(sealer: Sealer, said: Resource) -> str:
    """By which two contents are compared; keyed, because the digest of a short text can be guessed."""
    return sealer.keyed_hash(resources.digest(said), "resource.digest")


def write(
    connection: Connection,
    sealer: Sealer,
    content: Content,
    seen: Seen,
    before: SqlRow[Any] | None,
    *,
    after: int = 0,
) -> None:
    """Make ``content`` the version after ``before``, the locked row as it is, in the row and in the history.

    ``after`` is a version that the next must pass (of a row that was merged into this one).
    """
    version = max(before.version if before is not None else 0, after) + 1
    # A version never looks older than the one before it.
    at = max(seen.at, before.last_updated) if before is not None else seen.at
    said = content.resource
    start, end = resources.span(said)
    about = {
        "patient": content.patient,
        "status": str(said.get("status", "")),
        "guardian_visible": content.kind != "Appointment" or _guardian_sees(connection, sealer, content),
        "release_at": resources.release_at(said),
    }
    shown = _shown(content, version, at)
    values = about | {
        "installation": content.installation,
        "local_id": content.local_id,
        "start": start,
        "end": end,
        "master_version": content.master_version,
        "digest": content_digest(sealer, said),
        "version": version,
        "last_updated": at,
        "observed_from": seen.since,
        "observed_until": seen.until,
        "unknown_command": content.unknown_command,
        "json": sealer.seal(shown, JSON),
        "found_by": lines(tokens(said, hashing(sealer))) if content.kind in PERSONAL else None,
    }
    key = {"kind": content.kind, "hub_id": content.hub_id}
    insert_or_update(connection, resource).run(connection, key | values)
    version_row = key | about | {"version": version, "recorded_at": at, "json": sealer.seal(shown, HISTORY_JSON)}
    _REMEMBER.run(connection, version_row)
    if content.kind not in PERSONAL:
        _index(connection, sealer, content, is_new=before is None)


def _guardian_sees(connection: Connection, sealer: Sealer, content: Content) -> bool:
    return resources.guardian_sees(content.resource, birth_date(connection, sealer, content.patient))


def _shown(content: Content, version: int, at: float) -> bytes:
    """The JSON that portals read."""
    tags = []
    if content.kind == "Appointment" and content.local_id is not None:
        tags.append(resources.CONFIRMED)
    if content.unknown_command is not None:
        tags.append(resources.OUTCOME_UNKNOWN)
    moment = from_microseconds(round(at * 1_000) * 1_000)
    source = content.installation if content.local_id is not None else "hub"
    return resources.with_meta(
        content.resource, content.hub_id, version, moment, source, tags, receipt=content.unknown_command
    )


def _index(connection: Connection, sealer: Sealer, content: Content, *, is_new: bool) -> None:
    """Bring the tokens to what the resource says now."""
    key = {"by_kind": content.kind, "by_id": content.hub_id}
    wanted = tokens(content.resource, hashing(sealer))
    there = () if is_new else _TOKENS.all(connection, key)
    kept = {(row.name, row.value) for row in there}
    gone = [key | {"by_name": name, "by_value": value} for name, value in sorted(kept - wanted)]
    if gone:
        _FORGET.run(connection, gone)
    rows = [
        {"kind": content.kind, "hub_id": content.hub_id, "name": name, "value": value}
        for name, value in sorted(wanted - kept)
    ]
    if rows:
        _FIND_BY.run(connection, rows)
