"""Ports for one world: several in a row that nobody has, and that no other world of this machine takes meanwhile."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from silta.state import is_free

COUNT: Final = 16
"""A hub, the control interface, the register, nine installations, and some to pass over."""
_FIRST, _LAST = 20_000, 32_000
"""Below the ports that systems give to outgoing connections."""


@contextlib.contextmanager
def block() -> Iterator[int]:
    """The first of COUNT ports that are this process's while the block runs. Raises OSError when all are taken."""
    folder = Path(tempfile.gettempdir()) / f"silta-ports-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    blocks = range(_FIRST, _LAST, COUNT)
    # Each process begins elsewhere, so that they rarely meet.
    begin = os.getpid() % len(blocks)
    for first in (*blocks[begin:], *blocks[:begin]):
        with (folder / f"{first}.lock").open("w") as lock:
            if _ours(lock) and all(is_free(port) for port in range(first, first + COUNT)):
                yield first
                return
    raise OSError(f"no {COUNT} free ports in a row between {_FIRST} and {_LAST}")


def _ours(lock: IO[str]) -> bool:
    """Whether the file could be locked; the lock goes with the process, however it ends."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
