"""`silta sandbox journal`: what the record systems received and sent."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from sandbox.commands.client import DEFAULT_STATE, Control, JsonOption, StateOption, fail, path
from sandbox.commands.output import show, table

KEPT: Final = 2_000


def journal(
    installation: Annotated[str | None, typer.Argument(metavar="INSTALLATION", help="All, if left out.")] = None,
    number: Annotated[int | None, typer.Argument(metavar="NUMBER", help="This message, whole.")] = None,
    since: Annotated[int, typer.Option(min=0, help="Only messages with a higher number.")] = 0,
    last: Annotated[int, typer.Option(min=1, max=KEPT, help="At most so many, the newest.")] = 20,
    state: StateOption = DEFAULT_STATE,
    as_json: JsonOption = False,
) -> None:
    """The newest messages of one installation or all, a line each; with NUMBER one of them, whole."""
    control = Control(state)
    if installation is not None and number is not None:
        show(*_whole(control, installation, number), as_json=as_json)
        return
    names = [installation] if installation else control.installations()
    told = [
        {"installation": name, **entry}
        for name in names
        for entry in control.get(path("installations", name, "journal"), since=since)
    ]
    told = sorted(told, key=lambda one: (one["at"], one["installation"], one["number"]))[-last:]
    show(told, table([_row(one) for one in told]) if told else "Nothing was received or sent.", as_json=as_json)


def _whole(control: Control, installation: str, number: int) -> tuple[dict[str, Any], str]:
    found = control.get(path("installations", installation, "journal"), since=max(0, number - 1), limit=1)
    if not found or found[0]["number"] != number:
        fail(f"{installation} keeps no message {number}. Next: silta sandbox journal {installation}")
    one = {"installation": installation, **found[0]}
    return one, "  ".join(_row(one)) + "\n\n" + one["text"].replace("\r\n", "\n").replace("\r", "\n")


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    arrow = {"received": "->", "sent": "<-"}[one["direction"]]
    remarks = " ".join([*([f"fault {one['fault']}"] if one["fault"] else []), one["note"]])
    size = f"{len(one['text'])} chars"
    return one["at"][11:23], one["installation"], str(one["number"]), arrow, one["operation"] or "-", size, remarks
