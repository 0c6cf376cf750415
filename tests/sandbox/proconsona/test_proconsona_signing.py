"""Who may ask: API key, signature, the real clock, and how often (manual §2, §3)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sandbox.proconsona import signature
from tests.sandbox.proconsona.proconsona_bench import BASE, Bench, signed

TARGET = f"{BASE}/palvelut"


async def test_the_right_signature(bench: Bench) -> None:
    answer = await bench.ask("GET", "/palvelut")
    assert answer.status == 200
    assert "www-authenticate" not in answer.headers


@pytest.mark.parametrize("name", ["X-PC-Avain", "X-PC-Aika", "X-PC-Tiiviste", "X-PC-Allekirjoitus"])
async def test_a_header_is_missing_or_there_twice(bench: Bench, name: str) -> None:
    headers = signed("GET", TARGET)
    twice = [*headers.items(), (name, headers[name])]
    answer = await bench.client.get(TARGET, headers=twice)
    assert (answer.status_code, b"TUNNISTUS_PUUTTUU" in answer.content) == (401, True)
    del headers[name]
    found = await bench.ask("GET", "/palvelut", signing=headers)
    assert found.error == (401, "TUNNISTUS_PUUTTUU")
    assert found.headers["www-authenticate"] == "PC-HMAC-SHA256"


async def test_another_key_or_secret(bench: Bench) -> None:
    other = await bench.ask("GET", "/palvelut", signing=signed("GET", TARGET, key="muu"))
    assert other.error == (401, "AVAIN_TUNTEMATON")
    wrong = await bench.ask("GET", "/palvelut", signing=signed("GET", TARGET, secret="kesayon-koe-2027"))
    assert wrong.error == (401, "ALLEKIRJOITUS_VAARA")


@pytest.mark.parametrize(
    ("method", "target", "body"),
    [
        ("POST", TARGET, b""),
        ("GET", f"{TARGET}/TSO", b""),
        ("GET", f"{TARGET}?a=b", b""),
        ("get", TARGET, b""),
        ("GET", "/palvelut", b""),
    ],
)
async def test_a_signature_of_another_request(bench: Bench, method: str, target: str, body: bytes) -> None:
    found = await bench.ask("GET", "/palvelut", signing=signed(method, target, body))
    assert found.error == (401, "ALLEKIRJOITUS_VAARA")


async def test_the_digest_is_of_the_body_that_came(bench: Bench) -> None:
    signing = signed("POST", f"{BASE}/tapaamiset", b"<a/>")
    found = await bench.ask("POST", "/tapaamiset", b"<b/>", signing=signing)
    assert found.error == (401, "TIIVISTE_VAARA")


@pytest.mark.parametrize(("seconds", "code"), [(-301, 401), (-299, 200), (299, 200), (302, 401)])
async def test_the_clock(bench: Bench, seconds: int, code: int) -> None:
    at = (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
    found = await bench.ask("GET", "/palvelut", signing=signed("GET", TARGET, at=at))
    assert found.status == code
    if code == 401:
        assert found.error == (401, "AIKA_POIKKEAA")


@pytest.mark.parametrize(
    "at",
    ["", "nyt", "2027-03-22T08:04:12+02:00", "2027-03-22 06:04:12Z", "2027-02-30T06:04:12Z", "2027-03-22T06:04:12.5Z"],
)
async def test_a_time_of_another_form(bench: Bench, at: str) -> None:
    found = await bench.ask("GET", "/palvelut", signing=signed("GET", TARGET, at=at))
    assert found.error == (401, "AIKA_POIKKEAA")


async def test_the_virtual_clock_has_no_say(bench: Bench) -> None:
    bench.system.clock.advance(timedelta(days=30))
    assert (await bench.ask("GET", "/palvelut")).status == 200
    bench.real.off = timedelta(days=30)
    assert (await bench.ask("GET", "/palvelut")).error == (401, "AIKA_POIKKEAA")


async def test_the_query_is_signed_as_it_was_sent(bench: Bench) -> None:
    target = f"{BASE}/vapaat-ajat?alkaen=2027-03-23T00%3A00:00%2b02:00&palvelu=TSO"
    head = "".join(f"{name}: {value}\r\n" for name, value in signed("GET", target).items())
    reply = await bench.raw(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{head}\r\n".encode())
    assert reply.startswith(b"HTTP/1.1 200 ")


async def test_nothing_is_read_before_the_signature_is_right(bench: Bench) -> None:
    bomb = b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'
    found = await bench.ask("POST", "/tapaamiset", bomb, signing=signed("POST", "/x", bomb))
    assert found.error == (401, "ALLEKIRJOITUS_VAARA")


async def test_too_many_requests(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    bucket = signature.bucket(lambda: now)
    for _ in range(int(signature.BURST)):
        bucket.take()
    with pytest.raises(signature.Refusal) as refused:
        bucket.take()
    assert (refused.value.status, refused.value.headers) == (429, {"retry-after": "1"})
    now = 1.0
    for _ in range(int(signature.RATE)):
        bucket.take()
