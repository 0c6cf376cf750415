"""What an HTTP answer without success says, whatever the system: what the standard promises, and the table of the
system's own words."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Final

from adapters import errors
from adapters.errors import ForeignError
from adapters.http.connections import HttpReply

REFUSED_UNREAD: Final = frozenset({429, 431})
"""Nothing was done, whatever the body: refused before anybody read the request."""
NOT_BEGUN: Final = frozenset({502, 503, 504})
"""With ``Retry-After`` they come before any work."""
_SECONDS: Final = re.compile(r"[0-9]{1,6}", re.ASCII)


def retry_after(reply: HttpReply) -> float | None:
    """``Retry-After``; zero where it is there but is not a number of seconds."""
    text = reply.headers.get("retry-after")
    if text is None:
        return None
    return float(text) if _SECONDS.fullmatch(text) else 0.0


def table(package: str) -> Mapping[tuple[int, str, str], type[ForeignError]]:
    """``answers.csv`` beside the modules of ``package``: the error that a status and a code mean to a kind of request;
    ``*`` is any."""
    with files(package).joinpath("answers.csv").open(encoding="utf-8") as opened:
        rows = list(csv.DictReader(opened))
    return {(int(row["status"]), row["code"], row["request"]): getattr(errors, row["error"]) for row in rows}
