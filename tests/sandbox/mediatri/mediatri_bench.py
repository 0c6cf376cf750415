"""A Mediatri installation over real sockets, and a small client whose every answer is judged by the schema.

The client shares no code with the mock: envelopes are text, answers are taken apart by lxml.
"""

from __future__ import annotations

import base64
import hashlib
import html
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from lxml import etree

import sandbox.mediatri
from sandbox.engine.model import FreeTime
from tests.sandbox.http.http_bench import HETU, HttpBench

FOLDER = Path(sandbox.mediatri.__file__).parent
WSDL, XSD = FOLDER / "mediatri.wsdl", FOLDER / "mediatri.xsd"
NS = "http://mediatri.example/ajanvaraus/v1"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
OASIS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"
PASSWORD = "esimerkki-salasana"
CREDENTIALS = {"username": "sotesilta", "password": PASSWORD}
DOCTOR, GROUP, NIGHT = "LAAK", "RYHM", "YOPU"

SCHEMA = etree.XMLSchema(etree.parse(XSD))
Tree = Any
Fields = Mapping[str, Any]


class RealTime:
    """The real time that a test can move: authentication goes by it."""

    def __init__(self) -> None:
        self.at = datetime(2027, 3, 22, 6, 15, tzinfo=UTC)
        self.seconds = 1_000.0

    def __call__(self) -> datetime:
        return self.at


def xml(name: str, fields: Fields) -> str:
    """An operation's element; a list repeats its name."""
    return f'<{name} xmlns="{NS}">{_inner(fields)}</{name}>'


def _inner(fields: Fields) -> str:
    parts = []
    for name, value in fields.items():
        inner = _inner(value) if isinstance(value, Mapping) else html.escape(str(value), quote=False)
        parts.append(f"<{name}>{inner}</{name}>")
    return "".join(parts)


def token(
    created: str, *, nonce: bytes | None = None, password: str = PASSWORD, username: str = "sotesilta", **changes: str
) -> str:
    """A wsse:Security block. `changes` replace texts of it."""
    nonce = secrets.token_bytes(16) if nonce is None else nonce
    digest = base64.b64encode(hashlib.sha1(nonce + created.encode() + password.encode()).digest()).decode()
    text = (
        f'<wsse:Security xmlns:wsse="{OASIS}wssecurity-secext-1.0.xsd" xmlns:wsu="{OASIS}wssecurity-utility-1.0.xsd" '
        f'soap:mustUnderstand="1"><wsse:UsernameToken><wsse:Username>{username}</wsse:Username>'
        f'<wsse:Password Type="{OASIS}username-token-profile-1.0#PasswordDigest">{digest}</wsse:Password>'
        f'<wsse:Nonce EncodingType="{OASIS}soap-message-security-1.0#Base64Binary">{base64.b64encode(nonce).decode()}'
        f"</wsse:Nonce><wsu:Created>{created}</wsu:Created></wsse:UsernameToken></wsse:Security>"
    )
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    return text


def envelope(body: str, header: str) -> bytes:
    """A SOAP 1.1 envelope."""
    text = f'<soap:Envelope xmlns:soap="{SOAP}"><soap:Header>{header}</soap:Header><soap:Body>{body}</soap:Body>'
    return f"{text}</soap:Envelope>".encode()


def moment(at: datetime, summer: str = "") -> dict[str, str]:
    """A Hetki."""
    return {"paiva": at.strftime("%d.%m.%Y"), "klo": at.strftime("%H.%M"), "kesaaika": summer}


class Reply:
    """An answer or a fault, taken apart. What the interface defines is valid by its schema, or this is not made."""

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        assert response.headers["content-type"] == "text/xml; charset=utf-8"
        root = etree.fromstring(response.content)
        assert root.tag == f"{{{SOAP}}}Envelope"
        assert [child.tag for child in root] == [f"{{{SOAP}}}Body"]
        self.body: Tree = root[0][0]
        self.is_fault = self.body.tag == f"{{{SOAP}}}Fault"
        assert self.status == (500 if self.is_fault else 200)
        detail = self.body.find("detail")
        for part in ([] if detail is None else detail) if self.is_fault else [self.body]:
            SCHEMA.assertValid(etree.fromstring(etree.tostring(part)))

    @property
    def faultcode(self) -> str:
        return str(self.body.findtext("faultcode"))

    @property
    def code(self) -> str | None:
        """The code of a fault's detail; None of a fault without one; "" of an answer."""
        if not self.is_fault:
            return ""
        found = self.body.findtext(f"detail/{{{NS}}}Virhe/{{{NS}}}koodi")
        return None if found is None else str(found)

    def text(self, name: str) -> str:
        """The text of the one element of this name."""
        (found,) = self.body.iter(f"{{{NS}}}{name}")
        return str(found.text or "")

    def records(self, name: str) -> list[dict[str, Any]]:
        """Every element of this name below the answer, as a dictionary."""
        return [_record(one) for one in self.body.findall(f"{{{NS}}}{name}")]

    def record(self, name: str) -> dict[str, Any]:
        (found,) = self.records(name)
        return found


def _record(element: Tree) -> dict[str, Any]:
    return {etree.QName(child).localname: _record(child) if len(child) else str(child.text or "") for child in element}


@dataclass
class Bench(HttpBench):
    """One running installation and its user."""

    @property
    def created(self) -> str:
        return self.real.at.strftime("%Y-%m-%dT%H:%M:%SZ")

    async def post(self, content: bytes, action: str | None = "", **headers: str) -> httpx.Response:
        """Send a body."""
        all_headers = {"Content-Type": "text/xml; charset=utf-8"} | headers
        if action is not None:
            all_headers["SOAPAction"] = f'"{action}"'
        return await self.client.post(self.face.address, content=content, headers=all_headers)

    async def send(self, content: bytes, action: str | None = "", **headers: str) -> Reply:
        """Send a body; the answer must be SOAP."""
        return Reply(await self.post(content, action, **headers))

    def message(self, operation: str, /, **fields: Any) -> bytes:
        """A whole good request."""
        return envelope(xml(operation, fields), token(self.created))

    async def call(self, operation: str, /, **fields: Any) -> Reply:
        """Call an operation as the manual says."""
        return await self.send(self.message(operation, **fields), f"{NS}/{operation}")

    def number(self, key: str) -> str:
        """The patient number of a test person, who is made a customer if they are none."""
        found = self.system.patient_by_hetu(HETU[key])
        return (found or self.system.register_patient(HETU[key])).number

    def free(self, service: str = DOCTOR, count: int = 1) -> list[FreeTime]:
        """The first free times of a service in the next days, as the engine knows them."""
        now = self.system.clock.now()
        found = self.system.free_times(now, now + timedelta(days=14), service=service)
        assert len(found) >= count
        return found[:count]

    async def reserve(self, key: str, time: FreeTime, reference: str, **changes: Any) -> Reply:
        """VaraaAika."""
        fields = {"potilasnumero": self.number(key), "kalenteri": time.calendar, "alku": moment(time.start)}
        return await self.call("VaraaAika", **fields, asiakasViite=reference, **changes)

    async def confirm(self, token_: str, reference: str, text: str = "") -> Reply:
        """VahvistaVaraus."""
        return await self.call("VahvistaVaraus", varaustunnus=token_, asiakasViite=reference, lisatiedot=text)

    async def booked(self, key: str = "aino", reference: str = "v-1", time: FreeTime | None = None) -> dict[str, Any]:
        """A new booking."""
        reserved = await self.reserve(key, self.free()[0] if time is None else time, reference)
        reply = await self.confirm(reserved.text("varaustunnus"), reference)
        assert reply.code == "", reply.code
        return reply.record("ajanvaraus")

    async def cancel(self, booking: Mapping[str, Any], reference: str = "p-1", **changes: Any) -> Reply:
        """PeruAika of a booking."""
        fields = {
            "varausnumero": booking["varausnumero"],
            "potilasnumero": booking["potilasnumero"],
            "alkuperainenAlku": booking["alku"],
            "peruutussyy": "ASIAKAS_PERUI",
        }
        own = changes.pop("asiakasViite", reference)
        return await self.call("PeruAika", **{**fields, **changes}, asiakasViite=own)

    def http(self, content: bytes, operation: str, *, close: bool = False) -> bytes:
        """A whole HTTP request as bytes."""
        head = [
            "POST /ws/Ajanvaraus HTTP/1.1",
            "Host: x",
            "Content-Type: text/xml; charset=utf-8",
            f'SOAPAction: "{NS}/{operation}"',
            f"Content-Length: {len(content)}",
            *(["Connection: close"] if close else []),
        ]
        return "\r\n".join(head).encode() + b"\r\n\r\n" + content
