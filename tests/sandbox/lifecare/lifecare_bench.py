"""A Lifecare installation over real sockets, and a client whose every answer is checked to be valid R4."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from fhir.resources.R4B import get_fhir_model_class

from sandbox.engine.model import Appointment, Patient
from sandbox.engine.system import RecordSystem
from sandbox.faults import FaultBook
from sandbox.journal import Journal
from sandbox.lifecare.face import LifecareFace
from sandbox.population.test_persons import TEST_PERSONS

SECRET = "correct horse/battery+staple"
CREDENTIALS = {"client_id": "silta", "client_secret": SECRET}
PLACER = "https://portal.example/bookings"
HETU = {one.person.key: one.person.hetu for one in TEST_PERSONS}
ONLY_TEST_PERSONS = 50


class RealClock:
    """Real seconds that a test can move: tokens and request rates go by them."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Bench:
    """One running installation and a logged-in client."""

    system: RecordSystem
    faults: FaultBook
    journal: Journal
    face: LifecareFace
    real: RealClock
    client: httpx.AsyncClient
    root: str

    def patient(self, key: str) -> Patient:
        """The customer record of a test person."""
        found = self.system.patient_by_hetu(HETU[key])
        assert found is not None
        return found

    def number(self, key: str) -> str:
        return self.patient(key).number

    async def raw(self, data: bytes, *, seconds: float = 3) -> bytes:
        """Send bytes on a connection of their own; everything that comes back until it is closed."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.face.port)
        try:
            writer.write(data)
            return await asyncio.wait_for(reader.read(), seconds)
        finally:
            writer.close()

    async def free(self, **parameters: str) -> list[dict[str, Any]]:
        """Free times, the first page."""
        answer = await self.client.get("Slot", params={"status": "free", "_count": "10", **parameters})
        assert answer.status_code == 200, answer.text
        return entries(answer)

    async def book(
        self, key: str, slot: str, *, placer: str | None = None, once: bool = False, **elements: Any
    ) -> httpx.Response:
        """Book a time; `once` sends If-None-Exist."""
        body = booking(self.number(key), slot, placer, **elements)
        headers = {"If-None-Exist": f"identifier={PLACER}|{placer}"} if once else {}
        return await self.client.post("Appointment", json=body, headers=headers)

    async def booked(self, key: str = "aino", **parameters: str) -> httpx.Response:
        """A new booking of the first free time."""
        slot = (await self.free(**parameters))[0]
        answer = await self.book(key, slot["id"])
        assert answer.status_code == 201, answer.text
        return answer

    async def put(self, resource: Mapping[str, Any], etag: str | None, **changes: Any) -> httpx.Response:
        """Send a resource back with changes; a change to None leaves the element out."""
        changed = {name: value for name, value in {**resource, **changes}.items() if value is not None}
        headers = {} if etag is None else {"If-Match": etag}
        return await self.client.put(f"Appointment/{resource['id']}", json=changed, headers=headers)

    async def cancel(self, answer: httpx.Response) -> httpx.Response:
        """Cancel what an answer shows, as the manual says."""
        return await self.put(answer.json(), answer.headers["etag"], status="cancelled", cancelationReason=REASON)

    def kept(self, appointment: str) -> Appointment:
        """An appointment as the engine keeps it."""
        found = self.system.appointment(appointment)
        assert found is not None
        return found

    def bookings(self, key: str) -> int:
        """How many live bookings the person has."""
        return sum(1 for one in self.system.appointments(patient=self.number(key)) if one.holds_time)


REASON = {"coding": [{"system": "urn:oid:2.999.638.6.30", "code": "ASIAKAS"}]}


def booking(patient: str, slot: str, placer: str | None = None, **elements: Any) -> dict[str, Any]:
    """The body of a booking."""
    body: dict[str, Any] = {
        "resourceType": "Appointment",
        "status": "booked",
        "slot": [{"reference": f"Slot/{slot}"}],
        "participant": [{"actor": {"reference": f"Patient/{patient}"}, "status": "accepted"}],
    }
    if placer is not None:
        body["identifier"] = [{"system": PLACER, "value": placer}]
    return body | elements


def entries(answer: httpx.Response) -> list[dict[str, Any]]:
    """The resources of a searchset."""
    return [entry["resource"] for entry in answer.json().get("entry", [])]


def error(answer: httpx.Response) -> tuple[int, str, str]:
    """Status, issue code and details code of an error."""
    issue = answer.json()["issue"][0]
    return answer.status_code, issue["code"], issue["details"]["coding"][0]["code"]


async def check_valid(answer: httpx.Response) -> None:
    """Every FHIR answer must be valid R4."""
    if not answer.headers.get("content-type", "").startswith("application/fhir+json"):
        return
    await answer.aread()
    resource = answer.json()
    get_fhir_model_class(resource["resourceType"]).model_validate(resource)
