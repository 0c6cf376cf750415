"""The hub as it runs on servers: two API processes and two workers on PostgreSQL and RabbitMQ, beside a sandbox."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel
from sqlalchemy import Engine, create_engine, make_url

from silta.state import prepare
from silta.testing.ports import block
from tests.hub.store.conftest import a_postgres_database
from tests.journeys.conftest import Demo, Shorten, shortened
from tests.journeys.relay import Relay
from tests.plain_http import PLAIN

QUICK: Shorten = {
    "hub": {"deadline": 3.0, "first_look": 0.5, "longest_wait": 2.0},
    "lifecare-porvoo": {"limit": 3.0, "quiescence": 5.0},
    "pegasos-loviisa": {"limit": 3.0, "quiescence": 5.0},
}
"""A command of a dead process is taken up when its lease ends: three limits and half a minute later."""


@dataclass
class Part:
    """A process that a test may stop, kill and start again. Its configuration is in a folder of its own."""

    name: str
    config: Path
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None

    @property
    def failpoints(self) -> Path:
        return self.config.parent.with_name(f"{self.name}.failpoints")

    @property
    def alive(self) -> Path:
        return self.config.parent.with_name(f"{self.name}.alive")

    @property
    def log(self) -> Path:
        return self.config.parent.with_name(f"{self.name}.log")

    def start(self) -> None:
        """An API process, or (``worker-…``) a worker that is at work when this returns."""
        arguments = ["serve", "--config", str(self.config)]
        if works := self.name.startswith("worker"):
            self.alive.unlink(missing_ok=True)
            arguments = ["worker", "--config", str(self.config), "--alive", str(self.alive)]
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "silta", *arguments]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=self.environment)
        until = time.monotonic() + 30
        while works and not self.alive.exists():
            failed = self.process.poll() is not None or time.monotonic() > until
            assert not failed, f"{self.name} does not work: {self.log.read_text()[-2000:]}"
            time.sleep(0.05)

    def ended(self, within: float = 30.0) -> int:
        """Its exit status, once it has ended."""
        assert self.process is not None
        return self.process.wait(within)

    def stop(self) -> int:
        """Stopped as an operator stops it; the exit status."""
        if self.process is None or self.process.poll() is not None:
            return 0
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.ended()
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


@dataclass
class Servers:
    """``a`` and ``b`` are the same hub through its two API processes."""

    a: Demo
    b: Demo
    parts: dict[str, Part]
    engine: Engine
    queue: str
    channel: BlockingChannel
    relay: Relay

    def clear_faults(self) -> None:
        self.a.clear_faults()

    def queued(self) -> list[bytes]:
        """The messages that wait for a worker, left where they are."""
        found = []
        while (got := self.channel.basic_get(self.queue))[0] is not None:
            found.append(got)
        if found:
            self.channel.basic_nack(found[-1][0].delivery_tag, multiple=True, requeue=True)
        return [body for _, _, body in found]

    def consumers(self) -> int:
        """How many take from the queue."""
        return int(self.channel.queue_declare(self.queue, passive=True).method.consumer_count)

    def purge(self) -> None:
        self.channel.queue_purge(self.queue)

    def stored(self) -> Iterator[str]:
        """Every row of every table, as text (bytes are in hexadecimal)."""
        with self.engine.connect() as connection:
            listed = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            for (table,) in connection.exec_driver_sql(listed).all():
                yield from connection.exec_driver_sql(f'SELECT t::text FROM "{table}" t').scalars()

    def cut_off(self) -> None:
        """End every connection that the hub's processes have to the database."""
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
        with self.engine.connect() as connection:
            connection.exec_driver_sql(others + "AND pid <> pg_backend_pid()")


@contextlib.contextmanager
def started(folder: Path, broker: str) -> Iterator[Servers]:
    """Everything but the second worker runs; at the end nothing is left, neither processes nor database nor queue."""
    queue = f"silta-test-{secrets.token_hex(6)}"
    with a_postgres_database() as store, _channel(broker, queue) as channel, contextlib.ExitStack() as ending:
        server = make_url(broker)
        relay = Relay(server.host or "127.0.0.1", server.port or 5672)
        ending.callback(relay.cut)
        relayed = server.set(host="127.0.0.1", port=relay.port).render_as_string(hide_password=False)
        given = {"SILTA_STORE": store, "SILTA_BROKER": relayed}
        port = ending.enter_context(block())
        with pytest.MonkeyPatch.context() as patch:
            for name, value in given.items():
                patch.setenv(name, value)
            made = prepare(folder, port, shortened(QUICK))
        text = made.hub_toml.read_text("utf-8")
        assert store not in text
        assert relayed not in text
        text = text.replace("[hub]\n", f'[hub]\nqueue = "{queue}"\n', 1)
        ports = {"a": port, "b": port + 15}
        parts = {name: _part(folder, name, text, ports.get(name, port), given) for name in (*ports, *WORKERS)}
        command = [sys.executable, "-m", "sandbox", "serve", "--state", str(folder)]
        sandbox_log = ending.enter_context((folder / "sandbox.log").open("wb"))
        sandbox = subprocess.Popen(command, stdout=sandbox_log, stderr=sandbox_log)
        ending.callback(_stop_all, sandbox, parts)
        told = json.loads(made.demo_json.read_text("utf-8"))
        _answers(told["sandbox"] + "/openapi.json")
        for name in (*ports, WORKERS[0]):
            parts[name].start()
        engine = create_engine(store)
        ending.callback(engine.dispose)
        a = Demo(folder, told, parts["a"].log)
        b = dataclasses.replace(a, told=told | {"fhir": f"http://127.0.0.1:{ports['b']}/fhir"}, output=parts["b"].log)
        for one in (a, b):
            one.wait_ready()
        yield Servers(a, b, parts, engine, queue, channel, relay)


WORKERS = ("worker-1", "worker-2")


def _part(folder: Path, name: str, text: str, port: int, given: dict[str, str]) -> Part:
    """A part with its configuration: its own port and failpoints, and the public address that both APIs have."""
    part = Part(name, folder / name / "hub.toml", os.environ | given)
    part.config.parent.mkdir()
    text = re.sub(r"^port = \d+$", f"port = {port}", text, count=1, flags=re.MULTILINE)
    text = re.sub(r"^failpoints = .*$", f'failpoints = "{part.failpoints}"', text, count=1, flags=re.MULTILINE)
    part.config.write_text(text, "utf-8")
    return part


def _stop_all(sandbox: subprocess.Popen[bytes], parts: dict[str, Part]) -> None:
    try:
        for part in parts.values():
            part.stop()
    finally:
        sandbox.terminate()
        sandbox.wait(30)


def _answers(url: str, within: float = 60.0) -> None:
    until = time.monotonic() + within
    while time.monotonic() < until:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(url, verify=PLAIN).is_success:
                return
        time.sleep(0.1)
    raise AssertionError(f"{url} does not answer")


@contextlib.contextmanager
def _channel(broker: str, queue: str) -> Iterator[BlockingChannel]:
    """A way to look at the broker; what belongs to the queue goes at the end."""
    parameters: Any = pika.URLParameters(broker)
    parameters.heartbeat = 0  # between two looks nobody answers for it
    connection = pika.BlockingConnection(parameters)
    channel = connection.channel()
    try:
        yield channel
    finally:
        for name in (queue, f"{queue}.DQ", f"{queue}.XQ"):
            channel.queue_delete(name)
        connection.close()
