"""PUT Appointment: what may be changed, checked in the order the manual gives (INTERFACE.md §7.3)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import orjson

from sandbox.engine import errors
from sandbox.engine.model import Appointment, Status
from sandbox.engine.system import RecordSystem
from sandbox.lifecare import codes
from sandbox.lifecare.outcome import Json, Refusal
from sandbox.lifecare.reading import APPOINTMENT_ELEMENTS, Node, parse_resource, take_hold_token
from sandbox.lifecare.resources import Resources, read_extra, slot_id
from sandbox.lifecare.slots import Slots

_ETAG: Final = re.compile(r'(?:W/)?"([^"]{1,64})"')
_TIMES: Final = ("start", "end", "minutesDuration")
_INSTANTS: Final = ("start", "end", "created")
_UNORDERED: Final = ("extension", "identifier", "participant")


@dataclass(frozen=True, slots=True)
class Change:
    """A checked change: a move to `calendar` and `start`, or without them a cancellation with `extra`.

    `slot` is the id of the new time, `hold` the token it is held by.
    """

    appointment: str
    version: int
    reason: str = ""
    extra: str = ""
    calendar: str | None = None
    start: datetime | None = None
    slot: str | None = None
    hold: str | None = None


class Changes:
    """Reads and carries out the changes of one installation's visits."""

    def __init__(self, system: RecordSystem, resources: Resources, slots: Slots) -> None:
        self._system = system
        self._resources = resources
        self._slots = slots

    def read(self, stored: Appointment, if_match: str | None, body: bytes) -> Change:
        """Return what a PUT of `stored` asks for. Raises Refusal, the manual's first that applies."""
        _check_version(stored, if_match)
        resource = parse_resource(body, "Appointment")
        if resource.data.get("id") != stored.id:
            raise Refusal("BAD_VALUE", "Appointment.id")
        resource.only(APPOINTMENT_ELEMENTS | {f"_{name}" for name in APPOINTMENT_ELEMENTS})
        status = resource.text("status", limit=64)
        self._check_state(stored)
        if status == Status.CANCELLED:
            return self._read_cancel(stored, resource)
        if status != stored.status:
            raise Refusal("STATUS_NOT_ALLOWED", "Appointment.status")
        return self._read_move(stored, resource)

    def apply(self, change: Change) -> Appointment:
        """Carry out a change. Raises Refusal (409, 412, 422); nothing is changed then."""
        try:
            if change.start is None:
                return self._system.cancel(
                    change.appointment,
                    by="interface",
                    reason=change.reason,
                    expected_version=change.version,
                    extra=change.extra,
                )
            return self._system.move(
                change.appointment,
                start=change.start,
                calendar=change.calendar,
                by="interface",
                expected_version=change.version,
                hold=change.hold,
            )
        except errors.StaleVersion as err:
            raise Refusal("STALE_VERSION") from err
        except errors.NotCancellable as err:
            raise _not_changeable(Status(err.status)) from err
        except errors.SlotTaken as err:
            code = "ALREADY_BOOKED" if err.held_by_same_patient else "SLOT_TAKEN"
            raise Refusal(code, "Appointment.slot[0]") from err
        except errors.NoSuchHold as err:
            raise Refusal("HOLD_NOT_VALID", "Appointment.extension") from err
        except errors.NoSuchTime as err:
            raise Refusal("UNKNOWN_SLOT", "Appointment.slot[0]") from err

    def _check_state(self, stored: Appointment) -> None:
        if stored.status not in (Status.BOOKED, Status.PENDING):
            raise _not_changeable(stored.status)
        if stored.start.timestamp() <= self._system.clock.now().timestamp():
            raise Refusal("APPOINTMENT_PAST")

    # ---- cancel

    def _read_cancel(self, stored: Appointment, resource: Node) -> Change:
        before = self._resources.appointment(stored)
        after = self._resources.appointment(replace(stored, status=Status.CANCELLED))
        self._check_same(resource, before, after, besides=("status", "cancelationReason"), either=("participant",))
        code, text = self._read_reason(resource)
        extra = dict(read_extra(stored))
        extra |= ({"code": code} if code else {}) | ({"text": text} if text else {})
        packed = orjson.dumps(extra).decode("utf-8")
        return Change(stored.id, stored.version, reason=text or codes.REASONS[code], extra=packed)

    def _read_reason(self, resource: Node) -> tuple[str, str]:
        """Return code ("" for none) and text ("" for none) of the cause; one of them is there."""
        if "cancelationReason" not in resource.data:
            raise Refusal("REASON_MISSING", "Appointment.cancelationReason")
        reason = resource.child("cancelationReason")
        reason.only(("coding", "text"), ("id", "extension", "_text"))
        text = reason.text("text", limit=200, required=False)
        if "coding" not in reason.data:
            if not text:
                raise Refusal("REASON_MISSING", "Appointment.cancelationReason")
            return "", text
        coding = reason.single("coding")
        coding.only(("system", "code", "display"), ("id", "extension", "version", "userSelected"))
        code = coding.text("code", limit=64)
        if coding.text("system", limit=128) != self._resources.systems.reason or code not in codes.REASONS:
            raise Refusal("UNKNOWN_REASON", coding.at("code"))
        return code, text

    # ---- move

    def _read_move(self, stored: Appointment, resource: Node) -> Change:
        before = self._resources.appointment(stored)
        hold, resource = take_hold_token(resource) if self._resources.release.holds else (None, resource)
        slot = resource.single("slot").reference("Slot")
        if slot == slot_id(stored.calendar, stored.start):
            self._check_same(resource, before, before)
            raise Refusal("NO_CHANGE")
        if stored.status is Status.PENDING:
            raise Refusal("NOT_CHANGEABLE", "Appointment.slot[0]")
        place = self._slots.place(slot)
        if place is None:
            raise Refusal("UNKNOWN_SLOT", "Appointment.slot[0]")
        calendar, start, end = place
        if start.timestamp() <= self._system.clock.now().timestamp():
            raise Refusal("SLOT_PAST", "Appointment.slot[0]")
        if calendar.service != self._system.calendars[stored.calendar].service:
            raise Refusal("OTHER_SERVICE", "Appointment.slot[0]")
        after = self._resources.appointment(replace(stored, calendar=calendar.id, start=start, end=end))
        mine, right = self._comparable(resource.data), self._comparable(after)
        for name in _TIMES:
            if name in mine and mine[name] != right[name]:
                raise Refusal("TIME_MISMATCH", f"Appointment.{name}")
        self._check_same(resource, before, after, besides=("slot", *_TIMES), either=("participant", "extension"))
        return Change(stored.id, stored.version, calendar=calendar.id, start=start, slot=slot, hold=hold)

    # ---- what may differ

    def _check_same(
        self,
        resource: Node,
        before: Json,
        after: Json,
        *,
        besides: tuple[str, ...] = (),
        either: tuple[str, ...] = (),
    ) -> None:
        """Refuse any other difference from `before`; the elements `either` may be as they will be `after`, too."""
        mine, old, new = self._comparable(resource.data), self._comparable(before), self._comparable(after)
        for name in sorted({*mine, *old}):
            allowed = (old.get(name), new.get(name)) if name in either else (old.get(name),)
            if name not in besides and mine.get(name) not in allowed:
                raise Refusal("CHANGE_NOT_ALLOWED", f"Appointment.{name.removeprefix('_')}")

    def _comparable(self, resource: Json) -> dict[str, Any]:
        """Return the elements so that equal ones compare equal: times as numbers, some lists without their order."""
        found: dict[str, Any] = {}
        for name, value in resource.items():
            at = self._resources.times.parse(value) if name in _INSTANTS and isinstance(value, str) else None
            if at is not None:
                found[name] = at
            elif name in _UNORDERED and isinstance(value, list):
                found[name] = sorted(_bytes(one) for one in value)
            elif name not in ("meta", "text"):
                found[name] = _bytes(value)
        return found


def _check_version(stored: Appointment, if_match: str | None) -> None:
    if if_match is None:
        raise Refusal("IF_MATCH_MISSING")
    match = _ETAG.fullmatch(if_match.strip())
    if match is None:
        raise Refusal("BAD_VALUE", hint="header: If-Match")
    if match[1] != str(stored.version):
        raise Refusal("STALE_VERSION")


def _not_changeable(status: Status) -> Refusal:
    if status is Status.CANCELLED:
        return Refusal("ALREADY_CANCELLED", "Appointment.status")
    if status in (Status.BOOKED, Status.PENDING):  # its status would do, so it has begun
        return Refusal("APPOINTMENT_PAST")
    return Refusal("NOT_CHANGEABLE", "Appointment.status")


def _bytes(value: Any) -> bytes:
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError as err:  # nested deeper than it writes
        raise Refusal("BAD_ELEMENT") from err
