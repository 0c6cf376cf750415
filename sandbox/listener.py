"""An ASGI application on a port of its own, several of them in one event loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

STOP_SECONDS = 2


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the process: uvicorn would take them for itself, once per server."""
        yield


class HttpListener:
    """One HTTP server. Bind errors are raised, where uvicorn alone would end the process."""

    def __init__(self, app: ASGIApp, host: str, port: int) -> None:
        self._app = app
        self._host = host
        self._port = port
        self._server: _Server | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The port listened on; the one asked for until `start` has got one."""
        return self._port

    async def start(self) -> None:
        """Listen; returns when requests are answered. Raises OSError if the port cannot be had."""
        listening = bind(self._host, self._port)
        self._port = listening.getsockname()[1]
        config = uvicorn.Config(
            self._app,
            access_log=False,
            log_config=None,
            lifespan="off",
            http="httptools",
            ws="none",
            server_header=False,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
        self._server = _Server(config)
        self._task = asyncio.create_task(self._server.serve(sockets=[listening]))
        while not self._server.started:
            if self._task.done():
                self._task.result()
                raise OSError(f"The server of port {self._port} ended while it started.")
            await asyncio.sleep(0.005)

    async def stop(self) -> None:
        """Stop listening and wait for running requests, for a short while. Safe to call when not started."""
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            await self._task
            self._server = self._task = None


def bind(host: str, port: int) -> socket.socket:
    """Return a bound TCP socket for a server. Raises OSError if the port cannot be had."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        # A port that a stopped server left in TIME_WAIT may be had again at once; a port in use may not.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
    except OSError:
        listening.close()
        raise
    return listening
