"""A tiny raw client that shares no code with the mock, messages as text, and hl7apy as the judge of every answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.core import Group, Message
from hl7apy.parser import parse_message, parse_segment

from sandbox.clock import HELSINKI
from sandbox.engine.model import FreeTime
from sandbox.engine.system import RecordSystem
from sandbox.faults import FaultBook
from sandbox.journal import Journal
from sandbox.pegasos.face import PegasosFace
from sandbox.world import World

AINO = "010594Y9021"
EERO = "020594X903P"
KERTTU = "131052-902Y"
MIKAEL = "240380-903N"
ONNI = "050712A9055"
LILJA = "290224B904N"
HELVI = "311244-9068"
AXEL = "010100A907P"
DOCTOR, NURSE, GROUP = "1010", "1020", "1040"

_numbers = count(1)


def judge(message: bytes) -> None:
    """Fail unless hl7apy finds the answer strictly valid. Z segments, which version 2.4 does not know, are taken out.

    hl7apy drops silently what has no place in a structure, so what it kept is counted. The data segments of a master
    file have no place in its table of MFR_M01 either: they are judged one by one.
    """
    text = message.decode("utf-8" if b"UNICODE UTF-8" in message.split(b"\r")[0] else "iso-8859-1")
    lines = [line for line in text.split("\r") if line and not line.startswith("Z")]
    if "MFR^M01" in lines[0]:
        data = [line for line in lines if line[:3] in ("LOC", "STF", "PRA", "CDM")]
        lines = [line for line in lines if line not in data]
        for line in data:
            assert parse_segment(line, version="2.4", validation_level=VALIDATION_LEVEL.STRICT).validate()
    parsed = parse_message("\r".join(lines), validation_level=VALIDATION_LEVEL.STRICT, find_groups=True)
    assert parsed.validate()
    assert _count_segments(parsed) == len(lines)


def _count_segments(element: Message | Group) -> int:
    return sum(_count_segments(one) if isinstance(one, Group) else 1 for one in element.children)


@dataclass
class Answer:
    """An answer as a foreign client would take it apart: nothing but splitting."""

    raw: bytes
    lines: list[list[str]] = field(init=False)

    def __post_init__(self) -> None:
        charset = self.raw.split(b"\r")[0].split(b"|")[17:18]
        text = self.raw.decode("utf-8" if charset == [b"UNICODE UTF-8"] else "iso-8859-1")
        assert text.endswith("\r")
        self.lines = [line.split("|") for line in text.rstrip("\r").split("\r")]

    @property
    def code(self) -> str:
        return self.get("MSA", 1)

    @property
    def error(self) -> tuple[str, str, str]:
        """MSA-1, the code of table 0357, and Pegasos's own code."""
        parts = self.get("ERR", 1).split("^")[3].split("&")
        return self.code, parts[0], parts[3]

    @property
    def blamed(self) -> str:
        return "^".join(self.get("ERR", 1).split("^")[:3])

    @property
    def names(self) -> list[str]:
        return [line[0] for line in self.lines]

    def all(self, name: str) -> list[list[str]]:
        return [line for line in self.lines if line[0] == name]

    def get(self, name: str, number: int, component: int = 1, which: int = 0) -> str:
        found = self.all(name)[which]
        value = found[number] if number < len(found) else ""
        parts = value.split("^") if name != "ERR" else [value]
        return parts[component - 1] if component <= len(parts) else ""

    @property
    def status(self) -> str:
        return self.get("SCH", 25)


class Client:
    """One MLLP connection. `ask` judges every answer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def block(self) -> bytes:
        data = await asyncio.wait_for(self.reader.readuntil(b"\x1c\r"), 25)
        assert data[:1] == b"\x0b"
        return data[1:-2]

    async def ask(self, message: bytes | str, *, valid: bool = True) -> Answer:
        raw = message.encode("iso-8859-1") if isinstance(message, str) else message
        await self.send(b"\x0b" + raw + b"\x1c\r")
        answer = await self.block()
        if valid:
            judge(answer)
        return Answer(answer)

    async def ended(self) -> bytes:
        """Return what still comes until the other side closes."""
        return await asyncio.wait_for(self.reader.read(), 25)

    def close(self) -> None:
        self.writer.close()


@dataclass
class Pegasos:
    """The mock under test, and a view behind its desk."""

    face: PegasosFace
    system: RecordSystem
    faults: FaultBook
    journal: Journal
    world: World
    clients: list[Client] = field(default_factory=list)

    async def connect(self) -> Client:
        client = Client(*await asyncio.open_connection("127.0.0.1", self.face.port, limit=2**23))
        self.clients.append(client)
        return client

    def free(self, service: str = DOCTOR, which: int = 0, days: int = 20) -> FreeTime:
        now = self.world.clock.now()
        return self.system.free_times(now, now + timedelta(days=days), service=service)[which]

    def live(self, hetu: str) -> list[str]:
        patient = self.system.patient_by_hetu(hetu)
        assert patient is not None
        found = self.system.appointments(patient=patient.number)
        return [one.id for one in found if one.status in ("booked", "pending") and one.placer_id is not None]


def stamp(at: datetime) -> str:
    return at.astimezone(HELSINKI).strftime("%Y%m%d%H%M%S")


def msh(kind: str, *, charset: str = "", **changes: str) -> str:
    fields = {
        "3": "SOTESILTA",
        "4": "ITAUUSIMAA",
        "5": "PEGASOS",
        "6": "LOVIISA",
        "7": "20270322080000",
        "8": "",
        "9": kind,
        "10": f"T{next(_numbers)}",
        "11": "P",
        "12": "2.4",
        "13": "",
        "14": "",
        "15": "",
        "16": "",
        "17": "",
        "18": charset,
    } | {name.removeprefix("f"): value for name, value in changes.items()}
    return "|".join(["MSH", "^~\\&", *fields.values()]).rstrip("|")


def message(*segments: str) -> str:
    return "\r".join(segments) + "\r"


def pid(hetu: str) -> str:
    return f"PID|1||{hetu}^^^VRK&1.2.246.21&ISO^NNFIN||Testinen^X"


def book(
    system: RecordSystem,
    time: FreeTime,
    hetu: str,
    *,
    placer: str = "p-1",
    extra: tuple[str, ...] = (),
    note: str = "",
    charset: str = "",
    event: str = "",
    reason: str = "",
) -> str:
    service = system.calendars[time.calendar].service
    return message(
        msh("SRM^S01^SRM_S01", charset=charset),
        f"ARQ|{placer}^HUB||||{time.calendar}|{event}|{reason}||||||||VERKKO||||VERKKO^Verkko",
        *extra,
        *([f"NTE|1|P|{note}"] if note else []),
        pid(hetu),
        "RGS|1|A",
        f"AIS|1|A|{service}^^99PEGPAL|{stamp(time.start)}",
    )


def cancel(
    hetu: str, start: datetime, *, filler: str = "", placer: str = "p-1", event: str = "", extra: tuple[str, ...] = ()
) -> str:
    return message(
        msh("SRM^S04^SRM_S01"),
        f"ARQ|{placer}^HUB|{filler}||||{event}|||||||||VERKKO||||VERKKO",
        *(extra or (f"ZPA|{stamp(start)}",)),
        pid(hetu),
        "RGS|1|D",
    )


def move(
    system: RecordSystem,
    hetu: str,
    believed: datetime,
    to: FreeTime,
    *,
    filler: str = "",
    placer: str = "p-1",
    event: str = "",
    zpa: str = "",
    head: str = "",
) -> str:
    """`zpa` is ZPA-2 and on, `head` another MSH."""
    service = system.calendars[to.calendar].service
    return message(
        head or msh("SRM^S02^SRM_S01"),
        f"ARQ|{placer}^HUB|{filler}|||{to.calendar}|{event}|||||||||VERKKO||||VERKKO",
        f"ZPA|{stamp(believed)}{zpa}",
        pid(hetu),
        "RGS|1|U",
        f"AIS|1|U|{service}^^99PEGPAL|{stamp(to.start)}",
    )


def query(
    what: str,
    by: str,
    *,
    arq: str | None = "",
    hetu: str = "",
    between: tuple[str, str] | None = None,
    resources: tuple[str, ...] = (),
    limit: int = 1000,
    pointer: str = "",
    tag: str = "Q",
) -> str:
    """`arq` holds fields ARQ-1 to ARQ-5 as `1|2|||5`; None leaves out the whole group."""
    segments = [
        msh("SQM^S25^SQM_S25"),
        f"QRD|20270322080000|R|I|{tag}|||{limit}^RD|HUB|{what}|{by}",
    ]
    if between is not None:
        segments.append(f"QRF|LOVIISA|{between[0]}|{between[1]}")
    if arq is not None:
        given = (arq or "-").split("|")
        fields = [*given, *[""] * (14 - len(given)), "HUB", "", "", "", "HUB"]
        segments.append("ARQ|" + "|".join(fields))
        segments += [pid(hetu)] if hetu else []
        segments += ["RGS|1", *resources]
    if pointer:
        segments.append(f"DSC|{pointer}")
    return message(*segments)


def look_up(hetu: str) -> str:
    who = f"{hetu}^^^^^^^^VRK&1.2.246.21&ISO^^^^NNFIN"
    return message(msh("QRY^A19^QRY_A19"), f"QRD|20270322080000|R|I|Q|||1^RD|{who}|DEM|PID")


def register(hetu: str) -> str:
    return message(msh("ADT^A28^ADT_A05"), "EVN||20270322080000", pid(hetu), "PV1||N")


def directory(name: str) -> str:
    return message(msh("MFQ^M01^MFQ_M01"), f"QRD|20270322080000|R|I|Q|||1000^RD|HUB|OTH|{name}")
