"""The state folder of a demo: one folder holds everything both sides need to start, each alone.

``sandbox.toml`` is the sandbox's own (its ``init`` writes it), ``hub.toml`` the hub's configuration made to fit, and
``demo.json`` what tools outside the project read. Made once; starting again finds the same tokens, ports and data.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final

CLIENT = "demo-portal"
JOINED: Final = {"504": date(2023, 1, 1), "616": date(2023, 1, 1)}
"""Myrskylä and Pukkila were another county's until then: no installation of this one serves an earlier day."""
SERVERS: Final = {"store": "SILTA_STORE", "broker": "SILTA_BROKER"}
"""Where these are set when a folder is made, its hub takes its database and broker from them, at every start."""


class StateError(Exception):
    """The state folder cannot be made; the text ends with what to do."""


Table = Mapping[str, str | float | bool]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a new folder is made with instead of the usual: some of the sandbox's ``installations`` (none named: all),
    fewer ``residents``, and in hub.toml other values in ``hub`` and in the ``options`` of installations, by name."""

    installations: tuple[str, ...] = ()
    residents: int | None = None
    hub: Table = field(default_factory=dict)
    options: Mapping[str, Table] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class State:
    """A prepared folder."""

    folder: Path

    @property
    def hub_toml(self) -> Path:
        return self.folder / "hub.toml"

    @property
    def demo_json(self) -> Path:
        return self.folder / "demo.json"

    def demo(self) -> dict[str, Any]:
        """What `demo.json` holds."""
        found: dict[str, Any] = json.loads(self.demo_json.read_text("utf-8"))
        return found


def prepare(folder: Path, port: int | None, wanted: Wanted | None = None) -> State:
    """Make what is missing in ``folder``; what is there stays. ``port`` is the hub's (None: as it was, else 8080).

    Raises `StateError` when the folder was made for another port, or the sandbox cannot describe itself.
    """
    folder = folder.resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StateError(f"{folder} cannot be made ({error.strerror}). Choose another --state.") from error
    state = State(folder)
    with _alone(folder):
        if not state.demo_json.exists():
            _make(state, port or 8080, wanted or Wanted())
        elif port is not None and (made_for := _port_of(state.demo()["fhir"])) != port:
            raise StateError(
                f"{folder} was made for port {made_for}. Start it with --port {made_for}, or choose another --state."
            )
    return state


def _make(state: State, port: int, wanted: Wanted) -> None:
    if not is_free(port):
        raise StateError(f"port {port} is in use. Choose another one with --port.")
    chosen = [word for name in wanted.installations for word in ("--installation", name)]
    chosen += [] if wanted.residents is None else ["--residents", str(wanted.residents)]
    described = json.loads(
        _sandbox("init", "--state", str(state.folder), "--port-base", str(port + 1), "--json", *chosen)
    )
    base = f"http://127.0.0.1:{port}"
    tokens = _tokens(described["persons"])
    _write(state.hub_toml, _hub_toml(state.folder, port, base, described, tokens, wanted))
    persons = [{k: p[k] for k in ("key", "name", "hetu", "municipality", "guardians")} for p in described["persons"]]
    demo = {
        "fhir": f"{base}/fhir",
        "docs": f"{base}/docs",
        "tokens": {name: token["text"] for name, token in tokens.items()},
        "persons": persons,
        "installations": described["installations"],
        "sandbox": described["control"],
    }
    _write(state.demo_json, json.dumps(demo, ensure_ascii=False, indent=2) + "\n")


def _tokens(persons: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """One token for each test person, one for each child by each guardian, and the portal's own."""
    hetus = {p["key"]: p["hetu"] for p in persons}

    def token(name: str, resident: str | None, acting_for: str | None = None) -> dict[str, Any]:
        return {"text": f"sbx_{name}_{secrets.token_urlsafe(9)}", "resident": resident, "acting_for": acting_for}

    made = {key: token(key, hetu) for key, hetu in hetus.items()}
    for person in persons:
        for guardian in person["guardians"]:
            name = f"{person['key']}-by-{guardian}"
            made[name] = token(name, hetus[guardian], person["hetu"])
    return made | {"portal": token("portal", None)}


def _hub_toml(
    folder: Path,
    port: int,
    base: str,
    described: dict[str, Any],
    tokens: dict[str, dict[str, Any]],
    wanted: Wanted,
) -> str:
    key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")
    servers = {name: f"env:{variable}" for name, variable in SERVERS.items() if variable in os.environ}
    tables: list[tuple[str, dict[str, Any]]] = [
        (
            "[hub]",
            {
                "profile": "sandbox",
                "port": port,
                "public_url": base,
                "store": f"sqlite:///{folder / 'hub.sqlite'}",
                **servers,
                "key": key,
                "clock": f"file:{folder / 'clock.json'}",
                "failpoints": str(folder / "failpoints"),
                "match_temporary_ids": True,
                "ask_again": 0,  # what the desk has done just now is there at once
                **wanted.hub,
            },
        ),
        ("[county]", {"name": "Itä-Uusimaa", "open": True}),
        ("[register]", {k: described["register"][k] for k in ("address", "api_key")}),
    ]
    for one in described["installations"]:
        known = {k: one[k] for k in ("name", "system", "release", "municipalities", "sectors")}
        tables += [
            ("[[installation]]", known),
            ("[installation.options]", one["options"] | wanted.options.get(one["name"], {})),
        ]
        tables += [("[[route]]", route) for route in _routes(one)]
    for token in tokens.values():
        known = {"sha256": hashlib.sha256(token["text"].encode()).hexdigest(), "client": CLIENT}
        known |= {k: token[k] for k in ("resident", "acting_for") if token[k]}
        tables.append(("[[token]]", known | {"example": token["text"]}))
    return "\n".join(f"{head}\n" + "".join(f"{k} = {_toml(v)}\n" for k, v in body.items()) for head, body in tables)


def _routes(installation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """That it serves each of its municipalities in each of its sectors, from the day they are the county's."""
    for municipality in installation["municipalities"]:
        for sector in installation["sectors"]:
            route = {"municipality": municipality, "sector": sector, "installation": installation["name"]}
            yield route | ({"first": JOINED[municipality]} if municipality in JOINED else {})


def _toml(value: Any) -> str:
    """A TOML value: its strings, numbers, booleans and lists of strings are written as in JSON, its days bare."""
    return value.isoformat() if isinstance(value, date) else json.dumps(value, ensure_ascii=False)


def _sandbox(*arguments: str) -> str:
    done = subprocess.run([sys.executable, "-m", "sandbox", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise StateError(f"the sandbox could not be prepared: {done.stderr.strip()[-2000:]}")
    return done.stdout


def _write(file: Path, text: str) -> None:
    """Whole or not at all, for the owner's eyes only: it holds tokens and test persons."""
    draft = file.with_suffix(file.suffix + ".new")
    draft.touch(mode=0o600)
    draft.write_text(text, "utf-8")
    os.replace(draft, file)


def _port_of(url: str) -> int:
    return int(url.split(":")[2].split("/")[0])


def is_free(port: int) -> bool:
    """Whether a server could bind the port on loopback now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One preparer at a time: the hub and the sandbox may be started at the same moment."""
    with (folder / ".prepare.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
