"""What is another in every run of any HTTP exchange with a client whose own ids are 32 hexadecimal digits."""

from __future__ import annotations

from typing import Final

from sandbox.canonical import headers, volatile

VOLATILE: Final = (
    headers("host", "date", "content-length", "authorization", "x-request-id"),
    volatile("placer", r"(?<![0-9a-f])(?P<v>[0-9a-f]{32})(?![0-9a-f])", numbered=True),
)
