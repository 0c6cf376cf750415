"""The one XML parser of the whole product: no document type, no entities, no network, no huge trees.

libxml2 refuses much by default and lxml lets through the rest (a DTD, an external one even); here a document that has a
document type at all is refused. Every other XML parser is banned by a lint.
"""

from __future__ import annotations

from typing import Final

from lxml import etree

MAX_BYTES: Final = 8 * 1024 * 1024


class BadXml(ValueError):
    """The bytes are not acceptable XML; the text says why, never what they hold."""


def loads(data: bytes, *, max_bytes: int = MAX_BYTES) -> etree._Element:
    """The root element. Raises `BadXml` for anything that is not well-formed, has a DTD, or is too large."""
    if len(data) > max_bytes:
        raise BadXml(f"more than {max_bytes} bytes")
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_pis=True,
        remove_comments=True,
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as err:
        raise BadXml(f"not well-formed ({type(err).__name__})") from None
    if root.getroottree().docinfo.doctype:
        raise BadXml("a document type is not accepted")
    return root
