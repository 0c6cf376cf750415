"""Asking the control interface of the sandbox that runs in a state directory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, NoReturn
from urllib.parse import quote

import httpx
import typer

from sandbox.config import FILE, ConfigError, load_config

DEFAULT_STATE: Final = Path(".silta")
StateOption = Annotated[
    Path, typer.Option("--state", help="The directory that keeps configuration, clock and data.", envvar="SILTA_STATE")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

FAILED, USAGE, UNREACHABLE = 1, 2, 3
_LIMIT: Final = 30.0
_NEXT: Final = {
    "unknown-installation": "silta sandbox status",
    "unknown-person": "silta sandbox person",
    "unknown-key": "silta sandbox person",
    "unknown-appointment": "silta sandbox person WHO",
    "slot-taken": "silta sandbox person WHO",
    "unknown-fault": "silta sandbox fault list",
    "bad-fault": "silta sandbox fault kinds",
    "unknown-snapshot": "silta sandbox snapshot save NAME",
    "bad-snapshot": "silta sandbox snapshot remove NAME",
    "bad-time": "silta clock show",
    "out-of-reach": "silta clock show",
    "not-listening": "silta sandbox status",
}
"""What to do about a refusal, by its code: the interface's own texts name its addresses, people type commands."""


def fail(text: str, status: int = FAILED) -> NoReturn:
    """End with an error that says what to do next."""
    typer.echo(f"silta: {text}", err=True)
    raise typer.Exit(status)


def path(*parts: str) -> str:
    """The address of what the parts name, whatever stands in them."""
    return "".join(f"/{quote(part, safe='')}" for part in parts)


class Control:
    """The control interface of one state directory. Every call ends the command with an error that says what to do."""

    def __init__(self, state: Path) -> None:
        self._state = state
        if not (state / FILE).exists():
            fail(f"there is no sandbox in {state}. Start one: silta demo --state {state}", UNREACHABLE)
        try:
            config = load_config(state)
        except ConfigError as err:
            fail(str(err))
        self.address = f"http://{config.host}:{config.control_port}"

    def get(self, path: str, **query: str | int) -> Any:
        """What there is at a path."""
        return self._ask("GET", path, params=query)

    def text(self, path: str, **query: str) -> str:
        """The text there is at a path."""
        return self._answer("GET", path, params=query).text

    def post(self, path: str, **body: Any) -> Any:
        """What came of it; parts of the body that are None are left out."""
        return self._ask("POST", path, json={name: value for name, value in body.items() if value is not None})

    def put(self, path: str) -> Any:
        """What came of it."""
        return self._ask("PUT", path)

    def delete(self, path: str) -> Any:
        """What came of it."""
        return self._ask("DELETE", path)

    def installations(self) -> list[str]:
        """The names of all installations."""
        return [one["name"] for one in self.get("/installations")]

    def _ask(self, method: str, path: str, **how: Any) -> Any:
        return self._answer(method, path, **how).json()

    def _answer(self, method: str, path: str, **how: Any) -> httpx.Response:
        try:
            answer = httpx.request(method, self.address + path, timeout=_LIMIT, trust_env=False, **how)
        except httpx.TransportError:
            fail(
                f"no sandbox of {self._state} answers at {self.address}. Start it: silta demo --state {self._state}",
                UNREACHABLE,
            )
        is_unready = answer.status_code == httpx.codes.SERVICE_UNAVAILABLE and path == "/readyz"
        if answer.is_error and not is_unready:
            _refused(answer)
        return answer


def _refused(answer: httpx.Response) -> NoReturn:
    try:
        told = answer.json()
        code, message = str(told["error"]), str(told["message"])
    except (ValueError, KeyError, TypeError):
        fail(f"the sandbox failed with HTTP {answer.status_code}. Its log (sandbox.log) says why.")
    message = message.partition(" See GET")[0].partition(" Save one: PUT")[0]
    fail(f"{message} Next: {_NEXT.get(code, 'silta sandbox --help')}")
