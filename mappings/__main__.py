"""``python -m mappings``, called ``silta map`` by people."""

from __future__ import annotations

from mappings.cli import app

app(prog_name="silta map")
