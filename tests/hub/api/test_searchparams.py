"""Dates, tokens and references of a search, as criteria."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical.times import HELSINKI
from hub.api.interactions import KINDS
from hub.api.searchparams import one_span, pairs, parse, spans
from hub.criteria import Criterion, Reference, Span, Text, Token
from hub.store.tokens import PARAMETERS
from hub.usecases.ports import Failed

BASE = "http://hub.test/fhir"


def at(text: str) -> datetime:
    """A Helsinki wall-clock time as an instant."""
    return datetime.fromisoformat(text).replace(tzinfo=HELSINKI)


def values(kind: str, name: str, value: str) -> tuple[Any, ...]:
    return parse(KINDS[kind], [(name, value)], BASE).criteria[0].values


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2027", at("2027-01-01"), at("2028-01-01")),
        ("2027-12", at("2027-12-01"), at("2028-01-01")),
        ("2028-02-29", at("2028-02-29"), at("2028-03-01")),
        ("2027-03-28", at("2027-03-28"), at("2027-03-29")),
        ("2027-03-22T09:15", at("2027-03-22T09:15"), at("2027-03-22T09:16")),
        ("2027-03-22T09:15:30", at("2027-03-22T09:15:30"), at("2027-03-22T09:15:31")),
        ("2027-03-22T07:15Z", at("2027-03-22T09:15"), at("2027-03-22T09:16")),
        ("2027-03-22T09:15:30.25+02:00", at("2027-03-22T09:15:30.250"), at("2027-03-22T09:15:30.260")),
        ("2027-03-22T09:15:30 02:00", at("2027-03-22T09:15:30"), at("2027-03-22T09:15:31")),
    ],
)
def test_a_date_is_the_span_it_names(text: str, start: datetime, end: datetime) -> None:
    assert spans("date", text) == [Span(start, end)]
    assert spans("date", f"eq{text}") == [Span(start, end)]
    assert spans("date", f"ge{text}") == [Span(start, None)]
    assert spans("date", f"gt{text}") == spans("date", f"sa{text}") == [Span(end, None)]
    assert spans("date", f"le{text}") == [Span(None, end)]
    assert spans("date", f"lt{text}") == spans("date", f"eb{text}") == [Span(None, start)]
    assert spans("date", f"ne{text}") == [Span(None, start), Span(end, None)]


def test_the_days_the_clock_changes_are_23_and_25_hours_long() -> None:
    for text, hours in (("2027-03-28", 23), ("2027-10-31", 25)):
        (span,) = spans("date", text)
        assert span.start is not None
        assert span.end is not None
        assert span.end.astimezone(UTC) - span.start.astimezone(UTC) == timedelta(hours=hours)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "27-03-22",
        "2027-3-22",
        "2027-02-29",
        "2027-03-22T25:00",
        "2027-03-22T09",
        "2027-03-28T03:15",
        "1899",
        "2200",
        "9999-12-31",
        "2027-03-22T09:00+99:00",
        "ap2027",
        "GE2027",
        "２０２７",
    ],
)
def test_what_is_no_date(text: str) -> None:
    with pytest.raises(Failed) as caught:
        spans("date", text)
    assert caught.value.code == "bad-parameter"


@given(st.text(alphabet="0123456789-:T.Z+ gelt", max_size=30))
def test_any_text_is_a_date_or_refused(text: str) -> None:
    try:
        for span in spans("date", text):
            assert span.start is None or span.end is None or span.start < span.end
    except Failed:
        return


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("EE", (Token(None, "EE"),)),
        ("urn:x|EE", (Token("urn:x", "EE"),)),
        ("|EE", (Token("", "EE"),)),
        ("urn:x|", (Token("urn:x", None),)),
        ("A,B", (Token(None, "A"), Token(None, "B"))),
        (r"a\,b,c", (Token(None, "a,b"), Token(None, "c"))),
        (r"a\|b", (Token(None, "a|b"),)),
        (r"a\\,b", (Token(None, "a\\"), Token(None, "b"))),
        (r"a\$b", (Token(None, "a$b"),)),
        ("ä ö", (Token(None, "ä ö"),)),
    ],
)
def test_tokens(text: str, expected: tuple[Token, ...]) -> None:
    assert values("Appointment", "service-type", text) == expected


@pytest.mark.parametrize("text", ["", ",", "a,", ",a", "a,,b", "|", "a|b|c", " a", "a\\", "a\tb"])
def test_what_is_no_token(text: str) -> None:
    with pytest.raises(Failed):
        values("Appointment", "service-type", text)


@given(
    st.lists(
        st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=0x17F), min_size=1, max_size=8),
        min_size=1,
        max_size=4,
    )
)
def test_escaped_values_come_back(texts: list[str]) -> None:
    escaped = [t.replace("\\", "\\\\").replace(",", "\\,").replace("|", "\\|").replace("$", "\\$") for t in texts]

    assert values("Organization", "name", ",".join(escaped)) == tuple(Text(t) for t in texts)


def test_references() -> None:
    assert values("Appointment", "patient", "p1") == (Reference("Patient", "p1"),)
    assert values("Appointment", "patient", "Patient/p1") == (Reference("Patient", "p1"),)
    assert values("Appointment", "patient", f"{BASE}/Patient/p1") == (Reference("Patient", "p1"),)
    assert values("Appointment", "actor", "x") == (Reference(None, "x"),)
    for wrong in ("Slot/1", "Patient/", "/p1", "Patient/a/b", "https://elsewhere.example/fhir/Patient/p1", "p 1"):
        with pytest.raises(Failed):
            values("Appointment", "patient", wrong)


def test_a_source_is_an_installation() -> None:
    url = "https://sotesilta.example/source/pegasos-loviisa"
    search = parse(KINDS["Location"], [("_source", f"{url},https://elsewhere.example/x")], BASE)

    wanted = (Text("pegasos-loviisa"), Text("https://elsewhere.example/x"))
    assert search.criteria == (Criterion("installation", wanted),)


@pytest.mark.parametrize(
    "kind",
    [
        "Patient",
        "Organization",
        "Location",
        "HealthcareService",
        "Practitioner",
        "PractitionerRole",
        "Schedule",
        "Appointment",
    ],
)
def test_nothing_is_published_that_the_store_does_not_search_by(kind: str) -> None:
    known = {"_id", "_lastUpdated", "_source", *PARAMETERS[kind]}
    known |= {"status", "date", "patient"} if kind == "Appointment" else set()

    assert {param.name for param in KINDS[kind].params} <= known


def test_what_several_dates_share() -> None:
    def both(*texts: str) -> Span:
        return one_span([Criterion("start", tuple(spans("start", one))) for one in texts])

    assert both() == Span(None, None)
    assert both("ge2027-03-22", "lt2027-03-25") == Span(at("2027-03-22"), at("2027-03-25"))
    assert both("ge2027-03-22", "ge2027-03-23", "2027-03-23") == Span(at("2027-03-23"), at("2027-03-24"))


def test_the_query_is_read_as_utf8() -> None:
    assert pairs("name=%C3%A4%20x&b=a+c&d=") == [("name", "ä x"), ("b", "a c"), ("d", "")]
    with pytest.raises(Failed):
        pairs("name=%E4")


def test_what_the_links_repeat() -> None:
    given_pairs = [("identifier", "urn:oid:1.2.246.21|010594Y9021"), ("_count", "5"), ("_cursor", "x")]

    search = parse(KINDS["Patient"], given_pairs, BASE)
    assert (search.shown, search.page.cursor, search.page.count) == ("_count=5", "x", 5)
