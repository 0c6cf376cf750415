"""What is no good request gets a fault of SOAP 1.1 or HTTP's own status; never a trace, never work done."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from tests.sandbox.mediatri.mediatri_bench import NS, SOAP, Bench, envelope, token, xml

GOOD = xml("HaeYksikot", {})


class Canary:
    """A server that nobody may call."""

    def __init__(self) -> None:
        self.calls = 0
        self.server: asyncio.Server | None = None

    async def start(self) -> str:
        self.server = await asyncio.start_server(self._called, "127.0.0.1", 0)
        host, port = self.server.sockets[0].getsockname()[:2]
        return f"http://{host}:{port}/canary"

    def _called(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.calls += 1
        writer.close()


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret.txt"
    path.write_text("tiedoston-salaisuus")
    return path


DOCTYPES = [
    '<!DOCTYPE x [<!ENTITY e SYSTEM "file://{secret}">]>',
    '<!DOCTYPE x [<!ENTITY e SYSTEM "{canary}">]>',
    '<!DOCTYPE x SYSTEM "{canary}">',
    '<!DOCTYPE x PUBLIC "a" "{canary}">',
    '<!DOCTYPE x [<!ENTITY % p SYSTEM "{canary}"> %p;]>',
    '<!DOCTYPE x [<!ENTITY % p SYSTEM "file://{secret}"> <!ENTITY e "%p;">]>',
    '<!DOCTYPE x [<!ENTITY e "harmless">]>',
    "<!DOCTYPE x>",
    '<!DOCTYPE x [<!ATTLIST HaeYksikot a CDATA "1">]>',
    '<!DOCTYPE x [<!ENTITY a "0123456789"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;">'
    '<!ENTITY f "&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;"><!ENTITY e "&f;&f;&f;&f;&f;&f;&f;&f;&f;&f;">]>',
]


@pytest.mark.parametrize("doctype", DOCTYPES)
async def test_a_document_type_is_refused(bench: Bench, secret: Path, doctype: str) -> None:
    canary = Canary()
    address = await canary.start()
    body = f"<HaePotilas xmlns='{NS}'><potilasnumero>&e;</potilasnumero></HaePotilas>"
    text = envelope(body, token(bench.created)).decode()
    declared = doctype.replace("{secret}", str(secret)).replace("{canary}", address)
    reply = await bench.send(f"{declared}{text}".encode())
    assert (reply.faultcode, reply.code) == ("soap:Client", None)
    assert b"salaisuus" not in bench.journal.entries()[-1].raw
    assert canary.calls == 0


@pytest.mark.parametrize("words", ["<!DOCTYPE x>", "<!ENTITY e 'x'>"])
async def test_not_even_the_words_of_a_document_type_are_taken(bench: Bench, words: str) -> None:
    body = f"<HaePotilas xmlns='{NS}'><potilasnumero><![CDATA[{words}]]></potilasnumero></HaePotilas>"
    reply = await bench.send(envelope(body, token(bench.created)))
    assert (reply.faultcode, reply.code) == ("soap:Client", None)


async def test_a_document_type_in_another_encoding_is_refused(bench: Bench) -> None:
    text = f'<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE x [<!ENTITY e "x">]>{envelope(GOOD, "").decode()}'
    for raw in (text.encode("utf-16"), text.encode("utf-16-le"), text.encode("utf-8")):
        assert (await bench.send(raw)).faultcode == "soap:Client"
    latin = f'<?xml version="1.0" encoding="ISO-8859-1"?>{envelope(GOOD, token(bench.created)).decode()}'
    assert (await bench.send(latin.encode())).faultcode == "soap:Client"


@pytest.mark.parametrize(
    "start", ["\ufeff", '<?xml version="1.0" encoding="utf-8"?>', "<?xml version='1.0'?><!-- x -->"]
)
async def test_a_good_request_may_begin_in_many_ways(bench: Bench, start: str) -> None:
    assert (await bench.send(start.encode() + bench.message("HaeYksikot"))).code == ""


async def test_hints_about_other_schemas_are_not_followed(bench: Bench) -> None:
    canary = Canary()
    address = await canary.start()
    hint = f'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="{NS} {address}"'
    body = GOOD.replace("<HaeYksikot", f"<HaeYksikot {hint}")
    reply = await bench.send(envelope(body, token(bench.created)))
    assert reply.code == ""
    assert canary.calls == 0


async def test_an_inclusion_is_no_element_of_ours(bench: Bench, secret: Path) -> None:
    include = f'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file://{secret}" parse="text"/>'
    body = f"<HaePotilas xmlns='{NS}'><potilasnumero>{include}</potilasnumero></HaePotilas>"
    reply = await bench.send(envelope(body, token(bench.created)))
    assert reply.code == "VIRHEELLINEN_PYYNTO"
    assert b"salaisuus" not in bench.journal.entries()[-1].raw


@pytest.mark.parametrize("prefix", ["xi", "pc", "ä"])
async def test_an_element_of_another_namespace_is_refused(bench: Bench, prefix: str) -> None:
    """By whatever prefix it was written; no name of a stranger's comes back."""
    body = f"<HaeMuutokset xmlns='{NS}'><{prefix}:x xmlns:{prefix}='urn:another'/></HaeMuutokset>"
    reply = await bench.send(envelope(body, token(bench.created)))
    assert (reply.faultcode, reply.code, reply.text("kohta")) == ("soap:Client", "VIRHEELLINEN_PYYNTO", "")


@pytest.mark.parametrize("body", [f"text{GOOD}", f"{GOOD}text"])
async def test_a_body_is_one_element_and_no_text(bench: Bench, body: str) -> None:
    reply = await bench.send(envelope(body, token(bench.created)))
    assert (reply.faultcode, reply.code) == ("soap:Client", None)


def _attributes(count: int) -> str:
    return "<x " + " ".join(f'a{number}=""' for number in range(count)) + "/>"


def _namespaces(count: int) -> str:
    return "<x " + " ".join(f'xmlns:n{number}="u{number}"' for number in range(count)) + "/>"


BOMBS = {
    "deep": "<x>" * 100_000,
    "deep-and-closed": "<x>" * 10_000 + "</x>" * 10_000,
    "a little too deep": "<x>" * 120 + "</x>" * 120,
    "attributes": _attributes(90_000),
    "namespaces": _namespaces(40_000),
    "text": "<x>" + "y" * 1_000_000 + "</x>",
    "elements": "<x/>" * 200_000,
    "references": "<x>" + "&#65;" * 190_000 + "</x>",
    "comments": "<!---->" * 140_000 + GOOD,
}


@pytest.mark.parametrize("name", BOMBS)
async def test_a_bomb_is_no_request(bench: Bench, name: str) -> None:
    message = envelope(BOMBS[name], token(bench.created))
    assert len(message) <= 1024 * 1024
    reply = await bench.send(message)
    assert reply.code in (None, "VIRHEELLINEN_PYYNTO", "")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"hello",
        b"{}",
        b"<x/>",
        b"<soap:Envelope/>",
        b"\xff\xfe\x00",
        f'<e:Envelope xmlns:e="{SOAP}"/>'.encode(),
        f'<e:Envelope xmlns:e="{SOAP}"><e:Body/></e:Envelope>'.encode(),
        f'<e:Envelope xmlns:e="{SOAP}"><e:Body><a/><b/></e:Body></e:Envelope>'.encode(),
        f'<e:Envelope xmlns:e="{SOAP}"><e:Body><a/></e:Body><e:Body><a/></e:Body></e:Envelope>'.encode(),
        f'<e:Envelope xmlns:e="{SOAP}"><e:Body><a/></e:Body><e:Header/></e:Envelope>'.encode(),
        f'<e:Envelope xmlns:e="{SOAP}"><e:Body><a/></e:Body><trailer/></e:Envelope>'.encode(),
        f'<Envelope xmlns="{SOAP}"><Header/><Header/><Body><a/></Body></Envelope>'.encode(),
        envelope(GOOD, "").decode().replace("HaeYksikot", "Ha\xe4").encode("latin-1"),
        envelope(GOOD, "") + b"<x/>",
        envelope(GOOD, "")[:-5],
        b"\x00" * 100,
    ],
)
async def test_what_is_no_envelope(bench: Bench, raw: bytes) -> None:
    reply = await bench.send(raw)
    assert (reply.faultcode, reply.code) == ("soap:Client", None)


@pytest.mark.parametrize("media_type", ["application/soap+xml", "text/xml"])
async def test_another_version_of_soap(bench: Bench, media_type: str) -> None:
    text = envelope(GOOD, token(bench.created)).replace(SOAP.encode(), b"http://www.w3.org/2003/05/soap-envelope")
    reply = await bench.send(text, None, **{"Content-Type": media_type})
    assert (reply.faultcode, reply.code) == ("soap:VersionMismatch", None)


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (xml("HaeKaikki", {}), ""),
        (GOOD.replace(NS, "urn:other"), ""),
        ("<HaeYksikot/>", ""),
        (xml("HaeYksikotVastaus", {}), ""),
        (xml("HaeYksikot", {"x": "1"}), ""),
        (xml("HaePotilas", {}), "henkilotunnus"),
        (xml("HaePotilas", {"henkilotunnus": "010594Y9021", "potilasnumero": "1"}), "potilasnumero"),
        (xml("HaePotilas", {"henkilotunnus": "010594 9021"}), "henkilotunnus"),
        (xml("HaePotilas", {"potilasnumero": "1; DROP TABLE"}), "potilasnumero"),
        (xml("HaeVapaatAjat", {"alkupaiva": "24.03.2027"}), ""),
        (xml("HaeVapaatAjat", {"loppupaiva": "24.03.2027", "alkupaiva": "24.03.2027"}), "loppupaiva"),
        (xml("HaeVapaatAjat", {"alkupaiva": "2027-03-24", "loppupaiva": "24.03.2027"}), "alkupaiva"),
        (xml("HaeVapaatAjat", {"alkupaiva": "30.02.2027", "loppupaiva": "24.03.2027"}), "alkupaiva"),
        (xml("HaeVapaatAjat", {"alkupaiva": "01.01.0001", "loppupaiva": "02.01.0001"}), "alkupaiva"),
        (xml("HaeVapaatAjat", {"alkupaiva": "31.12.9999", "loppupaiva": "31.12.9999"}), "alkupaiva"),
        (xml("HaeMuutokset", {"kursori": "hello"}), "kursori"),
    ],
)
async def test_what_is_not_in_the_interface(bench: Bench, body: str, where: str) -> None:
    reply = await bench.send(envelope(body, token(bench.created)))
    assert (reply.code, reply.faultcode, reply.text("kohta")) == ("VIRHEELLINEN_PYYNTO", "soap:Client", where)


@pytest.mark.parametrize("name", ["palvelu", "yksikko", "kalenteri", "ammattihenkilo", "jatko"])
async def test_missing_empty_and_nil_are_the_same(bench: Bench, name: str) -> None:
    xsi = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"'
    days = "<alkupaiva>24.03.2027</alkupaiva><loppupaiva>24.03.2027</loppupaiva>"
    answers = []
    for element in ("", f"<{name}/>", f"<{name} {xsi}/>"):
        body = f'<HaeVapaatAjat xmlns="{NS}">{days}{element}</HaeVapaatAjat>'
        reply = await bench.send(envelope(body, token(bench.created)))
        answers.append(reply.records("vapaaAika"))
    assert answers[0]
    assert answers[0] == answers[1] == answers[2]


async def test_a_start_that_is_nil_is_missing(bench: Bench) -> None:
    nil = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"'
    body = (
        f'<PeruAika xmlns="{NS}"><varausnumero>1</varausnumero><potilasnumero>1</potilasnumero>'
        f"<alkuperainenAlku {nil}/><peruutussyy>MUU</peruutussyy><asiakasViite>p-1</asiakasViite></PeruAika>"
    )
    reply = await bench.send(envelope(body, token(bench.created)))
    assert (reply.code, reply.text("kohta")) == ("VIRHEELLINEN_PYYNTO", "alkuperainenAlku")


async def test_no_fault_repeats_what_was_sent(bench: Bench) -> None:
    reply = await bench.call("HaePotilas", henkilotunnus="010594Y9021x")
    assert "010594Y9021" not in reply.body.xpath("string()")


@pytest.mark.parametrize(
    ("action", "good"),
    [
        (f"{NS}/HaeYksikot", True),
        ("", True),
        (f"{NS}/HaePalvelut", False),
        ("HaeYksikot", False),
        (None, False),
    ],
)
async def test_soapaction(bench: Bench, action: str | None, good: bool) -> None:
    reply = await bench.send(bench.message("HaeYksikot"), action)
    assert reply.code == ("" if good else "VIRHEELLINEN_PYYNTO")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "application/json"}, 415),
        ({"Content-Type": ""}, 415),
        ({"Content-Type": "text/xml; charset=iso-8859-1"}, 415),
        ({"Content-Encoding": "gzip"}, 415),
        ({"Content-Type": 'TEXT/XML; charset="UTF-8"'}, 200),
        ({"Content-Type": "text/xml"}, 200),
    ],
)
async def test_media_types(bench: Bench, headers: dict[str, str], status: int) -> None:
    answer = await bench.post(bench.message("HaeYksikot"), **headers)
    assert answer.status_code == status
    assert (answer.content == b"") == (status != 200)


async def test_other_methods_and_addresses(bench: Bench) -> None:
    address = bench.face.address
    for method in ("GET", "PUT", "DELETE", "HEAD", "OPTIONS"):
        answer = await bench.client.request(method, address)
        assert (answer.status_code, answer.headers["allow"], answer.content) == (405, "POST", b"")
    assert (await bench.client.get(f"{address}?xsd=2")).status_code == 405
    assert (await bench.client.post(address.replace("Ajanvaraus", "Muu"), content=b"x")).status_code == 404


async def test_a_body_that_is_too_large(bench: Bench) -> None:
    answer = await bench.post(envelope(GOOD, "") + b" " * 1024 * 1024)
    assert (answer.status_code, answer.headers["connection"]) == (500, "close")
    assert b"<faultcode>soap:Client</faultcode>" in answer.content
    head = bench.http(b"", "HaeYksikot").replace(b"Content-Length: 0", b"Content-Length: 99999999999")
    assert b"500" in (await bench.raw(head)).split(b"\r\n")[0]


async def test_above_the_rate_nothing_is_done(bench: Bench) -> None:
    statuses = []
    for _ in range(1001):
        statuses.append((await bench.post(b"<x/>")).status_code)
    assert statuses == [500] * 1000 + [503]
    answer = await bench.post(bench.message("HaeYksikot"))
    assert (answer.status_code, answer.headers["retry-after"], answer.content) == (503, "1", b"")
    bench.real.seconds += 1
    assert (await bench.post(bench.message("HaeYksikot"))).status_code == 200


async def test_half_a_request_is_given_up(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.wire.REQUEST_SECONDS", 0.2)
    whole = bench.http(bench.message("HaeYksikot"), "HaeYksikot")
    assert (await bench.raw(whole[:-10])).startswith(b"HTTP/1.1 408 ")
    assert (await bench.raw(whole[:30])).startswith(b"HTTP/1.1 408 ")


async def test_a_client_that_hangs_up_harms_nobody(bench: Bench) -> None:
    with socket.create_connection(("127.0.0.1", bench.face.port)) as one:
        one.sendall(bench.http(bench.message("HaeYksikot"), "HaeYksikot")[:200])
    await asyncio.sleep(0.05)
    assert (await bench.call("HaeYksikot")).code == ""
