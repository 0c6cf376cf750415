"""What portals of the simulation ask for."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from canonical.commands import Accept, Book, Cancel, Command, Hold, Propose, Release
from canonical.commands import Move as MoveTo
from canonical.model import LocalPatient, Person, TimeKey
from hub.journal.ports import NewCommand
from hub.journal.steps import lane_of_appointment, lane_of_booking
from tests.simulation.master import Booking, start_of

if TYPE_CHECKING:
    from tests.simulation.model import Hub

PERSON = Person("010594Y9021", "Testinen", ("Aino",), date(1994, 5, 1), "fi", "638")
DEADLINE = 10.0


def some(hub: Hub, number: int, slots: int) -> NewCommand:
    """What somebody might ask for now: of what they are shown, of what they hold, or a time."""
    rng, now = hub.world.rng, hub.world.now
    patient, slot = f"p{rng.randrange(3)}", rng.randrange(slots)
    mine = hub.shown(patient)
    if mine and hub.world.chance(0.6):
        target, one = rng.choice(mine)
        return changing(number, one, target, _change(f"c{number}", one, slot, rng.random()), now)
    time = time_of(slot)
    token = hub.tokens.get((patient, time.key), "")
    local = LocalPatient(patient, PERSON.hetu)
    if token and hub.world.chance(0.4):
        return taking(number, patient, Release(f"c{number}", local, time, token), now)
    if hub.world.chance(0.3):
        return taking(number, patient, Hold(f"c{number}", PERSON, time, local), now)
    return taking(number, patient, Book(f"c{number}", PERSON, time, patient=local, hold=token), now)


def _change(command_id: str, one: Booking, slot: int, draw: float) -> Command:
    """To what the person is shown: cancelled, accepted, or another time."""
    patient, start = LocalPatient(one.patient, PERSON.hetu), start_of(one.slot)
    if one.status == "proposed" and draw < 0.5:
        return Accept(command_id, patient, one.number, start)
    if slot == one.slot or draw < 0.4:
        return Cancel(command_id, patient, one.number, start)
    if one.status == "proposed":
        return Propose(command_id, patient, one.number, start, time_of(slot))
    return MoveTo(command_id, PERSON, patient, one.number, start, time_of(slot))


def time_of(slot: int) -> TimeKey:
    start = start_of(slot)
    return TimeKey(str(slot), start, start + timedelta(minutes=30))


def taking(number: int, patient: str, command: Book | Hold | Release, now: float) -> NewCommand:
    """Of a time: one at a time is open of each person and time."""
    return NewCommand(
        id=f"c{number}",
        installation="sim",
        command=command,
        subject=patient,
        target=f"a{number}" if isinstance(command, Book) else None,
        lane=lane_of_booking(patient, "sim", command.time.start),
        deadline=now + DEADLINE,
        request_id=f"r{number}",
        client="portal",
        resident=patient,
    )


def changing(number: int, of: Booking, target: str, command: Command, now: float) -> NewCommand:
    return NewCommand(
        id=f"c{number}",
        installation="sim",
        command=command,
        subject=of.patient,
        target=target,
        lane=lane_of_appointment(target),
        deadline=now + DEADLINE,
        request_id=f"r{number}",
        client="portal",
        resident=of.patient,
    )
