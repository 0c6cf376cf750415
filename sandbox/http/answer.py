"""What is sent back over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, body bytes and headers (content-type among them when there is a body)."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
