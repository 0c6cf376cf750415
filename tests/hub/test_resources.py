"""What the hub does to resources on their way through."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from canonical import codes, profiles
from canonical.commands import Book
from canonical.model import Person, TimeKey
from hub import resources

AT = datetime(2026, 11, 22, 8, 30, 15, 250_000, tzinfo=UTC)
IDS = {("Location", "12"): "loc1", ("Patient", "p77"): "aino"}


def appointment(**more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Appointment",
        "status": "booked",
        "start": "2027-03-22T09:00:00+02:00",
        "end": "2027-03-22T09:30:00+02:00",
        "participant": [
            {"actor": {"reference": "Patient/p77"}, "status": "accepted"},
            {"actor": {"reference": "Location/12", "display": "Näsi"}, "status": "accepted"},
        ],
    } | more


def known(kind: str, local_id: str) -> str | None:
    return IDS.get((kind, local_id))


def test_local_references_become_the_hubs() -> None:
    source = appointment()
    found = resources.localise(source, known)
    assert [p["actor"]["reference"] for p in found["participant"]] == ["Patient/aino", "Location/loc1"]
    assert found["participant"][1]["actor"]["display"] == "Näsi"
    assert source == appointment(), "the source stays as it is"


def test_a_reference_that_the_hub_does_not_keep_is_taken_out() -> None:
    found = resources.localise(appointment(slot=[{"reference": "Slot/s1"}]), known)
    assert "slot" not in found
    found = resources.localise(appointment(slot=[{"reference": "Slot/s1", "display": "klo 9"}]), known)
    assert found["slot"] == [{"display": "klo 9"}]


@pytest.mark.parametrize("text", ["https://a.example/Location/12", "urn:uuid:1", "#c1", "Location", "/12", "Location/"])
def test_other_references_stay(text: str) -> None:
    found = resources.localise(appointment(supportingInformation=[{"reference": text}]), known)
    assert found["supportingInformation"] == [{"reference": text}]


def test_what_is_shaped_like_a_hetu_is_masked_wherever_it_stands() -> None:
    source = appointment(comment="010594Y9021, yskä", extension=[{"url": "urn:x", "valueString": "(131052-902Y)"}])
    source["participant"][1]["actor"] = {"reference": "Location/12", "display": "Testinen 010594Y9021"}
    found = resources.localise(source, known)
    assert found["comment"] == "******-****, yskä"
    assert found["extension"][0]["valueString"] == "(******-****)"
    assert found["participant"][1]["actor"] == {"reference": "Location/loc1", "display": "Testinen ******-****"}
    assert source["comment"] == "010594Y9021, yskä", "the source stays as it is"


def test_a_patient_keeps_their_own() -> None:
    patient = {"resourceType": "Patient", "identifier": [{"system": codes.HETU, "value": "010594Y9021"}]}
    assert resources.localise(patient, known) == patient


def test_the_last_known_state_says_since_when() -> None:
    shown = resources.with_meta(appointment(minutesDuration=30), "a1", 3, AT, "x", [resources.CONFIRMED])
    marked = json.loads(resources.stale(shown, AT.timestamp()))
    assert marked["meta"]["tag"] == [resources.CONFIRMED, resources.STALE]
    as_of = {"url": codes.AS_OF_EXTENSION, "valueInstant": "2026-11-22T10:30:15.250+02:00"}
    assert marked["meta"]["extension"] == [as_of]
    assert marked | {"meta": json.loads(shown)["meta"]} == json.loads(shown), "nothing else differs"
    assert resources.bare(marked) == resources.bare(json.loads(shown))


def test_decimals_of_a_stale_resource_keep_their_digits() -> None:
    shown = b'{"resourceType":"Location","meta":{},"position":{"longitude":25.10}}'
    assert b'"longitude":25.10' in resources.stale(shown, 0.0)


def test_local_ids_may_be_anything() -> None:
    assert resources.local_reference("Location/a|b/c d") == ("Location", "a|b/c d")


def test_references_are_found_wherever_they_are() -> None:
    assert set(resources.references_in(appointment(slot=[{"reference": "Slot/1"}]))) == {
        ("Patient", "p77"),
        ("Location", "12"),
        ("Slot", "1"),
    }


def test_a_digest_does_not_depend_on_order_or_the_hubs_meta() -> None:
    plain = appointment()
    turned = dict(reversed(list(plain.items())))
    shown = turned | {"id": "x", "meta": {"versionId": "3", "source": "s", "tag": [resources.CONFIRMED]}}
    assert resources.digest(plain) == resources.digest(turned) == resources.digest(shown)


@pytest.mark.parametrize(
    "change",
    [{"status": "cancelled"}, {"comment": "x"}, {"meta": {"security": [{"code": "TURVAKIELTO"}]}}, {"minutes": 1}],
)
def test_a_digest_depends_on_everything_else(change: dict[str, Any]) -> None:
    assert resources.digest(appointment(**change)) != resources.digest(appointment())


def test_decimals_keep_their_digits() -> None:
    shown = resources.with_meta(appointment(value=Decimal("1.10")), "a", 1, AT, "x")
    assert b'"value":1.10' in shown
    assert resources.digest(appointment(value=Decimal("1.10"))) != resources.digest(appointment(value=Decimal("1.1")))


def test_what_is_shown_begins_with_id_and_meta() -> None:
    shown = json.loads(resources.with_meta(appointment(), "a1", 3, AT, "lifecare-porvoo", [resources.CONFIRMED]))
    assert list(shown)[:3] == ["resourceType", "id", "meta"]
    assert shown["id"] == "a1"
    assert shown["meta"] == {
        "versionId": "3",
        "lastUpdated": "2026-11-22T10:30:15.250+02:00",
        "source": "https://sotesilta.example/source/lifecare-porvoo",
        "profile": [profiles.APPOINTMENT],
        "tag": [{"system": codes.SYNC_STATE, "code": "confirmed"}],
    }


def test_labels_and_profiles_of_the_record_system_stay() -> None:
    meta = {"security": [{"code": "TURVAKIELTO"}], "profile": ["p"], "versionId": "99", "tag": [{"code": "its own"}]}
    shown = json.loads(resources.with_meta(appointment(meta=meta), "a1", 1, AT, "x"))
    assert shown["meta"]["security"] == [{"code": "TURVAKIELTO"}]
    assert shown["meta"]["profile"] == ["p", profiles.APPOINTMENT]
    assert resources.bare(shown)["meta"]["profile"] == ["p"], "the claim is the hub's, theirs stays"
    assert shown["meta"]["versionId"] == "1"
    assert "tag" not in shown["meta"]


def test_an_unknown_outcome_names_its_receipt_and_goes_again() -> None:
    own = {"url": "urn:x", "valueString": "y"}
    shown = json.loads(
        resources.with_meta(appointment(extension=[own]), "a1", 1, AT, "x", [resources.OUTCOME_UNKNOWN], receipt="c1")
    )
    assert shown["extension"] == [own, {"url": codes.RECEIPT_EXTENSION, "valueReference": {"reference": "Task/c1"}}]
    assert resources.bare(shown) == appointment(extension=[own])
    again = json.loads(resources.with_meta(shown, "a1", 2, AT, "x"))
    assert again["extension"] == [own]


def test_a_pending_appointment_is_what_was_asked_for() -> None:
    start = datetime(2027, 3, 22, 7, 0, tzinfo=UTC)
    person = Person("010190-9996", "Virtanen", ("Aino",), date(1990, 1, 1), "fi", "638")
    time = TimeKey("k", start, start + timedelta(minutes=30))
    book = Book("c1", person, time, comment="Kipeä", reason="Nuha", identifiers=(("urn:portal", "7"), (None, "8")))
    where = {"actor": {"reference": "Location/loc1"}, "status": "accepted"}
    pending = resources.pending_appointment(book, "aino", "slot1", [where])
    assert pending == {
        "resourceType": "Appointment",
        "identifier": [
            {
                "type": {"coding": [{"system": codes.V2_0203, "code": "PLAC"}]},
                "system": codes.PLACER,
                "value": "c1",
            },
            {"system": "urn:portal", "value": "7"},
            {"value": "8"},
        ],
        "status": "pending",
        "reasonCode": [{"text": "Nuha"}],
        "start": "2027-03-22T09:00:00+02:00",
        "end": "2027-03-22T09:30:00+02:00",
        "slot": [{"reference": "Slot/slot1"}],
        "comment": "Kipeä",
        "participant": [{"actor": {"reference": "Patient/aino"}, "status": "accepted"}, where],
    }
    bare = resources.pending_appointment(Book("c1", person, time), "aino")
    assert set(bare) == {"resourceType", "identifier", "status", "start", "end", "participant"}


def test_a_portals_identifiers_are_added_once() -> None:
    own = [{"system": "urn:portal", "value": "7"}]
    once = resources.with_identifiers(appointment(identifier=[{"value": "m"}]), own)
    assert once["identifier"] == [{"value": "m"}, *own]
    assert resources.with_identifiers(once, own) == once
    assert "identifier" not in resources.with_identifiers(appointment(), [])


def restricted(code: str, element: str = "valueCoding") -> dict[str, Any]:
    coding = {"system": codes.RESTRICTION_PARENT_CODES, "code": code}
    value = coding if element == "valueCoding" else {"coding": [coding]}
    return appointment(extension=[{"url": codes.RESTRICTION_PARENT, element: value}])


@pytest.mark.parametrize("element", ["valueCoding", "valueCodeableConcept"])
@pytest.mark.parametrize(("code", "sees"), [("1", True), ("2", True), ("3", False), ("4", False), ("5", False)])
@pytest.mark.parametrize("born", [date(2020, 1, 1), date(2010, 1, 1), None])
def test_the_visits_own_restriction_decides(code: str, sees: bool, element: str, born: date | None) -> None:
    assert resources.guardian_sees(restricted(code, element), born) is sees


@pytest.mark.parametrize(
    ("born", "sees"),
    [
        (date(2017, 3, 23), True),  # ten tomorrow
        (date(2017, 3, 22), False),  # ten on the day
        (date(2010, 7, 5), False),
        (None, False),
    ],
)
def test_without_a_restriction_only_small_childrens_visits_show(born: date | None, sees: bool) -> None:
    assert resources.guardian_sees(appointment(), born) is sees


def test_the_day_of_the_visit_is_helsinkis() -> None:
    late = appointment(start="2027-03-21T22:30:00Z")  # 22 March in Helsinki
    assert resources.guardian_sees(late, date(2017, 3, 22)) is False


def test_a_visit_without_a_time_is_hidden() -> None:
    timeless = {"resourceType": "Appointment", "status": "proposed"}
    assert resources.guardian_sees(timeless, date(2025, 1, 1)) is False


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"valueDate": "2027-03-22"}, "2027-03-21T22:00:00+00:00"),
        ({"valueDateTime": "2027-03-22"}, "2027-03-21T22:00:00+00:00"),
        ({"valueDateTime": "2027-03-22T12:00:00+02:00"}, "2027-03-22T10:00:00+00:00"),
        ({"valueInstant": "2027-03-22T12:00:00Z"}, "2027-03-22T12:00:00+00:00"),
    ],
)
def test_from_when_the_resident_may_see_it(value: dict[str, str], expected: str) -> None:
    found = resources.release_at(appointment(extension=[{"url": codes.RELEASE_DATE} | value]))
    assert found is not None
    assert found.astimezone(UTC).isoformat() == expected


def test_most_things_are_released_at_once() -> None:
    assert resources.release_at(appointment()) is None
