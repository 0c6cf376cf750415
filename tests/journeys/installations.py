"""What the nine installations of the sandbox are able to do, and free times of each that no two journeys share."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

from tests.journeys.conftest import Demo
from tests.journeys.portal import calendar_of, live

HOLDING = ("lifecare-porvoo", "lifecare-porvoo-sosiaali", "mediatri-loviisa", "mediatri-sipoo")
"""Those that keep times."""
PROPOSING = ("proconsona-loviisa", "proconsona-sipoo", "proconsona-askola")
"""Those whose desk proposes times."""
IN_STEPS = ("mediatri-loviisa", "mediatri-sipoo")
"""Those that cannot move: the hub books and cancels."""


def municipality(demo: Demo, installation: str) -> str:
    """One that it serves."""
    return str(next(one for one in demo.told["installations"] if one["name"] == installation)["municipalities"][0])


@dataclass
class Times:
    """Free times of one installation, each given out once; nobody gets two that overlap."""

    slots: list[dict[str, Any]]
    taken: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, demo: Demo, installation: str, start: str = "ge2027-03-25", count: int = 1500) -> Times:
        with demo.client("portal") as portal:
            query = {"municipality": municipality(demo, installation), "start": start}
            return cls(demo.slots(portal, installation, count, **query))

    def keep_clear(self, demo: Demo, installation: str, person: str) -> None:
        """Of what the person has there already."""
        self.taken.setdefault(person, []).extend((one["start"], one["end"]) for one in live(demo, installation, person))

    def make_customer(self, demo: Demo, installation: str, person: str) -> None:
        """The desk makes the person a customer, as a booking of its own does: of the service, where that matters."""
        with demo.control() as control:
            links = control.get(f"/persons/{person}").raise_for_status().json()["links"]
            if installation not in [one["installation"] for one in links]:
                time = self.one(person)
                body = {"person": person, "calendar": calendar_of(demo, time), "start": time["start"]}
                path = f"/installations/{installation}/desk"
                made = control.post(f"{path}/book", json=body).raise_for_status().json()
                control.post(f"{path}/cancel", json={"id": made["id"]}).raise_for_status()

    def one(self, person: str) -> dict[str, Any]:
        return self.several(person, 1)[0]

    def several(self, person: str, count: int) -> list[dict[str, Any]]:
        """As many times of one service."""
        with self.lock:
            held = self.taken.setdefault(person, [])
            for service in {service_of(slot): None for slot in self.slots}:
                chosen: list[dict[str, Any]] = []
                busy = list(held)
                for slot in self.slots:
                    span = (slot["start"], slot["end"])
                    if service_of(slot) == service and not any(a < span[1] and span[0] < b for a, b in busy):
                        chosen.append(slot)
                        busy.append(span)
                        if len(chosen) == count:
                            self.slots = [one for one in self.slots if one not in chosen]
                            self.taken[person] = busy
                            return chosen
        raise AssertionError("no more times")


def service_of(slot: dict[str, Any]) -> str:
    return str(slot["serviceType"][0]["coding"][0]["code"])
