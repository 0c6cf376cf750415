"""Who is let in (manual §2)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.sandbox.mediatri.mediatri_bench import NS, OASIS, Bench, Reply, envelope, token, xml

BODY = xml("HaeMuutokset", {})
FAILED, INVALID = "wsse:FailedAuthentication", "wsse:InvalidSecurity"
UNSUPPORTED, EXPIRED = "wsse:UnsupportedSecurityToken", "wsse:MessageExpired"
TIMESTAMP = (
    f'<wsu:Timestamp xmlns:wsu="{OASIS}wssecurity-utility-1.0.xsd"><wsu:Created>2027-03-22T06:15:00Z</wsu:Created>'
    "</wsu:Timestamp>"
)


async def send(bench: Bench, header: str) -> Reply:
    return await bench.send(envelope(BODY, header), f"{NS}/HaeMuutokset")


def assert_refused(reply: Reply, faultcode: str) -> None:
    assert (reply.faultcode, reply.code) == (faultcode, None)
    prefixes = reply.body.find("faultcode").nsmap
    assert faultcode.split(":")[0] in prefixes


async def test_the_right_token_is_let_in(bench: Bench) -> None:
    assert (await send(bench, token(bench.created))).code == ""


@pytest.mark.parametrize(
    ("wrong", "faultcode"),
    [
        ({"password": "arvaus"}, FAILED),
        ({"username": "joku"}, FAILED),
        ({"username": ""}, FAILED),
        ({"PasswordDigest": "PasswordText"}, UNSUPPORTED),
        ({"username-token-profile-1.0#PasswordDigest": "nothing"}, UNSUPPORTED),
        ({"wsse:UsernameToken": "wsse:BinarySecurityToken"}, UNSUPPORTED),
        ({"message-security-1.0#Base64Binary": "hex"}, INVALID),
        ({"wsu:Created": "wsu:Made"}, INVALID),
        ({"wsse:Nonce": "wsse:Once"}, INVALID),
        ({"<wsse:Username>": "<wsse:Username/><wsse:Username>"}, INVALID),
        ({"<wsse:Username>": "<wsse:Username><x/>"}, INVALID),
        ({"nonce": b"1234567"}, INVALID),
        ({"nonce": b"1" * 65}, INVALID),
    ],
)
async def test_a_wrong_token_is_refused(bench: Bench, wrong: dict[str, Any], faultcode: str) -> None:
    assert_refused(await send(bench, token(bench.created, **wrong)), faultcode)
    assert (await send(bench, token(bench.created))).code == ""


@pytest.mark.parametrize(
    "created", ["2027-03-22T06:15:00", "22.3.2027 6:15", "2027-02-31T06:15:00Z", "", "9999-99-99T99:99:99+99:99"]
)
async def test_a_created_that_is_no_instant(bench: Bench, created: str) -> None:
    assert_refused(await send(bench, token(created)), INVALID)


@pytest.mark.parametrize(
    "created", ["2027-03-22T06:15:00.123456789Z", "2027-03-22T08:15:00+02:00", "2027-03-21T20:15:00-10:00"]
)
async def test_any_way_to_write_the_instant(bench: Bench, created: str) -> None:
    assert (await send(bench, token(created))).code == ""


@pytest.mark.parametrize(("seconds", "let_in"), [(-301, False), (-300, True), (300, True), (301, False)])
async def test_created_is_good_for_five_minutes_of_real_time(bench: Bench, seconds: int, let_in: bool) -> None:
    created = (bench.real.at + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
    bench.system.clock.advance(timedelta(days=3))  # another clock
    reply = await send(bench, token(created))
    assert reply.code == "" if let_in else reply.faultcode == EXPIRED


async def test_a_wrong_password_is_not_told_about_the_clock(bench: Bench) -> None:
    assert_refused(await send(bench, token("2020-01-01T00:00:00Z", password="arvaus")), FAILED)


async def test_a_nonce_is_good_once(bench: Bench) -> None:
    header = token(bench.created, nonce=b"0123456789abcdef")
    assert (await send(bench, header)).code == ""
    assert_refused(await send(bench, header), FAILED)
    bench.real.at += timedelta(seconds=299)
    assert_refused(await send(bench, header), FAILED)
    assert_refused(await send(bench, token(bench.created, nonce=b"0123456789abcdef")), FAILED)
    bench.real.at += timedelta(seconds=60)
    assert_refused(await send(bench, header), EXPIRED)
    assert (await send(bench, token(bench.created, nonce=b"0123456789abcdef"))).code == ""


async def test_a_replay_repeats_no_work(bench: Bench) -> None:
    time = bench.free()[0]
    token_ = (await bench.reserve("aino", time, "v-1")).text("varaustunnus")
    message = bench.message("VahvistaVaraus", varaustunnus=token_, asiakasViite="v-1")
    assert (await bench.send(message)).code == ""
    assert_refused(await bench.send(message), FAILED)


async def test_a_nonce_of_a_refused_message_is_not_used_up(bench: Bench) -> None:
    assert_refused(await send(bench, token(bench.created, nonce=b"0123456789abcdef", password="arvaus")), FAILED)
    assert (await send(bench, token(bench.created, nonce=b"0123456789abcdef"))).code == ""


@pytest.mark.parametrize("header", ["", "<x/>", '<Security xmlns="urn:other"/>'])
async def test_no_token_at_all(bench: Bench, header: str) -> None:
    assert_refused(await send(bench, header), INVALID)


async def test_an_envelope_without_a_header(bench: Bench) -> None:
    text = envelope(BODY, "").replace(b"<soap:Header></soap:Header>", b"")
    assert_refused(await bench.send(text), INVALID)


async def test_two_tokens_or_a_signature_are_refused(bench: Bench) -> None:
    one = token(bench.created)
    assert_refused(await send(bench, one + token(bench.created)), INVALID)
    twice = one.replace("</wsse:Security>", one.partition(">")[2])
    assert_refused(await send(bench, twice), INVALID)
    signed = one.replace("</wsse:Security>", '<s:Signature xmlns:s="urn:s"/></wsse:Security>')
    assert_refused(await send(bench, signed), UNSUPPORTED)


async def test_a_timestamp_beside_the_token_is_allowed(bench: Bench) -> None:
    header = token(bench.created).replace("<wsse:UsernameToken>", f"{TIMESTAMP}<wsse:UsernameToken>")
    assert (await send(bench, header)).code == ""


async def test_a_token_for_somebody_else_is_none(bench: Bench) -> None:
    header = token(bench.created).replace(
        'soap:mustUnderstand="1"', 'soap:actor="urn:somebody" soap:mustUnderstand="1"'
    )
    assert_refused(await send(bench, header), INVALID)


async def test_a_header_that_must_be_understood(bench: Bench) -> None:
    other = '<x xmlns="urn:x" soap:mustUnderstand="{}"{}/>'
    assert_refused(await send(bench, token(bench.created) + other.format(1, "")), "soap:MustUnderstand")
    assert (await send(bench, token(bench.created) + other.format(0, ""))).code == ""
    elsewhere = other.format(1, ' soap:actor="urn:somebody"')
    assert (await send(bench, token(bench.created) + elsewhere)).code == ""


@pytest.mark.parametrize("bench", [{"rights": "HaeYksikot HaePotilas"}], indirect=True)
async def test_a_user_without_the_right(bench: Bench) -> None:
    assert (await bench.call("HaeYksikot")).code == ""
    refused = await bench.call("HaePalvelut")
    assert (refused.code, refused.faultcode) == ("EI_OIKEUTTA", "soap:Client")


async def test_the_description_needs_no_user(bench: Bench) -> None:
    for query, start in (("wsdl", b"<wsdl:definitions"), ("WSDL", b"<wsdl:definitions"), ("xsd=1", b"<xsd:schema")):
        answer = await bench.client.get(f"{bench.face.address}?{query}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/xml; charset=utf-8")
        assert start in answer.content
    wsdl = await bench.client.get(f"{bench.face.address}?wsdl")
    assert wsdl.text.count(bench.face.address) == 2
    assert "8087" not in wsdl.text


async def test_no_answer_holds_the_password(bench: Bench) -> None:
    answers: list[httpx.Response] = [await bench.post(bench.message("HaeYksikot")), await bench.post(b"<x/>")]
    assert all(bench.face._gate._password not in answer.content for answer in answers)
