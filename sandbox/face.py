"""What a face is: the vendor's own interface of one installation, on its own port.

Each face lives in `sandbox/<system>/face.py` and offers `make_face(config, system, faults, journal) -> Face`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from sandbox.engine.system import RecordSystem
from sandbox.faults import FaultBook
from sandbox.journal import Journal

Option = bool | int | str


@dataclass(frozen=True, slots=True)
class InstallationConfig:
    """One installation as its face needs it. `credentials` are what a client must present (see `installations.py`).

    `options` are the vendor's own settings of this installation: the data file's, and over them sandbox.toml's.
    """

    name: str
    system: str
    release: str
    municipalities: tuple[str, ...]
    sectors: tuple[str, ...]
    host: str
    port: int
    credentials: Mapping[str, str]
    options: Mapping[str, Option] = field(default_factory=dict)


class Face(Protocol):
    """A running vendor interface. All calls are made on the event loop that serves it."""

    @property
    def fault_kinds(self) -> frozenset[str]:
        """The kinds of `faults.KINDS` this wire can show; arming another kind is refused."""
        ...

    @property
    def port(self) -> int:
        """The port it listens on; when the configuration says 0, the one it got at `start`."""
        ...

    async def start(self) -> None:
        """Listen. Returns when the first connection can be taken. Raises OSError if the port cannot be had.

        Called once: a stopped face is not started again, a reset makes a new one.
        """
        ...

    async def stop(self) -> None:
        """Close the listener and every connection, end its own tasks. Safe to call when not started."""
        ...

    async def pause_listening(self) -> None:
        """Close the listener and drop open connections, so that the next call meets a refused connection."""
        ...

    async def resume_listening(self) -> None:
        """Listen again on the same port. Safe to call when listening."""
        ...


class FaceMaker(Protocol):
    """The signature of `make_face`."""

    def __call__(
        self, config: InstallationConfig, system: RecordSystem, faults: FaultBook, journal: Journal
    ) -> Face: ...
