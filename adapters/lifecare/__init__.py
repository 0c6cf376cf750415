"""Lifecare, releases MR2020 and V2015: FHIR R4 over REST with OAuth 2.0 client credentials.

``open`` is the door; behind it ``adapter`` (the port), ``wire`` (one request and the truth about it), ``answers``
(which answer means what) and ``tokens``, upon `adapters.http`. What stands in the messages is `mappings.lifecare`'s.
"""

from __future__ import annotations

from adapters.base import Adapter, Installation


def open(installation: Installation) -> Adapter:  # noqa: A001 - the name by which every adapter is opened
    """The adapter of one installation. Raises `adapters.errors.Misconfigured` with every problem of its options."""
    from adapters.lifecare.adapter import LifecareAdapter

    return LifecareAdapter(installation)
