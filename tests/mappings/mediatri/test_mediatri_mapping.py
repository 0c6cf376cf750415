"""What messages become: valid R4, with nothing lost in silence and nothing guessed; and what becomes of commands."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from adapters.mediatri.soap import contract
from adapters.soap.contract import Credentials
from canonical import codes, fhir, soap, validate
from canonical.commands import Book, Cancel
from canonical.model import LocalPatient, Person, TimeKey
from canonical.notes import Note, NoteKind
from mappings.engine.tables import table
from mappings.mediatri import appointments, directory, moments, persons, requests
from mappings.mediatri.markup import NAMESPACE, BadMessage, Fields
from mappings.mediatri.site import Site

GOLDEN = Path(__file__).parents[2] / "golden" / "mediatri"
SITE = Site("mediatri-sipoo")
PERSON = Person("010594Y9021", "Testinen", ("Aino",), date(1994, 5, 1), "fi", "753")
PATIENT = LocalPatient("7530001", PERSON.hetu)
START = datetime(2027, 3, 24, 6, tzinfo=UTC)
TIME = TimeKey("K101", START, START + timedelta(minutes=20))
BOOK = Book("c0ffee00", PERSON, TIME, PATIENT)
WHO = Credentials("u", "p")
# Until 1921 the clock of Helsinki was 99 minutes and 49 seconds from UTC; there are no such bookings.
INSTANTS = st.datetimes(datetime(1922, 1, 2), datetime(2199, 12, 30), timezones=st.just(UTC)).map(
    lambda one: one.replace(second=0, microsecond=0)
)
NIGHTS = st.datetimes(datetime(2027, 10, 30, 22), datetime(2027, 10, 31, 4), timezones=st.just(UTC)).map(
    lambda one: one.replace(second=0, microsecond=0)
)
XML_TEXT = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\ufffe\uffff").filter(
        lambda c: c in "\t\n\r" or ord(c) >= 0x20
    ),
    max_size=60,
)


def resources() -> list[Any]:
    found = []
    for case in sorted(GOLDEN.glob("*/canonical.json")):
        for number, item in enumerate(json.loads(case.read_bytes())["items"]):
            resource = item.get("resource") or item["slot"]
            found.append(pytest.param(resource, id=f"{case.parent.name}-{resource['resourceType']}-{number}"))
    return found


def contents(case: str, name: str = "reply") -> Fields:
    return Fields(soap.body((GOLDEN / case / f"{name}.xml").read_bytes()))


def booking(**changes: str) -> Any:
    """The booking of the manual's example, with other texts in some of its elements; ``alku`` is ``day time K/E``."""
    [element] = contents("book-answer").each("ajanvaraus")
    for name, text in changes.items():
        child = element.find(f"{{{NAMESPACE}}}{name}")
        if name == "alku":
            for part, value in zip(child, [*text.split(), ""], strict=False):
                part.text = value
        else:
            child.text = text
    return element


def moment(told: dict[str, str], name: str = "alku") -> Fields:
    """What Mediatri would answer for what it was told: ``kesaaika`` only where it is needed."""
    element = etree.Element(f"{{{NAMESPACE}}}{name}")
    for part in ("paiva", "klo", "kesaaika"):
        etree.SubElement(element, f"{{{NAMESPACE}}}{part}").text = told.get(part)
    return Fields(element)


@pytest.mark.parametrize("resource", resources())
def test_every_resource_is_valid_r4(resource: dict[str, Any]) -> None:
    shown = {**resource, "id": "x"}
    model = get_fhir_model_class(resource["resourceType"]).model_validate_json(json.dumps(shown))
    assert model.id == "x"
    found = validate.validate(resource)
    assert not [one for one in found if "_status" not in resource], found


@given(INSTANTS | NIGHTS)
def test_instants_survive(instant: datetime) -> None:
    notes: list[Note] = []
    assert moments.read(moment(moments.write(instant)), notes) == instant
    assert notes == []


@given(INSTANTS | NIGHTS)
def test_written_moments_are_valid_by_the_schema(instant: datetime) -> None:
    request = requests.reserve("1", TimeKey("K1", instant, instant + timedelta(hours=1)), "x")
    contract().envelope(request.operation, request.content, WHO)


def test_both_times_of_the_hour_that_happens_twice_are_told() -> None:
    first, second = datetime(2027, 10, 31, 0, 30, tzinfo=UTC), datetime(2027, 10, 31, 1, 30, tzinfo=UTC)
    assert moments.write(first) == {"paiva": "31.10.2027", "klo": "03.30", "kesaaika": "K"}
    assert moments.write(second) == {"paiva": "31.10.2027", "klo": "03.30", "kesaaika": "E"}
    assert "kesaaika" not in moments.write(second + timedelta(minutes=30))


@pytest.mark.parametrize(
    ("told", "instant"),
    [
        ("31.10.2027 03.30", datetime(2027, 10, 31, 0, 30, tzinfo=UTC)),
        ("15.07.2027 03.30 E", datetime(2027, 7, 15, 0, 30, tzinfo=UTC)),
        ("15.01.2027 03.30 K", datetime(2027, 1, 15, 1, 30, tzinfo=UTC)),
        ("28.03.2027 03.30", datetime(2027, 3, 28, 1, 30, tzinfo=UTC)),
        ("28.03.2027 03.30 K", datetime(2027, 3, 28, 0, 30, tzinfo=UTC)),
    ],
)
def test_a_time_that_the_clock_does_not_tell_is_said_to_be_guessed(told: str, instant: datetime) -> None:
    notes: list[Note] = []
    found = moments.read(moment(dict(zip(("paiva", "klo", "kesaaika"), told.split(), strict=False))), notes)
    assert found == instant
    assert [note.kind for note in notes] == [NoteKind.GUESSED]


@pytest.mark.parametrize(
    "told",
    ["24.03.2027 24.00", "24.03.2027 08:00", "30.02.2027 08.00", "24.3.2027 08.00", "24.03.2027 08.00 k", " 08.00"],
)
def test_what_is_no_time_is_no_booking(told: str) -> None:
    with pytest.raises(BadMessage):
        appointments.appointment(booking(alku=told), SITE)


@pytest.mark.parametrize(
    ("name", "text"),
    [("varausnumero", ""), ("potilasnumero", "7/1"), ("kesto", "0"), ("kesto", "20.5"), ("kesto", ""),
     ("yksikko", ""), ("julkaisupaiva", "2027-03-01")],
)  # fmt: skip
def test_booking_that_does_not_tell_is_none(name: str, text: str) -> None:
    with pytest.raises(BadMessage):
        appointments.appointment(booking(**{name: text}), SITE)


def test_end_is_counted_in_elapsed_time() -> None:
    found = appointments.appointment(booking(alku="31.10.2027 02.45", kesto="30"), SITE).record.resource
    assert (found["start"], found["end"]) == ("2027-10-31T02:45:00+03:00", "2027-10-31T03:15:00+03:00")
    found = appointments.appointment(booking(alku="31.10.2027 02.45", kesto="90"), SITE).record.resource
    assert found["end"] == "2027-10-31T03:15:00+02:00"


def test_every_state_of_the_schema_is_in_the_table() -> None:
    schema = (Path(__file__).parents[3] / "sandbox" / "mediatri" / "mediatri.xsd").read_text("utf-8")
    tree = etree.fromstring(schema.encode())
    for kind, name in (("Tila", "state"), ("Peruutussyy", "cancelation"), ("Sektori", "sector")):
        values = {e.get("value") for e in tree.iterfind(f".//{{*}}simpleType[@name='{kind}']//{{*}}enumeration")}
        assert values - {""} == {code for (code,) in table("mappings.mediatri", name)}


def test_hetu_stays_outside_the_resource() -> None:
    found = appointments.appointment(booking(), SITE)
    assert found.hetu == PERSON.hetu
    assert PERSON.hetu not in json.dumps(found.record.resource)


@pytest.mark.parametrize(("number", "hetu", "about"), [
    ("7530001", "010594Y9021", True), ("7530002", "010594Y9021", False), ("7530001", "020594X903P", False),
    ("7530001", "", True), ("", "010594Y9021", True), ("", "", False),
])  # fmt: skip
def test_whose_a_booking_is(number: str, hetu: str, about: bool) -> None:
    assert appointments.appointment(booking(), SITE).is_about(LocalPatient(number, hetu)) is about


def test_of_the_protected_nothing_is_carried_that_tells_where_they_are() -> None:
    [element] = contents("person-protected").each("potilas")
    patient, notes = persons.local_patient(element)
    assert patient.contact.keys() == {"communication"}
    assert any(note.kind is NoteKind.DROPPED for note in notes)
    assert not any("Testikatu" in note.text for note in notes)


@given(XML_TEXT, XML_TEXT)
def test_texts_travel_as_they_are(comment: str, reason: str) -> None:
    command = Book("c0ffee00", PERSON, TIME, PATIENT, comment, reason)
    assert requests.unfit(command) is None
    request, notes = requests.confirm(command, "t")
    body = contract().envelope(request.operation, request.content, WHO).body
    found = Fields(soap.body(body)).text("lisatiedot")
    assert found == "\n".join(text for text in (comment, reason) if text.strip())
    assert bool(notes) is bool(reason.strip())


@pytest.mark.parametrize("text", ["\x00", "a\x0bb", "\x1b", "\ud800", "\ufffe", "x" * 1001])
def test_texts_that_cannot_travel_are_refused(text: str) -> None:
    assert requests.unfit(Book("c0ffee00", PERSON, TIME, PATIENT, text)) is not None
    assert requests.unfit(Book("c0ffee00", PERSON, TIME, PATIENT, "", text)) is not None


@given(st.text(max_size=300))
def test_no_reason_keeps_anybody_from_cancelling(reason: str) -> None:
    request, notes = requests.cancel(Cancel("c0ffee00", PATIENT, "400001", START, reason=reason))
    found = Fields(soap.body(contract().envelope(request.operation, request.content, WHO).body)).text("selite")
    assert (found == reason) is (not notes)
    assert len(found) <= requests.REASON_LIMIT


def test_reason_without_room_beside_the_comment_is_said_to_be_lost() -> None:
    _, notes = requests.confirm(Book("c0ffee00", PERSON, TIME, PATIENT, "a" * 995, "selkä on kipeä"), "t")
    assert [note.kind for note in notes] == [NoteKind.DROPPED]


def test_calendars_say_who_works_where() -> None:
    read = [soap.body(path.read_bytes()) for path in sorted((GOLDEN / "directory").glob("*.xml"))]
    found = {(record.kind, record.local_id): record for record in directory.records(read, SITE)}
    assert ("PractitionerRole", "A21-NIK") in found
    assert ("PractitionerRole", "A22-018") in found, "no calendar: the home unit"
    assert found["Location", "018"].resource["extension"][0]["valueCoding"]["code"] == "018"
    animals = found["HealthcareService", "ELAIN"]
    assert "category" not in animals.resource
    assert [note.kind for note in animals.notes] == [NoteKind.UNKNOWN_CODE]


def test_placer_id_is_the_reference_of_the_booking() -> None:
    resource = appointments.appointment(booking(), SITE).record.resource
    assert fhir.identifier_value(resource, codes.PLACER) == "c0ffee00-1111-4222-8333-444455556666"


BROKEN = {
    "empty": b"",
    "not XML": b"<html><body>login",
    "a document type": b"<!DOCTYPE x><x/>",
    "an external entity": b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>',
    "no envelope": b"<x/>",
    "SOAP 1.2": b'<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"><e:Body><x/></e:Body></e:Envelope>',
    "no body": b'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"/>',
    "two bodies": b'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><x/></e:Body>'
    b"<e:Body><x/></e:Body></e:Envelope>",
    "two answers": b'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><x/><x/></e:Body>'
    b"</e:Envelope>",
    "another encoding": '<?xml version="1.0" encoding="ISO-8859-1"?><e:Envelope '
    'xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><x>ä</x></e:Body></e:Envelope>'.encode("iso-8859-1"),
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN.keys())
def test_what_is_no_answer_is_refused(data: bytes) -> None:
    with pytest.raises(BadMessage) as raised:
        soap.body(data)
    assert "root:" not in str(raised.value)


def test_entity_bomb_is_refused() -> None:
    layers = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    with pytest.raises(BadMessage):
        soap.body(f'<!DOCTYPE x [<!ENTITY e0 "ha">{layers}]><x>&e11;</x>'.encode())
