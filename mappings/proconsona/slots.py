"""``vapaatAjat`` -> free times (manual §7)."""

from __future__ import annotations

from canonical import fhir, times
from canonical.fhir import Resource
from canonical.model import FreeTime, TimeKey
from canonical.notes import Note
from mappings.proconsona import keys
from mappings.proconsona.document import Part
from mappings.proconsona.site import Site, dropped, task


def free_times(root: Part, site: Site, notes: list[Note]) -> list[FreeTime]:
    """The times of one ``vapaatAjat``, in their order. Raises `BadMessage`."""
    return [_free_time(part, site, notes) for part in root.all("vapaaAika")]


def _free_time(part: Part, site: Site, notes: list[Note]) -> FreeTime:
    calendar, service, left = part.id("kalenteri"), part.service(), part.number("vapaana")
    start, end = part.span()
    places = {"url": site.system("places"), "extension": [{"url": "left", "valueUnsignedInt": left}]}
    slot: Resource = {
        "resourceType": "Slot",
        **({"extension": [places]} if left > 1 else {}),
        "serviceCategory": task(part.one("palvelutehtava"), "vapaaAika/palvelutehtava", notes),
        "serviceType": [site.service(service)],
        "schedule": fhir.reference("Schedule", calendar),
        "status": "free",
        "start": times.iso(start),
        "end": times.iso(end),
    }
    if not slot["serviceCategory"]:
        del slot["serviceCategory"]
    dropped(part, notes)
    return FreeTime(TimeKey(keys.pack(calendar), start, end), service, calendar, slot)
