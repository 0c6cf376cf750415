"""What people see: columns that are as wide as what is in them, and times of one kind."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import typer


def show(value: Any, text: str, *, as_json: bool) -> None:
    """Print the value for programs or the text for people."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2) if as_json else text)


def table(rows: Sequence[Sequence[object]], *, indent: str = "") -> str:
    """Lines of columns, two spaces apart."""
    texts = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in texts)
    return "\n".join((indent + line).rstrip() for line in lines)


def instant(text: str) -> str:
    """An instant as in ``Mon 2027-03-22 08:00:00 +02:00``."""
    at = datetime.fromisoformat(text)
    return f"{at:%a %Y-%m-%d %H:%M:%S} {at.isoformat()[-6:]}"


def plural(count: int, word: str) -> str:
    """``1 fault``, ``2 faults``."""
    return f"{count} {word}{'' if count == 1 else 's'}"
