"""Points in the life of a write where a test may let the process die, by name.

A failpoint is armed by a file of its name in a folder; reaching it removes the file and kills the process at once, as
``kill -9`` would. Without a folder (production) nothing is ever looked for.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Final

NAMES: Final = (
    "request-parsed",
    "before-accept",
    "accepted",
    "before-sending",
    "before-send",
    "sent",
    "replied",
    "before-outcome",
    "outcome-written",
    "before-answer",
    "before-look",
    "looked",
    "between-steps",
)


class Failpoints:
    """Call it with the name of the point that is reached."""

    def __init__(self, folder: Path | None) -> None:
        self._files = {name: str(folder / name) for name in NAMES} if folder is not None else {}

    def __call__(self, name: str) -> None:
        # A write passes ten of these: looking costs a third of trying to remove.
        if name not in self._files or not os.access(self._files[name], os.F_OK):
            return
        try:
            os.unlink(self._files[name])
        except FileNotFoundError:
            return  # another process was here first: it dies, not we
        os.kill(os.getpid(), signal.SIGKILL)


def arm(folder: Path, name: str) -> None:
    """Let the next process that reaches ``name`` die there. Raises ValueError for a name that does not exist."""
    if name not in NAMES:
        raise ValueError(f"no failpoint {name!r}; there are: {', '.join(NAMES)}")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).touch()
