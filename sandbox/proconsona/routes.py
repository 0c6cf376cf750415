"""From a request to the job it asks for: which address, which method, whose data (INTERFACE.md §1.1)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from lxml import etree

from sandbox.engine.system import RecordSystem
from sandbox.http.answer import Answer
from sandbox.population.hetu import is_hetu
from sandbox.proconsona import keys, meetings, times
from sandbox.proconsona.changes import Changes, read_change
from sandbox.proconsona.documents import answer, make, parse, value
from sandbox.proconsona.feed import Feed
from sandbox.proconsona.herate import Herate
from sandbox.proconsona.keys import Keys
from sandbox.proconsona.meetings import Meetings
from sandbox.proconsona.misbehaviour import Job
from sandbox.proconsona.outcome import Place, Refusal, bad_parameter
from sandbox.proconsona.query import BASE, UUID, parse_pairs, parse_query
from sandbox.proconsona.records import Records
from sandbox.proconsona.signature import Headers
from sandbox.proconsona.times import Times

_XML: Final = ("application/xml", "text/xml")
_PAGE_NUMBER: Final = re.compile(r"[1-9]\d{0,8}", re.ASCII)
_CODE: Final = re.compile(r"[A-Z0-9-]{1,16}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Request:
    """One whole request. `path` and `query` are as they stand in the request line; header names in lower case."""

    method: str
    path: str
    query: bytes
    headers: Headers
    body: bytes

    def header(self, name: str) -> str | None:
        """Return a header that may be given once; None if it was not. Raises Refusal (400) if it was given twice."""
        values = self.headers.get(name, ())
        if len(values) > 1:
            raise bad_parameter(f"@{name.title()}")
        return values[0].strip() if values else None

    def require_xml(self) -> None:
        """Raise Refusal (415) unless the body is XML, in UTF-8 and not compressed."""
        kind, _, parameters = (self.header("content-type") or "").lower().partition(";")
        charset = re.search(r'charset\s*=\s*"?([^";\s]+)', parameters)
        encoded = (self.header("content-encoding") or "identity").lower() != "identity"
        if kind.strip() not in _XML or encoded or (charset is not None and charset[1] not in ("utf-8", "utf8")):
            raise Refusal("SISALTOTYYPPI")


Planner = Callable[[Request, str], Job]


class Routes:
    """The addresses of one installation."""

    def __init__(self, system: RecordSystem, records: Records, key_book: Keys, feed: Feed, herate: Herate) -> None:
        self._system = system
        self._records = records
        self._keys = key_book
        self._feed = feed
        self._herate = herate
        self._times = Times(system, records)
        self._meetings = Meetings(system, records, self._times, key_book)
        self._changes = Changes(system, records, self._times)
        self._planners: dict[str, dict[str, Planner]] = {
            "yksikot": {"GET": self._units},
            "yksikot/*": {"GET": self._unit},
            "palvelut": {"GET": self._services},
            "palvelut/*": {"GET": self._service},
            "tyontekijat": {"GET": self._workers},
            "tyontekijat/*": {"GET": self._worker},
            "asiakkaat": {},
            "asiakkaat/haku": {"POST": self._find_customer},
            "asiakkaat/*": {"GET": self._customer},
            "vapaat-ajat": {"GET": self._free_times},
            "tapaamiset": {"GET": self._search, "POST": self._book},
            "tapaamiset/*": {"GET": self._meeting, "PUT": self._change},
            "muutokset": {"GET": self._feed_now},
            "muutokset/arkisto/*": {"GET": self._feed_archive},
            "herate": {"GET": self._herate_shown, "PUT": self._herate_put, "DELETE": self._herate_delete},
        }

    def plan(self, request: Request) -> Job:
        """Return the job a request asks for. Raises Refusal for what its address or form does not allow."""
        inner = request.path.removeprefix(f"{BASE}/")
        parent, _, last = inner.rpartition("/")
        methods, argument = self._planners.get(inner), ""
        if methods is None and parent:
            methods, argument = self._planners.get(f"{parent}/*"), last
        if inner == request.path or methods is None:
            raise Refusal("EI_LOYDY")
        planner = methods.get(request.method)
        if planner is None:
            raise Refusal("EI_SALLITTU", headers={"allow": ", ".join(sorted(methods))})
        if request.method in ("POST", "PUT"):
            request.require_xml()
        if planner not in (self._search, self._free_times):
            parse_pairs(request.query, ())
        return planner(request, argument)

    # ---- directory

    def _units(self, request: Request, _: str) -> Job:
        found = [self._system.units[one] for one in sorted(self._system.units)]
        return _directory(lambda: _list("yksikot", (self._records.unit(one) for one in found)))

    def _unit(self, request: Request, found: str) -> Job:
        unit = self._system.units.get(_id(found))
        if unit is None:
            raise Refusal("EI_LOYDY")
        return _directory(lambda: answer(self._records.unit(unit)))

    def _services(self, request: Request, _: str) -> Job:
        found = [self._system.services[one] for one in sorted(self._system.services) if self._records.sees_service(one)]
        return _directory(lambda: _list("palvelut", (self._records.service(one) for one in found)))

    def _service(self, request: Request, found: str) -> Job:
        if not _CODE.fullmatch(found) or not self._records.sees_service(found):
            raise Refusal("EI_LOYDY")
        return _directory(lambda: answer(self._records.service(self._system.services[found])))

    def _workers(self, request: Request, _: str) -> Job:
        known = (self._system.professionals[one] for one in sorted(self._system.professionals))
        found = [one for one in known if self._records.sees_worker(one)]
        return _directory(lambda: _list("tyontekijat", (self._records.worker(one) for one in found)))

    def _worker(self, request: Request, found: str) -> Job:
        worker = self._system.professionals.get(_id(found))
        if worker is None or not self._records.sees_worker(worker):
            raise Refusal("EI_LOYDY")
        return _directory(lambda: answer(self._records.worker(worker)))

    # ---- customers

    def _find_customer(self, request: Request, _: str) -> Job:
        hetu = value(parse(request.body, "asiakashaku"), "henkilotunnus") or ""
        if not is_hetu(hetu):
            raise Refusal("SKEEMA", places=[Place("/pc:asiakashaku/pc:henkilotunnus", "ARVO")])
        patient = self._system.patient_by_hetu(hetu)
        found = [patient] if patient is not None and self._records.tasks_of(patient) else []
        return Job("person", hetu, lambda: _list("asiakkaat", (self._records.customer_element(one) for one in found)))

    def _customer(self, request: Request, found: str) -> Job:
        patient = self._records.customer(_id(found))
        if patient is None:
            raise Refusal("EI_LOYDY")
        return Job("person", patient.hetu, lambda: answer(self._records.customer_element(patient)))

    # ---- times and meetings

    def _free_times(self, request: Request, _: str) -> Job:
        query = parse_query("vapaat-ajat", request.query, times.PARAMETERS)
        return Job("find", None, lambda: self._times.free(query))

    def _search(self, request: Request, _: str) -> Job:
        query = parse_query("tapaamiset", request.query, meetings.PARAMETERS)
        found = self._meetings.matches(query)
        named = query.text("asiakas")
        people = {named} if named is not None else {one.patient for one in found}
        person = self._hetu(people.pop()) if len(people) == 1 else None
        return Job("list", person, lambda: self._meetings.page(query, found))

    def _book(self, request: Request, _: str) -> Job:
        key = keys.read_key(request.header(keys.HEADER))
        booking = self._meetings.read_booking(request.body, key)
        return Job("book", self._hetu(booking.customer), lambda: self._meetings.book(booking), booking)

    def _meeting(self, request: Request, found: str) -> Job:
        one = self._meetings.find(_id(found))
        return Job("read", self._hetu(one.patient), lambda: self._meetings.shown(one))

    def _change(self, request: Request, found: str) -> Job:
        change = read_change(request.body)
        one = self._meetings.find(_id(found))
        operation = self._changes.operation(one, change)
        return Job(operation, self._hetu(one.patient), lambda: self._changes.apply(one.id, change))

    def _hetu(self, number: str) -> str | None:
        patient = self._system.patient(number)
        return None if patient is None else patient.hetu

    # ---- changes

    def _feed_now(self, request: Request, _: str) -> Job:
        known = request.header("if-none-match")
        return Job("changes", None, lambda: self._feed.current(known))

    def _feed_archive(self, request: Request, number: str) -> Job:
        if not _PAGE_NUMBER.fullmatch(number):
            raise Refusal("EI_LOYDY")
        return Job("changes", None, lambda: self._feed.archive(int(number)))

    def _herate_shown(self, request: Request, _: str) -> Job:
        return Job("herate", None, self._herate.shown)

    def _herate_put(self, request: Request, _: str) -> Job:
        address = self._herate.put(request.body)
        return Job("herate", None, lambda: self._herate.set(address))

    def _herate_delete(self, request: Request, _: str) -> Job:
        return Job("herate", None, self._herate.delete)


def _directory(work: Callable[[], Answer]) -> Job:
    return Job("directory", None, work)


def _id(found: str) -> str:
    """Return an id of an address. Raises Refusal (404) if it has not the form of one."""
    if not UUID.fullmatch(found):
        raise Refusal("EI_LOYDY")
    return found


def _list(name: str, elements: Iterable[etree._Element]) -> Answer:
    root = make(name)
    root.extend(elements)
    return answer(root)
