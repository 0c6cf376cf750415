"""What ProConsona can do through this interface, as data."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from adapters.base import Capability, Profile
from adapters.proconsona.options import Options
from mappings.proconsona.commands import COMMENT_LIMIT

_GAPS: Final = {
    Capability.HOLD: "ProConsona keeps no time that nobody has booked (manual §7)",
    Capability.REGISTER_PERSON: "a social worker opens the customership, never a client (manual §6)",
}


def profile(options: Options) -> Profile:
    """Everything the port knows of, but `_GAPS`.

    De-duplicates by ``Idempotency-Key``, checks the version by ``versio``; a start other than the caller believed is
    found in the version that ``versio`` then pins, so that nothing can change in between.
    """
    return Profile(
        capabilities=frozenset(Capability) - _GAPS.keys(),
        gaps=MappingProxyType(_GAPS),
        quiescence=options.quiescence,
        limit=options.limit,
        text_limit=COMMENT_LIMIT,
    )
