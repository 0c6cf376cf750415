"""ProConsona, release 3: XML over REST, every request signed with HMAC-SHA256.

``open`` is the door; behind it ``adapter`` (the port), ``meetings`` and ``writes`` (what is read, what is done),
``wire`` (one request and the truth about it), ``answers`` (which answer means what) and ``signing``, upon
`adapters.http`. What stands in the messages is `mappings.proconsona`'s.
"""

from __future__ import annotations

from adapters.base import Adapter, Installation


def open(installation: Installation) -> Adapter:  # noqa: A001 - the name by which every adapter is opened
    """The adapter of one installation. Raises `adapters.errors.Misconfigured` with every problem of its options."""
    from adapters.proconsona.adapter import ProConsonaAdapter

    return ProConsonaAdapter(installation)
