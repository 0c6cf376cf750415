"""``compose.yaml`` is what the Compose specification says, its commands exist, and nothing in it runs as root."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.house.__main__ import ROOT

FILE = ROOT / "compose.yaml"
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(FILE.read_text("utf-8"))["services"]
OURS = [name for name, service in SERVICES.items() if "build" in service]
PARTS = {"sandbox": ("sandbox",), "worker": ("hub", "worker"), "serve": ("silta", "serve")}
"""By the first word of a command: the module whose command line it is (the sandbox is prepared before it is asked)."""


def wrong(file: Path) -> str:
    """What the specification's own schema says against the file."""
    schema = ["--builtin-schema", "vendor.compose-spec"]
    command = [sys.executable, "-m", "check_jsonschema", *schema, "--output-format", "json", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout if done.returncode else ""


def test_it_is_what_the_specification_says() -> None:
    assert not wrong(FILE)


def test_a_misspelt_word_would_be_found(tmp_path: Path) -> None:
    copy = tmp_path / "compose.yaml"
    copy.write_text(FILE.read_text("utf-8").replace("healthcheck:", "heathcheck:", 1), "utf-8")
    assert "heathcheck" in wrong(copy)


def test_the_whole_hub_is_in_it() -> None:
    assert set(SERVICES) == {"postgres", "rabbitmq", "api", "worker", "sandbox"}
    assert set(OURS) == {"api", "worker", "sandbox"}


@pytest.mark.parametrize("name", OURS)
def test_each_command_is_one_of_ours(name: str) -> None:
    first, *rest = SERVICES[name]["command"]
    module, *more = PARTS[first]
    command = [sys.executable, "-m", module, *more, *rest, "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    unknown = subprocess.run([*command, "--no-such-option"], cwd=ROOT, capture_output=True, check=False)
    assert unknown.returncode == 2


@pytest.mark.parametrize("name", SERVICES)
def test_nothing_is_more_than_it_must_be(name: str) -> None:
    service = SERVICES[name]
    assert str(service["user"]).split(":")[0] not in ("", "0", "root")
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["healthcheck"]["test"][0] == "CMD"
    assert service["restart"] == "unless-stopped"
    assert "privileged" not in service
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    if name in OURS:
        assert service["read_only"]
    else:
        assert "ports" not in service
        assert service["networks"] == ["inside"]


def test_what_is_kept_is_on_named_volumes() -> None:
    whole = yaml.safe_load(FILE.read_text("utf-8"))
    used = {volume.split(":")[0] for service in SERVICES.values() for volume in service["volumes"]}
    assert used == set(whole["volumes"])
    assert whole["networks"]["inside"]["internal"]
