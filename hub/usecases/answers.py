"""The same key and the same body get the same answer: final answers are kept as they were sent."""

from __future__ import annotations

from dataclasses import dataclass

from hub.api.ports import Failed, Kept
from hub.journal.ports import IdempotencyKey
from hub.store import Store
from hub.store.errors import StoreUnavailable


@dataclass(slots=True)
class Answers:
    """Kept answers by key."""

    store: Store

    async def kept(self, key: IdempotencyKey) -> Kept | None:
        """The answer that was sent for the key, if it was final and kept. Raises `Failed` for another request's key."""
        answer = await self.store.answers.kept(key.scope, key.key)
        if answer is None:
            return None
        if answer.fingerprint != key.fingerprint:
            raise Failed("key-reused")
        return Kept(answer.status, tuple(answer.headers.items()), answer.body)

    async def keep(self, key: IdempotencyKey, answer: Kept) -> None:
        """Keep it; where the store cannot now, the answer is made again from the journal when it is asked for."""
        try:
            await self.store.answers.keep(key.scope, key.key, answer.status, dict(answer.headers), answer.body)
        except StoreUnavailable:
            return
