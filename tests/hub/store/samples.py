"""People, records and commands that the store's tests share."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from canonical import codes
from canonical.commands import Book, Cancel
from canonical.model import LocalPatient, Person, Record, TimeKey
from canonical.times import iso
from hub.access import Access
from hub.journal.ports import Lease, Move, NewCommand, Problem, Row
from hub.journal.states import State
from hub.store import Store
from hub.store.projection import Observation

PORVOO, LOVIISA = "lifecare-porvoo", "pegasos-loviisa"
HETU = "010190-9996"
CHILD_HETU = "290224B904N"
START = datetime(2027, 3, 22, 7, 0, tzinfo=UTC)
TODAY = datetime(2027, 3, 1, 8, 0, tzinfo=UTC)
PERSON = Person(HETU, "Virtanen", ("Aino",), date(1990, 1, 1), "fi", "638")


def own(patient: str) -> Access:
    """A resident for themselves."""
    return Access("portal", patient, None, "care")


def proxy(resident: str, patient: str) -> Access:
    """A resident for somebody else."""
    return Access("portal", resident, patient, "care")


NOBODY = Access("portal", None, None, "care")


def look(started: float, ended: float | None = None, where: str = PORVOO) -> Observation:
    return Observation(where, started, started + 1 if ended is None else ended)


def appointment(local_id: str = "a1", *, number: str = "p-77", version: str | None = "1", **more: Any) -> Record:
    """An appointment as an adapter gives it."""
    start = more.pop("at", START)
    resource = {
        "resourceType": "Appointment",
        "status": "booked",
        "start": iso(start),
        "end": iso(start + timedelta(minutes=30)),
        "participant": [
            {"actor": {"reference": f"Patient/{number}"}, "status": "accepted"},
            {"actor": {"reference": "Location/12"}, "status": "accepted"},
        ],
    }
    return Record("Appointment", local_id, resource | more, version, number)


def location(local_id: str = "12", name: str = "Näsin terveysasema", version: str | None = None) -> Record:
    return Record("Location", local_id, {"resourceType": "Location", "status": "active", "name": name}, version)


async def meet(store: Store, hetu: str = HETU, number: str = "p-77", where: str = PORVOO) -> str:
    """A person the hub has met, and who they are at an installation."""
    patient = await store.people.meet(hetu)
    await store.people.keep_link(patient, where, number, 900.0)
    return patient


async def learn(store: Store, patient: str, born: date, at: float = 900.0) -> None:
    """What the population register says of the person."""
    resource = {"resourceType": "Patient", "birthDate": born.isoformat(), "name": [{"family": "Testinen"}]}
    seen = Observation("population-register", at, at + 1)
    await store.people.put(patient, Record("Patient", patient, resource), born, seen)


def booking(
    patient: str, id_: str = "c1", target: str = "target1", *, start: datetime = START, **more: Any
) -> NewCommand:
    time = TimeKey("time-1", start, start + timedelta(minutes=30))
    link = LocalPatient("p-77", HETU, {"telecom": [{"value": "0401234567"}]})
    book = Book(id_, PERSON, time, link, comment="Kurkku kipeä", reason="Nuha", identifiers=more.pop("identifiers", ()))
    new = NewCommand(
        id=id_,
        installation=PORVOO,
        command=book,
        subject=patient,
        target=target,
        lane=f"book/{patient}/{start.isoformat()}",
        deadline=1010.0,
        request_id="req_1",
        client="portal",
        resident=patient,
    )
    return replace(new, **more)


def cancelling(patient: str, target: str, id_: str = "c9", local_id: str = "a1") -> NewCommand:
    cancel = Cancel(id_, LocalPatient("p-77", HETU), local_id, START, "1", "En pääse")
    return replace(booking(patient, id_, target), command=cancel, lane=f"appointment/{target}")


def placed(command_id: str = "c1", **more: Any) -> Record:
    """The effect of a booking, with our mark on it."""
    return appointment(identifier=[{"system": codes.PLACER, "value": command_id}], **more)


async def sent(store: Store, new: NewCommand, at: float = 1000.0) -> Row:
    """A command that is being sent."""
    row = await store.journal.accept(new, Lease("w", at + 60), at)
    assert isinstance(row, Row)
    return await go(store, row, Move(State.SENDING, at + 1, sent_at=at + 1, release=False))


async def go(store: Store, row: Row, move: Move) -> Row:
    after = await store.journal.move(row.new.id, row.fence, move)
    assert after is not None
    return after


async def lost(store: Store, row: Row, at: float = 1002.0) -> Row:
    """Its answer did not come."""
    return await go(store, row, Move(State.UNKNOWN, at, quiet_at=at + 30, problem=Problem("outcome-unknown")))
