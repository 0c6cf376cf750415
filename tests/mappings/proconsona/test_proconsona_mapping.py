"""What holds of the mapping beyond single messages: valid R4, no HETU, nonsense refused, texts whole."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from canonical import codes, commands, fhir, hetu, strict_json, times, validate
from canonical.commands import Book, Cancel
from canonical.messages import UNREADABLE, BadMessage
from canonical.model import TimeKey
from canonical.xml import BadXml
from mappings.conversions import said
from mappings.engine import tables
from mappings.proconsona import commands as bodies
from mappings.proconsona import directory, keys, persons, slots
from mappings.proconsona.appointments import appointment, placer_id, rules
from mappings.proconsona.document import NAMESPACE, document
from mappings.proconsona.site import Site

table = partial(tables.table, "mappings.proconsona")
ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "tests" / "golden" / "proconsona"
MANUAL = (ROOT / "sandbox" / "proconsona" / "INTERFACE.md").read_text("utf-8")
XSD = etree.parse(ROOT / "sandbox" / "proconsona" / "proconsona.xsd")
SCHEMA = etree.XMLSchema(XSD)
SITE = Site("proconsona-loviisa")
ROOTS = ("tapaaminen", "tapaamiset", "asiakas", "asiakkaat", "vapaatAjat", *directory.LISTS, *directory.LISTS.values())
SOURCES = {file.parent.name: file.read_bytes() for file in sorted(GOLDEN.glob("*/source.xml"))}
OURS = f"{{{NAMESPACE}}}"
LETTERS = st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])
XS = {"xs": "http://www.w3.org/2001/XMLSchema"}


def mapped(data: bytes) -> list[fhir.Resource]:
    root = document(data, *ROOTS)
    if root.name == "vapaatAjat":
        return [free.slot for free in slots.free_times(root, SITE, [])]
    if root.name in ("asiakas", "asiakkaat"):
        return [persons.record(*one, SITE).resource for one in persons.patients(root)]
    if root.name in ("tapaaminen", "tapaamiset"):
        parts = [root] if root.name == "tapaaminen" else list(root.all("tapaaminen"))
        return [appointment(part, SITE).resource for part in parts]
    return [record.resource for record in directory.records(root, SITE)]


@pytest.mark.parametrize("case", SOURCES)
def test_what_is_read_is_valid_r4_and_names_nobody(case: str) -> None:
    for resource in mapped(SOURCES[case]):
        assert [p for p in validate.validate(resource) if "status" not in p.expression] == []
        assert not hetu.appears_in(strict_json.dumps(resource).decode())


def test_only_a_tila_of_nobodys_leaves_the_status_out() -> None:
    without = [case for case in SOURCES for one in mapped(SOURCES[case]) if "_status" in one]
    assert without == ["meeting-with-what-the-manual-does-not-promise"]


def test_every_answer_the_manual_prints_is_understood() -> None:
    printed = re.findall(r"^<\?xml.*?(?=^```)", MANUAL, re.MULTILINE | re.DOTALL)
    answers = [text.encode() for text in printed if re.search(rf"\?>\s*<({'|'.join(ROOTS)}) ", text)]
    assert len(answers) >= 10
    for answer in answers:
        mapped(answer)


# The tables and the schema


def test_our_copy_of_the_schema_is_the_vendors() -> None:
    ours, theirs = (ROOT / part / "proconsona" / "proconsona.xsd" for part in ("mappings", "sandbox"))
    assert ours.read_bytes() == theirs.read_bytes()


def _declared(name: str) -> set[str]:
    """The elements the schema allows inside an element called ``name``, wherever it declares one."""
    types = {"osoite": "Osoite"}
    if name in types:
        inside = XSD.xpath(f"/xs:schema/xs:complexType[@name='{types[name]}']/xs:sequence/xs:element", namespaces=XS)
    else:
        inside = XSD.xpath(f"//xs:element[@name='{name}']/xs:complexType/xs:sequence/xs:element", namespaces=XS)
    return {one.get("name") or one.get("ref") for one in inside}


@pytest.mark.parametrize("name", [name for (name,) in table("element")])
def test_every_element_of_the_schema_is_read_or_left_out_on_purpose(name: str) -> None:
    row = table("element")[name,]
    read, left_out = row["read"].split(), row["left out"].split()
    assert sorted(read + left_out) == sorted(_declared(name))


@pytest.mark.parametrize(
    ("message", "inside", "name"),
    [("tapaaminen", "", "tapaaminen"), ("tapaaminen", "peruutus", "peruutus"), ("vapaaAika", "", "vapaaAika")],
)
def test_every_element_of_the_schema_has_its_rule(message: str, inside: str, name: str) -> None:
    assert rules()[message].known[inside] == _declared(name)


def _enumerated(name: str) -> set[str]:
    found = XSD.xpath(f"//xs:simpleType[@name='{name}']//xs:enumeration/@value", namespaces=XS)
    return {str(value) for value in found}


def test_every_code_of_the_schema_has_a_meaning() -> None:
    rows = table("status", keys=2)
    assert {tila for tila, _ in rows} == _enumerated("Tila")
    assert {who for tila, who in rows if tila == "EHDOTETTU"} == _enumerated("Ehdottaja") | {""}
    assert {syy for (syy,) in table("cancelation-reason")} == _enumerated("PeruutuksenSyy")
    cancel = commands.load((GOLDEN / "write-cancel" / "command.json").read_bytes())
    assert isinstance(cancel, Cancel)
    told = etree.fromstring(bodies.change(cancel, "1")[0]).findtext(f"{OURS}peru/{OURS}syy")
    assert told == "ASIAKAS"
    assert told in _enumerated("AsiakkaanSyy")


def test_the_tasks_are_those_of_the_manual() -> None:
    printed = dict(re.findall(r"^\| `([0-9])` \| ([^|]+?) \| (?:yes|\*\*no\*\*) \|$", MANUAL, re.MULTILINE))
    assert printed == {code: row["name"] for (code,), row in table("task").items()}


@pytest.mark.parametrize(
    ("tila", "ehdottaja", "status", "patient", "unit"),
    [
        ("EHDOTETTU", "TYONTEKIJA", "pending", "needs-action", "accepted"),
        ("EHDOTETTU", "ASIAKAS", "pending", "accepted", "needs-action"),
        ("EHDOTETTU", "", "pending", "tentative", "tentative"),
        ("EHDOTETTU", "KONE", "pending", "tentative", "tentative"),
        ("VARATTU", "", "booked", "accepted", "accepted"),
        ("PERUTTU", "", "cancelled", "declined", "accepted"),
        ("TOTEUTUNUT", "", "fulfilled", "accepted", "accepted"),
        ("SAAPUMATTA", "", "noshow", "accepted", "accepted"),
    ],
)
def test_who_has_to_answer(tila: str, ehdottaja: str, status: str, patient: str, unit: str) -> None:
    proposer = f"<ehdottaja>{ehdottaja}</ehdottaja>" if ehdottaja else ""
    record = appointment(document(changed("tila", f"{tila}</tila>{proposer}<tila>"), "tapaaminen"), SITE)
    assert record.resource["status"] == status
    assert [p["status"] for p in record.resource["participant"]] == [patient, unit, unit, unit]
    assert any("ehdottaja" in note.path for note in record.notes) == ("tentative" in (patient, unit))


def changed(element: str, value: str) -> bytes:
    """The meeting of the manual with another text (or markup) in ``element``."""
    before, _, rest = SOURCES["meeting-booked"].decode().partition(f"<{element}>")
    assert rest, element
    text = f"{before}<{element}>{value}{rest[rest.index('</') :]}"
    return text.replace(f"<{element}></{element}>", "").encode()


# What is not as promised

BAD: list[tuple[str, str, str, str]] = [
    ("no id", "meeting-booked", "<tunnus>107301d8-4ff2-5ae3-8d22-bda9899879ad</tunnus>", ""),
    ("an id that is none", "meeting-booked", "107301d8-", "107301D8-"),
    ("an id that leads elsewhere", "meeting-booked", "107301d8-4ff2-5ae3-8d22-bda9899879ad", "../asiakkaat"),
    ("no customer", "meeting-booked", "<asiakas>3dc9f6d9-6686-52d5-8a2a-1d81355f0557</asiakas>", ""),
    ("two customers", "meeting-booked", "<palvelu>", f"<asiakas>{UUID(int=1)}</asiakas><palvelu>"),
    ("no state", "meeting-booked", "<tila>VARATTU</tila>", "<tila/>"),
    ("a version that is none", "meeting-booked", "<versio>1<", "<versio>one<"),
    ("version nought", "meeting-booked", "<versio>1<", "<versio>0<"),
    ("a version beyond all", "meeting-booked", "<versio>1<", "<versio>99999999999<"),
    ("a start without an offset", "meeting-booked", "08:00:00+02:00", "08:00:00"),
    ("a start that is none", "meeting-booked", "2027-03-23T08:00:00+02:00", "nine o'clock"),
    ("an end before the start", "meeting-booked", "08:45:00+02:00", "08:45:00+03:00"),
    ("a service of no form", "meeting-booked", ">TSO<", ">tso<"),
    ("elements inside a text", "meeting-booked", "Tarvitsen", "<b>Tarvitsen</b>"),
    ("a task without its code", "meeting-booked", ' koodi="6"', ""),
    ("another namespace", "meeting-booked", "urn:proconsona:rajapinta:3", "urn:proconsona:rajapinta:4"),
    ("another encoding", "meeting-booked", 'encoding="UTF-8"', 'encoding="ISO-8859-1"'),
    ("a customer without an id", "customers-found", "<tunnus>3dc9f6d9-6686-52d5-8a2a-1d81355f0557</tunnus>", ""),
    ("a time of no calendar", "free-times", "<kalenteri>58833468-ffbc-51cb-93a6-5bf97038b6f4</kalenteri>", ""),
    ("no place left", "free-times", "<vapaana>1<", "<vapaana>0<"),
    ("a calendar of no service", "worker", ' palvelu="TSO"', ""),
    ("a service of no length", "service", "<kestoMinuuttia>45<", "<kestoMinuuttia>-45<"),
]


@pytest.mark.parametrize(("case", "old", "new"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_a_message_that_is_not_as_promised_is_no_record(case: str, old: str, new: str) -> None:
    text = SOURCES[case].decode()
    assert old in text
    with pytest.raises(BadMessage):
        mapped(text.replace(old, new, 1).encode())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html><body>Kirjaudu</body></html>",
        b'<!DOCTYPE x [<!ENTITY a "b">]><tapaaminen xmlns="urn:proconsona:rajapinta:3">&a;</tapaaminen>',
        SOURCES["meeting-booked"][:-20],
        SOURCES["meeting-booked"].decode().encode("iso-8859-1"),
        SOURCES["meeting-booked"] * 2,
    ],
)
def test_other_bytes_are_no_document(data: bytes) -> None:
    with pytest.raises((BadXml, BadMessage)):
        document(data, *ROOTS)


@given(case=st.sampled_from(sorted(SOURCES)), data=st.data())
@settings(max_examples=400, deadline=None)
def test_whatever_stands_where_it_is_read_or_refused_never_anything_else(case: str, data: st.DataObject) -> None:
    tree = etree.fromstring(SOURCES[case])
    target = data.draw(st.sampled_from(list(tree.iter())))
    text = st.text(LETTERS, max_size=12)
    match data.draw(st.sampled_from(["text", "attribute", "twice", "gone", "name"])):
        case "text":
            target.text = data.draw(text | st.sampled_from(["010594Y9021", "-1", "true", " "]))
        case "attribute" if len(target.attrib):
            target.attrib[data.draw(st.sampled_from(sorted(map(str, target.attrib))))] = data.draw(text)
        case "twice" if target.getparent() is not None:
            target.addnext(etree.fromstring(etree.tostring(target, with_tail=False)))
        case "gone" if target.getparent() is not None:
            target.getparent().remove(target)
        case "name":
            target.tag = data.draw(st.sampled_from([f"{OURS}uusi", "uusi", "{urn:x}tunnus"]))
    try:
        found = mapped(etree.tostring(tree))
    except UNREADABLE:
        return
    for resource in found:
        strict_json.dumps(resource)
        assert codes.HETU not in [one["system"] for one in resource.get("identifier", ())]


# The law: what is written is read as what it was


@given(
    mark=st.from_regex(r"[A-Za-z0-9._-]{1,36}", fullmatch=True).filter(lambda text: not hetu.appears_in(text)),
    start=st.datetimes(datetime(2027, 1, 1), datetime(2028, 1, 1)).map(lambda t: t.replace(microsecond=0, tzinfo=UTC)),
    minutes=st.integers(5, 300),
    text=st.text(LETTERS | st.sampled_from("\n\r\t<>&]"), max_size=60),
    version=st.integers(1, 2**31 - 1),
    number=st.uuids(),
)
@settings(max_examples=150, deadline=None)
def test_a_meeting_comes_back_as_it_was_booked(
    mark: str, start: datetime, minutes: int, text: str, version: int, number: UUID
) -> None:
    calendar, end = str(UUID(int=7)), start + timedelta(minutes=minutes)
    command = _book(mark, keys.pack(calendar), start, end, text)
    if bodies.unfit(command):
        return
    asked = etree.fromstring(bodies.booking(command, str(number), calendar)[0])
    assert SCHEMA.validate(asked), SCHEMA.error_log
    stored = etree.fromstring(SOURCES["meeting-booked"])
    for name in ("asiakas", "kalenteri", "alku", "ulkoinenTunniste"):
        stored.find(f"{OURS}{name}").text = asked.findtext(f"{OURS}{name}")
    given_text = asked.findtext(f"{OURS}lisatieto")
    stored.find(f"{OURS}lisatieto").text = given_text
    stored.find(f"{OURS}loppu").text = times.iso(end)
    stored.find(f"{OURS}versio").text = str(version)
    record = appointment(document(etree.tostring(stored), "tapaaminen"), SITE)
    assert (record.patient, record.version, placer_id(record.resource)) == (str(number), str(version), mark)
    assert record.resource.get("comment", "") == (text if text.strip() else "")
    assert times.instant(record.resource["start"]).timestamp() == start.timestamp()
    assert times.instant(record.resource["end"]).timestamp() == end.timestamp()


@given(text=st.text(max_size=1001))
@settings(max_examples=300, deadline=None)
def test_a_text_travels_whole_or_is_refused(text: str) -> None:
    command = _book("m", keys.pack(str(UUID(int=7))), datetime(2027, 3, 23, tzinfo=UTC), None, text)
    if bodies.unfit(command):
        assert len(text) > bodies.COMMENT_LIMIT or any(ord(c) < 32 or ord(c) > 0xD7FF for c in text)
        return
    root = etree.fromstring(bodies.booking(command, str(UUID(int=1)), str(UUID(int=7)))[0])
    assert (root.findtext(f"{OURS}lisatieto") or "") == (text if text.strip() else "")
    assert len(root) == 4 + bool(text.strip())


@given(text=st.text(max_size=300))
@settings(max_examples=200, deadline=None)
def test_no_reason_keeps_anybody_from_cancelling(text: str) -> None:
    command = commands.load((GOLDEN / "write-cancel" / "command.json").read_bytes())
    assert isinstance(command, Cancel)
    made = Cancel(command.placer_id, command.patient, command.local_id, command.believed_start, "2", text)
    body, notes = bodies.change(made, "2")
    root = etree.fromstring(body)
    assert SCHEMA.validate(root), SCHEMA.error_log
    sent = root.findtext(f"{OURS}peru/{OURS}selite") or ""
    assert sent == text or notes or not text.strip()


@given(one=st.uuids())
def test_a_key_names_its_calendar(one: UUID) -> None:
    key = keys.pack(str(one))
    assert keys.unpack(key) == str(one)
    assert len(key.encode()) <= 25


@pytest.mark.parametrize("key", ["", "C11", "A" * 22 + "=", "A" * 21 + "B", "A" * 21 + "ä", "A" * 23, " " + "A" * 21])
def test_what_is_no_key_names_none(key: str) -> None:
    assert keys.unpack(key) is None


def test_a_schedule_is_of_its_services_kind_and_task() -> None:
    service = directory.records(document(SOURCES["service"], "palvelu"), SITE)[0]
    found = directory.records(document(SOURCES["worker"], "tyontekija"), SITE, {"TSO": service.resource})
    schedule = next(one.resource for one in found if one.kind == "Schedule")
    assert list(fhir.codes(schedule["serviceCategory"])) == [(codes.TASK, "6")]
    assert schedule["serviceType"][0]["coding"][0]["display"] == "Sosiaalityöntekijän vastaanotto"


@pytest.mark.parametrize(
    ("said_so", "carried"), [("true", False), ("1", False), ("0", True), ("false", True), ("ei", False), ("", False)]
)
def test_contact_details_are_carried_only_of_who_is_not_protected(said_so: str, carried: bool) -> None:
    text = SOURCES["customers-found"].replace(b"<turvakielto>false<", f"<turvakielto>{said_so}<".encode())
    (found, notes), *_ = persons.patients(document(text, "asiakkaat"))
    assert ("telecom" in found.contact, "address" in found.contact) == (carried, carried)
    assert any("protected" in note.text for note in notes) != carried


@pytest.mark.parametrize(
    ("code", "shown"), [("LAKKO", "LAKKO"), ("010594-9021", "******-****"), ("a b", "what is no code")]
)
def test_a_note_repeats_codes_only(code: str, shown: str) -> None:
    assert said(code) == shown


def _book(mark: str, key: str, start: datetime, end: datetime | None, text: str) -> Book:
    command = commands.load((GOLDEN / "write-book" / "command.json").read_bytes())
    assert isinstance(command, Book)
    time = TimeKey(key, start, end or start + timedelta(minutes=5))
    return Book(mark, command.person, time, command.patient, text)
