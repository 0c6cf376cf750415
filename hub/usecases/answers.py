"""The same key and the same body get the same answer: final answers are kept as they were sent.

The key is asked about before anything else is judged: what was true when it was first used (the time was free, the
version current) need not be true any more, and is not the question.
"""

from __future__ import annotations

from dataclasses import dataclass

from hub.journal.ports import IdempotencyKey, Row
from hub.journal.states import State
from hub.store import Store
from hub.store.errors import StoreUnavailable
from hub.usecases.ports import Failed, Kept, Link


@dataclass(slots=True)
class Answers:
    """Kept answers by key."""

    store: Store

    async def earlier(self, key: IdempotencyKey) -> Kept | Row | None:
        """What the key was used for: the answer that was sent, where it was final and kept, else the command as it is
        now; None for a new key. Raises `Failed` for a key that belongs to another request."""
        known = await self.store.journal.known(key)
        if known is None:
            return None
        if not known.same:
            raise Failed("key-reused")
        answer = await self.store.answers.kept(key.scope, key.key)
        if answer is not None:
            return Kept(answer.status, tuple(answer.headers.items()), answer.body)
        row = await self.store.journal.get(known.command_id)
        assert row is not None, "a key is bound to a command that is not there"
        if row.state in (State.ACCEPTED, State.SENDING) and not row.shown:
            blamed = ["http.Idempotency-Key"]
            raise Failed("in-flight", expression=blamed, retry_after=2.0, see=Link(f"Task/{row.new.id}"))
        return row

    async def keep(self, key: IdempotencyKey, answer: Kept) -> None:
        """Keep it; where the store cannot now, the answer is made again from the journal when it is asked for."""
        try:
            await self.store.answers.keep(key.scope, key.key, answer.status, dict(answer.headers), answer.body)
        except StoreUnavailable:
            return
