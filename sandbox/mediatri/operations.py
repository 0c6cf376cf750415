"""From a valid request to the job it asks for: which operation, whose data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sandbox.engine.model import Patient
from sandbox.engine.system import RecordSystem
from sandbox.mediatri import pages
from sandbox.mediatri.booking import Bookings, Wish, Work
from sandbox.mediatri.kept import References
from sandbox.mediatri.lists import Lists
from sandbox.mediatri.markup import Element, Fields, build
from sandbox.mediatri.refusals import Refusal
from sandbox.mediatri.request import Request

_DIRECTORY: Final[dict[str, tuple[str, Callable[[RecordSystem], dict[str, Fields]]]]] = {
    "HaeYksikot": ("yksikko", lambda system: {key: pages.unit(one) for key, one in system.units.items()}),
    "HaePalvelut": ("palvelu", lambda system: {key: pages.service(one) for key, one in system.services.items()}),
    "HaeAmmattihenkilot": (
        "ammattihenkilo",
        lambda system: {key: pages.professional(one) for key, one in system.professionals.items()},
    ),
    "HaeKalenterit": ("kalenteri", lambda system: {key: pages.calendar(one) for key, one in system.calendars.items()}),
}
"""The operations of the directory: the name of an entry, and the entries by their ids."""


@dataclass(frozen=True, slots=True)
class Job:
    """A request whose form is in order: what it is (for the faults), about whom (a HETU), and the work to do.

    `work` may raise Refusal and has then changed nothing. `wish` is set for VaraaAika.
    """

    operation: str
    person: str | None
    work: Work
    wish: Wish | None = None


class Operations:
    """The operations of one installation."""

    def __init__(self, system: RecordSystem) -> None:
        self._system = system
        self._references = References(system)
        self._lists = Lists(system, self._references)
        self._bookings = Bookings(system, self._references)
        self._plans: dict[str, Callable[[Request], Job]] = dict.fromkeys(_DIRECTORY, self._directory) | {
            "HaePotilas": self._find_patient,
            "LuoPotilas": self._register,
            "HaeVapaatAjat": lambda request: Job("find", None, self._lists.free_times(request)),
            "VaraaAika": self._reserve,
            "VahvistaVaraus": self._confirm,
            "PeruAika": self._cancel,
            "HaeAjanvaraukset": self._list,
            "HaeMuutokset": lambda request: Job("changes", None, self._lists.changes(request)),
        }
        self.names = frozenset(self._plans)

    def plan(self, request: Request) -> Job:
        """Return the job a request asks for. Raises Refusal for values that cannot be."""
        return self._plans[request.operation](request)

    def _directory(self, request: Request) -> Job:
        name, entries = _DIRECTORY[request.operation]

        def work() -> Element:
            found = sorted(entries(self._system).items())
            return build(f"{request.operation}Vastaus", [(name, content) for _, content in found])

        return Job("directory", None, work)

    def _find_patient(self, request: Request) -> Job:
        by = request.one_of("henkilotunnus", "potilasnumero")
        value = request.text(by)

        def find() -> Patient | None:
            return self._system.patient_by_hetu(value) if by == "henkilotunnus" else self._system.patient(value)

        def work() -> Element:
            found = find()
            if found is None:
                raise Refusal("TUNTEMATON_POTILAS", by)
            return build("HaePotilasVastaus", [("potilas", pages.patient(found))])

        patient = find()
        return Job("person", None if patient is None else patient.hetu, work)

    def _register(self, request: Request) -> Job:
        return Job("register", request.text("henkilotunnus"), self._bookings.register(request))

    def _reserve(self, request: Request) -> Job:
        wish, reference = self._bookings.read_wish(request), request.text("asiakasViite")
        return Job("hold", self._hetu(wish.patient), lambda: self._bookings.reserve(wish, reference), wish)

    def _confirm(self, request: Request) -> Job:
        hold = self._system.hold_of(request.text("varaustunnus"))
        person = None if hold is None else self._hetu(hold.patient)
        return Job("book", person, self._bookings.confirm(request))

    def _cancel(self, request: Request) -> Job:
        person = self._hetu(request.text("potilasnumero"))
        if request.one_of("varausnumero", "viite") == "viite":
            return Job("release", person, self._bookings.release(request))
        return Job("cancel", person, self._bookings.cancel(request))

    def _list(self, request: Request) -> Job:
        work = self._lists.bookings(request)
        if request.text("potilasnumero"):
            return Job("list", self._hetu(request.text("potilasnumero")), work)
        if request.text("yksikko"):
            return Job("list", None, work)
        one = self._system.appointment(request.text("varausnumero"))
        named = [one] if one is not None else self._references.find(request.text("asiakasViite"))
        people = {found.patient for found in named}
        return Job("read", self._hetu(people.pop()) if len(people) == 1 else None, work)

    def _hetu(self, number: str) -> str | None:
        patient = self._system.patient(number)
        return None if patient is None else patient.hetu
