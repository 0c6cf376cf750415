"""Which answer means what: the table beside this module, and what holds where the table is silent.

Manual §11: every 4xx means that nothing was done; a 5xx does not say, but with ``Retry-After`` (502, 503, 504). A 4xx
without ProConsona's own ``virhe`` is somebody else's word (a proxy's), for which nobody has promised that.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final, Literal

from adapters.asking import lost
from adapters.errors import ForeignError, Misconfigured, Refused, TextNotCarried, Unavailable
from adapters.http.answers import NOT_BEGUN, REFUSED_UNREAD, retry_after, table
from adapters.http.connections import HttpReply
from adapters.proconsona import signing
from canonical import hetu
from canonical.messages import UNREADABLE
from mappings.proconsona.document import Part, document

RequestKind = Literal["read", "book", "cancel", "move", "accept", "propose"]

XML: Final = frozenset({"application/xml", "text/xml"})

_TABLE: Final = table("adapters.proconsona")
_CODE: Final = re.compile(r"[A-Z][A-Z0-9_]{1,40}")
_PLACE: Final = re.compile(r"[A-Za-z0-9/?@:*._\[\]-]{1,120}")
_TEXTS: Final = ("/pc:lisatieto", "/pc:selite")
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
    again = retry_after(reply)
    if reply.status in NOT_BEGUN and again is not None:
        return Unavailable(detail, native=native, retry_after=again)
    if not (400 <= reply.status < 500 and (said or reply.status in REFUSED_UNREAD)):
        return lost(detail, writes=kind != "read", native=native)
    if said is None:
        said = Failure("", ())
    if said.code == "SKEEMA" and said.places and all(path.endswith(_TEXTS) for path, _ in said.places):
        return TextNotCarried(f"{detail}{said.shown}", native=native)
    if said.code == "AIKA_POIKKEAA":
        detail += _difference(reply, asked_at)
    return _meaning(reply.status, said.code, kind)(f"{detail}{said.shown}", native=native, retry_after=again)


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
            if (status, named, one) in _TABLE:
                return _TABLE[status, named, one]
    return Misconfigured if kind == "read" else Refused
