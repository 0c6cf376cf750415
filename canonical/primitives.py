"""FHIR R4's primitive types: what a JSON value of each must be (datatypes.html), with real calendar dates.

Each check answers what is wrong, in words that never repeat the value.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from canonical import narrative

Check = Callable[[Any], str | None]

LONGEST: Final = 1024 * 1024
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_UNSEEN: Final = frozenset("ZC")
"""Kinds of characters that say nothing alone: spaces and line breaks, controls, formats, what has no character."""
_CODE: Final = re.compile(r"[^\s]+(?:\s[^\s]+)*")
_ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_URI: Final = re.compile(r"(?!(?i:javascript|vbscript):)\S+")
_OID: Final = re.compile(r"urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+")
_UUID: Final = re.compile(r"urn:uuid:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_BASE64: Final = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
_TIME: Final = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?")
_INSTANT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:Z|[+-](?:0[0-9]|1[0-3]):[0-5][0-9]|[+-]14:00)"
)
_DAY: Final = re.compile(r"[0-9]{4}(?:-[0-9]{2}(?:-[0-9]{2})?)?")

JSON_TYPE: Final = "the JSON type is wrong: "
"""How an answer begins that is about the JSON type and not the value."""


def _text(what: str, pattern: re.Pattern[str]) -> Check:
    def check(value: Any) -> str | None:
        if type(value) is not str:
            return JSON_TYPE + "a string is expected"
        return None if pattern.fullmatch(value) else f"not {what}"

    return check


def _string(value: Any) -> str | None:
    if type(value) is not str:
        return JSON_TYPE + "a string is expected"
    if not value:
        return "an empty string"
    if len(value) > LONGEST:
        return "a string longer than FHIR allows"
    if _CONTROL.search(value):
        return "a control character"
    return None if any(unicodedata.category(one)[0] not in _UNSEEN for one in value) else "nothing but white space"


def _uri(value: Any) -> str | None:
    if type(value) is not str:
        return JSON_TYPE + "a string is expected"
    if not _URI.fullmatch(value):
        return "not a URI"
    if value.startswith("urn:oid:") and not _OID.fullmatch(value):
        return "not an OID as urn:oid:"
    if value.startswith("urn:uuid:") and not _UUID.fullmatch(value):
        return "not a UUID as urn:uuid: in small letters"
    return None


def _boolean(value: Any) -> str | None:
    return None if type(value) is bool else JSON_TYPE + "true or false is expected"


def _whole(smallest: int) -> Check:
    def check(value: Any) -> str | None:
        if type(value) is not int:
            return JSON_TYPE + "a whole number is expected"
        return None if smallest <= value <= 2**31 - 1 else "a number out of range"

    return check


def _decimal(value: Any) -> str | None:
    return None if type(value) in (int, float, Decimal) else JSON_TYPE + "a number is expected"


def _base64(value: Any) -> str | None:
    if type(value) is not str:
        return JSON_TYPE + "a string is expected"
    squeezed = "".join(value.split())
    return None if squeezed and _BASE64.fullmatch(squeezed) else "not base64"


def _instant(value: Any) -> str | None:
    if type(value) is not str:
        return JSON_TYPE + "a string is expected"
    if not _INSTANT.fullmatch(value):
        return "not an instant with seconds and offset (2027-03-22T09:00:00+02:00)"
    return None if _exists(datetime.fromisoformat, value) else "a date or time that does not exist"


def _date(value: Any) -> str | None:
    if type(value) is not str:
        return JSON_TYPE + "a string is expected"
    if not _DAY.fullmatch(value):
        return "not a date (2027, 2027-03 or 2027-03-22)"
    return None if _exists(date.fromisoformat, value + "-01-01"[len(value) - 4 :]) else "a date that does not exist"


def _date_time(value: Any) -> str | None:
    return _instant(value) if type(value) is str and len(value) > 10 else _date(value)


def _exists(parse: Callable[[str], object], value: str) -> bool:
    try:
        parse(value)
    except ValueError:
        return False
    return True


def _xhtml(value: Any) -> str | None:
    if type(value) is not str:
        return JSON_TYPE + "a string is expected"
    wrong = narrative.problem(value)
    return wrong and f"not a narrative: {wrong}"


CHECKS: Final[Mapping[str, Check]] = {
    "boolean": _boolean,
    "integer": _whole(-(2**31)),
    "unsignedInt": _whole(0),
    "positiveInt": _whole(1),
    "decimal": _decimal,
    "string": _string,
    "markdown": _string,
    "code": _text("a code", _CODE),
    "id": _text("an id: 1 to 64 of A-Z a-z 0-9 - .", _ID),
    "uri": _uri,
    "url": _uri,
    "canonical": _uri,
    "oid": _text("an OID as urn:oid:", _OID),
    "uuid": _text("a UUID as urn:uuid:", _UUID),
    "base64Binary": _base64,
    "instant": _instant,
    "date": _date,
    "dateTime": _date_time,
    "time": _text("a time with seconds (09:00:00)", _TIME),
    "xhtml": _xhtml,
}
