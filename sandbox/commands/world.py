"""The sandbox as a whole: status, reset, seed, person, goto."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sandbox.commands.client import DEFAULT_STATE, USAGE, Control, JsonOption, StateOption, fail
from sandbox.commands.output import instant, plural, show, table


def status(state: StateOption = DEFAULT_STATE, as_json: JsonOption = False) -> None:
    """Seed, clock, faults and snapshot in a line; then every installation."""
    control = Control(state)
    told = control.get("/readyz") | {"installations": control.get("/installations")}
    rows = [
        (one["name"], one["release"], one["address"], "listens" if one["listening"] else "CLOSED", _faults(one))
        for one in told["installations"]
    ]
    problems = "".join(f"\n! {problem}" for problem in told["problems"])
    show(told, f"{_sentence(told)}\n{table(rows)}{problems}", as_json=as_json)


def reset(state: StateOption = DEFAULT_STATE, as_json: JsonOption = False) -> None:
    """Back to the first day: bookings, customers, faults, journals and the clock. What the hub has seen stays there."""
    told = Control(state).post("/reset")
    show(told, _sentence(told), as_json=as_json)


def seed(
    number: Annotated[int, typer.Argument(min=0, help="Another number, other people, calendars and bookings.")],
    state: StateOption = DEFAULT_STATE,
    as_json: JsonOption = False,
) -> None:
    """Reset into the world of another seed; `reset` brings the configured one back."""
    told = Control(state).post("/reset", seed=number)
    show(told, _sentence(told), as_json=as_json)


def person(
    who: Annotated[str | None, typer.Argument(help="A test person's key, or the HETU of any resident.")] = None,
    state: StateOption = DEFAULT_STATE,
    as_json: JsonOption = False,
) -> None:
    """One person: their number in each installation, and all their visits. Without WHO: the test persons."""
    control = Control(state)
    if who is None:
        told = control.get("/persons")
        rows = [(one["key"], one["hetu"], one["name"], one["municipality"], one["behaviour"]) for one in told]
        show(told, table(rows), as_json=as_json)
        return
    one = control.post("/persons/search", person=who)
    show(one, _person(one), as_json=as_json)


def goto(
    booking: Annotated[str, typer.Argument(metavar="INSTALLATION/ID", help="As `silta sandbox person` prints it.")],
    to: Annotated[str, typer.Argument(metavar="STATE", help="booked cancelled noshow fulfilled pending proposed")],
    state: StateOption = DEFAULT_STATE,
    as_json: JsonOption = False,
) -> None:
    """Put a booking into a state, whatever its state and time are."""
    installation, slash, number = booking.partition("/")
    if not (installation and slash and number) or "/" in number:
        fail(
            f"{booking!r} is no INSTALLATION/ID, such as pegasos-loviisa/700001. Next: silta sandbox person aino", USAGE
        )
    told = Control(state).post(f"/installations/{installation}/bookings/{number}/goto", status=to)
    show(told, f"{booking} is {told['status']} (version {told['version']})", as_json=as_json)


def _sentence(told: dict[str, Any]) -> str:
    snapshot = f'snapshot "{told["snapshot"]}"' if told["snapshot"] else "no snapshot"
    clock = f"clock {instant(told['clock'])} {'frozen' if told['frozen'] else 'runs'}"
    people = plural(told["residents"], "resident")
    return f"seed {told['seed']} · {people} · {clock} · {plural(told['faults'], 'fault')} · {snapshot}"


def _faults(one: dict[str, Any]) -> str:
    return plural(one["faults"], "fault") if one["faults"] else ""


def _person(one: dict[str, Any]) -> str:
    head = f"{one['name']}  {one['hetu']}  municipality {one['municipality']}  {one['language']}"
    lines = [head, *([f"  {one['behaviour']}"] if one["behaviour"] else [])]
    links = [(link["installation"], link["number"]) for link in one["links"]]
    lines += ["Customer of", table(links, indent="  ")] if links else ["Customer of no installation"]
    visits = [
        (f"{v['installation']}/{v['id']}", instant(v["start"]), v["status"], v["service"], v["unit"], v["text"])
        for v in one["visits"]
    ]
    lines += ["Visits", table(visits, indent="  ")] if visits else ["No visits"]
    return "\n".join(lines)
