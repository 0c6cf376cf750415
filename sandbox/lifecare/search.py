"""Search parameters, pages and Bundles (INTERFACE.md §8). Strict: what is not understood is refused, never ignored."""

from __future__ import annotations

import base64
import binascii
import operator
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final, TypeVar
from urllib.parse import parse_qsl, urlencode

import orjson

from sandbox.lifecare.outcome import Json, Refusal
from sandbox.lifecare.release import MR2020, Release
from sandbox.lifecare.times import Times

_RESULT_PARAMETERS: Final = ("_count", "_page", "_format")
_MOST_PARAMETERS: Final = 100
_FORMATS: Final = ("json", "application/json", "application/fhir+json")
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_REFERENCE: Final = re.compile(r"(?:(?P<type>[A-Za-z]+)/)?(?P<id>[A-Za-z0-9.-]{1,64})")

T = TypeVar("T")

Key = tuple[float, str]
"""What a list of results is ordered by: a number (such as a time) and the id."""


@dataclass(frozen=True, slots=True)
class Query:
    """The parameters of one search of a `kind` of resource. `after` is the key of the last entry of the page before."""

    kind: str
    pairs: tuple[tuple[str, str], ...]
    count: int
    release: Release
    after: Key | None = None

    def all(self, name: str) -> list[str]:
        """Return every value of a parameter, which all must hold."""
        return [value for key, value in self.pairs if key == name]

    def choices(self, name: str) -> list[list[str]]:
        """Return the values of a parameter, each as the list of its alternatives. Raises Refusal for an empty one."""
        found = [value.split(",") for value in self.all(name)]
        if any(not part for values in found for part in values):
            raise bad(name)
        return found

    def references(self, name: str, kind: str) -> list[set[str]]:
        """Return the ids of reference parameters to `kind`, each as a set of alternatives."""
        return [{_reference_id(name, part, kind) for part in values} for values in self.choices(name)]

    def tokens(self, name: str) -> list[list[tuple[str | None, str]]]:
        """Return token parameters as alternatives of (system, code); system None means any, "" none at all."""
        return [[_token(name, part) for part in values] for values in self.choices(name)]

    def link(self, base: str, page: Key | None = None) -> str:
        """Return the address of this search, or of its page after the key `page`."""
        if page is None:
            return f"{base}/{self.kind}?{urlencode([*self.pairs, ('_count', str(self.count))], safe=':/,')}"
        token = orjson.dumps([self.kind, self.pairs, self.count, page])
        return f"{base}/{self.kind}?_page={base64.urlsafe_b64encode(token).rstrip(b'=').decode('ascii')}"


def parse_query(kind: str, raw: bytes, allowed: Iterable[str], release: Release = MR2020) -> Query:
    """Return the search that a query string or form holds. Raises Refusal (400) for what is not `allowed`."""
    try:
        text = raw.decode("utf-8")
        pairs = parse_qsl(
            text, keep_blank_values=True, strict_parsing=bool(text), errors="strict", max_num_fields=_MOST_PARAMETERS
        )
    except ValueError as err:  # UnicodeDecodeError is one too
        raise Refusal("BAD_PARAMETER") from err
    known = {*allowed, *_RESULT_PARAMETERS}
    for name, _ in pairs:
        if name not in known:
            # A name is repeated to the caller only when it looks like one: it could be anything.
            raise bad(name if re.fullmatch(r"[A-Za-z_.:-]{1,40}", name) else "")
    given = [(name, value) for name, value in pairs if name not in _RESULT_PARAMETERS]
    result = {name: value for name, value in pairs if name in _RESULT_PARAMETERS}
    if result.get("_format", "json") not in _FORMATS:
        raise Refusal("NOT_ACCEPTABLE")
    if "_page" in result:
        if given or "_count" in result:
            raise Refusal("BAD_PAGE")
        return _parse_page(kind, result["_page"], known, release)
    return Query(kind, tuple(given), _count(result.get("_count"), release), release)


def bad(name: str) -> Refusal:
    """Return the refusal of a search parameter."""
    return Refusal("BAD_PARAMETER", hint=f"parameter: {name}" if name else "")


# ---- times

_SIGNS: Final[dict[str, Callable[[float, float], bool]]] = {
    "ge": operator.ge,
    "gt": operator.gt,
    "le": operator.le,
    "lt": operator.lt,
}

_INCLUSIVE: Final = {"gt": "ge", "lt": "le"}
"""What an old release makes of the only prefixes it knows for `_lastUpdated`."""


@dataclass(slots=True)
class Period:
    """Times (numbers of `times.Times`) that satisfy a list of prefixed values; `low` and `high` are bounds around."""

    tests: list[Callable[[float], bool]] = field(default_factory=list)
    low: float | None = None
    high: float | None = None

    def holds(self, at: float) -> bool:
        """Whether an instant satisfies every value."""
        return all(test(at) for test in self.tests)

    def add(self, prefix: str, first: float, last: float) -> None:
        """Narrow by one value that covers first <= t < last (a day), or one instant (first == last)."""
        point = first == last
        if prefix == "eq":
            self.tests.append(lambda at: at == first if point else first <= at < last)
        else:
            # A day: `gt` is after its end, `le` before its end; an instant is its own end.
            sign = {"gt": "ge", "le": "lt"}.get(prefix, prefix) if not point else prefix
            edge = last if prefix in ("gt", "le") else first
            compare = _SIGNS[sign]
            self.tests.append(lambda at: compare(at, edge))
        if prefix in ("ge", "eq", "gt"):
            self.low = first if self.low is None else max(self.low, first)
        if prefix in ("le", "eq", "lt"):
            end = last + 0.001 if point else last  # a bound is before its end; `tests` are exact
            self.high = end if self.high is None else min(self.high, end)


def parse_period(query: Query, name: str) -> Period:
    """Return the times that the values of a date parameter allow. Raises Refusal for what is not a time."""
    period, times = Period(), query.release.times
    inclusive = name == "_lastUpdated" and times.whole_seconds
    for value in query.all(name):
        prefix, rest = (value[:2], value[2:]) if value[:2] in ("eq", *_SIGNS) else ("eq", value)
        if inclusive and prefix not in _INCLUSIVE:
            raise bad(name)
        period.add(_INCLUSIVE[prefix] if inclusive else prefix, *_span(name, rest, times))
    return period


def _span(name: str, value: str, times: Times) -> tuple[float, float]:
    try:
        if _DATE.fullmatch(value):
            day = date.fromisoformat(value)
            return times.day(day), times.day(day + timedelta(days=1))
        at = times.parse(value)
    except (ValueError, OverflowError) as err:
        raise bad(name) from err
    if at is None:
        raise bad(name)
    return at, at


# ---- results


def take_page(query: Query, found: Sequence[tuple[Key, T]]) -> tuple[list[T], Key | None]:
    """Return the entries of the page asked for and, when there are more, the key the next page goes on after."""
    rest = [pair for pair in found if query.after is None or pair[0] > query.after]
    page = rest[: query.count]
    more = len(rest) > len(page) and page
    return [entry for _, entry in page], page[-1][0] if more else None


def bundle(base: str, query: Query, page: list[Json], following: Key | None, total: int | None) -> Json:
    """Return a searchset. A search of a person shows no parameters in its links."""
    own = f"{base}/{query.kind}" if query.kind == "Patient" else query.link(base, query.after)
    links = [{"relation": "self", "url": own}]
    if following is not None:
        links.append({"relation": "next", "url": query.link(base, following)})
    found: Json = {"resourceType": "Bundle", "type": "searchset"}
    if total is not None:
        found["total"] = total
    found["link"] = links
    if page:  # FHIR has no empty arrays
        found["entry"] = [
            {"fullUrl": f"{base}/{one['resourceType']}/{one['id']}", "resource": one, "search": {"mode": "match"}}
            for one in page
        ]
    return found


def has_token(concepts: Iterable[Json], wanted: list[tuple[str | None, str]]) -> bool:
    """Whether codings or identifiers ({system, code or value}) match one of the tokens."""
    pairs = {(str(one.get("system", "")), str(one.get("code", one.get("value")))) for one in concepts}
    return any(code == value and system in (None, found) for system, code in wanted for found, value in pairs)


def _count(value: str | None, release: Release) -> int:
    if value is None:
        return release.usual_page
    if not re.fullmatch(r"\d{1,9}", value, re.ASCII):
        raise bad("_count")
    return min(int(value), release.longest_page)


def _token(name: str, part: str) -> tuple[str | None, str]:
    system, bar, code = part.rpartition("|")
    if not code:
        raise bad(name)
    return (system if bar else None), code


def _reference_id(name: str, part: str, kind: str) -> str:
    match = _REFERENCE.fullmatch(part)
    if match is None or match["type"] not in (None, kind):
        raise bad(name)
    return match["id"]


def _parse_page(kind: str, token: str, known: set[str], release: Release) -> Query:
    try:
        data = orjson.loads(base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True))
        of_kind, pairs, count, (number, last) = data
        given = tuple((str(name), str(value)) for name, value in pairs)
        query = Query(kind, given, int(count), release, (float(number), str(last)))
    except (binascii.Error, ValueError, TypeError) as err:
        raise Refusal("BAD_PAGE") from err
    if (
        of_kind != kind
        or not 0 < query.count <= release.longest_page
        or any(name not in known for name, _ in query.pairs)
    ):
        raise Refusal("BAD_PAGE")
    return query
