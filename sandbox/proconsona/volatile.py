"""What of ProConsona's wire is another in every run: what goes into the signature, and the signature."""

from __future__ import annotations

from typing import Final

from sandbox.canonical import headers
from sandbox.http.volatile import VOLATILE as HTTP

VOLATILE: Final = (headers("x-pc-pyynto", "x-pc-aika", "x-pc-tiiviste", "x-pc-allekirjoitus"), *HTTP)
