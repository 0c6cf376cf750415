"""``kill -9`` of the hub at each failpoint, for each system and command: then the truth, and one effect at most."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from hub import failpoints
from tests.journeys.conftest import QUIET_WITHIN, Demo
from tests.journeys.installations import Times
from tests.journeys.plays import PLAYS, Scene
from tests.journeys.portal import settled

IN_STEPS = "mediatri-sipoo"
SYSTEMS = ("lifecare-porvoo", "lifecare-askola", "pegasos-loviisa", IN_STEPS, "proconsona-askola")
"""One of each system, and of each release."""
LOOKING = ("before-look", "looked")
BETWEEN = "between-steps"
POINTS = [name for name in failpoints.NAMES if name not in (*LOOKING, BETWEEN)]
"""What a write that goes well passes."""
COMMANDS = [(command, name) for command in ("book", "move", "cancel") for name in SYSTEMS]
COMMANDS += [("accept", "proconsona-askola"), ("propose", "proconsona-askola")]
OF_HOLDS = [point for point in POINTS if point not in ("request-parsed", "before-accept", "accepted")]
HOLDS = [(command, name) for command in ("hold", "release") for name in ("lifecare-porvoo", IN_STEPS)]


@dataclass
class Stage:
    """The demo, and Aino's free times in each of the systems."""

    demo: Demo
    times: dict[str, Times] = field(default_factory=dict)

    @contextlib.contextmanager
    def scene(self, installation: str) -> Iterator[Scene]:
        if installation not in self.times:
            self.times[installation] = Times.of(self.demo, installation, "ge2027-03-30", 600)
            self.times[installation].keep_clear(self.demo, installation, "aino")
        with self.demo.client("aino") as aino:
            yield Scene(self.demo, installation, "aino", aino, self.times[installation])


@pytest.fixture(scope="module")
def stage(impatient: Demo) -> Stage:
    return Stage(impatient)


def every() -> list[Any]:
    """Each point with one command at one system, in turn; with all of them in the longer suite."""
    found = []
    for number, point in enumerate(POINTS):
        for at, (command, installation) in enumerate(COMMANDS):
            usual = at == number * 4 % len(COMMANDS)
            found.append(pytest.param(point, command, installation, marks=() if usual else pytest.mark.long))
    return found + [
        pytest.param(point, *held, marks=pytest.mark.long) for point in OF_HOLDS for held in HOLDS
    ]  # fmt: skip


def again(demo: Demo, send: Callable[[], httpx.Response]) -> httpx.Response:
    """The same request with the same key, until it has a final answer: what a careful portal does after a lost one."""
    until = time.monotonic() + QUIET_WITHIN
    while True:
        with contextlib.suppress(httpx.TransportError):
            answer = send()
            code = "" if answer.is_success else answer.json()["issue"][0]["details"]["coding"][0]["code"]
            if answer.status_code != 202 and code != "in-flight":
                return answer
        assert time.monotonic() < until, "the outcome was never found out"
        time.sleep(0.3)


def die_and_tell(scene: Scene, point: str, command: str) -> None:
    """The hub dies at the point; asked again with the same key it tells the truth, and the same once more."""
    play, key = PLAYS[command](scene), uuid.uuid4().hex
    failpoints.arm(scene.demo.folder / "failpoints", point)
    with contextlib.suppress(httpx.TransportError):
        play.send(key)
    wait_fired(scene.demo, point)
    scene.demo.wait_ready()
    final = again(scene.demo, lambda: play.send(key))
    said = settled(scene.demo, scene.client, final)
    wrong = play.contradiction(said) or play.disagreement()
    assert not wrong, (wrong, final.status_code, final.text)
    if command not in ("hold", "release"):  # these are answered as they are by then
        assert again(scene.demo, lambda: play.send(key)).content == final.content


@pytest.mark.parametrize(("point", "command", "installation"), every())
def test_a_command_survives_the_hub_dying_there(stage: Stage, point: str, command: str, installation: str) -> None:
    with stage.scene(installation) as scene:
        die_and_tell(scene, point, command)


@pytest.mark.parametrize("point", ["sent", BETWEEN])
def test_a_move_in_two_steps_is_finished_or_undone_though_the_hub_dies_there(stage: Stage, point: str) -> None:
    """Mediatri cannot move: the hub books the new time, then cancels the old one. Never both at the end, never none."""
    with stage.scene(IN_STEPS) as scene:
        die_and_tell(scene, point, "move")


@pytest.mark.parametrize("point", LOOKING)
@pytest.mark.parametrize(
    ("command", "installation"),
    [
        pytest.param(*one, marks=() if one in (("book", "pegasos-loviisa"),) else pytest.mark.long)
        for one in COMMANDS
        if one != ("move", IN_STEPS)
    ],
)
def test_an_unknown_outcome_is_settled_though_the_hub_dies_looking(
    stage: Stage, point: str, command: str, installation: str
) -> None:
    operation = "accept" if command == "propose" else command
    with stage.scene(installation) as scene:
        play = PLAYS[command](scene)
        person = stage.demo.person("aino")["hetu"]
        stage.demo.fault(installation, "drop-answer", operation, person=person, count=1)
        failpoints.arm(stage.demo.folder / "failpoints", point)
        answer = play.send(None)
        assert answer.status_code == 202, answer.text
        wait_fired(stage.demo, point)
        assert stage.demo.receipt(scene.client, answer)["status"] == "completed"
        wrong = play.contradiction("done") or play.disagreement()
        assert not wrong, wrong


def wait_fired(demo: Demo, point: str) -> None:
    """Until the hub has died at the point: it takes the file with it."""
    armed = demo.folder / "failpoints" / point
    until = time.monotonic() + 20
    while armed.exists():
        assert time.monotonic() < until, f"{point} was never reached"
        time.sleep(0.05)
