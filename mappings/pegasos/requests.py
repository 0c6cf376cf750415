"""Commands and questions -> Pegasos's messages. Source: Pegasos's manual §2.3, §4 to §9 and §13.

Names of people are never sent: PID-5 must have a value but is not looked at, so it carries a dash. A person is named by
HETU and patient number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from canonical.commands import Book, Cancel, Move
from canonical.hl7 import Field, NotCarried, join
from canonical.model import LocalPatient, TimeKey
from mappings.pegasos import times
from mappings.pegasos.persons import HETU_AUTHORITY, identifiers
from mappings.pegasos.site import UNSPEAKABLE, Site

TEXT_LIMIT: Final = 32_768
"""Characters of all NTE-3 together (manual §4)."""
REASON_LIMIT: Final = 199
"""Characters of ARQ-6.2 and ARQ-7.2."""
ID_LIMIT: Final = 50
"""Characters of ARQ-1.1."""

MasterFile = Literal["LOC", "PRA", "CDM", "ZKA"]
Line = tuple[str, dict[int, Field]]

_NOT_LOOKED_AT: Final = "-"
_BOOKED: Final = ("VARAUS", "Asiakas varasi", "99PEGTAP")
_CANCELLATION_REASONS: Final = "1.2.246.537.6.126"
_BY_CUSTOMER: Final = "2"
_CUSTOMERS_WORDS: Final = "Asiakas perui"
_MOVED: Final = ("3", "Asiakas siirsi", "99PEGTAP")
_WRITES: Final = frozenset({"SRM^S01", "SRM^S02", "SRM^S04", "ADT^A28"})
"""What an accept acknowledgement is asked for; a query changes nothing, and waits for its answer only."""


class Unfit(ValueError):
    """A text that cannot travel there and back as it is: nothing is ever cut or replaced. ``why`` in one word."""

    def __init__(self, detail: str, why: str) -> None:
        super().__init__(detail)
        self.why = why


@dataclass(frozen=True, slots=True)
class Stamp:
    """What makes one message this one: its control id (MSH-10, at most 20 characters) and the moment it is written."""

    control_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Request:
    """A message without its header. ``operation`` is ``SRM^S01``; ``answer`` what a good answer to it is called."""

    operation: str
    structure: str
    answer: str
    body: Sequence[Line]


Build = Callable[[Stamp], Request]
"""A request is built for each sending anew: queries repeat the stamp in QRD."""


def write(request: Request, site: Site, stamp: Stamp) -> bytes:
    """The message's bytes, without MLLP's frame: in the installation's own character set, or where a text does not fit
    into that in UTF-8, as MSH-18 then says (manual §2.2). Raises `Unfit` for a text that is none in UTF-8 either."""
    header: dict[int, Field] = {
        3: site.sending_application,
        4: site.sending_facility,
        5: site.receiving_application,
        6: site.receiving_facility,
        7: times.write(stamp.at),
        9: (*request.operation.split("^"), request.structure),
        10: stamp.control_id,
        11: site.processing_id,
        12: "2.4",
    }
    if site.enhanced and request.operation in _WRITES:
        header |= {15: "AL", 16: "AL"}
    lines = [("MSH", header), *request.body]
    for charset in (site.charset, "UNICODE UTF-8"):
        try:
            return join(lines, charset)
        except NotCarried as err:
            unfit = Unfit(str(err), "character-set")
    raise unfit from None  # the cause holds the text itself


def book(command: Book, schedule: str, service: str, site: Site, _: Stamp) -> Request:
    """SRM^S01. Raises `Unfit`."""
    start = command.time.start
    arq = _asking(site) | {
        1: (_fits(command.placer_id, ID_LIMIT, "ARQ-1"), site.sending_application),
        5: schedule,
        6: _BOOKED,
    }
    if command.reason:
        arq[7] = ("", _fits(command.reason, REASON_LIMIT, "ARQ-7"))
    body: list[Line] = [("ARQ", arq), ("ZPA", {2: times.write_offset(start)})]
    if command.comment:
        body.append(("NTE", {1: "1", 2: "P", 3: _fits(command.comment, TEXT_LIMIT, "NTE-3")}))
    body += [
        _pid(site, command.person.hetu, command.patient.number if command.patient else ""),
        ("RGS", {1: "1", 2: "A"}),
        _service(command.time, service, "A"),
    ]
    return Request("SRM^S01", "SRM_S01", "SRR^S01", body)


def move(command: Move, schedule: str, service: str, site: Site, _: Stamp) -> Request:
    """SRM^S02: the appointment as in `cancel`, the new time as in `book`. It keeps both its numbers, the placer id of
    the booking too; the move's own mark is nowhere kept. Raises `Unfit`."""
    code, words, table = _MOVED
    arq = _asking(site) | {
        1: (_fits(command.placer_id, ID_LIMIT, "ARQ-1"), site.sending_application),
        2: (command.local_id, site.receiving_application),
        5: schedule,
        6: (code, _fits(command.reason, REASON_LIMIT, "ARQ-6") or words, table),
    }
    believed, start = command.believed_start, command.time.start
    zpa: dict[int, Field] = {1: times.write(believed), 2: times.write_offset(believed), 5: times.write_offset(start)}
    body: list[Line] = [
        ("ARQ", arq),
        ("ZPA", zpa),
        _pid(site, command.patient.hetu, command.patient.number),
        ("RGS", {1: "1", 2: "U"}),
        _service(command.time, service, "U"),
    ]
    return Request("SRM^S02", "SRM_S01", "SRR^S02", body)


def cancel(command: Cancel, site: Site, _: Stamp) -> Request:
    """SRM^S04, which names the start the caller believes in (ZPA-1). Raises `Unfit`."""
    words = _fits(command.reason, REASON_LIMIT, "ARQ-6") or _CUSTOMERS_WORDS
    arq = _asking(site) | {
        1: (_fits(command.placer_id, ID_LIMIT, "ARQ-1"), site.sending_application),
        2: (command.local_id, site.receiving_application),
        6: (_BY_CUSTOMER, words, _CANCELLATION_REASONS),
    }
    believed = command.believed_start
    body: list[Line] = [
        ("ARQ", arq),
        ("ZPA", {1: times.write(believed), 2: times.write_offset(believed)}),
        _pid(site, command.patient.hetu, command.patient.number),
        ("RGS", {1: "1", 2: "D"}),
    ]
    return Request("SRM^S04", "SRM_S01", "SRR^S04", body)


def register(hetu: str, site: Site, stamp: Stamp) -> Request:
    """ADT^A28: of the person only the HETU is used."""
    body: list[Line] = [("EVN", {2: times.write(stamp.at)}), _pid(site, hetu), ("PV1", {2: "N"})]
    return Request("ADT^A28", "ADT_A05", "ACK^A28", body)


def person(hetu: str, stamp: Stamp) -> Request:
    """QRY^A19 by HETU."""
    who: Field = (hetu, "", "", "", "", "", "", "", HETU_AUTHORITY, "", "", "", "NNFIN")
    return Request("QRY^A19", "QRY_A19", "ADR^A19", [_qrd(stamp, "DEM", "PID", 1, who)])


def master_file(name: MasterFile, stamp: Stamp) -> Request:
    """MFQ^M01: units, professionals, services or calendars, all of them."""
    return Request("MFQ^M01", "MFQ_M01", "MFR^M01", [_qrd(stamp, "OTH", name, 1000)])


@dataclass(frozen=True, slots=True)
class Span:
    """From ``start`` to before ``end``. An answer may hold more: Pegasos reads an hour that happens twice from its
    first to its second occurrence."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class FreeTimes:
    """Free times of one calendar, or of one service, or (neither named) of all."""

    span: Span
    schedule: str = ""
    service: str = ""

    def request(self, site: Site, stamp: Stamp, page: int, pointer: str = "") -> Request:
        """SQM^S25 with QRD-9 ``SOP``."""
        by = "SCHEDULE" if self.schedule else "SERVICE" if self.service else "ALL"
        body = [_qrd(stamp, "SOP", by, page), _qrf(site, self.span)]
        if by != "ALL":
            body += [("ARQ", _asking(site) | {1: _NOT_LOOKED_AT, 5: self.schedule}), ("RGS", {1: "1"})]
        if by == "SERVICE":
            body.append(("AIS", {1: "1", 3: (self.service, "", "99PEGPAL")}))
        return _query(body, pointer)


@dataclass(frozen=True, slots=True)
class Bookings:
    """Appointments of every status: by our own placer id, by Pegasos's number, or of a patient. Name one."""

    placer: str = ""
    filler: str = ""
    patient: LocalPatient | None = None

    def request(self, site: Site, stamp: Stamp, page: int, pointer: str = "") -> Request:
        """SQM^S25 with QRD-9 ``SBK``."""
        by = "PLACER" if self.placer else "FILLER" if self.filler else "PATIENT"
        arq = _asking(site) | {1: (self.placer, site.sending_application) if self.placer else _NOT_LOOKED_AT}
        if self.filler:
            arq[2] = (self.filler, site.receiving_application)
        body = [_qrd(stamp, "SBK", by, page), ("ARQ", arq)]
        if self.patient is not None:
            body.append(_pid(site, self.patient.hetu, self.patient.number))
        return _query([*body, ("RGS", {1: "1"})], pointer)


def _query(body: list[Line], pointer: str) -> Request:
    more: list[Line] = [("DSC", {1: pointer})] if pointer else []
    return Request("SQM^S25", "SQM_S25", "SQR^S25", [*body, *more])


def _asking(site: Site) -> dict[int, Field]:
    """ARQ-15 and -19, who asks: required, not looked at in queries, and in bookings kept."""
    return {15: site.sending_application, 19: site.sending_application}


def _service(time: TimeKey, service: str, action: str) -> Line:
    minutes = round(time.end.timestamp() - time.start.timestamp()) // 60  # instants, not what the clock shows
    named = (service, "", "99PEGPAL")
    return "AIS", {1: "1", 2: action, 3: named, 4: times.write(time.start), 7: str(minutes), 8: "min"}


def _pid(site: Site, hetu: str, number: str = "") -> Line:
    return "PID", {1: "1", 3: identifiers(site, hetu, number), 5: _NOT_LOOKED_AT}


def _qrd(stamp: Stamp, what: str, by: str, quantity: int, who: Field = "") -> Line:
    query_id = stamp.control_id[-10:]
    return "QRD", {
        1: times.write(stamp.at), 2: "R", 3: "I", 4: query_id, 7: (str(quantity), "RD"), 8: who or _NOT_LOOKED_AT,
        9: what, 10: by,
    }  # fmt: skip


def _qrf(site: Site, span: Span) -> Line:
    """Inside the hour that happens twice a span can end before it starts, on the clock; then it is asked for longer."""
    start, end = times.write(span.start), times.write(span.end)
    if end <= start:
        end = times.write(span.end.astimezone(UTC) + timedelta(hours=1))
    return "QRF", {1: site.receiving_facility, 2: start, 3: end}


def _fits(text: str, limit: int, where: str) -> str:
    if len(text) > limit:
        raise Unfit(f"{where} takes at most {limit} characters", "text-too-long")
    if UNSPEAKABLE.search(text):
        raise Unfit(f"{where} has control characters that would not come back", "control-character")
    return text
