"""Mediatri's dates and times: ``dd.MM.yyyy`` and ``HH.mm`` in Helsinki; ``kesaaika`` tells the hour that happens twice.

Instants are given in UTC: two Helsinki datetimes of the hour that happens twice compare equal in Python though they are
an hour apart; in UTC they do not. Source: Mediatri's manual §3.2 and §3.3.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from typing import Final

from canonical import times
from canonical.notes import Note, NoteKind
from mappings.mediatri.markup import BadMessage, Fields

_DATE: Final = re.compile(r"(\d\d)\.(\d\d)\.(\d{4})", re.ASCII)
_TIME: Final = re.compile(r"(\d\d)\.(\d\d)", re.ASCII)
_OFFSETS: Final = {"K": timedelta(hours=3), "E": timedelta(hours=2)}


def read(moment: Fields, notes: list[Note]) -> datetime:
    """The instant (UTC) of an element of type ``Hetki``.

    A time that happens twice without a ``kesaaika`` that decides is taken for the first; one that summer time skips is
    read with the offset given, else with winter time; a ``kesaaika`` that the time does not have is not believed. All
    of that is noted as guessed. Raises `BadMessage` for what is no time.
    """
    naive, told = _naive(moment), moment.text("kesaaika")
    if told and told not in _OFFSETS:
        raise BadMessage(f"{moment.name}/kesaaika is neither K nor E")
    first, second, exists = _offsets(naive)
    given = _OFFSETS.get(told)
    if not exists:
        notes.append(Note(NoteKind.GUESSED, moment.name, "summer time skips this local time"))
        return naive.replace(tzinfo=timezone(given or _OFFSETS["E"])).astimezone(UTC)
    if given is not None and given not in (first, second):
        notes.append(Note(NoteKind.GUESSED, moment.name, "the clock is not at the kesaaika that is given then"))
        given = None
    if given is None and first != second:
        notes.append(Note(NoteKind.GUESSED, moment.name, "this local time happens twice; the first one was taken"))
    return (naive - (first if given is None else given)).replace(tzinfo=UTC)


def is_skipped(moment: Fields) -> bool:
    """Whether summer time skips this local time. Raises `BadMessage` for what is no time."""
    return not _offsets(_naive(moment))[2]


def read_date(text: str, path: str) -> date:
    """A date; raises `BadMessage` for what is none."""
    found = _DATE.fullmatch(text)
    if found is None:
        raise BadMessage(f"{path} is not a date")
    day, month, year = (int(part) for part in found.groups())
    try:
        return date(year, month, day)
    except ValueError:
        raise BadMessage(f"{path} is not on the calendar") from None


def is_whole(instant: datetime) -> bool:
    """Whether the instant is a whole minute: Mediatri has no seconds."""
    return not instant.second and not instant.microsecond


def write(instant: datetime) -> dict[str, str]:
    """The instant as an element of type ``Hetki``; ``kesaaika`` only where it is needed."""
    local = times.to_local(instant)
    moment = {"paiva": f"{local:%d.%m.%Y}", "klo": f"{local:%H.%M}"}
    if times.is_ambiguous(local.replace(tzinfo=None)):
        moment["kesaaika"] = "E" if local.fold else "K"
    return moment


def write_date(day: date) -> str:
    """The day as ``dd.MM.yyyy``."""
    return f"{day:%d.%m.%Y}"


def _naive(moment: Fields) -> datetime:
    day, found = read_date(moment.text("paiva"), f"{moment.name}/paiva"), _TIME.fullmatch(moment.text("klo"))
    if found is None or int(found[1]) > 23 or int(found[2]) > 59:
        raise BadMessage(f"{moment.name}/klo is not a time")
    return datetime(day.year, day.month, day.day, int(found[1]), int(found[2]))  # noqa: DTZ001 - local, by the manual


@lru_cache(maxsize=4096)
def _offsets(naive: datetime) -> tuple[timedelta, timedelta, bool]:
    """Helsinki's offset at the first and at the second time of this clock face, and whether there is one at all."""
    first, second = (naive.replace(tzinfo=times.HELSINKI, fold=fold).utcoffset() for fold in (0, 1))
    assert first is not None
    assert second is not None
    return first, second, first == second or times.exists(naive)
