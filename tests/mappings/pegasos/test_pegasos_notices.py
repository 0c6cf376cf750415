"""Messages of other systems, and of other countries, through the same door: `messages.decode`.

The messages are our own. Their shapes, and what has to come out of them, were compared with public test sets and the
results published beside them: microsoft/FHIR-Converter (MIT), ``data/SampleData/Hl7v2/SIU-S12-01`` to ``SIU-S26-02``,
``11SIU_S14`` and ``ADT-A31-01`` with ``FunctionalTests/TestData/Expected/Hl7v2``; HL7/v2-to-fhir,
``mappings/segments/HL7 Segment - FHIR R4_ SCH[Appointment]``, ``AIS``, ``AIG``, ``AIP``; and
GoogleCloudPlatform/healthcare-data-harmonization, ``mapping_configs/hl7v2_fhir_r4/siu_s12_ex1``. Facts compared:
status, start and end as instants, minutes, both identifiers, type, comment, and every participant. One differs on
purpose: ``Dc`` (discontinued) is no ``cancelled`` here, because the guide's table gives it no counterpart.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from canonical import hl7
from canonical.model import Record
from canonical.notes import NoteKind
from canonical.validate import validate
from mappings.pegasos import messages, tables
from mappings.pegasos.appointments import groups
from mappings.pegasos.site import Site

GOLDEN = Path(__file__).parents[2] / "golden" / "pegasos"
GUID = "0e0e4bc8-7b6f-4a3c-8a9c-0d5d9c4b0f11"
SITE = Site("pegasos-loviisa", "SOTESILTA", "ITAUUSIMAA", "PEGASOS", "LOVIISA")
AUTHORITY = SITE.system("authority")


def replies() -> list[Path]:
    """The golden answers that hold appointments."""
    found = []
    for path in sorted(GOLDEN.glob("*/reply.hl7")):
        items = json.loads((path.parent / "canonical.json").read_bytes())["items"]
        if any(item.get("kind") == "Appointment" for item in items):
            found.append(path)
    return found


def siu(event: str = "S12", **fields: str) -> bytes:
    """A message of somebody else; ``SCH_25="Booked"`` sets a field, ``PID=""`` leaves a segment out."""
    lines = {
        "MSH": f"MSH|^~\\&|BOOKER|NORTH|HUB|SOUTH|20260914||SIU^{event}|N1|P|2.5.1||||||8859/1",
        "SCH": "SCH|77|5512|||||||||||||||||||||||Booked",
        "TQ1": "TQ1|1||||||20260924093000+0215|20260924102000+0215",
        "PID": "PID|1||MRN1^^^North^MR||Exempel^Anna",
        "RGS": "RGS|1",
        "AIP": "AIP|1||400^Stick^Tim",
    }
    for name, value in fields.items():
        segment, _, number = name.partition("_")
        if not number:
            lines[segment] = value
            continue
        parts = lines[segment].split("|")
        parts += [""] * (int(number) + 1 - len(parts))
        parts[int(number)] = value
        lines[segment] = "|".join(parts)
    return "\r".join(line for line in lines.values() if line).encode("iso-8859-1")


def appointment(data: bytes) -> Record:
    found = messages.decode(data, SITE)
    for record in found:
        assert validate({**record.resource, "id": "x"}) == []
    return found[0]


def noted(record: Record, kind: NoteKind) -> list[str]:
    return [note.path for note in record.notes if note.kind is kind]


def span(record: Record) -> tuple[Any, Any, Any]:
    start, end = (str(record.resource[name])[5:] if name in record.resource else None for name in ("start", "end"))
    return start, end, record.resource.get("minutesDuration")


@pytest.mark.parametrize("reply", replies(), ids=lambda path: path.parent.name)
def test_what_pegasos_tells_is_what_it_answers(reply: Path) -> None:
    """An SIU with the group of an answer becomes the very record of that answer, notes and all."""
    raw = reply.read_bytes()
    message = hl7.split(raw)
    header = re.sub(r"S[RQ]R(.)S\d\d", r"SIU\1S14", message.header.raw)
    answers = [record for record in messages.decode(raw, SITE) if record.kind == "Appointment"]
    told = [
        messages.decode("\r".join([header, *(s.raw for s in group.segments)]).encode(message.rules.codec), SITE)
        for group in groups(message)
    ]
    assert answers
    assert told == [[answer] for answer in answers]


class TestStatus:
    @pytest.mark.parametrize("row", tables.table("appointment-status").values(), ids=lambda row: row["code"])
    def test_filler_says_it_while_the_event_is_not_the_last_word(self, row: Any) -> None:
        for code in (row["code"], row["code"].upper()):
            found = appointment(siu("S14", SCH_25=code))
            assert found.resource.get("status") == (row["fhir"] or None)
            assert ("SCH-25" in noted(found, NoteKind.UNKNOWN_CODE)) == (not row["fhir"])

    @pytest.mark.parametrize("row", tables.table("event").values(), ids=lambda row: row["event"])
    def test_event_says_it_where_the_filler_says_nothing(self, row: Any) -> None:
        found = appointment(siu(row["event"], SCH_25=""))
        assert found.resource.get("status") == (row["fhir"] or None)
        assert "SCH-25" in noted(found, NoteKind.DEFAULTED)

    @pytest.mark.parametrize(
        ("event", "status"), [("S15", "cancelled"), ("S17", "entered-in-error"), ("S26", "noshow")]
    )
    @pytest.mark.parametrize("code", ["Booked", "NoShow?", "Confirmed"])
    def test_last_word_goes_before_a_filler_that_forgot(self, event: str, status: str, code: str) -> None:
        found = appointment(siu(event, SCH_25=code))
        assert found.resource["status"] == status
        assert found.resource["_status"]["extension"][0]["valueString"] == code
        assert noted(found, NoteKind.GUESSED) == ["SCH-25"]

    def test_word_of_nobody_is_kept_and_not_guessed(self) -> None:
        found = appointment(siu("S12", SCH_25="Confirmed"))
        assert "status" not in found.resource
        assert found.resource["_status"]["extension"][1]["valueString"] == "Confirmed"

    def test_reason_of_a_cancellation(self) -> None:
        found = appointment(siu("S15", SCH_25="Cancelled", SCH_6="^Doctor is ill"))
        assert found.resource["cancelationReason"] == {"text": "Doctor is ill"}
        assert noted(appointment(siu(SCH_6="^New")), NoteKind.DROPPED) == ["SCH-6"]


class TestSpans:
    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({}, ("09-24T10:15:00+03:00", "09-24T11:05:00+03:00", None)),
            ({"SCH_9": "70", "SCH_10": "Min"}, ("09-24T10:15:00+03:00", "09-24T11:05:00+03:00", 70)),
            ({"SCH_9": "60", "SCH_10": "s"}, ("09-24T10:15:00+03:00", "09-24T11:05:00+03:00", 1)),
            ({"SCH_11": "^^M5^20200101^20200102"}, ("09-24T10:15:00+03:00", "09-24T11:05:00+03:00", 5)),
            ({"TQ1_8": "", "TQ1_6": "45^min"}, ("09-24T10:15:00+03:00", "09-24T11:00:00+03:00", 45)),
            (
                {"TQ1": "", "SCH_11": "^^^20260210143000^20260210150000"},
                ("02-10T14:30:00+02:00", "02-10T15:00:00+02:00", None),
            ),
            ({"TQ1": "", "SCH_11": "^^H1^202602101430"}, ("02-10T14:30:00+02:00", "02-10T15:30:00+02:00", 60)),
            (
                {"TQ1": "", "SCH_11": "^^^20260210143000.25-0500", "SCH_9": "1", "SCH_10": "hr^hour^ISO+"},
                ("02-10T21:30:00.250+02:00", "02-10T22:30:00.250+02:00", 60),
            ),
            (
                {"TQ1": "", "AIS": "AIS|1||X1^X^L|202607010900|||20|min"},
                ("07-01T09:00:00+03:00", "07-01T09:20:00+03:00", 20),
            ),
            ({"TQ1": "", "AIP_6": "2026070109"}, ("07-01T09:00:00+03:00", None, None)),
            (
                {"TQ1": "", "SCH_11": "^^^20260701", "AIS": "AIS|1||X1^X^L|20260701111000|0|S|90|MIN"},
                ("07-01T11:10:00+03:00", "07-01T12:40:00+03:00", 90),
            ),
            ({"TQ1_8": "", "TQ1_13": "45^min"}, ("09-24T10:15:00+03:00", "09-24T11:00:00+03:00", 45)),
            ({"TQ1": "", "SCH_11": "^^^20260701"}, (None, None, None)),
            ({"TQ1": ""}, (None, None, None)),
        ],
    )
    def test_where_times_stand(self, fields: dict[str, str], expected: tuple[Any, Any, Any]) -> None:
        found = appointment(siu(**fields))
        assert span(found) == expected
        for name, value in zip(("start", "end"), expected, strict=False):
            assert (f"_{name}" in found.resource) == (value is None)

    @pytest.mark.parametrize("minutes", ["20", "80"])
    def test_night_of_two_hours(self, minutes: str) -> None:
        """The end is on the clock only; the duration says which of two it is."""
        timing = "^^^20271031033000+0300^20271031035000"
        found = appointment(siu(TQ1="", SCH_9=minutes, SCH_10="min", SCH_11=timing))
        assert found.resource["end"] == {"20": "2027-10-31T03:50:00+03:00", "80": "2027-10-31T03:50:00+02:00"}[minutes]

    @pytest.mark.parametrize(
        "text",
        ["202609240930 +0200", "20260924093000+1500", "20261324", "yesterday", "20260924250000", "00000101000000"],
    )
    def test_what_is_no_time(self, text: str) -> None:
        with pytest.raises(hl7.BadMessage):
            messages.decode(siu(TQ1_7=text), SITE)

    def test_end_before_its_start_is_none(self) -> None:
        with pytest.raises(hl7.BadMessage):
            messages.decode(siu(TQ1_8="20260924093000+0215"), SITE)

    def test_unit_that_nobody_knows_is_no_minute(self) -> None:
        found = appointment(siu(SCH_9="2", SCH_10="fortnight"))
        assert "minutesDuration" not in found.resource
        assert noted(found, NoteKind.UNKNOWN_CODE) == ["SCH-9"]


class TestPeople:
    @pytest.mark.parametrize(
        ("pid_3", "system", "code"),
        [
            ("19850617-1234^^^SKV&2.999.752&ISO^NNSWE", "urn:oid:2.999.752", "NNSWE"),
            ("010594Y9021^^^North^MR", f"{AUTHORITY}/North", "MR"),
            ("123456789^^^USSSA^SS", f"{AUTHORITY}/USSSA", "SS"),
            (
                "a b/ä^^^&0e0e4bc8-7b6f-4a3c-8a9c-0d5d9c4b0f11&UUID",
                "urn:uuid:0e0e4bc8-7b6f-4a3c-8a9c-0d5d9c4b0f11",
                None,
            ),
            ("100042^^^www.elsewhere.example&www.elsewhere.example&DNS^PI", f"{AUTHORITY}/www.elsewhere.example", "PI"),
            ("100042^^^Väli lyönti^PI", f"{AUTHORITY}/V%C3%A4li%20ly%C3%B6nti", "PI"),
            ("55521", SITE.system("identifier"), None),
        ],
    )
    def test_number_of_elsewhere_keeps_its_system(self, pid_3: str, system: str, code: str | None) -> None:
        """What looks like a HETU and does not say that it is one is a number like any other."""
        _, patient = messages.decode(siu(PID_3=pid_3), SITE)
        [identifier] = patient.resource["identifier"]
        assert (identifier["system"], identifier["value"]) == (system, pid_3.partition("^")[0])
        assert identifier.get("type", {}).get("coding", [{}])[0].get("code") == code
        assert patient.resource["name"] == [{"family": "Exempel", "given": ["Anna"]}]
        assert appointment(siu(PID_3=pid_3)).patient == patient.local_id != identifier["value"]

    def test_name_of_somebody_with_a_hetu_is_the_registers(self) -> None:
        pid = "010594Y9021^^^VRK&1.2.246.21&ISO^NNFIN~7^^^North^MR~100042^^^LOVIISA^PI"
        _, patient = messages.decode(siu(PID_3=pid), SITE)
        assert patient.local_id == "100042"
        assert patient.resource.keys() == {"resourceType", "identifier"}

    @pytest.mark.parametrize(
        ("pid_15", "spoken"), [("EN", "en"), ("ara^^HL70296", "ar"), ("swe", "sv"), ("smn", "smn"), ("GER", "de")]
    )
    def test_language_is_written_as_bcp_47_writes_it(self, pid_15: str, spoken: str) -> None:
        """Forms seen in microsoft/FHIR-Converter (ADT-A28-01) and of ISO 639-2; Inari Sámi has no two letters."""
        _, patient = messages.decode(siu(PID_15=pid_15), SITE)
        [language] = patient.resource["communication"]
        assert language["language"] == {"coding": [{"system": "urn:ietf:bcp:47", "code": spoken}]}

    @pytest.mark.parametrize(
        ("pid_13", "point"),
        [
            ("040 1^WPN^FX", {"system": "fax", "value": "040 1", "use": "work"}),
            ("a@b.example^NET^Internet", {"system": "email", "value": "a@b.example"}),
            ("040 1^PRN^CP", {"system": "phone", "value": "040 1", "use": "mobile"}),
            ("040 1", {"system": "phone", "value": "040 1"}),
        ],
    )
    def test_number_is_its_devices(self, pid_13: str, point: dict[str, str]) -> None:
        _, patient = messages.decode(siu(PID_13=pid_13, ZSU="ZSU|1|N"), SITE)
        assert patient.resource["telecom"] == [point]

    @pytest.mark.parametrize("pid", ["PID|1||010594Y9021^^^^NNFIN||Testinen^Aino", "PID|1"])
    def test_nobody_that_can_be_named(self, pid: str) -> None:
        with pytest.raises(hl7.BadMessage):
            messages.decode(siu(PID=pid), SITE)

    def test_name_alone_is_enough_to_take_part(self) -> None:
        [found] = messages.decode(siu(PID_3=""), SITE)
        assert found.resource["participant"][0]["actor"] == {"type": "Patient", "display": "Anna Exempel"}
        assert found.patient is None

    def test_several_patients_are_nobodys_appointment(self) -> None:
        with pytest.raises(hl7.BadMessage):
            messages.decode(siu(NTE="PID|2||MRN2^^^North^MR"), SITE)

    def test_room_is_part_of_the_place(self) -> None:
        one, other = (appointment(siu(AIL=f"AIL|1||055^{room}^^Clinic")) for room in ("Room01", "Room02"))
        assert one.resource["participant"] != other.resource["participant"]


class TestResources:
    def test_what_was_taken_off_is_not_there(self) -> None:
        """Action code D (shape: the scheduling messages of German practices, S13 with the old resource and the new)."""
        taken, given = "AIG|1|D|1^Room 1^99ROOM^c2", "AIG|2|A|2^Room 2^99ROOM^c1"
        found = appointment(siu("S13", AIG=taken, AIL=given))
        shown = [participant["actor"].get("display") for participant in found.resource["participant"]]
        assert shown == [None, "Tim Stick", "Room 2"]
        assert "AIG" in noted(found, NoteKind.DROPPED)
        assert len(appointment(siu("S15", AIG=taken, SCH_25="Cancelled")).resource["participant"]) == 3

    def test_somebody_of_a_kind_is_enough_to_take_part(self) -> None:
        found = appointment(siu(AIP="AIP|1|||2.10^Anesthesiologist"))
        concept = {"coding": [{"system": SITE.system("unknown"), "code": "2.10"}], "text": "Anesthesiologist"}
        assert found.resource["participant"][1] == {"type": [concept], "status": "accepted"}

    def test_text_in_the_place_of_a_code_is_a_text(self) -> None:
        found = appointment(siu(SCH_7="second  look ", SCH_8="ppd 2nd step"))
        assert found.resource["reasonCode"] == [{"text": "second  look "}]
        assert found.resource["appointmentType"]["coding"][0]["code"] == "ppd 2nd step"


class TestDoor:
    @pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
    @pytest.mark.parametrize("frame", [(b"", b""), (b"\x0b", b"\x1c\r"), (b"", b"\r"), (b"", b"\n\n")])
    def test_lines_of_files_and_frames(self, end: bytes, frame: tuple[bytes, bytes]) -> None:
        data = frame[0] + siu().replace(b"\r", end) + frame[1]
        assert messages.decode(data, SITE) == messages.decode(siu(), SITE)

    def test_character_set_that_is_left_out_is_said(self) -> None:
        data = siu(MSH_17="", PID_5="Sm\u00f6r^Åsa").decode("iso-8859-1").encode()
        found = messages.decode(data.replace(b"|8859/1", b"|"), SITE, default_charset="UNICODE UTF-8")
        assert found[1].resource["name"][0]["family"] == "Smör"
        doubted = messages.decode(data, SITE)
        assert all("MSH-18" in noted(record, NoteKind.GUESSED) for record in doubted)

    @pytest.mark.parametrize("name", ["UNICODE UTF-8", "UTF-8"])
    def test_names_of_utf_8(self, name: str) -> None:
        data = siu(PID_5="Smör").decode("iso-8859-1").replace("8859/1", name).encode()
        assert messages.decode(data, SITE)[1].resource["name"] == [{"family": "Smör"}]

    @pytest.mark.parametrize("event", ["S23", "S24", "", "A01"])
    def test_event_without_an_appointment(self, event: str) -> None:
        with pytest.raises(hl7.BadMessage):
            messages.decode(siu(event), SITE)

    @pytest.mark.parametrize("left_out", [{"SCH": ""}, {"SCH_1": "", "SCH_2": ""}, {"PID": "", "AIP": ""}])
    def test_message_that_holds_no_appointment(self, left_out: dict[str, str]) -> None:
        with pytest.raises(hl7.BadMessage):
            messages.decode(siu(**left_out), SITE)

    def test_every_field_of_a_stranger_is_carried_or_noted(self) -> None:
        fields = {f"SCH_{n}": f"x{n}" for n in range(3, 25) if n not in (9, 10, 11)}
        found = appointment(siu(**fields, OBX="OBX|1|NM|1", AIL="AIL|1||5||g|||20|||N|Pending"))
        said = {note.path for note in found.notes}
        assert {f"SCH-{n}" for n in range(3, 25) if n not in (7, 8, 9, 10, 11)} <= said
        assert {"SCH-7", "SCH-8", "OBX", "AIL-5", "AIL-8", "AIL-11", "AIL-12"} <= said
