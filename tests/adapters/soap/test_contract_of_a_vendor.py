"""Envelopes by WSDLs as vendors write them: prefixes declared at the root, headers of their own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree

from adapters.errors import Misconfigured
from adapters.soap.contract import Contract
from canonical import soap

WSDL = """<?xml version="1.0"?>
<wsdl:definitions xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"
    xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:av="urn:vendor:av" targetNamespace="urn:vendor:av">
  <wsdl:types><xs:schema targetNamespace="urn:vendor:av" elementFormDefault="qualified">
    <xs:simpleType name="DayT"><xs:restriction base="xs:string"><xs:pattern value="[0-9.]{10}"/></xs:restriction></xs:simpleType>
    <xs:element name="GetFree"><xs:complexType><xs:sequence><xs:element name="day" type="av:DayT"/></xs:sequence>
    </xs:complexType></xs:element>
    <xs:element name="GetFreeResult" type="xs:string"/>
    <xs:element name="Key"><xs:complexType><xs:sequence><xs:element name="value" type="xs:string"/></xs:sequence>
    </xs:complexType></xs:element>
  </xs:schema></wsdl:types>
  <wsdl:message name="in"><wsdl:part name="body" element="av:GetFree"/><wsdl:part name="key" element="av:Key"/></wsdl:message>
  <wsdl:message name="out"><wsdl:part name="body" element="av:GetFreeResult"/></wsdl:message>
  <wsdl:portType name="Port"><wsdl:operation name="GetFree">
    <wsdl:input message="av:in"/><wsdl:output message="av:out"/></wsdl:operation></wsdl:portType>
  <wsdl:binding name="Soap" type="av:Port">
    <soap:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>
    <wsdl:operation name="GetFree"><soap:operation soapAction="urn:GetFree"/>
      <wsdl:input><soap:header message="av:in" part="key" use="literal"/><soap:body use="literal" parts="body"/></wsdl:input>
      <wsdl:output><soap:body use="literal"/></wsdl:output></wsdl:operation>
  </wsdl:binding>
  <wsdl:service name="S"><wsdl:port name="P" binding="av:Soap"><soap:address location="http://vendor.test/"/></wsdl:port></wsdl:service>
</wsdl:definitions>
"""  # noqa: E501 - as vendors write it


@pytest.fixture
def contract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Contract]:
    package = tmp_path / "vendor_av"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "av.wsdl").write_text(WSDL)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield Contract("vendor_av", wsdl="av.wsdl", binding="Soap")
    sys.modules.pop("vendor_av", None)


def test_a_prefix_that_the_wsdl_declares_holds_in_its_schema(contract: Contract) -> None:
    made = contract.envelope("GetFree", {"day": "22.03.2027"}, None)
    assert made.action == "urn:GetFree"
    assert made.body == made.kept
    assert etree.fromstring(made.body).findtext(".//{urn:vendor:av}day") == "22.03.2027"
    with pytest.raises(Misconfigured, match="not valid by the schema"):
        contract.envelope("GetFree", {"day": "tomorrow"}, None)


def test_a_header_of_the_vendors_travels_and_is_kept_masked(contract: Contract) -> None:
    made = contract.envelope("GetFree", {"day": "22.03.2027"}, None, {"key": {"value": "very-secret"}})
    there = etree.fromstring(made.body).find(f"{{{soap.ENVELOPE}}}Header/{{urn:vendor:av}}Key/{{urn:vendor:av}}value")
    assert there is not None
    assert there.text == "very-secret"
    assert b"very-secret" not in made.kept
    assert b"22.03.2027" in made.kept
