"""Which answer means what: the table beside this module, and what holds where the table is silent.

Manual §4: ``soap:Client``, WS-Security's and the envelope's faults all mean that nothing was done; ``soap:Server``
(JARJESTELMAVIRHE) does not say. Manual §1: an HTTP status without SOAP means that nothing was done, except a 502, 503
or 504 without ``Retry-After``; and for what the manual does not name nobody has promised anything.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final

from adapters import errors
from adapters.errors import ForeignError, Misconfigured, OutcomeUnknown, Refused, SlotTaken, Unavailable
from adapters.http.answers import NOT_BEGUN, retry_after
from adapters.http.connections import HttpReply
from canonical import soap
from mappings.mediatri.answers import Fault
from mappings.mediatri.requests import Effect, Request

_OURS: Final = frozenset({404, 405, 415, 431})
"""Refused before anybody read the request, for something of ours."""
_ENVELOPE: Final = frozenset({"VersionMismatch", "MustUnderstand"})


class Reserved(SlotTaken):
    """The time is held by a reservation of our own user's: ``reference`` tells whose of all it is for."""

    def __init__(self, detail: str, *, native: str, reference: str) -> None:
        super().__init__(detail, native=native)
        self.reference = reference


def of_fault(fault: Fault, request: Request) -> ForeignError:
    """The error that a fault means, in answer to ``request``."""
    where = f" at {fault.where}" if re.fullmatch(r"[A-Za-z/]{1,60}", fault.where) else ""
    detail, native = f"{fault.native}{where} to {request.operation}", fault.native
    if fault.namespace != soap.ENVELOPE or fault.side in _ENVELOPE:
        return Misconfigured(detail, native=native)
    if fault.side != "Client":
        return lost(request.effect, detail, native)
    kind = _meaning(fault.code, request.effect)
    if kind is SlotTaken and fault.reference:
        return Reserved(detail, native=native, reference=fault.reference)
    return kind(detail, native=native)


def of_status(reply: HttpReply, request: Request) -> ForeignError:
    """The error that an HTTP answer without SOAP means."""
    detail, native, after = f"HTTP {reply.status} to {request.operation}", str(reply.status), retry_after(reply)
    if reply.status == 408 or (reply.status in NOT_BEGUN and after is not None):
        return Unavailable(detail, native=native, retry_after=after)
    if reply.status in _OURS:
        return Misconfigured(detail, native=native)
    return lost(request.effect, detail, native)


def lost(effect: Effect, detail: str, native: str = "") -> ForeignError:
    """No usable answer: for a question nothing happened, for everything else nobody knows."""
    return Unavailable(detail, native=native) if effect == "read" else OutcomeUnknown(detail, native=native)


def _meaning(code: str, effect: Effect) -> type[ForeignError]:
    """What Mediatri's own code means; nothing was done, whatever it is."""
    found = _table().get((code, effect)) or _table().get((code, "*"))
    return found or (Misconfigured if effect == "read" or not code else Refused)


@cache
def _table() -> Mapping[tuple[str, str], type[ForeignError]]:
    with files(__package__).joinpath("faults.csv").open(encoding="utf-8") as opened:
        return {(row["code"], row["effect"]): getattr(errors, row["error"]) for row in csv.DictReader(opened)}
