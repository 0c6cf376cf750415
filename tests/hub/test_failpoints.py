"""Failpoints: armed once, reached once, dead."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hub.failpoints import NAMES, Failpoints, arm

REACH = """
import sys
from pathlib import Path
from hub.failpoints import Failpoints

Failpoints(Path(sys.argv[1]))(sys.argv[2])
"""


def reach(folder: Path, name: str) -> int:
    """The exit status of a process that reaches the point."""
    return subprocess.run([sys.executable, "-c", REACH, str(folder), name], check=False).returncode


def test_an_armed_point_kills_once_who_reaches_it_and_nobody_else(tmp_path: Path) -> None:
    arm(tmp_path / "points", "accepted")
    assert reach(tmp_path / "points", "before-accept") == 0
    assert reach(tmp_path / "points", "accepted") == -signal.SIGKILL
    assert reach(tmp_path / "points", "accepted") == 0


def test_without_a_folder_nothing_is_looked_for() -> None:
    for name in NAMES:
        Failpoints(None)(name)


def test_a_point_that_does_not_exist_cannot_be_armed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="accepted"):
        arm(tmp_path, "acepted")
