"""`silta sandbox snapshot`: save everything under a name, go back to it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sandbox.commands.client import DEFAULT_STATE, USAGE, Control, JsonOption, StateOption, fail
from sandbox.commands.output import show
from sandbox.snapshots import is_name

app = typer.Typer(no_args_is_help=True, help="Snapshots: records, seed and clock of everything. Not faults, journals.")
Name = Annotated[str, typer.Argument(metavar="NAME", help="Small letters, digits and hyphens.")]


@app.command()
def save(name: Name, state: StateOption = DEFAULT_STATE, as_json: JsonOption = False) -> None:
    """Save all; an older snapshot of the name is replaced."""
    told = Control(state).put(f"/snapshots/{_checked(name)}")
    show(told, f"saved. Back to it: silta sandbox snapshot load {name} --state {state}", as_json=as_json)


@app.command()
def load(name: Name, state: StateOption = DEFAULT_STATE, as_json: JsonOption = False) -> None:
    """Go back to a snapshot, as a record system restored from a backup. What the hub has seen stays there."""
    told = Control(state).post(f"/snapshots/{_checked(name)}/load")
    show(told, f"everything is as in {name}", as_json=as_json)


@app.command("list")
def list_(state: StateOption = DEFAULT_STATE, as_json: JsonOption = False) -> None:
    """The snapshots there are; * is the one last saved or loaded."""
    told = Control(state).get("/snapshots")
    show(told, _listed(told), as_json=as_json)


@app.command()
def remove(name: Name, state: StateOption = DEFAULT_STATE, as_json: JsonOption = False) -> None:
    """Remove a snapshot."""
    told = Control(state).delete(f"/snapshots/{_checked(name)}")
    show(told, _listed(told), as_json=as_json)


def _listed(told: dict[str, Any]) -> str:
    lines = [f"{'*' if name == told['current'] else ' '} {name}" for name in told["snapshots"]]
    return "\n".join(lines) or "There is no snapshot. Next: silta sandbox snapshot save NAME"


def _checked(name: str) -> str:
    if not is_name(name):
        fail(f"{name!r} is no name: small letters, digits and hyphens, at most 40. Such as: after-booking", USAGE)
    return name
