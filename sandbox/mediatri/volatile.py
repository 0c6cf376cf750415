"""What of Mediatri's wire is another in every run: the security header, and the tokens of reservations."""

from __future__ import annotations

from typing import Final

from sandbox.canonical import volatile
from sandbox.http.volatile import VOLATILE as HTTP

VOLATILE: Final = (
    *HTTP,
    volatile("security", r"<(?:\w+:)?Security\b[^>]*>(?P<v>.*?)</(?:\w+:)?Security>"),
    volatile("hold", r"<(?:\w+:)?varaustunnus>(?P<v>[^<]+)", numbered=True),
)
