"""What messages become: valid R4, with nothing lost in silence and nothing guessed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class
from hypothesis import given
from hypothesis import strategies as st

from canonical import codes, fhir, hl7, times
from canonical.hl7 import BadMessage
from canonical.notes import Note, NoteKind
from mappings.pegasos import answers, appointments, directory, persons, tables
from mappings.pegasos import times as wire_times
from mappings.pegasos.persons import Ids
from mappings.pegasos.site import Site

GOLDEN = Path(__file__).parents[2] / "golden" / "pegasos"
SITE = Site("pegasos-loviisa", "SOTESILTA", "ITAUUSIMAA", "PEGASOS", "LOVIISA")
CASES = sorted(GOLDEN.glob("*/canonical.json"))


def resources() -> list[Any]:
    found = []
    for case in CASES:
        for item in json.loads(case.read_bytes())["items"]:
            resource = item.get("resource") or item["slot"]
            found.append(pytest.param(resource, id=f"{case.parent.name}-{resource['resourceType']}"))
    return found


@pytest.mark.parametrize("resource", resources())
def test_every_resource_is_valid_r4(resource: dict[str, Any]) -> None:
    text = json.dumps({**resource, "id": "x"})
    model = get_fhir_model_class(resource["resourceType"]).model_validate_json(text)
    assert json.loads(model.model_dump_json()) == json.loads(text), "something of it is no R4"


def message(name: str) -> hl7.Message:
    return hl7.split((GOLDEN / name / "reply.hl7").read_bytes())


def changed(name: str, old: str, new: str) -> appointments.Group:
    """The first group of a golden reply with something replaced in it."""
    raw = (GOLDEN / name / "reply.hl7").read_bytes().decode("iso-8859-1")
    assert old in raw
    return next(appointments.groups(hl7.split(raw.replace(old, new, 1).encode("iso-8859-1"))))


def noted(kind: NoteKind, notes: tuple[Note, ...]) -> list[str]:
    return [note.path for note in notes if note.kind is kind]


class TestAppointments:
    @pytest.mark.parametrize("row", tables.table("appointment-status").values(), ids=lambda row: row["code"])
    def test_every_status_of_the_table(self, row: Any) -> None:
        found = appointments.appointment(changed("book-answer", "|Booked^", f"|{row['code']}^"), SITE).record
        assert found.resource.get("status") == (row["fhir"] or None)
        if not row["fhir"]:
            assert noted(NoteKind.UNKNOWN_CODE, found.notes) == ["SCH-25"]
            kept = fhir.extension(found.resource["_status"], codes.local("pegasos-loviisa", "status"))
            assert kept == {
                "url": "https://sotesilta.example/installation/pegasos-loviisa/status",
                "valueString": row["code"],
            }

    @pytest.mark.parametrize("code", ["", "booked", "Varattu"])
    def test_status_that_is_in_no_table_is_not_guessed(self, code: str) -> None:
        found = appointments.appointment(changed("book-answer", "|Booked^", f"|{code}^"), SITE).record
        assert "status" not in found.resource
        assert noted(NoteKind.UNKNOWN_CODE, found.notes) == ["SCH-25"]

    def test_fields_nothing_reads_are_said_lost(self) -> None:
        found = appointments.appointment(changed("book-answer", "NTE|1|P|", "NTE|1|P|x|OMA"), SITE).record
        assert noted(NoteKind.DROPPED, found.notes) == ["NTE-4"]

    def test_unknown_code_system_keeps_its_code(self) -> None:
        found = appointments.appointment(changed("book-answer", "|Normal^^HL70277|", "|Koe^Koe^99UUSI|"), SITE).record
        [coding] = found.resource["appointmentType"]["coding"]
        assert coding == {"system": "https://sotesilta.example/installation/pegasos-loviisa/unknown", "code": "Koe"}
        assert noted(NoteKind.UNKNOWN_CODE, found.notes) == ["SCH-8"]

    def test_table_gives_the_national_code_the_message_leaves_out(self) -> None:
        found = appointments.appointment(changed("book-answer", "^EE^^1.2.246.537.6.49", ""), SITE).record
        [concept] = found.resource["serviceType"]
        assert dict(fhir.codes([concept]))[codes.SERVICE] == "EE"
        assert not found.notes

    def test_table_of_services_is_of_one_installation(self) -> None:
        other = Site("pegasos-muualla", "SOTESILTA", "X", "PEGASOS", "Y")
        found = appointments.appointment(changed("book-answer", "^EE^^1.2.246.537.6.49", ""), other).record
        assert noted(NoteKind.UNKNOWN_CODE, found.notes) == ["AIS-3"]

    def test_control_characters_become_what_fhir_can_hold(self) -> None:
        found = appointments.appointment(changed("book-answer", "Kuume 38", "\\X07\\\\X09\\\\X85\\"), SITE).record
        assert "\ufffd\t\x85" in found.resource["comment"]
        assert noted(NoteKind.DROPPED, found.notes) == ["NTE-3"]

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("|700123^PEGASOS|", "||"),
            ("~100042^^^LOVIISA^PI", ""),
            ("^20270324093000^", "^2027032409^"),
            ("^20270324093000^", "^20271324093000^"),
            ("^20270324093000^", "^20270324093000+0200^"),
            ("|30|min|^^M30^20270324093000^20270324100000|", "|||^^^20270324093000^20270324093000|"),
        ],
    )
    def test_what_cannot_be_an_appointment(self, old: str, new: str) -> None:
        with pytest.raises(BadMessage):
            appointments.appointment(changed("book-answer", old, new), SITE)

    @pytest.mark.parametrize(("minutes", "unit"), [("", "min"), ("0", "min"), ("x", "min"), ("30", "h"), ("30", "")])
    def test_end_is_taken_where_there_are_no_minutes(self, minutes: str, unit: str) -> None:
        found = appointments.appointment(changed("book-answer", "|30|min|", f"|{minutes}|{unit}|"), SITE).record
        assert found.resource["end"] == "2027-03-24T10:00:00+02:00"
        assert "minutesDuration" not in found.resource
        assert noted(NoteKind.DEFAULTED, found.notes) == ["SCH-9"]

    def test_no_note_says_whose_matter_it_is(self) -> None:
        for case in CASES:
            document = json.loads(case.read_bytes())
            said = [*document["notes"], *(note for item in document["items"] for note in item.get("notes", ()))]
            assert not [note for note in said if "010594" in note or "Testinen" in note or "Yskä" in note]

    def test_no_resource_holds_a_personal_identity_code(self) -> None:
        assert all("010594Y9021" not in case.read_text() for case in CASES)


class TestFreeTimes:
    def test_free_time_without_calendar_or_service_is_no_free_time(self) -> None:
        for old, new in (("|4007^", "|^"), ("AIS|1||1010^", "AIS|1||^")):
            with pytest.raises(BadMessage):
                appointments.free_time(changed("free-times", old, new), SITE, [])

    def test_instants_are_in_utc(self) -> None:
        found = appointments.free_time(next(appointments.groups(message("free-times"))), SITE, [])
        assert found is not None
        assert (found.time.start.tzinfo, found.time.end.tzinfo) == (UTC, UTC)


class TestTimes:
    @given(st.datetimes(datetime(2000, 1, 1), datetime(2037, 12, 31), timezones=st.just(UTC)))
    def test_what_is_written_with_its_offset_is_read_again(self, instant: datetime) -> None:
        instant = instant.replace(microsecond=0)
        notes: list[Note] = []
        back = wire_times.read(wire_times.write(instant), wire_times.write_offset(instant), "X", notes)
        assert (back, notes) == (instant, [])

    @pytest.mark.parametrize(
        ("text", "offset", "read", "guessed"),
        [
            ("20270324093000", "", "2027-03-24T07:30:00Z", False),
            ("202703240930", "", "2027-03-24T07:30:00Z", False),
            ("20270324", "", "2027-03-23T22:00:00Z", False),
            ("20270724093000", "+0200", "2027-07-24T06:30:00Z", True),
            ("20270724093000", "rubbish", "2027-07-24T06:30:00Z", True),
            ("20271031033000", "+0300", "2027-10-31T00:30:00Z", False),
            ("20271031033000", "+0200", "2027-10-31T01:30:00Z", False),
            ("20271031033000", "", "2027-10-31T00:30:00Z", True),
            ("20271031033000", "+0100", "2027-10-31T00:30:00Z", True),
            ("20270328033000", "", "2027-03-28T01:30:00Z", True),
            ("20270328033000", "+0200", "2027-03-28T01:30:00Z", True),
            ("20270328033000", "+0300", "2027-03-28T00:30:00Z", True),
        ],
    )
    def test_nights(self, text: str, offset: str, read: str, guessed: bool) -> None:
        notes: list[Note] = []
        found = wire_times.read(text, offset, "X", notes)
        assert found == datetime.fromisoformat(read)
        assert [note.kind for note in notes] == [NoteKind.GUESSED] * guessed

    @pytest.mark.parametrize(
        "text", ["", "2027", "20270230", "20270324250000", "20270324093000.5", "20270324T0930", "٢٠٢٧٠٣٢٤"]
    )
    def test_what_is_no_time(self, text: str) -> None:
        with pytest.raises(BadMessage):
            wire_times.read(text, "", "X", [])


class TestPersons:
    def adr(self, old: str, new: str) -> hl7.Message:
        raw = (GOLDEN / "person" / "reply.hl7").read_bytes().decode("iso-8859-1")
        assert old in raw
        return hl7.split(raw.replace(old, new).encode("iso-8859-1"))

    @pytest.mark.parametrize("said", ["Y", "", "?", '""', "K"])
    def test_contact_of_whoever_may_be_protected_is_left_out(self, said: str) -> None:
        patient, notes = persons.local_patient(self.adr("6.21|N|", f"6.21|{said}|"))
        assert patient.contact.keys() == {"communication"}
        assert "PID-11, PID-13" in noted(NoteKind.DROPPED, tuple(notes))
        assert (said == "Y") == ("ZSU-2" not in noted(NoteKind.DEFAULTED, tuple(notes)))

    def test_no_zsu_is_protected_too(self) -> None:
        patient, _ = persons.local_patient(self.adr("ZSU|", "ZSX|"))
        assert "address" not in patient.contact

    @pytest.mark.parametrize("old", ["010594Y9021^^^VRK&1.2.246.21&ISO^NNFIN~", "~100042^^^LOVIISA^PI", "PID|"])
    def test_person_without_both_ids_is_nobody(self, old: str) -> None:
        with pytest.raises(BadMessage):
            persons.local_patient(self.adr(old, "" if old != "PID|" else "ZZZ|"))

    @pytest.mark.parametrize(
        ("hetu", "number", "same"),
        [
            ("010594Y9021", "100042", True),
            ("010594Y9021", "", True),
            ("", "100042", True),
            ("", "", False),
            ("010594-9021", "100042", False),
            ("010594Y9021", "100043", False),
        ],
    )
    def test_who_is_who(self, hetu: str, number: str, same: bool) -> None:
        patient, _ = persons.local_patient(message("person"))
        assert Ids(hetu, number).is_about(patient) is same


class TestDirectory:
    def test_file_without_the_others_is_told_by_itself(self) -> None:
        raw = (GOLDEN / "directory" / "4-zka.hl7").read_bytes()
        found = directory.records(directory.master_files([hl7.split(raw)]), SITE)
        assert [record.kind for record in found] == ["PractitionerRole", "Schedule", "Schedule"]

    @pytest.mark.parametrize(
        ("file", "old", "new"),
        [
            ("1-loc.hl7", b"MFI|LOC", b"MFI|XXX"),
            ("1-loc.hl7", b"MFI|", b"MFX|"),
            ("1-loc.hl7", b"MFE|MAD|||510", b"MFE|MAD|||"),
            ("1-loc.hl7", b"\rLOC|", b"\rLOX|"),
            ("2-pra.hl7", b"\rSTF|", b"\rSTX|"),
            ("3-cdm.hl7", b"\rCDM|", b"\rCDX|"),
            ("4-zka.hl7", b"\rZKA|", b"\rZKX|"),
            ("4-zka.hl7", b"|510^^^LOVIISA|", b"||"),
        ],
    )
    def test_broken_file_is_no_directory(self, file: str, old: bytes, new: bytes) -> None:
        raw = (GOLDEN / "directory" / file).read_bytes()
        assert old in raw
        with pytest.raises(BadMessage):
            directory.records(directory.master_files([hl7.split(raw.replace(old, new, 1))]), SITE)


class TestAnswers:
    def test_tables_are_read_as_texts(self) -> None:
        assert tables.row("restriction-parent", "1") is not None
        assert tables.row("restriction-parent", "01") is None

    def test_answer_without_msa_is_none(self) -> None:
        with pytest.raises(BadMessage):
            answers.answer(hl7.split(b"MSH|^~\\&|A\rERR|x\r"))

    def test_blame_is_named(self) -> None:
        raw = b"MSH|^~\\&|A\rMSA|AE|X1|no\rERR|AIS^1^4^206&locked&HL70357&A01&TIME_TAKEN&99PEGVIR\r"
        found = answers.answer(hl7.split(raw))
        assert (found.native, found.where, found.verdict) == ("AE 206 A01", "AIS-4", "slot-taken")

    def test_every_time_of_the_table_of_errors_is_known_to_the_adapter(self) -> None:
        words = {row["verdict"] for row in tables.table("error", keys=3).values()}
        assert words == {
            "already-registered", "misconfigured", "no-such-time", "not-a-customer", "not-cancellable", "not-supported",
            "refused", "slot-taken", "stale-version", "unavailable", "unknown", "unknown-appointment",
        }  # fmt: skip


def test_local_times_are_helsinkis() -> None:
    found = appointments.appointment(next(appointments.groups(message("book-answer"))), SITE).record
    assert times.instant(found.resource["start"]) == datetime(2027, 3, 24, 7, 30, tzinfo=UTC)
