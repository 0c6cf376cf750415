"""Which answer means what: the table beside this module, and what holds where the table is silent.

Manual §11: every 4xx means that nothing was done; a 5xx does not say, but with ``Retry-After`` (502, 503, 504). A 4xx
without ProConsona's own ``virhe`` is somebody else's word (a proxy's), for which nobody has promised that.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cache
from importlib.resources import files
from typing import Final, Literal

from adapters import errors
from adapters.errors import ForeignError, Misconfigured, OutcomeUnknown, Refused, TextNotCarried, Unavailable
from adapters.http.connections import HttpReply
from adapters.proconsona import signing
from canonical import hetu
from mappings.proconsona import UNREADABLE
from mappings.proconsona.document import Part, document

RequestKind = Literal["read", "book", "cancel", "move", "accept", "propose"]

XML: Final = frozenset({"application/xml", "text/xml"})

_REFUSED_UNREAD: Final = frozenset({429, 431})
"""Nothing was done, whatever the body: refused before anybody read the request."""
_NOT_BEGUN: Final = frozenset({502, 503, 504})
"""With ``Retry-After`` they come before any work."""
_CODE: Final = re.compile(r"[A-Z][A-Z0-9_]{1,40}")
_PLACE: Final = re.compile(r"[A-Za-z0-9/?@:*._\[\]-]{1,120}")
_TEXTS: Final = ("/pc:lisatieto", "/pc:selite")
_SECONDS: Final = re.compile(r"[0-9]{1,6}")
_MOST_PLACES: Final = 5


@dataclass(frozen=True, slots=True)
class Failure:
    """ProConsona's ``virhe``: its code ("" for one that is none) and the places that it says are wrong. Its text, and
    the record in it, are not read: who wants to know what holds now reads that record itself."""

    code: str
    places: tuple[tuple[str, str], ...]

    @property
    def shown(self) -> str:
        """The places, for developers: XPaths and codes, nothing of what stands there."""
        listed = [f"{path} {code}" for path, code in self.places[:_MOST_PLACES]]
        return f" at {', '.join(listed)}" if listed else ""


def failure(reply: HttpReply, kind: RequestKind, what: str, asked_at: str) -> ForeignError:
    """The error that a reply without success means; ``what`` names the request (``POST tapaamiset``), ``asked_at`` is
    the time it was signed."""
    said = virhe(reply)
    native = f"{reply.status} {said.code}".rstrip() if said else str(reply.status)
    detail = f"HTTP {native} to {what}"
    retry_after = seconds(reply)
    if reply.status in _NOT_BEGUN and retry_after is not None:
        return Unavailable(detail, native=native, retry_after=retry_after)
    if not (400 <= reply.status < 500 and (said or reply.status in _REFUSED_UNREAD)):
        return lost(kind, detail, native=native)
    if said is None:
        said = Failure("", ())
    if said.code == "SKEEMA" and said.places and all(path.endswith(_TEXTS) for path, _ in said.places):
        return TextNotCarried(f"{detail}{said.shown}", native=native)
    if said.code == "AIKA_POIKKEAA":
        detail += _difference(reply, asked_at)
    return _meaning(reply.status, said.code, kind)(f"{detail}{said.shown}", native=native, retry_after=retry_after)


def lost(kind: RequestKind, detail: str, native: str = "") -> ForeignError:
    """No usable answer: for a read nothing happened, for a write nobody knows."""
    return Unavailable(detail, native=native) if kind == "read" else OutcomeUnknown(detail, native=native)


def virhe(reply: HttpReply) -> Failure | None:
    """What ProConsona says went wrong, or None where the body is no ``virhe``."""
    if reply.media_type not in XML:
        return None
    try:
        root = document(reply.body, "virhe")
        code = root.token("koodi")
        places = tuple(_place(one) for one in root.all("kohta"))
    except UNREADABLE:
        return None
    return Failure(code if _CODE.fullmatch(code) else "", places)


def seconds(reply: HttpReply) -> float | None:
    """``Retry-After``; zero where it is there but is not a number of seconds."""
    text = reply.headers.get("retry-after")
    if text is None:
        return None
    return float(text) if _SECONDS.fullmatch(text) else 0.0


def _place(part: Part) -> tuple[str, str]:
    path, code = part.token("polku"), part.token("koodi")
    fit = _PLACE.fullmatch(path) and not hetu.appears_in(path)
    return (path if fit else "?"), (code if _CODE.fullmatch(code) else "?")


def _difference(reply: HttpReply, asked_at: str) -> str:
    """How far ProConsona's clock is from ours, if it says what time it is."""
    try:
        theirs = parsedate_to_datetime(reply.headers["date"])
        apart = (theirs - signing.moment(asked_at)).total_seconds()
    except UNREADABLE:
        return ""
    return f": its clock is {abs(apart):.0f} s {'ahead of' if apart > 0 else 'behind'} ours"


def _meaning(status: int, code: str, kind: RequestKind) -> type[ForeignError]:
    asked = (kind, "change", "*") if kind in ("cancel", "move", "accept", "propose") else (kind, "*")
    for named in (code, "*"):
        for one in asked:
            if (status, named, one) in _table():
                return _table()[status, named, one]
    return Misconfigured if kind == "read" else Refused


@cache
def _table() -> Mapping[tuple[int, str, str], type[ForeignError]]:
    with files(__package__).joinpath("answers.csv").open(encoding="utf-8") as opened:
        rows = list(csv.DictReader(opened))
    return {(int(row["status"]), row["code"], row["request"]): getattr(errors, row["error"]) for row in rows}
