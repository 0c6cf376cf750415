"""Reading a search: strictly. What is not known is refused by name, nothing is ignored.

A date without a zone is a day (or a time) in Helsinki.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import parse_qsl, urlencode

from canonical import codes, hetu, times
from hub.api import shaping
from hub.api.interactions import DEFAULT_PER_PAGE, INCLUDE, MOST_PER_PAGE, RESULT_PARAMS, SORT, Kind, Param
from hub.api.outcomes import parameter
from hub.api.shaping import Include, Shape
from hub.criteria import Criterion, Reference, Span, Text, Token
from hub.usecases.ports import Failed, PageRequest

Pairs = list[tuple[str, str]]
Value = Token | Span | Reference | Text

# One character of a value: anything but control characters and the separators, which a backslash takes their meaning.
_CHARACTER: Final = r"(?:[^\x00-\x1f,|\\]|\\[,|$\\])"
_FIRST: Final = r"(?:[^\x00-\x20,|\\]|\\[,|$\\])"
_ONE_TEXT: Final = f"{_FIRST}{_CHARACTER}*"
_ONE_TOKEN: Final = rf"(?:{_ONE_TEXT}(?:\|{_CHARACTER}*)?|\|{_ONE_TEXT})"
TEXT: Final = f"^{_ONE_TEXT}(?:,{_ONE_TEXT})*$"
TOKEN: Final = f"^{_ONE_TOKEN}(?:,{_ONE_TOKEN})*$"
"""What the values of a text and of a token parameter look like: several, separated by commas."""

_SOURCES: Final = codes.source("")
_MOST_FIELDS: Final = 50
_MOST_VALUES: Final = 100
_LONGEST: Final = 2000
_SHOWN: Final = re.compile(r"[A-Za-z_][A-Za-z_:.\-]{0,49}")
_DIGITS: Final = re.compile(r"[0-9]{1,40}")
_ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_COMMA: Final = re.compile(r"(?<!\\)((?:\\\\)*),")
_BAR: Final = re.compile(r"(?<!\\)((?:\\\\)*)\|")
_ESCAPED: Final = re.compile(r"\\([\\,|$])")
_DATE: Final = re.compile(
    r"(eq|ne|gt|lt|ge|le|sa|eb|ap)?([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2})"
    r"(?:T([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,9}))?)?(Z|[+\- ][0-9]{2}:[0-9]{2})?)?)?)?"
)
_ZONE_FROM_BLANK: Final = re.compile(r" (?=[0-9]{2}:[0-9]{2}$)")


@dataclass(frozen=True, slots=True)
class Search:
    """A search that has been read. ``shown`` are its parameters as its links may repeat them: without HETUs, and
    without the cursor. ``total_wanted`` is whether the total, where known, is shown; ``fewer`` whether a page
    holds fewer entries than were asked for."""

    criteria: tuple[Criterion, ...]
    page: PageRequest
    shown: str
    pretty: bool
    total_wanted: bool
    fewer: bool = False
    shape: Shape = field(default_factory=Shape)
    includes: tuple[Include, ...] = ()


def pairs(query: str) -> Pairs:
    """Name and value of every parameter of a query or form; raises `bad-parameter`, `too-costly`."""
    try:
        read = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except UnicodeDecodeError:
        raise _bad("the parameters", "not UTF-8") from None
    except ValueError:
        raise Failed("too-costly", f"more than {_MOST_FIELDS} parameters") from None
    for name, value in read:
        if len(name) > _LONGEST or len(value) > _LONGEST:
            where = [parameter(name)] if _shown(name) else []
            raise Failed("too-costly", f"a parameter longer than {_LONGEST} characters", expression=where)
        if "\x00" in name or "\x00" in value:
            raise _bad(name, "a NUL character")
    return read


def parse(kind: Kind, given: Pairs, base: str) -> Search:
    """The search of ``kind`` that the parameters ask for; raises `unknown-parameter`, `bad-parameter`, `too-costly`.

    References are relative, or begin with ``base``, this API's own URL.
    """
    results: dict[str, str] = {}
    criteria: list[Criterion] = []
    includes: list[Include] = []
    for name, value in given:
        if (name == SORT and kind.sort) or any(name == p.name for p in RESULT_PARAMS):
            if name in results:
                raise _bad(name, "it is given twice")
            results[name] = value
        elif name in (INCLUDE, f"{INCLUDE}:iterate"):
            includes.append(shaping.include(kind, name, value))
        else:
            criteria.append(criterion(kind, name, value, base))
    if sum(len(one.values) for one in criteria) > _MOST_VALUES:
        raise Failed("too-costly", f"more than {_MOST_VALUES} values")
    for result in RESULT_PARAMS:
        if result.values and results.get(result.name, result.values[0]) not in result.values:
            raise _bad(result.name, f"it is one of {', '.join(result.values)}")
    count = _count(results)
    fewer = count == MOST_PER_PAGE < int(results.get("_count", 0))
    told = [(n, str(count) if fewer and n == "_count" else v) for n, v in given if n != "_cursor"]
    return Search(
        criteria=tuple(criteria),
        page=PageRequest(
            count, results.get("_cursor"), _descending(kind, results), counted=results.get("_total") == "accurate"
        ),
        shown=urlencode([(n, v) for n, v in told if not hetu.appears_in(v.upper())]),
        pretty=results.get("_pretty") == "true",
        total_wanted=results.get("_total") != "none",
        fewer=fewer,
        shape=shaping.shape(kind, results.get("_elements"), results.get("_summary")),
        includes=tuple(includes),
    )


def criterion(kind: Kind, name: str, value: str, base: str) -> Criterion:
    """One parameter as a criterion. ``_source`` becomes ``installation``, by its name."""
    param = kind.param(name)
    if param is None:
        raise _unknown(kind, name)
    form = {"token": TOKEN, "string": TEXT, "uri": TEXT}.get(param.type)
    if form is not None and not re.fullmatch(form, value):
        raise _bad(name, "values are separated by commas, and none is empty; a token is code, system|code or system|")
    values = [read for one in _split(_COMMA, value) for read in _values(param, one, base)]
    if name == "_source":
        return Criterion(
            "installation", tuple(Text(v.text.removeprefix(_SOURCES)) for v in values if isinstance(v, Text))
        )
    return Criterion(name, tuple(values))


def only_format(given: Pairs) -> bool:
    """For interactions that are no searches: `_format` and `_pretty` are all there may be. Whether it is pretty."""
    for name, _ in given:
        if name not in ("_format", "_pretty"):
            raise Failed(
                "unknown-parameter",
                "Known: _format, _pretty (reads: _elements, _summary).",
                expression=[parameter(name)] if _shown(name) else [],
            )
    return ("_pretty", "true") in given


def only_shape(kind: Kind, given: Pairs) -> tuple[bool, Shape]:
    """For the read of one resource: whether it is to be pretty, and what is sent of it."""
    wanted = [one for one in given if one[0] in ("_elements", "_summary")]
    pretty = only_format([one for one in given if one not in wanted])
    names = dict(wanted)
    if len(names) < len(wanted):
        raise _bad(wanted[0][0], "it is given twice")
    if names.get("_summary", "false") not in shaping.SUMMARIES[:-1]:
        raise _bad("_summary", f"it is one of {', '.join(shaping.SUMMARIES[:-1])}")
    return pretty, shaping.shape(kind, names.get("_elements"), names.get("_summary"))


def named_format(given: Pairs) -> str | None:
    """``_format``, if it is there."""
    return next((value for name, value in given if name == "_format"), None)


def one_span(criteria: Iterable[Criterion]) -> Span:
    """What several criteria of one date parameter have in common; raises `bad-parameter` where it is not one span."""
    start = end = None
    for one in criteria:
        if len(one.values) != 1 or not isinstance(one.values[0], Span):
            raise _bad(one.name, "one span of time is searched at once: no commas, no ne")
        span = one.values[0]
        start = max(filter(None, (start, span.start)), default=None)
        end = min(filter(None, (end, span.end)), default=None)
    return Span(start, end)


def _values(param: Param, text: str, base: str) -> Sequence[Value]:
    match param.type:
        case "token":
            return [_token(param, text)]
        case "date":
            return spans(param.name, text)
        case "reference":
            return [_reference(param, text, base)]
        case _:
            return [Text(_plain(text))]


def _token(param: Param, text: str) -> Token:
    parts = [_plain(one) for one in _split(_BAR, text)]
    token = Token(None, parts[0]) if len(parts) == 1 else Token(codes.unversioned(parts[0])[0], parts[1] or None)
    if param.system is not None and token.system not in (None, param.system):
        raise _bad(param.name, f"its system is {param.system}")
    if param.codes and token.code not in param.codes:
        raise _bad(param.name, f"it is one of {', '.join(param.codes)}")
    if param.pattern is not None and not re.fullmatch(param.pattern, token.code or ""):
        raise _bad(param.name, f"its code is {param.pattern}")
    if param.name == "_id" and (token.system is not None or not _ID.fullmatch(token.code or "")):
        raise _bad(param.name, "not an id")
    return token


def _reference(param: Param, text: str, base: str) -> Reference:
    kind, slash, identity = _plain(text).removeprefix(f"{base}/").rpartition("/")
    if not _ID.fullmatch(identity) or (slash and kind not in param.targets):
        raise _bad(param.name, f"a reference is {' or '.join(f'{target}/<id>' for target in param.targets)}")
    return Reference(kind or (param.targets[0] if len(param.targets) == 1 else None), identity)


def spans(name: str, text: str) -> Sequence[Span]:
    """The instants a date with prefix and precision covers, as half-open spans (``ne`` makes two)."""
    # An unencoded + of an offset arrives as a blank: the commonest slip of all, and never ambiguous.
    read = _DATE.fullmatch(_ZONE_FROM_BLANK.sub("+", text.strip()))
    if not read:
        raise _bad(name, "a date is 2027, 2027-03, 2027-03-22 or 2027-03-22T09:00:00+02:00, after eq ne gt ge lt le")
    prefix = read[1] or "eq"
    start, end = _bounds(name, read)
    match prefix:
        case "eq":
            return [Span(start, end)]
        case "ne":
            return [Span(None, start), Span(end, None)]
        case "ge":
            return [Span(start, None)]
        case "gt" | "sa":
            return [Span(end, None)]
        case "le":
            return [Span(None, end)]
        case "lt" | "eb":
            return [Span(None, start)]
        case _:
            raise _bad(name, "the prefix ap is not known here")


def _bounds(name: str, read: re.Match[str]) -> tuple[datetime, datetime]:
    """The first instant of a date, and the first after it."""
    year, month, day = int(read[2]), int(read[3] or 1), int(read[4] or 1)
    if not 1900 <= year < 2200:
        raise _bad(name, "the years 1900 to 2199 are known")
    try:
        naive = datetime(  # noqa: DTZ001 - a wall clock's time; the zone is put on below
            year, month, day, int(read[5] or 0), int(read[6] or 0), int(read[7] or 0)
        )
        naive += timedelta(microseconds=int((read[8] or "0").ljust(6, "0")[:6]))
        return _instant(naive, read[9]), _instant(_after(naive, read), read[9])
    except times.NoSuchLocalTime:
        raise _bad(name, "the hour is skipped by summer time") from None
    except ValueError:
        raise _bad(name, "a date or time that does not exist") from None


def _after(naive: datetime, read: re.Match[str]) -> datetime:
    if read[5] is None:
        if read[3] is None:
            return naive.replace(year=naive.year + 1)
        if read[4] is None:
            return (naive.replace(day=28) + timedelta(days=4)).replace(day=1)
        return naive + timedelta(days=1)
    if read[7] is None:
        return naive + timedelta(minutes=1)
    return naive + (timedelta(seconds=1) if read[8] is None else timedelta(microseconds=10 ** max(0, 6 - len(read[8]))))


def _instant(naive: datetime, zone: str | None) -> datetime:
    if zone is None:
        return times.from_local(naive)
    if zone == "Z":
        return naive.replace(tzinfo=UTC)
    return datetime.fromisoformat(naive.isoformat() + zone)


def _count(results: dict[str, str]) -> int:
    text = results.get("_count", str(DEFAULT_PER_PAGE))
    if not _DIGITS.fullmatch(text):
        raise _bad("_count", f"a whole number, 0 to {MOST_PER_PAGE}")
    return 0 if results.get("_summary") == "count" else min(int(text), MOST_PER_PAGE)


def _descending(kind: Kind, results: dict[str, str]) -> bool:
    if SORT not in results:
        return False
    orders = dict(kind.sort)
    if results[SORT] not in orders:
        raise _bad(SORT, f"it is one of {', '.join(orders)}")
    return orders[results[SORT]]


def _split(at: re.Pattern[str], text: str) -> list[str]:
    """Split at separators that are not escaped by a backslash."""
    parts, position = [], 0
    for found in at.finditer(text):
        parts.append(text[position : found.end() - 1])
        position = found.end()
    return [*parts, text[position:]]


def _plain(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)


def _shown(name: str) -> bool:
    return _SHOWN.fullmatch(name) is not None


def _bad(name: str, why: str) -> Failed:
    return Failed("bad-parameter", why, expression=[parameter(name)] if _shown(name) else [])


def _unknown(kind: Kind, name: str) -> Failed:
    bare, colon, _ = name.partition(":")
    known = ", ".join([p.name for p in kind.params] + [p.name for p in RESULT_PARAMS] + ([SORT] if kind.sort else []))
    what = "No modifiers are known." if colon and kind.param(bare) else f"Known for {kind.name}: {known}."
    return Failed("unknown-parameter", what, expression=[parameter(name)] if _shown(name) else [])
