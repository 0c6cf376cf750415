"""The law of rules that go both ways: what is written is read again, for every value that the source can carry.

The cases are made of the rules themselves: for every row a value of its kind, or none where it need not be there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from canonical import fhir, hetu, times
from mappings.engine.mapping import Message, _putting, every
from mappings.engine.recorder import Recorder
from mappings.engine.rules import Rule
from mappings.mediatri.markup import Fields
from mappings.proconsona import keys
from mappings.proconsona.document import Part
from mappings.tool.systems import system

NODES: Mapping[str, type[Fields] | type[Part]] = {"mediatri": Fields, "proconsona": Part}
MESSAGES = [(name, message) for name in NODES for message in system(name).messages()]
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"))
SPOKEN = (TEXT | st.sampled_from(["a\nb", " a ", "<&>", "018", "NO"])).filter(lambda text: bool(text.strip()))
INSTANTS = st.datetimes(datetime(1922, 1, 2), datetime(2199, 12, 30)).map(lambda at: at.replace(tzinfo=UTC))
NIGHTS = st.integers(0, 360).map(lambda minute: datetime(2027, 10, 30, 22, tzinfo=UTC) + timedelta(minutes=minute))


def tokens(rule: Rule) -> st.SearchStrategy[str]:
    form = rule.form.pattern if rule.form else r"[A-Za-z0-9._-]{1,20}"
    return st.from_regex(form, fullmatch=True).filter(lambda text: not hetu.appears_in(text))


def values(rule: Rule, recorder: Recorder, token: st.SearchStrategy[str]) -> st.SearchStrategy[Any] | None:
    """FHIR values of the rule's kind that its source can carry; None for a rule that only writes or leaves out."""
    name, *words = rule.call.split() or [""]

    def coded(code: str) -> dict[str, Any]:
        display = rule.table.get((code,), {}).get("display")
        return fhir.coding(recorder.uri(words[0]), code, display)

    codes = st.sampled_from(sorted(key[0] for key in rule.table)) if rule.table else token
    kinds: dict[str, Callable[[], st.SearchStrategy[Any]]] = {
        "text": lambda: SPOKEN,
        "token": lambda: token,
        "number": lambda: st.integers(1, 2**31 - 1),
        "version": lambda: st.integers(1, 2**31 - 1).map(str),
        "day": lambda: st.dates(date(1900, 1, 1)).map(date.isoformat),
        "local-day": lambda: st.dates(date(1900, 1, 1)).map(date.isoformat),
        "instant": lambda: (INSTANTS | NIGHTS).map(lambda at: times.iso(at.replace(microsecond=0))),
        "moment": lambda: (INSTANTS | NIGHTS).map(lambda at: times.iso(at.replace(second=0, microsecond=0))),
        "identifier": lambda: token.map(
            lambda text: fhir.identifier(recorder.uri(words[0]), text, type_code=words[1] if words[1:] else None)
        ),
        "reference": lambda: token.map(lambda text: fhir.reference(words[0], text)),
        "calendar": lambda: st.uuids().map(lambda one: fhir.reference("Slot", keys.pack(str(one)))),
        "coding": lambda: codes.map(coded),
        "concept": lambda: codes.map(lambda code: fhir.concept(coded(code))),
        "code": lambda: st.sampled_from(sorted(_alone(rule))),
        "constant": lambda: st.just({"true": True}.get(words[0], words[0])),
        "contact": lambda: SPOKEN.map(lambda text: {"system": words[0], "value": text}),
    }
    return kinds[name]() if rule.target and rule.conversion.encode is not None else None


def _alone(rule: Rule) -> Iterator[str]:
    """The FHIR codes that one code of the table has, whole."""
    found = [line["fhir"] for line in rule.table.values()]
    return (line["fhir"] for line in rule.table.values() if found.count(line["fhir"]) == 1 and not line.get("lost"))


def two_way(rules: Sequence[Rule]) -> list[Rule]:
    """The rules that write, without what is known only when all are read."""
    return [replace(rule, condition=None, rows=tuple(two_way(rule.rows))) for rule in rules if rule.writes]


def filled(rules: Sequence[Rule], draw: Callable[[Any], Any], recorder: Recorder) -> dict[str, Any]:
    """A resource that has a value at every place that must be there, and at some of the others. Of one source every
    rule makes its element of the same."""
    made: dict[str, Any] = {}
    same = {rule.sources[0][0]: draw(tokens(rule)) for rule in rules}
    needed = {path for rule in rules for path, mark in rule.sources if mark == "!"}
    for rule in rules:
        must = rule.sources[0][0] in needed or rule.call.startswith(("code", "constant"))
        if rule.rows and (must or draw(st.booleans())):
            if inner := filled(rule.rows, draw, recorder):
                _putting(rule)(made, inner, recorder)
            continue
        kind = None if rule.rows else values(rule, recorder, st.just(same[rule.sources[0][0]]))
        if kind is not None and (must or draw(st.booleans())):
            _putting(rule)(made, draw(kind), recorder)
    return made


def element(name: str, told: Mapping[str, Any], namespace: str) -> Any:
    made = etree.Element(f"{{{namespace}}}{name}")
    for part, value in told.items():
        if isinstance(value, dict):
            made.append(element(part, value, namespace))
        else:
            etree.SubElement(made, f"{{{namespace}}}{part}").text = value
    return made


@pytest.mark.parametrize(("of", "name"), MESSAGES)
@given(data=st.data())
@settings(max_examples=10, deadline=None)
def test_what_is_written_is_read_again(of: str, name: str, data: st.DataObject) -> None:
    whole, site, node = system(of).messages()[name], system(of).site, NODES[of]
    part = Message(name, whole.root, whole.kind, two_way(whole.rules))
    said, heard = Recorder(site), Recorder(site)
    asked = filled(part.rules, data.draw, said)
    told = part.write({"resourceType": whole.kind} | asked, said)
    wire = etree.tostring(element(whole.root, told, node.namespace))
    again = part.read(node(etree.fromstring(wire)), heard)
    assert again == {"resourceType": whole.kind} | asked
    assert said.notes == heard.notes == ()


def test_the_law_speaks_of_every_kind_of_fragment() -> None:
    """Person, time, service, place, text, answer: each is in some row that goes both ways."""
    rules = [one for of, name in MESSAGES for one in every(two_way(system(of).messages()[name].rules))]
    elements = {rule.to.partition(".")[2].partition("[")[0] for rule in rules if rule.target}
    assert elements >= {"participant.actor", "start", "end", "slot", "serviceType", "comment", "identifier", "status"}


def test_what_another_rule_writes_is_left_to_it() -> None:
    """Of several identifiers, extensions, participants each row takes its own, wherever it stands."""
    message, recorder = system("mediatri").messages()["PeruAika"], Recorder(system("mediatri").site)
    mark = fhir.identifier("https://sotesilta.example/fhir/placer", "c0ffee00", type_code="PLAC")
    others = [fhir.identifier("urn:other", "1"), fhir.identifier("urn:another", "2")]
    people = [{"actor": fhir.reference(kind, "7")} for kind in ("Location", "Patient", "Practitioner")]
    asked = {"id": "400001", "start": "2027-03-24T08:00:00+02:00", "participant": people}
    told = message.write(asked | {"identifier": [*others, mark]}, recorder)
    assert (told["asiakasViite"], told["potilasnumero"]) == ("c0ffee00", "7")
    assert list(told) == ["varausnumero", "potilasnumero", "alkuperainenAlku", "peruutussyy", "asiakasViite"]
