"""The installations of a hub's configuration file, for tools that need no more of it."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

from adapters.base import Installation


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


def _installation(table: dict[str, Any]) -> Installation:
    options = {name: _filled(value) for name, value in table.get("options", {}).items()}
    places, sectors = tuple(table.get("municipalities", ())), tuple(table.get("sectors", ()))
    return Installation(table["name"], table["system"], table.get("release", ""), places, sectors, options)


def _filled(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("env:"):
        return os.environ.get(value.removeprefix("env:"), "")
    return value
