"""What can be done with which resource type, and by what it can be searched: one table.

Routing, the search parser, the CapabilityStatement, the OpenAPI document and the pages are all made of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from canonical import codes

Interaction = Literal["read", "vread", "history-instance", "search-type", "create", "update"]
ParamType = Literal["token", "date", "reference", "string", "uri"]

MOST_PER_PAGE: Final = 200
DEFAULT_PER_PAGE: Final = 50


@dataclass(frozen=True, slots=True)
class Param:
    """A search parameter. ``expression`` is FHIRPath, empty where the value does not stand in the resource itself.

    ``targets`` are what a reference may name; ``codes`` the whole of a closed value set; ``system`` the one code system
    a token may name, and ``pattern`` what its codes look like. ``own`` ones are defined by this hub and published as
    SearchParameter resources.
    """

    name: str
    type: ParamType
    documentation: str
    expression: str = ""
    targets: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    system: str | None = None
    pattern: str | None = None
    own: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """A resource type of the API. ``personal``: only with a resident's token. ``public``: without any token.
    ``sort`` are the values of ``_sort``, and whether they mean descending; the first is the default order."""

    name: str
    documentation: str
    interactions: tuple[Interaction, ...]
    params: tuple[Param, ...] = ()
    personal: bool = False
    public: bool = False
    sort: tuple[tuple[str, bool], ...] = ()

    def param(self, name: str) -> Param | None:
        return next((p for p in self.params if p.name == name), None)


_ID: Final = Param("_id", "token", "The resource's id; several, separated by commas.", "Resource.id")
_UPDATED: Final = Param("_lastUpdated", "date", "When the hub last saw it change.", "Resource.meta.lastUpdated")
_SOURCE: Final = Param(
    "_source",
    "uri",
    "Where it comes from, as in `meta.source`: an installation's name is its end.",
    "Resource.meta.source",
)
_STORED: Final = (_ID, _UPDATED, _SOURCE)

APPOINTMENT_STATUSES: Final = (
    "proposed",
    "pending",
    "booked",
    "arrived",
    "fulfilled",
    "cancelled",
    "noshow",
    "entered-in-error",
    "checked-in",
    "waitlist",
)
TASK_STATUSES: Final = (
    "draft",
    "requested",
    "received",
    "accepted",
    "rejected",
    "ready",
    "cancelled",
    "in-progress",
    "on-hold",
    "failed",
    "completed",
    "entered-in-error",
)
SECTORS: Final = ("health", "oral", "social")
ACTORS: Final = ("Location", "Practitioner", "PractitionerRole", "HealthcareService")


def _identifier(kind: str) -> Param:
    return Param("identifier", "token", "A business identifier: `system|value`.", f"{kind}.identifier")


def _name(kind: str) -> Param:
    return Param("name", "string", "The beginning of a name, whatever the case of its letters.", f"{kind}.name")


def _services(kind: str, category: str, service: str) -> tuple[Param, ...]:
    return (
        Param("service-category", "token", "Kind of service (Sote-palvelujen luokitus).", f"{kind}.{category}"),
        Param("service-type", "token", "Service: national or the unit's own code.", f"{kind}.{service}"),
    )


def _reference(name: str, kind: str, element: str, *targets: str) -> Param:
    return Param(name, "reference", f"{' or '.join(targets)} by reference.", f"{kind}.{element}", targets)


_DIRECTORY: Final[tuple[Interaction, ...]] = ("read", "vread", "history-instance", "search-type")

_KINDS: Final = (
    Kind(
        "Patient",
        "The person the token is about, as the population register knows them. A search answers exactly that one.",
        ("read", "vread", "history-instance", "search-type"),
        (
            _ID,
            Param(
                "identifier",
                "token",
                "`urn:oid:1.2.246.21|<HETU>`; a HETU is searched by POST `_search` only.",
                "Patient.identifier",
            ),
        ),
        personal=True,
    ),
    Kind(
        "Organization",
        "Organisations and units, as each record system has them.",
        _DIRECTORY,
        (*_STORED, _identifier("Organization"), _name("Organization")),
    ),
    Kind(
        "Location",
        "Places of service.",
        _DIRECTORY,
        (
            *_STORED,
            _identifier("Location"),
            _name("Location"),
            _reference("organization", "Location", "managingOrganization", "Organization"),
        ),
    ),
    Kind(
        "HealthcareService",
        "Services. What an installation can do for a resident (hold, move, length of a comment) stands on them: "
        "the extension `StructureDefinition/abilities`.",
        _DIRECTORY,
        (
            *_STORED,
            _identifier("HealthcareService"),
            _name("HealthcareService"),
            _reference("organization", "HealthcareService", "providedBy", "Organization"),
            _reference("location", "HealthcareService", "location", "Location"),
            *_services("HealthcareService", "category", "type"),
        ),
    ),
    Kind(
        "Practitioner",
        "Professionals.",
        _DIRECTORY,
        (*_STORED, _identifier("Practitioner")),
    ),
    Kind(
        "PractitionerRole",
        "What a professional does where.",
        _DIRECTORY,
        (
            *_STORED,
            _identifier("PractitionerRole"),
            _reference("practitioner", "PractitionerRole", "practitioner", "Practitioner"),
            _reference("organization", "PractitionerRole", "organization", "Organization"),
            _reference("location", "PractitionerRole", "location", "Location"),
            _reference("service", "PractitionerRole", "healthcareService", "HealthcareService"),
        ),
    ),
    Kind(
        "Schedule",
        "Calendars that have free times.",
        _DIRECTORY,
        (
            *_STORED,
            _identifier("Schedule"),
            _reference("actor", "Schedule", "actor", *ACTORS),
            *_services("Schedule", "serviceCategory", "serviceType"),
        ),
    ),
    Kind(
        "Slot",
        "Free times, asked from the record systems and merged by start; one answer of theirs serves everybody who asks "
        "the same for at most 2 seconds, unless a time is booked or cancelled there meanwhile. A resident sees the "
        "times they may book; a portal's own token sees those of a named `municipality`. A Slot that is taken or past "
        "reads as `busy`.",
        ("read", "search-type"),
        (
            Param("status", "token", "Only `free` is searched.", "Slot.status", codes=("free",)),
            Param("start", "date", "When the time begins. Default: from now, for 14 days.", "Slot.start"),
            *_services("Slot", "serviceCategory", "serviceType"),
            _reference("schedule", "Slot", "schedule", "Schedule"),
            Param(
                "schedule.actor",
                "reference",
                "Whose calendar it is: a unit, professional or service.",
                "Slot.schedule.resolve().actor",
                ACTORS,
            ),
            Param(
                "municipality",
                "token",
                "Municipality whose residents the time is for, by its three-figure code (`434`).",
                system=codes.MUNICIPALITY,
                pattern="[0-9]{3}",
                own=True,
            ),
            Param(
                "sector",
                "token",
                "Sector of care: `health`, `oral` or `social`.",
                codes=SECTORS,
                system=codes.SECTOR,
                own=True,
            ),
            Param(
                "language",
                "token",
                "Language the service is given in (`fi`, `sv`, `en`).",
                system=codes.LANGUAGE,
                pattern="[a-z]{2,3}",
                own=True,
            ),
        ),
        sort=(("start", False),),
    ),
    Kind(
        "Appointment",
        "The person's appointments, from every record system that has them. A booking names a free Slot; an update "
        "cancels, moves, or answers a proposal. It is `booked` only after the record system said so; while that "
        "is not known it is `pending` and tagged `outcome-unknown`.",
        ("read", "vread", "history-instance", "search-type", "create", "update"),
        (
            *_STORED,
            _identifier("Appointment"),
            Param("status", "token", "Status.", "Appointment.status", codes=APPOINTMENT_STATUSES),
            Param("date", "date", "When it begins.", "Appointment.start"),
            Param(
                "patient",
                "reference",
                "The patient.",
                "Appointment.participant.actor.where(resolve() is Patient)",
                ("Patient",),
            ),
            Param("actor", "reference", "Any participant.", "Appointment.participant.actor", ("Patient", *ACTORS)),
            Param(
                "location",
                "reference",
                "The place.",
                "Appointment.participant.actor.where(resolve() is Location)",
                ("Location",),
            ),
            Param(
                "practitioner",
                "reference",
                "The professional.",
                "Appointment.participant.actor.where(resolve() is Practitioner)",
                ("Practitioner",),
            ),
            *_services("Appointment", "serviceCategory", "serviceType"),
        ),
        personal=True,
        sort=(("date", False), ("-date", True)),
    ),
    Kind(
        "Task",
        "Receipts of what was asked: every write leaves one, which ends as completed or rejected and says why.",
        ("read", "search-type"),
        (
            _ID,
            Param("status", "token", "Status.", "Task.status", codes=TASK_STATUSES),
            Param("business-status", "token", "How far the write has come.", "Task.businessStatus"),
            Param("code", "token", "What kind of task.", "Task.code"),
            _reference("patient", "Task", "for", "Patient"),
            _reference("focus", "Task", "focus", "Appointment"),
        ),
        personal=True,
    ),
    Kind(
        "SearchParameter",
        "The search parameters that this API defines itself.",
        ("read", "search-type"),
        (_ID,),
        public=True,
    ),
    Kind(
        "StructureDefinition",
        "The extensions that this API defines itself.",
        ("read", "search-type"),
        (_ID,),
        public=True,
    ),
    Kind(
        "OperationDefinition",
        "The operations that this API defines itself.",
        ("read", "search-type"),
        (_ID,),
        public=True,
    ),
)

KINDS: Final[Mapping[str, Kind]] = {kind.name: kind for kind in _KINDS}


@dataclass(frozen=True, slots=True)
class ResultParam:
    """A parameter of the answer rather than of the match. ``values``: all there are, empty for any."""

    name: str
    documentation: str
    values: tuple[str, ...] = ()


RESULT_PARAMS: Final = (
    ResultParam(
        "_count",
        f"Most entries of a page: 1 to {MOST_PER_PAGE}, {DEFAULT_PER_PAGE} unless said; 0: only the total. "
        f"More is read as {MOST_PER_PAGE}; the self link and an entry of mode `outcome` say so.",
    ),
    ResultParam("_cursor", "Of the next link of a page; never made by hand."),
    ResultParam("_format", "`json`; other formats there are none."),
    ResultParam("_pretty", "`true`: indented, for reading.", ("true", "false")),
    ResultParam(
        "_summary",
        "`true`: what FHIR marks as the summary; `text`: narrative; `data`: all but the narrative; `count`: the total.",
        ("false", "true", "text", "data", "count"),
    ),
    ResultParam(
        "_elements",
        "Elements to send, separated by commas; mandatory ones come too, and `meta.tag` says `SUBSETTED`.",
    ),
    ResultParam("_totalMethod", "Read over: a client's way to ask for `_total`.", ("count", "accurate", "estimate")),
    ResultParam(
        "_total",
        "`none` leaves the total out; `accurate` counts where that costs: of free times it is told only where it is "
        "known without asking every record system for the whole span.",
        ("none", "estimate", "accurate"),
    ),
)
SORT: Final = "_sort"
INCLUDE: Final = "_include"
"""May be there several times, and with the modifier ``:iterate``."""
