"""The demo: the sandbox and the hub, each in a process of its own, kept running until Ctrl-C."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from silta.state import State, StateError, is_free

READY_WITHIN = 60.0
"""Seconds to wait for the first readiness before giving up."""
ALL_WITHIN = 20.0
"""Seconds to wait for every record system; after that a hub that is ready without some of them is told of, too."""


@dataclass(slots=True)
class Child:
    """One supervised process: what dies is started again, later each time it dies quickly."""

    name: str
    command: list[str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause: float = 0.0
    next_start: float = 0.0

    def start(self) -> None:
        with self.log.open("ab") as log:
            # A session of its own: Ctrl-C reaches the supervisor alone, which stops the children in order.
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, start_new_session=True)
        self.started = time.monotonic()

    def tend(self, say: Callable[[str], None]) -> None:
        """Start it again if it has died."""
        if self.process is not None and self.process.poll() is None:
            return
        now = time.monotonic()
        if self.process is not None:
            lived = now - self.started
            self.pause = 0.0 if lived > 10 else min(max(self.pause * 2, 0.2), 5.0)
            self.next_start = now + self.pause
            say(f"{self.name} ended with status {self.process.returncode}; starting it again (log: {self.log})")
            self.process = None
        if now >= self.next_start:
            self.start()

    def stop(self, grace: float = 10.0) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(grace)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@dataclass(slots=True)
class Supervisor:
    """Starts the demo's processes, starts again what dies, and stops them in order."""

    state: State
    stopping: threading.Event = field(default_factory=threading.Event)

    def run(self, say: Callable[[str], None], greet: Callable[[State], None]) -> int:
        """Until Ctrl-C or SIGTERM; the exit status."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: self.stopping.set())
        folder = self.state.folder
        python = [sys.executable, "-m"]
        children = [
            Child("sandbox", [*python, "sandbox", "serve", "--state", str(folder)], folder / "sandbox.log"),
            Child("hub", [*python, "hub", "serve", "--config", str(self.state.hub_toml)], folder / "hub.log"),
        ]
        try:
            return self._watch(children, say, greet)
        finally:
            for child in reversed(children):
                child.stop()

    def _watch(self, children: list[Child], say: Callable[[str], None], greet: Callable[[State], None]) -> int:
        begun, greeted = time.monotonic(), False
        while not self.stopping.is_set():
            for child in children:
                child.tend(say)
            greeted = greeted or self._greeted(time.monotonic() - begun, say, greet)
            if not greeted and time.monotonic() - begun > READY_WITHIN:
                say(f"not ready after {READY_WITHIN:.0f} s; see {self.state.folder}/hub.log and sandbox.log")
                return 1
            self.stopping.wait(0.1 if not greeted else 0.5)
        say("stopping")
        return 0

    def _greeted(self, after: float, say: Callable[[str], None], greet: Callable[[State], None]) -> bool:
        """Greet if everything answers, or all that will. Whether it did."""
        missing = _missing(self.state)
        if missing is None or (missing and after < ALL_WITHIN):
            return False
        greet(self.state)
        for name in missing:
            say(f"{name} does not answer; see {self.state.folder}/sandbox.log")
        return True


def check_ports(state: State) -> None:
    """Raises `StateError` naming the first port that is not free."""
    demo = state.demo()
    taken = [demo["fhir"], demo["sandbox"], *(one["address"] for one in demo["installations"])]
    for address in taken:
        port = int(address.split("://")[1].split("/")[0].rsplit(":", 1)[1])
        if not is_free(port):
            raise StateError(
                f"port {port} ({address}) is in use. Is another demo running? Stop it, or start this one with "
                "another --port and another --state."
            )


def _missing(state: State) -> list[str] | None:
    """The installations that have not answered the hub; None while it is not ready. The hub and the sandbox start
    together: a hub that was faster is ready as soon as it knows that nobody answers yet."""
    url = state.demo()["fhir"].removesuffix("/fhir") + "/readyz"
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - our own loopback address
            told = json.load(answer)
    except (urllib.error.URLError, OSError, ValueError):
        return None
    return [name for name, one in told["installations"].items() if not one["up"]]
