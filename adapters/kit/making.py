"""A new system as a package of its own: made from the template, outside our tree, and running at once.

The template is a whole package of an invented system called Esimerkki; making one is writing another name for that one.
"""

from __future__ import annotations

import keyword
import re
from enum import StrEnum
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from adapters.systems import OURS

_NAME: Final = re.compile(r"[a-z][a-z0-9]{1,19}")
_SUFFIX: Final = ".tmpl"


class Transport(StrEnum):
    """How the system is spoken to."""

    REST = "rest"
    SOAP = "soap"
    MLLP = "mllp"


class CannotMake(Exception):
    """The package cannot be made; the text ends with what to do."""


def make(name: str, transport: Transport, folder: Path) -> list[Path]:
    """The package of system ``name`` in ``folder``, which is made. Returns its files. Raises `CannotMake`."""
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise CannotMake(f"{name!r} is no name of a system. Use small letters and digits: silta adapter new acme")
    if name in (*OURS, "esimerkki", "memory"):
        raise CannotMake(f"{name!r} is taken. Choose another name, for instance silta adapter new {name}2")
    if folder.exists() and any(folder.iterdir()):
        raise CannotMake(f"{folder} is there, and not empty. Choose another one with --folder")
    template = files(__package__).joinpath("template")
    made = []
    for part in ("common", transport.value):
        made += _copied(template.joinpath(part), folder, name)
    return sorted(made)


def renamed(text: str, name: str) -> str:
    """A text of the template's, about the system ``name``."""
    return text.replace("esimerkki", name).replace("Esimerkki", name.capitalize()).replace("ESIMERKKI", name.upper())


def _copied(source: Traversable, target: Path, name: str) -> list[Path]:
    if source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        # Byte by byte: a kept message may be in any character set, and end its lines in any way.
        target.write_bytes(renamed(source.read_bytes().decode("latin-1"), name).encode("latin-1"))
        return [target]
    inside = (one for one in source.iterdir() if one.name != "__pycache__")
    parts = (_copied(one, target / renamed(one.name.removesuffix(_SUFFIX), name), name) for one in inside)
    return [file for part in parts for file in part]
