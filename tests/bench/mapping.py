"""One appointment message each way: from the record system's bytes to canonical FHIR, and from a command to bytes."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from canonical import commands, hl7, soap, strict_json
from canonical.commands import Book
from mappings.lifecare import appointments as lifecare_appointments
from mappings.lifecare import commands as lifecare_commands
from mappings.lifecare.vocabulary import vocabulary
from mappings.mediatri import appointments as mediatri_appointments
from mappings.mediatri import requests as mediatri_requests
from mappings.mediatri.site import Site as MediatriSite
from mappings.pegasos import appointments, keys, requests
from mappings.pegasos.requests import Stamp
from mappings.pegasos.site import Site
from mappings.proconsona import appointments as proconsona_appointments
from mappings.proconsona import commands as proconsona_commands
from mappings.proconsona import keys as proconsona_keys
from mappings.proconsona.document import document
from mappings.proconsona.site import Site as ProconsonaSite
from tests.bench.figures import Report, Target, spread

GOLDEN = Path(__file__).parents[1] / "golden"
ROUNDS_WITHIN = 0.05
"""Seconds; the figure of a round is the mean of what fits into it."""
_TARGET = (Target("p50", 0.5),)


def measure(rounds: int) -> Report:
    """CPU time of each, a message at a time."""
    figures = [spread(name, _rounds(work, rounds), targets=_TARGET) for name, work in _works().items()]
    about = (
        f"CPU time in this process, bytes to resource or command to bytes, without the wire; {rounds} rounds of "
        f"{ROUNDS_WITHIN * 1000:g} ms over the golden messages."
    )
    return Report("mapping of one appointment message", about, figures)


def _works() -> dict[str, Callable[[], object]]:
    words = vocabulary("lifecare-porvoo", "urn:oid:2.999.638", ("health", "oral"))
    site = Site("pegasos-loviisa", "SOTESILTA", "ITAUUSIMAA", "PEGASOS", "LOVIISA", "P", "8859/1")
    answer = (GOLDEN / "lifecare" / "appointment-booked" / "source.json").read_bytes()
    srr = (GOLDEN / "pegasos" / "book-answer" / "reply.hl7").read_bytes()
    to_lifecare = _command(GOLDEN / "lifecare" / "book" / "command.json")
    to_pegasos = _command(GOLDEN / "pegasos" / "write-book" / "command.json")
    names = keys.unpack(to_pegasos.time.key)
    assert to_lifecare.patient is not None
    assert names is not None
    number, stamp = to_lifecare.patient.number, Stamp("B1", datetime(2027, 3, 22, 6, 15, tzinfo=UTC))

    def decode_srr() -> object:
        message = hl7.split(srr, default_charset=site.charset, max_bytes=len(srr))
        return [appointments.appointment(group, site) for group in appointments.groups(message)]

    return _xml_works() | {
        "Lifecare Appointment, decoded": lambda: lifecare_appointments.appointment(strict_json.loads(answer), words),
        "Lifecare booking, encoded": lambda: strict_json.dumps(lifecare_commands.booking(to_lifecare, number)[0]),
        "Pegasos SRR, decoded": decode_srr,
        "Pegasos SRM, encoded": lambda: requests.write(requests.book(to_pegasos, *names, site, stamp), site, stamp),
    }


def _xml_works() -> dict[str, Callable[[], object]]:
    """Mediatri's and ProConsona's. The SOAP envelope, which zeep makes and the schema checks, is the wire's."""
    mediatri, proconsona = MediatriSite("mediatri-sipoo"), ProconsonaSite("proconsona-loviisa")
    reply = (GOLDEN / "mediatri" / "book-answer" / "reply.xml").read_bytes()
    meeting = (GOLDEN / "proconsona" / "meeting-booked" / "source.xml").read_bytes()
    to_mediatri = _command(GOLDEN / "mediatri" / "write-book" / "command.json")
    to_proconsona = _command(GOLDEN / "proconsona" / "write-book" / "command.json")
    calendar = proconsona_keys.unpack(to_proconsona.time.key)
    assert to_mediatri.patient is not None
    assert to_proconsona.patient is not None
    assert calendar is not None
    ours, theirs = to_mediatri.patient.number, to_proconsona.patient.number

    def reserve_and_confirm() -> object:
        first = mediatri_requests.reserve(ours, to_mediatri.time, to_mediatri.placer_id)
        return first, mediatri_requests.confirm(to_mediatri, "t")

    return {
        "Mediatri ajanvaraus, decoded": lambda: mediatri_appointments.appointment(
            next(iter(soap.body(reply))), mediatri
        ),
        "Mediatri VaraaAika and VahvistaVaraus, told": reserve_and_confirm,
        "ProConsona tapaaminen, decoded": lambda: proconsona_appointments.appointment(
            document(meeting, "tapaaminen"), proconsona
        ),
        "ProConsona uusiTapaaminen, encoded": lambda: proconsona_commands.booking(to_proconsona, theirs, calendar),
    }


def _command(file: Path) -> Book:
    command = commands.load(file.read_bytes())
    assert isinstance(command, Book)
    return command


def _rounds(work: Callable[[], object], rounds: int) -> list[float]:
    """CPU seconds of one call, by round."""
    found = []
    for _ in range(rounds + 1):
        count, began = 0, time.process_time()
        while (used := time.process_time() - began) < ROUNDS_WITHIN:
            for _ in range(20):
                work()
            count += 20
        found.append(used / count)
    return found[1:]
