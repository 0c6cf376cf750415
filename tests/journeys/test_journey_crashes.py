"""``kill -9`` of the hub at each failpoint, for each system and command: then the truth, and one effect at most."""

from __future__ import annotations

import contextlib
import time
import uuid
from typing import Any

import httpx
import pytest

from hub import failpoints
from tests.journeys.conftest import QUIET_WITHIN, Demo
from tests.journeys.test_journey_everywhere import live_of_aino, move, two_times_of_a_service

SYSTEMS = ("lifecare-porvoo", "pegasos-loviisa")
ELSEWHERE = ("before-look", "looked", "between-steps")
"""Points that a booking or a cancellation that goes well does not pass."""
POINTS = [name for name in failpoints.NAMES if name not in ELSEWHERE]
OF_A_MOVE = ("before-send", "sent", "replied", "before-outcome", "between-steps", "outcome-written")
USUAL = ("sent", "between-steps")


def everywhere(first: int) -> list[Any]:
    """Every point with one of the systems, in turn; with the other one in the longer suite."""
    return [
        pytest.param(point, name, marks=() if (number + at) % 2 == first else pytest.mark.long)
        for number, point in enumerate(POINTS)
        for at, name in enumerate(SYSTEMS)
    ]


def live(demo: Demo, installation: str, start: str) -> int:
    found = demo.bookings(installation, person="aino")
    return len([b for b in found if b["start"] == start and b["status"] == "booked"])


def again(demo: Demo, send: Any) -> httpx.Response:
    """The same request with the same key, until it has a final answer: what a careful portal does after a lost one."""
    until = time.monotonic() + QUIET_WITHIN
    while True:
        with contextlib.suppress(httpx.TransportError):
            answer: httpx.Response = send()
            code = "" if answer.is_success else answer.json()["issue"][0]["details"]["coding"][0]["code"]
            if answer.status_code != 202 and code != "in-flight":
                return answer
        assert time.monotonic() < until, "the outcome was never found out"
        time.sleep(0.3)


@pytest.mark.parametrize(("point", "installation"), everywhere(0))
def test_a_booking_survives_the_hub_dying_there(impatient: Demo, point: str, installation: str) -> None:
    number = POINTS.index(point) * 2 + SYSTEMS.index(installation)
    with impatient.client("aino") as aino:
        slot = starts(impatient, aino, installation)[number]
        key = uuid.uuid4().hex
        failpoints.arm(impatient.folder / "failpoints", point)
        with contextlib.suppress(httpx.TransportError):
            impatient.book(aino, slot, key)
        wait_fired(impatient, point)
        impatient.wait_ready()
        final = again(impatient, lambda: impatient.book(aino, slot, key))
        effects = live(impatient, installation, slot["start"])
        assert effects == (1 if final.status_code == 201 else 0), (final.status_code, final.text)
        assert again(impatient, lambda: impatient.book(aino, slot, key)).content == final.content


@pytest.mark.parametrize(("point", "installation"), everywhere(1))
def test_a_cancellation_survives_the_hub_dying_there(impatient: Demo, point: str, installation: str) -> None:
    number = 60 + POINTS.index(point) * 2 + SYSTEMS.index(installation)
    with impatient.client("aino") as aino:
        slot = starts(impatient, aino, installation)[number]
        booked = impatient.book(aino, slot)
        assert booked.status_code == 201, booked.text
        key = uuid.uuid4().hex
        headers = {"Idempotency-Key": key}
        failpoints.arm(impatient.folder / "failpoints", point)
        with contextlib.suppress(httpx.TransportError):
            impatient.cancel(aino, booked.json(), **headers)
        wait_fired(impatient, point)
        impatient.wait_ready()
        final = again(impatient, lambda: impatient.cancel(aino, booked.json(), **headers))
        effects = live(impatient, installation, slot["start"])
        assert effects == (0 if final.status_code == 200 else 1), (final.status_code, final.text)


@pytest.mark.parametrize("point", ["before-look", "looked"])
def test_an_unknown_outcome_is_settled_though_the_hub_dies_looking(impatient: Demo, point: str) -> None:
    with impatient.client("aino") as aino:
        slot = starts(impatient, aino, "pegasos-loviisa")[110 + ("before-look", "looked").index(point)]
        person = impatient.person("aino")["hetu"]
        impatient.fault("pegasos-loviisa", "drop-answer", "book", person=person, count=1)
        failpoints.arm(impatient.folder / "failpoints", point)
        answer = impatient.book(aino, slot)
        assert answer.status_code == 202, answer.text
        wait_fired(impatient, point)
        assert impatient.receipt(aino, answer)["status"] == "completed"
        assert live(impatient, "pegasos-loviisa", slot["start"]) == 1


@pytest.mark.parametrize("point", [pytest.param(p, marks=() if p in USUAL else pytest.mark.long) for p in OF_A_MOVE])
def test_a_move_in_two_steps_is_finished_or_undone_though_the_hub_dies_there(impatient: Demo, point: str) -> None:
    """Mediatri cannot move: the hub books the new time, then cancels the old one. Never both at the end, never none."""
    with impatient.client("aino") as aino:
        first, second = two_times_of_a_service(impatient, aino, "mediatri-sipoo")
        appointment = impatient.book(aino, first).raise_for_status().json()
        failpoints.arm(impatient.folder / "failpoints", point)
        with contextlib.suppress(httpx.TransportError):
            move(aino, appointment, second, Idempotency_Key=point)
        wait_fired(impatient, point)
        impatient.wait_ready()
        final = again(impatient, lambda: move(aino, appointment, second, Idempotency_Key=point))
        held = live_of_aino(impatient, "mediatri-sipoo", first["start"], second["start"])
        assert held == [(second if final.status_code == 200 else first)["start"]], (final.status_code, final.text)
        now = aino.get(f"/Appointment/{appointment['id']}", headers={"Cache-Control": "no-cache"}).json()
        assert (now["status"], now["start"]) == ("booked", held[0])
        assert impatient.cancel(aino, now).status_code == 200


def starts(demo: Demo, client: httpx.Client, installation: str) -> list[dict[str, Any]]:
    """Free times of different starts, later than the other journeys' first ones."""
    later = {"start": "ge2027-03-30"}
    return list({slot["start"]: slot for slot in demo.slots(client, installation, 2500, **later)}.values())


def wait_fired(demo: Demo, point: str) -> None:
    """Until the hub has died at the point: it takes the file with it."""
    armed = demo.folder / "failpoints" / point
    until = time.monotonic() + 20
    while armed.exists():
        assert time.monotonic() < until, f"{point} was never reached"
        time.sleep(0.05)
