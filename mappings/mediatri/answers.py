"""The envelope of an answer: what was answered, or the fault. Source: Mediatri's manual §3.1 and §4."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from canonical import xml
from mappings.mediatri.markup import BadMessage, Element, Fields, name_of

SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"
WSSE: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"

_UTF_8: Final = frozenset({None, "UTF-8", "utf-8"})


@dataclass(frozen=True, slots=True)
class Fault:
    """A SOAP fault. ``side`` is the faultcode's own name and ``namespace`` where it belongs; ``code``, ``where`` and
    ``reference`` are of Mediatri's detail, ``""`` without one. The texts for people are not read."""

    namespace: str
    side: str
    code: str = ""
    where: str = ""
    reference: str = ""

    @property
    def native(self) -> str:
        """The fault in one word: Mediatri's code, or else the faultcode."""
        return self.code or ("wsse:" if self.namespace == WSSE else "soap:") + self.side


def content(data: bytes) -> Element:
    """The one element in the Body of an envelope. Raises `BadMessage` for anything else, and for anything that is not
    UTF-8, whatever its XML declaration says."""
    try:
        root = xml.loads(data)
    except xml.BadXml as err:
        raise BadMessage(str(err)) from None
    if root.getroottree().docinfo.encoding not in _UTF_8:
        raise BadMessage("another encoding than UTF-8")
    if root.tag != f"{{{SOAP}}}Envelope":
        raise BadMessage("not an envelope of SOAP 1.1")
    bodies = root.findall(f"{{{SOAP}}}Body")
    if len(bodies) != 1 or len(bodies[0]) != 1:
        raise BadMessage("not one Body with one element")
    return bodies[0][0]


def fault(element: Element) -> Fault | None:
    """The fault, or None where the element is none. Raises `BadMessage` for one without its code."""
    if element.tag != f"{{{SOAP}}}Fault":
        return None
    prefix, _, side = (element.findtext("faultcode") or "").strip().rpartition(":")
    namespace = element.nsmap.get(prefix or None, "")
    if not side or namespace not in (SOAP, WSSE):
        raise BadMessage("a fault without a faultcode of SOAP's or WS-Security's")
    for child in element.find("detail") if element.find("detail") is not None else ():
        if name_of(child) == "Virhe":
            said = Fields(child)
            return Fault(namespace, side, *(said.text(name) for name in ("koodi", "kohta", "asiakasViite")))
    return Fault(namespace, side)


def expect(element: Element, operation: str) -> Fields:
    """The answer to ``operation``; raises `BadMessage` for another one."""
    if name_of(element) != f"{operation}Vastaus":
        raise BadMessage(f"an answer that is none to {operation}")
    return Fields(element)
