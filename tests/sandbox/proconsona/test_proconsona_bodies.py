"""Bad input gets an answer that says what is wrong and where: never a 500, nor a word of the input (manual §3, §11)."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from sandbox import wire
from tests.sandbox.http.http_bench import HETU
from tests.sandbox.proconsona.proconsona_bench import BASE, NAMESPACE, NS, Bench, booking, cancel, signed

OK = booking(
    "3dc9f6d9-6686-52d5-8a2a-1d81355f0557", ("58833468-ffbc-51cb-93a6-5bf97038b6f4", "2027-03-23T09:00:00+02:00")
)
LAUGHS = (
    '<!DOCTYPE a [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 9)).replace("&a0;", "&a;")
    + f']><uusiTapaaminen xmlns="{NAMESPACE}">&a8;</uusiTapaaminen>'
)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("<", "EI_XML"),
        ("ei", "EI_XML"),
        ("{}", "EI_XML"),
        (OK + OK, "EI_XML"),
        (OK.replace("uusiTapaaminen", "tapaaminen"), "EI_XML"),
        (OK.replace(NAMESPACE, "urn:muu"), "EI_XML"),
        (OK.replace("</asiakas>", "&nimi;</asiakas>"), "EI_XML"),
        ('<?xml version="1.0" encoding="ISO-8859-1"?>' + OK, "EI_XML"),
        (OK.encode().replace(b"</asiakas>", b"\xe4</asiakas>"), "EI_XML"),
        (OK.encode("utf-16"), "EI_XML"),
        (OK.replace("</asiakas>", "&#0;</asiakas>"), "EI_XML"),
        ("<a>" * 300 + "</a>" * 300, "EI_XML"),
        ("<!DOCTYPE uusiTapaaminen>" + OK, "DTD_KIELLETTY"),
        (
            "<?xml version='1.0'?>\n<!-- x --> <?pi?><!DOCTYPE a SYSTEM 'http://127.0.0.1:9/a.dtd'>" + OK,
            "DTD_KIELLETTY",
        ),
        (
            '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + OK.replace("</asiakas>", "&x;</asiakas>"),
            "DTD_KIELLETTY",
        ),
        (LAUGHS, "DTD_KIELLETTY"),
    ],
)
async def test_what_is_no_xml_of_ours(bench: Bench, body: str | bytes, code: str) -> None:
    found = await bench.ask("POST", "/tapaamiset", body)
    assert found.error == (400, code)
    assert found.places == []


async def test_what_may_stand_in_a_body(bench: Bench) -> None:
    time = (await bench.free())[0]
    body = booking(bench.number("aino"), time, text="a]]>b & <c>\r\nå")
    body = body.replace("<asiakas>", "<!-- asiakas --><?pi x?><asiakas>\n  ").replace("</alku>", " </alku>")
    found = await bench.ask(
        "POST", "/tapaamiset", b"\xef\xbb\xbf" + body.replace("<c>", "<![CDATA[<!DOCTYPE c>]]>").encode()
    )
    assert found.status == 201
    assert bench.kept(found.text("tunnus")).text == "a]]>b & <c>\nå"


PLACES = [
    (OK.replace("2027-03-23T09:00:00+02:00", "2027-03-23T09:00:00"), [("/pc:uusiTapaaminen/pc:alku", "ARVO")]),
    (OK.replace("2027-03-23T09:00:00+02:00", "2027-02-30T09:00:00Z"), [("/pc:uusiTapaaminen/pc:alku", "ARVO")]),
    (OK.replace("2027-03-23T09:00:00+02:00", "0001-01-01T00:00:00+14:00"), [("/pc:uusiTapaaminen/pc:alku", "ARVO")]),
    (OK.replace("3dc9f6d9", "3DC9F6D9"), [("/pc:uusiTapaaminen/pc:asiakas", "ARVO")]),
    (f'<uusiTapaaminen xmlns="{NAMESPACE}"/>', [("/pc:uusiTapaaminen", "PUUTTUU")]),
    (f'<x:uusiTapaaminen xmlns:x="{NAMESPACE}"/>', [("/pc:uusiTapaaminen", "PUUTTUU")]),
    (
        OK.replace("<kalenteri>", "<asiakas>x</asiakas><kalenteri>"),
        [("/pc:uusiTapaaminen/pc:asiakas[2]", "YLIMAARAINEN")],
    ),
    (OK.replace("</alku>", "</alku><Aino xmlns='urn:a'/>"), [("/pc:uusiTapaaminen/*", "YLIMAARAINEN")]),
    (OK.replace("</alku>", "</alku><Aino/>"), [("/pc:uusiTapaaminen/*", "YLIMAARAINEN")]),
    (OK.replace("<alku>", "<alku nimi='Aino'>"), [("/pc:uusiTapaaminen/pc:alku", "YLIMAARAINEN")]),
    (
        OK.replace("</alku>", f"</alku><lisatieto>{'x' * 1001}</lisatieto>"),
        [("/pc:uusiTapaaminen/pc:lisatieto", "ARVO")],
    ),
    (
        OK.replace("</alku>", f"</alku><ulkoinenTunniste>v-{HETU['aino']}</ulkoinenTunniste>"),
        [("/pc:uusiTapaaminen/pc:ulkoinenTunniste", "ARVO")],
    ),
    (
        OK.replace("3dc9f6d9", "x").replace("58833468", "y").replace("+02:00", ""),
        [(f"/pc:uusiTapaaminen/pc:{name}", "ARVO") for name in ("asiakas", "kalenteri", "alku")],
    ),
]


@pytest.mark.parametrize(("body", "places"), PLACES)
async def test_places(bench: Bench, body: str, places: list[tuple[str, str]]) -> None:
    found = await bench.ask("POST", "/tapaamiset", body)
    assert found.error == (400, "SKEEMA")
    assert found.places == places
    assert b"Aino" not in found.content
    assert HETU["aino"].encode() not in found.content


async def test_the_paths_are_xpaths_of_the_request(bench: Bench) -> None:
    body = OK.replace("<kalenteri>", "<asiakas>x</asiakas><kalenteri>")
    ((path, _),) = (await bench.ask("POST", "/tapaamiset", body)).places
    (node,) = etree.fromstring(body).xpath(path, namespaces={"pc": NS["pc"]})
    assert node.text == "x"


@pytest.mark.parametrize(
    "wish",
    [
        "",
        "<hyvaksy>x</hyvaksy>",
        "<hyvaksy/><hyvaksy/>",
        "<siirra/>",
        cancel("YKSIKKO"),
        cancel("MUU", "x" * 201),
        "<peru/>",
        "<poista/>",
    ],
)
async def test_changes_that_are_none(bench: Bench, wish: str) -> None:
    (first, _) = bench.proposals("aino")
    assert (await bench.change(first.id, 1, wish)).error == (400, "SKEEMA")
    for version in ("0", "-1", "1.0", "x", "", "9" * 5000):
        assert (await bench.change(first.id, version, "<hyvaksy/>")).error == (400, "SKEEMA")
    assert bench.kept(first.id).version == 1


async def test_many_wrong_places_are_cut(bench: Bench) -> None:
    attributes = " ".join(f"a{n}='1'" for n in range(5_000))
    found = await bench.ask("POST", "/tapaamiset", OK.replace("<alku>", f"<alku {attributes}>"))
    assert found.error == (400, "SKEEMA")
    assert len(found.places) <= 100


@pytest.mark.parametrize(
    "body",
    [
        "<a>" * 60_000,
        f'<uusiTapaaminen xmlns="{NAMESPACE}">' + "<x/>" * 60_000 + "</uusiTapaaminen>",
        "<a " + " ".join(f"xmlns:n{n}='u{n}'" for n in range(9_000)) + "/>",
        f'<uusiTapaaminen xmlns="{NAMESPACE}">{"&amp;" * 50_000}</uusiTapaaminen>',
        " " * 250_000 + "<",
        "<!--" * 60_000,
        "<?x?>" * 50_000 + "<!DOCTYPE",
    ],
    ids=range(7),
)
async def test_bombs_are_refused(bench: Bench, body: str) -> None:
    assert (await bench.ask("POST", "/tapaamiset", body)).status == 400


async def test_media_types(bench: Bench) -> None:
    for kind in ("application/json", "application/atom+xml", "application/xml; charset=iso-8859-1", ""):
        found = await bench.ask("POST", "/tapaamiset", OK, Content_Type=kind)
        assert found.error == (415, "SISALTOTYYPPI")
    packed = await bench.ask("POST", "/tapaamiset", OK, Content_Encoding="gzip")
    assert packed.error == (415, "SISALTOTYYPPI")
    for kind in ("text/xml", 'application/xml;charset="UTF-8"'):
        assert (await bench.ask("POST", "/tapaamiset", OK, Content_Type=kind)).status != 415


async def test_accept(bench: Bench) -> None:
    for accept, status in (
        ("text/html", 406),
        ("application/json", 406),
        ("text/html, */*;q=0.1", 200),
        ("text/xml", 200),
    ):
        assert (await bench.ask("GET", "/palvelut", Accept=accept)).status == status
    assert (await bench.ask("GET", "/palvelut", Accept="application/atom+xml")).error == (406, "EI_HYVAKSYTTAVA")
    assert (await bench.ask("GET", "/muutokset", Accept="application/atom+xml")).status == 200


async def test_addresses_and_methods(bench: Bench) -> None:
    for target in (
        "/viestit",
        "/lomakkeet",
        "/hakemukset",
        "/asiakkaat/x",
        "/",
        "/palvelut/",
        "/palvelut/TSO/x",
        "/yksikot/TSO",
    ):
        assert (await bench.ask("GET", target)).error == (404, "EI_LOYDY"), target
    assert (await bench.ask("GET", "/muu", signing=signed("GET", "/muu"))).status == 401
    for method, target, allow in (
        ("POST", "/asiakkaat", ""),
        ("GET", "/asiakkaat/haku", "POST"),
        ("DELETE", "/tapaamiset/58833468-ffbc-51cb-93a6-5bf97038b6f4", "GET, PUT"),
        ("POST", "/muutokset", "GET"),
        ("HEAD", "/palvelut", "GET"),
        ("OPTIONS", "/tapaamiset", "GET, POST"),
    ):
        answer = await bench.send(method, target)
        assert (answer.status_code, answer.headers["allow"]) == (405, allow), method


async def test_parameters(bench: Bench) -> None:
    for target, path in (
        ("/vapaat-ajat?muu=1", "?muu"),
        ("/vapaat-ajat?koko=0", "?koko"),
        ("/vapaat-ajat?koko=201", "?koko"),
        ("/vapaat-ajat?palvelu=", "?palvelu"),
        ("/vapaat-ajat?palvelu=TSO&palvelu=TSO", "?palvelu"),
        ("/vapaat-ajat?kalenteri=1", "?kalenteri"),
        ("/vapaat-ajat?tyontekija=A", "?tyontekija"),
        ("/vapaat-ajat?alkaen=2027-03-23", "?alkaen"),
        ("/vapaat-ajat?alkaen=2027-03-23T00:00:00+02:00", "?alkaen"),
        ("/vapaat-ajat?paattyen=0001-01-01T00:00:00%2B14:00", "?paattyen"),
        ("/palvelut?palvelu=TSO", "?palvelu"),
        ("/tapaamiset?asiakas=1", "?asiakas"),
        ("/tapaamiset?ulkoinenTunniste=a&tila=EI", "?tila"),
    ):
        found = await bench.ask("GET", target)
        assert (found.error, found.places) == ((400, "PARAMETRI"), [(path, "ARVO")]), target
    for target in ("/vapaat-ajat?a%20b=1", "/vapaat-ajat?%ff=1", "/vapaat-ajat?x"):
        assert (await bench.ask("GET", target)).error == (400, "PARAMETRI"), target
    for token in ("x", "WzFd", "e30", "bnVsbA", "%C3%A4"):
        assert (await bench.ask("GET", f"/vapaat-ajat?jatko={token}")).error == (400, "JATKO"), token


async def test_no_hetu_in_an_address_or_a_header(bench: Bench) -> None:
    hetu = HETU["kerttu"]
    for target in (
        f"/asiakkaat/{hetu}",
        f"/tapaamiset?ulkoinenTunniste={hetu}",
        "/asiakkaat?x=%31%33%31052-902Y",
        f"/x-{hetu.lower()}",
    ):
        assert (await bench.ask("GET", target)).error == (400, "HETU_OSOITTEESSA"), target
    found = await bench.ask("POST", "/tapaamiset", OK, Idempotency_Key=f"k-{hetu}")
    assert found.error == (400, "HETU_OSOITTEESSA")
    assert hetu not in (await bench.ask("GET", "/palvelut", X_PC_Pyynto=hetu)).headers["x-pc-pyynto"]


async def test_request_ids(bench: Bench) -> None:
    assert (await bench.ask("GET", "/palvelut", X_PC_Pyynto="r-1.2_3")).headers["x-pc-pyynto"] == "r-1.2_3"
    assert (await bench.ask("GET", "/muu", X_PC_Pyynto="a b")).headers["x-pc-pyynto"] != "a b"


async def test_too_large(bench: Bench) -> None:
    found = await bench.ask("POST", "/tapaamiset", b"x" * 262_145)
    assert found.error == (413, "LIIAN_SUURI")
    assert found.headers["connection"] == "close"
    assert (await bench.ask("POST", "/tapaamiset", b"x" * 262_144)).error == (400, "EI_XML")
    reply = await bench.raw(b"POST /rajapinta/v3/tapaamiset HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n")
    assert reply.startswith(b"HTTP/1.1 413 ")


async def test_slow_and_broken_requests_are_ended(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "REQUEST_SECONDS", 0.2)
    head = f"POST {BASE}/tapaamiset HTTP/1.1\r\nHost: x\r\n".encode()
    assert (await bench.raw(head)).startswith(b"HTTP/1.1 408 ")
    reply = await bench.raw(head + b"Content-Length: 100\r\n\r\n<")
    assert reply.startswith(b"HTTP/1.1 408 ")
    assert b"HIDAS" in reply
    assert (await bench.raw(b"\x16\x03\x01\x02\x00\x01hello")).startswith(b"HTTP/1.1 400 ")
    assert (await bench.raw(head + b"X-Long: " + b"x" * 70_000)).startswith(b"HTTP/1.1 431 ")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.one_of(
        st.binary(max_size=200), st.text(max_size=200).map(str.encode), st.sampled_from([OK]).map(str.encode)
    )
)
async def test_whatever_comes_is_answered(bench: Bench, data: bytes) -> None:
    for method, target in (("POST", "/tapaamiset"), ("POST", "/asiakkaat/haku"), ("PUT", "/herate")):
        assert 400 <= (await bench.ask(method, target, data)).status < 500


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=80))
async def test_a_text_comes_back_as_it_went_in(bench: Bench, text: str) -> None:
    legal = (
        "".join(one for one in text if one in "\t\n" or " " <= one <= "\ud7ff" or one > "\ue000")
        .replace("\ufffe", "")
        .replace("\uffff", "")
    )
    offer = bench.proposed("aino")
    found = await bench.change(offer.id, offer.version, cancel("MUU", legal))
    assert found.status == 200, found.content
    assert (found.text("peruutus/selite") or "") == legal


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    place=st.sampled_from(
        ["/vapaat-ajat", "/tapaamiset", "/muutokset", "/palvelut", "/tapaamiset/", "/muutokset/arkisto/", "/"]
    ),
    name=st.sampled_from(["alkaen", "paattyen", "koko", "jatko", "tila", "asiakas", "ulkoinenTunniste", ""])
    | st.text(max_size=10),
    value=st.sampled_from(["2027-03-23T00:00:00Z", "0001-01-01T00:00:00-14:00", "9999-12-31T23:59:59Z"])
    | st.text(max_size=30),
)
async def test_whatever_is_asked_is_answered(bench: Bench, place: str, name: str, value: str) -> None:
    target = f"{place}{quote(value)}" if place.endswith("/") else f"{place}?{quote(name)}={quote(value)}"
    answer = await bench.send("GET", target)
    assert answer.status_code < 500
    assert (
        value not in answer.text or len(value) < 8 or value in f"?{name}"
    )  # an error names the parameter, never its value
