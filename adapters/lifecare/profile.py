"""What Lifecare MR2020 can do through this interface, as data."""

from __future__ import annotations

from adapters.base import Capability, Profile
from adapters.lifecare.options import Options
from mappings.lifecare.commands import COMMENT_LIMIT


def profile(options: Options) -> Profile:
    """Everything the port knows of.

    De-duplicates by ``If-None-Exist``, checks the version by ``If-Match``; a start other than the caller believed is
    found in the version that ``If-Match`` then pins, so that nothing can change in between.
    """
    return Profile(
        capabilities=frozenset(Capability),
        gaps={},
        quiescence=options.quiescence,
        limit=options.limit,
        text_limit=COMMENT_LIMIT,
    )
