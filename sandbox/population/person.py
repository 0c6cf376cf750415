"""A resident, and the population as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Person:
    """One resident. `guardians` are HETUs of the legal guardians of a minor; `key` is set for test persons only.

    `language` is ISO 639-1 (fi, sv, en); `municipality` a three-character code; `non_disclosure` is turvakielto.
    """

    hetu: str
    family: str
    given: str
    birth_date: date
    municipality: str
    language: str
    street: str
    postal_code: str
    city: str
    phone: str
    email: str | None
    non_disclosure: bool = False
    guardians: tuple[str, ...] = ()
    key: str | None = None


class Population:
    """Everybody there is. A HETU that is not here belongs to nobody, and is refused everywhere in the sandbox."""

    def __init__(self, people: Iterable[Person]) -> None:
        self._by_hetu = {person.hetu: person for person in people}
        self._by_key = {person.key: person for person in self if person.key is not None}
        self._dependants: dict[str, list[str]] = {}
        for person in self:
            for guardian in person.guardians:
                self._dependants.setdefault(guardian, []).append(person.hetu)

    def __iter__(self) -> Iterator[Person]:
        return iter(self._by_hetu.values())

    def __len__(self) -> int:
        return len(self._by_hetu)

    def by_hetu(self, hetu: str) -> Person | None:
        """Return the person, or None. The HETU is compared as given, sign and all."""
        return self._by_hetu.get(hetu)

    def by_key(self, key: str) -> Person | None:
        """Return the test person of that key ("aino"), or None."""
        return self._by_key.get(key)

    def dependants(self, hetu: str) -> tuple[str, ...]:
        """Return the HETUs of the minors whose guardian this person is."""
        return tuple(self._dependants.get(hetu, ()))
