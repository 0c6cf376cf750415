"""Which answer means what: the table beside this module, and what holds where the table is silent.

Manual §9: every 4xx means that nothing was done; a 5xx does not say, but with ``Retry-After`` (502, 503, 504). A 4xx
without Lifecare's own OperationOutcome is somebody else's word (a proxy's), for which nobody has promised that.
"""

from __future__ import annotations

import re
from typing import Final, Literal

from adapters.asking import lost
from adapters.errors import ForeignError, Misconfigured, Refused, Unavailable
from adapters.http.answers import NOT_BEGUN, REFUSED_UNREAD, retry_after, table
from adapters.http.connections import HttpReply
from canonical import strict_json

RequestKind = Literal["read", "book", "move", "cancel", "register", "hold", "release"]

ERROR_SYSTEM: Final = "https://lifecare.example/fhir/CodeSystem/error"

_TABLE: Final = table("adapters.lifecare")
_CODE: Final = re.compile(r"[A-Z][A-Z0-9_]{1,40}")


def failure(reply: HttpReply, kind: RequestKind, what: str) -> ForeignError:
    """The error that a reply without success means; ``what`` names the request (``POST Appointment``)."""
    code = error_code(reply)
    native = f"{reply.status} {code}" if code else str(reply.status)
    detail = f"HTTP {native} to {what}"
    again = retry_after(reply)
    if reply.status == 401:
        return Misconfigured(f"{detail}, with a new access token", native=native)
    if reply.status in NOT_BEGUN and again is not None:
        return Unavailable(detail, native=native, retry_after=again)
    promised = code is not None or reply.status in REFUSED_UNREAD
    if 400 <= reply.status < 500 and promised:
        return _meaning(reply.status, code or "", kind)(detail, native=native, retry_after=again)
    return lost(detail, writes=kind != "read", native=native)


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


def _meaning(status: int, code: str, kind: RequestKind) -> type[ForeignError]:
    side = "read" if kind == "read" else "write"
    for key in ((status, code, kind), (status, code, "*"), (status, "*", side), (status, "*", "*")):
        if key in _TABLE:
            return _TABLE[key]
    return Misconfigured if kind == "read" else Refused
