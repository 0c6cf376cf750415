"""The sandbox's command: `silta sandbox init | serve | describe`, and the commands of a running one."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from typing import Annotated, Any, NoReturn

import typer

from sandbox.clock import ClockError
from sandbox.commands import clock, faults, journal, snapshots, world
from sandbox.commands.client import DEFAULT_STATE, JsonOption, StateOption
from sandbox.config import DEFAULT_PORT_BASE, DEFAULT_RESIDENTS, FILE, ConfigError, init_config
from sandbox.describe import describe as describe_sandbox
from sandbox.engine.store import StoreError
from sandbox.installations import INSTALLATIONS
from sandbox.population.build import LEAST_RESIDENTS, MOST_RESIDENTS
from sandbox.serve import ServeError, log_to_stderr
from sandbox.serve import serve as serve_sandbox

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Mock record systems with synthetic people: small, honest, deterministic by seed.",
)

PortBase = Annotated[
    int,
    typer.Option(
        "--port-base", min=0, max=65_000, help="First port of a new configuration; busy ones are passed over. 0: any."
    ),
]
for command in (world.status, world.reset, world.seed, world.person, world.goto, journal.journal):
    app.command()(command)
app.add_typer(faults.app, name="fault")
app.add_typer(snapshots.app, name="snapshot")
app.add_typer(clock.app, name="clock")


@app.command()
def init(
    state: StateOption = DEFAULT_STATE,
    port_base: PortBase = DEFAULT_PORT_BASE,
    installation: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="One to have; again for more. All of the default, else.")
    ] = None,
    residents: Annotated[
        int, typer.Option(min=LEAST_RESIDENTS, max=MOST_RESIDENTS, help="How many people there are.")
    ] = DEFAULT_RESIDENTS,
    as_json: Annotated[bool, typer.Option("--json", help="Print what `describe --json` prints.")] = False,
) -> None:
    """Write DIR/sandbox.toml (new secrets, free ports) unless it is there."""
    try:
        config, written = init_config(state, port_base, tuple(installation or INSTALLATIONS), residents)
    except ConfigError as err:
        _fail(err)
    if as_json:
        print(json.dumps(describe_sandbox(config, state), ensure_ascii=False, indent=2))
        return
    print(f"{state / FILE} {'written' if written else 'was there already'}.")
    print(f"Start the sandbox: silta sandbox serve --state {state}")
    print(f"Its control interface is described at http://{config.host}:{config.control_port}/openapi.json")


@app.command()
def serve(state: StateOption = DEFAULT_STATE, port_base: PortBase = DEFAULT_PORT_BASE) -> None:
    """Run every installation, the register and the control interface until Ctrl-C or SIGTERM."""
    log_to_stderr()
    try:
        config, _ = init_config(state, port_base)
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(serve_sandbox(config, state))
    except (ConfigError, ServeError, StoreError, ClockError) as err:
        _fail(err)


@app.command()
def describe(
    state: StateOption = DEFAULT_STATE,
    as_json: JsonOption = False,
) -> None:
    """Print persons, installations, addresses and credentials; needs no running server."""
    try:
        config, _ = init_config(state)
    except ConfigError as err:
        _fail(err)
    description = describe_sandbox(config, state)
    if as_json:
        print(json.dumps(description, ensure_ascii=False, indent=2))
    else:
        _print_description(description)


def _print_description(description: dict[str, Any]) -> None:
    print(f"control   {description['control']}   (described at {description['control']}/openapi.json)")
    print(f"register  {description['register']['address']}   manual {description['register']['manual']}")
    for one in description["installations"]:
        print(f"\n{one['name']}  {one['address']}  {one['protocol']}")
        print(f"  serves {', '.join(one['municipalities'])} ({', '.join(one['sectors'])}); manual {one['manual']}")
    print("\nTest persons")
    for person in description["persons"]:
        print(f"  {person['key']:<7} {person['hetu']}  {person['name']:<18} {person['behaviour']}")
    print("\nCredentials are left out here: describe --json prints them.")


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    if sys.platform == "win32":
        return asyncio.new_event_loop
    import uvloop

    return uvloop.new_event_loop


def _fail(err: Exception) -> NoReturn:
    print(err, file=sys.stderr)
    raise typer.Exit(1) from err
