"""JSON for the rules: members and items as the places of a tree."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Self

from canonical.messages import BadMessage
from mappings.engine.tree import Seen


class JsonNode:
    """A member of an object, or an item of a list. What is null is not there; a list that stands where one is asked for
    gives its first. Numbers, ``true`` and ``false`` read as JSON writes them."""

    __slots__ = ("_found", "line", "name", "place", "seen")

    def __init__(self, found: Any, name: str, seen: Seen = None, place: str = "") -> None:
        self._found, self.name, self.seen, self.place = found, name, seen, place or name
        self.line = 0

    @property
    def shown(self) -> str:
        return self.name if self.name.isidentifier() else "*"

    @property
    def value(self) -> str:
        if isinstance(self._found, dict | list):
            raise BadMessage(f"{self.shown} holds others")
        if self.seen is not None:
            self.seen(self)
        return self._found if isinstance(self._found, str) else json.dumps(self._found)

    def one(self, name: str) -> Self | None:
        return next(iter(self.all(name)), None)

    def all(self, name: str) -> Sequence[Self]:
        found = self._found.get(name) if isinstance(self._found, dict) else None
        if isinstance(found, list):
            return [type(self)(one, name, self.seen, f"{self.place}/{name}[{n}]") for n, one in enumerate(found, 1)]
        return [] if found is None else [type(self)(found, name, self.seen, f"{self.place}/{name}")]

    def others(self, known: frozenset[str]) -> Sequence[Self]:
        names = self._found.keys() - known if isinstance(self._found, dict) else ()
        return [one for name in sorted(names) for one in self.all(name)]

    def written(self) -> str:
        if self.seen is not None:
            for leaf in self.leaves():
                self.seen(leaf)
        return json.dumps(self._found, ensure_ascii=False)

    def leaves(self) -> Iterator[Self]:
        """Every place inside, itself too, that has a value of its own."""
        if isinstance(self._found, dict):
            for name in self._found:
                for one in self.all(name):
                    yield from one.leaves()
        elif self._found is not None and not isinstance(self._found, list):
            yield self
