"""Finding what a request of the control interface names."""

from __future__ import annotations

from sandbox.control.refusals import Refusal
from sandbox.engine.model import Patient
from sandbox.population.person import Person
from sandbox.world import Installation, World


def installation_of(world: World, name: str) -> Installation:
    """Return the installation of that name, or refuse with 404."""
    found = world.installations.get(name)
    if found is None:
        names = ", ".join(world.installations)
        raise Refusal(404, "unknown-installation", f"No such installation. There are: {names}.")
    return found


def person_of(world: World, who: str) -> Person:
    """Return the person of a test person's key or a HETU, or refuse with 404."""
    found = world.population.by_key(who) or world.population.by_hetu(who)
    if found is None:
        raise Refusal(404, "unknown-person", "No test person has this key, nobody this HETU. See GET /persons.")
    return found


def patient_of(world: World, one: Installation, who: str) -> Patient:
    """Return the person as a customer of the installation; the desk registers whoever is none yet."""
    hetu = person_of(world, who).hetu
    return one.system.patient_by_hetu(hetu) or one.system.register_patient(hetu)
