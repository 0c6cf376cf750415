"""What can go wrong at which installation with which command: the sandbox's own list of faults, told apart where one
kind has several faces."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.journeys.conftest import INSTALLATIONS
from tests.journeys.installations import HOLDING, IN_STEPS, PROPOSING

Params = Mapping[str, Any]

VARIANTS: Mapping[str, Mapping[str, Params]] = {
    "refuse-connection": {"refuse-connection": {}},
    "slow": {"slow": {"seconds": 4}, "slow past the limit": {"seconds": 6}},
    "half-open": {"half-open": {}},
    "cut-reply": {"cut at once": {"bytes": 1}, "cut-reply": {"bytes": 30}, "cut late": {"bytes": 200}},
    "drop-answer": {"drop-answer": {}},
    "drop-request": {"drop-request": {}},
    "work-late": {"work-late": {"seconds": 4}},
    "error": {"error": {}},
    "error-after-work": {"error-after-work": {}},
    "garbage": {"garbage": {}},
    "wrong-charset": {"wrong-charset": {}},
    "wrong-person": {"wrong-person": {}},
    "pending-answer": {
        "pending, then booked": {"decide": "booked", "after": 3},
        "pending, then refused": {"decide": "refused", "after": 3},
    },
    "duplicate": {"duplicate": {}},
    "html-200": {"html-200": {}},
    "desk-takes-the-time": {"desk-takes-the-time": {}},
}
"""Each kind of the sandbox's list, by names of our own, with its parameters."""
HTTP = ("400", "401", "404", "409", "412", "429", "500", "503")
CODES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "lifecare": {"error": HTTP, "error-after-work": ("503",)},
    "proconsona": {"error": HTTP, "error-after-work": ("503",)},
    "mediatri": {
        "error": (
            "AIKA_VARATTU",
            "VARAUS_VANHENTUNUT",
            "TUNTEMATON_VARAUS",
            "EI_OIKEUTTA",
            "FailedAuthentication",
            "500",
            "503",
        ),
        "error-after-work": ("503",),
    },
    "pegasos": {"error": ("AE 206", "AE 207", "AR 203", "CR"), "error-after-work": ("AE 207",)},
}
"""Errors in the words of each vendor."""
BOOKING_ONLY = frozenset({"pending-answer"})
LIES = frozenset({("release", "TUNTEMATON_VARAUS"), ("cancel", "TUNTEMATON_VARAUS")})
"""Errors that say something else than that nothing was done: that there is nothing (any more) to give back."""
ON_THE_WIRE: Mapping[str, tuple[str, ...]] = {"propose": ("accept",)}
IN_TWO: Mapping[str, tuple[str, ...]] = {"book": ("hold", "book"), "move": ("hold", "book", "cancel")}
"""Requests of a command, where they are others than its name says; of Mediatri, which reserves first."""


@dataclass(frozen=True, slots=True)
class Case:
    """A fault of ``kind`` that meets the request ``operation`` of a ``command`` at an installation."""

    installation: str
    command: str
    operation: str
    name: str
    kind: str
    params: Params = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.installation} {self.command} ({self.operation}): {self.name}"


def commands(installation: str) -> tuple[str, ...]:
    """What may be asked of it."""
    held = ("hold", "release") if installation in HOLDING else ()
    answered = ("accept", "propose") if installation in PROPOSING else ()
    return ("book", "move", "cancel", *held, *answered)


def operations(installation: str, command: str) -> tuple[str, ...]:
    """The requests by which it is done there."""
    if installation in IN_STEPS and command in IN_TWO:
        return IN_TWO[command]
    return ON_THE_WIRE.get(command, (command,))


def cases(installation: str, able: Mapping[str, list[str]]) -> list[Case]:
    """All of an installation. ``able`` is the sandbox's list: each kind with the installations that can show it."""
    system = installation.partition("-")[0]
    found: list[Case] = []
    for command in commands(installation):
        for operation in operations(installation, command):
            for kind in (one for one in able if installation in able[one]):
                if kind in BOOKING_ONLY and operation != "book":
                    continue
                faces: dict[str, Params] = dict(VARIANTS[kind])
                codes = [one for one in CODES[system].get(kind, ()) if (operation, one) not in LIES]
                faces |= {f"{kind} {code}": {"code": code} for code in codes}
                found += [Case(installation, command, operation, name, kind, told) for name, told in faces.items()]
    return found


def sample(able: Mapping[str, list[str]]) -> list[Case]:
    """Each kind with each command once, and each of its faces once: shared out over the installations."""
    every = [case for name in INSTALLATIONS for case in cases(name, able)]
    load = Counter[str]()
    kinds = _one_of_each(every, lambda one: (one.command, one.kind), load)
    shown = {one.name for one in kinds}
    return kinds + _one_of_each([one for one in every if one.name not in shown], lambda one: one.name, load)


def _one_of_each(every: list[Case], key: Callable[[Case], Hashable], load: Counter[str]) -> list[Case]:
    """One of those that are alike: at the installation that has the least to do so far."""
    alike: dict[Hashable, list[Case]] = {}
    for one in every:
        alike.setdefault(key(one), []).append(one)
    chosen = []
    for number, several in enumerate(alike.values()):
        installation = min((one.installation for one in several), key=lambda name: load[name])
        there = [one for one in several if one.installation == installation]
        chosen.append(there[number % len(there)])
        load[installation] += 1
    return chosen
