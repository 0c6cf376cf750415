"""What of a client's messages Pegasos keeps unread and gives back: stored with the appointment, as JSON."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import orjson

from sandbox.pegasos.er7 import Segment, segment
from sandbox.pegasos.messages import Request
from sandbox.pegasos.refusals import Refusal

MOVED: Final = "SIIRTO^Siirretty^99PEGTAP"
OWN_FIELDS_FROM: Final = 10
"""From this field on, ZPA is the client's own."""
MOST_OWN: Final = 65_536
"""The most characters that a message may hold in Z segments."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Encoded fields (standard delimiters) as the client sent them; "" where it sent none.

    `own` are ZPA-10 and above, `segments` the client's other Z segments. `cancelled_for` is ARQ-6 of the cancellation.
    """

    placer: str = ""
    contact: str = ""
    entered: str = ""
    booked_for: str = ""
    reason: str = ""
    cancelled_for: str = ""
    own: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()


def load(extra: str) -> Kept:
    """Return what is kept with an appointment; nothing for one that the desk made."""
    if not extra:
        return Kept()
    data = orjson.loads(extra)
    return Kept(**(data | {"own": tuple(data["own"]), "segments": tuple(data["segments"])}))


def dump(kept: Kept) -> str:
    """The inverse of `load`."""
    return orjson.dumps(kept).decode("utf-8")


def from_booking(request: Request) -> Kept:
    """Return what to keep of an SRM^S01."""
    arq = request.the("ARQ")
    own, segments = _own_values(request)
    return Kept(
        placer=arq.standard_field(1),
        contact=arq.standard_field(15),
        entered=arq.standard_field(19),
        booked_for=arq.standard_field(6),
        reason=arq.standard_field(7),
        own=own,
        segments=segments,
    )


def after_cancel(kept: Kept, request: Request) -> Kept:
    """Return what to keep after an SRM^S04: ZPA-10 and above, and Z segments, replace the old if given."""
    return replace(_renewed(kept, request), cancelled_for=request.the("ARQ").standard_field(6))


def after_move(kept: Kept, request: Request) -> Kept:
    """Return what to keep after an SRM^S02: as after a cancellation, and who asked, and why, is of this message."""
    arq = request.the("ARQ")
    return replace(
        _renewed(kept, request),
        booked_for=arq.standard_field(6) or MOVED,
        contact=arq.standard_field(15),
        entered=arq.standard_field(19),
    )


def _renewed(kept: Kept, request: Request) -> Kept:
    own, segments = _own_values(request)
    merged = [new or old for new, old in zip(own, kept.own, strict=False)]
    longer = own if len(own) > len(kept.own) else kept.own
    return replace(kept, own=(*merged, *longer[len(merged) :]), segments=segments or kept.segments)


def _own_values(request: Request) -> tuple[tuple[str, ...], tuple[str, ...]]:
    zpa = request.first("ZPA")
    own = () if zpa is None else tuple(zpa.standard_field(n) for n in range(OWN_FIELDS_FROM, len(zpa.fields)))
    others = [one for one in request.segments if one.name.startswith("Z") and one.name != "ZPA"]
    if sum(len(field) for one in (zpa, *others) if one is not None for field in one.fields) > MOST_OWN:
        raise Refusal("M03", detail=f"more than {MOST_OWN} characters in Z segments")
    return own, tuple(_standard(one) for one in others)


def _standard(one: Segment) -> str:
    """Return a whole segment with the standard delimiters; empty fields at its end are kept too."""
    return "|".join([one.name, *(one.standard_field(n) for n in range(1, len(one.fields)))])


def zpa_segment(values: list[tuple[int, str]], kept: Kept) -> str:
    """Return the ZPA of an answer: Pegasos's own values and the client's."""
    return segment("ZPA", [*values, *enumerate(kept.own, OWN_FIELDS_FROM)])
