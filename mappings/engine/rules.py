"""Rule files: read, and checked against everything they name before anything is mapped by them.

The format is described in ``mappings/ENGINE.md``. Every mistake is a `BadRule` with file and line.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final, NamedTuple

from canonical.dictionary import ElementRule, UnknownType, describe
from canonical.fhir import Element
from mappings.engine.recorder import Recorder
from mappings.engine.tables import Table, of_rule

_KEYS: Final = frozenset({"from", "each", "to", "as", "rows", "table", "if", "note"})
_DEEPEST: Final = 2
_STEP: Final = re.compile(r"([a-z][A-Za-z]*)(?:\[([A-Za-z0-9_-]+)\])?")
_SELECTED_BY: Final = {"Extension": "url", "Identifier": "system", "Coding": "system"}


class BadRule(ValueError):
    """A rule file has a mistake; the text begins with ``file:line``."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """A conversion. ``decode(node, rule, recorder)`` gives a FHIR value, ``""`` where nothing stands, or nothing on
    purpose (None, an empty list or object); ``encode(value, rule, recorder)`` what stands in the source, or None for a
    value that is another rule's. Both are pure. One without ``encode`` is one-way and says why. Several sources come as
    a tuple, missing ones as None, and go as one.

    ``gives`` is the FHIR type made, for the check; ``takes`` how many words may follow the name in a rule.
    """

    decode: Callable[[Any, Rule, Recorder], Any]
    encode: Callable[[Any, Rule, Recorder], Any] | None = None
    gives: str = ""
    takes: tuple[int, ...] = (0,)
    one_way: str = ""


@dataclass(frozen=True, slots=True)
class Primitive:
    """What a conversion gives for a primitive that has extensions of its own, and perhaps no value."""

    value: Any
    extension: Sequence[Element]


class Place(NamedTuple):
    """One step of a FHIR path. ``key`` is what the selector names (``url``, ``system``), ``""`` for none."""

    name: str
    many: bool
    key: str
    selector: str


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """One row. ``path`` is the source in notes, ``at`` the row's ``file:line``, ``to`` the target as it is written;
    ``sources`` are paths with their marks; ``form`` is that of the first; ``rows`` are those of a block."""

    at: str
    path: str
    sources: tuple[tuple[str, str], ...]
    each: bool
    to: str
    target: tuple[Place, ...]
    call: str
    words: tuple[str, ...]
    conversion: Conversion
    told_table: str
    table: Table
    condition: tuple[str, str] | None
    note: str
    form: re.Pattern[str] | None
    rows: tuple[Rule, ...]

    @property
    def is_left_out(self) -> bool:
        """Whether the row only says that, and why, its source is not carried."""
        return not self.call and not self.rows

    @property
    def writes(self) -> bool:
        """Whether it works in the other direction too, or has nothing to do there."""
        return self.conversion.encode is not None or not self.call or not self.target

    def line(self, recorder: Recorder, *key: str) -> Mapping[str, str] | None:
        """The line of the rule's table for some codes, or None; of the installation where it says whose it is."""
        return self.table.get(key) or self.table.get((recorder.site.installation, *key))


def _pass(found: Any, rule: Rule, recorder: Recorder) -> None:
    """What is left out is read by nobody; whoever follows the readings is told that a rule knows of it."""
    for node in () if recorder.seen is None else found if isinstance(found, tuple) else (found,):
        _ = node and node.written()


_LEFT_OUT: Final = Conversion(_pass)


class Reader:
    """Reads one rule file of ``package``; the parameters are those of `mappings.engine.mapping.load`."""

    def __init__(
        self, package: str, file: str, conversions: Mapping[str, Conversion], exists: Callable[[str, str], bool]
    ) -> None:
        self._package, self._conversions, self._exists = package, conversions, exists
        self._file = f"{package.replace('.', '/')}/rules/{file}"
        text = resources.files(package).joinpath("rules", file).read_text(encoding="utf-8")
        try:
            self._document = tomllib.loads(text)
        except tomllib.TOMLDecodeError as err:
            raise BadRule(f"{self._file}: {err}") from None
        forms = self._document.get("form", {}).items()
        self._forms = {name: re.compile(form) for names, form in forms for name in names.split()}
        parts = [self._document.get("fragment", {}), *self._document.get("message", {}).values()]
        lists = [found for part in parts for found in part.values() if isinstance(found, list)]
        rows = [row for found in lists for row in found if isinstance(row, dict)]
        lines = [n for n, line in enumerate(text.splitlines(), 1) if line.lstrip().startswith("{")]
        if len(rows) != len(lines):
            raise BadRule(f"{self._file}: a row is one line that begins with its brace; fragments come before messages")
        self._lines = {id(row): line for row, line in zip(rows, lines, strict=True)}

    def messages(self) -> Iterator[tuple[str, str, str, tuple[Rule, ...], list[str]]]:
        """The messages of the file, in order: name, root in the source, FHIR type, rules, order of elements."""
        for name, told in self._document.get("message", {}).items():
            root, kind, at = told.get("root", name), told["to"], f"{self._file}: message.{name}"
            try:
                describe(kind)
                rules = tuple(self._rules(told["rows"], root, kind, kind, 0, at))
            except UnknownType:
                raise BadRule(f"{at}: R4 has no {kind}") from None
            except RecursionError:
                raise BadRule(f"{at}: a fragment holds itself") from None
            yield name, root, kind, rules, told.get("elements", "").split()

    def _rules(self, rows: Any, path: str, kind: str, into: str, depth: int, at: str) -> Iterator[Rule]:
        """``rows`` is a list of rows and names of fragments, or such a name; ``into`` what FHIR path they make."""
        if isinstance(rows, str):
            if rows not in self._document.get("fragment", {}):
                raise BadRule(f"{at}: no fragment is called {rows}")
            rows = self._document["fragment"][rows]
        for row in rows:
            if isinstance(row, str):
                yield from self._rules(row, path, kind, into, depth, at)
            else:
                yield self._rule(row, path, kind, into, depth, f"{self._file}:{self._lines[id(row)]}")

    def _rule(self, row: Mapping[str, str], path: str, kind: str, into: str, depth: int, at: str) -> Rule:
        if strange := sorted(row.keys() - _KEYS):
            raise BadRule(f"{at}: a row has no {', '.join(strange)}")
        sources = tuple(self._source(one, path, at) for one in (row.get("each") or row.get("from", ".")).split())
        first, block = sources[0][0], row.get("rows")
        below = "/".join([path, *(step for step in first.split("/") if step not in (".", "*") and step[0] != "@")])
        target, end = self._target(row.get("to", ""), kind, at)
        made = f"{into}.{row['to']}" if target else into
        call = row.get("as", "text" if target and not block else "")
        name, *words = call.split() or [""]
        conversion = self._conversions.get(name) if call else _LEFT_OUT
        if conversion is None or len(words) not in conversion.takes:
            raise BadRule(f"{at}: no conversion is called {name}, or not with {len(words)} words")
        if block and depth >= _DEEPEST:
            raise BadRule(f"{at}: blocks go {_DEEPEST} deep, no deeper")
        if call and end is not None and conversion.gives not in ("", end.type):
            raise BadRule(f"{at}: {name} gives {conversion.gives}, {row['to']} is {end.type}")
        return Rule(
            at=at,
            path=below,
            sources=sources,
            each="each" in row,
            to=made if target else "",
            target=target,
            call=call,
            words=tuple(words),
            conversion=conversion,
            told_table=row.get("table", ""),
            table=self._table(row["table"], end, at) if "table" in row else {},
            condition=self._condition(row["if"], kind, at) if "if" in row else None,
            note=row.get("note", ""),
            form=self._forms.get(first.rpartition("/")[2]),
            rows=tuple(self._rules(block, below, end.type if end else kind, made, depth + 1, at)) if block else (),
        )

    def _source(self, written: str, path: str, at: str) -> tuple[str, str]:
        """A source path and its mark. The path is checked from the message's root on."""
        name = written.rstrip("!?")
        root, *above = path.split("/")
        whole = "/".join([*above, *(step for step in name.split("/") if step not in (".", "*"))])
        if whole and not self._exists(root, whole):
            raise BadRule(f"{at}: {root} has no {whole}")
        return name, written[len(name) :]

    def _target(self, to: str, kind: str, at: str) -> tuple[tuple[Place, ...], ElementRule | None]:
        places: list[Place] = []
        element: ElementRule | None = None
        for step in to.split(".") if to else ():
            found = _STEP.fullmatch(step)
            element = describe(kind).elements.get(found[1]) if found else None
            if found is None or element is None or (found[2] and element.type not in _SELECTED_BY):
                raise BadRule(f"{at}: R4's {kind} has no {step}")
            kind = element.type
            places.append(Place(found[1], element.many, _SELECTED_BY[kind] if found[2] else "", found[2] or ""))
        return tuple(places), element

    def _condition(self, written: str, kind: str, at: str) -> tuple[str, str]:
        name, _, value = (part.strip() for part in written.partition("="))
        element = describe(kind).elements.get(name)
        if element is None or (value and element.codes is not None and value not in element.codes):
            raise BadRule(f"{at}: R4's {kind} is never {written}")
        return name, value

    def _table(self, name: str, end: ElementRule | None, at: str) -> Table:
        try:
            table = of_rule(self._package, name)
        except (FileNotFoundError, ValueError) as err:
            raise BadRule(f"{at}: table {name}: {err}") from None
        wrong = {line.get("fhir", "") for line in table.values()} - {""}
        if end is not None and end.codes is not None and (wrong := wrong - end.codes):
            raise BadRule(f"{at}: table {name} has codes that R4's {end.name} has not: {', '.join(sorted(wrong))}")
        return table
