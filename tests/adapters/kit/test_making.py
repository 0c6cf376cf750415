"""A new system's package runs at once: its own tests, its linters, and nothing in it says whose example it was."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.kit.making import CannotMake, Transport, make

ROOT = Path(__file__).parents[3]


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "MYPYPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def examined(folder: Path, *more: str) -> dict[str, object]:
    """The account of `silta adapter test`, as a third party runs it in the package's folder."""
    done = run(folder, "adapters", "test", "koesys", "--json", *more)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    account: dict[str, object] = json.loads(done.stdout)
    return account


@pytest.mark.parametrize("transport", Transport)
@pytest.mark.parametrize("name", ["ab", "abcdefghijklmnopqrst"])
def test_what_is_made_is_clean_whatever_its_name(tmp_path: Path, transport: Transport, name: str) -> None:
    make(name, transport, tmp_path / "made")
    for command in (("check", "."), ("format", "--check", ".")):
        done = run(tmp_path / "made", "ruff", *command, "--no-cache")
        assert done.returncode == 0, done.stdout
    left = [file for file in (tmp_path / "made").rglob("*.*") if b"simerkki" in file.name.encode() + file.read_bytes()]
    assert not left


def test_a_made_package_books_and_cancels(tmp_path: Path) -> None:
    make("koesys", Transport.REST, tmp_path / "made")
    account = examined(tmp_path / "made", "--only", "golden or cancel_is_done or cancelled or stale_exactly")
    assert account["failed"] == []
    assert {"move", "hold"} <= dict(account["to_do"]).keys()  # type: ignore[call-overload]
    assert dict(account["areas"])["cancel"]["pass"] >= 3  # type: ignore[call-overload]


def test_a_reason_is_named_once_with_the_tests_it_keeps_from_passing(tmp_path: Path) -> None:
    make("koesys", Transport.REST, tmp_path / "made")
    mapping = tmp_path / "made" / "src" / "sotesilta_koesys" / "mapping.py"
    mapping.write_text(mapping.read_text("utf-8").replace('"B": "booked"', '"X": "booked"'), "utf-8")
    done = run(tmp_path / "made", "adapters", "test", "koesys", "--only", "golden or cancelled_appointment")
    assert done.returncode == 1
    assert "booking.state is none of the manual's" in done.stdout
    assert "silta adapter test koesys --only" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "next_step"),
    [
        (("test", "nobody"), "silta adapter new nobody"),
        (("new", "pegasos", "--transport", "rest"), "another name"),
        (("check", "x", "--config", "no/such.toml"), "silta config check"),
        (("check", "x", "--day", "yesterday"), "--day 2027-03-22"),
    ],
)
def test_errors_end_with_the_next_step(tmp_path: Path, arguments: tuple[str, ...], next_step: str) -> None:
    done = run(tmp_path, "adapters", *arguments)
    assert done.returncode == 2
    assert next_step in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.long
@pytest.mark.parametrize("transport", Transport)
def test_a_made_package_passes_the_whole_suite(tmp_path: Path, transport: Transport) -> None:
    folder = tmp_path / "made"
    make("koesys", transport, folder)
    account = examined(folder)
    assert account["failed"] == []
    areas = dict(account["areas"])  # type: ignore[call-overload]
    assert all(areas[area]["pass"] for area in ("directory", "find", "person", "book", "cancel", "faults", "texts"))
    typed = run(folder, "mypy", "--no-incremental")
    assert typed.returncode == 0, typed.stdout


@pytest.mark.parametrize("name", ["", "A", "two words", "../x", "pegasos", "class", "ä", "a" * 21])
def test_a_name_that_cannot_be_says_what_to_do(tmp_path: Path, name: str) -> None:
    with pytest.raises(CannotMake, match="silta adapter new"):
        make(name, Transport.REST, tmp_path / "made")
    assert not (tmp_path / "made").exists()


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("mine")
    with pytest.raises(CannotMake, match="--folder"):
        make("koesys", Transport.REST, tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == ["kept.txt"]
