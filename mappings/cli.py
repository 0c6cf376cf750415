"""``silta map``: where the fields of a message go, what no rule touches, and the field tables."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mappings.engine.rules import BadRule
from mappings.tool import covering, explaining, fields, watching
from mappings.tool.systems import NoSystem, names, system

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Mappings: explain, coverage, watch, doc.")

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A message as it came: XML, HL7 or JSON.")]
SystemOption = Annotated[
    str | None, typer.Option("--system", metavar="NAME", help="Whose message it is, where that is not seen.")
]
SystemArgument = Annotated[str, typer.Argument(metavar="SYSTEM", help="lifecare, mediatri, pegasos …")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_LONGEST: Final = 60


@app.command()
def explain(file: FileArgument, system_name: SystemOption = None, as_json: JsonOption = False) -> None:
    """Which FHIR element came from which place of a message, by which rule."""
    try:
        found = explaining.look(file, system_name)
    except (OSError, NoSystem, ValueError) as err:
        _fail(err, "silta map explain --help")
    shown = explaining.as_json(found)
    if as_json:
        typer.echo(json.dumps(shown, ensure_ascii=False, indent=2))
        return
    console = _console()
    for one in shown["resources"]:
        console.print(_fields(one))
    _remarks(console, shown)


@app.command()
def coverage(
    system_name: SystemArgument,
    folders: Annotated[
        list[Path] | None, typer.Argument(metavar="[PATH]...", help="Messages; else the repository's samples.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """What of a system no rule touches, over many messages: source fields, FHIR elements, rules that made nothing."""
    try:
        found = covering.coverage(system(system_name), covering.corpus(system_name, folders or []))
    except (OSError, NoSystem, ValueError) as err:
        _fail(err, f"silta map coverage {system_name} FOLDER")
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(found), ensure_ascii=False, indent=2))
        return
    console = _console()
    console.print(f"{found.system}: {found.files} messages, {found.places} places with a value")
    table = Table("Source field that no rule carries", "Times", "First")
    for place, (count, first) in found.unmapped.items():
        table.add_row(place, str(count), first)
    console.print(table)
    for kind, elements in found.unmade.items():
        console.print(f"{kind}, never made: {' '.join(elements)}", soft_wrap=True)
    for title, lines in (("Rules that made nothing", found.unused), ("No messages", found.unread)):
        if lines:
            console.print(f"{title}:\n  " + "\n  ".join(lines), soft_wrap=True)


@app.command()
def watch(
    file: FileArgument,
    system_name: SystemOption = None,
    once: Annotated[bool, typer.Option("--once", help="Look once, and end: 1 where something is wrong.")] = False,
) -> None:
    """The unmapped fields of a message, the result, and what changed in it, at every change of it or of a mapping."""
    console = _console()
    try:
        for view in watching.views(file, system_name, once=once):
            if not once:
                console.clear()
            _show(console, view, file)
            if once and view.wrong:
                raise typer.Exit(1)
    except KeyboardInterrupt:
        raise typer.Exit from None


@app.command()
def doc(
    systems: Annotated[list[str] | None, typer.Argument(metavar="[SYSTEM]...", help="All of them, else.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; 1 where a table is not up to date.")] = False,
) -> None:
    """Write the systems' field tables into mappings/SYSTEM/FIELDS.md."""
    try:
        found = [system(name) for name in systems or names()]
        stale = [one for one in found if fields.is_stale(one)]
    except (OSError, NoSystem, ValueError) as err:
        _fail(err, "silta map doc")
    for one in stale:
        if not check:
            fields.file_of(one).write_text(fields.written(one), "utf-8")
        typer.echo(f"{fields.file_of(one)}: {'not up to date: silta map doc ' + one.name if check else 'written'}")
    raise typer.Exit(1 if check and stale else 0)


def _show(console: Console, view: watching.View, file: Path) -> None:
    if view.look is None:
        console.print(Text(f"{file}: {view.wrong}", style="red"))
        return
    for one in view.look["resources"]:
        console.print_json(json.dumps(one["resource"], ensure_ascii=False))
    _remarks(console, view.look)
    for line in view.changed:
        console.print(Text(line, style={"+": "green", "-": "red"}.get(line[:1], "dim")))
    console.print(Text(f"{view.look['system']}, {view.took} ms", style="dim"))


def _fields(made: dict[str, Any]) -> Table:
    """The steps that made something or left it out on purpose; places without what all of them begin with."""
    steps = [one for one in made["fields"] if one["element"] or one["by"].startswith("left out")]
    places = [place["place"] for one in steps for place in one["sources"] if "/" in place["place"]]
    whole = os.path.commonpath(places) if places else ""
    table = Table("FHIR", "Value", "Source", "By", "Rule", box=None, title_justify="left", title_style="bold")
    table.title = f"{made['resource']['resourceType']} ← {whole}"
    for one in steps:
        shown = [place | {"place": place["place"].removeprefix(f"{whole}/")} for place in one["sources"]]
        value = "" if one["value"] is None else _short(one["value"])
        cells = (
            one["element"].partition(".")[2] or one["element"] or "–",
            value,
            _sources(shown),
            one["by"],
            one["rule"],
        )
        table.add_row(*(Text(cell, overflow="fold") for cell in cells))
    return table


def _remarks(console: Console, shown: dict[str, Any]) -> None:
    for note in shown["notes"]:
        console.print(Text(f"{note['kind']} {note['path']}: {note['text']}", style="yellow"))
    for place in shown["unmapped"]:
        console.print(Text(f"unmapped {_sources([place])}", style="red"))


def _sources(places: Iterable[dict[str, Any]]) -> str:
    return " + ".join(f"{one['place']}:{one['line']}" if one["line"] else one["place"] for one in places)


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _console() -> Console:
    """As wide as the terminal; a pipe wraps nothing."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=10_000)


def _fail(err: Exception, hint: str) -> NoReturn:
    wrong = "a rule has a mistake: " if isinstance(err, BadRule) else ""
    if isinstance(err, OSError) and err.strerror:
        err = OSError(f"{err.filename or 'the file'}: {err.strerror}")
    typer.echo(f"silta map: {wrong}{err}. Try: {hint}", err=True)
    raise typer.Exit(1)
