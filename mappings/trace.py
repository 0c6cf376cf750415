"""Where every element came from: a recorder that follows every reading, for those who write and debug mappings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from canonical.notes import Note
from mappings.engine.recorder import Recorder, Site
from mappings.engine.tree import Standing

_ROOT: Final = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Place:
    """A place by itself, of what is no tree: ``SCH-11`` of a segment, ``Appointment.start`` of an object."""

    place: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """One thing a rule did. ``rule`` is ``file:line``, ``by`` its conversion or function; ``sources`` the places it
    read with their lines, none of them twice; ``element`` is ``""`` where the rule carried nothing."""

    element: str
    value: Any
    sources: tuple[tuple[str, int], ...]
    rule: str
    by: str


class Trace(Recorder):
    """A recorder that follows every reading. What is read outside of rules is of the mapping's own Python."""

    def __init__(self, site: Site, notes: list[Note] | None = None) -> None:
        super().__init__(site, notes)
        self.seen = self._see
        self._steps: list[Step] = []
        self._read: dict[tuple[str, int], None] = {}
        self._outside: dict[tuple[str, int], None] = {}
        self._now: dict[tuple[str, int], None] = self._outside
        self._rule: Any = None

    def take(self) -> list[Step]:
        """Everything that was done since the last time, in order; the last one is what was read outside of rules."""
        self._end()
        steps, self._steps = self._steps, []
        if self._outside:
            steps.append(Step("", None, tuple(self._outside), "", "beside the rules"))
            self._outside.clear()
        return steps

    def begin(self, rule: Any) -> None:
        self._end()
        self._rule, self._now = rule, {}

    def made(self, rule: Any, element: str, value: Any) -> None:
        self._steps.append(Step(element, value, tuple(self._now), *_named(rule)))
        self._rule, self._now = None, self._outside

    def carry(self, element: str, function: Callable[..., Any], *given: Any) -> Any:
        self.begin(function)
        value = function(*given)
        first = value[0] if isinstance(value, tuple) else value
        self.made(function, element if first not in (None, "", [], {}) else "", first)
        return value

    def _end(self) -> None:
        """A rule that made nothing has read all the same."""
        if self._rule is not None and self._now:
            self._steps.append(Step("", None, tuple(self._now), *_named(self._rule)))
        self._rule, self._now = None, self._outside

    def _see(self, node: Standing) -> None:
        self._now[node.place, node.line] = None


def _named(rule: Any) -> tuple[str, str]:
    code = getattr(rule, "__code__", None)
    if code is None:
        return rule.at, rule.call or f"left out: {rule.note}"
    file = Path(code.co_filename)
    return f"{file.relative_to(_ROOT) if file.is_relative_to(_ROOT) else file}:{code.co_firstlineno}", rule.__name__
