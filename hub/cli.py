"""The hub's commands. Every one has ``--help`` and ``--json`` where it prints data, and errors that say what to do."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import fcntl
import gc
import json
import os
import re
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer
import uvicorn
import uvloop

from adapters.errors import Misconfigured
from canonical.hetu import mask
from canonical.times import to_local
from hub import explaining, failpoints
from hub.api.app import make_app
from hub.api.protocol import PunctualProtocol
from hub.bootstrap import Running, api_settings, business_clock, running, sealer
from hub.config import ConfigurationError, Settings, load
from hub.journal.ports import Row
from hub.logs import configure
from hub.store import Store
from hub.store.audit import AuditEntry
from hub.store.errors import StoreUnavailable, UnsafeDatabase
from hub.store.exchanges import Exchange
from hub.usecases.worklist import CannotEnd, Ending, Worklist

T = TypeVar("T")

app = typer.Typer(no_args_is_help=True, add_completion=False, help="The hub's own commands.")
msg = typer.Typer(no_args_is_help=True, help="What went over the wires.")
failpoint = typer.Typer(no_args_is_help=True, help="Let the hub die at a named point (sandbox only).")
config_ = typer.Typer(no_args_is_help=True, help="The configuration.")
worklist = typer.Typer(no_args_is_help=True, help="What the hub could not find out: a person ends it.")
route = typer.Typer(no_args_is_help=True, help="Which installation serves whom, on which day.")
app.add_typer(msg, name="msg")
app.add_typer(failpoint, name="failpoint")
app.add_typer(config_, name="config")
app.add_typer(route, name="route")
app.add_typer(worklist, name="worklist")

ConfigOption = Annotated[
    Path,
    typer.Option(
        "--config", help="The hub's TOML file; --state DIR: the one in there.", envvar="SILTA_CONFIG", dir_okay=False
    ),
]
DEFAULT = Path("demo/hub.toml")
STOPS = (signal.SIGINT, signal.SIGTERM)
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def main() -> None:
    """``python -m hub``, called ``silta`` by people."""
    app(prog_name="silta")


def fail(text: str, status: int = 1) -> NoReturn:
    """End with an error that says what to do next."""
    typer.echo(f"silta: {text}", err=True)
    raise typer.Exit(status)


def _load(file: Path) -> Settings:
    try:
        return load(file)
    except ConfigurationError as error:
        listed = "\n".join(f"  - {problem}" for problem in error.problems)
        fail(f"{error.file} cannot be used:\n{listed}\nMend it and run: silta config check --config {error.file}", 2)


@app.command()
def serve(
    config: ConfigOption = DEFAULT,
    host: Annotated[str | None, typer.Option(help="Bind there instead of hub.host.")] = None,
) -> None:
    """Run the hub: API, deliveries, and (without a broker) its own worker."""
    configure()
    settings = _load(config)
    if host is not None:
        settings = settings.model_copy(update={"hub": settings.hub.model_copy(update={"host": host})})
    with _owning(settings, config), _starting(config), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings))


@contextlib.contextmanager
def _owning(settings: Settings, config: Path) -> Iterator[None]:
    """A SQLite store has one owner at a time; the lock goes with the process, however it ends. Any number of hubs share
    a PostgreSQL store: they write nothing beside their configuration."""
    if not settings.hub.store.startswith("sqlite:"):
        yield
        return
    pid = config.parent / "hub.pid"
    with (config.parent / "hub.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            fail(f"another hub already runs on {settings.hub.store}. Stop it first (its pid is in hub.pid).")
        pid.write_text(str(os.getpid()))
        try:
            yield
        finally:
            pid.unlink(missing_ok=True)


@contextlib.contextmanager
def _starting(config: Path) -> Iterator[None]:
    """What keeps a hub from starting, as an error that says what to do next."""
    try:
        yield
    except (Misconfigured, LookupError, UnsafeDatabase, StoreUnavailable) as error:
        fail(f"the hub cannot start: {error}. Mend {config} and start again.")


class _Server(uvicorn.Server):
    """A server that ends when it is asked to, and no more: uvicorn's own raises the signal again when it has closed its
    connections, and the process would die before the hub has ended what it works on."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in STOPS:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield


async def _serve(settings: Settings) -> None:
    async with running(settings) as hub:
        server = _Server(
            uvicorn.Config(
                make_app(hub.hub, hub.hub, api_settings(settings, hub)),
                host=settings.hub.host,
                port=settings.hub.port,
                http=PunctualProtocol,
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                lifespan="off",
                timeout_keep_alive=30,
                timeout_graceful_shutdown=15,
                limit_concurrency=2000,
            )
        )
        # What is there by now stays: a full collection would walk it again and again, and answers wait meanwhile.
        gc.collect()
        gc.freeze()
        typer.echo(f"silta: the hub serves {settings.hub.public_url}/fhir", err=True)
        await server.serve()
        if not server.started:
            fail(f"port {settings.hub.port} cannot be bound. Stop what uses it, or change hub.port.")


@app.command()
def worker(
    config: ConfigOption = DEFAULT,
    alive: Annotated[
        Path | None, typer.Option(help="Touch this file while the work goes on: a health check looks at its age.")
    ] = None,
) -> None:
    """Run a worker that settles unknown outcomes, beside any number of others. Needs a broker and PostgreSQL."""
    configure()
    settings = _load(config)
    if not settings.hub.broker:
        fail("hub.broker is not set: without a broker the hub is its own worker. Set it, or run: silta serve", 2)
    with _starting(config):
        asyncio.run(_work(settings, alive))


async def _work(settings: Settings, alive: Path | None) -> None:
    """Until SIGINT or SIGTERM; what ends the work sooner ends the process with it."""
    asked, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in STOPS:
        loop.add_signal_handler(number, asked.set)
    made = Running(settings)
    steady, ended = asyncio.create_task(made.work(alive)), asyncio.create_task(asked.wait())
    typer.echo(f"silta: a worker of queue {settings.hub.queue}", err=True)
    try:
        await asyncio.wait({steady, ended}, return_when=asyncio.FIRST_COMPLETED)
        if steady.done():
            steady.result()
    finally:
        steady.cancel()
        await asyncio.gather(steady, return_exceptions=True)
        await made.stop()


@msg.command("show")
def show(
    identifier: Annotated[str, typer.Argument(metavar="ID", help="A request, command (Task) or exchange id.")],
    config: ConfigOption = DEFAULT,
    reveal: Annotated[str, typer.Option(help="Show it unmasked; the reason is written to the audit record.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Every exchange of a request: what came, what was sent to which system, what it answered, and the notes."""
    found = asyncio.run(_find(_load(config), identifier, reveal))
    if not found:
        fail(f"no exchange of {identifier}. Ids are in X-Request-Id of every answer and in Location of a receipt.")
    shown = [_plain(one, reveal=bool(reveal)) for one in found]
    typer.echo(json.dumps(shown, ensure_ascii=False, indent=2) if as_json else "\n".join(map(_text, shown)))


async def _find(settings: Settings, identifier: str, reveal: str) -> list[Exchange]:
    store = Store.open(settings.hub.store, sealer(settings.hub))
    try:
        found = await store.exchanges.find(identifier)
        if reveal and found:
            await store.audit.record(_revealed(identifier, reveal))
        return found
    finally:
        await store.close()


def _revealed(identifier: str, reason: str) -> AuditEntry:
    return AuditEntry(
        at=datetime.now(UTC).timestamp(),
        request_id=identifier,
        client=f"operator:{os.environ.get('USER', 'unknown')}",
        resident=None,
        acting_for=None,
        patient=None,
        kind="Exchange",
        interaction="reveal",
        purpose=reason,
        register="hub",
        outcome="success",
    )


def _plain(one: Exchange, *, reveal: bool) -> dict[str, Any]:
    """An exchange as JSON; what is shaped like a HETU is masked unless it is revealed with a reason."""

    def text(raw: bytes | None) -> str | None:
        if raw is None:
            return None
        try:
            decoded = raw.decode("utf-8")
        except UnicodeDecodeError:
            decoded = raw.decode("iso-8859-1")
        return decoded if reveal else mask(decoded)

    plain = dataclasses.asdict(one) | {"raw_in": text(one.raw_in), "raw_out": text(one.raw_out)}
    plain["started"] = datetime.fromtimestamp(one.started, UTC).isoformat(timespec="milliseconds")
    plain["milliseconds"] = None if one.ended is None else round((one.ended - one.started) * 1000, 1)
    del plain["ended"]
    return plain


def _text(one: dict[str, Any]) -> str:
    arrow = {"in": "<- from", "out": "-> to"}[one["direction"]]
    took = "no answer yet" if one["milliseconds"] is None else f"{one['milliseconds']} ms"
    lines = [f"{one['started']}  {arrow} {one['peer']}  {one['operation']}  {one['outcome'] or '?'}  {took}"]
    lines.append(f"  request {one['request_id']}  command {one['command_id'] or '-'}  exchange {one['id']}")
    first, second = ("raw_in", "raw_out") if one["direction"] == "in" else ("raw_out", "raw_in")
    for name in (first, second):
        if one[name]:
            lines.append(f"  {'in ' if name == 'raw_in' else 'out'} |")
            lines += [f"      | {line}" for line in one[name].replace("\r", "\n").rstrip("\n").split("\n")]
    lines += [f"  note {n['kind']} {n['path']}: {n['text']}" for n in one["notes"]]
    return "\n".join(lines) + "\n"


class Word(StrEnum):
    """The last word of a person."""

    DONE = "done"
    NOTHING_DONE = "nothing-done"


@worklist.command("list")
def waiting(config: ConfigOption = DEFAULT, as_json: JsonOption = False) -> None:
    """What needs a person, oldest first: which command, where, since when, and why."""

    async def listed(made: Worklist) -> list[dict[str, Any]]:
        return [_waiting(one.row) for one in await made.listed()]

    found = asyncio.run(_with_worklist(_load(config), listed))
    lines = [f"{one['id']}  {one['kind']}  {one['installation']}  {one['since']}  {one['problem']}" for one in found]
    typer.echo(json.dumps(found) if as_json else "\n".join(lines) or "nothing needs a person")


@worklist.command("end")
def end(
    identifier: Annotated[str, typer.Argument(metavar="ID", help="The command's id: of its receipt (Task).")],
    word: Annotated[Word, typer.Option("--as", help="What is so in the record system.")],
    reason: Annotated[str, typer.Option(help="Why; it is written to the audit record.")],
    unasked: Annotated[bool, typer.Option("--unasked", help="Do not ask the record system whether it is so.")] = False,
    config: ConfigOption = DEFAULT,
) -> None:
    """End what needs a person. The record system is asked, and must not contradict; the portal's receipt then tells."""
    operator = os.environ.get("USER", "unknown")
    ending = Ending(word is Word.DONE, reason, operator, unasked)
    try:
        row = asyncio.run(_with_worklist(_load(config), lambda made: made.end(identifier, ending)))
    except CannotEnd as error:
        fail(f"not ended: {error}")
    typer.echo(f"{row.new.id}: {row.state}")


async def _with_worklist(settings: Settings, use: Callable[[Worklist], Awaitable[T]]) -> T:
    made = Running(settings)
    try:
        return await use(made.worklist)
    finally:
        await made.stop()


def _waiting(row: Row) -> dict[str, Any]:
    since = datetime.fromtimestamp(row.accepted_at, UTC).isoformat(timespec="seconds")
    new, problem = row.new, row.problem.code if row.problem is not None else ""
    return {
        "id": new.id,
        "kind": new.command.kind,
        "installation": new.installation,
        "since": since,
        "problem": problem,
    }


@failpoint.command("arm")
def arm(name: str, config: ConfigOption = DEFAULT) -> None:
    """Let the hub die (as by kill -9) the next time it reaches the point, once."""
    folder = _load(config).hub.failpoints
    if folder is None:
        fail("hub.failpoints is not set: failpoints exist in the sandbox profile only.", 4)
    try:
        failpoints.arm(Path(folder), name)
    except ValueError as error:
        fail(str(error), 2)
    typer.echo(f"armed: {name}. The next write that reaches it kills the hub; the demo starts it again.")


@failpoint.command("list")
def list_(config: ConfigOption = DEFAULT, as_json: JsonOption = False) -> None:
    """The failpoints, in the order a write meets them."""
    typer.echo(json.dumps(failpoints.NAMES) if as_json else "\n".join(failpoints.NAMES))


@config_.command("check")
def check(config: ConfigOption = DEFAULT, as_json: JsonOption = False) -> None:
    """Every problem of a configuration file, with its place."""
    try:
        settings = load(config)
    except ConfigurationError as error:
        listed = json.dumps(error.problems) if as_json else "\n".join(f"- {problem}" for problem in error.problems)
        typer.echo(listed)
        sys.exit(2)
    names = [one.name for one in settings.installation]
    typer.echo(json.dumps([]) if as_json else f"{config}: in order ({len(names)} installations: {', '.join(names)})")


class Sector(StrEnum):
    """The sectors of services."""

    HEALTH = "health"
    ORAL = "oral"
    SOCIAL = "social"


@route.command("explain")
def explain(
    municipality: Annotated[str, typer.Option(help="The code of the resident's municipality: three digits, 018.")],
    sector: Annotated[Sector, typer.Option(help="Of the service.")],
    day: Annotated[str, typer.Option(help="Of the visit, 2027-03-22; today of the hub's clock, if left out.")] = "",
    config: ConfigOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Which installation serves the municipality on that day, by which rule and why; other days; the rest of the
    county."""
    settings = _load(config)
    if not re.fullmatch("[0-9]{3}", municipality):
        fail(f"{municipality!r} is no code of a municipality. Write its three digits: --municipality 018", 2)
    try:
        asked = date.fromisoformat(day) if day else to_local(business_clock(settings.hub).now()).date()
    except ValueError:
        fail(f"{day!r} is no day. Write it as --day 2027-03-22", 2)
    lines = explaining.lines_of(config.read_text("utf-8"), len(settings.route))
    found = explaining.explain(settings.routing(), lines, municipality, sector.value, asked)
    told = {"file": str(config), **explaining.as_json(found)}
    typer.echo(json.dumps(told, ensure_ascii=False, indent=2) if as_json else explaining.as_text(found, str(config)))
