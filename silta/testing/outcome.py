"""What a portal gets: free times, and the three words that may be said of a command."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import httpx

Resource = dict[str, Any]
"""A FHIR resource as the hub sends it."""
Word = Literal["confirmed", "refused", "unknown"]
"""The record system has said that it is done; nothing was done; nobody knows yet (the receipt will tell)."""

PLACER: Final = "/fhir/placer"


@dataclass(frozen=True, slots=True)
class Slot:
    """A free time. ``installation`` is the record system's that offers it, ``calendar`` its own id of the calendar,
    ``services`` the codes of what it is for."""

    id: str
    start: datetime
    end: datetime
    installation: str
    calendar: str
    services: tuple[str, ...]
    resource: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was said of a command of ``person``'s. ``answer`` is the HTTP answer itself."""

    said: Word
    person: str
    command: str
    answer: httpx.Response

    @property
    def resource(self) -> Resource:
        """The Appointment of an answer that has one. Raises AssertionError for another."""
        body = self._body()
        if body.get("resourceType") != "Appointment":
            raise AssertionError(f"There is no Appointment in this answer: {self}")
        return body

    @property
    def id(self) -> str:
        """The hub's id of the Appointment."""
        return str(self.resource["id"])

    @property
    def start(self) -> datetime:
        """When the Appointment begins."""
        return datetime.fromisoformat(self.resource["start"])

    @property
    def placer(self) -> str:
        """The hub's own id of the booking in the record system."""
        if self.said == "unknown":
            return self.receipt.rpartition("/")[2]
        return placer_of(self.resource)

    @property
    def receipt(self) -> str:
        """The address of the receipt (a Task) of a command whose outcome is not known yet."""
        return str(self.answer.headers["Content-Location"])

    @property
    def code(self) -> str | None:
        """The hub's stable code of what is the matter: ``slot-taken``; None for what was confirmed."""
        issues = self._body().get("issue", [])
        return str(issues[0]["details"]["coding"][0]["code"]) if issues else None

    @property
    def text(self) -> str | None:
        """What the hub says to people about it."""
        issues = self._body().get("issue", [])
        return str(issues[0]["details"]["text"]) if issues else None

    def __str__(self) -> str:
        about = f": {self.code}. {self.text} {self._body()['issue'][0].get('diagnostics', '')}" if self.code else ""
        request = self.answer.headers.get("X-Request-Id", "?")
        return f"{self.command} {self.said} ({self.answer.status_code}, request {request}){about}".rstrip()

    def _body(self) -> Resource:
        try:
            body: Resource = self.answer.json()
        except json.JSONDecodeError:
            return {}
        return body


def placer_of(appointment: Mapping[str, Any]) -> str:
    """The hub's own id of the booking. Raises AssertionError for an appointment that was not booked through a hub."""
    for identifier in appointment.get("identifier", []):
        if identifier.get("system", "").endswith(PLACER):
            return str(identifier["value"])
    raise AssertionError(f"Appointment {appointment.get('id')} was not booked through the hub.")
