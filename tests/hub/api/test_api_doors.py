"""The doors: what is bounded, what must not pass, and what is kept of every request."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from hub.api.app import make_app
from hub.api.doors import Doors
from hub.api.settings import ApiSettings

from .conftest import NOW, SENT, MemoryHub, booking, code_of

HETU = "010594Y9021"
AUTH = {"authorization": "Bearer sbx_aino"}


class TestHetu:
    """A HETU never travels where it would be logged."""

    @pytest.mark.parametrize(
        "path",
        [
            f"/fhir/Patient?identifier={HETU}",
            f"/fhir/Patient?identifier=urn:oid:1.2.246.21|{HETU}",
            f"/fhir/Patient/{HETU}",
            f"/fhir/Patient?{HETU}=1",
            "/fhir/Patient?identifier=131052%2D902Y",
            "/fhir/Patient?identifier=131052-902y",
            "/fhir/Patient?identifier=010100%2B999X",
            "/fhir/Patient?identifier=010100+999X",
            "/fhir/Patient/131052%2D902Y/_history/1",
            f"/docs?x={HETU}",
            f"/errors/{HETU}",
        ],
    )
    async def test_in_a_url(
        self, aino: httpx.AsyncClient, memory: MemoryHub, path: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG, "hub")
        response = await aino.get(path)

        assert (response.status_code, code_of(response)) == (400, "hetu-in-url")
        assert "_search" in response.json()["issue"][0]["diagnostics"]
        kept = (
            repr(memory.exchanges)
            + repr(memory.disclosures)
            + "".join(r.getMessage() for r in caplog.records if r.name.startswith("hub"))
        )
        kept += "".join(repr((e.headers, e.body, e.answer)) for e in memory.exchanges)
        assert not any(part in kept for part in (HETU, "131052", "010100"))

    @pytest.mark.parametrize(
        "header", ["idempotency-key", "if-none-exist", "x-request-id", "user-agent", "referer", "cookie"]
    )
    async def test_in_a_header(self, aino: httpx.AsyncClient, memory: MemoryHub, header: str) -> None:
        response = await aino.post("/fhir/Appointment", json=booking(), headers=SENT | {header: f"identifier={HETU}"})

        assert (response.status_code, code_of(response)) == (400, "hetu-in-url")
        assert response.json()["issue"][0]["expression"] == [f"http.{header}"]
        assert memory.asked == []

    async def test_slot_ids_and_dates_are_no_hetus(self, aino: httpx.AsyncClient) -> None:
        response = await aino.get("/fhir/Slot?start=ge2027-03-22T08:00:00%2B02:00&schedule=Schedule/a123456-999a.x")

        assert response.status_code == 200


class TestTokens:
    """A token in a URL is refused, and kept nowhere."""

    @pytest.mark.parametrize(
        "path",
        [
            "/fhir/Patient?access_token=sbx_aino",
            "/fhir/Patient?_count=1&token=sbx_aino",
            "/fhir/Patient?Authorization=Bearer%20sbx_aino",
            "/fhir/Patient/eyJhbGciOiJFUzM4NCJ9.eyJzdWIiOiJhaW5vIn0.sig",
            "/fhir/Patient?x=eyJhbGciOiJFUzM4NCJ9.eyJzdWIiOiJhaW5vIn0.sig",
        ],
    )
    async def test_in_a_url(self, anybody: httpx.AsyncClient, memory: MemoryHub, path: str) -> None:
        response = await anybody.get(path)

        assert (response.status_code, code_of(response)) == (400, "token-in-url")
        kept = repr(memory.exchanges) + repr(memory.disclosures)
        assert "sbx_aino" not in kept
        assert "eyJ" not in kept

    async def test_the_header_is_not_kept(self, aino: httpx.AsyncClient, memory: MemoryHub) -> None:
        await aino.get("/fhir/Patient", headers={"cookie": "session=secret"})

        names = {name for name, _ in memory.exchanges[-1].headers}
        assert b"user-agent" in names
        assert not names & {b"authorization", b"cookie"}


class TestExchanges:
    async def test_every_request_leaves_one(self, aino: httpx.AsyncClient, memory: MemoryHub) -> None:
        response = await aino.post("/fhir/Appointment", json=booking(), headers=SENT)
        await aino.get("/fhir/Appointment/app-free1?_pretty=true")
        await aino.get("/fhir/Nope")

        made, read, nowhere = memory.exchanges
        assert (made.method, made.route, made.status) == ("POST", "/fhir/Appointment", 201)
        assert made.request_id == response.headers["x-request-id"]
        assert made.body == response.request.content
        assert made.answer == response.content
        assert made.access is not None
        assert (read.route, read.target) == ("/fhir/Appointment/{id}", "/fhir/Appointment/app-free1?_pretty=true")
        assert (nowhere.route, nowhere.status) == ("/fhir/…", 404)

    async def test_who_is_not_known_leaves_no_text(self, anybody: httpx.AsyncClient, memory: MemoryHub) -> None:
        await anybody.get("/fhir/Patient/some-secret-word")

        exchange = memory.exchanges[-1]
        assert (exchange.status, exchange.headers, exchange.body) == (401, (), b"")
        assert "secret" not in exchange.target

    async def test_a_clients_own_request_id_is_not_ours(self, aino: httpx.AsyncClient, memory: MemoryHub) -> None:
        response = await aino.get("/fhir/Patient", headers={"x-request-id": "mine-12345678"})

        assert response.headers.get_list("x-request-id") != ["mine-12345678"]
        assert len(response.headers.get_list("x-request-id")) == 1


class TestAudit:
    async def test_what_was_released_is_recorded_first(self, aino: httpx.AsyncClient, memory: MemoryHub) -> None:
        await aino.get("/fhir/Patient/aino")
        await aino.get("/fhir/Slot?status=free")
        await aino.get("/fhir/Patient/eero")

        assert [(d.event, d.outcome, d.released) for d in memory.disclosures] == [
            ("Patient.read", "success", ("Patient/aino",)),
            ("Slot.search", "success", ("7 Slot",)),
            ("Patient.read", "not-found", ()),
        ]
        assert memory.disclosures[1].query == b"status=free"

    async def test_a_denial_is_recorded(self, anybody: httpx.AsyncClient, memory: MemoryHub) -> None:
        await anybody.get("/fhir/Patient/aino")

        assert (memory.disclosures[0].outcome, memory.disclosures[0].access) == ("login", None)

    async def test_what_is_public_is_not(self, anybody: httpx.AsyncClient, memory: MemoryHub) -> None:
        await anybody.get("/fhir/metadata")
        await anybody.get("/fhir/SearchParameter")

        assert memory.disclosures == []

    async def test_without_a_record_nothing_leaves(self, aino: httpx.AsyncClient, memory: MemoryHub) -> None:
        memory.store_up = False
        response = await aino.get("/fhir/Patient/aino")

        assert (response.status_code, code_of(response)) == (503, "no-store")
        assert "Testinen" not in response.text
        assert response.headers["retry-after"] == "10"

    async def test_after_a_write_the_answer_is_withheld_and_says_so(
        self, aino: httpx.AsyncClient, memory: MemoryHub
    ) -> None:
        memory.store_up = False
        response = await aino.post("/fhir/Appointment", json=booking(), headers=SENT)

        assert (response.status_code, code_of(response)) == (503, "answer-withheld")
        assert "app-free1" not in response.text

    async def test_a_refused_write_did_nothing_even_so(self, aino: httpx.AsyncClient, memory: MemoryHub) -> None:
        memory.store_up = False
        response = await aino.post("/fhir/Appointment", json=booking("taken"), headers=SENT)

        assert (response.status_code, code_of(response)) == (503, "no-store")


class TestBodies:
    async def test_a_body_that_is_too_large(self, aino: httpx.AsyncClient) -> None:
        response = await aino.post("/fhir/Appointment", content=b" " * (1024 * 1024 + 1), headers=SENT)

        assert (response.status_code, code_of(response)) == (413, "too-large")

    async def test_the_largest_that_is_not(self, aino: httpx.AsyncClient) -> None:
        content = json.dumps(booking()).encode().ljust(1024 * 1024)

        assert (await aino.post("/fhir/Appointment", content=content, headers=SENT)).status_code == 201

    async def test_a_body_without_a_length_is_cut_off(self, aino: httpx.AsyncClient) -> None:
        sent = 0

        async def endless() -> AsyncIterator[bytes]:
            nonlocal sent
            while sent < 100:
                sent += 1
                yield b" " * 65536

        response = await aino.post("/fhir/Appointment", content=endless(), headers=SENT)
        assert response.status_code == 413
        assert sent < 30

    async def test_nothing_is_read_before_the_login(self, anybody: httpx.AsyncClient) -> None:
        read = 0

        async def watched() -> AsyncIterator[bytes]:
            nonlocal read
            read += 1
            yield b"[" * 1_000_000

        response = await anybody.post("/fhir/Appointment", content=watched(), headers=SENT)
        assert (response.status_code, read) == (401, 0)

    async def test_a_body_that_does_not_come(self, memory: MemoryHub, settings: ApiSettings) -> None:
        app = make_app(memory, memory, replace(settings, body_deadline=0.05))
        response = await _raw(app, [{"type": "http.request", "body": b"{", "more_body": True}], forever=True)

        assert response["status"] == 408
        assert response["code"] == "too-slow"

    async def test_a_client_that_goes_away_did_nothing(self, memory: MemoryHub, settings: ApiSettings) -> None:
        app = make_app(memory, memory, settings)
        gone = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]
        await _raw(app, gone)

        assert memory.asked == []

    @pytest.mark.parametrize(
        ("headers", "expression"),
        [
            ({"content-type": "application/fhir+xml"}, "http.Content-Type"),
            ({"content-type": "text/plain"}, "http.Content-Type"),
            ({"content-type": ""}, "http.Content-Type"),
            ({"content-type": "multipart/form-data; boundary=x"}, "http.Content-Type"),
            ({"content-type": "application/fhir+json; charset=iso-8859-1"}, "http.Content-Type"),
            ({"content-type": "application/fhir+json; fhirVersion=5.0"}, "http.Content-Type"),
            ({"content-type": "application/fhir+json", "content-encoding": "gzip"}, "http.Content-Encoding"),
        ],
    )
    async def test_what_cannot_be_read(self, aino: httpx.AsyncClient, headers: dict[str, str], expression: str) -> None:
        content = gzip.compress(b"0" * 1_000_000) if "content-encoding" in headers else json.dumps(booking()).encode()
        response = await aino.post("/fhir/Appointment", content=content, headers=headers)

        assert (response.status_code, code_of(response)) == (415, "unsupported-media-type")
        assert response.json()["issue"][0]["expression"] == [expression]

    @pytest.mark.parametrize(
        "media", ["application/json", "application/fhir+json; charset=UTF-8", "application/fhir+json;fhirVersion=4.0"]
    )
    async def test_what_can(self, aino: httpx.AsyncClient, media: str) -> None:
        response = await aino.post("/fhir/Appointment", json=booking(), headers={"content-type": media})

        assert response.status_code == 201

    async def test_a_form_is_a_form(self, aino: httpx.AsyncClient) -> None:
        json_sent = await aino.post("/fhir/Patient/_search", content=b"{}", headers=SENT)
        not_ascii = await aino.post(
            "/fhir/Patient/_search",
            content="_id=ä".encode(),
            headers={"content-type": "application/x-www-form-urlencoded"},
        )

        assert (json_sent.status_code, not_ascii.status_code) == (415, 400)


class TestFormats:
    @pytest.mark.parametrize(
        ("accept", "query", "media"),
        [
            ("*/*", "", "application/fhir+json"),
            ("", "", "application/fhir+json"),
            ("application/json", "", "application/json"),
            ("application/fhir+json; fhirVersion=4.0", "", "application/fhir+json"),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "", "application/fhir+json"),
            ("application/fhir+xml, application/json;q=0.5", "", "application/json"),
            ("application/fhir+xml", "?_format=json", "application/fhir+json"),
            ("application/fhir+xml", "?_format=application/fhir%2Bjson", "application/fhir+json"),
            ("application/fhir+xml", "?_format=application/fhir+json", "application/fhir+json"),
            ("*/*", "?_format=application/json", "application/json"),
        ],
    )
    async def test_what_there_is(self, aino: httpx.AsyncClient, accept: str, query: str, media: str) -> None:
        for path in ("Patient/aino", "Patient", "metadata"):
            response = await aino.get(f"/fhir/{path}{query}", headers={"accept": accept})
            assert (response.status_code, response.headers["content-type"]) == (200, f"{media}; charset=utf-8")

    @pytest.mark.parametrize(
        ("accept", "query"),
        [
            ("application/fhir+xml", ""),
            ("text/html", ""),
            ("application/fhir+json; fhirVersion=5.0", ""),
            ("application/fhir+json;q=0", ""),
            ("*/*", "?_format=xml"),
            ("*/*", "?_format=application/fhir%2Bxml"),
            ("*/*", "?_format=json;DROP"),
        ],
    )
    async def test_what_there_is_not(self, aino: httpx.AsyncClient, accept: str, query: str) -> None:
        for path in ("Patient/aino", "Patient", "metadata"):
            response = await aino.get(f"/fhir/{path}{query}", headers={"accept": accept})
            assert (response.status_code, code_of(response)) == (406, "not-acceptable")


class TestHeaders:
    async def test_too_many(self, aino: httpx.AsyncClient) -> None:
        response = await aino.get("/fhir/Patient", headers={f"x-{i}": "a" * 1000 for i in range(40)})

        assert (response.status_code, code_of(response)) == (431, "headers-too-large")

    async def test_https_is_kept_to(self, memory: MemoryHub, settings: ApiSettings) -> None:
        app = make_app(memory, memory, replace(settings, public_url="https://hub.test"))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://hub.test") as client:
            response = await client.get("/fhir/metadata")

        assert "max-age" in response.headers["strict-transport-security"]

    @pytest.mark.parametrize(
        ("sent", "answered"),
        [
            ("", "fi"),
            ("de", "fi"),
            ("sv-FI", "sv"),
            ("en;q=0.9, sv;q=0.95", "sv"),
            ("de, en-GB;q=0.5", "en"),
            ("fi;q=0, en", "en"),
            ("x" * 3000, "fi"),
        ],
    )
    async def test_languages(self, anybody: httpx.AsyncClient, sent: str, answered: str) -> None:
        response = await anybody.get("/fhir/Patient", headers={"accept-language": sent})

        assert response.json()["language"] == answered


async def test_websockets_are_closed(app: Doors) -> None:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await app({"type": "websocket", "path": "/fhir", "headers": [], "query_string": b""}, receive, send)
    assert sent[0]["type"] == "websocket.close"


async def _raw(app: Doors, messages: list[dict[str, Any]], *, forever: bool = False) -> dict[str, Any]:
    """One POST of an Appointment over bare ASGI, whose body comes as ``messages``, and then never ends."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop(0)
        if forever:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"authorization", b"Bearer sbx_aino"), (b"content-type", b"application/fhir+json")]
    scope = {"type": "http", "method": "POST", "path": "/fhir/Appointment", "query_string": b"", "headers": headers}
    await app(scope, receive, send)
    issue = json.loads(sent[1]["body"])["issue"][0]
    return {"status": sent[0]["status"], "code": issue["details"]["coding"][0]["code"]}


def test_the_clock_of_the_tests() -> None:
    assert NOW == 1_806_300_000.0
