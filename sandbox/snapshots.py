"""Snapshots of a state directory: DIR/snapshots/<name>.sqlite, each a whole copy of what the world keeps."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

FOLDER: Final = "snapshots"
NAME: Final = r"^[a-z0-9][a-z0-9-]{0,39}$"


class UnknownSnapshot(Exception):
    """There is no snapshot of this name; the text says which there are, and what to do."""


def is_name(text: str) -> bool:
    """Return whether a snapshot may be called this: small letters, digits and hyphens, at most 40."""
    return re.fullmatch(NAME, text) is not None


class Snapshots:
    """The files by their names."""

    def __init__(self, state: Path) -> None:
        self._folder = state / FOLDER

    def names(self) -> list[str]:
        """Return the names there are, in order."""
        return sorted(path.stem for path in self._folder.glob("*.sqlite") if is_name(path.stem))

    def new(self, name: str) -> Path:
        """Return where the snapshot of this name is written. Raises ValueError for what is no name."""
        if not is_name(name):
            raise ValueError("a snapshot's name is small letters, digits and hyphens, at most 40")
        self._folder.mkdir(exist_ok=True, mode=0o700)
        return self._folder / f"{name}.sqlite"

    def of(self, name: str) -> Path:
        """Return the file of a snapshot. Raises UnknownSnapshot."""
        if name not in self.names():
            raise UnknownSnapshot(f"No such snapshot. There are: {', '.join(self.names()) or 'none'}.")
        return self._folder / f"{name}.sqlite"

    def remove(self, name: str) -> None:
        """Remove a snapshot. Raises UnknownSnapshot."""
        self.of(name).unlink()
