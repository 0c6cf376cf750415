"""Which record systems there are: ours, and those that installed packages of third parties bring.

A package brings one by an entry point, whose name is what ``system`` says in the configuration of an installation::

    [project.entry-points."sotesilta.adapters"]
    esimerkki = "sotesilta_esimerkki:open"
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Final, cast

from adapters.base import Adapter, Installation

Open = Callable[[Installation], Adapter]
"""How an adapter is opened: it raises `adapters.errors.Misconfigured` with every problem of the options, and connects
to nothing."""
OURS: Final = ("lifecare", "mediatri", "pegasos", "proconsona")
"""By the names of their packages."""
GROUP: Final = "sotesilta.adapters"


def systems() -> dict[str, Open]:
    """How each record system's adapter is opened. Nothing of them is imported before the first installation of theirs
    is: a hub loads what its own systems' wires need, and a package that does not load harms those alone that use it."""
    found: dict[str, list[EntryPoint]] = {}
    for point in entry_points(group=GROUP):
        found.setdefault(point.name, []).append(point)
    return {name: _theirs(name, points) for name, points in found.items()} | {name: _ours(name) for name in OURS}


def _ours(name: str) -> Open:
    def open_one(installation: Installation) -> Adapter:
        return cast(Open, import_module(f"adapters.{name}").open)(installation)

    return open_one


def _theirs(name: str, points: Sequence[EntryPoint]) -> Open:
    """Raises LookupError, with what to do, where the package does not load or is not the only one of that name."""

    def open_one(installation: Installation) -> Adapter:
        sources = sorted({point.dist.name if point.dist else point.value for point in points})
        if len(sources) > 1:
            raise LookupError(f"{' and '.join(sources)} both bring an adapter for {name!r}: uninstall one of them")
        try:
            opener = cast(Open, points[0].load())
        except (ImportError, AttributeError, SyntaxError) as err:
            raise LookupError(
                f"the adapter for {name!r} of {sources[0]} does not load ({type(err).__name__}: {err}): "
                f"reinstall {sources[0]}, or mend its entry point {points[0].value!r}"
            ) from err
        return opener(installation)

    return open_one
