"""Any message of Pegasos's, and HL7 v2 messages of others, for ``silta map``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from canonical import hl7
from canonical.fhir import Resource
from canonical.notes import Note
from mappings.engine.recorder import Recorder
from mappings.engine.tree import Standing
from mappings.pegasos import appointments, messages, tables
from mappings.pegasos.site import Site
from mappings.tool.systems import System

_SITE: Final = Site("pegasos-loviisa", "SOTESILTA", "ITAUUSIMAA", "PEGASOS", "LOVIISA")
_ENVELOPE: Final = frozenset({"MSH", "MSA", "ERR", "QAK", "QRD", "QRF", "DSC", "EVN", "MFI", "MFE"})
"""What travels with every message and is nobody's."""


def _recognises(data: bytes) -> bool:
    return hl7.unframed(data).startswith(b"MSH")


def _read(data: bytes, recorder: Recorder) -> Iterator[Resource]:
    message = _split(data, recorder)
    if message.header[9].text() != "SQR":
        for record in messages.records(message, _SITE, recorder):
            recorder.say(*record.notes)
            yield record.resource
        return
    for group in appointments.groups(message):
        notes: list[Note] = []
        if group.sch[2]:
            record = appointments.appointment(group, _SITE, recorder).record
            recorder.say(*record.notes)
            yield record.resource
        elif (free := appointments.free_time(group, _SITE, notes, recorder)) is not None:
            yield free.slot
        recorder.say(*notes)


def _split(data: bytes, recorder: Recorder) -> hl7.Message:
    raw = hl7.unframed(data)
    return hl7.split(raw, max_bytes=len(raw), charsets=hl7.TABLE_0211, seen=recorder.seen)


def _places(data: bytes) -> Iterator[Standing]:
    left_out = {name for (name,) in tables.table("ignored")}
    for segment in _split(data, Recorder(_SITE)).segments:
        for number in () if segment.name in _ENVELOPE else segment.filled():
            if f"{segment.name}-{number}" not in left_out:
                yield segment.place(number)


SYSTEM: Final = System("pegasos", _SITE, _recognises, _read, _places)
