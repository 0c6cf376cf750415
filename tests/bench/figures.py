"""What is measured: samples, what is said of them, and the targets they are held against."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


def percentile(samples: Sequence[float], percent: float) -> float:
    """The smallest sample that ``percent`` of all samples do not pass (nearest rank)."""
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


@dataclass(frozen=True, slots=True)
class Target:
    """``value`` of a figure must not pass ``limit`` (or not fall below it, where more is better)."""

    value: str
    limit: float
    more_is_better: bool = False

    def met(self, values: Mapping[str, float]) -> bool:
        found = values[self.value]
        return found >= self.limit if self.more_is_better else found <= self.limit


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table: named numbers of one unit, how they came about, and what they are to be."""

    name: str
    unit: str
    values: Mapping[str, float]
    targets: Sequence[Target] = ()

    def plain(self) -> dict[str, Any]:
        targets = [
            {"value": t.value, "limit": t.limit, "more_is_better": t.more_is_better, "met": t.met(self.values)}
            for t in self.targets
        ]
        return {"name": self.name, "unit": self.unit, "values": dict(self.values), "targets": targets}

    def text(self) -> str:
        numbers = "  ".join(f"{name} {_number(value):>8}" for name, value in self.values.items())
        lines = [f"  {self.name:<42} {numbers}  {self.unit}"]
        for target in self.targets:
            sign, word = (">=" if target.more_is_better else "<="), "met" if target.met(self.values) else "NOT MET"
            lines.append(f"  {'':<42} target: {target.value} {sign} {target.limit:g} {self.unit}: {word}")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Report:
    """The figures of one benchmark. ``about`` says what was done, in a line or two."""

    name: str
    about: str
    figures: Sequence[Figure] = field(default_factory=tuple)

    def plain(self) -> dict[str, Any]:
        return {"name": self.name, "about": self.about, "figures": [figure.plain() for figure in self.figures]}

    def text(self) -> str:
        return "\n".join([f"{self.name}: {self.about}", *(figure.text() for figure in self.figures)])


def spread(name: str, seconds: Sequence[float], *, targets: Sequence[Target] = ()) -> Figure:
    """Times as their p50 and p99, in milliseconds."""
    values = {"p50": percentile(seconds, 50) * 1000, "p99": percentile(seconds, 99) * 1000}
    return Figure(name, "ms", values, targets)


def _number(value: float) -> str:
    if value >= 1000:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 100 else f"{value:.1f}"
