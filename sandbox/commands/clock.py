"""`silta clock`: the sandbox's virtual clock, which is the hub's "today" as well. Real time is never moved."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

import typer

from sandbox.clock import HELSINKI
from sandbox.commands.client import DEFAULT_STATE, USAGE, Control, JsonOption, StateOption, fail
from sandbox.commands.output import instant, show

app = typer.Typer(no_args_is_help=True, help="The sandbox's business time: the hub's today. Real time is never moved.")
_UNITS: Final = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_LENGTH: Final = re.compile(r"(?:\d{1,6}[wdhms])+")


@app.command("show")
def show_(state: StateOption = DEFAULT_STATE, as_json: JsonOption = False) -> None:
    """What time it is in the sandbox."""
    _told(Control(state).get("/clock"), as_json)


@app.command()
def freeze(
    at: Annotated[
        str | None, typer.Argument(metavar="TIME", help="At this time: 2027-03-27T23:00, with or without an offset.")
    ] = None,
    state: StateOption = DEFAULT_STATE,
    as_json: JsonOption = False,
) -> None:
    """Stop the clock, now or at a time (without an offset: of Helsinki)."""
    _told(Control(state).post("/clock/freeze", at=None if at is None else _instant(at)), as_json)


@app.command()
def advance(
    by: Annotated[str, typer.Argument(metavar="LENGTH", help="Such as 25h, 90m, 2d, 1w, 1d12h: elapsed time.")],
    state: StateOption = DEFAULT_STATE,
    as_json: JsonOption = False,
) -> None:
    """Move the clock forward; it stays frozen or running. A day is 24 h, over a summer-time night as well."""
    _told(Control(state).post("/clock/advance", seconds=_length(by).total_seconds()), as_json)


@app.command()
def run(state: StateOption = DEFAULT_STATE, as_json: JsonOption = False) -> None:
    """Let the clock run from where it is."""
    _told(Control(state).post("/clock/run"), as_json)


def _told(told: dict[str, Any], as_json: bool) -> None:
    show(told, f"{instant(told['now'])}  {'frozen' if told['frozen'] else 'runs'}", as_json=as_json)


def _length(text: str) -> timedelta:
    if not _LENGTH.fullmatch(text):
        fail(f"{text!r} is no length of time. Write it as 25h, 90m, 2d, 1w or 1d12h.", USAGE)
    parts = re.findall(r"(\d+)([wdhms])", text)
    return sum((timedelta(**{_UNITS[unit]: int(count)}) for count, unit in parts), timedelta())


def _instant(text: str) -> str:
    """The instant with its offset. Refuses what is no time, and a local time that came twice or never."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        fail(f"{text!r} is no time. Write it as 2027-03-27T23:00 or 2027-03-27T23:00+02:00.", USAGE)
    if at.tzinfo is not None:
        return at.isoformat()
    local = at.replace(tzinfo=HELSINKI)
    if local.utcoffset() != local.replace(fold=1).utcoffset():
        fail(f"{text} comes twice or never, for the clocks are changed. Write it with its offset: {text}+02:00", USAGE)
    return local.isoformat()
