"""What a valid request says: its elements by name, with the values that the schema cannot check."""

from __future__ import annotations

from datetime import date, datetime

from sandbox.mediatri.localtime import read_day, read_moment
from sandbox.mediatri.markup import NAMESPACE, Element, local_name
from sandbox.mediatri.refusals import invalid


class Request:
    """One operation's element. A missing element and an empty one are the same: "" or None."""

    def __init__(self, element: Element) -> None:
        self.operation = local_name(element)
        self._element = element

    def text(self, name: str) -> str:
        """Return the text of an element."""
        return str(self._element.findtext(f"{{{NAMESPACE}}}{name}") or "")

    def day(self, name: str) -> date | None:
        """Return a day. Raises Refusal if there is no such day."""
        text = self.text(name)
        return read_day(text, name) if text else None

    def moment(self, name: str) -> datetime | None:
        """Return the instant of a Hetki. Raises Refusal if there is no such time."""
        found = self._element.find(f"{{{NAMESPACE}}}{name}")
        if found is None or len(found) == 0:
            return None
        day, clock, summer = (str(found.findtext(f"{{{NAMESPACE}}}{part}") or "") for part in _MOMENT)
        return read_moment(day, clock, summer, name)

    def needed_moment(self, name: str) -> datetime:
        """Return the instant of a Hetki. Raises Refusal if it is missing, or there is no such time."""
        found = self.moment(name)
        if found is None:
            raise invalid(name)
        return found

    def days(self, *, needed: bool, longest: int | None) -> tuple[date, date] | None:
        """Return alkupaiva and loppupaiva, None if both are missing.

        Raises Refusal for one without the other, for none where they are `needed`, the wrong way round, or more than
        `longest` days.
        """
        first, last = self.day("alkupaiva"), self.day("loppupaiva")
        if first is None and last is None and not needed:
            return None
        if first is None:
            raise invalid("alkupaiva")
        if last is None or last < first or (longest is not None and (last - first).days >= longest):
            raise invalid("loppupaiva")
        return first, last

    def one_of(self, *names: str) -> str:
        """Return which one of these elements has a value. Raises Refusal unless exactly one has."""
        given = [name for name in names if self.text(name)]
        if len(given) != 1:
            raise invalid(given[1] if given else names[0])
        return given[0]


_MOMENT = ("paiva", "klo", "kesaaika")
