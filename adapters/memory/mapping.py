"""Rows of the memory master <-> canonical records and commands. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from adapters.base import HeldTime
from canonical import codes, fhir, times
from canonical.commands import Accept, Book, Cancel, Command, Hold, Move, Propose, RegisterPerson, Release
from canonical.fhir import Resource
from canonical.model import FreeTime, LocalPatient, Record, TimeKey
from canonical.notes import Note, NoteKind

Row = dict[str, Any]

_STATUS: Final = {"proposed": "pending"}
_COMING: Final = {"booked": "accepted", "pending": "accepted", "proposed": "needs-action"}
"""The patient's own part: whoever has not answered yet is not said to have accepted."""


def request(command: Command) -> Row:
    """The request of a command. One of a person's without a patient is a defect of the caller's."""
    match command:
        case RegisterPerson():
            return {"operation": "register", "hetu": command.person.hetu, "placer": command.placer_id}
        case Book():
            texts = {"comment": command.comment, "reason": command.reason}
            named = {"patient": _number(command.patient), "placer": command.placer_id, "hold": command.hold}
            start = times.iso(command.time.start)
            return {"operation": "book", "key": command.time.key, "start": start, **named, **texts}
        case Hold():
            named = {"patient": _number(command.patient), "placer": command.placer_id}
            return {"operation": "hold", **named, **_wanted(command)}
        case Release():
            named = {"patient": command.patient.number, "placer": command.placer_id}
            return {"operation": "release", "token": command.hold, **named}
        case Move():
            return {"operation": "move", **_believed(command), **_wanted(command)}
        case Cancel():
            return {"operation": "cancel", **_believed(command), "reason": command.reason}
        case Accept():
            return {"operation": "accept", **_believed(command), "placer": command.placer_id}
        case Propose():
            return {"operation": "propose", **_believed(command), **_wanted(command), "comment": command.comment}


def _number(patient: LocalPatient | None) -> str:
    assert patient is not None, "it is sent for a patient of the installation"
    return patient.number


def _wanted(command: Hold | Move | Propose) -> Row:
    """The time that is asked for, under the hub's own mark."""
    return {"key": command.time.key, "at": times.iso(command.time.start), "placer": command.placer_id}


def _believed(command: Move | Cancel | Accept | Propose) -> Row:
    return {
        "id": command.local_id,
        "patient": command.patient.number,
        "start": times.iso(command.believed_start),
        "version": command.believed_version,
    }


def lost(command: Command) -> tuple[Note, ...]:
    """What of a command has no field in its request."""
    if isinstance(command, Move) and command.reason:
        return (Note(NoteKind.DROPPED, "Move.reason", "no field for why an appointment is moved"),)
    return ()


def held(_: str, row: Row) -> tuple[str, HeldTime]:
    """Whose a hold is, and the hold of a row; raises ValueError for a row that is none."""
    with _whole():
        return row["patient"], HeldTime(row["token"], times.instant(row["until"]))


def records(installation: str, row: Row) -> list[Record]:
    """The records of a row; raises ValueError for a row that is none (a free time is none)."""
    with _whole():
        match row["kind"]:
            case "unit":
                return _unit(installation, row)
            case "service":
                return [_service(installation, row)]
            case "professional":
                return [_professional(row)]
            case "calendar":
                return _calendar(installation, row)
            case "patient":
                return [_patient(installation, row)]
            case "appointment":
                return [_appointment(installation, row)]
    raise ValueError("a row of an unknown kind")


@contextmanager
def _whole() -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError):
        raise ValueError("a row lacks what its kind needs") from None


def _unit(installation: str, row: Row) -> list[Record]:
    named = {"identifier": [fhir.identifier(codes.local(installation, "unit"), row["id"])], "name": row["name"]}
    organization = {"resourceType": "Organization", "active": True, **named}
    location = {
        "resourceType": "Location", "status": "active", **named,
        "managingOrganization": fhir.reference("Organization", row["id"]),
    }  # fmt: skip
    return [Record("Organization", row["id"], organization), Record("Location", row["id"], location)]


def _service_type(installation: str, row: Row) -> Resource:
    """The service of a row as a CodeableConcept: the local code, and the national one where there is one."""
    local = fhir.coding(codes.local(installation, "service"), row["code"])
    national = [fhir.coding(codes.SERVICE, row["national"])] if row["national"] else []
    return fhir.concept(local, *national)


def _unknown_code(row: Row) -> tuple[Note, ...]:
    if row["national"]:
        return ()
    return (Note(NoteKind.UNKNOWN_CODE, "service.code", f"{row['code']} has no national counterpart"),)


def _service(installation: str, row: Row) -> Record:
    resource = {
        "resourceType": "HealthcareService",
        "active": True,
        "type": [_service_type(installation, row)],
        "name": row["name"],
        "location": [fhir.reference("Location", unit) for unit in row["units"]],
    }
    if row["sector"]:
        resource["category"] = [fhir.concept(fhir.coding(codes.SECTOR, row["sector"]))]
    return Record("HealthcareService", row["id"], resource, notes=_unknown_code(row))


def _professional(row: Row) -> Record:
    resource = {
        "resourceType": "Practitioner",
        "active": True,
        "name": [{"family": row["family"], "given": [row["given"]]}],
    }
    return Record("Practitioner", row["id"], resource)


def _calendar(installation: str, row: Row) -> list[Record]:
    practitioner, location = (
        fhir.reference("Practitioner", row["professional"]),
        fhir.reference("Location", row["unit"]),
    )
    service = fhir.reference("HealthcareService", row["service"])
    role = {
        "resourceType": "PractitionerRole", "active": True, "practitioner": practitioner,
        "organization": fhir.reference("Organization", row["unit"]), "location": [location],
        "healthcareService": [service],
    }  # fmt: skip
    schedule = {
        "resourceType": "Schedule", "active": True,
        "identifier": [fhir.identifier(codes.local(installation, "schedule"), row["id"])],
        "actor": [practitioner, location, service, fhir.reference("PractitionerRole", row["id"])],
    }  # fmt: skip
    return [Record("PractitionerRole", row["id"], role), Record("Schedule", row["id"], schedule)]


def _contact(row: Row) -> Resource:
    language = fhir.concept(fhir.coding(codes.LANGUAGE, row["language"]))
    return {
        "telecom": [{"system": "phone", "value": row["phone"]}],
        "communication": [{"language": language, "preferred": True}],
    }


def local_patient(_: str, row: Row) -> LocalPatient:
    """The customer of a row; raises ValueError for a row that is none."""
    with _whole():
        return LocalPatient(row["id"], row["hetu"], _contact(row))


def _patient(installation: str, row: Row) -> Record:
    number = fhir.identifier(codes.local(installation, "patient"), row["id"])
    resource = {"resourceType": "Patient", "identifier": [number], **_contact(row)}
    return Record("Patient", row["id"], resource, patient=row["id"])


def _appointment(installation: str, row: Row) -> Record:
    resource: Resource = {"resourceType": "Appointment"}
    if row["restriction"] is not None:
        coding = fhir.coding(codes.RESTRICTION_PARENT_CODES, row["restriction"])
        resource["extension"] = [{"url": codes.RESTRICTION_PARENT, "valueCoding": coding}]
    resource["identifier"] = [fhir.identifier(codes.local(installation, "appointment"), row["id"], type_code="FILL")]
    if row["placer"] is not None:
        resource["identifier"].append(fhir.identifier(codes.PLACER, row["placer"], type_code="PLAC"))
    resource["status"] = _STATUS.get(row["status"], row["status"])
    if row["cancel_reason"]:
        resource["cancelationReason"] = fhir.concept(text=row["cancel_reason"])
    resource["serviceType"] = [_service_type(installation, row)]
    if row["reason"]:
        resource["reasonCode"] = [fhir.concept(text=row["reason"])]
    resource |= {"start": row["start"], "end": row["end"]}
    if row["comment"]:
        resource["comment"] = row["comment"]
    coming = _COMING.get(row["status"], "declined")
    resource["participant"] = [
        {"actor": fhir.reference("Patient", row["patient"]), "status": coming},
        {"actor": fhir.reference("Practitioner", row["professional"]), "status": "accepted"},
        {"actor": fhir.reference("Location", row["unit"]), "status": "accepted"},
        {"actor": fhir.reference("HealthcareService", row["service"]), "status": "accepted"},
    ]
    return Record("Appointment", row["id"], resource, row["version"], row["patient"], _unknown_code(row))


def free_time(installation: str, row: Row) -> FreeTime:
    """The free time of a row; raises ValueError for a row that is none."""
    with _whole():
        slot = {
            "resourceType": "Slot",
            "serviceType": [_service_type(installation, row)],
            "schedule": fhir.reference("Schedule", row["calendar"]),
            "status": "free",
            "start": row["start"],
            "end": row["end"],
        }
        time = TimeKey(row["key"], times.instant(row["start"]), times.instant(row["end"]))
        return FreeTime(time, row["service"], row["calendar"], slot)
