"""What leaves: envelopes by the vendor's contract, signed anew each time, and what is kept of them."""

from __future__ import annotations

import base64
import hashlib
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from adapters.base import Installation
from adapters.errors import Misconfigured
from adapters.mediatri import open as open_mediatri
from adapters.mediatri.soap import contract
from adapters.soap.contract import Credentials
from mappings.mediatri.requests import Request
from tests.adapters.mediatri.mediatri_stub import BOOK, OPTIONS, PERSON, RESERVED, Stub, answer, golden

VENDORS = Path(__file__).parents[3] / "sandbox" / "mediatri"
OURS = Path(__file__).parents[3] / "mappings" / "mediatri"
WSSE = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd}"
WSU = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd}"


@pytest.mark.parametrize("name", ["mediatri.wsdl", "mediatri.xsd"])
def test_our_copy_of_the_contract_is_the_vendors(name: str) -> None:
    assert (OURS / name).read_bytes() == (VENDORS / name).read_bytes()


def test_digest_is_that_of_the_manuals_example() -> None:
    nonce = bytes(range(0x10, 0x20)).decode("ascii")
    who = Credentials("sotesilta", "esimerkki-salasana", nonce, datetime(2027, 3, 22, 6, 15, tzinfo=UTC))
    envelope = contract().envelope("HaeMuutokset", {"kursori": ""}, who)
    assert envelope.action == "http://mediatri.example/ajanvaraus/v1/HaeMuutokset"
    root = etree.fromstring(envelope.body)
    assert root.findtext(f".//{WSSE}Password") == "2pR8pkX3h3JDe15Gh3YDwWGAiww="
    assert root.findtext(f".//{WSSE}Nonce") == "EBESExQVFhcYGRobHB0eHw=="
    assert root.findtext(f".//{WSU}Created") == "2027-03-22T06:15:00Z"


async def test_every_request_is_signed_anew_and_now() -> None:
    steps: Any = {"VaraaAika": [answer("VaraaAika", RESERVED)], "VahvistaVaraus": [golden("book-answer")]}
    made = Stub(steps)
    await made.adapter().perform(made.call(), BOOK)
    nonces = set()
    for request in made.requests:
        root = etree.fromstring(request.content)
        nonce = base64.b64decode(root.findtext(f".//{WSSE}Nonce"))
        created = root.findtext(f".//{WSU}Created")
        digest = hashlib.sha1(nonce + created.encode() + OPTIONS["password"].encode()).digest()
        assert base64.b64decode(root.findtext(f".//{WSSE}Password")) == digest
        assert abs(datetime.fromisoformat(created) - datetime.now(UTC)) < timedelta(seconds=60)
        assert len(nonce) >= 8
        nonces.add(nonce)
    assert len(nonces) == 2


async def test_what_is_kept_is_what_left_without_the_digest() -> None:
    steps: Any = {"VaraaAika": [answer("VaraaAika", RESERVED)], "VahvistaVaraus": [golden("book-answer")]}
    made = Stub(steps)
    await made.adapter().perform(made.call(), BOOK)
    assert [exchange.operation for exchange in made.ledger.exchanges] == ["VaraaAika", "VahvistaVaraus"]
    for exchange, request in zip(made.ledger.exchanges, made.requests, strict=True):
        head, _, body = exchange.sent.partition(b"\r\n\r\n")
        assert head.startswith(b"POST /ws/Ajanvaraus HTTP/1.1\r\n")
        digest = etree.fromstring(request.content).findtext(f".//{WSSE}Password").encode()
        assert digest not in exchange.sent
        assert OPTIONS["password"].encode() not in request.content
        assert body == request.content.replace(digest, b"*" * len(digest))
        assert request.headers["soapaction"] == f'"http://mediatri.example/ajanvaraus/v1/{exchange.operation}"'
        assert request.headers["content-type"] == "text/xml; charset=utf-8"
        [(raw, outcome)] = exchange.replies
        assert outcome == "done"
        assert raw.startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(
    "request_",
    [
        Request("HaePotilas", {"henkilotunnus": "nobody at all"}),
        Request("HaePotilas", {"nimi": "x"}),
        Request("VaraaAika", {"potilasnumero": "1"}),
        Request("HaeVapaatAjat", {"alkupaiva": "1.1.2027", "loppupaiva": "02.01.2027"}),
        Request("Keksitty"),
    ],
)
def test_what_is_not_valid_by_the_schema_does_not_leave(request_: Request) -> None:
    with pytest.raises(Misconfigured) as raised:
        contract().envelope(request_.operation, request_.content, Credentials("u", "p"))
    assert "nobody" not in raised.value.detail


def test_contract_is_read_without_any_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked for")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert contract.__wrapped__().envelope("HaeYksikot", {}, Credentials("u", "p")).body


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"address": "http://example.org/ws"}, "address"),
        ({"address": "ftp://127.0.0.1/ws"}, "address"),
        ({"password": ""}, "password"),
        ({"username": ""}, "username"),
        ({"quiescence": 9}, "quiescence"),
        ({"limit": 0}, "limit"),
        ({"wsdl": "http://127.0.0.1/ws?wsdl"}, "wsdl"),
    ],
)
def test_wrong_options_are_listed_without_their_values(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(Misconfigured) as raised:
        open_mediatri(Installation("mediatri-sipoo", "mediatri", "1.0", (), (), {**OPTIONS, **wrong}))
    assert f"options.{named}" in raised.value.detail
    assert OPTIONS["password"] not in raised.value.detail


def test_options_are_shown_without_the_secret() -> None:
    adapter = open_mediatri(Installation("mediatri-sipoo", "mediatri", "1.0", (), (), OPTIONS))
    assert OPTIONS["password"] not in repr(adapter.installation)
    assert (adapter.profile.limit, adapter.profile.quiescence, adapter.profile.text_limit) == (15.0, 11.0, 1000)


async def test_a_hetu_travels_in_a_body_and_never_in_an_address() -> None:
    steps: Any = {"HaePotilas": [golden("person")]}
    made = Stub(steps)
    await made.adapter().find_person(made.call(), PERSON.hetu)
    [request] = made.requests
    assert PERSON.hetu not in str(request.url)
    assert PERSON.hetu.encode() in request.content
