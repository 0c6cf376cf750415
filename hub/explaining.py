"""Why routing says what it says: the rule and its line in the configuration, other days, the rest of the county."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from hub.routing import Route, Routing

_HEAD = re.compile(r"\s*\[\[?\s*([A-Za-z_.]+)\s*\]?\]")
_OPEN = re.compile(r"\s*open\s*=")


@dataclass(frozen=True, slots=True)
class Lines:
    """Where things stand in the configuration file, counted from 1; nothing is said of what cannot be found there."""

    routes: Mapping[int, int] = field(default_factory=dict)
    """By a route's place among the routes: the line of its ``[[route]]``."""
    open_county: int | None = None


def lines_of(text: str, routes: int) -> Lines:
    """The lines of a configuration that holds that many routes."""
    heads: list[int] = []
    section, open_county = "", None
    for number, line in enumerate(text.splitlines(), 1):
        if head := _HEAD.match(line):
            section = head[1]
            heads += [number] * (section == "route")
        elif section == "county" and _OPEN.match(line):
            open_county = number
    # Routes may be written in other ways, such as inline tables: then no line is better than a wrong one.
    return Lines(dict(enumerate(heads)) if len(heads) == routes else {}, open_county)


@dataclass(frozen=True, slots=True)
class Rule:
    """A route and its line."""

    route: Route
    line: int | None


@dataclass(frozen=True, slots=True)
class Days:
    """What holds from ``first`` to ``last`` (inclusive; None: open); without a rule nobody serves on these days."""

    first: date | None
    last: date | None
    rule: Rule | None

    def holds(self, day: date) -> bool:
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Who serves a municipality in a sector on a day.

    ``days`` are all days there are, in order, those of ``day`` among them. ``elsewhere`` are the rules by which a
    resident may book at another installation on that day: none where the county is closed or the municipality is not
    the county's then.
    """

    municipality: str
    sector: str
    day: date
    days: Sequence[Days]
    elsewhere: Sequence[Rule]
    open_county: bool
    open_line: int | None
    is_countys: bool
    """Whether anything serves the municipality on that day, in any sector."""
    known: Sequence[str]
    """The municipalities that rules name."""

    @property
    def now(self) -> Days:
        """The days of ``day``."""
        return next(one for one in self.days if one.holds(self.day))

    @property
    def others(self) -> Sequence[Days]:
        """The other days."""
        return [one for one in self.days if one is not self.now]


def explain(routing: Routing, lines: Lines, municipality: str, sector: str, day: date) -> Explanation:
    """The explanation; routes do not overlap, which the configuration has checked."""
    rules = [Rule(route, lines.routes.get(place)) for place, route in enumerate(routing.routes)]
    own = [r for r in rules if (r.route.municipality, r.route.sector) == (municipality, sector)]
    serving = routing.serving(municipality, day, sector)
    may = routing.bookable(municipality, day, sector) - serving
    elsewhere = [r for r in rules if r.route.sector == sector and r.route.holds(day) and r.route.installation in may]
    return Explanation(
        municipality=municipality,
        sector=sector,
        day=day,
        days=_all_days(own),
        elsewhere=elsewhere,
        open_county=routing.open_county,
        open_line=lines.open_county,
        is_countys=bool(routing.serving(municipality, day)),
        known=sorted({route.municipality for route in routing.routes}),
    )


def _all_days(rules: Sequence[Rule]) -> list[Days]:
    """The rules of one municipality and sector by their days, with the days between and around them."""
    found: list[Days] = []
    free: date | None = None
    for rule in sorted(rules, key=lambda one: one.route.first or date.min):
        first, last = rule.route.first, rule.route.last
        if first is not None and first != free:
            found.append(Days(free, first - timedelta(days=1), None))
        found.append(Days(first, last, rule))
        free = None if last is None else last + timedelta(days=1)
    if not found or free is not None:
        found.append(Days(free, None, None))
    return found


def as_json(one: Explanation) -> dict[str, Any]:
    """The explanation for programs; days are ISO 8601."""
    rule = one.now.rule
    return {
        "municipality": one.municipality,
        "sector": one.sector,
        "day": one.day.isoformat(),
        "installation": rule.route.installation if rule else None,
        "rule": _rule(rule),
        "why": why(one),
        "other_days": [
            {
                "first": _iso(days.first),
                "last": _iso(days.last),
                "installation": days.rule.route.installation if days.rule else None,
                "rule": _rule(days.rule),
            }
            for days in one.others
        ],
        "elsewhere": {
            "open": one.open_county,
            "line": one.open_line,
            "why": why_elsewhere(one),
            "rules": [_rule(rule) for rule in one.elsewhere],
        },
    }


def as_text(one: Explanation, file: str) -> str:
    """The explanation for people; ``file`` is what they call the configuration."""

    def place(line: int | None) -> str:
        return f"{file}:{line}" if line else file

    def said(days: Days) -> str:
        return f"{days.rule.route.installation}  ({place(days.rule.line)})" if days.rule else "nobody"

    lines = [f"{one.municipality} {one.sector} on {one.day}: {said(one.now)}", f"  {why(one)}"]
    if one.others:
        lines += ["On other days", *(f"  {span(days.first, days.last)}: {said(days)}" for days in one.others)]
    lines += ["Elsewhere in the county", f"  {why_elsewhere(one)} ({place(one.open_line)})"]
    served: dict[str, list[Rule]] = {}
    for rule in one.elsewhere:
        served.setdefault(rule.route.installation, []).append(rule)
    for name, rules in sorted(served.items()):
        towns = ", ".join(sorted(rule.route.municipality for rule in rules))
        lines.append(f"  {name}, which serves {towns}  ({', '.join(place(rule.line) for rule in rules)})")
    return "\n".join(lines)


def why(one: Explanation) -> str:
    """Why this installation, or why none."""
    rule = one.now.rule
    if rule is not None:
        days = span(rule.route.first, rule.route.last)
        return (
            f"{rule.route.installation} serves {one.municipality} in {one.sector} {days}: the day of the visit decides"
        )
    if one.municipality not in one.known:
        return f"no rule names {one.municipality}; the county's are {', '.join(one.known) or 'none'}"
    return f"no rule of {one.municipality} in {one.sector} holds on this day"


def why_elsewhere(one: Explanation) -> str:
    """Why a resident may book at other installations too, or may not."""
    if not one.open_county:
        return "the county is not open: one books where one's own municipality is served"
    if not one.is_countys:
        return f"nothing serves {one.municipality} on this day, so it is not the county's: nobody of it may book"
    return "the county is open: its residents may book where any of its municipalities is served"


def span(first: date | None, last: date | None) -> str:
    """Days in words."""
    if first is None:
        return "on every day" if last is None else f"until {last}"
    return f"from {first} on" if last is None else f"from {first} to {last}"


def _rule(rule: Rule | None) -> dict[str, Any] | None:
    if rule is None:
        return None
    route = rule.route
    days = {"first": _iso(route.first), "last": _iso(route.last)}
    served = {"municipality": route.municipality, "sector": route.sector, "installation": route.installation}
    return {"line": rule.line, **served, **days}


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
