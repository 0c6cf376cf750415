"""One person as every installation knows them: their numbers there, and their visits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter

from sandbox.control.access import person_of
from sandbox.control.bookings import booking_shape
from sandbox.control.refusals import Refusal
from sandbox.control.shapes import PersonEverywhere, PersonSearch, PersonShape
from sandbox.describe import describe_test_person
from sandbox.population.person import Person
from sandbox.population.test_persons import TEST_PERSONS
from sandbox.world import World


def persons_router(world: World) -> APIRouter:
    """Return the routes of persons."""
    router = APIRouter(prefix="/persons", tags=["overview"])

    @router.get("", response_model=list[PersonShape], summary="The test persons")
    async def persons() -> list[dict[str, Any]]:
        return [describe_test_person(one, world.installations) for one in TEST_PERSONS]

    @router.get("/{key}", response_model=PersonEverywhere, summary="A test person, everywhere")
    async def one_person(key: str) -> dict[str, Any]:
        """Who it is, where they are a customer and under which number, and every visit, by start."""
        found = world.population.by_key(key)
        if found is None:
            # The value is not repeated, and a HETU is not even looked up: it has no business in a URL.
            raise Refusal(
                404, "unknown-key", "No test person has this key. See GET /persons; a HETU: POST /persons/search."
            )
        return _everywhere(world, found)

    @router.post("/search", response_model=PersonEverywhere, summary="Any resident, everywhere")
    async def search(asked: PersonSearch) -> dict[str, Any]:
        return _everywhere(world, person_of(world, asked.person))

    return router


def _everywhere(world: World, person: Person) -> dict[str, Any]:
    keys = {one.person.hetu: one.person.key for one in TEST_PERSONS}
    behaviours = {one.person.hetu: one.behaviour for one in TEST_PERSONS}
    visits = sorted(_visits(world, person.hetu), key=lambda one: (one["start"].timestamp(), one["installation"]))
    return {
        "key": person.key,
        "name": f"{person.given} {person.family}",
        "hetu": person.hetu,
        "municipality": person.municipality,
        "language": person.language,
        "guardians": [keys[hetu] for hetu in person.guardians if hetu in keys],
        "behaviour": behaviours.get(person.hetu, ""),
        "links": [
            {"installation": name, "number": patient.number, "registered": patient.registered}
            for name, one in world.installations.items()
            if (patient := one.system.patient_by_hetu(person.hetu)) is not None
        ],
        "visits": visits,
    }


def _visits(world: World, hetu: str) -> Iterator[dict[str, Any]]:
    for name, one in world.installations.items():
        patient = one.system.patient_by_hetu(hetu)
        found = one.system.appointments(patient=patient.number) if patient is not None else []
        for appointment in found:
            yield {"installation": name, **booking_shape(one.system, appointment)}
