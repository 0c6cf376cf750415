"""What a narrative may hold (FHIR R4, narrative.html: txt-1, txt-2): well-formed XHTML of plain formatting elements.

It is checked, never built or repaired, so a scanner is enough; nothing in it can make us fetch or run anything.
"""

from __future__ import annotations

import html
import re
from typing import Final

_XHTML: Final = "http://www.w3.org/1999/xhtml"
_ELEMENT_NAMES: Final = (
    "a abbr acronym b big blockquote br caption cite code col colgroup dd dfn div dl dt em h1 h2 h3 h4 h5 h6 hr i img "
    "li ol p pre q samp small span strong sub sup table tbody td tfoot th thead tr tt ul var"
)
_ATTRIBUTE_NAMES: Final = (
    "abbr accesskey align alt axis bgcolor border cellhalign cellpadding cellspacing cellvalign char charoff charset "
    "cite class colspan compact coords dir frame headers height href hreflang hspace id lang longdesc name nowrap rel "
    "rev rowspan rules scope shape span src start style summary tabindex title type valign value vspace width xmlns "
    "xml:lang"
)
_ELEMENTS: Final = frozenset(_ELEMENT_NAMES.split())
_ATTRIBUTES: Final = frozenset(_ATTRIBUTE_NAMES.split())
_TOKEN: Final = re.compile(
    r"""<(?P<end>/?)(?P<name>[A-Za-z][A-Za-z0-9]*)(?P<attributes>(?:\s+[A-Za-z:-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)"""
    r"""\s*(?P<empty>/?)>|<!--(?:(?!--).)*-->|(?P<text>[^<]+)""",
    re.DOTALL,
)
_ATTRIBUTE: Final = re.compile(r"""([A-Za-z:-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_ENTITY: Final = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#[0-9]{1,7}|#x[0-9A-Fa-f]{1,6});)")
_RUNS: Final = re.compile(r"(?:javascript|vbscript|data(?!:image/(?:png|jpeg|gif);)):", re.IGNORECASE)
_IGNORED_IN_LINKS: Final = re.compile(r"[\x00-\x20]+")


def problem(div: str) -> str | None:
    """Why ``div`` is no acceptable narrative, or None. The answer never repeats what it holds."""
    if _ENTITY.search(div):
        return "an entity other than XML's own"
    open_elements: list[str] = []
    content = False
    position = 0
    for token in _TOKEN.finditer(div):
        if token.start() != position:
            break
        position = token.end()
        if token["name"]:
            if not open_elements and (token["end"] or token["name"] != "div" or token.start() != 0):
                return "it is one div element"
            wrong = _element(token, open_elements)
            if wrong:
                return wrong
            content = content or token["name"] == "img"
        elif token["text"]:
            if not open_elements:
                return "it is one div element"
            content = content or not token["text"].isspace()
    if position != len(div) or open_elements or not div:
        return "not well-formed XHTML"
    return None if content else "it has no content"


def _element(token: re.Match[str], open_elements: list[str]) -> str | None:
    """Check one tag and keep track of what is open."""
    name = token["name"]
    if token["end"]:
        closes = open_elements.pop() if open_elements else None
        return None if closes == name and not token["attributes"] else "not well-formed XHTML"
    if name not in _ELEMENTS:
        return "an element that a narrative must not hold"
    attributes = {m[1]: m[2] if m[2] is not None else m[3] for m in _ATTRIBUTE.finditer(token["attributes"])}
    if not attributes.keys() <= _ATTRIBUTES:
        return "an attribute that a narrative must not hold"
    if any(_runs(attributes.get(link, "")) for link in ("href", "src", "cite", "longdesc")):
        return "a link that runs something"
    if not open_elements and attributes.get("xmlns") != _XHTML:
        return "the div is not in the XHTML namespace"
    if not token["empty"]:
        open_elements.append(name)
    return None


def _runs(link: str) -> bool:
    """Whether a browser would run the link; it decodes entities and skips blanks before it looks at the scheme."""
    return _RUNS.match(_IGNORED_IN_LINKS.sub("", html.unescape(link))) is not None
