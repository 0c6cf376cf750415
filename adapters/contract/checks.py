"""What the suite asserts of records and errors, in one place each. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

from adapters.base import HeldTime
from adapters.errors import ForeignError
from canonical import codes, fhir, hetu, strict_json, times, validate
from canonical.model import FreeTime, LocalPatient, Record, TimeKey

DIRECTORY: Final = frozenset(
    {"Organization", "Location", "HealthcareService", "Practitioner", "PractitionerRole", "Schedule"}
)
STATES: Final = frozenset(
    {"proposed", "pending", "booked", "arrived", "fulfilled", "cancelled", "noshow", "checked-in", "waitlist"}
)
TOKEN_LIMIT: Final = 64
LONGEST_HOLD: Final = 3600.0
"""Seconds a time is held at the most: what is longer is a mistaken zone."""
KEY_LIMIT: Final = 25
"""Bytes of a `TimeKey.key`: it has to fit into a FHIR id, sealed."""


def same_instant(one: datetime, other: datetime) -> bool:
    """Whether two aware times are the same instant. ``==`` does not say: twice a year it compares clock faces."""
    assert one.tzinfo is not None, "a time without a zone"
    assert other.tzinfo is not None, "a time without a zone"
    return one.timestamp() == other.timestamp()


def texts(value: Any) -> Iterator[str]:
    """Every string inside a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from texts(inner)


def well_formed(record: Record) -> None:
    """What holds of every record that comes through the port."""
    resource = record.resource
    assert resource["resourceType"] == record.kind, f"{record.kind}: kind and resourceType differ"
    assert record.local_id, f"{record.kind}: a record without its local id"
    assert "id" not in resource, f"{record.kind}: the hub gives the id"
    assert resource.get("meta", {}).keys() <= {"security", "profile"}, f"{record.kind}: the hub makes meta"
    valid(resource)
    for reference in fhir.references(resource):
        kind, _, local_id = reference["reference"].partition("/")
        assert kind.isalpha(), f"{record.kind}: not a local reference"
        assert local_id, f"{record.kind}: not a local reference"
        assert "/" not in local_id, f"{record.kind}: not a local reference"


def valid(resource: fhir.Resource) -> None:
    """Assert that a resource is valid FHIR R4, and JSON that survives being written and read."""
    found = validate.validate(resource)
    assert not found, f"not valid R4: {found[0].expression}: {found[0].message}"
    assert strict_json.loads(strict_json.dumps(resource)) == resource, "not JSON"


def appointment(record: Record, patient: LocalPatient) -> None:
    """Assert that the record is an appointment of ``patient``, whole enough to be shown."""
    well_formed(record)
    resource = record.resource
    assert record.kind == "Appointment"
    assert resource["status"] in STATES, f"status {resource['status']}"
    assert record.patient == patient.number, "an appointment of another patient"
    actors = [p["actor"]["reference"] for p in fhir.actors(resource, "Patient")]
    assert actors == [f"Patient/{patient.number}"], "the patient takes part exactly once"
    assert times.instant(resource["start"]) < times.instant(resource["end"])
    assert not any(map(hetu.appears_in, texts(resource))), "a personal identity code in an appointment"


def booked(record: Record, patient: LocalPatient, time: TimeKey, placer_id: str, status: str = "booked") -> None:
    """Assert that the record is of ``patient``, at ``time``, with the placer id, in ``status``."""
    appointment(record, patient)
    assert record.resource["status"] == status
    at(record, time)
    carried = fhir.identifier_value(record.resource, codes.PLACER)
    assert carried == placer_id, "the record does not carry the placer id (codes.PLACER)"


def answered(record: Record, patient: LocalPatient, local_id: str, status: str) -> None:
    """Assert that a proposal was answered: what it is now, and that it waits for the resident no more."""
    appointment(record, patient)
    assert record.local_id == local_id, "another appointment"
    assert record.resource["status"] == status
    assert not waits_for_the_resident(record), "answered, but it still waits for an answer"


def waits_for_the_resident(record: Record) -> bool:
    """Whether a record is a proposal that is not answered yet."""
    asked = [p["status"] == "needs-action" for p in fhir.actors(record.resource, "Patient")]
    return record.resource["status"] == "pending" and any(asked)


def held(hold: HeldTime, now: datetime | None) -> None:
    """Assert that a hold has a token that fits, and an end: of the next hour, where it is known what time it is."""
    assert 0 < len(hold.token) <= TOKEN_LIMIT, f"a token of {len(hold.token)} characters"
    assert not hetu.appears_in(hold.token)
    assert hold.until.tzinfo is UTC
    if now is not None:
        left = hold.until.timestamp() - now.timestamp()
        assert 0 < left <= LONGEST_HOLD, f"a hold that ends {left:.0f} s from now"


def at(record: Record, time: TimeKey) -> None:
    """Assert that an appointment is at ``time``."""
    assert same_instant(times.instant(record.resource["start"]), time.start), "another start"
    assert same_instant(times.instant(record.resource["end"]), time.end), "another end"


def free_time(free: FreeTime) -> None:
    """Assert what holds of every free time."""
    time, slot = free.time, free.slot
    assert 0 < len(time.key.encode()) <= KEY_LIMIT, f"a key of {len(time.key.encode())} bytes"
    assert time.start.timestamp() < time.end.timestamp()
    assert slot["resourceType"] == "Slot"
    assert slot["status"] == "free"
    assert not slot.keys() & {"id", "meta"}, "the hub makes a Slot's id and meta"
    valid(slot)
    assert slot["schedule"]["reference"] == f"Schedule/{free.schedule}"
    assert same_instant(times.instant(slot["start"]), time.start)
    assert same_instant(times.instant(slot["end"]), time.end)
    assert not any(map(hetu.appears_in, texts(slot))), "a personal identity code in a free time"


def no_personal_data(error: BaseException, secrets: Iterable[str]) -> None:
    """Assert that neither the error nor anything it was raised from says whose matter it is."""
    seen: list[BaseException] = []
    while error not in seen:
        seen.append(error)
        said = [str(error), repr(error), *texts(list(error.args))]
        if isinstance(error, ForeignError):
            said += [error.detail, error.native]
        for text in said:
            assert not hetu.appears_in(text), f"a personal identity code in {type(error).__name__}"
            assert not any(s in text for s in secrets), f"personal data in {type(error).__name__}"
        error = error.__cause__ or (error if error.__suppress_context__ else error.__context__ or error)


def in_one_word(text: str) -> bool:
    """Whether ``text`` is one word of something."""
    return len(text.split()) == 1
