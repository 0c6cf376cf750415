"""The envelope of an answer: what was answered, or the fault. Source: Mediatri's manual §3.1 and §4."""

from __future__ import annotations

from dataclasses import dataclass

from canonical import soap
from canonical.messages import BadMessage
from mappings.mediatri.markup import Element, Fields, name_of


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
        return self.code or ("wsse:" if self.namespace == soap.WSSE else "soap:") + self.side


def fault(element: Element) -> Fault | None:
    """The fault, or None where the element is none. Raises `BadMessage` for one without its code."""
    if element.tag != f"{{{soap.ENVELOPE}}}Fault":
        return None
    prefix, _, side = (element.findtext("faultcode") or "").strip().rpartition(":")
    namespace = element.nsmap.get(prefix or None, "")
    if not side or namespace not in (soap.ENVELOPE, soap.WSSE):
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
