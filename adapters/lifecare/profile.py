"""What the releases of Lifecare can do through this interface, as data."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from adapters.base import Capability, Installation, Profile
from adapters.errors import Misconfigured
from adapters.lifecare.options import Options
from mappings.lifecare.clocks import TRUE, Clock, FalseZ
from mappings.lifecare.commands import COMMENT_LIMIT


class LifecareRelease(StrEnum):
    """A release of Lifecare; the older one is the same interface but for chapter 11 of the manual."""

    MR2020 = "MR2020"
    V2015 = "V2015"

    @property
    def page(self) -> int:
        """How many resources a page holds at the most (manual §8, §11)."""
        return 20 if self is LifecareRelease.V2015 else 200

    def clock(self) -> Clock:
        """How it writes times."""
        return FalseZ() if self is LifecareRelease.V2015 else TRUE

    @classmethod
    def of(cls, installation: Installation) -> LifecareRelease:
        """The installation's release; raises `Misconfigured` for one that nobody has written a manual of."""
        try:
            return cls(installation.release)
        except ValueError:
            known = " or ".join(cls)
            raise Misconfigured(f"{installation.name}: release has to be {known}") from None


_GAPS: Final = {Capability.ANSWER_PROPOSALS: "Lifecare proposes no times (manual §7)"}
_GAPS_OF_V2015: Final = {
    Capability.REGISTER_PERSON: "V2015 makes nobody a customer: POST Patient is 405 (manual §11)",
    Capability.HOLD: "V2015 keeps no time that is not booked: it has no $hold (manual §11)",
    Capability.DEDUPLICATES: "V2015 does not look at If-None-Exist (manual §11.5)",
    Capability.KEEPS_CANCELLED: "V2015 deletes what the unit cancels (manual §11.4)",
}


def profile(options: Options, release: LifecareRelease) -> Profile:
    """De-duplicates by ``If-None-Exist``, checks the version by ``If-Match``; a start other than the caller believed is
    found in the version that ``If-Match`` then pins, so that nothing can change in between."""
    gaps = _GAPS | (_GAPS_OF_V2015 if release is LifecareRelease.V2015 else {})
    return Profile(
        capabilities=frozenset(Capability) - gaps.keys(),
        gaps=gaps,
        quiescence=options.quiescence,
        limit=options.limit,
        text_limit=COMMENT_LIMIT,
    )
