"""An address of an installation, as its options name it."""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


def _address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("an address begins with https:// and names a host")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise ValueError("without TLS only on this machine: write https://")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("an address holds no user, query or fragment")
    return text.rstrip("/")


Address = Annotated[str, AfterValidator(_address)]
"""Without a slash at its end."""
