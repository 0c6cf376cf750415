"""The engine by a small file of rules: what it makes, what it says, what it refuses to load, and what it remembers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from lxml import etree

from canonical import codes
from canonical.messages import BadMessage
from canonical.notes import NoteKind
from mappings.conversions import CONVERSIONS
from mappings.engine.mapping import Message, load
from mappings.engine.recorder import Recorder
from mappings.engine.rules import BadRule, Conversion
from mappings.json_tree import JsonNode
from mappings.trace import Trace
from mappings.xml_tree import Schema, XmlNode

XSD = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="visit"><xs:complexType><xs:sequence>
<xs:element name="no" type="xs:string"/><xs:element name="state" type="xs:string"/><xs:element name="who" type="Who"/>
<xs:element name="why"><xs:complexType><xs:sequence><xs:element name="code" type="xs:string"/><xs:element name="words"
type="xs:string"/></xs:sequence></xs:complexType></xs:element></xs:sequence></xs:complexType></xs:element>
<xs:complexType name="Who"><xs:sequence><xs:element name="id" type="xs:string"/></xs:sequence><xs:attribute name="kind"
type="xs:string"/></xs:complexType></xs:schema>"""
RULES = """
[form]
no = "[0-9]+"

[fragment]
mark = [
  { from = "no!", to = "identifier", as = "identifier PLACER PLAC" },
]
person = [
  { from = "id!", to = "actor", as = "reference Patient" },
]
reason = [
  { from = "code",  to = "cancelationReason.coding", as = "coding reason", table = "reason", note = "is no reason" },
  { from = "words", to = "cancelationReason.text" },
]

[message.visit]
to = "Appointment"
elements = "identifier status _status"
rows = [
  { from = "state?",  to = "status", as = "code state", table = "state" },
  "mark",
  { each = "who",     to = "participant", rows = "person" },
  { from = "why",     rows = "reason", if = "status = cancelled", note = "it is not cancelled" },
  { from = "*",       to = "extension", as = "keep element", note = "kept as it is" },
  { from = "who/@kind", note = "all are patients" },
]
"""
VISIT = "<visit><no>7</no><state>{}</state><who><id>018</id></who><who><id>NO</id></who>{}</visit>"
WHY = "<why><code>ILL</code><words> at home </words></why>"


@dataclass(frozen=True)
class Town:
    installation: str = "town"

    def system(self, what: str) -> str:
        return f"urn:town:{what}"


Load = Callable[..., Mapping[str, Message]]


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    monkeypatch.syspath_prepend(tmp_path)
    folder = tmp_path / f"rules_of_{tmp_path.name}"
    for name in ("rules", "codes"):
        (folder / name).mkdir(parents=True)
    files = {"__init__.py": "", "x.xsd": XSD, "codes/reason.csv": "code,display\nILL,is ill\n"}
    files["codes/state.csv"] = "code,fhir,lost\nB,booked,\nG,booked,the group\nC,cancelled,\n"
    for name, text in files.items():
        (folder / name).write_text(text, "utf-8")

    def make(rules: str = RULES, **own: Conversion) -> Mapping[str, Message]:
        (folder / "rules" / "visits.toml").write_text(rules, "utf-8")
        schema = Schema(folder.name, "x.xsd")
        return load(folder.name, "visits.toml", {**CONVERSIONS, **own}, schema.exists)

    yield make
    sys.modules.pop(folder.name, None)


def read(message: Message, xml: str, recorder: Recorder) -> dict[str, object]:
    return message.read(XmlNode(etree.fromstring(xml), recorder.seen), recorder)


def test_a_message_becomes_a_resource_and_its_codes_stay_texts(loaded: Load) -> None:
    recorder = Recorder(Town())
    made = read(loaded()["visit"], VISIT.format("C", WHY), recorder)
    assert recorder.notes == ()
    assert list(made) == ["resourceType", "identifier", "status", "participant", "cancelationReason"]
    assert [p["actor"]["reference"] for p in made["participant"]] == ["Patient/018", "Patient/NO"]  # type: ignore[attr-defined]
    why = {"system": "urn:town:reason", "code": "ILL", "display": "is ill"}
    assert made["cancelationReason"] == {"coding": [why], "text": " at home "}


@pytest.mark.parametrize(
    ("state", "more", "said"),
    [
        ("G", "", (NoteKind.DROPPED, "visit/state", "the group")),
        ("X", "", (NoteKind.UNKNOWN_CODE, "visit/state", "X has no FHIR status; none is given")),
        ("B", WHY, (NoteKind.DROPPED, "visit/why", "it is not cancelled")),
        ("C", "<why><code>BUS</code></why>", (NoteKind.UNKNOWN_CODE, "visit/why/code", "BUS is no reason")),
        ("B", "<new>1</new>", (NoteKind.KEPT, "visit/new", "kept as it is")),
        ("B", "<new>010594Y9021</new>", (NoteKind.DROPPED, "visit/new", "not understood, and a HETU in it")),
    ],
)
def test_what_is_not_carried_is_said(loaded: Load, state: str, more: str, said: tuple[NoteKind, str, str]) -> None:
    recorder = Recorder(Town())
    made = read(loaded()["visit"], VISIT.format(state, more), recorder)
    assert [(note.kind, note.path, note.text) for note in recorder.notes] == [said]
    assert ("status" in made, "_status" in made) == (state != "X", state == "X")
    assert "010594Y9021" not in str(made)


def test_what_is_missing_is_missed_or_refused(loaded: Load) -> None:
    message, recorder = loaded()["visit"], Recorder(Town())
    read(message, "<visit><no>7</no></visit>", recorder)
    assert [(note.kind, note.text) for note in recorder.notes] == [(NoteKind.DROPPED, "no state is named")]
    for wrong in ("<visit/>", "<visit><no/></visit>", "<visit><no>x</no></visit>", "<visit><no>1</no><who/></visit>"):
        with pytest.raises(BadMessage):
            read(message, wrong, Recorder(Town()))


def test_what_is_written_is_read_again(loaded: Load) -> None:
    both = RULES[: RULES.index("elements")] + 'rows = [\n  "mark",\n  { from = "why", rows = "reason" },\n]\n'
    message, recorder = loaded(both)["visit"], Recorder(Town())
    mark = {"type": {"coding": [{"system": codes.V2_0203, "code": "PLAC"}]}, "system": codes.PLACER, "value": "7"}
    why = {"coding": [{"system": "urn:town:reason", "code": "ILL", "display": "is ill"}], "text": "x"}
    asked = {"resourceType": "Appointment", "identifier": [{"system": "urn:x", "value": "1"}, mark]}
    told = message.write(asked | {"cancelationReason": why}, recorder)
    assert told == {"no": "7", "why": {"code": "ILL", "words": "x"}}
    again = read(message, "<visit><no>7</no><why><code>ILL</code><words>x</words></why></visit>", recorder)
    assert again == {"resourceType": "Appointment", "identifier": [mark], "cancelationReason": why}


def test_a_message_that_is_only_read_says_which_rule_and_why(loaded: Load) -> None:
    with pytest.raises(BadRule, match=r"rules/visits.toml:25: keep element only reads: what is not understood"):
        loaded()["visit"].write({}, Recorder(Town()))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('to = "status"', 'to = "statuss"', ":21: R4's Appointment has no statuss"),
        ('to = "actor"', 'to = "aktor"', ":10: R4's AppointmentParticipant has no aktor"),
        ('from = "words"', 'from = "word"', ":14: visit has no why/word"),
        ('from = "who/@kind"', 'from = "who/@sort"', ":26: visit has no who/@sort"),
        ('as = "code state"', 'as = "kode state"', ":21: no conversion is called kode"),
        ('as = "code state"', 'as = "code"', ":21: no conversion is called code, or not with 0 words"),
        ("identifier PLACER PLAC", "reference Patient", ":7: reference gives Reference, identifier is Identifier"),
        ('table = "reason"', 'table = "raeson"', ":13: table raeson: "),
        ('table = "state"', 'table = "reason"', None),
        ("status = cancelled", "status = canceled", ":24: R4's Appointment is never status = canceled"),
        ('rows = "reason"', 'rows = "raeson"', ":24: no fragment is called raeson"),
        ('  "mark",', '  "marc",', ": message.visit: no fragment is called marc"),
        ("note = ", "nota = ", ":13: a row has no nota"),
        ('to = "Appointment"', 'to = "Appointmant"', ": message.visit: R4 has no Appointmant"),
        ('{ from = "words", to', '{ from = "words" to', ": "),
        ("person = [\n  {", "person = [ {", ": a row is one line"),
        ('  { from = "id!"', '  { from = ".", rows = "person" },\n  { from = "id!"', ":10: blocks go 2 deep"),
        ("mark = [", 'mark = [\n  "mark",', ": message.visit: a fragment holds itself"),
    ],
)
def test_a_mistake_in_a_file_is_found_when_it_is_loaded(loaded: Load, old: str, new: str, said: str | None) -> None:
    assert old in RULES
    if said is None:
        loaded(RULES.replace(old, new, 1))
        return
    with pytest.raises(BadRule) as raised:
        loaded(RULES.replace(old, new, 1))
    assert f"rules/visits.toml{said}" in str(raised.value)


def test_a_code_of_a_table_that_r4_has_not_is_a_mistake(loaded: Load, tmp_path: Path) -> None:
    [file] = tmp_path.rglob("state.csv")
    file.write_text(file.read_text("utf-8") + "N,no-show,\n", "utf-8")
    with pytest.raises(BadRule, match=r":21: table state has codes that R4's status has not: no-show"):
        loaded()


def test_a_trace_knows_where_every_element_came_from(loaded: Load) -> None:
    recorder, plain, xml = Trace(Town()), Recorder(Town()), VISIT.format("C", WHY)
    message = loaded()["visit"]
    assert read(message, xml, recorder) == read(message, xml, plain)
    steps = {step.element: step for step in recorder.take()}
    assert steps["Appointment.status"].sources == (("visit/state", 1),)
    assert steps["Appointment.status"].rule.endswith("rules/visits.toml:21")
    assert steps["Appointment.cancelationReason.text"].by == "text"
    assert steps["Appointment.participant.actor"].sources == (("visit/who[2]/id", 1),)


def test_python_takes_part_in_the_trace() -> None:
    recorder = Trace(Town())

    def number(visit: XmlNode) -> str:
        found = visit.one("no")
        return found.value if found else ""

    for one in (recorder, Recorder(Town())):
        visit = XmlNode(etree.fromstring("<visit><no>7</no></visit>"), one.seen)
        assert one.carry("Appointment.identifier", number, visit) == "7"
    [step] = recorder.take()
    assert (step.element, step.sources, step.by) == ("Appointment.identifier", (("visit/no", 1),), "number")
    assert "test_engine.py:" in step.rule


def test_json_is_a_tree_too(loaded: Load) -> None:
    recorder = Trace(Town())
    told = {"no": 7, "state": "B", "who": [{"id": "018"}, {"id": "NO"}], "why": None, "new": {"x": [True, "ä"]}}
    made = loaded()["visit"].read(JsonNode(told, "visit", recorder.seen), recorder)
    assert [p["actor"]["reference"] for p in made["participant"]] == ["Patient/018", "Patient/NO"]
    assert made["identifier"][0]["value"] == "7"
    assert made["extension"] == [{"url": "urn:town:element", "valueString": '{"x": [true, "ä"]}'}]
    steps = {step.element: step for step in recorder.take()}
    assert steps["Appointment.participant.actor"].sources == (("visit/who[2]/id", 0),)
    assert [leaf.place for leaf in JsonNode(told, "visit").leaves()][-2:] == ["visit/new/x[1]", "visit/new/x[2]"]
    with pytest.raises(BadMessage):
        loaded()["visit"].read(JsonNode(told | {"state": {}}, "visit"), Recorder(Town()))
