"""Searches (manual §8): page after page, each an exchange of its own, until there is no ``next``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import urljoin

from adapters.errors import Unavailable
from adapters.lifecare.wire import Request, Wire
from adapters.recording import Exchange
from adapters.trip import Trip
from canonical.fhir import Resource
from canonical.messages import BadMessage

_MOST_PAGES: Final = 2_000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Page:
    resources: list[Resource]
    total: int | None
    following: str | None


async def search(
    wire: Wire,
    trip: Trip,
    operation: str,
    request: Request,
    kind: str,
    read: Callable[[list[Resource], Exchange], Awaitable[Iterable[T]]],
) -> list[T]:
    """What ``read`` makes of every page of resources of ``kind``, in Lifecare's order.

    Raises `Unavailable` also when fewer come than the first page says there are: what is missing must not be taken for
    something that is no more.
    """
    found: list[T] = []
    ids: set[str] = set()
    total: int | None = None
    following = request
    for _ in range(_MOST_PAGES):
        async with wire.ask(trip, operation, following) as reply:
            page = _page(reply.json(200), kind, wire.base)
            ids.update(one["id"] for one in page.resources)
            found.extend(await read(page.resources, reply.exchange))
        total = page.total if total is None else total
        if page.following is None:
            break
        following = Request("GET", page.following, quick=request.quick, marks=request.marks)
    else:
        raise Unavailable(f"{request.what}: pages without end")
    if total is not None and len(ids) < total:
        raise Unavailable(f"{request.what}: {len(ids)} of {total} came")
    return found


def resources(bundle: Any, kind: str | None) -> list[Resource]:
    """What a searchset found; ``kind`` None: of any one kind. Raises `BadMessage`."""
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle" or bundle.get("type") != "searchset":
        raise BadMessage("a searchset expected")
    found = [entry["resource"] for entry in bundle.get("entry", ())]
    if any(kind not in (None, one["resourceType"]) for one in found):
        raise BadMessage(f"a searchset that holds something else than {kind}")
    return found


def _page(bundle: Any, kind: str, base: str) -> _Page:
    found = resources(bundle, kind)
    total = bundle.get("total")
    if total is not None and not isinstance(total, int):
        raise BadMessage("Bundle.total is not a number")
    links = [link["url"] for link in bundle.get("link", ()) if link["relation"] == "next"]
    return _Page(found, total, _within(links[0], base) if links else None)


def _within(link: str, base: str) -> str:
    """``link`` as it is, if it stays below the FHIR base: the access token goes nowhere else."""
    absolute = urljoin(f"{base}/", link)
    if not absolute.startswith((f"{base}/", f"{base}?")) or "/.." in absolute:
        raise BadMessage("a next link that leads away from the FHIR base")
    return absolute
