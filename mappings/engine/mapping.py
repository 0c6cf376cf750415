"""Rules at work: compiled once to closures, one for each rule and direction."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from canonical import fhir
from canonical.fhir import Resource
from canonical.messages import BadMessage
from canonical.model import Record
from canonical.notes import NoteKind
from mappings.engine.recorder import Recorder
from mappings.engine.rules import BadRule, Conversion, Place, Primitive, Reader, Rule
from mappings.engine.tree import Node

Read = Callable[[Node, Resource, Recorder], None]
Write = Callable[[Resource, dict[str, Any], Recorder], None]
Known = Mapping[str, frozenset[str]]
_NOTHING: Final[Sequence[Any]] = (None, "", [], {})


class Message:
    """One message of a rule file. ``rules`` are its rows, those of blocks inside them."""

    def __init__(self, name: str, root: str, kind: str, rules: Sequence[Rule], order: Sequence[str] = ()) -> None:
        self.name, self.root, self.kind, self.rules, self._order = name, root, kind, rules, order
        self.known = _known(rules)
        self._reads = [_reading(rule, root, self.known, "") for rule in rules]
        self._writes = [_writing(rule) for rule in rules if not rule.is_left_out]
        self.only_reads = next((rule for rule in every(rules) if not rule.writes), None)

    def read(self, node: Node, recorder: Recorder) -> Resource:
        """The FHIR resource, or part of one, that ``node`` is. Raises `BadMessage`."""
        made: Resource = {}
        for read in self._reads:
            read(node, made, recorder)
        return {"resourceType": self.kind, **{name: made.pop(name) for name in self._order if name in made}, **made}

    def record(self, node: Node, recorder: Recorder) -> Record:
        """The same as a record: ``id`` is its local id, ``meta.versionId`` its version. Raises `BadMessage`."""
        resource = self.read(node, recorder)
        local_id, version = str(resource.pop("id")), resource.pop("meta", {}).get("versionId")
        patient = next((p["actor"]["reference"].partition("/")[2] for p in fhir.actors(resource, "Patient")), None)
        return Record(self.kind, local_id, resource, version, patient, recorder.notes)

    def write(self, resource: Resource, recorder: Recorder) -> dict[str, Any]:
        """What the source says for a FHIR resource: texts by name, in order, and what holds others as such again. What
        the resource does not have is not there. Raises `BadRule` for a message that is only read."""
        if (rule := self.only_reads) is not None:
            raise BadRule(f"{rule.at}: {rule.call} only reads: {rule.conversion.one_way}")
        told: dict[str, Any] = {}
        for write in self._writes:
            write(resource, told, recorder)
        return told


def load(
    package: str, file: str, conversions: Mapping[str, Conversion], exists: Callable[[str, str], bool]
) -> Mapping[str, Message]:
    """The messages of ``rules/<file>`` of a package by name, checked and compiled. ``conversions`` are those that its
    rows may name; ``exists(root, path)`` says what the source knows. Raises `BadRule`."""
    return {found[0]: Message(*found) for found in Reader(package, file, conversions, exists).messages()}


def every(rules: Sequence[Rule]) -> Iterator[Rule]:
    """The rules, and those of their blocks."""
    for rule in rules:
        yield rule
        yield from every(rule.rows)


def _steps(*paths: str) -> list[str]:
    return [step for path in paths for step in path.split("/") if step not in ("", ".")]


def _known(rules: Sequence[Rule]) -> Known:
    """The names that some rule reads or leaves out, by the path of what they stand in."""
    found: dict[str, set[str]] = {}

    def walk(rules: Sequence[Rule], prefix: str) -> None:
        for rule in rules:
            for path, _ in rule.sources:
                steps = _steps(prefix, path)
                for depth, step in enumerate(steps):
                    found.setdefault("/".join(steps[:depth]), set()).add(step)
            walk(rule.rows, "/".join(_steps(prefix, rule.sources[0][0])))

    walk(rules, "")
    return {path: frozenset(names - {"*"}) for path, names in found.items()}


def _reading(rule: Rule, owner: str, known: Known, prefix: str) -> Read:
    inside = _steps(prefix, rule.sources[0][0])
    locate = _locating(rule, known.get("/".join(inside[:-1]), frozenset()))
    put, decode, condition = _putting(rule), rule.conversion.decode, rule.condition
    block = [_reading(one, inside[-1], known, "/".join(inside)) for one in rule.rows]
    must = next((path for path, mark in rule.sources if mark == "!"), "")
    missed = any(mark == "?" for _, mark in rule.sources)

    def read(node: Node, made: Resource, recorder: Recorder) -> None:
        for found in locate(node):
            recorder.begin(rule)
            value: Any = ""
            if found is not None:
                if condition is not None and not _holds(made, condition):
                    if inside:
                        recorder.note(NoteKind.DROPPED, rule.path, rule.note)
                    return
                value = {} if block else decode(found, rule, recorder)
                for one in block:
                    one(found, value, recorder)
            if value not in _NOTHING:
                put(made, value, recorder)
                if not block:
                    recorder.made(rule, rule.to, value)
            elif must and value == "":
                raise BadMessage(f"{owner} without {must}")
            elif missed and found is None:
                recorder.note(NoteKind.DROPPED, rule.path, f"no {rule.path.rpartition('/')[2]} is named")

    return read


def _locating(rule: Rule, known: frozenset[str]) -> Callable[[Node], Sequence[Any]]:
    """What finds the rule's sources: one place, or None where it is not there; all of an ``each``; several as one."""
    paths = [_steps(path) for path, _ in rule.sources]
    if len(paths) > 1:
        return lambda node: [None if (all_ := tuple(_walk(node, p) for p in paths))[0] is None else all_]
    steps = paths[0]
    above, last = steps[:-1], steps[-1] if steps else ""
    if last == "*":
        return lambda node: [] if (holder := _walk(node, above)) is None else [holder.others(known)]
    if rule.each:
        return lambda node: [] if (holder := _walk(node, above)) is None else holder.all(last)
    return (lambda node: (node.one(last),)) if len(steps) == 1 else (lambda node: (_walk(node, steps),))


def _walk(node: Node | None, steps: Sequence[str]) -> Node | None:
    for step in steps:
        if node is None:
            return None
        node = node.one(step)
    return node


def _holds(made: Resource, condition: tuple[str, str]) -> bool:
    name, value = condition
    return made.get(name) == value if value else name in made


def _putting(rule: Rule) -> Callable[[Resource, Any, Recorder], None]:
    if not rule.target:
        return lambda made, value, recorder: made.update(value) if rule.rows else None
    *above, last = rule.target

    def put(made: Resource, value: Any, recorder: Recorder) -> None:
        for place in above:
            made = _enter(made, place, recorder)
        plain = value.value if isinstance(value, Primitive) else value
        if last.many:
            made.setdefault(last.name, []).extend(plain if isinstance(plain, list) else [plain])
        elif plain is not None:
            made[last.name] = plain
        if plain is not value:
            made[f"_{last.name}"] = {"extension": list(value.extension)}

    return put


def _enter(made: Resource, place: Place, recorder: Recorder) -> Resource:
    """The element at a step of the path: of many the one that the selector names, or else the first; made if needed."""
    several: list[Resource] = made.setdefault(place.name, []) if place.many else [made.setdefault(place.name, {})]
    wanted = recorder.uri(place.selector) if place.key else ""
    for one in several:
        if not place.key or one.get(place.key) == wanted:
            return one
    several.append({place.key: wanted} if place.key else {})
    return several[-1]


def _values(value: Any, places: Sequence[Place], recorder: Recorder) -> Iterator[Any]:
    """What a resource has at a path, each element of what is many."""
    if not places:
        yield value
        return
    place, found = places[0], value.get(places[0].name)
    for one in found or () if place.many else () if found is None else (found,):
        if not place.key or one.get(place.key) == recorder.uri(place.selector):
            yield from _values(one, places[1:], recorder)


def _writing(rule: Rule) -> Write:
    encode, paths = rule.conversion.encode, [_steps(path) for path, _ in rule.sources]
    inner = [_writing(one) for one in rule.rows]

    def write(resource: Resource, told: dict[str, Any], recorder: Recorder) -> None:
        if rule.condition is not None and not _holds(resource, rule.condition):
            return
        for value in _values(resource, rule.target, recorder) if all(paths) else ():
            within: dict[str, Any] = {}
            for one in inner:
                one(value, within, recorder)
            found = (within or None) if inner or encode is None else encode(value, rule, recorder)
            if found is not None:
                for (*above, last), text in zip(paths, found if isinstance(found, tuple) else (found,), strict=False):
                    place = told
                    for step in above:
                        place = place.setdefault(step, {})
                    place[last] = text
                return

    return write
