"""Whether what a portal says of a time beside naming it is so: its service, and who takes part.

Judged by what this hub knows without asking anybody: the time as it was offered, and the installation's directory. What
cannot be judged is no contradiction; the record system's own words come back with the confirmation.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from canonical.fhir import Resource, references
from canonical.fhir import codes as codes_of
from hub.criteria import Token
from hub.usecases.directory import View
from hub.usecases.ports import Claim, Failed

Pair = tuple[str, str]
_ACTORS: Final = ("HealthcareService", "Location", "Practitioner", "PractitionerRole")


def check(claims: Sequence[Claim], offered: tuple[str, Resource] | None, view: View | None) -> None:
    """Raises `Failed` (`slot-contradicted`) for claims that are not so, all of them at once.

    ``offered`` is the local id of the service and the Slot as it was shown, where this process has shown it; ``view``
    the directory of the installation.
    """
    known = {element: facts(element, offered, view) for element in {one.element for one in claims}}
    wrong = [one.expression for one in claims if _contradicts(one.values, known[one.element])]
    if wrong:
        raise Failed("slot-contradicted", expression=wrong)


def facts(element: str, offered: tuple[str, Resource] | None, view: View | None) -> frozenset[Token]:
    """What is known of an element of a time: codes, or for ``participant`` types and hub ids; empty for nothing."""
    if element == "participant":
        return frozenset() if view is None else _participants(offered, view)
    value = offered[1].get(element, ()) if offered is not None else ()
    return frozenset(Token(*pair) for pair in codes_of(value if isinstance(value, list) else [value] if value else ()))


def _contradicts(said: Iterable[Token], known: frozenset[Token]) -> bool:
    """Whether something is said in a system (or of a type) that is known here, and nothing of it is true."""
    systems = {one.system for one in known}
    comparable = [one for one in said if known and (not one.system or one.system in systems)]
    true = {*known, *(Token(None, one.code) for one in known)}
    return bool(comparable) and not any(Token(one.system or None, one.code) in true for one in comparable)


def _participants(offered: tuple[str, Resource] | None, view: View) -> frozenset[Token]:
    """Who takes part at a time: the actors of its Schedule; of each type without one there, whoever stands behind them.
    Of a time that was not offered here, anybody of the installation."""
    pairs: set[Pair] = set()
    if offered is not None:
        service, slot = offered
        direct = {("HealthcareService", service), *_behind(view, _schedule(view, slot))} - {("HealthcareService", "")}
        further = {pair for one in direct for pair in _behind(view, one)} | set(_roles(view, direct))
        pairs = direct | {pair for pair in further if pair[0] not in {kind for kind, _ in direct}}
    if not pairs:
        pairs = {pair for pair in view.resources if pair[0] in _ACTORS}
    return frozenset(Token(pair[0], view.ids[pair]) for pair in pairs if pair[0] in _ACTORS and pair in view.ids)


def _schedule(view: View, slot: Resource) -> Pair:
    shown = slot.get("schedule", {}).get("reference", "").removeprefix("Schedule/")
    return next((pair for pair, hub_id in view.ids.items() if pair[0] == "Schedule" and hub_id == shown), ("", ""))


def _behind(view: View, pair: Pair) -> Iterable[Pair]:
    """What a resource of the directory refers to."""
    for one in references(view.resources.get(pair, {})):
        kind, _, local = one["reference"].partition("/")
        yield kind, local


def _roles(view: View, pairs: set[Pair]) -> Iterable[Pair]:
    """The roles of the professionals among ``pairs``."""
    for local, role in view.of("PractitionerRole"):
        who, _, number = role.get("practitioner", {}).get("reference", "").partition("/")
        if (who, number) in pairs:
            yield "PractitionerRole", local
