"""What FHIR R4 says about every type: its elements, how many of each, of what type, with which codes and targets.

The library fhir.resources is the dictionary: its field metadata is read once per type, lazily (loading it takes half a
second), and corrected where it is known to differ from R4 4.0.1. Nothing else of the library is used: it is ten times
too slow for a request, and it coerces what it should refuse.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

_PRIMITIVES: Final[Mapping[str, str]] = {
    "String": "string",
    "Code": "code",
    "Id": "id",
    "Uri": "uri",
    "Url": "url",
    "Canonical": "canonical",
    "Oid": "oid",
    "UuidVersion": "uuid",
    "Markdown": "markdown",
    "Xhtml": "xhtml",
    "Integer": "integer",
    "UnsignedInt": "unsignedInt",
    "PositiveInt": "positiveInt",
    "Decimal": "decimal",
    "Date": "date",
    "DateTime": "dateTime",
    "Instant": "instant",
    "Time": "time",
    "EncodedBytes": "base64Binary",
}

# R4B has these, R4 has not.
_NOT_IN_R4: Final = frozenset({"CodeableReference", "RatioRange"})
_RESOURCES_NOT_IN_R4: Final = frozenset(
    {
        "AdministrableProductDefinition",
        "Citation",
        "ClinicalUseDefinition",
        "EvidenceReport",
        "Ingredient",
        "ManufacturedItemDefinition",
        "MedicinalProductDefinition",
        "NutritionProduct",
        "PackagedProductDefinition",
        "RegulatedAuthorization",
        "SubscriptionStatus",
        "SubscriptionTopic",
        "SubstanceDefinition",
    }
)

# Where the library cuts a required value set short ("+"), the whole of it, for the types this hub speaks. Others that
# are cut are not checked.
_WHOLE_VALUE_SETS: Final[Mapping[tuple[str, str], str]] = {
    ("Task", "status"): "draft requested received accepted rejected ready cancelled in-progress on-hold failed"
    " completed entered-in-error",
    ("Quantity", "comparator"): "< <= >= >",
    ("Encounter", "status"): "planned arrived triaged in-progress onleave finished cancelled entered-in-error unknown",
    ("Observation", "status"): "registered preliminary final amended corrected cancelled entered-in-error unknown",
    ("QuestionnaireItem", "type"): "group display question boolean decimal integer date dateTime time string text url"
    " choice open-choice attachment reference quantity",
}

# The library takes the words of a description ("formats supported") for a value set.
_NO_VALUE_SET: Final = frozenset({("CapabilityStatement", "format")})


@dataclass(frozen=True, slots=True)
class ElementRule:
    """One element as JSON names it (``valueReference``). ``type`` is a primitive (small letter), a data type, a
    backbone type (``AppointmentParticipant``) or ``Resource``. ``codes`` is the required value set, ``targets`` the
    types a reference may name; None: any. ``choice`` is the name of its choice (``value``)."""

    name: str
    type: str
    many: bool
    required: bool
    codes: frozenset[str] | None = None
    targets: frozenset[str] | None = None
    choice: str | None = None

    @property
    def is_primitive(self) -> bool:
        return self.type[0].islower()


@dataclass(frozen=True, slots=True)
class TypeRule:
    """One type: its elements by JSON name, and the choices of which one is required."""

    name: str
    elements: Mapping[str, ElementRule]
    required_choices: frozenset[str]
    is_resource: bool
    is_domain_resource: bool


class UnknownType(KeyError):
    """R4 has no such type."""


@cache
def describe(name: str) -> TypeRule:
    """The rule of a resource, data or backbone type; raises `UnknownType`."""
    from fhir.resources.R4B import get_fhir_model_class

    try:
        model = get_fhir_model_class(name)
    except ValueError:
        raise UnknownType(name) from None
    ancestors = {base.__name__ for base in model.__mro__}
    if name in _RESOURCES_NOT_IN_R4 or "FHIRAbstractModel" not in ancestors:
        raise UnknownType(name)
    elements = {}
    required_choices = set()
    for field in model.model_fields.values():
        extra = field.json_schema_extra
        if not isinstance(extra, dict) or not extra.get("element_property"):
            continue  # resource_type, fhir_comments, and the companions of primitives
        rule = _element(name, field, extra)
        if rule.type in _NOT_IN_R4:
            continue
        elements[rule.name] = rule
        if rule.choice and extra.get("one_of_many_required"):
            required_choices.add(rule.choice)
    is_resource = "Resource" in ancestors
    return TypeRule(name, elements, frozenset(required_choices), is_resource, "DomainResource" in ancestors)


def is_resource(name: str) -> bool:
    """Whether R4 has a resource of this name that can stand in JSON (not the abstract ones)."""
    if name in ("Resource", "DomainResource"):
        return False
    try:
        return describe(name).is_resource
    except UnknownType:
        return False


def _element(owner: str, field: Any, extra: Mapping[str, Any]) -> ElementRule:
    name = field.alias
    kind, many = _type_of(field.annotation)
    targets = frozenset(extra.get("enum_reference_types", ())) if kind == "Reference" else frozenset()
    return ElementRule(
        name=name,
        type=kind,
        many=many,
        required=bool(field.is_required() or extra.get("element_required")),
        codes=_codes(owner, name, kind, extra),
        targets=targets if targets and "Resource" not in targets else None,
        choice=extra.get("one_of_many"),
    )


def _codes(owner: str, name: str, kind: str, extra: Mapping[str, Any]) -> frozenset[str] | None:
    if kind != "code" or "enum_values" not in extra or (owner, name) in _NO_VALUE_SET:
        return None
    if (owner, name) in _WHOLE_VALUE_SETS:
        return frozenset(_WHOLE_VALUE_SETS[owner, name].split())
    values = frozenset(extra["enum_values"])
    cut = any(not value or value.endswith(("+", ".")) or " " in value for value in values)
    return None if cut else values


def _type_of(annotation: Any) -> tuple[str, bool]:
    """The FHIR type of an annotation such as ``Optional[List[Annotated[str, Code()]]]``, and whether it is a list."""
    if typing.get_origin(annotation) is list:
        return _type_of(typing.get_args(annotation)[0])[0], True
    metadata = getattr(annotation, "__metadata__", None)
    if metadata:
        named = (_PRIMITIVES.get(_name(mark)) for mark in metadata)
        return next(kind for kind in named if kind), False
    if typing.get_args(annotation):  # Optional: the other one of two
        inner = next(a for a in typing.get_args(annotation) if a is not type(None))
        return _type_of(inner)
    if annotation is bool:
        return "boolean", False
    return annotation.__name__.removesuffix("Type"), False


def _name(mark: Any) -> str:
    return mark.__name__ if isinstance(mark, type) else type(mark).__name__
