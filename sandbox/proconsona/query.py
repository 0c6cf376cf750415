"""Query parameters and pages (INTERFACE.md §3, §7, §8.5). What is not understood is refused, never ignored."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeVar
from urllib.parse import parse_qsl

import orjson

from sandbox.clock import HELSINKI
from sandbox.proconsona.outcome import Refusal, bad_parameter

BASE: Final = "/rajapinta/v3"
COUNT_DEFAULT: Final = 50
COUNT_LIMIT: Final = 200
LONGEST: Final = timedelta(days=62, hours=2)
"""62 days of the calendar, over whichever summer-time night."""

UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)
_INSTANT: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?(Z|[+-]\d{2}:\d{2})", re.ASCII)
_NAME: Final = re.compile(r"[A-Za-z]{1,30}", re.ASCII)
_MOST_PARAMETERS: Final = 20

T = TypeVar("T")

Key = tuple[float, str]
"""What a list is ordered by: start (seconds since 1970) and id."""


@dataclass(frozen=True, slots=True)
class Query:
    """The parameters of one list. `after` is the key of the last entry of the page before."""

    kind: str
    values: dict[str, str]
    count: int = COUNT_DEFAULT
    after: Key | None = None

    def text(self, name: str) -> str | None:
        """Return a parameter as given; None if it was not."""
        return self.values.get(name)

    def id(self, name: str) -> str | None:
        """Return an id; None if it was not given. Raises Refusal if it has not the form of one."""
        value = self.values.get(name)
        if value is not None and not UUID.fullmatch(value):
            raise bad_parameter(name)
        return value

    def time(self, name: str) -> datetime | None:
        """Return a time; None if it was not given. Raises Refusal if it is none."""
        value = self.values.get(name)
        at = None if value is None else parse_time(value)
        if value is not None and at is None:
            raise bad_parameter(name)
        return at

    def next_link(self, last: Key) -> str:
        """Return path and query of the page after the key `last`."""
        token = orjson.dumps([self.kind, sorted(self.values.items()), self.count, last])
        return f"{BASE}/{self.kind}?jatko={base64.urlsafe_b64encode(token).rstrip(b'=').decode('ascii')}"


def parse_pairs(raw: bytes, allowed: Iterable[str]) -> dict[str, str]:
    """Return the parameters of a query string. Raises Refusal for what is not `allowed`, repeated or empty."""
    try:
        text = raw.decode("ascii")
        pairs = parse_qsl(
            text, keep_blank_values=True, strict_parsing=bool(text), errors="strict", max_num_fields=_MOST_PARAMETERS
        )
    except ValueError as err:  # UnicodeDecodeError is one too
        raise bad_parameter("") from err
    known = set(allowed)
    found: dict[str, str] = {}
    for name, value in pairs:
        if name not in known or name in found or not value:
            raise bad_parameter(name if _NAME.fullmatch(name) else "")
        found[name] = value
    return found


def parse_query(kind: str, raw: bytes, allowed: Iterable[str]) -> Query:
    """Return the question that a query string holds. Raises Refusal (400)."""
    values = parse_pairs(raw, (*allowed, "koko", "jatko"))
    if "jatko" in values:
        if len(values) > 1:
            raise Refusal("JATKO")
        return _parse_page(kind, values["jatko"])
    count = values.pop("koko", str(COUNT_DEFAULT))
    if not re.fullmatch(r"[1-9][0-9]{0,2}", count) or int(count) > COUNT_LIMIT:
        raise bad_parameter("koko")
    return Query(kind, values, int(count))


def parse_time(value: str) -> datetime | None:
    """Return an aware time in Europe/Helsinki, or None for what is not a time with an offset."""
    if not _INSTANT.fullmatch(value):
        return None
    try:
        return datetime.fromisoformat(value).astimezone(HELSINKI)
    except (ValueError, OverflowError):  # no such day; or a day that is none in Helsinki
        return None


def take_page(query: Query, found: Sequence[tuple[Key, T]]) -> tuple[list[T], Key | None]:
    """Return the entries of the page asked for and, when there are more, the key the next page goes on after."""
    rest = [entry for entry in found if query.after is None or entry[0] > query.after]
    page = rest[: query.count]
    return [one for _, one in page], page[-1][0] if len(rest) > query.count else None


def _parse_page(kind: str, token: str) -> Query:
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        found, pairs, count, (at, last) = orjson.loads(raw)
        query = Query(kind, {str(name): str(value) for name, value in pairs}, int(count), (float(at), str(last)))
    except (binascii.Error, ValueError, TypeError) as err:
        raise Refusal("JATKO") from err
    if found != kind or not 1 <= query.count <= COUNT_LIMIT:
        raise Refusal("JATKO")
    return query
