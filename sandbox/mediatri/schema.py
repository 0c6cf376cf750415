"""The interface's own description: the schema that requests must satisfy, and WSDL and schema as they are served."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Final

from lxml import etree

from sandbox.mediatri.markup import NAMESPACE, Element, local_name
from sandbox.mediatri.refusals import invalid

_HERE: Final = Path(__file__).parent
_WSDL: Final = _HERE / "mediatri.wsdl"
_XSD: Final = _HERE / "mediatri.xsd"
_WSDL_IMPORT: Final = 'schemaLocation="mediatri.xsd"'
_WSDL_ADDRESS: Final = "http://127.0.0.1:8087/ws/Ajanvaraus"


class Schema:
    """The schema, ready to judge requests."""

    def __init__(self) -> None:
        self._schema = etree.XMLSchema(etree.parse(_XSD))

    def check(self, request: Element) -> Element:
        """Return a valid request on its own, out of its envelope. Raises Refusal, which names the first fault's place.

        Hints in the request about other schemas are not followed.
        """
        alone = deepcopy(request)
        alone.tail = None
        if not self._schema.validate(alone):
            raise invalid(_place(alone, self._schema.error_log[0].path))
        return alone


def wsdl(address: str) -> bytes:
    """Return the WSDL of an installation at its address."""
    text = _WSDL.read_text("utf-8").replace(_WSDL_IMPORT, f'schemaLocation="{address}?xsd=1"')
    return text.replace(_WSDL_ADDRESS, address).encode("utf-8")


def xsd() -> bytes:
    """Return the schema."""
    return _XSD.read_bytes()


def action_of(operation: str) -> str:
    """Return the SOAPAction of an operation."""
    return f"{NAMESPACE}/{operation}"


def _place(root: Element, path: str | None) -> str:
    """Return the names from below the root down to an element, as `alku/klo`.

    The path names elements by the prefixes that the request itself binds; where one is bound twice, to two namespaces,
    the element may not be found, and the root is to blame.
    """
    bound = {prefix: uri for element in root.iter("*") for prefix, uri in element.nsmap.items() if prefix}
    found = root.getroottree().xpath(path, namespaces=bound) if path else []
    names: list[str] = []
    element = found[0] if found else root
    while element is not None and element is not root:
        names.insert(0, local_name(element))
        element = element.getparent()
    return "/".join(names)
