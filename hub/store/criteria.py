"""Who may see a resource, and what a search asks for, as SQL conditions. There is one `visible`, used by every read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, bindparam, exists, false, func, or_, select, true

from hub.access import Access
from hub.criteria import Criterion, Reference, Span, Text, Token
from hub.resources import DIRECTORY, PERSONAL
from hub.store.schema import Instant, resource, token
from hub.store.tokens import PARAMETERS, REFERENCED, folded, hiding, line

Condition = ColumnElement[bool]
Value = Token | Span | Reference | Text

_ERROR: Final = "entered-in-error"


class UnknownParameter(ValueError):
    """The kind has no such search parameter, or not with such a value."""


def visible(kind: str, access: Access, table: Any = resource) -> Condition:
    """What of ``kind`` the caller may see, of the table `resource` or `history`. A kind that is not listed: nothing.

    ``today`` (the business time, from when things are released) is a parameter of the statement.
    """
    if kind in DIRECTORY:
        return and_(table.c.patient.is_(None))
    if kind not in PERSONAL or access.subject is None:
        return false()
    released = or_(table.c.release_at.is_(None), table.c.release_at <= bindparam("today", type_=Instant()))
    mine = and_(table.c.patient == bindparam("subject", access.subject), released)
    return and_(mine, table.c.guardian_visible.is_(True)) if access.is_proxy else mine


def matching(kind: str, criteria: Iterable[Criterion], hashed: Callable[[str], str]) -> Condition:
    """All criteria hold: of each at least one value. Raises `UnknownParameter`.

    What is entered in error is absent unless the status asks for it.
    """
    conditions: list[Condition] = [true()]
    named = set()
    for criterion in criteria:
        named.add(criterion.name)
        conditions.append(
            or_(false(), *(_condition(kind, criterion.name, value, hashed) for value in criterion.values))
        )
    if "status" not in named:
        conditions.append(resource.c.status != _ERROR)
    return and_(*conditions)


def _condition(kind: str, name: str, value: Value, hashed: Callable[[str], str]) -> Condition:
    if name == "_id":
        return resource.c.hub_id == _plain(value)
    if name == "installation":
        return resource.c.installation == _plain(value)
    if name == "_lastUpdated" and isinstance(value, Span):
        return _within(resource.c.last_updated, value, lambda instant: instant.timestamp())
    if name == "status" and kind not in DIRECTORY:
        return resource.c.status == _plain(value)
    if kind == "Appointment" and name == "date" and isinstance(value, Span):
        return _within(resource.c.start, value, lambda instant: instant)
    if kind == "Appointment" and name == "patient" and isinstance(value, Reference):
        return and_(resource.c.patient == value.id, true() if value.kind in (None, "Patient") else false())
    if name not in PARAMETERS.get(kind, ()):
        raise UnknownParameter(f"{kind} is not searched by {name}")
    return _indexed(kind, name, _stored(PARAMETERS[kind][name][0], value, hiding(kind, hashed)))


def _plain(value: Value) -> str:
    """A value that is one word."""
    match value:
        case Token(code=str(code)):
            return code
        case Reference(id=found):
            return found
        case Text(text=found):
            return found
        case _:
            raise UnknownParameter("a code or an id is wanted")


def _within(column: Any, span: Span, stored: Callable[[Any], Any]) -> Condition:
    conditions: list[Condition] = [column.is_not(None)]
    if span.start is not None:
        conditions.append(column >= stored(span.start))
    if span.end is not None:
        conditions.append(column < stored(span.end))
    return and_(*conditions)


def _stored(how: str, value: Value, hide: Callable[[str], str]) -> tuple[Sequence[str], bool]:
    """How `hub.store.tokens` may keep the value, and whether only its beginning is given."""
    match value:
        case Token(system=system, code=str(code)):
            kept = hide(code) if how == "identifier" else code
            return [kept if system is None else f"{system}|{kept}"], False
        case Token(system=str(system), code=None):
            return [f"{system}|"], True
        case Reference(kind=kind, id=found) if how == "reference":
            return [f"{one}/{found}" for one in ([kind] if kind is not None else REFERENCED)], False
        case Text(text=text) if how == "text":
            return [folded(text)], True
        case _:
            raise UnknownParameter("the parameter takes no such value")


def _has(wanted: str) -> Condition:
    # REPLACE, because both databases have it and neither's ignores case.
    return func.replace(resource.c.found_by, wanted, "") != resource.c.found_by


def _indexed(kind: str, name: str, stored: tuple[Sequence[str], bool]) -> Condition:
    values, is_beginning = stored
    if kind in PERSONAL:
        return or_(false(), *(_has(line(name, value, is_beginning=is_beginning)) for value in values))
    # Not LIKE: SQLite's ignores case, and its wildcards would need escaping.
    there = func.substr(token.c.value, 1, len(values[0])) if is_beginning else token.c.value
    wanted = select(token.c.hub_id).where(
        token.c.kind == kind, token.c.name == name, there.in_(values), token.c.hub_id == resource.c.hub_id
    )
    return exists(wanted.correlate(resource))
