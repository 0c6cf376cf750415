"""Which operations there are on Appointments: a table, as `hub.api.interactions` is one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from adapters.base import Capability
from canonical import codes
from hub.api.interactions import KINDS, Kind, Param

HELD_UNTIL: Final = f"{codes.ROOT}/fhir/StructureDefinition/held-until"
_IHE: Final = "https://profiles.ihe.net/ITI/Scheduling/OperationDefinition/appointment-"


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation on a type. ``needs``: where no installation has it the operation is not offered."""

    name: str
    definition: str
    documentation: str
    methods: tuple[str, ...] = ("POST",)
    needs: Capability | None = None


OPERATIONS: Final[Mapping[str, Operation]] = {
    one.name: one
    for one in (
        Operation(
            "find",
            f"{_IHE}find",
            "Proposed Appointments (ITI-115), asked for by GET, or by POST of Parameters: the free times of a Slot "
            "search, merged by start. Of one parameter that is there several times any value fits; all parameters must "
            "fit. `_count` is the page's size; the next link goes on.",
            ("GET", "HEAD", "POST"),
        ),
        Operation(
            "hold",
            f"{_IHE}hold",
            "Keep a proposed Appointment for the resident for a while (ITI-116): the answer is `pending` and says "
            "until when. Where the record system keeps no times it is 422 `not-supported`; the service tells. "
            "Whoever then books the time for the same resident books it with the hold.",
            needs=Capability.HOLD,
        ),
        Operation(
            "book",
            f"{_IHE}book",
            "Book a proposed Appointment, held or not (ITI-117): Parameters with `appointment-reference` are answered "
            "by a Bundle, an Appointment as for `POST Appointment` by the Appointment. All else is as there.",
            needs=Capability.BOOK,
        ),
        Operation(
            "release",
            f"{codes.ROOT}/fhir/OperationDefinition/Appointment-release",
            "Give a held time back: Parameters with `appointment-reference`. What is not held any more is done.",
            needs=Capability.HOLD,
        ),
    )
}

FIND: Final = Kind(
    "Appointment",
    OPERATIONS["find"].documentation,
    ("search-type",),
    (
        Param("start", "date", "Not before. Default: now."),
        Param("end", "date", "Before; a day counts whole. Default: 14 days after the start."),
        Param("visit-type", "token", "Service, as `service-type` of a Slot search."),
        Param("specialty", "token", "Specialty of the service, as `system|code`."),
        Param("practitioner", "reference", "Professional.", targets=("Practitioner",)),
        Param("organization", "reference", "Organisation or unit.", targets=("Organization",)),
        Param("location-reference", "reference", "Place.", targets=("Location",)),
        Param("patient-reference", "reference", "The resident of the token; nobody else.", targets=("Patient",)),
        *(one for one in KINDS["Slot"].params if one.own),
    ),
)
