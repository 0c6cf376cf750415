"""The unit proposes a time; the resident sees it, accepts it, asks for another one, or declines: each looked up in the
record system's own listing."""

from __future__ import annotations

import pytest

from tests.journeys.conftest import Demo
from tests.journeys.installations import PROPOSING, Times
from tests.journeys.portal import accept, answer_of, move, proposed


@pytest.fixture(params=PROPOSING)
def installation(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def times(demo: Demo, installation: str) -> Times:
    found = Times.of(demo, installation, "ge2027-04-06", 300)
    found.keep_clear(demo, installation, "aino")
    return found


def test_a_proposal_waits_for_the_resident_who_accepts_it(demo: Demo, installation: str, times: Times) -> None:
    slot = times.one("aino")
    with demo.client("aino") as aino:
        shown, number = proposed(demo, aino, installation, "aino", slot)
        assert (shown["status"], answer_of(shown)) == ("pending", "needs-action")
        assert "outcome-unknown" not in [one["code"] for one in shown["meta"].get("tag", ())]
        accepted = accept(aino, shown)
        assert accepted.status_code == 200, accepted.text
        assert (accepted.json()["id"], accepted.json()["status"]) == (shown["id"], "booked")
        assert answer_of(accepted.json()) == "accepted"
        there = demo.booking(installation, number)
        assert (there["status"], there["start"]) == ("booked", slot["start"])
        assert demo.cancel(aino, accepted.json()).status_code == 200


def test_another_time_is_asked_for_and_the_unit_agrees(demo: Demo, installation: str, times: Times) -> None:
    first, second = times.several("aino", 2)
    with demo.client("aino") as aino, demo.control() as control:
        shown, number = proposed(demo, aino, installation, "aino", first)
        asked = move(aino, shown, second)
        assert asked.status_code == 200, asked.text
        assert (asked.json()["status"], asked.json()["start"]) == ("pending", second["start"])
        assert answer_of(asked.json()) == "accepted", "it is the unit that is to answer"
        there = demo.booking(installation, number)
        assert (there["status"], there["start"], there["by_resident"]) == ("proposed", second["start"], True)
        decision = {"id": number, "decision": "booked"}
        control.post(f"/installations/{installation}/desk/decide", json=decision).raise_for_status()
        now = aino.get(f"/Appointment/{shown['id']}", headers={"Cache-Control": "no-cache"}).json()
        assert (now["status"], now["start"]) == ("booked", second["start"])
        assert demo.cancel(aino, now).status_code == 200


def test_a_proposal_is_declined(demo: Demo, installation: str, times: Times) -> None:
    with demo.client("aino") as aino:
        shown, number = proposed(demo, aino, installation, "aino", times.one("aino"))
        declined = demo.cancel(aino, shown)
        assert (declined.status_code, declined.json()["status"]) == (200, "cancelled"), declined.text
        assert demo.booking(installation, number)["status"] == "cancelled"
