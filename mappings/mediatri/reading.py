"""Any message of Mediatri's, for ``silta map``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from canonical import soap, xml
from canonical.fhir import Resource
from mappings.engine.mapping import Message
from mappings.engine.recorder import Recorder
from mappings.engine.tree import Standing
from mappings.mediatri import appointments, directory, persons
from mappings.mediatri.markup import NAMESPACE, Fields
from mappings.mediatri.site import Site
from mappings.tool.systems import System

_SITE: Final = Site("mediatri-sipoo")


def _recognises(data: bytes) -> bool:
    try:
        root = xml.loads(data)
    except xml.BadXml:
        return False
    return any(f"{{{NAMESPACE}}}" in str(one.tag) for one in root.iter())


def _read(data: bytes, recorder: Recorder) -> Iterator[Resource]:
    root = Fields(soap.body(data), recorder.seen)
    rules = appointments.rules()
    if root.name in rules:
        yield rules[root.name].read(root, recorder)
        return
    for element in root.element:
        name = Fields(element).name
        if name == "ajanvaraus":
            yield appointments.appointment(element, _SITE, recorder).record.resource
        elif name == "vapaaAika" and (free := appointments.free_time(element, _SITE, [], recorder)) is not None:
            yield free.slot
        elif name == "potilas":
            patient, notes = persons.local_patient(element, recorder)
            yield persons.patient_record(patient, _SITE, notes).resource
    for record in directory.records([root.element], _SITE, recorder):
        recorder.say(*record.notes)
        yield record.resource


def _places(data: bytes) -> Iterator[Standing]:
    return Fields(soap.body(data)).leaves()


def _rules() -> Mapping[str, Message]:
    return {**appointments.rules(), **directory.rules()}


SYSTEM: Final = System("mediatri", _SITE, _recognises, _read, _places, _rules)
