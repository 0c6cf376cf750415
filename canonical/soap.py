"""The envelope of SOAP 1.1, as it is read by whoever speaks it."""

from __future__ import annotations

from typing import Any, Final

from canonical import xml
from canonical.messages import BadMessage

ENVELOPE: Final = "http://schemas.xmlsoap.org/soap/envelope/"
WSSE: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"

_UTF_8: Final = frozenset({None, "UTF-8", "utf-8"})


def body(data: bytes) -> Any:
    """The one element (lxml's) in the Body of an envelope, a fault too. Raises `BadMessage` for anything else, and for
    anything that is not UTF-8, whatever its XML declaration says."""
    try:
        root = xml.loads(data)
    except xml.BadXml as err:
        raise BadMessage(str(err)) from None
    if root.getroottree().docinfo.encoding not in _UTF_8:
        raise BadMessage("another encoding than UTF-8")
    if root.tag != f"{{{ENVELOPE}}}Envelope":
        raise BadMessage("not an envelope of SOAP 1.1")
    bodies = root.findall(f"{{{ENVELOPE}}}Body")
    if len(bodies) != 1 or len(bodies[0]) != 1:
        raise BadMessage("not one Body with one element")
    return bodies[0][0]
