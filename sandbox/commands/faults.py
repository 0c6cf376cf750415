"""`silta sandbox fault`: what can go wrong, what does now."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Any

import typer

from sandbox.commands.client import DEFAULT_STATE, USAGE, Control, JsonOption, StateOption, fail, path
from sandbox.commands.output import plural, show, table

app = typer.Typer(no_args_is_help=True, help="Faults: arm, list, clear. Each ends by a count or a time.")
Installation = Annotated[str, typer.Argument(metavar="INSTALLATION", help="As `silta sandbox status` lists them.")]


@app.command()
def kinds(state: StateOption = DEFAULT_STATE, as_json: JsonOption = False) -> None:
    """What can go wrong, with its parameters; in JSON also where."""
    told = Control(state).get("/faults/kinds")
    rows = [(one["kind"], _pairs(one["params"]), one["summary"]) for one in told]
    show(told, table(rows), as_json=as_json)


@app.command("list")
def list_(
    everything: Annotated[bool, typer.Option("--all", help="The test persons' own behaviours, too.")] = False,
    state: StateOption = DEFAULT_STATE,
    as_json: JsonOption = False,
) -> None:
    """The faults that are on, everywhere."""
    control = Control(state)
    told = [
        {"installation": name, **fault}
        for name in control.installations()
        for fault in control.get(path("installations", name, "faults"))
        if everything or not fault["standing"]
    ]
    text = table([_row(one) for one in told]) if told else "No fault is armed. Next: silta sandbox fault kinds"
    show(told, text, as_json=as_json)


@app.command()
def arm(
    installation: Installation,
    kind: Annotated[str, typer.Argument(help="As `silta sandbox fault kinds` lists them.")],
    operation: Annotated[str, typer.Option(help="Only this one: book, move, cancel, find, list, read ...")] = "*",
    person: Annotated[str | None, typer.Option(help="Only for this test person (key) or resident (HETU).")] = None,
    times: Annotated[int | None, typer.Option(min=1, help="Ends after so many requests (else one).")] = None,
    seconds: Annotated[float | None, typer.Option(help="Ends after so many seconds of real time.")] = None,
    param: Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A parameter.")] = None,
    state: StateOption = DEFAULT_STATE,
    as_json: JsonOption = False,
) -> None:
    """Let something go wrong, as in: silta sandbox fault arm pegasos-loviisa slow --set seconds=3 --times 2"""
    told = Control(state).post(
        path("installations", installation, "faults"),
        kind=kind,
        operation=operation,
        person=person,
        count=times,
        seconds=seconds,
        params=dict(_parameter(one) for one in param or ()),
    )
    show(told, table([_row({"installation": installation, **told})]), as_json=as_json)


@app.command()
def clear(
    installation: Annotated[str | None, typer.Argument(metavar="INSTALLATION", help="Everywhere, if left out.")] = None,
    fault: Annotated[str | None, typer.Argument(metavar="ID", help="This one alone.")] = None,
    state: StateOption = DEFAULT_STATE,
    as_json: JsonOption = False,
) -> None:
    """End armed faults: all, an installation's, or one."""
    control = Control(state)
    names = [installation] if installation else control.installations()
    one = [fault] if fault else []
    ended = sum(control.delete(path("installations", name, "faults", *one))["ended"] for name in names)
    show({"ended": ended}, f"{plural(ended, 'fault')} ended", as_json=as_json)


def _parameter(text: str) -> tuple[str, str | int | float]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        fail(f"--set {text} is no NAME=VALUE, such as seconds=3. Next: silta sandbox fault kinds", USAGE)
    # A number only where nothing is lost by it: a code of an error may begin with a zero.
    for kind in (int, float):
        with suppress(ValueError):
            if str(number := kind(value)) == value:
                return name, number
    return name, value


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    ends = [plural(one["left"], "request") + " left"] if one["left"] is not None else []
    ends += [f"ends in {one['ends_in']:.0f} s"] if one["ends_in"] is not None else []
    whose = one["person"] or "anybody"
    return (
        *(one["installation"], one["id"], one["kind"], one["operation"], whose, _pairs(one["params"])),
        ", ".join(ends) or "always",
    )


def _pairs(params: dict[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in params.items()) or "-"
