"""What there is, for tools outside: persons, installations, addresses, credentials. Needs no running server."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from sandbox.config import SandboxConfig
from sandbox.installations import SYSTEMS, load_installation
from sandbox.population.test_persons import TEST_PERSONS, TestPerson
from sandbox.world import CLOCK_FILE

REGISTER_MANUAL = "sandbox/population_register/INTERFACE.md"


def describe(config: SandboxConfig, state: Path) -> dict[str, Any]:
    """Return the sandbox's description: all a supervisor needs to point a hub and its testers at it."""
    return {
        "control": f"http://{config.host}:{config.control_port}",
        "register": {
            "address": f"http://{config.host}:{config.register_.port}",
            "api_key": config.register_.api_key,
            "manual": REGISTER_MANUAL,
        },
        "clock_file": str((state / CLOCK_FILE).resolve()),
        "persons": [describe_test_person(one, config.installations) for one in TEST_PERSONS],
        "installations": [_describe_installation(config, name) for name in config.installations],
    }


def describe_test_person(test_person: TestPerson, installations: Collection[str]) -> dict[str, Any]:
    """Return one test person; `guardians` are keys, and name test persons only. `installations` are those there are."""
    person = test_person.person
    keys = {one.person.hetu: one.person.key for one in TEST_PERSONS}
    return {
        "key": person.key,
        "name": f"{person.given} {person.family}",
        "hetu": person.hetu,
        "municipality": person.municipality,
        "language": person.language,
        "guardians": [keys[hetu] for hetu in person.guardians if hetu in keys],
        "customer_of": [name for name in test_person.customer_of if name in installations],
        "behaviour": test_person.behaviour,
    }


def _describe_installation(config: SandboxConfig, name: str) -> dict[str, Any]:
    data, settings = load_installation(name), config.installations[name]
    system = SYSTEMS[data.system]
    address = system.address(config.host, settings.port, settings.credentials)
    public = system.public(config.host, settings.port, settings.credentials)
    return {
        "name": name,
        "system": data.system,
        "release": data.release,
        "protocol": system.protocol,
        "address": address,
        "manual": system.manual,
        "municipalities": list(data.municipalities),
        "sectors": list(data.sectors),
        "credentials": public,
        "options": {"address": address, **system.delivery(public, {**data.options, **settings.options})},
    }
