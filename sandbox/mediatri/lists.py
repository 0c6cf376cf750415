"""Free times, bookings and changes as lists (INTERFACE.md §7, §11, §12)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Final, TypeVar

from sandbox.engine.model import Appointment, FreeTime
from sandbox.engine.system import RecordSystem, day_start
from sandbox.mediatri import pages
from sandbox.mediatri.kept import References
from sandbox.mediatri.markup import Element, Fields, build
from sandbox.mediatri.refusals import Refusal, invalid
from sandbox.mediatri.request import Request

LONGEST_DAYS: Final = 31
FREE_TIMES: Final = 500
BOOKINGS: Final = 200
CHANGES: Final = 100
CURSOR_SECONDS: Final = 24 * 3600

_ONE_DAY: Final = timedelta(days=1)
_JATKO: Final = re.compile(r"(\d{1,12})-([A-Za-z0-9-]{1,20})", re.ASCII)
_CURSOR: Final = re.compile(r"([0-9a-f]{1,12})\.([0-9a-f]{1,12})", re.ASCII)
_BATCH: Final = 500

Key = tuple[int, str]
"""The place of an entry in a list: its start in epoch seconds, and its id."""
Entry = TypeVar("Entry")


class Lists:
    """The lists of one installation."""

    def __init__(self, system: RecordSystem, references: References) -> None:
        self._system = system
        self._references = references

    # ---- free times

    def free_times(self, request: Request) -> Callable[[], Element]:
        """Return the work of HaeVapaatAjat. Raises Refusal for criteria that cannot be."""
        days = request.days(needed=True, longest=LONGEST_DAYS)
        assert days is not None
        service, unit, calendar, professional = (
            request.text(name) or None for name in ("palvelu", "yksikko", "kalenteri", "ammattihenkilo")
        )
        after = _read_jatko(request)

        def work() -> Element:
            start, end = day_start(days[0]), day_start(days[1] + _ONE_DAY)
            found = self._system.free_times(start, end, service=service, unit=unit, calendar=calendar)
            calendars = self._system.calendars
            fitting = [one for one in found if professional in (None, calendars[one.calendar].professional)]
            shown, following = _page(fitting, _free_key, after, FREE_TIMES)
            content: list[tuple[str, str | Fields]] = [
                ("vapaaAika", pages.free_time(self._system, one)) for one in shown
            ]
            return build("HaeVapaatAjatVastaus", [*content, ("jatko", following)])

        return work

    # ---- bookings

    def bookings(self, request: Request) -> Callable[[], Element]:
        """Return the work of HaeAjanvaraukset. Raises Refusal for criteria that cannot be, or an unknown patient."""
        by = request.one_of("varausnumero", "asiakasViite", "potilasnumero", "yksikko")
        value = request.text(by)
        by_days = by in ("potilasnumero", "yksikko")
        by_unit = by == "yksikko"
        days = request.days(needed=by_unit, longest=LONGEST_DAYS if by_unit else None)
        if days is not None and not by_days:
            raise invalid("alkupaiva")
        after = _read_jatko(request)

        def work() -> Element:
            found = [one for one in self._found(by, value, days) if pages.is_shown(one)]
            shown, following = _page(found, _booking_key, after, BOOKINGS)
            content: list[tuple[str, str | Fields]] = [
                ("ajanvaraus", pages.booking(self._system, one)) for one in shown
            ]
            return build("HaeAjanvarauksetVastaus", [*content, ("jatko", following)])

        return work

    def _found(self, by: str, value: str, days: tuple[date, date] | None) -> Sequence[Appointment]:
        if by == "varausnumero":
            one = self._system.appointment(value)
            return [] if one is None else [one]
        if by == "asiakasViite":
            return self._references.find(value)
        start, end = (None, None) if days is None else (day_start(days[0]), day_start(days[1] + _ONE_DAY))
        if by == "yksikko":
            found = self._system.appointments(start=start, end=end)
            return [one for one in found if self._system.calendars[one.calendar].unit == value]
        if self._system.patient(value) is None:
            raise Refusal("TUNTEMATON_POTILAS", "potilasnumero")
        return self._system.appointments(patient=value, start=start, end=end)

    # ---- changes

    def changes(self, request: Request) -> Callable[[], Element]:
        """Return the work of HaeMuutokset. Raises Refusal for a cursor that was never one."""
        given = request.text("kursori")
        match = _CURSOR.fullmatch(given)
        if given and match is None:
            raise invalid("kursori")

        def work() -> Element:
            now = int(self._system.clock.now().timestamp())
            if match is None:
                found, last, more = list[str](), self._system.last_change(), False
            else:
                found, last, more = self._changed_since(int(match[1], 16), int(match[2], 16), now)
            content: list[tuple[str, str | Fields]] = [
                ("muutos", [("laji", "AJANVARAUS"), ("numero", one)]) for one in found
            ]
            cursor = f"{last:x}.{now:x}"
            return build("HaeMuutoksetVastaus", [*content, ("kursori", cursor), ("lisaa", "K" if more else "E")])

        return work

    def _changed_since(self, number: int, given: int, now: int) -> tuple[list[str], int, bool]:
        """Return the bookings that changed, the number up to which they are told, and whether there are more."""
        if now - given > CURSOR_SECONDS or number > self._system.last_change():
            raise Refusal("KURSORI_VANHENTUNUT", "kursori")
        found: list[str] = []
        while batch := self._system.changes(number, _BATCH):
            for change in batch:
                if self._is_latest(change.kind, change.id, change.version):
                    if len(found) == CHANGES:
                        return found, number, True
                    found.append(change.id)
                number = change.number
        return found, number, False

    def _is_latest(self, kind: str, record_id: str, version: int) -> bool:
        """Whether an entry of the log is the last of its booking: the earlier ones are told by it."""
        one = self._system.appointment(record_id) if kind == "appointment" else None
        return one is not None and one.version == version and pages.is_shown(one)


def _page(found: Sequence[Entry], key: Callable[[Entry], Key], after: Key | None, most: int) -> tuple[list[Entry], str]:
    """Return the entries after a place, at most so many, and how to go on, "" at the end."""
    rest = [one for one in found if after is None or key(one) > after]
    shown = rest[:most]
    if len(shown) == len(rest):
        return shown, ""
    start, name = key(shown[-1])
    return shown, f"{start}-{name}"


def _read_jatko(request: Request) -> Key | None:
    text = request.text("jatko")
    match = _JATKO.fullmatch(text)
    if text and match is None:
        raise invalid("jatko")
    return None if match is None else (int(match[1]), match[2])


def _free_key(one: FreeTime) -> Key:
    return int(one.start.timestamp()), one.calendar


def _booking_key(one: Appointment) -> Key:
    return int(one.start.timestamp()), one.id
