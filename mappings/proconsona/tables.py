"""The code tables of ``codes/``: CSV files that an integration engineer and a clinician can review, each read once."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType

Row = Mapping[str, str]


@cache
def table(name: str, *, keys: int = 1) -> Mapping[tuple[str, ...], Row]:
    """The rows of ``codes/<name>.csv`` by their first ``keys`` columns. Codes are texts: ``018`` stays what it is."""
    text = resources.files(__package__).joinpath("codes", f"{name}.csv").read_text(encoding="utf-8")
    result: dict[tuple[str, ...], Row] = {}
    for row in csv.DictReader(text.splitlines(), strict=True):
        key = tuple(list(row.values())[:keys])
        if key in result:
            raise ValueError(f"{name}.csv names {key} twice")
        result[key] = MappingProxyType(row)
    return MappingProxyType(result)
