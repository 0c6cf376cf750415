"""`python -m sandbox`, called ``silta sandbox`` by people."""

from __future__ import annotations

from sandbox.cli import app

app(prog_name="silta sandbox")
