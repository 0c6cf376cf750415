"""Faults of requests and replies: armed with a count or an expiry, so that none is left on, and taken by the faces.

Real time rules here: expiry and delays are never moved by the virtual clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

OPERATIONS: Final = (
    *("book", "move", "cancel", "hold", "release", "accept"),
    *("find", "list", "read", "register", "person"),
)
LATE_LIMIT: Final = 20.0
REFUSE_DEFAULT: Final = 30.0
PARAM_LIMIT: Final = 100_000

ParamValue = str | int | float


class FaultError(Exception):
    """A fault that cannot be armed; the text says why and what would do."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault: what happens, and its parameters with their defaults (the default's type is the type)."""

    summary: str
    params: Mapping[str, ParamValue] = field(default_factory=dict)


KINDS: Final[Mapping[str, Kind]] = {
    "refuse-connection": Kind("the listener is closed; needs no count, ends after `seconds` (30 unless given)"),
    "slow": Kind("the work is done at once, the answer comes after params.seconds", {"seconds": 8.0}),
    "half-open": Kind("the request is read, never answered, the connection stays open; nothing is done"),
    "cut-reply": Kind("the work is done, the reply is cut after params.bytes and the connection closed", {"bytes": 20}),
    "drop-answer": Kind("the work is done, the connection is closed without a byte"),
    "drop-request": Kind("the request is read, the connection closed before any work is done"),
    "work-late": Kind("no answer in time; the work is done params.seconds later (at most 20)", {"seconds": 5.0}),
    "error": Kind("the vendor's own error params.code (empty: the vendor's usual one); nothing is done", {"code": ""}),
    "error-after-work": Kind(
        "the work is done, then the vendor's own error params.code, if its manual knows it after work", {"code": ""}
    ),
    "garbage": Kind("the work is done, random bytes are sent instead of the reply"),
    "wrong-charset": Kind("the work is done, the reply is in another charset than it declares"),
    "wrong-person": Kind("the reply is about another patient; a write is done for the right one"),
    "pending-answer": Kind(
        "received, not yet booked; the desk decides params.decide (booked or refused) after params.after seconds",
        {"decide": "booked", "after": 5.0},
    ),
    "duplicate": Kind("the work is done once, the reply is sent twice"),
    "html-200": Kind("the work is done, a proxy's HTML page comes with status 200"),
    "desk-takes-the-time": Kind("the desk books the very time first, so that the book finds it taken"),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """An armed fault. `left` uses remain (None: no count); it `expires` at a monotonic second (None: no expiry).

    A `standing` fault is a test person's own behaviour: it has neither count nor expiry and is never cleared.
    """

    id: str
    kind: str
    operation: str = "*"
    person: str | None = None
    params: Mapping[str, ParamValue] = field(default_factory=dict)
    left: int | None = None
    expires: float | None = None
    standing: bool = False

    def number(self, name: str) -> float:
        """Return a numeric parameter; every parameter of the kind is present."""
        return float(self.params[name])

    def text(self, name: str) -> str:
        """Return a parameter as text ("" when it was left out and has no default)."""
        return str(self.params[name])

    def matches(self, operation: str, person: str | None) -> bool:
        """Whether the fault is meant for this operation (one of OPERATIONS) on this person (HETU or None)."""
        return self.operation in ("*", operation) and (self.person is None or self.person == person)


def standing_fault(number: int, kind: str, operation: str, person: str, **params: ParamValue) -> Fault:
    """Return one behaviour of a test person as a fault that never ends."""
    return Fault(f"standing-{number}", kind, operation, person, {**KINDS[kind].params, **params}, standing=True)


class FaultBook:
    """The faults of one installation, asked by its face once per request. Armed faults go before standing ones."""

    def __init__(self, standing: Iterable[Fault] = (), now: Callable[[], float] = time.monotonic) -> None:
        self._standing = tuple(standing)
        self._armed: dict[str, Fault] = {}
        self._now = now
        self._number = 0

    def arm(
        self,
        kind: str,
        *,
        operation: str = "*",
        person: str | None = None,
        count: int | None = None,
        seconds: float | None = None,
        params: Mapping[str, ParamValue] | None = None,
    ) -> Fault:
        """Arm a fault: for `count` requests, for `seconds` of real time, or whichever ends first; else for one request.

        Raises FaultError for what is not known or cannot be.
        """
        spec = KINDS.get(kind)
        if spec is None:
            raise FaultError(f"There is no fault {kind!r}. The kinds are: {', '.join(KINDS)}.")
        if operation != "*" and operation not in OPERATIONS:
            raise FaultError(f"There is no operation {operation!r}. The operations are: {', '.join(OPERATIONS)}, *.")
        count, seconds = _ending(kind, operation, person, count, seconds)
        self._number += 1
        fault = Fault(
            id=f"fault-{self._number}",
            kind=kind,
            operation=operation,
            person=person,
            params=_checked_params(kind, spec, params or {}),
            left=count,
            expires=None if seconds is None else self._now() + seconds,
        )
        self._armed[fault.id] = fault
        return fault

    def take(self, operation: str, person: str | None) -> Fault | None:
        """Return the fault to apply to this request, or None, and use it up by one.

        Call once per request, when its operation and person (HETU, None where there is none) are known. The oldest
        armed fault that matches wins. A closed listener is not asked for: the face is told to pause.
        """
        for fault in self.armed():
            if fault.kind != "refuse-connection" and fault.matches(operation, person):
                self._use(fault)
                return fault
        return next((fault for fault in self._standing if fault.matches(operation, person)), None)

    def armed(self) -> list[Fault]:
        """Return the armed faults that are still on, oldest first; the standing ones are not among them."""
        now = self._now()
        self._armed = {i: f for i, f in self._armed.items() if f.expires is None or f.expires > now}
        return list(self._armed.values())

    def standing(self) -> tuple[Fault, ...]:
        """Return the test persons' behaviours."""
        return self._standing

    def ends_in(self, fault: Fault) -> float | None:
        """Return the real seconds until the fault expires; None for one that ends by its count."""
        return None if fault.expires is None else max(0.0, fault.expires - self._now())

    def clear(self, fault_id: str | None = None) -> int:
        """End one armed fault, or all of them; return how many were ended."""
        ended = [i for i in self._armed if fault_id in (None, i)]
        for name in ended:
            del self._armed[name]
        return len(ended)

    @property
    def refusing(self) -> bool:
        """Whether a refuse-connection is on now."""
        return any(fault.kind == "refuse-connection" for fault in self.armed())

    def _use(self, fault: Fault) -> None:
        if fault.left is None:
            return
        if fault.left <= 1:
            del self._armed[fault.id]
        else:
            self._armed[fault.id] = replace(fault, left=fault.left - 1)


def _ending(
    kind: str, operation: str, person: str | None, count: int | None, seconds: float | None
) -> tuple[int | None, float | None]:
    if kind == "refuse-connection":
        if count is not None or operation != "*" or person is not None:
            raise FaultError("refuse-connection closes the whole listener: give `seconds` only, no count or person.")
        return None, REFUSE_DEFAULT if seconds is None else seconds
    return (1, None) if count is None and seconds is None else (count, seconds)


def _checked_params(kind: str, spec: Kind, given: Mapping[str, ParamValue]) -> dict[str, ParamValue]:
    params = dict(spec.params)
    for name, value in given.items():
        if name not in spec.params:
            allowed = ", ".join(spec.params) or "none"
            raise FaultError(f"The fault {kind} has no parameter {name!r} (its parameters: {allowed}).")
        params[name] = _checked_value(kind, name, spec.params[name], value)
    if kind == "pending-answer" and params["decide"] not in ("booked", "refused"):
        raise FaultError("pending-answer: `decide` is booked or refused.")
    if kind == "work-late" and float(params["seconds"]) > LATE_LIMIT:
        raise FaultError(f"work-late: `seconds` is at most {LATE_LIMIT:.0f}.")
    return params


def _checked_value(kind: str, name: str, default: ParamValue, value: ParamValue) -> ParamValue:
    if isinstance(default, str):
        return str(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= PARAM_LIMIT:
        raise FaultError(f"{kind}: `{name}` is a number from 0 to {PARAM_LIMIT}.")
    return value
