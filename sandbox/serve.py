"""Running the sandbox: one process, one event loop, a port per installation."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sandbox.config import FILE, SandboxConfig
from sandbox.control.app import control_app
from sandbox.listener import HttpListener
from sandbox.population_register.app import register_app
from sandbox.upkeep import Upkeep
from sandbox.world import World

PID_FILE: Final = "sandbox.pid"

log = logging.getLogger("sandbox")


class ServeError(Exception):
    """The sandbox cannot start; the text says what to do."""


class JsonLines(logging.Formatter):
    """One JSON object per line: time (real, UTC), level, logger, event."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as a line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def log_to_stderr() -> None:
    """Send every log line of the process to stderr as JSON."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for chatty in ("uvicorn.error", "uvicorn"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Running:
    """A sandbox that runs, with the ports it got."""

    world: World
    upkeep: Upkeep
    control: HttpListener
    register: HttpListener


@asynccontextmanager
async def running(config: SandboxConfig, state: Path) -> AsyncIterator[Running]:
    """Run the sandbox of a state directory while the block runs.

    Raises ServeError when the control or register port cannot be had; StoreError or ClockError for a damaged state.
    """
    world = World(config, state)
    # The state is locked by now, so the file is this process's alone.
    pid_file = state / PID_FILE
    pid_file.write_text(f"{os.getpid()}\n", encoding="ascii")
    upkeep = Upkeep(world)
    control = HttpListener(control_app(world, upkeep), config.host, config.control_port)
    register_asgi = register_app(lambda: world.population, config.register_.api_key)
    register = HttpListener(register_asgi, config.host, config.register_.port)
    try:
        await _start(register, "register", config.register_.port, state)
        await upkeep.start()
        # Last: whoever sees the control interface answer finds everything else in place.
        await _start(control, "control", config.control_port, state)
        yield Running(world, upkeep, control, register)
    finally:
        await asyncio.gather(control.stop(), register.stop())
        await upkeep.stop()
        pid_file.unlink(missing_ok=True)
        world.close()


async def serve(config: SandboxConfig, state: Path) -> None:
    """Run the sandbox until SIGTERM or SIGINT. Raises what `running` raises."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with running(config, state) as sandbox:
        log.info("ready: control interface on http://%s:%d", config.host, sandbox.control.port)
        await _stopped(stop, sandbox.upkeep)
        log.info("stopping")


async def _stopped(stop: asyncio.Event, upkeep: Upkeep) -> None:
    """Wait until somebody asks to stop. Raises what ended the upkeep, if that comes first."""
    asked, failed = asyncio.create_task(stop.wait()), asyncio.create_task(upkeep.failed())
    done, pending = await asyncio.wait({asked, failed}, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    for task in done:
        task.result()


async def _start(listener: HttpListener, what: str, port: int, state: Path) -> None:
    try:
        await listener.start()
    except OSError as err:
        raise ServeError(
            f"The {what} interface cannot listen on port {port} ({err.strerror or err}). Is another sandbox running? "
            f"Stop it, or change the port in {state / FILE}, and start again."
        ) from err
