"""Hostile bodies: never a 500, never an echo of what was sent."""

from __future__ import annotations

import json
import time
import tracemalloc

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .conftest import SENT, MemoryHub, booking, code_of

VALID = json.dumps(booking())


def with_(text: str) -> bytes:
    """A valid booking with ``text`` put in as its first member."""
    return ("{" + text + "," + VALID[1:]).encode("utf-8", "surrogatepass")


DEEP = {
    "lists": b"[" * 100_000,
    "objects": b'{"a":' * 100_000,
    "closed": b"[" * 50_000 + b"]" * 50_000,
    "in an extension": with_('"extension":' + '[{"extension":' * 10_000 + "[]" + "}]" * 10_000),
    "eighty in an extension": with_('"extension":' + '[{"url":"u","extension":' * 40 + "[]" + "}]" * 40),
    "million names": with_(",".join(f'"k{i}":1' for i in range(90_000))),
    "million items": with_('"identifier":[' + ",".join(["{}"] * 300_000) + "]"),
}
NUMBERS = [
    "NaN",
    "Infinity",
    "-Infinity",
    "1e400",
    "-1e999",
    "1" * 5000,
    "1.0",
    "1.5",
    "01",
    "+1",
    "0x1",
    "30.00",
    "true",
    "1e0",
]
TEXTS = {
    "lone surrogate": b'"\\ud800"',
    "raw surrogate": b'"\xed\xa0\x80"',
    "escaped NUL": b'"a\\u0000b"',
    "raw NUL": b'"a\x00b"',
    "control": b'"a\\u0001b"',
    "overlong": b'"\xc0\xaf"',
    "cut": b'"\xe2\x82"',
    "latin-1": b'"\xe4"',
}


async def post(client: httpx.AsyncClient, content: bytes) -> httpx.Response:
    return await client.post("/fhir/Appointment", content=content, headers=SENT)


@pytest.mark.parametrize("body", DEEP.values(), ids=DEEP.keys())
async def test_bombs(aino: httpx.AsyncClient, body: bytes) -> None:
    tracemalloc.start()
    began = time.process_time()
    response = await post(aino, body[: 1024 * 1024])
    spent = time.process_time() - began
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert response.status_code in (400, 422)
    assert peak < 100_000_000
    assert spent < 20, "not a measurement: a bomb that goes off takes minutes"


@pytest.mark.parametrize("number", NUMBERS, ids=lambda n: n[:12])
async def test_numbers(aino: httpx.AsyncClient, number: str) -> None:
    response = await post(aino, with_(f'"minutesDuration":{number}'))

    assert (response.status_code, code_of(response)[:4]) == (400, "bad-")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "bad-json"),
        (b"null", "bad-structure"),
        (b"[]", "bad-structure"),
        (b'"x"', "bad-structure"),
        (b"{}", "bad-structure"),
        (b"{'a':1}", "bad-json"),
        (VALID.encode() + b"x", "bad-json"),
        (VALID.encode() + VALID.encode(), "bad-json"),
        (b"\xef\xbb\xbf" + VALID.encode(), "bad-json"),
        (VALID.encode("utf-16"), "bad-json"),
        (with_('"status":"booked"'), "bad-json"),
        (with_('"id":"a","id":"b"'), "bad-json"),
        (with_('"resourceType":"Patient"'), "bad-json"),
        (with_('"unheard":{}'), "bad-structure"),
        (with_('"comment":null'), "bad-structure"),
        (with_('"identifier":[]'), "bad-structure"),
        (with_('"identifier":[{}]'), "bad-structure"),
        (with_('"identifier":[null]'), "bad-structure"),
        (with_('"identifier":{}'), "bad-structure"),
        (with_('"_comment":{}'), "bad-structure"),
        (with_('"_unheard":{"id":"x"}'), "bad-structure"),
        (with_('"id":"a b"'), "bad-value"),
        (with_('"id":"' + "a" * 65 + '"'), "bad-value"),
        (with_('"010594Y9021":1'), "bad-structure"),
    ],
    ids=lambda v: None if isinstance(v, str) else repr(v[:40]),
)
async def test_structures(aino: httpx.AsyncClient, body: bytes, code: str) -> None:
    response = await post(aino, body)

    assert (response.status_code, code_of(response)) == (400, code)
    assert "010594Y9021" not in response.text


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
async def test_texts(aino: httpx.AsyncClient, text: bytes) -> None:
    response = await post(aino, b'{"comment":' + text + b"," + VALID[1:].encode())

    assert response.status_code == 400


@pytest.mark.parametrize("text", ["\u202eabc", "é e\u0301", "𝔘𝔫𝔦", "a\tb\nc\r", "a\ufeffb", "<script>", "| ^ & ~ \\"])
async def test_odd_texts_are_kept_equal(aino: httpx.AsyncClient, memory: MemoryHub, text: str) -> None:
    response = await aino.post("/fhir/Appointment", json=booking(comment=text), headers=SENT)

    assert response.status_code == 201
    assert response.json()["comment"] == text
    assert memory.asked[-1][1].comment == text


@pytest.mark.parametrize(
    "div",
    [
        "<div>no namespace</div>",
        '<div xmlns="http://www.w3.org/1999/xhtml"></div>',
        '<div xmlns="http://www.w3.org/1999/xhtml"><p onclick="x()">a</p></div>',
        '<div xmlns="http://www.w3.org/1999/xhtml"><a href="javascript:x()">a</a></div>',
        '<div xmlns="http://www.w3.org/1999/xhtml"><a href="java&#115;cript:x()">a</a></div>',
        '<div xmlns="http://www.w3.org/1999/xhtml"><a href=" &#10;JavaScript:x()">a</a></div>',
        '<div xmlns="http://www.w3.org/1999/xhtml"><iframe src="x"/>a</div>',
        '<div xmlns="http://www.w3.org/1999/xhtml">&xxe;</div>',
        '<!DOCTYPE x [<!ENTITY a "b">]><div xmlns="http://www.w3.org/1999/xhtml">&a;</div>',
        '<div xmlns="http://www.w3.org/1999/xhtml"><b>a</i></div>',
        '<div xmlns="http://www.w3.org/1999/xhtml">a</div><div>b</div>',
        '<div xmlns="http://www.w3.org/1999/xhtml"><![CDATA[<script>]]></div>',
    ],
)
async def test_narratives(aino: httpx.AsyncClient, div: str) -> None:
    text = {"status": "generated", "div": div}
    response = await aino.post("/fhir/Appointment", json=booking(text=text), headers=SENT)

    assert (response.status_code, code_of(response)) == (400, "bad-value")
    assert response.json()["issue"][0]["expression"] == ["Appointment.text.div"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=20,
)
NAMES = st.sampled_from(
    [
        "status",
        "slot",
        "participant",
        "start",
        "end",
        "comment",
        "meta",
        "identifier",
        "_start",
        "text",
        "contained",
        "reasonCode",
        "minutesDuration",
        "extension",
        "id",
        "resourceType",
        "modifierExtension",
    ]
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.dictionaries(NAMES, JSON, min_size=1, max_size=3))
async def test_any_json_gets_an_honest_answer(aino: httpx.AsyncClient, changes: dict[str, object]) -> None:
    content = json.dumps(booking() | changes).encode("utf-8", "surrogatepass")
    response = await post(aino, content)

    assert response.status_code in (201, 400, 403, 409, 413, 422)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=200))
async def test_any_bytes_get_an_honest_answer(aino: httpx.AsyncClient, data: bytes) -> None:
    assert (await post(aino, data)).status_code == 400


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(["date", "status", "identifier", "_id", "patient", "_count", "_cursor", "_sort", "x"]),
    value=st.text(max_size=40),
)
async def test_any_search_gets_an_honest_answer(aino: httpx.AsyncClient, name: str, value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        value = value.encode("utf-8", "replace").decode()
    response = await aino.get("/fhir/Appointment", params={name: value})

    assert response.status_code in (200, 400)
