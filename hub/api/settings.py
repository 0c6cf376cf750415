"""What the HTTP face is told at start."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


def _nothing(_: str) -> None:
    return None


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """``public_url`` is how portals reach this hub, without a path (``https://hub.example``).

    ``deadline`` is how long a portal's request may take, ``body_deadline`` how long its body may take to arrive, in
    seconds; ``body_limit`` and ``header_limit`` are bytes. ``examples`` are working tokens by test person, for the
    examples of /docs: of a sandbox only. ``clock`` is real time; ``reached`` is told each failpoint by name.
    """

    public_url: str
    version: str
    deadline: float = 10.0
    body_limit: int = 1024 * 1024
    body_deadline: float = 10.0
    header_limit: int = 32 * 1024
    examples: Mapping[str, str] = field(default_factory=dict)
    clock: Callable[[], float] = time.time
    reached: Callable[[str], None] = _nothing

    @property
    def base(self) -> str:
        """The FHIR base URL."""
        return f"{self.public_url}/fhir"

    @property
    def help(self) -> str:
        """Where the pages of the error codes are."""
        return f"{self.public_url}/errors"
