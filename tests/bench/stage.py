"""The demo that is measured: sandbox and hub in processes of their own, as `silta demo` starts them, in a folder that
goes when the benchmark ends."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from silta.state import prepare
from tests.bench.processes import cpu_seconds
from tests.bench.wires import Http

PROVEN_WINDOW = 300.0
"""Seconds that a read by id is served without asking the master (5 by default): all of the benchmark's reads."""
READY_WITHIN = 60.0
_PORTS = 8


@dataclass(frozen=True, slots=True)
class Stage:
    """A running demo. ``ready`` is seconds from its start on an empty folder until /readyz said so."""

    folder: Path
    told: dict[str, Any]
    ready: float
    started_cpu: float

    @property
    def fhir(self) -> str:
        return str(self.told["fhir"])

    def pid(self, which: str) -> int:
        """Of the ``hub`` or the ``sandbox``."""
        return int((self.folder / f"{which}.pid").read_text())

    def cpu(self, which: str) -> float:
        """CPU seconds it has used."""
        return cpu_seconds(self.pid(which))

    def token(self, person: str) -> str:
        return str(self.told["tokens"][person])

    def portal(self, person: str) -> Http:
        """A portal with that person's token, on a connection of its own."""
        return Http(self.fhir, {"Authorization": f"Bearer {self.token(person)}", "Accept": "application/fhir+json"})

    def installation(self, name: str) -> dict[str, Any]:
        return next(dict(one) for one in self.told["installations"] if one["name"] == name)

    def person(self, key: str) -> dict[str, Any]:
        return next(dict(one) for one in self.told["persons"] if one["key"] == key)


@contextlib.contextmanager
def stage(folder: Path, store: str) -> Iterator[Stage]:
    """From start to a clean stop; ``store`` is the hub's database (empty: SQLite in the folder)."""
    began = time.monotonic()
    port = _free_ports()
    file = prepare(folder, port).hub_toml
    file.write_text(_configured(file.read_text("utf-8"), store), "utf-8")
    log = folder / "demo.log"
    command = [sys.executable, "-m", "silta", "demo", "--port", str(port), "--state", str(folder)]
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out)
    try:
        told = json.loads((folder / "demo.json").read_text("utf-8"))
        _wait_ready(str(told["fhir"]).removesuffix("/fhir") + "/readyz", process, folder)
        made = Stage(folder, told, time.monotonic() - began, 0.0)
        yield Stage(folder, told, made.ready, made.cpu("hub") + made.cpu("sandbox"))
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _configured(text: str, store: str) -> str:
    lines = []
    for line in text.splitlines():
        lines.append(f"store = {json.dumps(store)}" if store and line.startswith("store = ") else line)
        if line == "[hub]":
            lines.append(f"proven_window = {PROVEN_WINDOW}")
    return "\n".join(lines) + "\n"


def _wait_ready(url: str, process: subprocess.Popen[bytes], folder: Path) -> None:
    until = time.monotonic() + READY_WITHIN
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(urllib.error.URLError, OSError), urllib.request.urlopen(url, timeout=2) as answer:
            if answer.status == 200:
                return
        time.sleep(0.05)
    logs = "\n".join(file.read_text("utf-8", "replace")[-2000:] for file in sorted(folder.glob("*.log")))
    raise RuntimeError(f"the demo was not ready within {READY_WITHIN:.0f} s:\n{logs}")


def _free_ports() -> int:
    """The first of some ports in a row that nobody uses now."""
    for first in range(31_000, 60_000, _PORTS):
        with contextlib.ExitStack() as held:
            try:
                for port in range(first, first + _PORTS):
                    held.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
            return first
    raise RuntimeError("no free ports")
