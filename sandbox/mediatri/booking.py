"""Reserving, confirming, cancelling and registering (INTERFACE.md §6, §8, §9)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sandbox.engine import errors
from sandbox.engine.model import Hold
from sandbox.engine.system import RecordSystem
from sandbox.mediatri import pages
from sandbox.mediatri.kept import Kept, References
from sandbox.mediatri.localtime import write_moment
from sandbox.mediatri.markup import Element, build
from sandbox.mediatri.refusals import Refusal, invalid
from sandbox.mediatri.request import Request

RESERVED: Final = timedelta(minutes=5)
_CAUSES: Final = ("ASIAKAS_PERUI", "ASIAKAS_SIIRSI", "MUU")

Work = Callable[[], Element]
"""What is done when a request's form is in order. Raises Refusal, and has then changed nothing."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A time that somebody asks for."""

    patient: str
    calendar: str
    start: datetime


class Bookings:
    """The writes of one installation. Each method reads a request's values and returns the work."""

    def __init__(self, system: RecordSystem, references: References) -> None:
        self._system = system
        self._references = references

    # ---- VaraaAika

    def read_wish(self, request: Request) -> Wish:
        """Return the time that VaraaAika asks for. Raises Refusal for a time that cannot be."""
        return Wish(request.text("potilasnumero"), request.text("kalenteri"), request.needed_moment("alku"))

    def reserve(self, wish: Wish, reference: str) -> Element:
        """Reserve a time. Raises Refusal."""
        try:
            hold = self._system.hold(
                wish.patient, wish.calendar, wish.start, seconds=RESERVED.total_seconds(), reference=reference
            )
        except errors.UnknownPatient as err:
            raise Refusal("TUNTEMATON_POTILAS", "potilasnumero") from err
        except errors.UnknownCalendar as err:
            raise Refusal("TUNTEMATON_AIKA", "kalenteri") from err
        except errors.NoSuchTime as err:
            raise Refusal("TUNTEMATON_AIKA", "alku") from err
        except errors.SlotTaken as err:
            raise Refusal("AIKA_VARATTU", "alku", reference=self._holder(wish)) from err
        return build(
            "VaraaAikaVastaus",
            [
                ("varaustunnus", hold.token),
                ("asiakasViite", hold.reference),
                ("voimassa", str(round(RESERVED.total_seconds() / 60))),
                ("vanhenee", write_moment(hold.expires_at)),
            ],
        )

    def _holder(self, wish: Wish) -> str:
        """Return the reference of the reservation that keeps a time; the same patient's before others'."""
        # There is one user: every reservation is the caller's own.
        holds = self._system.holds_on(wish.calendar, wish.start)
        return min(holds, key=lambda one: one.patient != wish.patient).reference if holds else ""

    # ---- VahvistaVaraus

    def confirm(self, request: Request) -> Work:
        """Return the work of VahvistaVaraus."""
        token, reference, text = (request.text(name) for name in ("varaustunnus", "asiakasViite", "lisatiedot"))

        def work() -> Element:
            hold = self._system.hold_of(token)
            if hold is None:
                raise Refusal("VARAUS_VANHENTUNUT", "varaustunnus")
            if hold.reference != reference:
                raise invalid("asiakasViite")
            return self._confirm(hold, text)

        return work

    def _confirm(self, hold: Hold, text: str) -> Element:
        try:
            made = self._system.book(
                patient=hold.patient,
                calendar=hold.calendar,
                start=hold.start,
                placer_id=hold.reference,
                text=text,
                hold=hold.token,
            )
        except errors.NoSuchTime as err:
            self._system.release(hold.token)
            raise Refusal("TUNTEMATON_AIKA", "varaustunnus") from err
        return build("VahvistaVarausVastaus", [("ajanvaraus", pages.booking(self._system, made))])

    # ---- PeruAika

    def cancel(self, request: Request) -> Work:
        """Return the work of PeruAika of a booking. Raises Refusal for a value that is missing."""
        number, patient, cause, words, reference = (
            request.text(name) for name in ("varausnumero", "potilasnumero", "peruutussyy", "selite", "asiakasViite")
        )
        start = request.needed_moment("alkuperainenAlku")
        if cause not in _CAUSES:
            raise invalid("peruutussyy")

        def work() -> Element:
            self._check_patient(patient)
            found = self._system.appointment(number)
            if found is None or found.patient != patient or not pages.is_shown(found):
                raise Refusal("TUNTEMATON_VARAUS", "varausnumero")
            kept = Kept(cancelled_by=reference, cause=cause)
            try:
                cancelled = self._system.cancel(
                    number, by="interface", reason=words, expected_start=start, extra=kept.dump()
                )
            except errors.StaleVersion as err:
                raise Refusal("VARAUS_MUUTTUNUT", "alkuperainenAlku") from err
            except errors.NotCancellable as err:
                raise Refusal("EI_PERUTTAVISSA", "varausnumero") from err
            self._references.add(cancelled)
            content = pages.booking(self._system, cancelled)
            return build("PeruAikaVastaus", [("asiakasViite", reference), ("vapautettu", "0"), ("ajanvaraus", content)])

        return work

    def release(self, request: Request) -> Work:
        """Return the work of PeruAika of a reservation."""
        named, patient, reference = (request.text(name) for name in ("viite", "potilasnumero", "asiakasViite"))

        def work() -> Element:
            self._check_patient(patient)
            live = [one for one in self._system.holds() if one.appointment is None]
            freed = [one for one in live if (one.reference, one.patient) == (named, patient)]
            if not freed:
                raise Refusal("TUNTEMATON_VARAUS", "viite")
            for hold in freed:
                self._system.release(hold.token)
            return build("PeruAikaVastaus", [("asiakasViite", reference), ("vapautettu", str(len(freed)))])

        return work

    # ---- LuoPotilas

    def register(self, request: Request) -> Work:
        """Return the work of LuoPotilas."""
        hetu, reference = request.text("henkilotunnus"), request.text("asiakasViite")

        def work() -> Element:
            try:
                patient = self._system.register_patient(hetu)
            except errors.AlreadyCustomer as err:
                raise Refusal("POTILAS_ON_JO", "henkilotunnus") from err
            except errors.UnknownPerson as err:
                raise Refusal("TUNTEMATON_HENKILO", "henkilotunnus") from err
            return build("LuoPotilasVastaus", [("asiakasViite", reference), ("potilas", pages.patient(patient))])

        return work

    def _check_patient(self, number: str) -> None:
        if self._system.patient(number) is None:
            raise Refusal("TUNTEMATON_POTILAS", "potilasnumero")
