"""The README's tour, word for word, against a running demo: every status line it prints comes true."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.journeys.conftest import Demo

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```", re.MULTILINE | re.DOTALL)
CHECKED = re.compile(
    r'^(HTTP/1\.1 \d+|"text":"[^"]*"|\s*"(?:status|valueCode)": ?"\w+"|idempotent-replayed: true|etag: .*)'
)


def tour() -> list[tuple[str, str]]:
    """(commands, promised output) of the section "Five minutes", in order."""
    text = (ROOT / "README.md").read_text("utf-8").split("## Five minutes")[1].split("\n## ")[0]
    blocks = BLOCK.findall(text)
    steps = []
    for number, (kind, body) in enumerate(blocks):
        if kind == "sh":
            promised = blocks[number + 1][1] if number + 1 < len(blocks) and blocks[number + 1][0] == "text" else ""
            steps.append((body, promised))
    return steps


def test_the_tour_comes_true(demo: Demo) -> None:
    steps = tour()
    assert len(steps) > 7
    script = "\n".join(f"echo '=== {number}'\n{commands}" for number, (commands, _) in enumerate(steps))
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = os.environ | {
        "SILTA_STATE": str(demo.folder),
        "SILTA_CONFIG": str(demo.folder / "hub.toml"),
        "PATH": path,
    }
    done = subprocess.run(
        ["bash"],
        input=script,
        capture_output=True,
        text=True,
        env=environment,
        cwd=ROOT,
        timeout=120,
        check=False,
    )
    shown = re.split(r"^=== \d+\n", done.stdout, flags=re.MULTILINE)[1:]
    assert len(shown) == len(steps), done.stderr
    for (commands, promised), output in zip(steps, shown, strict=True):
        lines = [m.group(0) for line in promised.splitlines() if (m := CHECKED.match(line))]
        for line in lines:
            assert line in output, (
                f"the README promises {line!r} of\n{commands}\nbut it printed\n{output}\n{done.stderr}"
            )
        if promised:
            assert output.count("\n") >= promised.count("\n"), f"{commands}\nprinted only\n{output}\n{done.stderr}"
