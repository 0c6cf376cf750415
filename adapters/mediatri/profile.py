"""What Mediatri can do through this interface, as data."""

from __future__ import annotations

from typing import Final

from adapters.base import Capability, Profile
from adapters.mediatri.options import Options
from mappings.mediatri.requests import COMMENT_LIMIT

GAPS: Final = {
    Capability.MOVE: "no operation moves a booking (manual §10): a new one is made, the old one cancelled",
    Capability.ANSWER_PROPOSALS: "what a unit has only proposed is in no answer of this release (manual §14.1)",
    Capability.DEDUPLICATES: "VaraaAika is not idempotent; only VahvistaVaraus is, by its token (manual §8)",
    Capability.CHECKS_VERSION: "a booking has no version; PeruAika names the start the caller believes in (manual §11)",
}


def profile(options: Options) -> Profile:
    """All that is not a gap; the start that a cancel believes in, Mediatri itself compares (``alkuperainenAlku``)."""
    able = frozenset(Capability) - GAPS.keys()
    return Profile(able, GAPS, options.quiescence, options.limit, COMMENT_LIMIT)
