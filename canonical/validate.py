"""Whether a JSON object is a valid FHIR R4 resource, and if not, where and why.

The rules are the dictionary's (`canonical.dictionary`), compiled once per type. Checked: JSON types, unknown elements,
how many, what is required, empty objects, lists and texts, primitives' formats, ``_element`` companions, choices,
required value sets, what a reference may name, contained resources, narrative, and the invariants of
`canonical.invariants`. Not checked: terminology beyond required value sets of codes, profiles, best practice.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, Literal

from canonical import dictionary, invariants, primitives
from canonical.dictionary import ElementRule

Kind = Literal["structure", "value", "required", "invariant"]

_ENOUGH: Final = 50
_PLAIN_NAME: Final = re.compile(r"_?[A-Za-z][A-Za-z]{0,39}")
_LITERAL: Final = re.compile(
    r"(?:https?://[^\s?#]+/)?([A-Z][A-Za-z]{1,39})/[A-Za-z0-9\-.]{1,64}(?:/_history/[A-Za-z0-9\-.]{1,64})?"
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: ``expression`` says where (``Appointment.participant[0].status``), ``kind`` is a FHIR
    issue type, ``message`` says what, without repeating the value."""

    expression: str
    kind: Kind
    message: str


class _Enough(Exception):
    pass


@dataclass(slots=True)
class _Run:
    """One validation: what was found, and the references into the resource itself (``#x``)."""

    findings: list[Finding] = field(default_factory=list)
    local: list[tuple[str, str]] = field(default_factory=list)

    def add(self, path: str, kind: Kind, message: str) -> None:
        self.findings.append(Finding(path, kind, message))
        if len(self.findings) >= _ENOUGH:
            raise _Enough


_Check = Callable[[Any, str, _Run], None]


@dataclass(slots=True, eq=False)
class _Type:
    """A type with its checks; compiled when it is first met, for types hold each other."""

    name: str
    loaded: bool = False
    is_resource: bool = False
    checks: dict[str, _Check] = field(default_factory=dict)
    companions: frozenset[str] = frozenset()
    required: tuple[str, ...] = ()
    choices: dict[str, str] = field(default_factory=dict)
    required_choices: frozenset[str] = frozenset()
    primitive_lists: frozenset[str] = frozenset()
    invariants: tuple[invariants.Invariant, ...] = ()

    def load(self) -> None:
        rule = dictionary.describe(self.name)
        elements = rule.elements.values()
        self.checks = {e.name: _check(e) for e in elements}
        companions = {f"_{e.name}": _companion(e) for e in elements if e.is_primitive and e.type != "xhtml"}
        self.checks |= companions
        self.companions = frozenset(companions)
        self.required = tuple(e.name for e in elements if e.required)
        self.choices = {e.name: e.choice for e in elements if e.choice}
        self.required_choices = rule.required_choices
        self.primitive_lists = frozenset(e.name for e in elements if e.many and e.is_primitive)
        self.invariants = invariants.BY_TYPE.get(self.name, ())
        self.is_resource = rule.is_resource
        self.loaded = True


@cache
def _type(name: str) -> _Type:
    return _Type(name)


def validate(resource: Any, kind: str | None = None) -> list[Finding]:
    """What is wrong with ``resource`` (JSON as `strict_json.loads` gives it); empty if it is valid R4.

    ``kind`` is the resource type it must be; None: any. At most 50 findings are made.
    """
    run = _Run()
    try:
        name = resource.get("resourceType") if isinstance(resource, dict) else None
        path = kind or (name if isinstance(name, str) and dictionary.is_resource(name) else "Resource")
        if kind is not None and isinstance(name, str) and name != kind:
            run.add(f"{kind}.resourceType", "structure", f"the resource is no {kind}")
        else:
            _resource(resource, path, run)
            if isinstance(resource, dict) and ("contained" in resource or run.local):
                _contained(resource, path, run)
    except _Enough:
        pass
    return run.findings


def _resource(value: Any, path: str, run: _Run) -> None:
    """A resource of the type it names itself."""
    if type(value) is not dict:
        run.add(path, "structure", "a resource is a JSON object")
        return
    name = value.get("resourceType")
    if type(name) is not str:
        run.add(f"{path}.resourceType", "structure", "resourceType is missing")
    elif not dictionary.is_resource(name):
        run.add(f"{path}.resourceType", "structure", "R4 has no such resource type")
    else:
        _object(value, _type(name), path, run)


def _object(value: Any, rule: _Type, path: str, run: _Run) -> None:
    if type(value) is not dict:
        run.add(path, "structure", "an object is expected")
        return
    if not rule.loaded:
        rule.load()
    before = len(run.findings)
    checks = rule.checks
    for name, inner in value.items():
        check = checks.get(name)
        if check is not None:
            check(inner, f"{path}.{name}", run)
        elif name != "resourceType" or not rule.is_resource:
            shown = f"{path}.{name}" if _PLAIN_NAME.fullmatch(name) else path
            run.add(shown, "structure", f"{rule.name} has no such element")
    if not value:
        run.add(path, "structure", "an empty object")
        return
    for name in rule.required:
        if name not in value and "_" + name not in value:
            run.add(f"{path}.{name}", "required", "it is required")
    if rule.choices:
        _choices(value, rule, path, run)
    if not rule.companions.isdisjoint(value):
        _alone(value, rule, path, run)
    if rule.primitive_lists:
        _nulls(value, rule, path, run)
    if rule.invariants and len(run.findings) == before:
        _invariants(value, rule, path, run)


def _choices(value: dict[str, Any], rule: _Type, path: str, run: _Run) -> None:
    """One of a choice at most (``valueString`` or ``valueCode``), and one where one is required."""
    chosen: dict[str, str] = {}
    for name in value:
        bare = name.removeprefix("_")
        choice = rule.choices.get(bare)
        if choice and chosen.setdefault(choice, bare) != bare:
            run.add(f"{path}.{name}", "structure", f"{choice}[x] is there twice")
    for name in rule.required_choices - chosen.keys():
        run.add(f"{path}.{name}", "required", "it is required")


def _alone(value: dict[str, Any], rule: _Type, path: str, run: _Run) -> None:
    """ele-1: a companion without its primitive says something only by an extension."""
    for name in rule.companions & value.keys():
        companion = value[name]
        if name[1:] not in value and type(companion) is dict and "extension" not in companion:
            run.add(f"{path}.{name}", "invariant", "ele-1: an element has a value or an extension")


def _nulls(value: dict[str, Any], rule: _Type, path: str, run: _Run) -> None:
    """null in a list of primitives keeps the place of an extension in the companion, and has no other use."""
    for name in rule.primitive_lists & value.keys():
        if type(value[name]) is not list:
            continue
        companion = value.get("_" + name)
        for i, one in enumerate(value[name]):
            paired = type(companion) is list and i < len(companion) and companion[i] is not None
            if one is None and not paired:
                run.add(f"{path}.{name}[{i}]", "structure", "null without an extension")


def _invariants(value: dict[str, Any], rule: _Type, path: str, run: _Run) -> None:
    for one in rule.invariants:
        if not one.holds(value):
            run.add(f"{path}.{one.element}" if one.element else path, "invariant", f"{one.key}: {one.says}")


def _check(element: ElementRule) -> _Check:
    if element.is_primitive:
        single = _primitive(element)
    elif element.type == "Resource":
        single = _resource
    elif element.type == "Reference":
        single = _reference(element.targets)
    else:
        rule = _type(element.type)

        def single(value: Any, path: str, run: _Run) -> None:
            _object(value, rule, path, run)

    return _list(single, nullable=element.is_primitive) if element.many else single


def _primitive(element: ElementRule) -> _Check:
    test, codes = primitives.CHECKS[element.type], element.codes

    def check(value: Any, path: str, run: _Run) -> None:
        wrong = test(value)
        if wrong:
            run.add(path, "structure" if wrong.startswith(primitives.JSON_TYPE) else "value", wrong)
        elif codes is not None and value not in codes:
            run.add(path, "value", f"not one of {', '.join(sorted(codes))}")

    return check


def _list(single: _Check, *, nullable: bool) -> _Check:
    def check(value: Any, path: str, run: _Run) -> None:
        if type(value) is not list:
            run.add(path, "structure", "a list is expected")
        elif not value:
            run.add(path, "structure", "an empty list")
        else:
            for i, one in enumerate(value):
                if one is not None or not nullable:
                    single(one, f"{path}[{i}]", run)

    return check


def _companion(element: ElementRule) -> _Check:
    """``_name``: the id and extensions of a primitive."""
    rule = _type("Element")

    def single(value: Any, path: str, run: _Run) -> None:
        _object(value, rule, path, run)

    if not element.many:
        return single

    def several(value: Any, path: str, run: _Run) -> None:
        if type(value) is not list or not any(one is not None for one in value):
            run.add(path, "structure", "a list with something in it is expected")
            return
        for i, one in enumerate(value):
            if one is not None:
                single(one, f"{path}[{i}]", run)

    return several


def _reference(targets: frozenset[str] | None) -> _Check:
    rule = _type("Reference")

    def check(value: Any, path: str, run: _Run) -> None:
        before = len(run.findings)
        _object(value, rule, path, run)
        if len(run.findings) > before or "reference" not in value:
            return
        text = value["reference"]
        literal = _LITERAL.fullmatch(text)
        if text.startswith("#"):
            run.local.append((f"{path}.reference", text[1:]))
        elif literal:
            _target(literal[1], value.get("type"), targets, text, f"{path}.reference", run)
        elif not text.startswith(("urn:", "http:", "https:")):
            run.add(f"{path}.reference", "value", "a reference is Type/id, a URL, or #id of a contained resource")

    return check


def _target(kind: str, said: str | None, targets: frozenset[str] | None, text: str, path: str, run: _Run) -> None:
    """Whether a literal reference names a type that may stand here. A foreign URL may look like one by chance."""
    if text.startswith("http") and not dictionary.is_resource(kind):
        return
    if said is not None and said != kind:
        run.add(path, "value", "the reference names another type than Reference.type")
    elif targets is not None and kind not in targets:
        run.add(path, "value", f"it may name {', '.join(sorted(targets))}")
    elif targets is None and not dictionary.is_resource(kind):
        run.add(path, "value", "R4 has no such resource type")


def _contained(resource: dict[str, Any], path: str, run: _Run) -> None:
    """dom-2 to dom-5, ref-1: contained resources are named, used, and hold no meta of their own."""
    contained = resource.get("contained")
    inner = [one for one in contained if isinstance(one, dict)] if isinstance(contained, list) else []
    ids = {one["id"] for one in inner if isinstance(one.get("id"), str)}
    used = {name for _, name in run.local}
    for at, name in run.local:
        if name not in ids and name:
            run.add(at, "invariant", "ref-1: nothing contained has this id")
    for i, one in enumerate(inner):
        here = f"{path}.contained[{i}]"
        meta = one["meta"] if isinstance(one.get("meta"), dict) else {}
        if "contained" in one:
            run.add(here, "invariant", "dom-2: a contained resource contains none")
        if one.get("id") not in used and not any(at.startswith(here) for at, name in run.local if not name):
            run.add(here, "invariant", "dom-3: nothing refers to the contained resource")
        if "versionId" in meta or "lastUpdated" in meta:
            run.add(f"{here}.meta", "invariant", "dom-4: a contained resource has no version")
        if "security" in meta:
            run.add(f"{here}.meta", "invariant", "dom-5: a contained resource has no security label")
