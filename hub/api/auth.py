"""Who asks: the Bearer token of the Authorization header, and of nowhere else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from hub.access import Access
from hub.usecases.ports import Failed, UseCases

_BEARER: Final = re.compile(r"[Bb]earer +([A-Za-z0-9\-._~+/]{1,4096}=*)")
_TOKEN_PARAMETER: Final = re.compile(
    r"(?:^|[&;?])(?:access_?token|id_?token|token|bearer|authorization|api_?key)=", re.IGNORECASE
)
_SIGNED_TOKEN: Final = re.compile(r"eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}")


async def authenticate(headers: Mapping[str, str], usecases: UseCases) -> Access:
    """The `Access` of the request's token; raises `login`."""
    sent = _BEARER.fullmatch(headers.get("authorization", "").strip())
    access = await usecases.whoami(sent[1]) if sent else None
    if access is None:
        raise Failed("login")
    return access


def token_in_url(path: str, query: str) -> bool:
    """Whether the URL carries what looks like a token."""
    return _SIGNED_TOKEN.search(path) is not None or (
        bool(query) and (_TOKEN_PARAMETER.search(query) is not None or _SIGNED_TOKEN.search(query) is not None)
    )
