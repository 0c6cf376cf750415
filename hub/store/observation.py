"""When a master was looked at, and which of two words of its counts. Pure.

Two observations of one record may overlap (a search and a booking at the same time), and their answers may be handled
in any order. The master's own version decides where it has one; else whoever began to look after the other's word was
in. A write's answer is the newest there is: the master made it while we waited.
"""

from __future__ import annotations

from dataclasses import dataclass

from hub.store.versions import Seen


@dataclass(frozen=True, slots=True)
class Observation:
    """An installation was looked at between ``started`` and ``ended`` (real time); ``by_write``: it answered a write
    with what it made of it."""

    installation: str
    started: float
    ended: float
    by_write: bool = False

    @property
    def seen(self) -> Seen:
        return Seen(self.started, self.ended, self.ended)


def replaces(stored_version: str | None, proven_until: float, version: str | None, seen: Observation) -> bool:
    """Whether a different content, seen as ``version``, replaces one of ``stored_version`` proven until then."""
    stored, told = number(stored_version), number(version)
    if stored is not None and told is not None and stored != told:
        return told > stored
    return seen.by_write or seen.started >= proven_until


def number(version: str | None) -> int | None:
    """A master's version as a number, where it is one."""
    return int(version) if version is not None and version.isascii() and version.isdigit() else None
