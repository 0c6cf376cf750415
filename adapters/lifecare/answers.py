"""Which answer means what: the table beside this module, and what holds where the table is silent.

Manual §9: every 4xx means that nothing was done; a 5xx does not say, but with ``Retry-After`` (502, 503, 504). A 4xx
without Lifecare's own OperationOutcome is somebody else's word (a proxy's), for which nobody has promised that.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final, Literal

from adapters import errors
from adapters.errors import ForeignError, Misconfigured, OutcomeUnknown, Refused, Unavailable
from adapters.http.connections import HttpReply
from canonical import strict_json

RequestKind = Literal["read", "book", "move", "cancel", "register", "hold", "release"]

ERROR_SYSTEM: Final = "https://lifecare.example/fhir/CodeSystem/error"

_REFUSED_UNREAD: Final = frozenset({429, 431})
"""Nothing was done, whatever the body: refused before anybody read the request."""
_NOT_BEGUN: Final = frozenset({502, 503, 504})
"""With ``Retry-After`` they come before any work."""
_CODE: Final = re.compile(r"[A-Z][A-Z0-9_]{1,40}")
_SECONDS: Final = re.compile(r"[0-9]{1,6}")


def failure(reply: HttpReply, kind: RequestKind, what: str) -> ForeignError:
    """The error that a reply without success means; ``what`` names the request (``POST Appointment``)."""
    code = error_code(reply)
    native = f"{reply.status} {code}" if code else str(reply.status)
    detail = f"HTTP {native} to {what}"
    retry_after = seconds(reply)
    if reply.status == 401:
        return Misconfigured(f"{detail}, with a new access token", native=native)
    if reply.status in _NOT_BEGUN and retry_after is not None:
        return Unavailable(detail, native=native, retry_after=retry_after)
    promised = code is not None or reply.status in _REFUSED_UNREAD
    if 400 <= reply.status < 500 and promised:
        return _meaning(reply.status, code or "", kind)(detail, native=native, retry_after=retry_after)
    return lost(kind, detail, native=native)


def lost(kind: RequestKind, detail: str, native: str = "") -> ForeignError:
    """No usable answer: for a read nothing happened, for a write nobody knows."""
    return Unavailable(detail, native=native) if kind == "read" else OutcomeUnknown(detail, native=native)


def error_code(reply: HttpReply) -> str | None:
    """Lifecare's own code of an OperationOutcome ("" where it has none), None where the body is no such thing."""
    try:
        outcome = strict_json.loads(reply.body)
        if outcome["resourceType"] != "OperationOutcome":
            return None
        codings = outcome["issue"][0].get("details", {}).get("coding", ())
        code = next((c["code"] for c in codings if c.get("system") == ERROR_SYSTEM), "")
    except (strict_json.BadJson, LookupError, TypeError, AttributeError):
        return None
    return code if isinstance(code, str) and _CODE.fullmatch(code) else ""


def seconds(reply: HttpReply) -> float | None:
    """``Retry-After``; zero where it is there but is not a number of seconds."""
    text = reply.headers.get("retry-after")
    if text is None:
        return None
    return float(text) if _SECONDS.fullmatch(text) else 0.0


def _meaning(status: int, code: str, kind: RequestKind) -> type[ForeignError]:
    side = "read" if kind == "read" else "write"
    for key in ((status, code, kind), (status, code, "*"), (status, "*", side), (status, "*", "*")):
        if key in _table():
            return _table()[key]
    return Misconfigured if kind == "read" else Refused


@cache
def _table() -> Mapping[tuple[int, str, str], type[ForeignError]]:
    with files(__package__).joinpath("answers.csv").open(encoding="utf-8") as opened:
        rows = list(csv.DictReader(opened))
    return {(int(row["status"]), row["code"], row["request"]): getattr(errors, row["error"]) for row in rows}
