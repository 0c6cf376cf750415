"""The manual tells the truth: its examples are valid, are what the mock answers, and its tables are the mock's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from lxml import etree

from sandbox.faults import KINDS, OPERATIONS
from sandbox.mediatri.face import MediatriFace
from sandbox.mediatri.lists import BOOKINGS, CHANGES, FREE_TIMES, LONGEST_DAYS
from sandbox.mediatri.pages import STATES
from sandbox.mediatri.refusals import ENVELOPE_TEXTS, ERRORS
from tests.sandbox.mediatri.mediatri_bench import NS, SCHEMA, WSDL, XSD, Bench
from tests.sandbox.mediatri.mediatri_manual import MANUAL, MORE, blocks, is_request, replay

TEXT = MANUAL.read_text("utf-8")
WHOLE = [text for kind, text in blocks(TEXT) if kind == "xml" and MORE not in text and "<soap:Fault" not in text]
XS = "{http://www.w3.org/2001/XMLSchema}"
WS = "{http://schemas.xmlsoap.org/wsdl/}"


@pytest.mark.parametrize("text", WHOLE, ids=lambda text: text[1:].split(" ")[0])
def test_an_example_is_valid(text: str) -> None:
    SCHEMA.assertValid(etree.fromstring(text))


def test_every_request_has_its_answer() -> None:
    turns = [is_request(kind, text) for kind, text in blocks(TEXT)]
    del turns[2]  # the fault of section 4 stands alone
    assert turns == [True, False] * (len(turns) // 2)


def test_every_operation_has_an_example() -> None:
    shown = {re.match(r"<(\w+)", text)[1] for kind, text in blocks(TEXT) if kind == "xml" and is_request(kind, text)}  # type: ignore[index]
    assert shown == set(_operations())


async def test_the_examples_are_what_the_mock_answers(tmp_path: Path) -> None:
    assert await replay(TEXT, tmp_path) == TEXT


def test_the_fault_table_is_the_one_used() -> None:
    rows = re.findall(r"^\| `(soap:\w+)` \| `([A-Z_]+)` \|", TEXT, re.MULTILINE)
    assert rows == [(error.faultcode, code) for code, error in ERRORS.items()]
    enumerated = {one.get("value") for one in _simple_type("Virhekoodi").iter(f"{XS}enumeration")}
    assert enumerated == set(ERRORS)
    for faultcode in ENVELOPE_TEXTS:
        assert f"`{faultcode}`" in TEXT


def test_the_states_are_those_of_the_schema() -> None:
    enumerated = [one.get("value") for one in _simple_type("Tila").iter(f"{XS}enumeration")]
    rows = re.findall(r"^\| `([A-Z_]+)` \| [^|]+ \| (?:yes|no) \|", TEXT, re.MULTILINE)
    assert rows == enumerated
    assert set(STATES.values()) <= set(enumerated)


def test_the_numbers_are_the_ones_used() -> None:
    for said in (f"at most {LONGEST_DAYS} days", f"At most {FREE_TIMES} times", f"most {BOOKINGS} in one answer"):
        assert said in TEXT
    assert f"at most **{CHANGES}**" in TEXT


def test_the_table_of_sandbox_faults_is_the_one_offered(bench: Bench) -> None:
    appendix = TEXT.split("# Appendix: sandbox only")[1].split("| Kind |")[1]
    rows = set(re.findall(r"^\| ([a-z0-9-]+)(?:\{[a-z, ]+\})? \|", appendix, re.MULTILINE))
    assert isinstance(bench.face, MediatriFace)
    assert rows == bench.face.fault_kinds
    assert rows <= set(KINDS)
    assert {"hold", "release", "book", "cancel"} <= set(OPERATIONS)


def test_the_wsdl_offers_every_operation_with_its_fault() -> None:
    wsdl = etree.parse(WSDL)
    operations = {one.get("name"): one for one in wsdl.iter(f"{WS}operation") if one.getparent().tag == f"{WS}portType"}
    assert set(operations) == set(_operations())
    for operation in operations.values():
        assert operation.find(f"{WS}fault").get("message") == "tns:Virhe"
    actions = {one.get("soapAction") for one in wsdl.iter("{http://schemas.xmlsoap.org/wsdl/soap/}operation")}
    assert actions == {f"{NS}/{name}" for name in operations}


def _operations() -> list[str]:
    """The operations that the schema has messages for."""
    names = {one.get("name") for one in etree.parse(XSD).getroot().findall(f"{XS}element")}
    return [name for name in names if f"{name}Vastaus" in names]


def _simple_type(name: str) -> etree._Element:
    (found,) = (
        etree.parse(XSD).getroot().xpath("xs:simpleType[@name=$name]", name=name, namespaces={"xs": XS.strip("{}")})
    )
    return found
