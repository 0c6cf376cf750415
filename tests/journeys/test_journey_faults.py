"""Each fault of each wire, on each command: the answer tells the truth, and in the end there is one effect at most.

The oracle does not know the faults: it holds what the portal was told against what the record system has.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import Queue
from typing import Any

import httpx
import pytest

from tests.journeys.conftest import Demo

SYSTEMS = ("lifecare-porvoo", "pegasos-loviisa")
PEOPLE = ("aino", "marja", "helvi", "onni", "lilja", "axel")
LIVE = ("booked", "pending")

FAULTS: dict[str, dict[str, Any]] = {
    "slow": {"seconds": 4},
    "slow past the limit": {"kind": "slow", "seconds": 6},
    "half-open": {},
    "cut-reply": {"bytes": 30},
    "cut-reply late": {"kind": "cut-reply", "bytes": 200},
    "cut-reply at once": {"kind": "cut-reply", "bytes": 1},
    "drop-answer": {},
    "drop-request": {},
    "work-late": {"seconds": 4},
    "error": {},
    "error-after-work": {},
    "garbage": {},
    "wrong-charset": {},
    "wrong-person": {},
    "duplicate": {},
}
ONLY: dict[str, dict[str, dict[str, Any]]] = {
    "lifecare-porvoo": {
        "html-200": {},
        "error 400": {"kind": "error", "code": "400"},
        "error 401": {"kind": "error", "code": "401"},
        "error 409": {"kind": "error", "code": "409"},
        "error 429": {"kind": "error", "code": "429"},
        "error 500": {"kind": "error", "code": "500"},
        "error-after-work 503": {"kind": "error-after-work", "code": "503"},
    },
    "pegasos-loviisa": {
        "AE 206": {"kind": "error", "code": "AE 206"},
        "AE 207": {"kind": "error", "code": "AE 207"},
        "AR 203": {"kind": "error", "code": "AR 203"},
        "CR": {"kind": "error", "code": "CR"},
        "AE after work": {"kind": "error-after-work", "code": "AE 207"},
    },
}
PENDING = {
    "pending, then booked": {"kind": "pending-answer", "decide": "booked", "after": 3},
    "pending, then refused": {"kind": "pending-answer", "decide": "refused", "after": 3},
}


def arm(demo: Demo, installation: str, operation: str, token: str, name: str, told: dict[str, Any]) -> None:
    params = {key: value for key, value in told.items() if key != "kind"}
    person = demo.person(token)["hetu"]
    demo.fault(installation, told.get("kind", name), operation, person=person, params=params, count=1)


def live(demo: Demo, installation: str, token: str, start: str) -> int:
    """How many live bookings of that time the person has in the record system."""
    hetu = demo.person(token)["hetu"]
    found = demo.bookings(installation, person=token)
    return len([b for b in found if b["person"] == hetu and b["start"] == start and b["status"] in LIVE])


def everyone(demo: Demo, cases: dict[str, dict[str, Any]], play: Callable[[str, str, dict[str, Any]], str]) -> None:
    """Play every case, each with a person of its own, several at once; fail with all that went wrong."""
    people: Queue[str] = Queue()
    for one in PEOPLE:
        people.put(one)

    def case(name: str) -> str:
        token = people.get()
        try:
            wrong = play(token, name, cases[name])
            return f"{name} ({token}): {wrong}" if wrong else ""
        except (AssertionError, httpx.HTTPError, KeyError) as error:
            return f"{name} ({token}): {type(error).__name__} {error}"
        finally:
            people.put(token)

    with ThreadPoolExecutor(len(PEOPLE)) as pool:
        wrong = [text for text in pool.map(case, cases) if text]
    assert not wrong, "\n".join(wrong)


def different_starts(slots: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """One time of each start: nobody can hold two of the same."""
    return iter({slot["start"]: slot for slot in slots}.values())


def settled(demo: Demo, client: httpx.Client, answer: httpx.Response) -> str:
    """done or nothing-done, as the portal was finally told; or what is wrong with the answer itself."""
    if answer.status_code in (200, 201):
        return "done"
    if answer.status_code == 202:
        task = demo.receipt(client, answer)
        return {"completed": "done", "rejected": "nothing-done"}.get(task["status"], f"receipt {task['status']}")
    if 400 <= answer.status_code < 500:
        return "nothing-done"
    return f"answered {answer.status_code}: {answer.text[:300]}"


@pytest.mark.parametrize("installation", SYSTEMS)
def test_a_booking_tells_the_truth_whatever_happens(impatient: Demo, installation: str) -> None:
    taken = threading.Lock()
    with impatient.client("portal") as portal:
        municipality = "638" if installation == "lifecare-porvoo" else "434"
        free = different_starts(impatient.slots(portal, installation, 900, municipality=municipality)[40:])

    def play(token: str, name: str, told: dict[str, Any]) -> str:
        with taken:
            slot = next(free)
        with impatient.client(token) as client:
            arm(impatient, installation, "book", token, name, told)
            answer = impatient.book(client, slot)
            said = settled(impatient, client, answer)
            effects = live(impatient, installation, token, slot["start"])
            if said not in ("done", "nothing-done"):
                return said
            if effects != (1 if said == "done" else 0):
                return f"was told {answer.status_code}, {said}; the record system has {effects}"
            time.sleep(5)  # whatever still works on it has ended
            if live(impatient, installation, token, slot["start"]) != effects:
                return f"was told {said}, and then it changed"
            return ""

    everyone(impatient, {**FAULTS, **ONLY[installation], **PENDING}, play)


@pytest.mark.parametrize("installation", SYSTEMS)
def test_a_cancellation_tells_the_truth_whatever_happens(impatient: Demo, installation: str) -> None:
    taken = threading.Lock()
    with impatient.client("portal") as portal:
        municipality = "638" if installation == "lifecare-porvoo" else "434"
        free = different_starts(impatient.slots(portal, installation, 1800, municipality=municipality)[900:])

    def play(token: str, name: str, told: dict[str, Any]) -> str:
        with taken:
            slot = next(free)
        with impatient.client(token) as client:
            booked = impatient.book(client, slot)
            if booked.status_code != 201:
                return f"could not book: {booked.text[:300]}"
            arm(impatient, installation, "cancel", token, name, told)
            answer = impatient.cancel(client, booked.json())
            said = settled(impatient, client, answer)
            left = live(impatient, installation, token, slot["start"])
            if said not in ("done", "nothing-done"):
                return said
            if left != (0 if said == "done" else 1):
                return f"was told {answer.status_code}, {said}; the record system has {left}"
            time.sleep(5)
            if live(impatient, installation, token, slot["start"]) != left:
                return f"was told {said}, and then it changed"
            now = client.get(f"/Appointment/{booked.json()['id']}", headers={"Cache-Control": "no-cache"}).json()
            if now["status"] != ("cancelled" if said == "done" else "booked"):
                return f"was told {said}, and the appointment reads {now['status']}"
            return ""

    everyone(impatient, {**FAULTS, **ONLY[installation]}, play)


@pytest.mark.parametrize("installation", SYSTEMS)
def test_a_silent_system_is_named_and_the_others_answer(impatient: Demo, installation: str) -> None:
    other = next(name for name in SYSTEMS if name != installation)
    impatient.fault(installation, "refuse-connection", "*", seconds=8)
    with impatient.client("aino") as aino:
        for path in ("/Slot?status=free&start=ge2027-03-25", "/Appointment"):
            bundle = aino.get(path).raise_for_status().json()
            sources = {e["resource"].get("meta", {}).get("source", "") for e in bundle["entry"]}
            assert any(s.endswith("/" + other) for s in sources)
            outcomes = [e for e in bundle["entry"] if e["search"]["mode"] == "outcome"]
            assert len(outcomes) == 1
            assert installation in outcomes[0]["resource"]["issue"][0]["diagnostics"]
            assert "total" not in bundle
        slot = impatient.slots(aino, other, 60)[-1]
        assert impatient.book(aino, slot).status_code == 201


@pytest.mark.parametrize("installation", SYSTEMS)
def test_while_a_system_refuses_connections_nothing_is_done_and_said_so(impatient: Demo, installation: str) -> None:
    with impatient.client("helvi") as helvi:
        slot = impatient.slots(helvi, installation, 130)[-1]
        impatient.fault(installation, "refuse-connection", "*", seconds=6)
        refused = impatient.book(helvi, slot)
        assert refused.status_code == 424, refused.text
        assert int(refused.headers["Retry-After"]) > 0
        assert live(impatient, installation, "helvi", slot["start"]) == 0
