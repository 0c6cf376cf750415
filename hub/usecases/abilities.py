"""What an installation can do for a resident, said on its HealthcareServices: the CapabilityStatement is a union.

The extension's definition is published at ``/fhir/StructureDefinition/abilities``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from adapters.base import Capability, Profile
from canonical import codes
from canonical.fhir import Element
from canonical.model import Record

ABILITIES: Final = f"{codes.ROOT}/fhir/StructureDefinition/abilities"
SHOWN: Final = (
    Capability.BOOK,
    Capability.CANCEL,
    Capability.HOLD,
    Capability.ANSWER_PROPOSALS,
    Capability.COMMENT,
    Capability.REGISTER_PERSON,
)
"""What concerns a resident; how a move is made stands for itself."""


def extension(profile: Profile) -> Element:
    """``can`` (several), ``moves`` (``at-once``, or ``in-two-steps``: the hub books the new time, then cancels the old
    one), ``mutable`` (whether the resident can change what was booked), ``textLimit`` (bytes of a comment)."""
    able = profile.capabilities
    moves = _moves(able)
    said: list[Element] = [{"url": "can", "valueCode": one.value} for one in SHOWN if one in able]
    said += [{"url": "moves", "valueCode": moves}] if moves else []
    said += [{"url": "mutable", "valueBoolean": bool(moves) or Capability.CANCEL in able}]
    if Capability.COMMENT in able:
        said += [{"url": "textLimit", "valuePositiveInt": profile.text_limit}]
    return {"url": ABILITIES, "extension": said}


def said_of(record: Record, profile: Profile) -> Record:
    """A HealthcareService with what its installation can do; any other record as it is."""
    if record.kind != "HealthcareService":
        return record
    others = [one for one in record.resource.get("extension", ()) if one.get("url") != ABILITIES]
    return replace(record, resource=record.resource | {"extension": [*others, extension(profile)]})


def _moves(able: frozenset[Capability]) -> str | None:
    if Capability.MOVE in able:
        return "at-once"
    return "in-two-steps" if {Capability.BOOK, Capability.CANCEL} <= able else None
