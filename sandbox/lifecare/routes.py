"""From a request to the job it asks for: which resource, which interaction, whose data (INTERFACE.md §2.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, unquote_plus

import orjson

from sandbox.engine.system import RecordSystem
from sandbox.http.answer import Answer
from sandbox.lifecare.appointments import Appointments
from sandbox.lifecare.capability import SEARCHES, capability_statement
from sandbox.lifecare.changes import Changes
from sandbox.lifecare.directory import Directory
from sandbox.lifecare.holding import Holding
from sandbox.lifecare.misbehaviour import Job
from sandbox.lifecare.outcome import FHIR_JSON, Json, Refusal
from sandbox.lifecare.patients import Patients
from sandbox.lifecare.reading import holds_hetu, parse_resource
from sandbox.lifecare.resources import Resources, etag
from sandbox.lifecare.search import Query, bundle, parse_query, take_page
from sandbox.lifecare.slots import Slots

_JSON: Final = ("application/fhir+json", "application/json")
_FORM: Final = ("application/x-www-form-urlencoded",)
_OPERATION: Final = re.compile(r"([A-Za-z0-9.-]{1,64})/\$(hold|release)", re.ASCII)
_ID: Final = re.compile(r"[A-Za-z0-9.-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Request:
    """One whole request below the FHIR base. Header names are in lower case."""

    method: str
    path: str
    query: bytes
    headers: dict[str, str]
    body: bytes

    def require(self, allowed: tuple[str, ...]) -> None:
        """Raise Refusal (415) unless the body has one of these media types, in UTF-8 and not compressed."""
        kind, _, parameters = self.headers.get("content-type", "").lower().partition(";")
        charset = re.search(r'charset\s*=\s*"?([^";\s]+)', parameters)
        encoded = self.headers.get("content-encoding", "identity").lower() != "identity"
        if kind.strip() not in allowed or encoded or (charset is not None and charset[1] not in ("utf-8", "utf8")):
            raise Refusal("UNSUPPORTED_MEDIA_TYPE")


class Routes:
    """The interactions of one installation."""

    def __init__(self, system: RecordSystem, resources: Resources, slots: Slots, base: str) -> None:
        self._system = system
        self._base = base
        self._resources = resources
        self._slots = slots
        self._directory = Directory(system, resources)
        self._patients = Patients(system, resources, base)
        self._appointments = Appointments(system, resources, slots, base)
        self._changes = Changes(system, resources, slots)
        self._holding = Holding(system, resources, slots)
        self._release = resources.release

    def plan(self, request: Request) -> Job:
        """Return the job a request asks for. Raises Refusal for what its address or form does not allow."""
        kind, _, rest = request.path.partition("/")
        operation = _OPERATION.fullmatch(rest) if kind == "Slot" and self._release.holds else None
        if operation is not None:
            return self._plan_operation(operation[1], operation[2], request)
        if kind not in SEARCHES or (rest not in ("", "_search") and not _ID.fullmatch(rest)):
            raise Refusal("UNKNOWN_TYPE")
        if rest == "_search":
            _check_method(request, "POST")
            return self._plan_search(kind, request, form=True)
        if rest:
            _check_method(request, "GET", *(["PUT"] if "update" in self._release.writes.get(kind, ()) else []))
            return self._plan_update(rest, request) if request.method == "PUT" else self._plan_read(kind, rest, request)
        _check_method(request, "GET", *(["POST"] if kind in self._release.writes else []))
        if request.method == "GET":
            return self._plan_search(kind, request, form=False)
        request.require(_JSON)
        _check_no_parameters(request)
        return self._plan_booking(request) if kind == "Appointment" else self._plan_registration(request)

    def metadata(self, request: Request) -> Answer:
        """Answer the capability statement."""
        _check_method(request, "GET")
        _check_no_parameters(request)
        return _ok(capability_statement(self._base, self._release))

    # ---- reads and searches

    def _plan_read(self, kind: str, found: str, request: Request) -> Job:
        _check_no_parameters(request)
        if kind == "Appointment":
            visit = self._appointments.find(found)
            return Job("read", self._hetu(visit.patient), lambda: self._appointments.answer(visit, 200))
        if kind == "Slot":
            return Job("find", None, lambda: _ok(self._slots.read(found)))
        if kind == "Patient":
            return Job("person", self._hetu(found), lambda: _ok(self._patients.read(found)))
        return Job("directory", None, lambda: _ok(self._directory.read(kind, found)))

    def _plan_search(self, kind: str, request: Request, *, form: bool) -> Job:
        if form:
            request.require(_FORM)
            _check_no_parameters(request)
        elif kind == "Patient":
            raise Refusal("PATIENT_SEARCH_BY_GET")
        raw = request.body if form else request.query
        if kind != "Patient" and holds_hetu(unquote_plus(raw.decode("utf-8", "replace"))):
            raise Refusal("HETU_IN_URL")  # a form, too: its parameters come back in the links of the answer
        query = parse_query(kind, raw, SEARCHES[kind], self._release)
        if kind == "Patient":
            return self._plan_lookup(query)
        if kind == "Appointment":
            return self._plan_visits(query)
        if kind == "Slot":
            return Job("find", None, lambda: _ok(bundle(self._base, query, *self._slots.search(query), None)))
        return Job("directory", None, lambda: self._search_directory(query))

    def _search_directory(self, query: Query) -> Answer:
        found = self._directory.search(query)
        page, following = take_page(query, [((0.0, str(one["id"])), one) for one in found])
        return _ok(bundle(self._base, query, page, following, len(found)))

    def _plan_lookup(self, query: Query) -> Job:
        found = self._patients.find(query)

        def work() -> Answer:
            entries = [] if found is None or query.count == 0 else [self._resources.patient(found)]
            return _ok(bundle(self._base, query, entries, None, 0 if found is None else 1))

        return Job("person", None if found is None else found.hetu, work)

    def _plan_visits(self, query: Query) -> Job:
        found = self._appointments.matches(query)
        named = {one for choice in query.references("patient", "Patient") for one in choice}
        people = named or {visit.patient for _, visit in found}

        def work() -> Answer:
            page, following = self._appointments.page(query, found)
            return _ok(bundle(self._base, query, page, following, len(found)))

        return Job("list", self._hetu(people.pop()) if len(people) == 1 else None, work)

    # ---- writes

    def _plan_booking(self, request: Request) -> Job:
        resource = parse_resource(request.body, "Appointment")
        booking = self._appointments.read_booking(resource, request.headers.get("if-none-exist"))
        wanted = booking.slot, booking.patient
        return Job("book", self._hetu(booking.patient), lambda: self._appointments.book(booking), booking, wanted)

    def _plan_operation(self, slot: str, name: str, request: Request) -> Job:
        _check_method(request, "POST")
        request.require(_JSON)
        _check_no_parameters(request)
        resource = parse_resource(request.body, "Parameters")
        if name == "release":
            token = self._holding.read_release(resource)
            holder = self._holding.holder(token)
            person = None if holder is None else self._hetu(holder)
            return Job("release", person, lambda: self._holding.release(slot, token))
        wanted = self._holding.read_hold(slot, resource)
        place = wanted.slot, wanted.patient
        return Job("hold", self._hetu(wanted.patient), lambda: self._holding.hold(wanted), wanted=place)

    def _plan_registration(self, request: Request) -> Job:
        if "if-none-exist" in request.headers:
            raise Refusal("BAD_CONDITION")
        hetu = self._patients.read_registration(parse_resource(request.body, "Patient"))
        return Job("register", hetu, lambda: self._patients.register(hetu))

    def _plan_update(self, found: str, request: Request) -> Job:
        request.require(_JSON)
        _check_no_parameters(request)
        stored = self._appointments.find(found)
        change = self._changes.read(stored, request.headers.get("if-match"), request.body)

        def work() -> Answer:
            return self._appointments.answer(self._changes.apply(change), 200)

        if change.slot is None:
            return Job("cancel", self._hetu(stored.patient), work)
        return Job("move", self._hetu(stored.patient), work, wanted=(change.slot, stored.patient))

    def _hetu(self, number: str) -> str | None:
        patient = self._system.patient(number)
        return None if patient is None else patient.hetu


def _ok(resource: Json) -> Answer:
    headers = {"content-type": FHIR_JSON}
    meta = resource.get("meta")
    if isinstance(meta, dict) and "versionId" in meta:
        headers["etag"] = etag(meta["versionId"])
    return Answer(200, orjson.dumps(resource), headers)


def _check_method(request: Request, *allowed: str) -> None:
    if request.method not in allowed:
        raise Refusal("NOT_SUPPORTED", headers={"allow": ", ".join(allowed)})


def _check_no_parameters(request: Request) -> None:
    """Only `_format` may follow an address that is no search."""
    parse_query("", request.query, ())
    for name, _ in parse_qsl(request.query.decode("utf-8", "replace")):
        if name != "_format":
            raise Refusal("BAD_PARAMETER")
