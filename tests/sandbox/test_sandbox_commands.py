"""The commands of a running sandbox, as people and programs type them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer
from typer.testing import CliRunner

from sandbox.cli import app
from sandbox.config import config_toml, new_config
from sandbox.installations import INSTALLATIONS
from sandbox.listener import bind
from tests.plain_http import PLAIN

AINO = "010594Y9021"
Run = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The state directory of a sandbox that runs in a process of its own."""
    folder = tmp_path_factory.mktemp("state")
    names = ("lifecare-porvoo", "pegasos-loviisa")
    held = [bind("127.0.0.1", 0) for _ in range(4)]
    control, register, *ports = (one.getsockname()[1] for one in held)
    config = new_config(0, installations=names)
    settings = {
        name: config.installations[name].model_copy(update={"port": port})
        for name, port in zip(names, ports, strict=True)
    }
    changed = {"control_port": control, "residents": 300, "installations": settings}
    config = config.model_copy(update={**changed, "register_": config.register_.model_copy(update={"port": register})})
    (folder / "sandbox.toml").write_text(config_toml(config), "utf-8")
    for one in held:
        one.close()
    served = subprocess.Popen(
        [sys.executable, "-m", "sandbox", "serve", "--state", str(folder)], stderr=subprocess.PIPE
    )
    try:
        _wait_until_ready(control, served)
        yield folder
    finally:
        served.kill()
        served.wait()


def _wait_until_ready(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/readyz", verify=PLAIN).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError("the sandbox did not get ready")


@pytest.fixture
def run(state: Path) -> Run:
    """Runs one command there; its exit status and all it said."""

    def one(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, [*arguments, "--state", str(state)])
        return done.exit_code, done.output

    return one


@pytest.fixture
def told(run: Run) -> Callable[..., Any]:
    """Runs one command with --json; what it told."""

    def one(*arguments: str) -> Any:
        status, output = run(*arguments, "--json")
        assert status == 0, output
        return json.loads(output)

    return one


def leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command below one."""
    for name, below in getattr(command, "commands", {}).items():
        yield from leaves(below, (*path, name))
    if not hasattr(command, "commands"):
        yield path, command


COMMANDS = dict(leaves(typer.main.get_command(app)))


def test_the_commands_are_there() -> None:
    names = {" ".join(path) for path in COMMANDS}
    assert names >= {"status", "reset", "seed", "person", "goto", "journal"}
    assert names >= {f"fault {one}" for one in ("kinds", "list", "arm", "clear")}
    assert names >= {f"snapshot {one}" for one in ("save", "load", "list", "remove")}
    assert names >= {f"clock {one}" for one in ("show", "freeze", "advance", "run")}


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_has_help_json_and_state(path: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, [*path, "--help"])
    assert done.exit_code == 0
    options = {text for parameter in COMMANDS[path].params for text in parameter.opts}
    assert "--state" in options
    assert "--json" in options or path in (("init",), ("serve",))
    assert COMMANDS[path].help


def test_status_says_seed_clock_faults_and_snapshot_in_a_line(run: Run, told: Callable[..., Any]) -> None:
    told("reset")
    told("clock", "freeze", "2027-03-22T08:00")
    status, output = run("status")
    assert status == 0
    first, *rest = output.splitlines()
    assert first == ("seed 42 · 300 residents · clock Mon 2027-03-22 08:00:00 +02:00 frozen · 0 faults · no snapshot")
    assert [line.split()[0] for line in rest] == ["lifecare-porvoo", "pegasos-loviisa"]
    assert told("status")["installations"][1]["listening"] is True


def test_a_person_a_state_and_back_by_a_snapshot(told: Callable[..., Any], run: Run) -> None:
    visit = next(one for one in told("person", "aino")["visits"] if one["status"] == "booked")
    name = f"{visit['installation']}/{visit['id']}"
    assert name in run("person", AINO)[1]
    assert told("snapshot", "save", "clean")["current"] == "clean"
    assert told("goto", name, "noshow")["status"] == "noshow"
    assert "clean" in run("snapshot", "list")[1]
    told("snapshot", "load", "clean")
    assert visit in told("person", "aino")["visits"]
    assert told("snapshot", "remove", "clean")["snapshots"] == []
    assert {"aino", "lilja"} <= {one["key"] for one in told("person")}


def test_faults_are_armed_listed_and_cleared(told: Callable[..., Any], run: Run) -> None:
    armed = told("fault", "arm", "pegasos-loviisa", "slow", "--set", "seconds=2.5", "--times", "3", "--person", "aino")
    assert (armed["params"], armed["left"], armed["person"]) == ({"seconds": 2.5}, 3, AINO)
    coded = told("fault", "arm", "pegasos-loviisa", "error", "--set", "code=0206", "--operation", "book")
    assert coded["params"]["code"] == "0206"
    assert told("fault", "arm", "pegasos-loviisa", "cut-reply", "--set", "bytes=7")["params"] == {"bytes": 7}
    assert [one["kind"] for one in told("fault", "list")] == ["slow", "error", "cut-reply"]
    assert "3 requests left" in run("fault", "list")[1]
    assert told("fault", "clear", "pegasos-loviisa", armed["id"]) == {"ended": 1}
    assert told("fault", "clear") == {"ended": 2}
    assert all(one["standing"] for one in told("fault", "list", "--all"))
    assert "slow" in run("fault", "kinds")[1]


def test_the_clock_is_frozen_moved_and_runs(told: Callable[..., Any], run: Run) -> None:
    told("clock", "freeze", "2027-03-27T23:00")
    assert told("clock", "advance", "1d1h")["now"] == "2027-03-29T01:00:00+03:00", (
        "a day is 24 h in the night of spring"
    )
    assert told("clock", "show")["frozen"] is True
    assert told("clock", "freeze", "2027-03-27T23:00:00+02:00")["now"] == "2027-03-27T23:00:00+02:00"
    assert told("clock", "run")["frozen"] is False
    assert "runs" in run("clock", "show")[1]


def test_another_seed_is_another_world(told: Callable[..., Any]) -> None:
    told("reset")
    before = told("person", "aino")["visits"]
    assert told("seed", "7")["seed"] == 7
    assert told("person", "aino")["visits"] != before
    assert told("reset")["seed"] == 42
    assert told("person", "aino")["visits"] == before


def test_the_journal_is_shown_in_lines_or_one_message_whole(told: Callable[..., Any], run: Run) -> None:
    system = next(one for one in told("status")["installations"] if one["system"] == "lifecare")
    httpx.get(f"{system['address']}/metadata", verify=PLAIN)
    lines = told("journal", "lifecare-porvoo")
    assert [one["direction"] for one in lines[-2:]] == ["received", "sent"]
    number = lines[-2]["number"]
    one = told("journal", "lifecare-porvoo", str(number))
    assert one["text"].startswith("GET /fhir/metadata")
    assert "GET /fhir/metadata" in run("journal", "lifecare-porvoo", str(number))[1]
    assert len(told("journal", "--last", "1")) == 1
    assert run("journal", "lifecare-porvoo", "999999")[0] == 1


def test_a_journal_that_was_kept_is_shown_as_a_running_one(run: Run, state: Path, tmp_path: Path) -> None:
    kept = tmp_path / "journal.json"
    kept.write_text(run("journal", "--json")[1], "utf-8")
    assert run("journal", "--file", str(kept)) == run("journal")
    assert run("journal", "--file", str(state / "sandbox.toml"))[0] == 2


def test_the_canonical_journal_names_no_port_and_no_real_time(told: Callable[..., Any], run: Run) -> None:
    address = next(one["address"] for one in told("status")["installations"] if one["name"] == "lifecare-porvoo")
    httpx.get(f"{address}/Appointment/x", verify=PLAIN)
    status, text = run("journal", "--canonical", "lifecare-porvoo")
    assert status == 0
    assert text.startswith("== lifecare-porvoo\n")
    assert "-> GET /fhir/Appointment/x" in text
    assert address.split("/")[2] not in text
    assert "date:" not in text.lower()
    assert run("journal", "--canonical", "--json")[0] == 2


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["goto", "pegasos-loviisa/none", "booked"], 1, "Next: silta sandbox person"),
        (["goto", "nowhere/700001", "booked"], 1, "pegasos-loviisa"),
        (["goto", "700001", "booked"], 2, "Next: silta sandbox person"),
        (["fault", "arm", "pegasos-loviisa", "nonsense"], 1, "Next: silta sandbox fault kinds"),
        (["fault", "arm", "pegasos-loviisa", "slow", "--set", "seconds"], 2, "Next: silta sandbox fault kinds"),
        (["fault", "clear", "pegasos-loviisa", "fault-99"], 1, "Next: silta sandbox fault list"),
        (["snapshot", "load", "none"], 1, "Next: silta sandbox snapshot save"),
        (["snapshot", "save", "../x"], 2, "after-booking"),
        (["person", "nobody"], 1, "Next: silta sandbox person"),
        (["clock", "advance", "3x"], 2, "25h"),
        (["clock", "freeze", "2027-03-28T03:30"], 2, "2027-03-28T03:30+02:00"),
        (["clock", "freeze", "soon"], 2, "2027-03-27T23:00"),
        (["clock", "freeze", "2199-01-01T00:00"], 1, "Next: silta clock show"),
    ],
)
def test_errors_end_with_the_next_step(run: Run, arguments: list[str], status: int, said: str) -> None:
    code, output = run(*arguments)
    assert (code, said in output) == (status, True), output


def test_a_sandbox_that_does_not_run_is_told_how_to_start(tmp_path: Path) -> None:
    for make in (False, True):
        if make:
            CliRunner().invoke(app, ["init", "--state", str(tmp_path), "--port-base", "1"])
        done = CliRunner().invoke(app, ["status", "--state", str(tmp_path)])
        assert done.exit_code == 3
        assert f"silta demo --state {tmp_path}" in done.output


def test_a_sandbox_has_the_installations_it_is_made_with(tmp_path: Path) -> None:
    names = ["proconsona-sipoo", "mediatri-sipoo"]
    chosen = [part for name in names for part in ("--installation", name)]
    assert CliRunner().invoke(app, ["init", "--state", str(tmp_path), "--port-base", "0", *chosen]).exit_code == 0
    described = json.loads(CliRunner().invoke(app, ["describe", "--state", str(tmp_path), "--json"]).output)
    assert [one["name"] for one in described["installations"]] == names
    refused = CliRunner().invoke(app, ["init", "--state", str(tmp_path / "b"), "--installation", "nowhere"])
    assert refused.exit_code == 1
    assert all(name in refused.output for name in (*INSTALLATIONS, *names))
