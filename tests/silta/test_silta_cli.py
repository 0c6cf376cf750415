"""The thin command: what it hands on to the hub's and the sandbox's own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from silta.cli import for_hub


def silta(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """One command in a process of its own."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SILTA_")}
    command = [sys.executable, "-m", "silta", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=inherited | environ)


@pytest.mark.parametrize(
    ("arguments", "handed_on"),
    [
        (["show", "--state", "demo2", "req_1"], ["show", "--config", "demo2/hub.toml", "req_1"]),
        (["show", "req_1", "--state=demo2", "--json"], ["show", "req_1", "--config", "demo2/hub.toml", "--json"]),
        (["show", "req_1", "--config", "x.toml"], ["show", "req_1", "--config", "x.toml"]),
        (["show", "req_1"], ["show", "req_1"]),
    ],
)
def test_a_state_folder_names_the_configuration_in_it(arguments: list[str], handed_on: list[str]) -> None:
    assert for_hub(arguments, {}) == handed_on


def test_the_environment_may_name_either() -> None:
    only_state, both = {"SILTA_STATE": "a"}, {"SILTA_STATE": "a", "SILTA_CONFIG": "b.toml"}
    assert for_hub(["show"], only_state) == for_hub(["show"], both) == ["show"]
    assert only_state["SILTA_CONFIG"] == str(Path("a/hub.toml"))
    assert both["SILTA_CONFIG"] == "b.toml"


ROUTE = ["route", "explain", "--municipality", "504", "--sector", "health"]


@pytest.mark.parametrize(
    "command",
    [["msg", "show", "req_1"], ["failpoint", "arm", "accepted"], ["config", "check"], ["worklist", "list"], ROUTE],
)
def test_every_command_takes_a_state_folder(command: list[str], tmp_path: Path) -> None:
    done = silta(*command, "--state", str(tmp_path))
    said = done.stdout + done.stderr
    assert "there is no such file" in said
    assert "No such option" not in said


def test_the_environment_names_the_folder_too(tmp_path: Path) -> None:
    assert f"silta demo --state {tmp_path}" in silta("clock", "show", SILTA_STATE=str(tmp_path)).stderr
    (tmp_path / "hub.toml").write_text("colour = 1\n")
    assert "colour" in silta("config", "check", SILTA_STATE=str(tmp_path)).stdout


def test_the_sandbox_is_called_as_people_call_it() -> None:
    assert "Usage: silta sandbox" in silta("sandbox", "--help").stdout
    assert "--state" in silta("msg", "show", "--help").stdout
    assert "explain" in silta("route", "--help").stdout


@pytest.mark.parametrize("command", [["sandbox", "status"], ["sandbox", "fault", "list"], ["clock", "show"]])
def test_the_sandboxs_commands_find_the_demos_folder(command: list[str], tmp_path: Path) -> None:
    done = silta(*command, "--state", str(tmp_path))
    assert done.returncode == 3
    assert f"silta demo --state {tmp_path}" in done.stderr
    assert not list(tmp_path.iterdir()), "looking makes nothing"
