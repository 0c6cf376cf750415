"""What of Lifecare's wire is another in every run."""

from __future__ import annotations

from typing import Final

from sandbox.canonical import volatile
from sandbox.http.volatile import VOLATILE as HTTP

VOLATILE: Final = (*HTTP, volatile("hold", r'hold-token","valueString":"(?P<v>[^"]+)', numbered=True))
