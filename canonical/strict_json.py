"""JSON as RFC 8259 means it, and no more: what Python's own reader lets through is refused here.

Refused: duplicate names, NaN and Infinity, lone surrogates, NUL, invalid UTF-8, a byte order mark, whole numbers
beyond 64 bits and others beyond a double, and nesting deeper than `MAX_DEPTH`. Decimals keep their digits
(`decimal.Decimal`).
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, Final

import orjson

MAX_DEPTH: Final = 64
_MAX_DIGITS: Final = 40
_MAX_INTEGER: Final = 2**63 - 1


class BadJson(ValueError):
    """The bytes are not acceptable JSON; the text says why and where, never what they hold."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise BadJson("an object names the same property twice")
    return result


def _constant(_: str) -> Any:
    raise BadJson("NaN and Infinity are not JSON numbers")


def _integer(text: str) -> int:
    if len(text) > _MAX_DIGITS or abs(value := int(text)) > _MAX_INTEGER:
        raise BadJson("a whole number is out of range")
    return value


def _decimal(text: str) -> Decimal:
    if len(text) > _MAX_DIGITS:
        raise BadJson("a number has too many digits")
    value = Decimal(text)
    if value and abs(value.adjusted()) > 300:
        raise BadJson("a number is out of range")
    return value


def _depth(text: str) -> int:
    """The deepest nesting, counted without building anything."""
    deepest = depth = 0
    inside = escaped = False
    for c in text:
        if inside:
            if escaped:
                escaped = False
            elif c == "\\":
                escaped = True
            elif c == '"':
                inside = False
        elif c == '"':
            inside = True
        elif c in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif c in "]}":
            depth -= 1
    return deepest


def loads(data: bytes) -> Any:
    """The value of strict JSON bytes; raises `BadJson`."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as err:
        raise BadJson(f"not UTF-8 at byte {err.start}") from None
    if text.startswith("\ufeff"):
        raise BadJson("a byte order mark is not part of JSON")
    if text.count("[") + text.count("{") > MAX_DEPTH and _depth(text) > MAX_DEPTH:
        raise BadJson(f"nested deeper than {MAX_DEPTH}")
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_constant=_constant, parse_int=_integer, parse_float=_decimal
        )
    except json.JSONDecodeError as err:
        raise BadJson(f"{err.msg} at line {err.lineno}, column {err.colno}") from None
    if "\\u" in text:
        _no_bad_characters(value)
    elif "\x00" in text:
        raise BadJson("a NUL character")
    return value


def _no_bad_characters(value: Any) -> None:
    if isinstance(value, str):
        if "\x00" in value or any("\ud800" <= c <= "\udfff" for c in value):
            raise BadJson("a lone surrogate or a NUL character in a text")
    elif isinstance(value, dict):
        for name, inner in value.items():
            _no_bad_characters(name)
            _no_bad_characters(inner)
    elif isinstance(value, list):
        for inner in value:
            _no_bad_characters(inner)


def _decimal_digits(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value).encode("ascii"))
    raise TypeError(f"{type(value).__name__} is not JSON")


def dumps(value: Any) -> bytes:
    """Compact JSON bytes of what `loads` gives; decimals keep their digits."""
    return orjson.dumps(value, default=_decimal_digits)
