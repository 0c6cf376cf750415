"""The adapters' own commands, called ``silta adapter`` by people. Every error ends with what to do next."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from adapters.kit.checking import Finding, Level, check_installation
from adapters.kit.configured import CannotRead, installations, today
from adapters.kit.examining import CannotExamine, examine
from adapters.kit.making import CannotMake, Transport, make
from adapters.systems import systems

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Adding a record system: make, check, examine.")
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def main() -> None:
    """``silta adapter``."""
    app(prog_name="silta adapter")


def fail(text: str, status: int = 2) -> NoReturn:
    """End with an error that says what to do next."""
    typer.echo(f"silta: {text}", err=True)
    raise typer.Exit(status)


@app.command()
def guide() -> None:
    """The guide, ADDING_A_SYSTEM.md, as it came with this release."""
    typer.echo(files("adapters").joinpath("ADDING_A_SYSTEM.md").read_text("utf-8"))


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="The system's name: small letters and digits.")],
    transport: Annotated[Transport, typer.Option(help="How it is spoken to.")],
    folder: Annotated[Path | None, typer.Option(help="Make it there (default: ./sotesilta-NAME).")] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a package for a new system: adapter, mapping, mock, manual stub, and tests that run."""
    target = folder or Path(f"sotesilta-{name}")
    try:
        made = make(name, transport, target)
    except CannotMake as err:
        fail(str(err))
    if as_json:
        typer.echo(json.dumps({"folder": str(target), "files": [str(one.relative_to(target)) for one in made]}))
        return
    typer.echo(f"Made {target}: {len(made)} files. Next:\n")
    typer.echo(f"  cd {target}\n  python -m pip install -e '.[test]'\n  silta adapter test {name}\n")
    typer.echo("Then INTERFACE.md, and what is written from it. The guide: silta adapter guide")


@app.command("test")
def examine_(
    name: Annotated[str, typer.Argument(help="The system's name.")],
    folder: Annotated[
        Path | None, typer.Option(help="Its package (default: here, ./sotesilta-NAME, or where it is installed from).")
    ] = None,
    only: Annotated[str, typer.Option("--only", help="Only tests whose name holds this, as pytest's -k.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Run the contract suite on a system's adapter: what passes, what is to do, which gaps are declared."""
    typer.echo(f"silta: the contract suite on {name}, a minute or so ...", err=True)
    try:
        account = examine(name, folder, only)
    except CannotExamine as err:
        fail(str(err))
    typer.echo(json.dumps(account.as_json(), ensure_ascii=False, indent=2) if as_json else account.as_text())
    raise typer.Exit(1 if account.failed else 0)


@app.command()
def check(
    name: Annotated[str, typer.Argument(help="An installation, or a system: then all of its installations.")],
    config: Annotated[
        Path, typer.Option(help="The hub's TOML file; --state DIR: the one in there.", envvar="SILTA_CONFIG")
    ] = Path("demo/hub.toml"),
    day: Annotated[
        str,
        typer.Option(help="The first day whose free times are looked at (2027-03-22); else the hub's today."),
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Ask a configured installation harmless questions: address, certificate, credentials, clock, characters, time
    zone, directory and free times, each with what to do about it."""
    try:
        first = date.fromisoformat(day) if day else today(config)
    except ValueError:
        fail(f"{day!r} is no day. Write it as --day 2027-03-22")
    try:
        wanted = [one for one in installations(config) if name in (one.name, one.system)]
    except CannotRead as err:
        fail(str(err))
    if not wanted:
        fail(f"{config} has no installation or system {name!r}. Add [[installation]] with its name and system.")
    opens = systems()
    found = {one.name: asyncio.run(check_installation(one, opens.get(one.system), first)) for one in wanted}
    if as_json:
        told = {key: [dataclasses.asdict(one) for one in findings] for key, findings in found.items()}
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        typer.echo("\n\n".join(f"{key}\n{_table(findings)}" for key, findings in found.items()))
    wrong = any(one.level is Level.FAULT for findings in found.values() for one in findings)
    raise typer.Exit(1 if wrong else 0)


def _table(findings: list[Finding]) -> str:
    lines = []
    for one in findings:
        lines.append(f"  {one.level:<8} {one.name:<14} {one.said}")
        lines += [f"  {'':<8} {'':<14} -> {one.fix}"] if one.fix else []
    return "\n".join(lines)
