"""Why Pegasos refuses: the error table of the manual (section 3) and the exception that carries a row of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

TABLE_0357: Final = {
    "100": "Segment sequence error",
    "101": "Required field missing",
    "102": "Data type error",
    "103": "Table value not found",
    "200": "Unsupported message type",
    "201": "Unsupported event code",
    "202": "Unsupported processing id",
    "203": "Unsupported version id",
    "204": "Unknown key identifier",
    "205": "Duplicate key identifier",
    "206": "Application record locked",
    "207": "Application internal error",
}


@dataclass(frozen=True, slots=True)
class Error:
    """One row of the error table: MSA-1, the code of table 0357, Pegasos's own code and name, and a text for people."""

    ack: str
    hl7: str
    own: str
    name: str
    text: str


_ROWS: Final = (
    Error("AR", "100", "M01", "BAD_STRUCTURE", "Bad message structure"),
    Error("AE", "101", "M02", "FIELD_MISSING", "Required field missing"),
    Error("AR", "102", "M03", "BAD_VALUE", "Bad value"),
    Error("AE", "103", "S01", "UNKNOWN_SERVICE", "No such service here"),
    Error("AE", "103", "S02", "OTHER_DURATION", "The service has another length"),
    Error("AE", "103", "M04", "UNKNOWN_CODE", "Code not in the table"),
    Error("AR", "200", "M05", "NO_SUCH_MESSAGE", "Message type not supported"),
    Error("AR", "201", "M06", "NO_SUCH_EVENT", "Event not supported"),
    Error("AR", "202", "M07", "NOT_PRODUCTION", "Processing id is not P"),
    Error("AR", "203", "M08", "OTHER_VERSION", "Version is not 2.4"),
    Error("AE", "204", "P01", "UNKNOWN_PATIENT", "No such patient here"),
    Error("AE", "204", "P02", "UNKNOWN_PERSON", "No such person in the population information system"),
    Error("AE", "204", "P03", "IDS_DISAGREE", "The identifiers are of different persons"),
    Error("AE", "204", "K01", "UNKNOWN_SCHEDULE", "No such calendar here"),
    Error("AE", "204", "K02", "OTHER_RESOURCE", "Not the service, unit or professional of the calendar"),
    Error("AE", "204", "A03", "NO_SUCH_TIME", "The calendar has no such time"),
    Error("AE", "204", "A04", "UNKNOWN_APPOINTMENT", "No such appointment"),
    Error("AE", "205", "P04", "ALREADY_CUSTOMER", "The person is registered already"),
    Error("AE", "205", "A05", "MANY_APPOINTMENTS", "Several appointments carry this id"),
    Error("AE", "206", "A01", "TIME_TAKEN", "The time is taken"),
    Error("AE", "206", "A02", "TIME_TAKEN_BY_PATIENT", "The time is taken by the same patient"),
    Error("AE", "206", "A06", "OTHER_START", "The appointment has another start"),
    Error("AE", "206", "A07", "NOT_CANCELLABLE", "The appointment cannot be cancelled or moved any more"),
    Error("AE", "207", "X01", "INTERNAL", "Internal error; it is not known whether the work was done"),
    Error("AR", "207", "X02", "NOT_CONFIGURED", "Not agreed for this connection"),
    Error("AR", "207", "X03", "NOT_NOW", "Cannot work now; nothing was done"),
)

ERRORS: Final = {row.own: row for row in _ROWS}


@dataclass(frozen=True, slots=True)
class Place:
    """What is to blame: a segment, which one of its name (from 1), and the field; 0 and "" where there is none."""

    segment: str = ""
    sequence: int = 1
    field: int = 0


NOWHERE: Final = Place("", 0, 0)


class Refusal(Exception):
    """A request is refused. `detail` adds to the text for people; it never holds a value from the message."""

    def __init__(self, own: str, place: Place = NOWHERE, detail: str = "") -> None:
        self.error = ERRORS[own]
        self.place = place
        self.text = f"{self.error.text}: {detail}"[:80] if detail else self.error.text
        super().__init__(self.text)


def missing(segment: str, field: int, sequence: int = 1) -> Refusal:
    """Return the refusal for a required field that is empty."""
    return Refusal("M02", Place(segment, sequence, field), f"{segment}-{field}")


def bad_value(segment: str, field: int, detail: str, sequence: int = 1) -> Refusal:
    """Return the refusal for a value of a wrong form."""
    return Refusal("M03", Place(segment, sequence, field), f"{segment}-{field} {detail}")


def bad_structure(detail: str, place: Place = NOWHERE) -> Refusal:
    """Return the refusal for a message that is not built as it must be."""
    return Refusal("M01", place, detail)


def error_named(code: str, default: str) -> Error:
    """Return the error for a code as a tester writes it: `AE 206`, `AR`, `205`, `A06`; an empty one is the `default`.

    A combination that is not in the table (`CR 207`) gets its parts as given: a faulty system would do that too.
    """
    words = code.upper().split()
    own = [word for word in words if word in ERRORS]
    acks = [word for word in words if word in ("AE", "AR", "CE", "CR")]
    numbers = [word for word in words if word in TABLE_0357]
    if own:
        base = ERRORS[own[0]]
    elif numbers:
        rows = [row for row in _ROWS if row.hl7 == numbers[0]]
        base = next((row for row in rows if row.ack in acks), rows[0])
    elif acks:
        base = ERRORS["X01" if acks[0] == "AE" else "X03"]
    else:
        base = ERRORS[default]
    return Error(acks[0] if acks else base.ack, base.hl7, base.own, base.name, base.text)
