"""The directory: units, places, services, professionals and calendars; read and search (INTERFACE.md §4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from sandbox.engine.system import RecordSystem
from sandbox.lifecare.outcome import Json, Refusal
from sandbox.lifecare.resources import Resources
from sandbox.lifecare.search import Query, bad, has_token

Filter = Callable[[Query, str, list[Any]], bool]
"""Whether the values found in a resource satisfy a parameter: (query, parameter's name, values)."""


@dataclass(frozen=True, slots=True)
class _Parameter:
    """A search parameter: which element (dotted path) it looks at and how it compares."""

    path: str
    matches: Filter


def _by_reference(kind: str) -> Filter:
    def matches(query: Query, name: str, values: list[Any]) -> bool:
        found = {value["reference"] for value in values}
        wanted = query.references(name, kind)
        return all(any(f"{kind}/{one}" in found for one in choice) for choice in wanted)

    return matches


def _by_actor(query: Query, name: str, values: list[Any]) -> bool:
    return all(set(choice) & {value["reference"] for value in values} for choice in query.choices(name))


def _by_token(query: Query, name: str, values: list[Any]) -> bool:
    return all(has_token(values, choice) for choice in query.tokens(name))


def _by_id(query: Query, name: str, values: list[Any]) -> bool:
    return all(set(choice) & set(values) for choice in query.choices(name))


def _by_flag(query: Query, name: str, values: list[Any]) -> bool:
    wanted = query.all(name)
    if any(value not in ("true", "false") for value in wanted):
        raise bad(name)
    return all((value == "true") in values for value in wanted)


def _by_name(query: Query, name: str, values: list[Any]) -> bool:
    words = [word.casefold() for text in _texts(values) for word in text.split()]
    return all(
        any(word.startswith(part.casefold()) for part in choice for word in words) for choice in query.choices(name)
    )


def _texts(values: Any) -> Iterator[str]:
    """Yield every text of a name: HumanName parts, or a string and its translations."""
    if isinstance(values, str):
        yield values
    elif isinstance(values, list):
        for value in values:
            yield from _texts(value)
    elif isinstance(values, dict):
        for key in ("family", "given", "extension", "valueString"):
            yield from _texts(values.get(key))


_ID: Final = {"_id": _Parameter("id", _by_id)}
_SERVICE_TYPE: Final = _Parameter("serviceType.coding", _by_token)

PARAMETERS: Final[dict[str, dict[str, _Parameter]]] = {
    "Organization": _ID
    | {
        "identifier": _Parameter("identifier", _by_token),
        "name": _Parameter("name+_name", _by_name),
        "partof": _Parameter("partOf", _by_reference("Organization")),
    },
    "Location": _ID
    | {
        "organization": _Parameter("managingOrganization", _by_reference("Organization")),
        "name": _Parameter("name+_name", _by_name),
    },
    "HealthcareService": _ID
    | {
        "service-type": _Parameter("type.coding", _by_token),
        "type": _Parameter("type.coding", _by_token),
        "service-category": _Parameter("category.coding", _by_token),
        "specialty": _Parameter("specialty.coding", _by_token),
        "location": _Parameter("location", _by_reference("Location")),
        "organization": _Parameter("providedBy", _by_reference("Organization")),
    },
    "Practitioner": _ID | {"identifier": _Parameter("identifier", _by_token), "name": _Parameter("name", _by_name)},
    "PractitionerRole": _ID
    | {
        "practitioner": _Parameter("practitioner", _by_reference("Practitioner")),
        "organization": _Parameter("organization", _by_reference("Organization")),
        "location": _Parameter("location", _by_reference("Location")),
        "service": _Parameter("healthcareService", _by_reference("HealthcareService")),
    },
    "Schedule": _ID
    | {
        "actor": _Parameter("actor", _by_actor),
        "service-type": _SERVICE_TYPE,
        "active": _Parameter("active", _by_flag),
    },
}
"""The search parameters of every resource of the directory."""


class Directory:
    """The directory resources of one installation, made anew at each request: they are few."""

    def __init__(self, system: RecordSystem, resources: Resources) -> None:
        self._system = system
        self._resources = resources

    def all(self, kind: str) -> list[Json]:
        """Return every resource of a kind of PARAMETERS, by id."""
        return sorted(self._make(kind), key=lambda one: str(one["id"]))

    def read(self, kind: str, found: str) -> Json:
        """Return one resource. Raises Refusal (404)."""
        for one in self._make(kind):
            if one["id"] == found:
                return one
        raise Refusal("NOT_FOUND")

    def search(self, query: Query) -> list[Json]:
        """Return the resources that satisfy every parameter, by id. Raises Refusal (400) for a value without sense."""
        names = {name for name, _ in query.pairs}
        tests = [(name, PARAMETERS[query.kind][name]) for name in sorted(names)]
        return [
            one
            for one in self.all(query.kind)
            if all(test.matches(query, name, list(_values(one, test.path))) for name, test in tests)
        ]

    def _make(self, kind: str) -> Iterable[Json]:
        system, make = self._system, self._resources
        if kind == "Organization":
            return [make.county(), *map(make.organization, system.units.values())]
        if kind == "Location":
            return map(make.location, system.units.values())
        if kind == "HealthcareService":
            return map(make.healthcare_service, system.services.values())
        if kind == "Practitioner":
            return map(make.practitioner, system.professionals.values())
        if kind == "Schedule":
            return map(make.schedule, system.calendars.values())
        pairs = sorted({(one.professional, one.unit) for one in system.calendars.values()})
        return [make.practitioner_role(system.professionals[who], unit) for who, unit in pairs]


def _values(resource: Any, path: str) -> Iterator[Any]:
    """Yield what stands at a path, through lists; `a+b` is both."""
    for branch in path.split("+"):
        yield from _walk(resource, branch.split("."))


def _walk(value: Any, steps: list[str]) -> Iterator[Any]:
    if isinstance(value, list):
        for one in value:
            yield from _walk(one, steps)
    elif not steps:
        yield value
    elif isinstance(value, dict) and steps[0] in value:
        yield from _walk(value[steps[0]], steps[1:])
