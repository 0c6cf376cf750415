"""Harmless questions to an installation, one check each: what was found, and what to do about it.

Each check is about one thing, and those that need what an earlier one found missing are left out. What is looked at is
the port and the bytes that it recorded, so that every adapter is checked alike.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from statistics import median
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from adapters.base import Adapter, Installation
from adapters.call import Call, NoRecorder
from adapters.errors import ForeignError, Misconfigured, Unavailable
from adapters.systems import Open
from canonical import fhir, times, validate
from canonical.model import FreeQuery, FreeTime, Record
from canonical.notes import Note

SKEW: Final = 60.0
"""Seconds by which two clocks may differ: signatures and tokens bear some minutes, logs become unreadable before."""
_DAYS: Final = 28
_MORNING: Final = 4
"""The hour before which only a night service begins."""
_EARLY: Final = 6 * 60
_LATE: Final = 10 * 60
"""Minutes of the day between which the first time of a day usually begins."""
_AS_UTC: Final = "times in UTC are read as clock faces of Helsinki: read them with their offset"
_LIMIT: Final = 15.0
_PORTS: Final = {"http": 80, "https": 443, "mllp": 2575}
_MSH: Final = re.compile(rb"MSH\|[^\r]*")
_GARBLED: Final = re.compile("Ã[¤¶¥„–…]|\ufffd")
_LETTERS: Final = re.compile("[äöåÄÖÅ]")


class Level(StrEnum):
    """How a finding is to be taken."""

    OK = "ok"
    NOTE = "note"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """``fix`` is what to do, "" where there is nothing."""

    name: str
    level: Level
    said: str
    fix: str = ""


class _Kept(NoRecorder):
    """A recorder that keeps the replies, in order."""

    def __init__(self) -> None:
        self.replies: list[bytes] = []

    def received(self, exchange: str, raw: bytes, *, outcome: str, notes: Sequence[Note] = ()) -> None:
        self.replies.append(raw)


async def check_installation(installation: Installation, opens: Open | None, first: date) -> list[Finding]:
    """Every check, in order. ``opens`` opens the adapter of the system, None where there is none; free times are looked
    at from ``first`` on, four weeks."""
    return [finding async for finding in _findings(installation, opens, first)]


async def _findings(installation: Installation, opens: Open | None, first: date) -> AsyncIterator[Finding]:
    adapter = _opened(installation, opens)
    if isinstance(adapter, Finding):
        yield adapter
        return
    yield Finding("options", Level.OK, f"{installation.system} {installation.release}".rstrip())
    try:
        reached = True
        for finding in await _reached(installation):
            reached = reached and finding.level is not Level.FAULT
            yield finding
        if reached:
            async for finding in _asked(adapter, first):
                yield finding
    finally:
        await adapter.close()


def _opened(installation: Installation, opens: Open | None) -> Adapter | Finding:
    if opens is None:
        fix = "install the package that brings it, beside sotesilta; or correct `system`"
        return Finding("options", Level.FAULT, f"no adapter for {installation.system!r}", fix)
    try:
        return opens(installation)
    except (Misconfigured, LookupError) as err:
        return Finding("options", Level.FAULT, str(err), "correct [installation.options] of this installation")


async def _reached(installation: Installation) -> list[Finding]:
    """Whether somebody listens there, and with which certificate."""
    address = next((urlsplit(v) for v in installation.options.values() if isinstance(v, str) and "://" in v), None)
    if address is None or not address.hostname:
        return [Finding("connect", Level.NOTE, "no option is an address: the adapter knows where it connects")]
    host, port = address.hostname, address.port or _PORTS.get(address.scheme, 0)
    began = time.monotonic()
    try:
        async with asyncio.timeout(5.0):
            _, writer = await asyncio.open_connection(host, port)
            writer.close()
    except (OSError, TimeoutError) as err:
        return [_unreached(host, port, err)]
    found = [Finding("connect", Level.OK, f"{host}:{port} in {(time.monotonic() - began) * 1000:.0f} ms")]
    return found + [await _certificate(address, port, installation.options.get("ca_file"))] * (
        address.scheme == "https"
    )


def _unreached(host: str, port: int, err: Exception) -> Finding:
    where = f"{host}:{port}"
    if isinstance(err, ConnectionRefusedError):
        return Finding("connect", Level.FAULT, f"{where} refuses", "start the system, or correct the port")
    if isinstance(err, TimeoutError):
        fix = "a firewall drops it: ask for an opening from this machine's address"
        return Finding("connect", Level.FAULT, f"{where} does not answer", fix)
    return Finding("connect", Level.FAULT, f"{where}: {type(err).__name__}", "correct the host's name, or its DNS")


async def _certificate(address: SplitResult, port: int, ca_file: Any) -> Finding:
    try:
        context = ssl.create_default_context(cafile=ca_file)
        async with asyncio.timeout(5.0):
            _, writer = await asyncio.open_connection(address.hostname, port, ssl=context)
    except ssl.SSLCertVerificationError as err:
        fix = "name the authority's certificates with ca_file, or use the name that the certificate has"
        return Finding("certificate", Level.FAULT, err.verify_message or "not trusted", fix)
    except (OSError, TimeoutError) as err:
        return Finding("certificate", Level.NOTE, f"no handshake without ours: {type(err).__name__}")
    until = str(writer.get_extra_info("peercert").get("notAfter", ""))
    writer.close()
    left = int((ssl.cert_time_to_seconds(until) - time.time()) / 86400)
    level = Level.NOTE if left < 30 else Level.OK
    return Finding("certificate", level, f"trusted, {left} days left", "have it renewed" if left < 30 else "")


async def _asked(adapter: Adapter, first: date) -> AsyncIterator[Finding]:
    kept = _Kept()
    call = Call("req_check", _LIMIT, kept)
    try:
        said = await adapter.probe(call)
    except ForeignError as err:
        yield _refused(err)
        return
    yield Finding("credentials", Level.OK, said)
    try:
        records = await adapter.directory(call)
    except ForeignError as err:
        yield Finding("directory", Level.FAULT, str(err), "compare the answer (silta msg show) with the mapping")
        return
    yield _directory(records)
    start = times.from_local(datetime(first.year, first.month, first.day))  # noqa: DTZ001 - a Helsinki clock face
    try:
        free = await adapter.find_free(call, FreeQuery(start, start + timedelta(days=_DAYS)))
    except ForeignError as err:
        yield Finding("free times", Level.FAULT, str(err), "compare the answer with the mapping")
        return
    yield _clock(kept.replies)
    yield _characters(records)
    for finding in _free_times(free, records, first):
        yield finding


def _refused(err: ForeignError) -> Finding:
    if isinstance(err, Misconfigured):
        return Finding("credentials", Level.FAULT, str(err), "correct the credentials, or have them registered there")
    if isinstance(err, Unavailable):
        fix = "somebody listens, but does not answer as the manual says: compare address and release with its papers"
        return Finding("credentials", Level.FAULT, str(err), fix)
    return Finding("credentials", Level.FAULT, f"{type(err).__name__}: {err}", "compare the answer with the manual")


def _directory(records: Sequence[Record]) -> Finding:
    kinds = [record.kind for record in records]
    counted = ", ".join(f"{kinds.count(kind)} {kind}" for kind in sorted(set(kinds)))
    missing = {"Organization", "Location", "HealthcareService", "Schedule"} - set(kinds)
    known = {f"{record.kind}/{record.local_id}" for record in records}
    astray = {one["reference"] for record in records for one in fhir.references(record.resource)} - known
    invalid = [record.kind for record in records if validate.validate(record.resource)]
    if missing:
        fix = "have them opened to this client, or mend the mapping of the directory"
        return Finding("directory", Level.FAULT, f"{counted or 'nothing'}; no {', '.join(sorted(missing))}", fix)
    if astray or invalid:
        said = f"{len(astray)} references lead nowhere, {len(invalid)} resources are no valid R4"
        return Finding("directory", Level.FAULT, said, "run: silta adapter test SYSTEM --only directory")
    return Finding("directory", Level.OK, counted)


def _clock(replies: Sequence[bytes]) -> Finding:
    """How far the other side's clock is off, by the Date of HTTP or the MSH-7 of HL7."""
    said = next((found for found in map(_their_time, reversed(replies)) if found is not None), None)
    if said is None:
        return Finding("clock", Level.NOTE, "no answer says what time it is there")
    apart = (said - datetime.now(UTC)).total_seconds()
    told = f"{abs(apart):.0f} s {'ahead' if apart > 0 else 'behind'}"
    if abs(apart) <= SKEW:
        return Finding("clock", Level.OK, told)
    whole = round(apart / 3600)
    if whole and abs(whole) <= 3 and abs(apart - whole * 3600) <= SKEW:
        fix = f"{abs(whole)} h are a time zone's: read its times as the zone that they are in"
        return Finding("clock", Level.FAULT, told, fix)
    return Finding("clock", Level.NOTE, told, "have both clocks follow NTP (a sandbox may have a day of its own)")


def _their_time(reply: bytes) -> datetime | None:
    if header := re.search(rb"(?im)^date: *([^\r\n]+)\r?$", reply[:4096]):
        try:
            return parsedate_to_datetime(header[1].decode("ascii"))
        except ValueError:
            return None
    if segment := _MSH.search(reply[:4096]):
        return _hl7_time(segment[0].split(b"|"))
    return None


def _hl7_time(fields: Sequence[bytes]) -> datetime | None:
    found = re.match(rb"(\d{14})(?:\.\d+)?([+-]\d{4})?", fields[6]) if len(fields) > 6 else None
    if found is None:
        return None
    try:
        naive = datetime.strptime(found[1].decode(), "%Y%m%d%H%M%S")  # noqa: DTZ007 - of Helsinki, unless it says
        return datetime.fromisoformat(naive.isoformat() + found[2].decode()) if found[2] else times.from_local(naive)
    except ValueError:
        return None


def _characters(records: Sequence[Record]) -> Finding:
    texts = [text for record in records for text in _texts(record.resource)]
    if garbled := [text for text in texts if _GARBLED.search(text)]:
        fix = "the answer is read in another character set than it is written in: see what it says, and what is agreed"
        return Finding("characters", Level.FAULT, f"{garbled[0]!r} in the directory", fix)
    sound = next((text for text in texts if _LETTERS.search(text)), None)
    if sound is None:
        return Finding("characters", Level.NOTE, "no ä, ö or å in the directory: not proven")
    return Finding("characters", Level.OK, f"ä, ö and å arrive: {sound!r}")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)


def _free_times(free: Sequence[FreeTime], records: Sequence[Record], first: date) -> Iterator[Finding]:
    if not free:
        said = f"none in {_DAYS} days from {first.isoformat()}"
        yield Finding("free times", Level.NOTE, said, "name a day on which there are some: --day YYYY-MM-DD")
        return
    known = {f"{record.kind}/{record.local_id}" for record in records}
    astray = {f"Schedule/{one.schedule}" for one in free} | {f"HealthcareService/{one.service}" for one in free}
    if astray - known:
        said = f"{len(free)}, of {len(astray - known)} services or calendars that the directory lacks"
        yield Finding("free times", Level.FAULT, said, "map both from the same codes of the system")
    else:
        yield Finding("free times", Level.OK, f"{len(free)} in {_DAYS} days, the first {times.iso(free[0].time.start)}")
    yield _time_zone([times.to_local(one.time.start) for one in free])


def _time_zone(starts: Sequence[datetime]) -> Finding:
    """Whether days begin when people do. Night services are left out: what begins before four says nothing."""
    first: dict[date, datetime] = {}
    for start in starts:
        if start.hour >= _MORNING:
            first[start.date()] = min(start, first.get(start.date(), start))
    minutes = {day: start.hour * 60 + start.minute for day, start in first.items()}
    if not minutes:
        return Finding("time zone", Level.FAULT, "everything begins before 4:00 on the Helsinki clock", _AS_UTC)
    usual = int(median(minutes.values()))
    told = f"days begin at {usual // 60}:{usual % 60:02} on the Helsinki clock"
    if usual < _EARLY:
        return Finding("time zone", Level.FAULT, told, _AS_UTC)
    if usual >= _LATE:
        return Finding("time zone", Level.FAULT, told, "clock faces of Helsinki are read as UTC: `times.from_local`")
    seasons = {start.utcoffset() for start in first.values()}
    usuals = [median(minutes[day] for day, start in first.items() if start.utcoffset() == one) for one in seasons]
    if len(usuals) == 2 and abs(usuals[0] - usuals[1]) == 60:
        fix = "one offset is used all the year: let `times.from_local` find it for each time"
        return Finding("time zone", Level.FAULT, f"{told}, and an hour off when the clock changes", fix)
    return Finding("time zone", Level.OK, told)
