"""Each fault of each wire, on each command, at each installation: the answer tells the truth, and in the end there is
one effect at most.

The oracle does not know the faults: it holds what the portal was told against what the record system has.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import Queue

import httpx
import pytest

from tests.journeys import faults
from tests.journeys.conftest import INSTALLATIONS, Demo
from tests.journeys.faults import Case
from tests.journeys.installations import Times
from tests.journeys.plays import PLAYS, Scene
from tests.journeys.portal import live, settled

PEOPLE = ("aino", "marja", "helvi", "onni", "lilja", "axel")
AT_ONCE = 24
STILL_WORKING = 5.0
"""Seconds after the last word in which a record system may still do something: it must not."""
MEETS_OTHERS = frozenset({"refuse-connection", "desk-takes-the-time"})
"""Faults that meet more than the person they are armed for: the desk takes the time for any other customer."""
CLOSED_FOR = 1.5
"""Seconds for which a listener is closed."""


@dataclass
class Stage:
    """Where cases are played: a demo, and at each installation free times and people who are free now."""

    demo: Demo
    times: dict[str, Times] = field(default_factory=dict)
    people: dict[str, Queue[str]] = field(default_factory=dict)

    def open(self, installation: str) -> None:
        times, free = Times.of(self.demo, installation), Queue[str]()
        for one in PEOPLE:
            times.keep_clear(self.demo, installation, one)
            times.make_customer(self.demo, installation, one)
            free.put(one)
        self.times[installation], self.people[installation] = times, free

    def play_all(self, cases: Iterable[Case]) -> list[str]:
        """All that went wrong. Several at once, each with a person of its own; what meets others, too, comes one after
        the other."""
        alone: dict[str, list[Case]] = {}
        together = []
        for one in cases:
            if one.kind in MEETS_OTHERS:
                alone.setdefault(one.installation, []).append(one)
            else:
                together.append(one)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            found = list(pool.map(self._one, together))
        with ThreadPoolExecutor(AT_ONCE) as pool:
            found += [text for texts in pool.map(self._in_turn, alone.values()) for text in texts]
        return [text for text in found if text]

    def _in_turn(self, cases: list[Case]) -> list[str]:
        found = []
        for case in cases:
            found.append(self._one(case))
            for person in PEOPLE:
                self.times[case.installation].keep_clear(self.demo, case.installation, person)
        return found

    def _one(self, case: Case) -> str:
        person = self.people[case.installation].get()
        try:
            wrong = self._play(case, person)
        except (AssertionError, httpx.HTTPError, LookupError) as error:
            wrong = f"{type(error).__name__} {error}"
        finally:
            self.people[case.installation].put(person)
        return f"{case} ({person}): {wrong}" if wrong else ""

    def _play(self, case: Case, person: str) -> str:
        """Play a case; what is wrong, "" for nothing."""
        with self.demo.client(person) as client:
            play = PLAYS[case.command](
                Scene(self.demo, case.installation, person, client, self.times[case.installation])
            )
            self._arm(case, person)
            answer = play.send(None)
            said = settled(self.demo, client, answer)
            if said not in ("done", "nothing-done"):
                return said
            if wrong := play.contradiction(said):
                return f"{answer.status_code}: {wrong}"
            time.sleep(STILL_WORKING)
            wrong = play.contradiction(said) or play.disagreement()
        return wrong or self._missed(case, person)

    def _arm(self, case: Case, person: str) -> None:
        if case.kind == "refuse-connection":
            self.demo.fault(case.installation, case.kind, "*", seconds=CLOSED_FOR)
            return
        hetu = self.demo.person(person)["hetu"]
        self.demo.fault(case.installation, case.kind, case.operation, person=hetu, params=dict(case.params), count=1)

    def _missed(self, case: Case, person: str) -> str:
        """A case whose fault met nothing has proven nothing."""
        hetu = self.demo.person(person)["hetu"]
        with self.demo.control() as control:
            left = control.get(f"/installations/{case.installation}/faults").raise_for_status().json()
        armed = [one for one in left if one["person"] == hetu and not one["standing"]]
        return "the fault never met a request" if armed else ""


@pytest.fixture(scope="module")
def able(impatient: Demo) -> dict[str, list[str]]:
    """The sandbox's list of faults: each kind with the installations that can show it."""
    with impatient.control() as control:
        kinds = control.get("/faults/kinds").raise_for_status().json()
    return {one["kind"]: one["installations"] for one in kinds}


def test_every_fault_of_the_sandbox_is_tried(able: dict[str, list[str]]) -> None:
    assert able.keys() == faults.VARIANTS.keys()


def test_the_answer_tells_the_truth_whatever_happens(impatient: Demo, able: dict[str, list[str]]) -> None:
    """Each command with each fault, once, at an installation that has both."""
    stage = Stage(impatient)
    with ThreadPoolExecutor(len(INSTALLATIONS)) as pool:
        list(pool.map(stage.open, INSTALLATIONS))
    wrong = stage.play_all(faults.sample(able))
    assert not wrong, "\n".join(wrong)


@pytest.mark.long
@pytest.mark.parametrize("installation", INSTALLATIONS)
def test_the_answer_tells_the_truth_whatever_happens_there(
    impatient: Demo, able: dict[str, list[str]], installation: str
) -> None:
    """All of it."""
    stage = Stage(impatient)
    stage.open(installation)
    wrong = stage.play_all(faults.cases(installation, able))
    assert not wrong, "\n".join(wrong)


def test_a_silent_system_is_named_and_the_others_answer(impatient: Demo) -> None:
    silent, other = "pegasos-loviisa", "mediatri-sipoo"
    impatient.fault(silent, "refuse-connection", "*", seconds=8)
    with impatient.client("aino") as aino:
        for path in ("/Slot?status=free&start=ge2027-03-25", "/Appointment"):
            bundle = aino.get(path).raise_for_status().json()
            sources = {e["resource"].get("meta", {}).get("source", "") for e in bundle["entry"]}
            assert any(s.endswith("/" + other) for s in sources)
            outcomes = [e for e in bundle["entry"] if e["search"]["mode"] == "outcome"]
            assert len(outcomes) == 1
            assert silent in outcomes[0]["resource"]["issue"][0]["diagnostics"]
            assert "total" not in bundle
        slot = impatient.slots(aino, other, 60)[-1]
        assert impatient.book(aino, slot).status_code == 201


@pytest.mark.parametrize("installation", ["lifecare-porvoo", "mediatri-sipoo"])
def test_while_a_system_refuses_connections_nothing_is_done_and_said_so(impatient: Demo, installation: str) -> None:
    with impatient.client("helvi") as helvi:
        slot = impatient.slots(helvi, installation, 130)[-1]
        impatient.fault(installation, "refuse-connection", "*", seconds=6)
        refused = impatient.book(helvi, slot)
        assert refused.status_code == 424, refused.text
        assert int(refused.headers["Retry-After"]) > 0
        assert slot["start"] not in [one["start"] for one in live(impatient, installation, "helvi")]
