"""PUT /tapaamiset/{tunnus}: accept, propose another time, move, cancel, checked in the manual's order (§8.4)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from lxml import etree

from sandbox.engine import errors
from sandbox.engine.model import Appointment, Status
from sandbox.engine.system import RecordSystem
from sandbox.http.answer import Answer
from sandbox.proconsona.documents import answer, parse, token, value
from sandbox.proconsona.meetings import own_meeting, read_start
from sandbox.proconsona.outcome import Refusal
from sandbox.proconsona.records import Records, proposer_of, read_extra, write_extra
from sandbox.proconsona.times import Times

_ACTIONS: Final = ("hyvaksy", "ehdotaUutta", "siirra", "peru")
_WAITING: Final = (Status.PROPOSED, Status.PENDING)


@dataclass(frozen=True, slots=True)
class Change:
    """A change as asked for: one of _ACTIONS on a version, with a time or with a cause."""

    version: int
    action: str
    calendar: str = ""
    start: datetime | None = None
    cause: str = ""
    text: str = ""


def read_change(body: bytes) -> Change:
    """Return what a PUT asks for. Raises Refusal (400)."""
    root = parse(body, "tapaamisenMuutos")
    version = int(token(root, "versio"))
    wish = root[1]
    action = etree.QName(wish).localname
    if action == "peru":
        return Change(version, action, cause=token(wish, "syy"), text=value(wish, "selite") or "")
    if action == "hyvaksy":
        return Change(version, action)
    return Change(version, action, calendar=token(wish, "kalenteri"), start=read_start(wish))


class Changes:
    """Carries out the changes of one installation's meetings."""

    def __init__(self, system: RecordSystem, records: Records, times: Times) -> None:
        self._system = system
        self._records = records
        self._times = times

    def operation(self, one: Appointment, change: Change) -> str:
        """Return the kind of operation (of the sandbox's faults) that a change is."""
        if change.action == "siirra":
            return "move"
        return "cancel" if change.action == "peru" and one.status not in _WAITING else "accept"

    def apply(self, meeting: str, change: Change) -> Answer:
        """Carry out a change. Raises Refusal (404, 409, 422); nothing is changed then."""
        one = self._records.meeting(meeting)
        if one is None:
            raise Refusal("EI_LOYDY")
        if change.version != one.version:
            raise Refusal("VERSIO", record=self._records.meeting_element(one))
        if not _allowed(one, change.action):
            raise Refusal("TILA_EI_SALLI")
        if one.start.timestamp() <= self._system.clock.now().timestamp():
            raise Refusal("TAPAAMINEN_MENNYT")
        try:
            changed = self._change(one, change)
        except errors.SlotTaken as err:
            raise Refusal("AIKA_VARATTU") from err
        except errors.NoSuchTime as err:
            raise Refusal("TUNTEMATON_AIKA") from err
        return answer(self._records.meeting_element(changed))

    def _change(self, one: Appointment, change: Change) -> Appointment:
        if change.action == "hyvaksy":
            return self._system.accept(one.id, expected_version=change.version)
        if change.action == "peru":
            kept = read_extra(one) | {"syy": change.cause, "selite": change.text}
            return self._system.cancel(
                one.id, by="interface", reason=change.text, expected_version=change.version, extra=write_extra(kept)
            )
        start = self._checked_time(one, change)
        if change.action == "ehdotaUutta" and one.status is Status.PROPOSED:
            return self._system.counter(one.id, start, calendar=change.calendar, expected_version=change.version)
        return self._system.move(
            one.id, start=start, calendar=change.calendar, by="interface", expected_version=change.version
        )

    def _checked_time(self, one: Appointment, change: Change) -> datetime:
        """Return the start of the time asked for. Raises Refusal where the system's rules forbid it."""
        assert change.start is not None
        cell = self._times.cell(change.calendar, change.start)
        if cell is None:
            raise Refusal("TUNTEMATON_AIKA")
        calendars = self._system.calendars
        if calendars[change.calendar].service != calendars[one.calendar].service:
            raise Refusal("TOINEN_PALVELU")
        if change.calendar == one.calendar and cell.key == one.start.timestamp():
            raise Refusal("EI_MUUTOSTA")
        if cell.key <= self._system.clock.now().timestamp():
            raise Refusal("AIKA_MENNYT")
        own = own_meeting(self._system, one.patient, change.calendar, cell)
        if own is not None:
            raise Refusal("OMA_AIKA", record=self._records.meeting_element(own))
        return cell.start


def _allowed(one: Appointment, action: str) -> bool:
    """Whether a meeting's state allows a change (the table of §8.1)."""
    proposer = proposer_of(one)
    if proposer == "TYONTEKIJA":
        return action in ("hyvaksy", "ehdotaUutta", "peru")
    if proposer == "ASIAKAS":
        return action in ("ehdotaUutta", "peru")
    return one.status is Status.BOOKED and action in ("siirra", "peru")
