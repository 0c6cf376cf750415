"""SOAP 1.1 envelopes: reading requests, writing answers and faults (INTERFACE.md §3.1, §4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lxml import etree

from sandbox.http.answer import Answer
from sandbox.mediatri.markup import Element, build, parse, serialize
from sandbox.mediatri.refusals import ENVELOPE_TEXTS, ERRORS, EnvelopeFault, HttpRefusal, Refusal
from sandbox.mediatri.security import WSSE

SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"
TEXT_XML: Final = "text/xml; charset=utf-8"

_NEXT: Final = "http://schemas.xmlsoap.org/soap/actor/next"
_HEAD: Final = b'<?xml version="1.0" encoding="UTF-8"?>\n<soap:Envelope xmlns:soap="' + SOAP.encode() + b'"><soap:Body>'
_FOOT: Final = b"</soap:Body></soap:Envelope>"


@dataclass(frozen=True, slots=True)
class Envelope:
    """A request that is an envelope: its security header, if it has one, and the one element of its Body."""

    security: Element | None
    operation: Element


def read(raw: bytes) -> Envelope:
    """Return the envelope that a request is. Raises EnvelopeFault."""
    root = parse(raw)
    name = etree.QName(root)
    if name.localname != "Envelope":
        raise EnvelopeFault("soap:Client")
    if name.namespace != SOAP:
        raise EnvelopeFault("soap:VersionMismatch")
    parts = [str(part.tag) for part in root]
    if parts not in ([f"{{{SOAP}}}Body"], [f"{{{SOAP}}}Header", f"{{{SOAP}}}Body"]):
        raise EnvelopeFault("soap:Client")
    body = root[-1]
    if len(body) != 1 or f"{body.text or ''}{body[0].tail or ''}".strip():
        raise EnvelopeFault("soap:Client")
    return Envelope(_security(root[0] if len(parts) > 1 else ()), body[0])


def _security(header: Element) -> Element | None:
    """Return the security block among those meant for us. Raises EnvelopeFault if another must be understood."""
    found: list[Element] = []
    for block in header:
        if block.get(f"{{{SOAP}}}actor", "") not in ("", _NEXT):
            continue
        if block.tag == f"{{{WSSE}}}Security":
            found.append(block)
        elif block.get(f"{{{SOAP}}}mustUnderstand") == "1":
            raise EnvelopeFault("soap:MustUnderstand")
    if len(found) > 1:
        raise EnvelopeFault("wsse:InvalidSecurity")
    return found[0] if found else None


def answer(body: Element) -> Answer:
    """Return an answer with this element in its Body."""
    return Answer(200, _HEAD + serialize(body) + _FOOT, {"content-type": TEXT_XML})


def fault(why: Refusal | EnvelopeFault | HttpRefusal) -> Answer:
    """Return what is sent instead of an answer."""
    if isinstance(why, HttpRefusal):
        return Answer(why.status, b"", why.headers)
    if isinstance(why, EnvelopeFault):
        headers = {"content-type": TEXT_XML} | ({"connection": "close"} if why.closing else {})
        return Answer(500, _fault(why.faultcode, ENVELOPE_TEXTS[why.faultcode], b""), headers)
    error = ERRORS[why.code]
    content = [("koodi", why.code), ("selite", error.text), ("kohta", why.where), ("asiakasViite", why.reference)]
    detail = b"<detail>" + serialize(build("Virhe", content)) + b"</detail>"
    return Answer(500, _fault(error.faultcode, error.text, detail), {"content-type": TEXT_XML})


def _fault(faultcode: str, text: str, detail: bytes) -> bytes:
    bound = f' xmlns:wsse="{WSSE}"' if faultcode.startswith("wsse:") else ""
    code = f"<faultcode{bound}>{faultcode}</faultcode><faultstring>{text}</faultstring>"
    return _HEAD + b"<soap:Fault>" + code.encode("utf-8") + detail + b"</soap:Fault>" + _FOOT
