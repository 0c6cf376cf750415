"""SOAP envelopes, made by zeep from the vendor's own WSDL and schema, of which the adapter's package keeps a copy.

zeep makes requests only. It knows what elements there are and in which order, but not what may stand in them: so each
request is validated against the schema before it leaves. Replies are read by `canonical.soap`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from pathlib import PurePath
from typing import Any, Final

import zeep
from lxml import etree
from zeep.wsse.username import UsernameToken

from adapters.errors import Misconfigured
from canonical import soap, xml

Element = Any
"""An element of lxml's."""

# zeep's own annotations are of no use to a type checker.
_CLIENT: Final[Any] = zeep.Client
_TOKEN: Final[Any] = UsernameToken

_MASK: Final = b"****************************"
_PASSWORD: Final = f".//{{{soap.WSSE}}}Password"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A WS-Security UsernameToken; ``digest``, or the password as it is. ``nonce`` and ``created`` are made anew for
    every request, except in tests."""

    username: str
    password: str
    nonce: str | None = None
    created: datetime | None = None
    digest: bool = True


@dataclass(frozen=True, slots=True)
class Envelope:
    """One request as it leaves, and as it may be kept: there the password is masked, and its digest too, from which one
    could find it out by trying."""

    action: str
    body: bytes
    kept: bytes


class Contract:
    """What the WSDL and the schema say: two files beside the modules of ``package``. ``binding`` is the local name of
    the one to use. ``schema`` is left out where the WSDL holds it. Raises `Misconfigured` for a WSDL that wants more.
    """

    def __init__(self, package: str, *, wsdl: str, binding: str, schema: str | None = None) -> None:
        shelf = _Shelf(package, tuple(name for name in (wsdl, schema) if name))
        settings = zeep.Settings(forbid_dtd=True, forbid_entities=True, forbid_external=True, xml_huge_tree=False)
        self._client: Any = _CLIENT(wsdl, transport=shelf, settings=settings)
        self._binding = next(one for name, one in self._client.wsdl.bindings.items() if name.endswith(f"}}{binding}"))
        self._schema = etree.XMLSchema(_schema(xml.loads(shelf.load(schema or wsdl))))

    def envelope(
        self,
        operation: str,
        content: Mapping[str, Any],
        who: Credentials | None,
        headers: Mapping[str, Any] | None = None,
    ) -> Envelope:
        """The request in its envelope; ``headers`` are the vendor's own (``soap:header`` of the WSDL) by part, and are
        kept masked. Raises `Misconfigured` for one that is not valid by the schema: a mistake of ours, or an identifier
        that is none; what stands in it is not said."""
        told = {**content, "_soapheaders": dict(headers)} if headers else dict(content)
        try:
            # As Client.create_message does; that one's own parameters would hide elements named service or operation.
            root, _ = self._binding._create(operation, (), told, client=self._client)
        except (zeep.exceptions.Error, TypeError, ValueError) as err:
            raise Misconfigured(f"{operation} cannot be written: {type(err).__name__}") from None
        if not self._schema.validate(root[-1][0]):
            raise Misconfigured(f"{operation} is not valid by the schema; nothing was sent")
        action = self._binding.get(operation).soapaction
        if who is not None:
            token = _TOKEN(
                who.username, who.password, use_digest=who.digest, nonce=who.nonce, created=who.created,
                zulu_timestamp=True,
            )  # fmt: skip
            root, _ = token.apply(root, {})
        leaving = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
        if who is None and not headers:
            return Envelope(action, leaving, leaving)
        secrets = root.findall(_PASSWORD) if not headers else root.iterfind(f"{{{soap.ENVELOPE}}}Header//*")
        for element in secrets:
            if element.text and element.text.strip():
                element.text = _MASK.decode("ascii")
        return Envelope(action, leaving, etree.tostring(root, xml_declaration=True, encoding="UTF-8"))


class _Shelf:
    """zeep's transport: gives it the files that stand in the package, and nothing else. It has no network, no other
    files and no document types, whatever zeep's settings do."""

    def __init__(self, package: str, names: tuple[str, ...]) -> None:
        self._package, self._names = package, names

    def load(self, url: str) -> bytes:
        name = PurePath(url).name
        if name not in self._names:
            raise Misconfigured(f"the WSDL wants another document than {' and '.join(self._names)}")
        found = resources.files(self._package).joinpath(name).read_bytes()
        xml.loads(found)
        return found


def _schema(root: Element) -> Element:
    """The document itself, or the schema that a WSDL holds."""
    tag = "{http://www.w3.org/2001/XMLSchema}schema"
    if root.tag == tag:
        return root
    # Read again by itself, it has the namespaces that the WSDL declares around it.
    return xml.loads(etree.tostring(root.find(f".//{tag}")))
