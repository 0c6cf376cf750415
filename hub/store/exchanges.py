"""Exchanges: every foreign call and every API request, with its raw bytes, sealed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from sqlalchemy import Row as SqlRow
from sqlalchemy import bindparam, insert, or_, select, update

from adapters.call import Call, Recorder
from canonical.notes import Note, NoteKind
from hub.sealing import Sealer
from hub.store.database import Database
from hub.store.links import new_id
from hub.store.prepared import Prepared
from hub.store.schema import exchange

_RAW_IN: Final = "exchange.raw_in"
_RAW_OUT: Final = "exchange.raw_out"
_NEW: Final = Prepared(insert(exchange))
_ENDED: Final = Prepared(update(exchange).where(exchange.c.id == bindparam("by_id")))


@dataclass(frozen=True, slots=True)
class Exchange:
    """One exchange. ``direction`` is ``out`` (we called ``peer``, an installation) or ``in`` (``peer``, a client,
    called us); ``raw_in`` is what came to us, ``raw_out`` what we sent, None where nothing did (yet). Real times."""

    id: str
    request_id: str
    command_id: str | None
    direction: str
    peer: str
    operation: str
    started: float
    ended: float | None
    outcome: str | None
    raw_in: bytes | None
    raw_out: bytes | None
    notes: tuple[Note, ...]


class Exchanges:
    """Keeps exchanges and finds them again. ``now`` is real time."""

    def __init__(self, database: Database, sealer: Sealer, now: Callable[[], float]) -> None:
        self._database = database
        self._sealer = sealer
        self._now = now

    def to(self, installation: str) -> Recorder:
        """Where calls to an installation are recorded."""
        return _Outgoing(self, installation)

    async def sending(self, call: Call, peer: str, operation: str, raw: bytes) -> str:
        """Keep what is about to leave; durable on return. Returns the exchange's id. Raises `StoreUnavailable`."""
        exchange_id = new_id()
        row = self._row(exchange_id, call.request_id, call.command_id, "out", peer, operation, self._now())
        await self._database.execute(_NEW, row | {"raw_out": self._sealer.seal(raw, _RAW_OUT)})
        return exchange_id

    def received(self, exchange_id: str, raw: bytes, outcome: str, notes: Sequence[Note]) -> None:
        """Keep what came back, soon. A failure to is logged; raises `StoreUnavailable` when the store is closed."""
        values = {
            "by_id": exchange_id,
            "ended": self._now(),
            "outcome": outcome,
            "raw_in": self._sealer.seal(raw, _RAW_IN),
            "notes": _dump(notes),
        }
        self._database.execute_soon(_ENDED, values)

    def served(
        self,
        request_id: str,
        client: str,
        route: str,
        started: float,
        ended: float,
        outcome: str,
        raw_in: bytes,
        raw_out: bytes,
        command_id: str | None = None,
    ) -> None:
        """Keep an API request and its answer, soon. ``route`` is the template, without ids; ``outcome`` the status."""
        row = self._row(new_id(), request_id, command_id, "in", client, route, started)
        sealed = {"raw_in": self._sealer.seal(raw_in, _RAW_IN), "raw_out": self._sealer.seal(raw_out, _RAW_OUT)}
        self._database.execute_soon(_NEW, row | sealed | {"ended": ended, "outcome": outcome})

    async def find(self, id_: str) -> list[Exchange]:
        """Every exchange of a request, of a command, or with that id itself, in order of their beginning."""
        wanted = select(exchange).where(
            or_(exchange.c.id == id_, exchange.c.request_id == id_, exchange.c.command_id == id_)
        )
        ordered = wanted.order_by(exchange.c.started, exchange.c.id)
        return [
            self._exchange(row)
            for row in await self._database.read(lambda connection: connection.execute(ordered).all())
        ]

    @staticmethod
    def _row(
        id_: str, request_id: str, command_id: str | None, direction: str, peer: str, operation: str, started: float
    ) -> dict[str, Any]:
        """A whole row: rows of one statement must have the same columns."""
        return {
            "id": id_,
            "request_id": request_id,
            "command_id": command_id,
            "direction": direction,
            "peer": peer,
            "operation": operation,
            "started": started,
            "ended": None,
            "outcome": None,
            "raw_in": None,
            "raw_out": None,
            "notes": "[]",
        }

    def _exchange(self, row: SqlRow[Any]) -> Exchange:
        values = row._asdict()
        for column, context in (("raw_in", _RAW_IN), ("raw_out", _RAW_OUT)):
            values[column] = self._sealer.open(values[column], context) if values[column] is not None else None
        notes = tuple(Note(NoteKind(n["kind"]), n["path"], n["text"]) for n in orjson.loads(values["notes"]))
        return Exchange(**values | {"notes": notes})


@dataclass(frozen=True, slots=True)
class _Outgoing:
    """`adapters.call.Recorder` for one installation."""

    exchanges: Exchanges
    installation: str

    async def sending(self, call: Call, operation: str, raw: bytes) -> str:
        return await self.exchanges.sending(call, self.installation, operation, raw)

    def received(self, exchange: str, raw: bytes, *, outcome: str, notes: Sequence[Note] = ()) -> None:
        self.exchanges.received(exchange, raw, outcome, notes)


def _dump(notes: Sequence[Note]) -> str:
    return orjson.dumps([{"kind": note.kind, "path": note.path, "text": note.text} for note in notes]).decode()
