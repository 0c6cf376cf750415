"""Tokens of holds, which say all that is needed to use them: no process has to remember one.

A token is the reference under which the reservation was made and a digest of what it holds. It is no secret of
Mediatri's: the reservation's own token (``varaustunnus``) can confirm it under that reference only, and a booking is to
carry its own, so a booking with a hold gives it back and reserves anew, at once.
"""

from __future__ import annotations

import hashlib

from canonical import times
from canonical.model import TimeKey
from mappings.mediatri.requests import is_reference

_DIGEST = 16


def token(reference: str, time: TimeKey) -> str:
    """The token of the hold of ``time`` under ``reference``; at most 53 characters."""
    return f"{reference}~{_digest(time)}"


def reference(token: str, time: TimeKey) -> str | None:
    """The reference of a hold of ``time``, or None where the token is of none."""
    found, _, digest = token.partition("~")
    return found if is_reference(found) and digest == _digest(time) else None


def _digest(time: TimeKey) -> str:
    return hashlib.sha256(f"{time.key} {times.iso(time.start)}".encode()).hexdigest()[:_DIGEST]
