"""One world: a sandbox and its hubs in processes of their own, with a state folder and ports of their own.

Started with the first test that wants it; every test begins at the same snapshot, with a hub that knows nothing.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import httpx

from silta.state import Table, Wanted, prepare
from silta.testing import ports
from silta.testing.clock import Clock
from silta.testing.control import PLAIN, Control
from silta.testing.desk import Installation
from silta.testing.hub import Hub
from silta.testing.journal import Journal
from silta.testing.keeper import STORE
from silta.testing.times import Moment

SEED: Final = 42
START: Final = "2027-03-22T08:00:00+02:00"
"""Business time at the beginning of a test: a Monday, six days before summer time."""
RESIDENTS: Final = 200
READY_WITHIN: Final = 120.0
"""Seconds of real time in which everything must have started; many worlds may start at once."""

_HUB: Final[Table] = {
    "broker": "",
    # Slot ids are sealed with it: the same in every run.
    "key": base64.urlsafe_b64encode(hashlib.sha256(b"silta.testing").digest()).decode().rstrip("="),
    # What is asked of a record system follows from what a test does, not from how quickly it does it.
    "proven_window": 0,
    "shared_for": 0,
    "patience": 10,
    "directory_every": 86_400,
    # What is waited for is waited for shortly.
    "first_look": 0.3,
    "longest_wait": 1.0,
}
_OPTIONS: Final[Mapping[str, Table]] = {"pegasos-loviisa": {"limit": 5.0, "quiescence": 7.0}}


class WorldFailed(Exception):
    """The world does not start; the text says what its processes said."""


class World:
    """Made by `started`. Between `begin` and `end` there is a test."""

    def __init__(self, folder: Path, told: dict[str, Any], keeper: subprocess.Popen[str]) -> None:
        self.folder = folder
        self.address: str = told["fhir"]
        """Where a hub answers, when there is one."""
        self.control = Control(told["sandbox"])
        self.clock = Clock(self.control)
        self._told = told
        self._keeper = keeper
        self._snapshots: set[str] = set()
        self._test = ""
        self._hub: Hub | None = None

    def begin(self, test: str, seed: int = SEED, at: Moment | None = None) -> None:
        """Put the sandbox back to the first day of a seed, with the clock frozen then or at ``at``."""
        self._test = test
        name = f"seed-{seed}"
        if name in self._snapshots:
            self.control.post(f"/snapshots/{name}/load")
        else:
            self.control.post("/reset", seed=seed)
            self.clock.freeze(START)
            self.control.put(f"/snapshots/{name}")
            self._snapshots.add(name)
        if at is not None:
            self.clock.freeze(at)

    def end(self) -> None:
        """End the test's hub."""
        if self._hub is not None:
            self._hub.close()
            self._hub = None
            self._tell("none")

    @property
    def hub(self) -> Hub:
        """The test's hub, started when it is first asked for. Raises WorldFailed."""
        if self._hub is None:
            self._tell("hub")
            ready = self.address.removesuffix("/fhir") + "/readyz"
            self._wait("hub.log", lambda: _all_up(ready))
            self._hub = Hub(self.address, self._told["tokens"])
        return self._hub

    def installation(self, name: str) -> Installation:
        """An installation by its name. Raises LookupError."""
        for told in self._told["installations"]:
            if told["name"] == name:
                journal = Journal(self.control, name, told["system"], self.keep_journal)
                return Installation(self.control, told, journal, self.installation)
        names = ", ".join(one["name"] for one in self._told["installations"])
        raise LookupError(f"There is no installation {name}. There are: {names}.")

    def first_of(self, system: str) -> Installation:
        """The first installation of a system. Raises LookupError where this world has none."""
        for told in self._told["installations"]:
            if told["system"] == system:
                return self.installation(told["name"])
        raise LookupError(f"This world has no installation of {system}: see silta_installations.")

    def canonical_journal(self) -> str:
        """What everybody received and sent in this test, the same bytes in every run of it."""
        return self.control.text("/journal")

    def keep_journal(self) -> Path:
        """Write the whole journal of the test to a file that outlives it, for ``silta sandbox journal --file``."""
        told = [
            {"installation": name, **entry}
            for name in (one["name"] for one in self._told["installations"])
            for entry in self.control.get(f"/installations/{name}/journal")
        ]
        file = self.folder / "journals" / f"{self._test}.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(told, ensure_ascii=False, indent=1), "utf-8")
        return file

    def epitaph(self) -> str:
        """Where to look after a test that failed."""
        try:
            return f"What the record systems received and sent: silta sandbox journal --file {self.keep_journal()}"
        except httpx.TransportError:
            return f"The sandbox has ended. {self._tail('sandbox.log')}"

    def wait_for_sandbox(self) -> None:
        """Until every record system listens. Raises WorldFailed."""
        self._heard("ready")
        self._wait("sandbox.log", lambda: bool(self.control.get("/readyz")["ready"]))

    def _tell(self, word: str) -> None:
        assert self._keeper.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._keeper.stdin.write(f"{word}\n")
            self._keeper.stdin.flush()
        self._heard("done")

    def _heard(self, word: str) -> None:
        assert self._keeper.stdout is not None
        if self._keeper.stdout.readline().strip() != word:
            raise WorldFailed(f"The world has ended.\n{self._tail('keeper.log')}")

    def _wait(self, log: str, is_so: Callable[[], bool]) -> None:
        until = time.monotonic() + READY_WITHIN
        while time.monotonic() < until:
            with contextlib.suppress(httpx.TransportError):
                if is_so():
                    return
            time.sleep(0.01)
        raise WorldFailed(f"The world is not ready after {READY_WITHIN:.0f} s.\n{self._tail(log)}")

    def _tail(self, log: str) -> str:
        return f"{self.folder / log}:\n{(self.folder / log).read_text('utf-8', 'replace')[-2000:]}"


@contextlib.contextmanager
def started(folder: Path, installations: tuple[str, ...] = (), residents: int = RESIDENTS) -> Iterator[World]:
    """A world in a new folder, until the block ends. Raises WorldFailed, or `silta.state.StateError`."""
    with ports.block() as port:
        hub: Table = {**_HUB, "store": f"sqlite:///{folder.resolve() / STORE}"}
        told = prepare(folder, port, Wanted(installations, residents, hub, _OPTIONS)).demo()
        with (folder / "keeper.log").open("wb") as log:
            keeper = subprocess.Popen(
                [sys.executable, "-m", "silta.testing.keeper", str(folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        world = World(folder, told, keeper)
        try:
            world.wait_for_sandbox()
            yield world
        finally:
            world.control.close()
            _let_go(keeper)


def _let_go(keeper: subprocess.Popen[str]) -> None:
    """End the input: the keeper ends everything, and itself."""
    assert keeper.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        keeper.stdin.close()
    try:
        keeper.wait(30)
    except subprocess.TimeoutExpired:
        keeper.kill()
        keeper.wait()


def _all_up(address: str) -> bool:
    answer = httpx.get(address, timeout=5, trust_env=False, verify=PLAIN)
    return answer.is_success and all(one["up"] for one in answer.json()["installations"].values())
