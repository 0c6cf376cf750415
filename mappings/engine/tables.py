"""Code tables: CSV files that an integration engineer and a clinician can review, each read once.

Codes are texts: ``018`` and ``NO`` stay what they are.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType

Line = Mapping[str, str]
Table = Mapping[tuple[str, ...], Line]


@cache
def table(package: str, name: str, *, keys: int = 1) -> Table:
    """The rows of ``codes/<name>.csv`` of a package by their first ``keys`` columns.

    Raises FileNotFoundError, and ValueError for a table that names a key twice.
    """
    text = resources.files(package).joinpath("codes", f"{name}.csv").read_text(encoding="utf-8")
    result: dict[tuple[str, ...], Line] = {}
    for line in csv.DictReader(text.splitlines(), strict=True):
        key = tuple(list(line.values())[:keys])
        if key in result:
            raise ValueError(f"{name}.csv names {key} twice")
        result[key] = MappingProxyType(line)
    return MappingProxyType(result)


def of_rule(package: str, name: str) -> Table:
    """The same by as few columns as tell its rows apart: one code, two, or an installation and its code."""
    try:
        return table(package, name)
    except ValueError:
        return table(package, name, keys=2)
