"""The commands as Mediatri takes them. Each changes something with one request that is sent once.

A booking has two steps. The first, VaraaAika, reserves: it is no effect, ends by itself in five minutes, and may be
asked for again. The second, VahvistaVaraus, makes the booking, and is never repeated here: whoever looks for it finds
it by its reference (manual §13).
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from adapters.base import Done, HeldTime
from adapters.errors import (
    AnotherPatient,
    ForeignError,
    HoldExpired,
    Misconfigured,
    NoSuchTime,
    NotCancellable,
    OutcomeUnknown,
    Refused,
    StaleVersion,
    TextNotCarried,
    Unavailable,
    UnknownAppointment,
    UnknownPatient,
)
from adapters.mediatri import tokens
from adapters.mediatri.faults import Reserved
from adapters.mediatri.reads import Reads
from adapters.mediatri.wire import Reading, Wire
from adapters.trip import Trip
from canonical import fhir, hetu
from canonical.commands import Book, Cancel, Hold, RegisterPerson, Release
from canonical.model import LocalPatient, Record, TimeKey
from canonical.notes import Note
from mappings.mediatri import appointments, moments, persons, requests
from mappings.mediatri.markup import BadMessage, Fields, is_code
from mappings.mediatri.site import Site

_TRIES: Final = 3
"""How often a time is reserved whose reservation got lost, while there is time."""
_NATIVE: Final = "200"


class Writes:
    """Registers, books, cancels and holds at one installation."""

    def __init__(self, wire: Wire, site: Site, reads: Reads) -> None:
        self._wire, self._site, self._reads = wire, site, reads

    async def register(self, trip: Trip, command: RegisterPerson) -> Done:
        """Make the person a customer; names, address and language Mediatri takes from the population register."""
        _check_mark(command.placer_id)
        if not requests.is_hetu(command.person.hetu):
            raise Refused("without a personal identity code nobody is registered; nothing was sent")

        def read(answer: Fields) -> Reading[Done]:
            patient, notes = persons.local_patient(answer.fields("potilas").element)
            if patient.hetu != command.person.hetu:
                raise AnotherPatient("LuoPotilas was answered about another person")
            return Done(persons.patient_record(patient, self._site, notes), _NATIVE), notes

        return await self._wire.ask(trip, requests.register(command.person.hetu, command.placer_id), read)

    async def book(self, trip: Trip, command: Book) -> Done:
        """Reserve and confirm. What is raised after the reservation, and says that nothing was done, frees it first."""
        number = _number(command.patient)
        _check_mark(command.placer_id)
        _check_time(command.time)
        if unfit := requests.unfit(command):
            raise TextNotCarried(f"{unfit}; nothing was sent", native="text")
        if command.hold:
            await self._give_back(trip, number, command.hold, command.time)
        reserved = await self._reserved(trip, number, command)
        request, notes = requests.confirm(command, reserved)

        def read(answer: Fields) -> Reading[Done]:
            found = appointments.appointment(answer.fields("ajanvaraus").element, self._site)
            _is_about(found, command.patient, "VahvistaVaraus")
            if found.reference != command.placer_id:
                raise BadMessage("asiakasViite of the booking is not the request's")
            return Done(found.record, _NATIVE, notes), found.record.notes

        try:
            return await self._wire.ask(trip, request, read, notes=notes)
        except OutcomeUnknown:
            raise
        except ForeignError:
            await self._free(trip, number, command.placer_id)
            raise

    async def cancel(self, trip: Trip, command: Cancel) -> Done:
        """Cancel; Mediatri compares the start. Where it says that there is nothing left to cancel, our own earlier
        request may have done it: the booking then has its reference, and it is done."""
        _check_mark(command.placer_id)
        if not is_code(command.local_id) or not is_code(command.patient.number):
            raise UnknownAppointment("no number of Mediatri's has this form; nothing was sent")
        if not moments.is_whole(command.believed_start):
            raise StaleVersion("no booking of Mediatri's begins within a minute; nothing was sent")
        request, notes = requests.cancel(command)

        def read(answer: Fields) -> Reading[Done]:
            found = appointments.appointment(answer.fields("ajanvaraus").element, self._site)
            _is_about(found, command.patient, "PeruAika")
            if found.record.local_id != command.local_id:
                raise BadMessage("varausnumero is another than was asked")
            return Done(found.record, _NATIVE, notes), found.record.notes

        try:
            return await self._wire.ask(trip, request, read, notes=notes)
        except NotCancellable as err:
            record = await self._cancelled_by_us(trip, command)
            if record is None:
                raise
            return Done(record, err.native, (*notes, *record.notes))

    async def hold(self, trip: Trip, command: Hold) -> Done:
        """Reserve the time, for five minutes. Sent again after its answer got lost, it gives back what was reserved
        then and reserves anew: nothing else tells until when."""
        number = _number(command.patient)
        _check_mark(command.placer_id)
        _check_time(command.time)

        def read(answer: Fields) -> Reading[Done]:
            notes: list[Note] = []
            until = moments.read(answer.fields("vanhenee"), notes)
            return Done(None, _NATIVE, hold=HeldTime(tokens.token(command.placer_id, command.time), until)), notes

        request = requests.reserve(number, command.time, command.placer_id)
        try:
            return await self._wire.ask(trip, request, read)
        except Reserved as err:
            if err.reference != command.placer_id:
                raise
        await self._free(trip, number, command.placer_id)
        return await self._wire.ask(trip, request, read, marks=False)

    async def release(self, trip: Trip, command: Release) -> Done:
        """Free the reservation; one that is over, or that never was, is as good as freed."""
        with suppress(HoldExpired):
            await self._give_back(trip, _number(command.patient), command.hold, command.time)
        return Done(None, _NATIVE)

    async def _reserved(self, trip: Trip, number: str, command: Book) -> str:
        """The reservation's token. One that an earlier request of this command left behind is freed; one whose answer
        got lost, too, and then the time is reserved again. Raises `Unavailable` where it cannot be known to be
        reserved: nothing was booked then, whatever happened."""
        request = requests.reserve(number, command.time, command.placer_id)
        for _ in range(_TRIES):
            try:
                return await self._wire.ask(trip, request, _reservation, marks=False)
            except Reserved as err:
                if err.reference != command.placer_id:
                    raise
            except OutcomeUnknown as err:
                if trip.now() >= trip.deadline:
                    raise Unavailable(f"{err.detail}; only reserved, if anything", native=err.native) from err
            await self._free(trip, number, command.placer_id)
        raise Unavailable("VaraaAika: nothing told that the time was reserved; nothing was booked")

    async def _give_back(self, trip: Trip, number: str, token: str, time: TimeKey) -> None:
        """Free what is held by ``token``; raises `HoldExpired` where nothing of this time and patient is."""
        reference = tokens.reference(token, time)
        if reference is None:
            raise HoldExpired("the token is of no hold of this time; nothing was sent")
        await self._wire.ask(trip, requests.release(number, reference), _freed)

    async def _free(self, trip: Trip, number: str, reference: str) -> None:
        """Free our own reservation, if that can be done: it is a courtesy to others, and it ends by itself."""
        with suppress(ForeignError):
            await self._wire.ask(trip, requests.release(number, reference), _freed, marks=False)

    async def _cancelled_by_us(self, trip: Trip, command: Cancel) -> Record | None:
        """The booking, if an earlier request of this command has cancelled it."""
        try:
            found = await self._reads.bookings(trip, requests.bookings(number=command.local_id), command.patient)
        except ForeignError as err:
            raise OutcomeUnknown("EI_PERUTTAVISSA to PeruAika, and who has cancelled it cannot be read") from err
        for one in found:
            mark = fhir.extension(one.record.resource, self._site.system("cancelled-by"))
            if one.record.resource.get("status") == "cancelled" and mark is not None:
                return one.record if mark["valueString"] == command.placer_id else None
        return None


def _reservation(answer: Fields) -> Reading[str]:
    token = answer.text("varaustunnus")
    if not token:
        raise BadMessage("VaraaAikaVastaus without varaustunnus")
    return token, ()


def _freed(answer: Fields) -> Reading[int]:
    return answer.number("vapautettu"), ()


def _is_about(found: appointments.Found, patient: LocalPatient | None, operation: str) -> None:
    if patient is not None and not found.is_about(patient):
        raise AnotherPatient(f"{operation} was answered about another patient")


def _number(patient: LocalPatient | None) -> str:
    if patient is None or not is_code(patient.number):
        raise UnknownPatient("no patient number of Mediatri's; nothing was sent")
    return patient.number


def _check_time(time: TimeKey) -> None:
    if not is_code(time.key) or not moments.is_whole(time.start):
        raise NoSuchTime("no time of Mediatri's has this name; nothing was sent")


def _check_mark(placer_id: str) -> None:
    if not requests.is_reference(placer_id) or hetu.appears_in(placer_id):
        raise Misconfigured("a placer id that Mediatri does not take")
