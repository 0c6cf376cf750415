"""``silta``: one command for everything, thin. Each part's own commands run in that part's own process."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import MutableMapping, Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from silta.demo import Supervisor, check_ports
from silta.state import State, StateError, prepare

app = typer.Typer(no_args_is_help=True, add_completion=True, help="Sotesilta: the bridge between portals and records.")
OTHERS = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
StateOption = Annotated[Path, typer.Option("--state", help="Folder of everything a demo keeps.", envvar="SILTA_STATE")]
DEFAULT_STATE = Path("demo")


def main() -> None:
    """The console script."""
    try:
        app()
    except StateError as error:
        typer.echo(f"silta: {error}", err=True)
        raise SystemExit(1) from None


@app.command()
def demo(
    port: Annotated[
        int | None, typer.Option(min=1, max=65000, help="The hub's port on loopback (default 8080).")
    ] = None,
    state: StateOption = DEFAULT_STATE,
    as_json: Annotated[bool, typer.Option("--json", help="Print demo.json instead of the greeting.")] = False,
) -> None:
    """Start the sandbox and the hub, print where they are and three commands to try; Ctrl-C stops both."""
    made = prepare(state, port)
    check_ports(made)

    def greet(ready: State) -> None:
        typer.echo(json.dumps(ready.demo(), ensure_ascii=False) if as_json else greeting(ready))

    raise SystemExit(Supervisor(made).run(lambda text: typer.echo(f"silta: {text}", err=True), greet))


@app.command()
def serve(
    state: StateOption = DEFAULT_STATE,
    config: Annotated[Path | None, typer.Option(help="The hub's own TOML file; --state is then not used.")] = None,
    host: Annotated[str | None, typer.Option(help="Bind there instead of hub.host.")] = None,
) -> None:
    """Run the hub alone."""
    more = ["--host", host] if host else []
    _run("hub", "serve", "--config", str(config or prepare(state, None).hub_toml), *more)


@app.command()
def env(
    state: StateOption = DEFAULT_STATE,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of shell assignments.")] = False,
) -> None:
    """The demo's addresses and Authorization headers for a shell: eval "$(silta env)"."""
    file = State(state.resolve()).demo_json
    if not file.exists():
        raise StateError(f"there is no demo in {state}. Start one: silta demo --state {state}")
    demo = State(state.resolve()).demo()
    known = {"FHIR": demo["fhir"], "SANDBOX": demo["sandbox"]}
    names = {name.upper().replace("-", "_"): token for name, token in demo["tokens"].items()}
    known |= {name: f"Authorization: Bearer {token}" for name, token in names.items()}
    known |= {"SILTA_STATE": str(state.resolve()), "SILTA_CONFIG": str(State(state.resolve()).hub_toml)}
    shell = "\n".join(f"export {name}={shlex.quote(value)}" for name, value in known.items())
    typer.echo(json.dumps(known) if as_json else shell)


@app.command("sandbox", context_settings=OTHERS)
def sandbox_(context: typer.Context) -> None:
    """The sandbox's own commands (status, person, goto, fault, snapshot, journal, reset ...)."""
    if context.args[:1] == ["serve"]:
        prepare(_state_of(context.args), None)
    _sandbox(*context.args)


@app.command("clock", context_settings=OTHERS)
def clock(context: typer.Context) -> None:
    """The sandbox's business time, the hub's today: show, freeze, advance, run."""
    _sandbox("clock", *context.args)


@app.command("map", context_settings=OTHERS)
def map_(context: typer.Context) -> None:
    """Mappings: which FHIR field came from where by which rule (explain, coverage, watch, doc)."""
    _run("mappings", *context.args)


def _sandbox(*arguments: str) -> NoReturn:
    os.environ.setdefault("SILTA_STATE", str(DEFAULT_STATE))
    _run("sandbox", *arguments)


@app.command("adapter", context_settings=OTHERS)
def adapter(context: typer.Context) -> None:
    """Adding a record system: make a package for it (new), ask an installation (check), run the suite (test)."""
    _run("adapters", *for_hub(context.args, os.environ))


def _hub_command(name: str, text: str) -> None:
    @app.command(name, context_settings=OTHERS, help=text)
    def forward(context: typer.Context) -> None:
        _run("hub", name, *for_hub(context.args, os.environ))


_hub_command("msg", "What went over the wires: silta msg show ID [--state DIR].")
_hub_command("worklist", "What the hub could not find out: silta worklist list, and end ID --as done --reason TEXT.")
_hub_command("worker", "Run a worker that settles unknown outcomes, beside any number of others.")
_hub_command("failpoint", "Let the hub die at a named point (sandbox only).")
_hub_command("route", "Which installation serves whom on which day, and why: silta route explain.")
_hub_command("config", "Check a configuration file: every problem, with its place.")


def for_hub(arguments: Sequence[str], environ: MutableMapping[str, str]) -> list[str]:
    """The arguments of a command of the hub's, which knows no state folder: ``--state DIR`` names the configuration in
    it. SILTA_STATE does, in ``environ``, where SILTA_CONFIG does not."""
    if "SILTA_STATE" in environ:
        environ.setdefault("SILTA_CONFIG", str(State(Path(environ["SILTA_STATE"])).hub_toml))
    made: list[str] = []
    rest = iter(arguments)
    for one in rest:
        name, equals, folder = one.partition("=")
        if name == "--state":
            made += ["--config", str(State(Path(folder if equals else next(rest, ""))).hub_toml)]
        else:
            made.append(one)
    return made


def _state_of(arguments: list[str]) -> Path:
    for at, argument in enumerate(arguments):
        if argument == "--state" and at + 1 < len(arguments):
            return Path(arguments[at + 1])
        if argument.startswith("--state="):
            return Path(argument.removeprefix("--state="))
    return Path(os.environ.get("SILTA_STATE", DEFAULT_STATE))


def _run(module: str, *arguments: str) -> NoReturn:
    """Become that part's process: signals and exit status are its own."""
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])


def greeting(state: State) -> str:
    """Where everything is, and three commands to try."""
    demo = state.demo()
    fhir, tokens = demo["fhir"], demo["tokens"]
    bearer = f'-H "Authorization: Bearer {tokens["aino"]}"'
    names, addresses = (max(len(one[key]) for one in demo["installations"]) for key in ("name", "address"))
    systems = "\n".join(
        f"    {one['name']:<{names}} {one['address']:<{addresses}} {one['manual']}" for one in demo["installations"]
    )
    people = "\n".join(f"    {name:<16} {token}" for name, token in tokens.items())
    return f"""
Sotesilta is running.                          SANDBOX: synthetic people and data only
  FHIR API         {fhir}
  Docs             {demo["docs"]}
  Sandbox control  {demo["sandbox"]}   ({demo["sandbox"]}/docs)
  Record systems
{systems}
  Tokens
{people}
  Everything above, for programs: {state.demo_json}

Try:
  curl {bearer} "{fhir}/Slot?status=free&_count=3"
  curl {bearer} "{fhir}/Patient"
  curl {bearer} "{fhir}/Appointment"

Ctrl-C stops everything.
"""
