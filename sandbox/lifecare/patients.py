"""Customers: find by HETU, read, register (INTERFACE.md §5)."""

from __future__ import annotations

from typing import Final

import orjson

from sandbox.engine import errors
from sandbox.engine.model import Patient
from sandbox.engine.system import RecordSystem
from sandbox.http.answer import Answer
from sandbox.lifecare import codes
from sandbox.lifecare.outcome import FHIR_JSON, Json, Refusal
from sandbox.lifecare.reading import PATIENT_ELEMENTS, Node
from sandbox.lifecare.resources import Resources, etag
from sandbox.lifecare.search import Query, bad
from sandbox.population.hetu import is_hetu

SEARCH: Final = ("_id", "identifier")


class Patients:
    """The customers of one installation."""

    def __init__(self, system: RecordSystem, resources: Resources, base: str) -> None:
        self._system = system
        self._resources = resources
        self._base = base

    def find(self, query: Query) -> Patient | None:
        """Return the customer that a search names. Raises Refusal (400) unless it names exactly one."""
        values = [(name, value) for name, value in query.pairs if value]
        if len(values) != 1 or len(query.pairs) != 1:
            raise bad("identifier")
        name, value = values[0]
        if name == "_id":
            return self._system.patient(value)
        system, bar, code = value.rpartition("|")
        if not bar or not code or "," in code:
            raise bad("identifier")
        if system == codes.HETU:
            if not is_hetu(code):  # such as one whose `+` was not escaped and has become a blank
                raise bad("identifier")
            return self._system.patient_by_hetu(code)
        return self._system.patient(code) if system == self._resources.systems.patient else None

    def read(self, number: str) -> Json:
        """Return one customer. Raises Refusal (404)."""
        found = self._system.patient(number)
        if found is None:
            raise Refusal("NOT_FOUND")
        return self._resources.patient(found)

    def read_registration(self, resource: Node) -> str:
        """Return the HETU of a person to be registered. Raises Refusal (400, 422)."""
        resource.only(("resourceType", "meta", "text", "identifier", "active"), PATIENT_ELEMENTS)
        if resource.data.get("active", True) is not True:
            raise Refusal("BAD_VALUE", "Patient.active")
        identifier = resource.single("identifier")
        identifier.only(("system", "value", "use", "type"), ("id", "extension", "period", "assigner"))
        if identifier.text("system", limit=128) != codes.HETU:
            raise Refusal("BAD_VALUE", identifier.at("system"))
        hetu = identifier.text("value", limit=64)
        if not is_hetu(hetu):
            raise Refusal("BAD_VALUE", identifier.at("value"))
        return hetu

    def register(self, hetu: str) -> Answer:
        """Make a person a customer. Raises Refusal (409, 422)."""
        try:
            patient = self._system.register_patient(hetu)
        except errors.AlreadyCustomer as err:
            raise Refusal("ALREADY_REGISTERED", "Patient.identifier[0]") from err
        except errors.UnknownPerson as err:
            raise Refusal("UNKNOWN_PERSON", "Patient.identifier[0]") from err
        resource = self._resources.patient(patient)
        headers = {
            "content-type": FHIR_JSON,
            "etag": etag(1),
            "location": f"{self._base}/Patient/{patient.number}/_history/1",
        }
        return Answer(201, orjson.dumps(resource), headers)
