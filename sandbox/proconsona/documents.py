"""XML in and out: the one parser of this face, the schema it holds bodies to, and places of errors as XPaths.

Nothing of a body is believed before it is parsed here: no DTD, no entities, nothing external, the parser's limits on.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from lxml import etree

from sandbox.http.answer import Answer
from sandbox.proconsona.outcome import Place, Refusal

NAMESPACE: Final = "urn:proconsona:rajapinta:3"
SCHEMA_FILE: Final = Path(__file__).with_name("proconsona.xsd")
XML: Final = "application/xml; charset=utf-8"
MOST_PLACES: Final = 100

_DECLARATION: Final = b'<?xml version="1.0" encoding="UTF-8"?>\n'
_DOCTYPE: Final = re.compile(rb"(?:\xef\xbb\xbf)?(?:\s|<\?.*?\?>|<!--.*?-->)*+<!DOCTYPE", re.DOTALL)
_ENCODING: Final = re.compile(rb"""(?:\xef\xbb\xbf)?<\?xml[^>]*?\sencoding\s*=\s*["']([^"']*)""")
_ILLEGAL: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_MISSING: Final = (etree.ErrorTypes.SCHEMAV_CVC_COMPLEX_TYPE_4,)
_EXTRA: Final = (
    etree.ErrorTypes.SCHEMAV_ELEMENT_CONTENT,
    etree.ErrorTypes.SCHEMAV_CVC_COMPLEX_TYPE_3_2_1,
    etree.ErrorTypes.SCHEMAV_CVC_COMPLEX_TYPE_3_2_2,
    etree.ErrorTypes.SCHEMAV_CVC_COMPLEX_TYPE_2_1,
    etree.ErrorTypes.SCHEMAV_CVC_TYPE_3_1_1,
    etree.ErrorTypes.SCHEMAV_CVC_TYPE_3_1_2,
)


def _parser() -> etree.XMLParser:
    return etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )


_schema_document = etree.parse(str(SCHEMA_FILE), _parser())
_SCHEMA: Final = etree.XMLSchema(_schema_document)
_KNOWN: Final = frozenset(_schema_document.xpath("//@name"))


# ---- in


def parse(body: bytes, root: str) -> etree._Element:
    """Return the root element of a body that is valid and has this name. Raises Refusal (400)."""
    if _DOCTYPE.match(body):
        raise Refusal("DTD_KIELLETTY")
    encoding = _ENCODING.match(body)
    if encoding is not None and encoding[1].lower() != b"utf-8":
        raise Refusal("EI_XML")
    try:
        body.decode("utf-8")
        found = etree.fromstring(body, _parser())
    except (UnicodeDecodeError, etree.XMLSyntaxError) as err:
        raise Refusal("EI_XML") from err
    if found.getroottree().docinfo.doctype:
        raise Refusal("DTD_KIELLETTY")
    if found.tag != f"{{{NAMESPACE}}}{root}":
        raise Refusal("EI_XML")
    if not _SCHEMA.validate(found):
        raise Refusal("SKEEMA", places=_places(found))
    return found


def is_valid(element: etree._Element) -> bool:
    """Whether an element, as a document, is valid by the schema."""
    return bool(_SCHEMA.validate(element))


def value(element: etree._Element, name: str) -> str | None:
    """Return the text of a child, with its white space; None when there is no such child."""
    child = element.find(f"{{{NAMESPACE}}}{name}")
    return None if child is None else (child.text or "")


def token(element: etree._Element, name: str) -> str:
    """Return the text of a child that the schema requires, without white space around it."""
    return (value(element, name) or "").strip()


def path_of(element: etree._Element) -> str:
    """Return the XPath of an element; only names of the schema are repeated, others are `*`."""
    steps: list[str] = []
    node = element
    while node is not None:
        tag = etree.QName(node)
        name = f"pc:{tag.localname}" if tag.namespace == NAMESPACE and tag.localname in _KNOWN else "*"
        alike = [one for one in node.getparent() if one.tag == node.tag] if node.getparent() is not None else [node]
        steps.append(name if len(alike) == 1 else f"{name}[{alike.index(node) + 1}]")
        node = node.getparent()
    return "/" + "/".join(reversed(steps))


def _places(root: etree._Element) -> list[Place]:
    """Return what the last validation found, once for each place."""
    found: dict[str, Place] = {}
    for error in _SCHEMA.error_log:
        path = path_of(_node(root, error.path))
        missing = error.type in _MISSING or "Missing child element" in error.message
        code = "PUUTTUU" if missing else "YLIMAARAINEN" if error.type in _EXTRA else "ARVO"
        found.setdefault(path, Place(path, code))
        if len(found) >= MOST_PLACES:
            break
    return list(found.values())


def _node(root: etree._Element, path: str | None) -> etree._Element:
    """Return the element that a path of libxml2's names (the owner of an attribute); the root when it is not clear."""
    prefixes = {prefix: uri for one in root.iter() for prefix, uri in one.nsmap.items() if prefix}
    try:
        nodes = root.xpath((path or "/*").partition("/@")[0], namespaces=prefixes)
    except etree.XPathError:  # a prefix with two meanings, or a name that XPath cannot say
        return root
    return nodes[0] if nodes else root


# ---- out


def make(name: str, text: str | None = None, /, **attributes: str) -> etree._Element:
    """Return a new element of the interface's namespace."""
    element = etree.Element(f"{{{NAMESPACE}}}{name}", attributes, nsmap={None: NAMESPACE})
    element.text = None if text is None else legal(text)
    return element


def add(parent: etree._Element, name: str, text: str | None = None, /, **attributes: str) -> etree._Element:
    """Add a child and return it."""
    child = etree.SubElement(parent, f"{{{NAMESPACE}}}{name}", attributes)
    child.text = None if text is None else legal(text)
    return child


def add_some(parent: etree._Element, name: str, text: str | None) -> None:
    """Add a child if there is something to say in it."""
    if text:
        add(parent, name, text)


def legal(text: str) -> str:
    """Return a text with what XML cannot hold replaced: the desk may write anything."""
    return _ILLEGAL.sub("\ufffd", text)


def to_bytes(root: etree._Element) -> bytes:
    """Return an element as a document in UTF-8, indented."""
    etree.indent(root)
    text: str = etree.tostring(root, encoding="unicode")
    return _DECLARATION + text.encode("utf-8") + b"\n"


def answer(root: etree._Element, status: int = 200, **headers: str) -> Answer:
    """Return an element as an answer."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Answer(status, to_bytes(root), {"content-type": XML, **named})


def refused(refusal: Refusal) -> Answer:
    """Return a refusal as an answer (INTERFACE.md §11)."""
    root = make("virhe")
    add(root, "koodi", refusal.code)
    add(root, "teksti", refusal.text)
    for place in refusal.places:
        found = add(root, "kohta")
        add(found, "polku", place.path)
        add(found, "koodi", place.code)
    if refusal.record is not None:
        root.append(refusal.record)
    etree.cleanup_namespaces(root)
    return Answer(refusal.status, to_bytes(root), {"content-type": XML, **refusal.headers})
