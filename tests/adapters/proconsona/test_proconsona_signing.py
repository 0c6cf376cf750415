"""Signatures, against the manual's worked example and against what really stands in the request line."""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b64encode
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import httpx

from adapters.proconsona import signing
from canonical.model import LocalPatient
from mappings.proconsona.commands import asiakashaku
from tests.adapters.proconsona.proconsona_stub import (
    AINO,
    BASE,
    PATIENT,
    SECRET,
    ProConsona,
    Recorder,
    adapter_for,
    book,
    call,
    cancel,
    days,
    listed,
    meeting,
    xml,
)

MANUAL = (Path(__file__).parents[3] / "sandbox" / "proconsona" / "INTERFACE.md").read_text("utf-8")
BODY = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b'<asiakashaku xmlns="urn:proconsona:rajapinta:3"><henkilotunnus>010594Y9021</henkilotunnus></asiakashaku>'
)
AT = "2027-03-22T06:04:12Z"


def test_the_worked_example_of_the_manual() -> None:
    assert BODY.decode() in MANUAL
    body_digest = signing.digest(BODY)
    assert f"X-PC-Tiiviste: {body_digest}" in MANUAL
    signature = signing.signature("POST", f"http://127.0.0.1:8089{BASE}/asiakkaat/haku", AT, body_digest, SECRET)
    assert f"X-PC-Allekirjoitus: {signature}" in MANUAL


def test_nothing_has_a_digest_too() -> None:
    assert signing.digest(b"") == "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="


def test_the_time_of_signing_is_utc_in_whole_seconds() -> None:
    now = datetime(2027, 3, 22, 8, 4, 12, 999_999, tzinfo=timezone(timedelta(hours=2)))
    assert signing.time(now) == AT
    assert signing.moment(AT) == datetime(2027, 3, 22, 6, 4, 12, tzinfo=UTC)


def test_the_query_is_signed_as_it_is_sent() -> None:
    url = f"http://h{BASE}/vapaat-ajat?alkaen=2027-03-23T00:00:00%2B02:00&jatko=a_b-%C3%A4%2f"
    path, _, query = httpx.Request("GET", url).url.raw_path.decode().partition("?")
    text = "\n".join(("GET", path, query, AT, signing.digest(b"")))
    expected = b64encode(hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).digest()).decode()
    assert signing.signature("GET", url, AT, signing.digest(b""), SECRET) == expected
    assert query == "alkaen=2027-03-23T00:00:00%2B02:00&jatko=a_b-%C3%A4%2f"


async def test_every_request_is_signed(recorder: Recorder) -> None:
    following = f"{BASE}/tapaamiset?jatko=WyJ0-_%2B"

    def handler(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return xml(201, meeting()) if "haku" not in request.url.path else xml(200, listed("asiakkaat"))
        if "vapaat" in request.url.path:
            return xml(200, listed("vapaatAjat"))
        if request.url.path.endswith("tapaamiset"):
            more = None if b"jatko" in request.url.query else following
            return xml(200, listed("tapaamiset", meeting(), following=more))
        return xml(200, meeting())

    there = ProConsona(handler)
    adapter = adapter_for(there)
    await adapter.find_person(call(recorder), AINO.hetu)
    await adapter.find_free(call(recorder), days(7, services=("TSO",)))
    await adapter.appointments(call(recorder), PATIENT)
    await adapter.perform(call(recorder), book())
    await adapter.perform(call(recorder), cancel())
    assert len(there.requests) == 7
    for request, (_, kept) in zip(there.requests, recorder.sent, strict=True):
        at = request.headers["X-PC-Aika"]
        assert abs((signing.moment(at) - datetime.now(UTC)).total_seconds()) < 60
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", at)
        path, _, query = request.url.raw_path.decode().partition("?")
        body_digest = b64encode(hashlib.sha256(request.content).digest()).decode()
        text = "\n".join((request.method, path, query, at, body_digest))
        signature = b64encode(hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).digest()).decode()
        assert request.headers["X-PC-Tiiviste"] == body_digest
        assert request.headers["X-PC-Allekirjoitus"] == signature
        assert request.headers["X-PC-Avain"] == "silta"
        assert kept.startswith(f"{request.method} {request.url.raw_path.decode()} HTTP/1.1\r\n".encode())
        assert signature.encode() not in kept, "what signs is not kept"
        assert SECRET.encode() not in kept


async def test_the_persons_code_travels_in_the_body_only() -> None:
    there = ProConsona(lambda _: xml(200, listed("asiakkaat")))
    await adapter_for(there).find_person(call(), AINO.hetu)
    (request,) = there.requests
    assert request.content == asiakashaku(AINO.hetu)
    assert AINO.hetu not in str(request.url) + str(request.headers)


async def test_who_is_no_customer_of_this_kind_is_not_asked_for() -> None:
    there = ProConsona(lambda _: xml(200, listed("tapaamiset")))
    assert await adapter_for(there).appointments(call(), LocalPatient("100001", AINO.hetu)) == []
    assert await adapter_for(there).find_person(call(), "010594Y9022") is None
    assert there.requests == []
