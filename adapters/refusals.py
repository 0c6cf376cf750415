"""Which code of a record system means which error: a table beside the modules of its adapter.

``answers.csv`` has the columns code, operation (``*``: any) and error, the name of a class of `adapters.errors`; what
else stands in a row is for its readers. The most particular row holds.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final

from adapters import errors
from adapters.errors import ForeignError

TABLE: Final = "answers.csv"


def meaning(package: str, code: str, operation: str) -> type[ForeignError] | None:
    """The error that ``code`` means in answer to ``operation``; None where the table does not say. Raises ValueError
    for a table that names what is no such error."""
    table = _table(package)
    return table.get((code, operation)) or table.get((code, "*"))


@cache
def _table(package: str) -> Mapping[tuple[str, str], type[ForeignError]]:
    with files(package).joinpath(TABLE).open(encoding="utf-8") as opened:
        return {(row["code"], row["operation"]): _error(row["error"]) for row in csv.DictReader(opened)}


def _error(name: str) -> type[ForeignError]:
    found = vars(errors).get(name)
    if isinstance(found, type) and issubclass(found, ForeignError):
        return found
    raise ValueError(f"{TABLE}: {name} is no error of adapters.errors")
