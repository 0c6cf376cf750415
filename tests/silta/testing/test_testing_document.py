"""docs/testing.md is true: its suite does what the page says, run as a foreign team runs it, in a folder of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[3] / "docs" / "testing.md").read_text("utf-8")
OURS = ("asyncio", "anyio", "hypothesispytest", "respx", "schemathesis", "cacheprovider")
"""Plugins of this project's own tests, which a foreign team has not, and what would be left in its folder."""
INI = "[pytest]\naddopts = --strict-markers --strict-config\nsilta_installations = pegasos-loviisa lifecare-porvoo\n"


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def written(folder: Path, ini: str = INI) -> Path:
    """The page's files, in a folder that knows nothing of ours."""
    (folder / "pytest.ini").write_text(ini)
    for block in blocks("python"):
        (folder / block.split("\n")[0].removeprefix("# ")).write_text(block, "utf-8")
    return folder


def run(suite: Path, *arguments: str) -> str:
    """What pytest printed."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "SILTA_"))}
    without = [word for name in OURS for word in ("-p", f"no:{name}")]
    # Not where pytest keeps the last three runs of everybody on this machine.
    kept = tempfile.mkdtemp(prefix="kept-", dir=suite)
    command = [sys.executable, "-m", "pytest", "-q", "--basetemp", kept, *without, *arguments]
    done = subprocess.run(command, cwd=suite, env=plain, capture_output=True, text=True, timeout=300, check=False)
    return done.stdout + done.stderr


def journals(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's suite."""
    return written(tmp_path_factory.mktemp("suite"))


@pytest.fixture(scope="module")
def printed(suite: Path) -> str:
    """What all of it prints: what passes, and what fails on purpose."""
    [command] = blocks("sh")
    assert command.strip() == "pytest -n 2 --silta-journals journals test_clinic.py"
    return run(suite, *command.split()[1:], "test_wrong.py")


def test_the_suite_passes_and_its_journals_are_the_same_however_it_is_spread(suite: Path, printed: str) -> None:
    promised = blocks("text")[0].strip()
    assert promised in printed, printed
    spread = {name: said for name, said in journals(suite / "journals").items() if "wrong" not in name}
    assert len(spread) == 4

    # In one process and backwards: other tests, of another seed and another day, were before.
    backwards = re.findall(r"^def (test_\w+)", blocks("python")[0], re.MULTILINE)[::-1]
    again = run(suite, "--silta-journals", "again", *(f"test_clinic.py::{name}" for name in backwards))
    assert promised in again, again
    assert journals(suite / "again") == spread


def test_a_failing_verify_prints_what_the_page_prints_and_its_command_works(printed: str) -> None:
    """But for numbers, which are those of the journal, and the folder."""
    wanted = re.escape(blocks("text")[1].strip())
    wanted = re.sub(r"17|(?<=Closest\\ of\\ )\d+", r"\\d+", wanted)
    wanted = wanted.replace("journals/test_wrong", r"\S+/journals/test_wrong")
    shown = "\n".join(re.sub(r"^E +(AssertionError: )?(?=Expected)|^E {7}", "", line) for line in printed.split("\n"))
    assert re.search(wanted, shown), printed
    see = re.search(r"whole: silta (sandbox journal \S+ \d+ --file \S+)\)", printed)
    assert see is not None
    command = [sys.executable, "-m", "silta", *see[1].split()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert "|SRM^S01^SRM_S01|" in done.stdout


@pytest.mark.long
def test_four_workers_twice_give_the_same_bytes(tmp_path: Path) -> None:
    suite = written(tmp_path, "[pytest]\n")
    text = (suite / "test_clinic.py").read_text("utf-8")
    for number in range(3):
        (suite / f"test_clinic_{number}.py").write_text(text, "utf-8")
    told = [run(suite, "-n", "4", "--silta-journals", name, "--ignore", "test_wrong.py") for name in ("one", "two")]
    assert all("16 passed" in one for one in told), told
    assert len(journals(suite / "one")) == 16
    assert journals(suite / "one") == journals(suite / "two")


def test_a_suite_that_uses_nothing_of_it_starts_nothing_and_imports_nothing(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers\n")
    (tmp_path / "test_own.py").write_text(
        "import sys\n\n\ndef test_own(request):\n"
        "    assert request.config.pluginmanager.hasplugin('silta')\n"
        "    ours = {'adapters', 'canonical', 'hub', 'mappings', 'sandbox', 'httpx', 'silta.testing.world'}\n"
        "    assert not ours & sys.modules.keys()\n"
    )
    assert "1 passed" in run(tmp_path)
    assert not list(tmp_path.rglob("silta*"))
