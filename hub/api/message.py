"""One request and its reply, free of any web framework."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from hub.access import Access
from hub.usecases.ports import Failed, Language

FHIR_JSON: Final = "application/fhir+json"
JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"

ReadBody = Callable[[], Awaitable[bytes]]
"""Reads the whole body, once, within the limits of size and time; raises `Failed`."""


def new_id() -> str:
    """The id of a request: what its answer, its exchange and the logs call it."""
    return f"req_{secrets.token_hex(10)}"


@dataclass(slots=True)
class Request:
    """``path`` is decoded, ``query`` is not. ``headers`` have names in small letters; repeated ones are joined by a
    comma. ``access`` and ``body`` are filled in when they are known; ``route`` and ``event`` say what was asked, for
    the exchange (``/fhir/Slot/{id}``) and the audit record (``Slot.read``)."""

    id: str
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    started: float
    language: Language
    media: str = FHIR_JSON
    access: Access | None = None
    body: bytes = b""
    route: str = "/fhir/…"
    event: str = "unknown"


@dataclass(slots=True)
class Reply:
    """``released`` names every resource in the body, for the audit record. ``remarks`` are what its Warning headers
    say."""

    status: int
    body: bytes = b""
    headers: list[tuple[str, str]] = field(default_factory=list)
    released: tuple[str, ...] = ()
    outcome: str = "success"
    remarks: tuple[Failed, ...] = ()
