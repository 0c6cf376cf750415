"""Lists (manual §8.5): page after page, each an exchange of its own, until there is no ``seuraava``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from adapters.errors import Unavailable
from adapters.proconsona.wire import Request, Wire
from adapters.recording import Exchange
from adapters.trip import Trip
from canonical.messages import BadMessage
from mappings.proconsona.document import Part

PAGE: Final = ("koko", "200")
_MOST_PAGES: Final = 500

T = TypeVar("T")


async def pages(
    wire: Wire,
    trip: Trip,
    operation: str,
    path: str,
    parameters: Sequence[tuple[str, str]],
    root: str,
    read: Callable[[Part, Exchange], Iterable[T]],
) -> list[T]:
    """What ``read`` makes of every page of the list at ``path``, in ProConsona's order."""
    found: list[T] = []
    request = Request.get(path, [*parameters, PAGE])
    for _ in range(_MOST_PAGES):
        async with wire.ask(trip, operation, request) as reply:
            page = reply.document(200, root)
            found.extend(read(page, reply.exchange))
            following = page.token("seuraava")
            if not following:
                return found
            if not following.startswith(f"{wire.base}/{path}?"):
                raise BadMessage("seuraava leads away from the list: what is signed goes nowhere else")
            request = replace(request, target=following)
    raise Unavailable(f"GET {path}: pages without end")
