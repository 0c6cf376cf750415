"""The code tables of ``codes/``, by name."""

from __future__ import annotations

from mappings.engine import tables
from mappings.engine.tables import Line as Row
from mappings.engine.tables import Table

__all__ = ["Row", "row", "table"]


def table(name: str, *, keys: int = 1) -> Table:
    """The rows of ``codes/<name>.csv`` by their first ``keys`` columns."""
    return tables.table(__package__, name, keys=keys)


def row(name: str, code: str) -> Row | None:
    """The row of a table with one key column, or None."""
    return table(name).get((code,))
