"""XML in and out: the one parser of this system, and elements from plain data."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, Union

from lxml import etree

from sandbox.mediatri.refusals import EnvelopeFault

NAMESPACE: Final = "http://mediatri.example/ajanvaraus/v1"

Element = Any
Fields = Sequence[tuple[str, Union[str, "Fields"]]]
"""The content of an element in order: (name, text) or (name, content). A name may come several times."""

_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ENCODING: Final = re.compile(r"""^<\?xml[^>]*?\sencoding\s*=\s*["']([^"']*)""")
_DEEPEST: Final = 100
_too_deep: Final = etree.XPath(f"boolean({'/*' * (_DEEPEST + 1)})")


def parse(raw: bytes) -> Element:
    """Return the root of a message in UTF-8.

    Raises EnvelopeFault for what is not XML, or is XML that a message must not be: a document type (even of one that
    only looks like it), another encoding, too many levels.
    """
    try:
        text = raw.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as err:
        raise EnvelopeFault("soap:Client") from err
    declared = _ENCODING.match(text)
    if (declared is not None and declared[1].lower() != "utf-8") or "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise EnvelopeFault("soap:Client")
    try:
        root = etree.fromstring(text.encode("utf-8"), _parser())
    except etree.XMLSyntaxError as err:
        raise EnvelopeFault("soap:Client") from err
    if root.getroottree().docinfo.doctype or _too_deep(root):
        raise EnvelopeFault("soap:Client")
    return root


def build(name: str, content: Fields) -> Element:
    """Return an element of the interface's namespace."""
    root = etree.Element(f"{{{NAMESPACE}}}{name}", nsmap={None: NAMESPACE})
    _fill(root, content)
    return root


def serialize(element: Element) -> bytes:
    """Return an element in UTF-8, without a declaration."""
    return bytes(etree.tostring(element, encoding="UTF-8", xml_declaration=False))


def local_name(element: Element) -> str:
    """Return the name of an element of the interface's namespace; "" for one of another."""
    name = etree.QName(element)
    return str(name.localname) if name.namespace == NAMESPACE else ""


def clean(text: str) -> str:
    """Return a text without characters that XML cannot carry: each becomes U+FFFD."""
    return _FORBIDDEN.sub("\ufffd", text)


def _parser() -> Any:
    # A parser is not shared: what one message did to it must not reach the next.
    return etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        dtd_validation=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )


def _fill(parent: Element, content: Fields) -> None:
    for name, value in content:
        child = etree.SubElement(parent, f"{{{NAMESPACE}}}{name}")
        if not isinstance(value, str):
            _fill(child, value)
        elif value:
            child.text = clean(value)
