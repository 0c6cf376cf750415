"""The published OpenAPI document against the running API, by a tool that knows nothing else of us."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import uvicorn

from hub.api.app import make_app
from hub.api.settings import ApiSettings

from .conftest import MemoryHub


@pytest.fixture
def server(memory: MemoryHub, settings: ApiSettings) -> Iterator[str]:
    """The API on a free port of 127.0.0.1, in a thread of its own."""
    config = uvicorn.Config(lambda: None, host="127.0.0.1", port=0, log_config=None, access_log=False, lifespan="off")
    socket = config.bind_socket()
    url = f"http://127.0.0.1:{socket.getsockname()[1]}"
    config.app = make_app(memory, memory, replace(settings, public_url=url))
    running = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(running.serve([socket])))
    thread.start()
    yield url
    running.should_exit = True
    thread.join()


@pytest.mark.long
def test_the_api_does_what_its_document_says(server: str, tmp_path: Path) -> None:
    # Whether valid data is accepted is left out: a booking wants a Slot that exists and a patient who is the caller.
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{server}/openapi.json"),
        *("-H", "Authorization: Bearer sbx_aino", "--phases", "coverage,fuzzing,stateful", "--max-time", "60"),
        *("--checks", "all", "--exclude-checks", "positive_data_acceptance", "--suppress-health-check", "all"),
        "--no-color",
    ]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)

    assert ended.returncode == 0, ended.stdout[-5000:] + ended.stderr[-2000:]
