"""The keeper of one world: a process that runs the sandbox and, one after the other, the hubs of the tests.

A hub of its own for every test would cost two seconds of imports each. So the keeper imports once, and every hub is a
fork of it: a process of its own, which does what ``silta serve`` does, on a database that is empty again. When the
keeper's standard input ends, because the tests are over or their process has died, all of it ends.

It reads a line for each thing it shall do (``hub``: end the hub there is and start a new one; ``none``: end it), and
writes one when that is done.
"""

from __future__ import annotations

import contextlib
import gc
import os
import shutil
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NoReturn

from canonical.validate import validate
from hub import cli
from hub.bootstrap import open_adapters
from hub.config import load
from hub.store import upgrade

STORE: Final = "hub.sqlite"
_EMPTY: Final = "hub-empty.sqlite"
_LEFT_BY_A_HUB: Final = ("", "-wal", "-shm")


def main(folder: Path) -> None:
    """Until standard input ends. ``folder`` is a prepared state folder."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the tests'; they end the input
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with _sandbox(folder):
        _warm(folder)
        _say("ready")
        hub: int | None = None
        try:
            for line in sys.stdin:
                _end(hub)
                hub = _born(folder) if line.strip() == "hub" else None
                _say("done")
        finally:
            _end(hub)


def _say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


@contextlib.contextmanager
def _sandbox(folder: Path) -> Iterator[None]:
    command = [sys.executable, "-m", "sandbox", "serve", "--state", str(folder)]
    with (folder / "sandbox.log").open("ab") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _warm(folder: Path) -> None:
    """Do once what every hub would do at its start: import adapters, read contracts and dictionaries, make tables."""
    open_adapters(load(folder / "hub.toml"))
    validate({"resourceType": "Appointment"})
    upgrade(f"sqlite:///{folder / _EMPTY}")
    gc.collect()
    gc.freeze()


def _born(folder: Path) -> int:
    """Start a hub that knows nothing of the one before; its process id."""
    for end in _LEFT_BY_A_HUB:
        (folder / f"{STORE}{end}").unlink(missing_ok=True)
    shutil.copyfile(folder / _EMPTY, folder / STORE)
    shutil.rmtree(folder / "failpoints", ignore_errors=True)
    pid = os.fork()
    if not pid:
        _serve(folder)
    return pid


def _serve(folder: Path) -> NoReturn:
    """Be a hub, and end with it: nothing of the keeper runs in this process."""
    status = 1
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        nothing = os.open(os.devnull, os.O_RDONLY)
        log = os.open(folder / "hub.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for new, old in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(new, old)
        cli.app(["serve", "--config", str(folder / "hub.toml")], prog_name="silta", standalone_mode=False)
        status = 0
    except BaseException:  # whatever ends it, SystemExit too, stands in its log before the process is gone
        traceback.print_exc()
        raise
    finally:
        sys.stderr.flush()
        os._exit(status)


def _end(hub: int | None) -> None:
    """As by ``kill -9``: what it has on its disk is thrown away, so there is nothing to end in order."""
    if hub is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(hub, signal.SIGKILL)
        os.waitpid(hub, 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
