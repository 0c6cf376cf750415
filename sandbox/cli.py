"""The sandbox's command: `silta sandbox init | serve | describe`."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from sandbox.clock import ClockError
from sandbox.config import DEFAULT_PORT_BASE, FILE, ConfigError, init_config
from sandbox.describe import describe as describe_sandbox
from sandbox.engine.store import StoreError
from sandbox.serve import ServeError, log_to_stderr
from sandbox.serve import serve as serve_sandbox

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Mock record systems with synthetic people: small, honest, deterministic by seed.",
)

State = Annotated[Path, typer.Option("--state", help="The directory that keeps configuration, clock and data.")]
PortBase = Annotated[
    int,
    typer.Option(
        "--port-base", min=0, max=65_000, help="First port of a new configuration; busy ones are passed over. 0: any."
    ),
]
DEFAULT_STATE = Path(".silta")


@app.command()
def init(state: State = DEFAULT_STATE, port_base: PortBase = DEFAULT_PORT_BASE) -> None:
    """Write DIR/sandbox.toml (new secrets, free ports) unless it is there."""
    try:
        config, written = init_config(state, port_base)
    except ConfigError as err:
        _fail(err)
    print(f"{state / FILE} {'written' if written else 'was there already'}.")
    print(f"Start the sandbox: silta sandbox serve --state {state}")
    print(f"Its control interface is described at http://{config.host}:{config.control_port}/openapi.json")


@app.command()
def serve(state: State = DEFAULT_STATE, port_base: PortBase = DEFAULT_PORT_BASE) -> None:
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
    state: State = DEFAULT_STATE,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
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
