"""Which format and language an answer is in, and which a body may be in."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from hub.api.message import FHIR_JSON, FORM, JSON
from hub.api.outcomes import parameter
from hub.usecases.ports import Failed, Language

_VERSIONS: Final = frozenset({"4.0", "4.0.1"})
_FORMATS: Final = {"json": FHIR_JSON, FHIR_JSON: FHIR_JSON, JSON: JSON}
_ANY: Final = frozenset({"*/*", "application/*"})
_QUALITY: Final = re.compile(r"(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")

Weighted = list[tuple[float, str, dict[str, str]]]


@lru_cache(maxsize=256)
def language(accept_language: str) -> Language:
    """The language people are answered in: the best of Accept-Language that there is, else Finnish."""
    for _, tag, _ in _weighted(accept_language):
        match tag.lower().partition("-")[0]:
            case "fi" | "*":
                return "fi"
            case "sv":
                return "sv"
            case "en":
                return "en"
    return "fi"


@lru_cache(maxsize=256)
def answer_media(accept: str, wanted: str | None) -> str:
    """The media type of the answer. ``wanted`` is ``_format``, which beats Accept. Raises `not-acceptable`."""
    if wanted is not None:
        media, _, rest = wanted.replace(" ", "+").partition(";")
        if media.lower() in _FORMATS and not rest:
            return _FORMATS[media.lower()]
        raise Failed("not-acceptable", "_format is json", expression=[parameter("_format")])
    if not accept.strip():
        return FHIR_JSON
    for _, media, options in _weighted(accept):
        if options.get("fhirversion", "4.0") not in _VERSIONS:
            continue
        if media in _ANY:
            return FHIR_JSON
        if media in (FHIR_JSON, JSON):
            return media
    raise Failed("not-acceptable", expression=[parameter("Accept")])


def check_body(content_type: str | None, encoding: str | None, *, form: bool = False) -> None:
    """Raises `unsupported-media-type` unless the body is what the interaction reads: FHIR JSON, or a form."""
    expected = (FORM,) if form else (FHIR_JSON, JSON)
    if encoding not in (None, "", "identity"):
        raise _unsupported("a compressed body is not read", "Content-Encoding")
    if not content_type:
        raise _unsupported("there is no Content-Type", "Content-Type")
    media, options = _parameters(content_type)
    if media not in expected:
        raise _unsupported(f"{' or '.join(expected)} is expected", "Content-Type")
    if options.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
        raise _unsupported("the charset is UTF-8", "Content-Type")
    if options.get("fhirversion", "4.0") not in _VERSIONS:
        raise _unsupported("the FHIR version is 4.0", "Content-Type")


def _unsupported(why: str, header: str) -> Failed:
    return Failed("unsupported-media-type", why, expression=[parameter(header)])


def _weighted(header: str) -> Weighted:
    """The entries of an Accept-like header, best first; those with q=0 are out."""
    entries = []
    for part in header.split(",")[:50]:
        value, options = _parameters(part)
        quality = options.pop("q", "1")
        weight = float(quality) if _QUALITY.fullmatch(quality) else 0.0
        if value and weight > 0:
            entries.append((weight, value, options))
    return sorted(entries, key=lambda entry: -entry[0])


def _parameters(text: str) -> tuple[str, dict[str, str]]:
    """``text/plain; charset=utf-8`` in its parts, names in small letters."""
    value, *rest = text.split(";")
    options = (one.partition("=") for one in rest)
    return value.strip().lower(), {name.strip().lower(): v.strip().strip('"') for name, _, v in options}
