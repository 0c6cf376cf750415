"""Messages of all wires as a test names them, and lengths and times as it writes them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from silta.testing.reading import read
from silta.testing.times import instant, seconds


def test_hl7() -> None:
    text = "\x0bMSH|^~\\&|A|B|C|D|2027||SRM^S01^SRM_S01|1|P|2.4\rARQ|x^SOTESILTA\rAIS|1|A\rAIS|2|B\r\x1c\r"
    found = read("pegasos", text)
    assert (found.kind, found.code) == ("SRM^S01", "")
    named = {
        "MSH-2": "^~\\&",
        "MSH-3": "A",
        "ARQ-1": "x^SOTESILTA",
        "ARQ-1.2": "SOTESILTA",
        "AIS-2": "A",
        "AIS[2]-2": "B",
    }
    assert named.items() <= found.fields.items()
    assert read("pegasos", "MSH|^~\\&|A\rMSA|AE|1|Nej").code == "AE"


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        ("POST /fhir/Appointment", "POST Appointment"),
        ("POST /fhir/Appointment/_search", "POST Appointment/_search"),
        ("GET /fhir/Slot?status=free", "GET Slot"),
        ("GET /fhir/Appointment/A1", "GET Appointment"),
        ("POST /fhir/Slot/C1/$hold", "POST Slot/$hold"),
        ("PUT /rajapinta/v3/tapaamiset/0269", "PUT tapaamiset"),
    ],
)
def test_what_a_request_over_http_is_about(start: str, kind: str) -> None:
    assert read("lifecare", f"{start} HTTP/1.1\r\nHost: x\r\n\r\n").kind == kind


def test_fields_of_json_and_xml() -> None:
    json = 'HTTP/1.1 201 Created\r\nETag: W/"1"\r\n\r\n{"status":"booked","slot":[{"reference":"Slot/1"}],"n":1}'
    found = read("lifecare", json)
    assert (found.kind, found.code) == ("201", "201")
    assert found.fields == {"etag": 'W/"1"', "status": "booked", "slot[0].reference": "Slot/1", "n": "1"}
    xml = "POST /ws/Ajanvaraus HTTP/1.1\r\n\r\n<e:Envelope xmlns:e='http://schemas.xmlsoap.org/soap/envelope/'><e:Body>"
    xml += "<VaraaAika xmlns='urn:x'><alku><paiva>1.1.</paiva></alku><t>1</t><t>2</t></VaraaAika></e:Body></e:Envelope>"
    found = read("mediatri", xml)
    assert found.kind == "VaraaAika"
    assert {"alku.paiva": "1.1.", "t": "1", "t[2]": "2"}.items() <= found.fields.items()


@pytest.mark.parametrize("text", ["", "\x00\x01", "HTTP/1.1 200 OK\r\n\r\n{", "HTTP/1.1 200 OK\r\n\r\n<a><b>", "MSH"])
def test_what_cannot_be_read_is_no_error(text: str) -> None:
    for system in ("pegasos", "lifecare"):
        read(system, text)


def test_lengths_and_times() -> None:
    assert [seconds(one) for one in ("25h", "1d12h", "500ms", 2, timedelta(minutes=1))] == [90_000, 129_600, 0.5, 2, 60]
    assert instant("2027-03-29T08:00").isoformat() == "2027-03-29T08:00:00+03:00"
    assert instant("2027-10-31T03:30+02:00").isoformat() == "2027-10-31T03:30:00+02:00"
    for wrong in ("2027-10-31T03:30", "2027-03-28T03:30", "today"):
        with pytest.raises(ValueError):
            instant(wrong)
    for wrong in ("", "h", "1x", "1h 2"):
        with pytest.raises(ValueError):
            seconds(wrong)
