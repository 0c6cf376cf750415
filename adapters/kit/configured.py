"""The installations of a hub's configuration file, for tools that need no more of it."""

from __future__ import annotations

import json
import os
import tomllib
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from adapters.base import Installation
from canonical.times import to_local


class CannotRead(Exception):
    """The file cannot be read; the text ends with what to do."""


def installations(file: Path) -> list[Installation]:
    """What ``[[installation]]`` says, in order; a text ``env:NAME`` is the environment variable's. Raises `CannotRead`.

    Whether the file is one that a hub starts with, `silta config check` says.
    """
    next_step = f"Name another one with --config, or run: silta config check --config {file}"
    try:
        with file.open("rb") as opened:
            tables = tomllib.load(opened).get("installation", [])
        return [_installation(one) for one in tables]
    except OSError as err:
        raise CannotRead(f"{file}: {err.strerror}. {next_step}") from None
    except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as err:
        raise CannotRead(f"{file} cannot be used ({type(err).__name__}: {err}). {next_step}") from None


def today(file: Path) -> date:
    """The day in Helsinki by the clock that ``hub.clock`` of the configuration names (a sandbox has one of its own);
    the real one where it names none, or cannot be read."""
    now = datetime.now(UTC)
    try:
        clock = str(tomllib.loads(file.read_text("utf-8"))["hub"]["clock"]).removeprefix("file:")
        told = json.loads(Path(clock).read_text("utf-8"))
        virtual, real = datetime.fromisoformat(told["virtual"]), datetime.fromisoformat(told["real"])
        return to_local(virtual if told["frozen"] else virtual + (now - real)).date()
    except (OSError, ValueError, KeyError, TypeError):
        return to_local(now).date()


def _installation(table: dict[str, Any]) -> Installation:
    options = {name: _filled(value) for name, value in table.get("options", {}).items()}
    places, sectors = tuple(table.get("municipalities", ())), tuple(table.get("sectors", ()))
    return Installation(table["name"], table["system"], table.get("release", ""), places, sectors, options)


def _filled(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("env:"):
        return os.environ.get(value.removeprefix("env:"), "")
    return value
