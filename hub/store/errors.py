"""What the store says when it cannot."""

from __future__ import annotations

from hub.journal.ports import RecordQuarantined


class StoreUnavailable(Exception):
    """The database cannot read or write now: full, locked, lost or overloaded. The text holds no data.

    ``maybe_written`` is True only where the connection was lost while a commit was on its way: whether it happened is
    not known. In every other case nothing was written.
    """

    def __init__(self, reason: str, *, maybe_written: bool = False) -> None:
        super().__init__(reason)
        self.maybe_written = maybe_written


class UnsafeDatabase(Exception):
    """The database would not keep what it acknowledges, or its schema is not this release's: the hub does not start."""


class AnotherPatientRecord(RecordQuarantined):
    """A record belongs to another person than the one that was asked about: nothing of it was stored.

    ``installation``, ``kind`` and ``local_id`` say which record; the caller quarantines it.
    """

    def __init__(self, installation: str, kind: str, local_id: str) -> None:
        super().__init__(f"{kind} {local_id} of {installation} is another patient's")
        self.installation = installation
        self.kind = kind
        self.local_id = local_id
