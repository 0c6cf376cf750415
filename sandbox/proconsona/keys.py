"""Idempotency-Keys (INTERFACE.md §8.2): which booking was made with which key, for 24 hours of virtual time.

A key is kept with its meeting (`Appointment.extra`), so a restart does not forget it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from sandbox.clock import HELSINKI
from sandbox.engine.model import Appointment, Status
from sandbox.engine.system import RecordSystem
from sandbox.proconsona.outcome import Refusal, bad_parameter
from sandbox.proconsona.records import read_extra

HEADER: Final = "idempotency-key"
KEPT: Final = timedelta(hours=24)
_FORM: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)


def read_key(given: str | None) -> str | None:
    """Return the key of a header, None without one. Raises Refusal (400) if it has not the form of a key."""
    if given is not None and not _FORM.fullmatch(given):
        raise bad_parameter("@Idempotency-Key")
    return given


def first_state(body: bytes, key: str, calendar: str, start: datetime, end: datetime, state: Status) -> dict[str, str]:
    """Return what is kept with a meeting made with a key: all that its first answer cannot be made of later."""
    return {
        "avain": key,
        "tiiviste": hashlib.sha256(body).hexdigest(),
        "kalenteri": calendar,
        "alku": start.isoformat(),
        "loppu": end.isoformat(),
        "tila": state,
    }


class Keys:
    """The keys of one installation."""

    def __init__(self, system: RecordSystem) -> None:
        self._system = system
        self._meetings: dict[str, str] | None = None
        self._busy: set[str] = set()

    def find(self, key: str, body: bytes) -> Appointment | None:
        """Return the meeting that was made with a key, as it was then; None if the key is new.

        Raises Refusal: 409 when its first request is not done yet, 422 when that had another body.
        """
        if key in self._busy:
            raise Refusal("AVAIN_KESKEN")
        found = self._meetings_by_key().get(key)
        one = None if found is None else self._system.appointment(found)
        if one is None or one.created.timestamp() + KEPT.total_seconds() <= self._system.clock.now().timestamp():
            return None
        kept = read_extra(one)
        if kept["tiiviste"] != hashlib.sha256(body).hexdigest():
            raise Refusal("AVAIN_KAYTETTY")
        return replace(
            one,
            version=1,
            status=Status(kept["tila"]),
            calendar=kept["kalenteri"],
            start=_helsinki(kept["alku"]),
            end=_helsinki(kept["loppu"]),
            updated=one.created,
            reason="",
        )

    def used(self, key: str, meeting: str) -> None:
        """Remember a booking just made."""
        self._meetings_by_key()[key] = meeting

    @contextmanager
    def working(self, key: str) -> Iterator[None]:
        """A request with this key is being worked on, and takes its time."""
        self._busy.add(key)
        try:
            yield
        finally:
            self._busy.discard(key)

    def _meetings_by_key(self) -> dict[str, str]:
        if self._meetings is None:
            self._meetings = {}
            for one in self._system.appointments(updated_since=self._system.clock.now() - KEPT):
                kept = read_extra(one)
                if "avain" in kept:
                    self._meetings[kept["avain"]] = one.id
        return self._meetings


def _helsinki(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(HELSINKI)
