"""SOAP envelopes, made by zeep from the vendor's own WSDL and schema, of which `mappings.mediatri` keeps a
copy.

zeep makes requests only. It knows what elements there are and in which order, but not what may stand in them: so each
request is validated against the schema before it leaves. Replies are read by `mappings.mediatri` from the one hardened
parser. Of 500 free times zeep makes objects in 33 ms, and what a later release may add it cannot give us; the parser
takes 15 ms with the whole mapping.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import resources
from pathlib import PurePath
from typing import Any, Final

import zeep
from lxml import etree
from zeep.wsse.username import UsernameToken

from adapters.errors import Misconfigured
from canonical import xml
from mappings.mediatri.answers import WSSE
from mappings.mediatri.markup import NAMESPACE
from mappings.mediatri.requests import Request

WSDL: Final = "mediatri.wsdl"
SCHEMA: Final = "mediatri.xsd"

# zeep's own annotations are of no use to a type checker.
_CLIENT: Final[Any] = zeep.Client
_TOKEN: Final[Any] = UsernameToken

_MASK: Final = b"****************************"
_DIGEST: Final = f".//{{{WSSE}}}Password"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who we are. ``nonce`` and ``created`` are made anew for every request, except in tests."""

    username: str
    password: str
    nonce: str | None = None
    created: datetime | None = None


@dataclass(frozen=True, slots=True)
class Envelope:
    """One request as it leaves, and as it may be kept: there the password's digest is masked, from which one could
    find out the password by trying."""

    action: str
    body: bytes
    kept: bytes


class Contract:
    """What the WSDL and the schema say."""

    def __init__(self) -> None:
        settings = zeep.Settings(forbid_dtd=True, forbid_entities=True, forbid_external=True, xml_huge_tree=False)
        self._client: Any = _CLIENT(WSDL, transport=_Shelf(), settings=settings)
        self._service = self._client.service
        self._binding = self._client.wsdl.bindings[f"{{{NAMESPACE}}}AjanvarausSoap"]
        self._schema = etree.XMLSchema(xml.loads(_stored(SCHEMA)))

    def envelope(self, request: Request, who: Credentials) -> Envelope:
        """The request in its envelope. Raises `Misconfigured` for one that is not valid by the schema: a mistake of
        ours, or an identifier that is none; what stands in it is not said."""
        try:
            root = self._client.create_message(self._service, request.operation, **request.content)
        except (zeep.exceptions.Error, TypeError, ValueError) as err:
            raise Misconfigured(f"{request.operation} cannot be written: {type(err).__name__}") from None
        if not self._schema.validate(root[-1][0]):
            raise Misconfigured(f"{request.operation} is not valid by the schema; nothing was sent")
        token = _TOKEN(
            who.username, who.password, use_digest=True, nonce=who.nonce, created=who.created, zulu_timestamp=True
        )
        root, _ = token.apply(root, {})
        body: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
        digest = root.find(_DIGEST).text.encode("ascii")
        return Envelope(self._binding.get(request.operation).soapaction, body, body.replace(digest, _MASK, 1))


@cache
def contract() -> Contract:
    """The contract, read once."""
    return Contract()


class _Shelf:
    """zeep's transport: gives it the two files that stand here, and nothing else. It has no network, no other files and
    no document types, whatever zeep's settings do."""

    def load(self, url: str) -> bytes:
        name = PurePath(url).name
        if name not in (WSDL, SCHEMA):
            raise Misconfigured("the WSDL wants another document than its schema")
        found = _stored(name)
        xml.loads(found)
        return found


def _stored(name: str) -> bytes:
    return resources.files("mappings.mediatri").joinpath(name).read_bytes()
