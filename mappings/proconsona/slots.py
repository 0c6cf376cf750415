"""``vapaatAjat`` -> free times (manual §7), by the rules of ``rules/appointments.toml``."""

from __future__ import annotations

from canonical.model import FreeTime, TimeKey
from canonical.notes import Note
from mappings.engine.recorder import Recorder
from mappings.proconsona import keys
from mappings.proconsona.appointments import rules
from mappings.proconsona.document import Part, in_order
from mappings.proconsona.site import Site


def free_times(root: Part, site: Site, notes: list[Note]) -> list[FreeTime]:
    """The times of one ``vapaatAjat``, in their order. Raises `BadMessage`."""
    return [free_time(part, Recorder(site, notes)) for part in root.all("vapaaAika")]


def free_time(part: Part, recorder: Recorder) -> FreeTime:
    """One time. Raises `BadMessage`."""
    slot = rules()["vapaaAika"].read(part, recorder)
    start, end = in_order(slot, "vapaaAika")
    calendar = part.id("kalenteri")
    return FreeTime(TimeKey(keys.pack(calendar), start, end), part.service(), calendar, slot)
