"""Each command as a play: what has to be there before, how a portal asks for it, and what must be in the record system
when it was done and when nothing was done. Faults, crashes and races are played with these."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from tests.journeys.conftest import Demo
from tests.journeys.installations import Times
from tests.journeys.portal import accept, answer_of, listed, live, move, operation, proposed

Appointment = dict[str, Any]


@dataclass
class Scene:
    """A portal of ``person`` at an installation, and times that nobody else takes."""

    demo: Demo
    installation: str
    person: str
    client: httpx.Client
    times: Times

    def live(self, *slots: dict[str, Any]) -> list[str]:
        """At which of these times the person has a live booking in the record system."""
        starts = [slot["start"] for slot in slots]
        return [one["start"] for one in live(self.demo, self.installation, self.person) if one["start"] in starts]

    def booked(self, slot: dict[str, Any]) -> Appointment:
        answer = self.demo.book(self.client, slot)
        assert answer.status_code == 201, f"could not book: {answer.text[:300]}"
        found: Appointment = answer.json()
        return found

    def shown(self, appointment: Appointment) -> Appointment:
        """The appointment as the hub reads it from the record system now."""
        read = self.client.get(f"/Appointment/{appointment['id']}", headers={"Cache-Control": "no-cache"})
        found: Appointment = read.raise_for_status().json()
        return found

    def held(self, slot: dict[str, Any]) -> int:
        """How many places of that start the record system keeps for the person."""
        hetu = self.demo.person(self.person)["hetu"]
        found = self.demo.holds(self.installation)
        return len([h for h in found if h["person"] == hetu and h["start"] == slot["start"] and h["booking"] is None])


@dataclass
class Play:
    """``send`` asks, with an Idempotency-Key or without; ``there`` is what the record system has, ``done`` what that is
    when it was done, ``not_done`` when nothing was; ``shown`` what the hub shows, in the same words."""

    send: Callable[[str | None], httpx.Response]
    there: Callable[[], object]
    done: object
    not_done: object
    shown: Callable[[], object]

    def contradiction(self, said: str) -> str:
        """What is wrong with having been told ``said`` (done or nothing-done), "" for nothing."""
        wanted, found = self.done if said == "done" else self.not_done, self.there()
        return "" if found == wanted else f"was told {said}; the record system has {found}, not {wanted}"

    def disagreement(self) -> str:
        """What the hub shows that is not so."""
        shown, there = self.shown(), self.there()
        return "" if shown == there else f"the hub shows {shown}, the record system has {there}"


def _key(key: str | None) -> dict[str, str]:
    return {"Idempotency-Key": key} if key else {}


def book(scene: Scene) -> Play:
    slot = scene.times.one(scene.person)

    def shown() -> list[str]:
        own = listed(scene.client, scene.installation)
        return [one["start"] for one in own if one["start"] == slot["start"]]

    return Play(
        lambda key: scene.demo.book(scene.client, slot, key), lambda: scene.live(slot), [slot["start"]], [], shown
    )


def move_(scene: Scene) -> Play:
    first, second = scene.times.several(scene.person, 2)
    appointment = scene.booked(first)

    def shown() -> list[str]:
        now = scene.shown(appointment)
        return [now["start"]] if now["status"] == "booked" else []

    return Play(
        lambda key: move(scene.client, appointment, second, **_key(key)),
        lambda: scene.live(first, second),
        [second["start"]],
        [first["start"]],
        shown,
    )


def cancel(scene: Scene) -> Play:
    slot = scene.times.one(scene.person)
    appointment = scene.booked(slot)

    def shown() -> list[str]:
        now = scene.shown(appointment)
        return [now["start"]] if now["status"] == "booked" else []

    return Play(
        lambda key: scene.demo.cancel(scene.client, appointment, **_key(key)),
        lambda: scene.live(slot),
        [],
        [slot["start"]],
        shown,
    )


def hold(scene: Scene) -> Play:
    slot = scene.times.one(scene.person)
    return Play(
        lambda key: operation(scene.client, "hold", slot, **_key(key)),
        lambda: scene.held(slot),
        1,
        0,
        lambda: scene.held(slot),  # a hold is shown to nobody
    )


def release(scene: Scene) -> Play:
    slot = scene.times.one(scene.person)
    kept = operation(scene.client, "hold", slot)
    assert kept.status_code == 200, f"could not hold: {kept.text[:300]}"
    return Play(
        lambda key: operation(scene.client, "release", slot, **_key(key)),
        lambda: scene.held(slot),
        0,
        1,
        lambda: scene.held(slot),
    )


def _answered(scene: Scene, appointment: Appointment, number: str) -> tuple[Callable[[], object], Callable[[], object]]:
    """A proposal as the record system has it and as the hub shows it: its status, start, and who is to answer."""

    def there() -> object:
        found = scene.demo.booking(scene.installation, number)
        status = {"proposed": "pending"}.get(found["status"], found["status"])
        return status, found["start"], status == "pending" and not found["by_resident"]

    def shown() -> object:
        now = scene.shown(appointment)
        return now["status"], now["start"], answer_of(now) == "needs-action"

    return there, shown


def accept_(scene: Scene) -> Play:
    slot = scene.times.one(scene.person)
    appointment, number = proposed(scene.demo, scene.client, scene.installation, scene.person, slot)
    there, shown = _answered(scene, appointment, number)
    booked, stands = ("booked", slot["start"], False), ("pending", slot["start"], True)
    return Play(lambda key: accept(scene.client, appointment, **_key(key)), there, booked, stands, shown)


def propose(scene: Scene) -> Play:
    first, second = scene.times.several(scene.person, 2)
    appointment, number = proposed(scene.demo, scene.client, scene.installation, scene.person, first)
    there, shown = _answered(scene, appointment, number)
    wished, stands = ("pending", second["start"], False), ("pending", first["start"], True)
    return Play(lambda key: move(scene.client, appointment, second, **_key(key)), there, wished, stands, shown)


PLAYS: Mapping[str, Callable[[Scene], Play]] = {
    "book": book,
    "move": move_,
    "cancel": cancel,
    "hold": hold,
    "release": release,
    "accept": accept_,
    "propose": propose,
}
"""By the kind of the command."""
