"""Mediatri: appointments by SOAP 1.1 with WS-Security.

``open`` is the door; behind it ``adapter`` (the port), ``writes`` (commands, the two steps of a booking among them),
``wire`` (one request and the truth about it), ``faults`` (which answer means what) and ``soap`` (envelopes, from the
vendor's WSDL, of which a copy stands here). What stands in the messages is `mappings.mediatri`'s.
"""

from __future__ import annotations

from adapters.base import Adapter, Installation


def open(installation: Installation) -> Adapter:  # noqa: A001 - the name by which every adapter is opened
    """The adapter of one installation. Raises `adapters.errors.Misconfigured` with every problem of its options."""
    from adapters.mediatri.adapter import MediatriAdapter

    return MediatriAdapter(installation)
