"""What we send: judged by hl7apy's strict dictionary of 2.4, and exact about what was commanded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message
from hypothesis import given
from hypothesis import strategies as st

from canonical import hl7
from canonical.commands import Book, Cancel, Move
from canonical.model import LocalPatient, Person, TimeKey
from mappings.pegasos import keys, requests
from mappings.pegasos.requests import Bookings, FreeTimes, Request, Span, Stamp, Unfit
from mappings.pegasos.site import Site

SITE = Site("pegasos-loviisa", "SOTESILTA", "ITAUUSIMAA", "PEGASOS", "LOVIISA")
STAMP = Stamp("S2222222222222222222", datetime(2027, 3, 22, 6, 15, tzinfo=UTC))
HETU = "010594Y9021"
PERSON = Person(HETU, "Testinen", ("Aino",), date(1994, 5, 1), "fi", "638")
PATIENT = LocalPatient("100042", HETU)
START = datetime(2027, 3, 24, 7, 30, tzinfo=UTC)
END = START + timedelta(minutes=20)
BOOK = Book("7b0f6c1e-9d2a-4f38-8c11-0123456789ab", PERSON, TimeKey("2201/1010", START, END), PATIENT)
CANCEL = Cancel("c0ffee00-9d2a-4f38-8c11-0123456789ab", PATIENT, "700123", START, "1", "Este tuli")
MOVE = Move("c0ffee01-9d2a-4f38-8c11-0123456789ab", PERSON, PATIENT, "700123", START, BOOK.time, reason="Työ & muu")
SPAN = Span(START, END)


def book(command: Book) -> Request:
    return requests.book(command, "2201", "1010", SITE, STAMP)


REQUESTS: dict[str, Callable[[], Request]] = {
    "book": lambda: book(replace(BOOK, comment="Yskää |^~\\& \n\t", reason="Polvi & selkä")),
    "book, number unknown": lambda: book(replace(BOOK, patient=None)),
    "cancel": lambda: requests.cancel(CANCEL, SITE, STAMP),
    "move": lambda: requests.move(MOVE, "2201", "1010", SITE, STAMP),
    "register": lambda: requests.register(HETU, SITE, STAMP),
    "person": lambda: requests.person(HETU, STAMP),
    "units": lambda: requests.master_file("LOC", STAMP),
    "calendars": lambda: requests.master_file("ZKA", STAMP),
    "free, all": lambda: FreeTimes(SPAN).request(SITE, STAMP, 100),
    "free, of a calendar": lambda: FreeTimes(SPAN, schedule="2201").request(SITE, STAMP, 100, "next-1"),
    "free, of a service": lambda: FreeTimes(SPAN, service="1010").request(SITE, STAMP, 100),
    "by placer id": lambda: Bookings(placer="7b0f6c1e").request(SITE, STAMP, 100),
    "by filler id": lambda: Bookings(filler="700123").request(SITE, STAMP, 100),
    "of a patient": lambda: Bookings(patient=PATIENT).request(SITE, STAMP, 100, "next-1"),
}


@pytest.mark.parametrize("build", REQUESTS.values(), ids=REQUESTS.keys())
def test_hl7apy_finds_nothing_wrong(build: Callable[[], Request]) -> None:
    request = build()
    lines = requests.write(request, SITE, STAMP).decode("iso-8859-1").split("\r")
    # Z segments are not in the dictionary, and hl7apy drops what it does not know in silence.
    standard = "".join(f"{line}\r" for line in lines if line and not line.startswith("Z"))
    judged = parse_message(standard, validation_level=VALIDATION_LEVEL.STRICT)
    assert judged.validate()
    assert judged.name == request.structure
    names = [segment for group in judged.children for segment in _segments(group)]
    assert names == [line[:3] for line in standard.split("\r") if line], "hl7apy did not see all of it"


def _segments(element: object) -> list[str]:
    if element.classname == "Segment":  # type: ignore[attr-defined]
        return [str(element.name)]  # type: ignore[attr-defined]
    return [name for child in element.children for name in _segments(child)]  # type: ignore[attr-defined]


@pytest.mark.parametrize("build", REQUESTS.values(), ids=REQUESTS.keys())
def test_names_of_people_stay_here(build: Callable[[], Request]) -> None:
    raw = requests.write(build(), SITE, STAMP)
    assert b"Testinen" not in raw
    assert b"Aino" not in raw


def parsed(request: Request, site: Site = SITE) -> dict[str, hl7.Segment]:
    message = hl7.split(requests.write(request, site, STAMP))
    return {segment.name: segment for segment in message.segments}


TEXT = st.text(st.characters(max_codepoint=0xFF, exclude_characters="".join(map(chr, {*range(32)} - {9, 10, 13}))))


@given(TEXT.filter(bool), TEXT.filter(lambda text: 0 < len(text) < 200))
def test_any_text_of_the_character_set_is_carried(comment: str, reason: str) -> None:
    found = parsed(book(replace(BOOK, comment=comment, reason=reason)))
    assert found["NTE"][3].verbatim() == found["NTE"][3].text() == comment
    assert found["ARQ"][7].verbatim(2) == reason
    cancel = parsed(requests.cancel(replace(CANCEL, reason=reason), SITE, STAMP))
    assert cancel["ARQ"][6].verbatim(2) == reason


def test_booking_says_what_was_commanded() -> None:
    found = parsed(book(BOOK))
    assert "NTE" not in found
    assert (found["MSH"][10].text(), found["MSH"][11].text(), found["MSH"][12].text()) == (STAMP.control_id, "P", "2.4")
    assert [found["MSH"][n].text() for n in (3, 4, 5, 6)] == ["SOTESILTA", "ITAUUSIMAA", "PEGASOS", "LOVIISA"]
    arq, ais = found["ARQ"], found["AIS"]
    assert (arq[1].text(1), arq[1].text(2), arq[5].text()) == (BOOK.placer_id, "SOTESILTA", "2201")
    assert (ais[3].text(), ais[4].text(), ais[7].text(), ais[8].text()) == ("1010", "20270324093000", "20", "min")
    assert found["ZPA"][2].text() == "+0200"
    hetu, number = found["PID"].each(3)
    assert (hetu.text(), hetu.text(4, 2), hetu.text(5)) == (HETU, "1.2.246.21", "NNFIN")
    assert (number.text(), number.text(4), number.text(5)) == ("100042", "LOVIISA", "PI")


def test_cancel_names_the_start_that_is_believed() -> None:
    found = parsed(requests.cancel(CANCEL, SITE, STAMP))
    assert (found["ZPA"][1].text(), found["ZPA"][2].text()) == ("20270324093000", "+0200")
    assert (found["ARQ"][1].text(), found["ARQ"][2].text()) == (CANCEL.placer_id, "700123")
    assert (found["ARQ"][6].text(1), found["ARQ"][6].text(2)) == ("2", "Este tuli")


@pytest.mark.parametrize("zone", [UTC, ZoneInfo("Europe/Helsinki")], ids=str)
@pytest.mark.parametrize(("hour", "offset"), [(0, "+0300"), (1, "+0200")])
def test_hour_that_happens_twice_is_told_by_its_offset(zone: ZoneInfo, hour: int, offset: str) -> None:
    start = datetime(2027, 10, 31, hour, 30, tzinfo=UTC)
    time = TimeKey("2201/1010", start.astimezone(zone), (start + timedelta(minutes=30)).astimezone(zone))
    found = parsed(book(replace(BOOK, time=time)))
    assert (found["AIS"][4].text(), found["ZPA"][2].text()) == ("20271031033000", offset)
    assert found["AIS"][7].text() == "30", "minutes that pass, not minutes of the clock"
    cancelled = parsed(requests.cancel(replace(CANCEL, believed_start=time.start), SITE, STAMP))
    assert (cancelled["ZPA"][1].text(), cancelled["ZPA"][2].text()) == ("20271031033000", offset)


@pytest.mark.parametrize("zone", [UTC, ZoneInfo("Europe/Helsinki")], ids=str)
def test_span_inside_the_hour_that_happens_twice_never_ends_before_it_starts(zone: ZoneInfo) -> None:
    first = datetime(2027, 10, 31, 0, 30, tzinfo=UTC)
    span = Span(first.astimezone(zone), (first + timedelta(minutes=30)).astimezone(zone))
    qrf = parsed(FreeTimes(span).request(SITE, STAMP, 10))["QRF"]
    assert (qrf[2].text(), qrf[3].text()) == ("20271031033000", "20271031040000")


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (replace(BOOK, comment="a" * 32_768), None),
        (replace(BOOK, comment="a" * 32_769), "text-too-long"),
        (replace(BOOK, reason="a" * 199), None),
        (replace(BOOK, reason="a" * 200), "text-too-long"),
        (replace(BOOK, placer_id="a" * 51), "text-too-long"),
        (replace(BOOK, comment="a\x00"), "control-character"),
        (replace(BOOK, comment="a\x1b"), "control-character"),
        (replace(BOOK, comment="a\x85\t\r\n"), None),
    ],
)
def test_limits(command: Book, why: str | None) -> None:
    if why is None:
        assert requests.write(book(command), SITE, STAMP)
    else:
        with pytest.raises(Unfit) as refused:
            book(command)
        assert refused.value.why == why
        assert "aaaa" not in str(refused.value)


def test_longest_message_is_far_from_the_limit_of_pegasos() -> None:
    assert len(requests.write(book(replace(BOOK, comment="\x85" * 32_768)), SITE, STAMP)) < 1 << 20


class TestKeys:
    @given(st.text(max_size=20), st.text(max_size=20))
    def test_what_is_packed_is_unpacked(self, schedule: str, service: str) -> None:
        key = keys.pack(schedule, service)
        if key is not None and schedule and service:
            assert len(key.encode()) <= 25
            assert keys.unpack(key) == (schedule, service)

    def test_longest_numbers_of_the_manual_fit(self) -> None:
        assert keys.pack("1" * 12, "2" * 12) is not None

    @pytest.mark.parametrize("key", ["", "/", "a/", "/b", "ab"])
    def test_what_is_no_key(self, key: str) -> None:
        assert keys.unpack(key) is None


@pytest.mark.parametrize("name", REQUESTS)
def test_enhanced_mode_asks_for_an_acknowledgement_of_writes_only(name: str) -> None:
    request = REQUESTS[name]()
    header = hl7.split(requests.write(request, replace(SITE, enhanced=True), STAMP)).header
    writes = request.operation.startswith(("SRM", "ADT"))
    assert (header[15].text(), header[16].text()) == (("AL", "AL") if writes else ("", ""))
    assert header[18].text() == "8859/1"
