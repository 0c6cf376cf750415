"""Searchsets, spliced from stored bytes: nothing is parsed on a read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from urllib.parse import urlencode

import orjson

from hub.usecases.ports import Item, Results


def searchset(
    results: Results, *, base: str, kind: str, shown: str, total_wanted: bool, notes: Iterable[bytes] = ()
) -> bytes:
    """A Bundle of one page. ``base`` is the FHIR base URL, ``shown`` the search's parameters as links may repeat them.

    ``notes`` are OperationOutcomes, each an entry of mode ``outcome``. While an installation's data is missing there is
    no total.
    """
    head = [b'{"resourceType":"Bundle","type":"searchset"']
    if results.total is not None and total_wanted and not results.missing:
        head.append(b'"total":%d' % results.total)
    head.append(b'"link":' + orjson.dumps(list(_links(results, f"{base}/{kind}", shown))))
    entries = [_entry(item, base) for item in results.items]
    entries += [_note(outcome) for outcome in notes]
    if entries:
        head.append(b'"entry":[' + b",".join(entries) + b"]")
    return b",".join(head) + b"}"


def _links(results: Results, url: str, shown: str) -> Iterator[dict[str, str]]:
    yield {"relation": "self", "url": f"{url}?{shown}" if shown else url}
    if results.next is not None:
        cursor = urlencode({"_cursor": results.next})
        yield {"relation": "next", "url": f"{url}?{shown}&{cursor}" if shown else f"{url}?{cursor}"}


def _entry(item: Item, base: str) -> bytes:
    return b'{"fullUrl":"%s/%s/%s","resource":%s,"search":{"mode":"%s"}}' % (
        base.encode(),
        item.kind.encode(),
        item.id.encode(),
        item.json,
        item.mode.encode(),
    )


def _note(outcome: bytes) -> bytes:
    return b'{"resource":' + outcome + b',"search":{"mode":"outcome"}}'
