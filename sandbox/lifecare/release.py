"""The releases of this interface, and what each can do (INTERFACE.md; §11 for V2015)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sandbox.lifecare.times import FalseUtc, Times, WithOffset


@dataclass(frozen=True, slots=True)
class Release:
    """One release. `usual_page` and `longest_page` are entries of a search's page.

    `holds`: a Slot can be held; `registers`: Patient can be created; `conditional`: If-None-Exist is heeded;
    `deletes`: what the unit cancels is deleted, and no search finds it any more.
    """

    name: str
    times: Times
    usual_page: int
    longest_page: int
    holds: bool
    registers: bool
    conditional: bool
    deletes: bool

    @property
    def writes(self) -> dict[str, tuple[str, ...]]:
        """The resource types that a client may write, and how."""
        patient: dict[str, tuple[str, ...]] = {"Patient": ("create",)} if self.registers else {}
        return {**patient, "Appointment": ("create", "update")}


MR2020: Final = Release(
    name="MR2020",
    times=WithOffset(),
    usual_page=50,
    longest_page=200,
    holds=True,
    registers=True,
    conditional=True,
    deletes=False,
)
V2015: Final = Release(
    name="V2015",
    times=FalseUtc(),
    usual_page=20,
    longest_page=20,
    holds=False,
    registers=False,
    conditional=False,
    deletes=True,
)
RELEASES: Final[Mapping[str, Release]] = {one.name: one for one in (MR2020, V2015)}
