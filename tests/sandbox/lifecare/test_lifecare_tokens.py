"""Access tokens and the request rate (manual §1)."""

from __future__ import annotations

import httpx
import pytest

from tests.plain_http import PLAIN
from tests.sandbox.lifecare.lifecare_bench import SECRET, Bench, error

GRANT = {"grant_type": "client_credentials"}
FORM = {**GRANT, "client_id": "silta", "client_secret": SECRET}


async def test_token_by_form_or_basic(bench: Bench) -> None:
    url = f"{bench.root}/oauth2/token"
    by_form = await bench.client.post(url, data=FORM)
    # RFC 6749 §2.3.1: id and secret are form-encoded before they are joined.
    secret = "correct+horse%2Fbattery%2Bstaple"
    async with httpx.AsyncClient(verify=PLAIN, auth=("silta", secret)) as client:
        by_basic = await client.post(url, data=GRANT)
    for answer in (by_form, by_basic):
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        token = answer.json()
        assert (token["token_type"], token["expires_in"]) == ("Bearer", 300)
        headers = {"Authorization": f"Bearer {token['access_token']}"}
        assert (await bench.client.get("Location/U1", headers=headers)).status_code == 200


@pytest.mark.parametrize(
    ("form", "status", "code"),
    [
        ({**FORM, "client_secret": "wrong"}, 401, "invalid_client"),
        ({**FORM, "client_id": "other"}, 401, "invalid_client"),
        (GRANT, 401, "invalid_client"),
        ({**FORM, "grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"client_id": "silta", "client_secret": SECRET}, 400, "invalid_request"),
        ({}, 400, "invalid_request"),
        ({**FORM, "grant_type": ["client_credentials", "client_credentials"]}, 400, "invalid_request"),
    ],
)
async def test_token_refused(bench: Bench, form: dict[str, str], status: int, code: str) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    async with httpx.AsyncClient(verify=PLAIN) as client:
        answer = await client.post(f"{bench.root}/oauth2/token", data=form, headers=headers)
    assert (answer.status_code, answer.json()) == (status, {"error": code})
    assert ("www-authenticate" in answer.headers) == (status == 401)


async def test_token_needs_a_form_by_post_and_one_way_of_login(bench: Bench) -> None:
    url = f"{bench.root}/oauth2/token"
    async with httpx.AsyncClient(verify=PLAIN) as client:
        assert (await client.post(url, json=FORM)).status_code == 415
        assert (await client.get(url)).status_code == 405
        both = await client.post(url, data=FORM, auth=("silta", "x"))
        assert (both.status_code, both.json()) == (400, {"error": "invalid_request"})
        odd = await client.post(
            url, content=b"\xff\xfe=1", headers={"content-type": "application/x-www-form-urlencoded"}
        )
        assert odd.status_code == 400


async def test_token_lives_300_real_seconds(bench: Bench) -> None:
    bench.real.seconds += 299
    assert (await bench.client.get("Location/U1")).status_code == 200
    bench.real.seconds += 1
    answer = await bench.client.get("Location/U1")
    assert error(answer) == (401, "login", "TOKEN_EXPIRED")
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", "TOKEN_MISSING"),
        ("Bearer", "TOKEN_MISSING"),
        ("Basic eDp5", "TOKEN_MISSING"),
        ("Bearer lc_no", "TOKEN_INVALID"),
    ],
)
async def test_bad_token(bench: Bench, header: str, code: str) -> None:
    answer = await bench.client.post("Appointment", json={}, headers={"Authorization": header})
    assert error(answer) == (401, "login", code)


async def test_virtual_time_does_not_end_tokens(bench: Bench) -> None:
    bench.system.clock.freeze()
    bench.system.clock.set(bench.system.clock.now().replace(year=2028))
    assert (await bench.client.get("Location/U1")).status_code == 200


async def test_rate_limit(bench: Bench) -> None:
    request = f"GET /fhir/x HTTP/1.1\r\nHost: x\r\nAuthorization: {bench.client.headers['authorization']}\r\n\r\n"
    last = request.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")
    answers = (await bench.raw((request * 1_000 + last).encode())).split(b"HTTP/1.1 ")[1:]
    assert [answer[:3] for answer in answers] == [b"404"] * 1_000 + [b"429"]
    assert b"retry-after: 1\r\n" in answers[-1]
    assert error(await bench.client.get("x")) == (429, "throttled", "TOO_MANY_REQUESTS")
    bench.real.seconds += 1
    assert (await bench.client.get("x")).status_code == 404


async def test_metadata_needs_no_token(bench: Bench) -> None:
    async with httpx.AsyncClient(verify=PLAIN) as client:
        answer = await client.get(f"{bench.root}/fhir/metadata")
    statement = answer.json()
    assert statement["fhirVersion"] == "4.0.1"
    writes = {
        one["type"]: {i["code"] for i in one["interaction"]} - {"read", "search-type"}
        for one in statement["rest"][0]["resource"]
    }
    assert {kind: codes for kind, codes in writes.items() if codes} == {
        "Patient": {"create"},
        "Appointment": {"create", "update"},
    }
