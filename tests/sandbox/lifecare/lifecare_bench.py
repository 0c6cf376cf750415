"""A Lifecare installation over real sockets, and a client whose every answer is checked to be valid R4."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from fhir.resources.R4B import get_fhir_model_class

from tests.sandbox.http.http_bench import HttpBench

SECRET = "correct horse/battery+staple"
CREDENTIALS = {"client_id": "silta", "client_secret": SECRET}
PLACER = "https://portal.example/bookings"


class RealClock:
    """Real seconds that a test can move: tokens and request rates go by them."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Bench(HttpBench):
    """One running installation and a logged-in client."""

    root: str

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
