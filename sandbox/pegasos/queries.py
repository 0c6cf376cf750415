"""What the QRD segments of all queries share (manual section 6)."""

from __future__ import annotations

from typing import Final

from sandbox.pegasos.messages import Request
from sandbox.pegasos.refusals import Refusal, bad_value

_LONGEST_QUERY_ID: Final = 10


def asked(request: Request) -> tuple[str, str]:
    """Return QRD-9 and QRD-10: what is asked, and by what. Raises Refusal for another format than R, I."""
    qrd = request.the("QRD")
    for field, allowed in ((2, "R"), (3, "I")):
        if qrd.text(field) != allowed:
            raise Refusal("M04", qrd.place(field))
    if len(qrd.text(4)) > _LONGEST_QUERY_ID:
        raise bad_value("QRD", 4, "is longer than 10 characters")
    return qrd.text(9), qrd.text(10)
