"""`silta sandbox journal`: what the record systems received and sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from sandbox.commands.client import DEFAULT_STATE, USAGE, Control, JsonOption, StateOption, fail, path
from sandbox.commands.output import show, table

KEPT: Final = 2_000


def journal(
    installation: Annotated[str | None, typer.Argument(metavar="INSTALLATION", help="All, if left out.")] = None,
    number: Annotated[int | None, typer.Argument(metavar="NUMBER", help="This message, whole.")] = None,
    since: Annotated[int, typer.Option(min=0, help="Only messages with a higher number.")] = 0,
    last: Annotated[int, typer.Option(min=1, max=KEPT, help="At most so many, the newest.")] = 20,
    canonical: Annotated[
        bool, typer.Option("--canonical", help="All, whole, without what is another in two runs of one test.")
    ] = False,
    file: Annotated[Path | None, typer.Option(help="What --json has printed, instead of a running sandbox.")] = None,
    state: StateOption = DEFAULT_STATE,
    as_json: JsonOption = False,
) -> None:
    """The newest messages of one installation or all, a line each; with NUMBER one of them, whole."""
    if canonical:
        if file is not None or number is not None or as_json:
            fail("--canonical is a text of everything: leave out NUMBER, --file and --json.", USAGE)
        named = {} if installation is None else {"installation": installation}
        typer.echo(Control(state).text("/journal", **named), nl=False)
        return
    kept = _kept(file) if file is not None else _asked(Control(state), installation, since)
    told = [one for one in kept if installation in (None, one["installation"]) and one["number"] > since]
    if installation is not None and number is not None:
        one = next((one for one in told if one["number"] == number), None)
        if one is None:
            fail(f"{installation} keeps no message {number}. Next: silta sandbox journal {installation}")
        show(one, "  ".join(_row(one)) + "\n\n" + _plain(one["text"]), as_json=as_json)
        return
    told = sorted(told, key=lambda one: (one["at"], one["installation"], one["number"]))[-last:]
    show(told, table([_row(one) for one in told]) if told else "Nothing was received or sent.", as_json=as_json)


def _asked(control: Control, installation: str | None, since: int) -> list[dict[str, Any]]:
    names = [installation] if installation else control.installations()
    return [
        {"installation": name, **entry}
        for name in names
        for entry in control.get(path("installations", name, "journal"), since=since)
    ]


def _kept(file: Path) -> list[dict[str, Any]]:
    try:
        told: list[dict[str, Any]] = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as err:
        fail(f"{file} cannot be read ({err}). It is what was printed by: silta sandbox journal --json", USAGE)
    return told


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    arrow = {"received": "->", "sent": "<-"}[one["direction"]]
    remarks = " ".join([*([f"fault {one['fault']}"] if one["fault"] else []), one["note"]])
    size = f"{len(one['text'])} chars"
    return one["at"][11:23], one["installation"], str(one["number"]), arrow, one["operation"] or "-", size, remarks
