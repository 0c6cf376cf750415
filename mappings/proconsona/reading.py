"""Any document of ProConsona's, for ``silta map``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from canonical import xml
from canonical.fhir import Resource
from mappings.engine.recorder import Recorder
from mappings.engine.tree import Standing
from mappings.proconsona import directory, persons
from mappings.proconsona.appointments import appointment, rules
from mappings.proconsona.document import NAMESPACE, Part, document
from mappings.proconsona.site import Site
from mappings.proconsona.slots import free_time
from mappings.tool.systems import System

_SITE: Final = Site("proconsona-loviisa")
_LISTS: Final = {"vapaatAjat": "vapaaAika", "tapaamiset": "tapaaminen", "asiakkaat": "asiakas", **directory.LISTS}
_ROOTS: Final = (*_LISTS, *_LISTS.values(), "uusiTapaaminen", "tapaamisenMuutos")


def _recognises(data: bytes) -> bool:
    try:
        return bool(xml.loads(data).tag.startswith(f"{{{NAMESPACE}}}"))
    except xml.BadXml:
        return False


def _read(data: bytes, recorder: Recorder) -> Iterator[Resource]:
    root = document(data, *_ROOTS, seen=recorder.seen)
    for part in root.all(_LISTS[root.name]) if root.name in _LISTS else [root]:
        yield from _records(part, recorder)


def _records(part: Part, recorder: Recorder) -> Iterator[Resource]:
    match part.name:
        case "tapaaminen":
            yield appointment(part, _SITE, recorder).resource
        case "vapaaAika":
            yield free_time(part, recorder).slot
        case "asiakas":
            for patient, notes in recorder.carry("Patient", persons.patients, part):
                recorder.say(*notes)
                yield persons.record(patient, notes, _SITE).resource
        case "uusiTapaaminen" | "tapaamisenMuutos":
            fitting = [one for one in rules().values() if one.root == part.name and not part.others(one.known[""])]
            yield (fitting or [rules()["uusiTapaaminen"]])[0].read(part, recorder)
        case _:
            made = {"yksikko": "Organization, Location", "palvelu": "HealthcareService"}
            element = made.get(part.name, "Practitioner, PractitionerRole, Schedule")
            for record in recorder.carry(element, directory.records, part, _SITE):
                recorder.say(*record.notes)
                yield record.resource


def _places(data: bytes) -> Iterator[Standing]:
    return document(data, *_ROOTS).leaves()


SYSTEM: Final = System("proconsona", _SITE, _recognises, _read, _places, rules)
