"""Slot: one bookable time of one calendar, whose id alone is enough to book it."""

from __future__ import annotations

from typing import Final

from canonical.fhir import Resource
from canonical.messages import BadMessage
from canonical.model import FreeTime, TimeKey
from canonical.notes import Note
from mappings.engine.recorder import Recorder
from mappings.lifecare.carry import Carrier, instant, target
from mappings.lifecare.vocabulary import Vocabulary

KEY_BYTES: Final = 25
"""The longest key that travels on (the manual promises 24 characters at most)."""


def slot(source: Resource, words: Vocabulary, recorder: Recorder | None = None) -> tuple[FreeTime, tuple[Note, ...]]:
    """The time of one Slot, whatever its status (manual §6). Raises `BadMessage`.

    ``FreeTime.service`` is "" here: a Slot names its calendar, and the calendar names the service.
    """
    carrier = Carrier(source, "Slot", words, recorder)
    resource = carrier.resource
    if len(carrier.id) > KEY_BYTES:
        raise BadMessage("Slot.id is longer than the manual promises")
    key = TimeKey(carrier.id, instant(resource, "Slot", "start"), instant(resource, "Slot", "end"))
    schedule = target(resource.get("schedule", {}), "Schedule")
    if schedule is None or key.start >= key.end:
        raise BadMessage("Slot without its calendar, or of no length")
    carrier.name_services("serviceType")
    return FreeTime(key, "", schedule, resource), carrier.notes
