"""What of Pegasos' wire is another in every run: ids of messages and queries, when a client wrote, its own booking ids.

Pegasos' own times are those of its clock, and stay.
"""

from __future__ import annotations

from typing import Final

from sandbox.canonical import volatile


def _field(segment: str, number: int) -> str:
    return rf"^{segment}(?:\|[^|\n]*){{{number - 1}}}\|(?P<v>[^|\n]+)"


VOLATILE: Final = (
    # What a block begins and ends with is there always, and would stand between the lines.
    volatile("", r"(?P<v>[\x0b\x1c])"),
    # The separator of MSH is its first field. A client's time is real; Pegasos' own name stands third in what it sends.
    volatile("time", r"^MSH\|[^|\n]*\|(?!PEGASOS\|)(?:[^|\n]*\|){4}(?P<v>[^|\n]+)"),
    volatile("control-id", _field("MSH", 9)),
    volatile("control-id", _field("MSA", 2)),
    volatile("time", _field("QRD", 1)),
    volatile("time", _field("EVN", 2)),
    volatile("query-id", _field("QRD", 4)),
    volatile("query-id", _field("QAK", 1)),
    volatile("placer", r"(?<![0-9a-f])(?P<v>[0-9a-f]{32})(?![0-9a-f])", numbered=True),
)
