"""HTTP to the servers of a test, on this machine and without TLS."""

from __future__ import annotations

import ssl
from typing import Final

PLAIN: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Given as ``verify``: a client of httpx would read all the machine's authorities first, 30 ms for each client."""
