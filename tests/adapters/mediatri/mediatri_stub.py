"""A Mediatri that answers what a test says, and a recorder that keeps what passed."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
from lxml import etree

from adapters.base import Installation
from adapters.call import Call, Recorder
from adapters.contract.ledger import Ledger
from adapters.errors import ForeignError
from adapters.mediatri.adapter import MediatriAdapter
from canonical.commands import Book, Cancel, Hold, RegisterPerson
from canonical.model import LocalPatient, Person, TimeKey

GOLDEN: Final = Path(__file__).parents[2] / "golden" / "mediatri"
NAMESPACE: Final = "http://mediatri.example/ajanvaraus/v1"
OPTIONS: Final = {"address": "http://127.0.0.1:9/ws/Ajanvaraus", "username": "sotesilta", "password": "esimerkki-1"}
MARK: Final = "c0ffee00-1111-4222-8333-444455556666"
CANCEL_MARK: Final = "1f0e2d3c-0002-4000-8000-000000000002"
PERSON: Final = Person("010594Y9021", "Testinen", ("Aino",), date(1994, 5, 1), "fi", "753")
PATIENT: Final = LocalPatient("7530001", PERSON.hetu)
START: Final = datetime(2027, 3, 24, 6, tzinfo=UTC)
TIME: Final = TimeKey("K101", START, START + timedelta(minutes=20))
BOOK: Final = Book(MARK, PERSON, TIME, PATIENT, "Yskä")
HOLD: Final = Hold(MARK, PERSON, TIME, PATIENT)
CANCEL: Final = Cancel(CANCEL_MARK, PATIENT, "400001", START, reason="Este tuli")
REGISTER: Final = RegisterPerson(MARK, PERSON)
RESERVED: Final = (
    f"<varaustunnus>kQ3v</varaustunnus><asiakasViite>{MARK}</asiakasViite><voimassa>5</voimassa>"
    "<vanhenee><paiva>22.03.2027</paiva><klo>08.20</klo><kesaaika/></vanhenee>"
)


def call(limit: float = 10.0, recorder: Recorder | None = None) -> Call:
    """The context of one call."""
    return Call("req_test", limit, recorder or Ledger())


def answer(operation: str, content: str) -> httpx.Response:
    """An answer of Mediatri's to ``operation``."""
    return xml(f'<{operation}Vastaus xmlns="{NAMESPACE}">{content}</{operation}Vastaus>')


def golden(case: str, status: int = 200, **replaced: str) -> httpx.Response:
    """The reply of a golden case, with some of its texts replaced."""
    text = (GOLDEN / case / "reply.xml").read_text("utf-8")
    for name, value in replaced.items():
        root = etree.fromstring(text.encode())
        for element in root.iter(f"{{{NAMESPACE}}}{name}"):
            element.text = value
        text = etree.tostring(root, encoding="unicode")
    return reply(text.encode(), status)


def fault(code: str, *, side: str = "soap:Client", where: str = "", reference: str = "") -> httpx.Response:
    """A fault; without a code one that has no detail."""
    detail = (
        f'<detail><Virhe xmlns="{NAMESPACE}"><koodi>{code}</koodi><selite>Aino Testinen 010594Y9021</selite>'
        f"<kohta>{where}</kohta><asiakasViite>{reference}</asiakasViite></Virhe></detail>"
    )
    wsse = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
    inner = f"<faultcode>{side}</faultcode><faultstring>x</faultstring>{detail if code else ''}"
    return xml(f'<soap:Fault xmlns:wsse="{wsse}">{inner}</soap:Fault>', 500)


def xml(content: str, status: int = 200) -> httpx.Response:
    """An envelope around ``content``."""
    soap = "http://schemas.xmlsoap.org/soap/envelope/"
    text = f'<soap:Envelope xmlns:soap="{soap}"><soap:Body>{content}</soap:Body></soap:Envelope>'
    return reply(text.encode(), status)


def reply(body: bytes, status: int = 200, kind: str = "text/xml; charset=utf-8", **headers: str) -> httpx.Response:
    """Any HTTP reply."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, headers={"content-type": kind, **named}, content=body)


Step = httpx.Response | httpx.TransportError


@dataclass(slots=True)
class Stub:
    """Answers each operation with its next step; the last one stays. ``asked`` is what came: operation and body."""

    steps: dict[str, list[Step]] = field(default_factory=dict)
    asked: list[tuple[str, Any]] = field(default_factory=list)
    requests: list[httpx.Request] = field(default_factory=list)
    ledger: Ledger = field(default_factory=Ledger)

    def adapter(self, **options: Any) -> MediatriAdapter:
        named = Installation("mediatri-sipoo", "mediatri", "1.0", ("753",), ("health", "oral"), {**OPTIONS, **options})
        return MediatriAdapter(named, transport=httpx.MockTransport(self._answer))

    @property
    def operations(self) -> list[str]:
        return [operation for operation, _ in self.asked]

    def call(self, limit: float = 10.0) -> Call:
        return call(limit, self.ledger)

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        body = etree.fromstring(request.content)[-1][0]
        operation = etree.QName(body).localname
        self.asked.append((operation, body))
        self.requests.append(request)
        steps = self.steps[operation]
        step = steps.pop(0) if len(steps) > 1 else steps[0]
        if isinstance(step, httpx.TransportError):
            raise step
        return step


async def outcome(attempt: Awaitable[Any]) -> Any:
    """What a call gives, or the error it raises, which tells nothing of the person."""
    try:
        return await attempt
    except ForeignError as err:
        found = err
    assert PERSON.hetu not in f"{found!r} {found.detail} {found.native}"
    assert "Testinen" not in f"{found!r} {found.detail} {found.native}"
    return found
