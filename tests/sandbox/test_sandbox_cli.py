"""The sandbox's command: init, describe, serve."""

from __future__ import annotations

import json
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from sandbox.cli import app
from sandbox.config import ConfigError, load_config, new_config
from sandbox.listener import bind
from tests.plain_http import PLAIN

COMMAND = [sys.executable, "-m", "sandbox"]


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.output


def test_init_writes_once_for_the_owner_alone(tmp_path: Path) -> None:
    state = tmp_path / "state"
    code, output = run("init", "--state", str(state), "--port-base", "21000")
    assert code == 0
    assert "silta sandbox serve" in output
    path = state / "sandbox.toml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    first = path.read_bytes()
    assert run("init", "--state", str(state), "--port-base", "22000")[0] == 0
    assert path.read_bytes() == first


def test_secrets_are_new_each_time() -> None:
    first, second = new_config(0), new_config(0)
    assert first.register_.api_key != second.register_.api_key
    secrets = [one.installations["lifecare-porvoo"].credentials["client_secret"] for one in (first, second)]
    assert secrets[0] != secrets[1]


def test_busy_ports_are_passed_over() -> None:
    taken = bind("127.0.0.1", 0)
    taken.listen()
    try:
        base = taken.getsockname()[1]
        config = new_config(base)
    finally:
        taken.close()
    ports = [config.control_port, config.register_.port, *(one.port for one in config.installations.values())]
    assert base not in ports
    assert ports == sorted(set(ports))


def test_describe_tells_all_a_supervisor_needs(tmp_path: Path) -> None:
    code, output = run("describe", "--state", str(tmp_path), "--json")
    assert code == 0
    told = json.loads(output)
    config = load_config(tmp_path)
    assert told["control"] == f"http://127.0.0.1:{config.control_port}"
    assert told["register"]["api_key"] == config.register_.api_key
    assert told["clock_file"] == str(tmp_path / "clock.json")
    assert len(told["persons"]) == 9
    installations = {one["name"]: one for one in told["installations"]}
    lifecare, pegasos = installations["lifecare-porvoo"], installations["pegasos-loviisa"]
    port = config.installations["lifecare-porvoo"].port
    assert lifecare["address"] == f"http://127.0.0.1:{port}/fhir"
    assert set(lifecare["credentials"]) == {"client_id", "client_secret", "token_url"}
    assert lifecare["municipalities"] == ["638", "504", "616"]
    assert lifecare["sectors"] == ["health", "oral"]
    assert pegasos["address"] == f"mllp://127.0.0.1:{config.installations['pegasos-loviisa'].port}"
    names = {"sending_application", "sending_facility", "receiving_application", "receiving_facility"}
    assert set(pegasos["credentials"]) == names
    assert set(pegasos["options"]) == {"address", *names}
    assert lifecare["options"] == {
        "address": lifecare["address"],
        "root": "urn:oid:2.999.638",
        **lifecare["credentials"],
    }
    for manual in (lifecare["manual"], pegasos["manual"], told["register"]["manual"]):
        assert Path(__file__).parents[2].joinpath(manual).is_file()


@pytest.mark.parametrize(
    ("text", "told"),
    [("seed = ", "not TOML"), ("seed = 42\n", "control_port"), ("colour = 1\n", "colour")],
)
def test_a_wrong_configuration_is_told_by_its_place(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "sandbox.toml").write_text(text)
    with pytest.raises(ConfigError, match=told) as refused:
        load_config(tmp_path)
    assert "run init again" in str(refused.value)
    assert run("describe", "--state", str(tmp_path))[0] == 1


def test_serve_runs_until_told_to_stop_survives_a_kill_and_locks_its_state(tmp_path: Path) -> None:
    run("init", "--state", str(tmp_path), "--port-base", "0")
    _use_free_ports(tmp_path)
    config = load_config(tmp_path)
    control = f"http://127.0.0.1:{config.control_port}"
    killed = _serve(tmp_path)
    try:
        _wait_until_ready(control, killed)
        assert (tmp_path / "sandbox.pid").read_text().strip() == str(killed.pid)
        start = httpx.get(f"{control}/installations/pegasos-loviisa/free-times", verify=PLAIN).json()[3]["start"]
        made = httpx.post(
            f"{control}/installations/pegasos-loviisa/desk/book", json={"person": "aino", "start": start}, verify=PLAIN
        ).json()
        second = subprocess.run(
            [*COMMAND, "serve", "--state", str(tmp_path)], capture_output=True, text=True, check=False
        )
        assert second.returncode == 1
        assert "stop it first" in second.stderr
    finally:
        killed.kill()
        killed.wait()
    again = _serve(tmp_path)
    try:
        _wait_until_ready(control, again)
        kept = httpx.get(f"{control}/installations/pegasos-loviisa/bookings/{made['id']}", verify=PLAIN).json()
        assert kept == made
        again.send_signal(signal.SIGTERM)
        assert again.wait(timeout=15) == 0
    finally:
        again.kill()
        log = again.communicate()[1]
    assert not (tmp_path / "sandbox.pid").exists()
    assert [json.loads(line)["event"] for line in log.splitlines()][-1] == "stopping"


def test_the_disk_is_asked_to_keep_every_commit(tmp_path: Path) -> None:
    from sandbox.engine.store import OverlayStore

    store = OverlayStore(tmp_path / "x.sqlite")
    store.save("a", "b", "c", b"d")
    assert store._db.execute("PRAGMA synchronous").fetchone() == (2,)
    assert store._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    store.close()
    assert sqlite3.connect(tmp_path / "x.sqlite").execute("SELECT body FROM record").fetchall() == [(b"d",)]


def _serve(state: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([*COMMAND, "serve", "--state", str(state)], stderr=subprocess.PIPE, text=True)


def _wait_until_ready(control: str, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{control}/readyz", verify=PLAIN).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError("the sandbox did not get ready")


def _use_free_ports(state: Path) -> None:
    """Write ports that are free now into the configuration: all held at once, so that no two are the same."""
    path = state / "sandbox.toml"
    lines = path.read_text().splitlines()
    held = [bind("127.0.0.1", 0) for line in lines if line.endswith("port = 0")]
    ports = iter([one.getsockname()[1] for one in held])
    lines = [f"{line.split('=')[0]}= {next(ports)}" if line.endswith("port = 0") else line for line in lines]
    path.write_text("\n".join(lines))
    for one in held:
        one.close()
