"""Cancelling an appointment: only against the state that the master has now, as the caller has seen it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from canonical.commands import Cancel, Command
from canonical.model import LocalPatient
from canonical.times import instant
from hub.access import Access
from hub.usecases.appointments import found
from hub.usecases.changing import Changing
from hub.usecases.ports import Answer, CancelRequest, Failed, Kept, RequestContext, Updated

CHANGEABLE: Final = frozenset({"status", "cancelationReason", "meta", "text", "comment"})
"""What a cancellation may say differently from the stored resource; ``participant`` may differ in its statuses."""


@dataclass(slots=True)
class Cancelling:
    """The use case: also of a proposal, which is thereby declined."""

    changing: Changing

    async def cancel(self, access: Access, request: CancelRequest, context: RequestContext) -> Answer:
        """Cancel it. Raises `Failed` when nothing was done."""
        changing = self.changing
        if earlier := await changing.earlier(access, request):
            return earlier if isinstance(earlier, Kept) else await changing.tell(access, earlier, replayed=True)
        async with changing.alone(request.appointment_id):
            stored, resource = await changing.proven(access, request, context)
            different = sorted(_differences(resource, request.body))
            if different:
                raise Failed("not-changeable", expression=[f"Appointment.{name}" for name in different])
            if stored.status == "cancelled":
                return Updated(found(stored))
            start, version = instant(resource["start"]), stored.master_version

            def make(command_id: str, patient: LocalPatient, local_id: str) -> Command:
                return Cancel(command_id, patient, local_id, start, version, request.reason)

            row = await changing.carry(access, request, stored, context, make)
        return await changing.tell(access, row)


def _differences(stored: dict[str, Any], wanted: dict[str, Any]) -> Iterator[str]:
    """The elements in which ``wanted`` is more than a cancellation; what it leaves out it leaves as it is."""
    for name, value in wanted.items():
        if name in CHANGEABLE:
            continue
        if name == "participant":
            if not _same_participants(stored.get(name, []), value):
                yield name
        elif stored.get(name) != value:
            yield name


def _same_participants(stored: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> bool:
    def without_status(participants: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{name: value for name, value in one.items() if name != "status"} for one in participants]

    return without_status(stored) == without_status(wanted)
