"""``python -m adapters``: the adapters' own commands, called ``silta adapter`` by people."""

from __future__ import annotations

from adapters.cli import main

main()
