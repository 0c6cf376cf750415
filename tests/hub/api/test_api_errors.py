"""The error contract: every code, in every language, with a page behind it."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import get_args

import httpx
import pytest

from adapters import errors
from canonical import codes
from hub.api import outcomes, problems
from hub.usecases.ports import Failed

from .conftest import MemoryHub, code_of

CODES = sorted(problems.contract())
# http://hl7.org/fhir/R4/valueset-issue-type.html
ISSUE_TYPES = """
    invalid structure required value invariant security login unknown expired forbidden suppressed processing
    not-supported duplicate multiple-matches not-found deleted too-long code-invalid extension too-costly
    business-rule conflict transient lock-error no-store exception timeout incomplete throttled informational
"""
NAMED = """
    slot-taken duplicate in-flight key-reused no-such-time slot-past unknown-slot not-a-customer not-bookable
    stale-version if-match-required record-system-failed refused-by-record-system outcome-unknown expired
    not-cancellable unknown-appointment not-supported forbidden not-found login too-large too-slow too-costly
    throttled no-store incomplete quarantined hetu-in-url bad-json bad-structure bad-value required-element
    unknown-parameter bad-parameter not-changeable misconfigured pending-at-record-system declined not-done other-time
    already-registered
"""


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("language", problems.LANGUAGES)
async def test_every_code_in_every_language(
    aino: httpx.AsyncClient, memory: MemoryHub, code: str, language: str
) -> None:
    rule = problems.rule(code)
    facts = {"allow": "GET", "name": "Loviisa", "installation": "x", "limit": "10", "since": "-"}
    memory.fails = Failed(code, "protocol facts", expression=["Appointment.slot[0]"], facts=facts)
    response = await aino.get("/fhir/Appointment", headers={"accept-language": f"{language}-FI, *;q=0.1"})

    assert response.status_code == rule.status
    outcome = response.json()
    issue = outcome["issue"][0]
    assert (outcome["language"], response.headers["content-language"]) == (language, language)
    assert issue["code"] == rule.issue
    assert [one["code"] for one in issue["details"]["coding"]] == [code, rule.certainty]
    assert issue["details"]["text"].strip() == issue["details"]["text"] != ""
    assert "{" not in issue["details"]["text"] + issue["diagnostics"]
    assert issue["expression"] == ["Appointment.slot[0]"]
    assert "Next: " in issue["diagnostics"]
    assert ("Trace: req_" in issue["diagnostics"]) == (code != "not-found")
    assert response.headers["link"] == f'<http://hub.test/errors/{code}>; rel="help"'
    assert ("retry-after" in response.headers) == (rule.wait is not None)


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("language", problems.LANGUAGES)
async def test_every_code_has_its_page(anybody: httpx.AsyncClient, code: str, language: str) -> None:
    response = await anybody.get(f"/errors/{code}", headers={"accept-language": language})

    assert response.status_code == 200
    assert f'<html lang="{language}">' in response.text
    assert response.headers["content-language"] == language
    assert "{" not in re.sub(r"<style.*?</style>", "", response.text)


async def test_the_list_of_codes(anybody: httpx.AsyncClient) -> None:
    response = await anybody.get("/errors?lang=sv")

    assert all(f'id="{code}"' in response.text for code in CODES)
    assert "Tiden hann bli bokad" in response.text
    assert (await anybody.get("/errors/nope")).status_code == 404


@pytest.mark.parametrize("code", CODES)
def test_every_code_is_whole(code: str) -> None:
    rule = problems.rule(code)

    assert rule.issue in ISSUE_TYPES.split()
    assert rule.severity in ("error", "warning", "information")
    assert rule.certainty in ("done", "nothing-done", "not-known")
    assert len(set(rule.texts.values())) == 3, "three languages are three texts"
    assert all(len(text) <= 160 for text in rule.texts.values()), "short, for people"
    assert set(re.findall(r"\{(\w+)\}", "".join(rule.texts.values()))) <= {"where", "name"}
    if rule.status == 202:
        assert rule.certainty == "not-known"
    if 400 <= rule.status < 500 and code not in ("in-flight",):
        assert rule.certainty == "nothing-done"


BLAMED_BY_THE_CASE = {"bad-structure", "bad-value", "required-element", "invariant", "in-flight", "slot-contradicted"}
"""Codes that have no place of their own: whoever raises one names it."""


@pytest.mark.parametrize("code", [c for c in CODES if problems.rule(c).status in (400, 409, 412, 413, 422)])
def test_what_the_request_is_to_blame_for_names_a_place(code: str) -> None:
    assert bool(problems.rule(code).blames) != (code in BLAMED_BY_THE_CASE or code == "malformed-http")


def test_who_raises_a_code_without_a_place_names_one() -> None:
    root = Path(outcomes.__file__).parents[1]
    raised = [
        (f"{file.name}:{node.lineno}", node.args[0].value, {keyword.arg for keyword in node.keywords})
        for file in sorted(root.rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Failed"
        if node.args and isinstance(node.args[0], ast.Constant)
    ]
    assert len(raised) > 60
    assert [place for place, code, given in raised if code in BLAMED_BY_THE_CASE and "expression" not in given] == []


@pytest.mark.parametrize(
    ("code", "where"),
    [
        ("key-reused", "http.Idempotency-Key"),
        ("not-cancellable", "Appointment.status"),
        ("bad-cursor", "http._cursor"),
        ("too-large", "http.body"),
        ("duplicate", "Appointment.slot[0]"),
        ("stale-version", "http.If-Match"),
        ("multiple-matches", "http.If-None-Exist"),
        ("hetu-in-url", "http.url"),
    ],
)
async def test_the_place_is_in_the_answer(aino: httpx.AsyncClient, memory: MemoryHub, code: str, where: str) -> None:
    memory.fails = Failed(code)
    response = await aino.get("/fhir/Appointment")

    assert response.json()["issue"][0]["expression"] == [where]


async def test_a_nearer_place_comes_first(aino: httpx.AsyncClient, memory: MemoryHub) -> None:
    memory.fails = Failed("duplicate", expression=["Appointment.identifier[0]"])

    assert (await aino.get("/fhir/Appointment")).json()["issue"][0]["expression"] == ["Appointment.identifier[0]"]


@pytest.mark.parametrize("code", ["not-found", "login", "forbidden", "record-system-failed", "internal", "throttled"])
def test_nothing_of_the_request_is_blamed_for_what_it_cannot_help(code: str) -> None:
    assert problems.rule(code).blames in ((), ("http.Authorization",))


def test_nothing_that_was_named_is_left_out() -> None:
    assert set(NAMED.split()) <= set(CODES)


def test_every_refusal_of_a_record_system_has_a_code() -> None:
    kinds = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.Refused)]

    assert {one.code for one in kinds} <= set(CODES)


def test_three_certainties_and_no_more() -> None:
    assert set(get_args(problems.Certainty)) == {rule.certainty for rule in problems.contract().values()}


async def test_a_hetu_in_a_detail_is_masked(aino: httpx.AsyncClient, memory: MemoryHub) -> None:
    memory.fails = Failed("refused-by-record-system", "AE 204 for 010594Y9021")
    response = await aino.get("/fhir/Appointment")

    assert "010594Y9021" not in response.text
    assert "******-****" in response.text


async def test_details_are_not_templates(aino: httpx.AsyncClient, memory: MemoryHub) -> None:
    memory.fails = Failed("not-supported", "{0.__class__} {name}")
    response = await aino.get("/fhir/Appointment")

    assert (response.status_code, "{0.__class__} {name}" in response.text) == (422, True)


class TestDefects:
    async def test_a_defect_is_a_bare_500(
        self, aino: httpx.AsyncClient, memory: MemoryHub, caplog: pytest.LogCaptureFixture
    ) -> None:
        memory.breaks = KeyError("Aino 010594Y9021")
        response = await aino.get("/fhir/Patient/aino")

        assert (response.status_code, code_of(response)) == (500, "internal")
        assert not any(word in response.text for word in ("KeyError", "Aino", "conftest", "Traceback"))
        logged = caplog.text
        assert response.headers["x-request-id"] in logged
        assert "KeyError at" in logged
        assert "010594Y9021" not in logged

    async def test_in_a_write_nobody_knows(self, aino: httpx.AsyncClient, memory: MemoryHub) -> None:
        memory.fails = ZeroDivisionError()  # type: ignore[assignment]
        body = {"resourceType": "Appointment", "status": "booked", "slot": [{"reference": "Slot/free1"}]}
        body["participant"] = [{"actor": {"reference": "Patient/aino"}, "status": "accepted"}]
        response = await aino.post("/fhir/Appointment", json=body, headers={"content-type": "application/fhir+json"})

        assert (response.status_code, code_of(response)) == (500, "internal-unknown")
        coding = response.json()["issue"][0]["details"]["coding"]
        assert {"system": outcomes.CERTAINTY, "code": "not-known"} in coding

    async def test_a_page_that_breaks(self, anybody: httpx.AsyncClient, memory: MemoryHub) -> None:
        async def broken() -> None:
            raise ValueError("secret")

        memory.readiness = broken  # type: ignore[method-assign, assignment]
        response = await anybody.get("/readyz")

        assert (response.status_code, code_of(response)) == (500, "internal")
        assert "secret" not in response.text


def test_the_code_system_is_ours() -> None:
    assert codes.ERRORS == "https://sotesilta.example/errors"
