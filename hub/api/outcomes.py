"""OperationOutcomes: a problem of the contract in the language of the caller, and the reply that carries it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from canonical import codes, hetu, times
from hub.api import problems
from hub.api.message import Reply, Request
from hub.api.problems import Rule
from hub.usecases.ports import Failed, Language, Link, Missing, Unknown

CERTAINTY: Final = f"{codes.ROOT}/fhir/CodeSystem/certainty"
ALTERNATIVE: Final = f"{codes.ROOT}/fhir/StructureDefinition/alternative"
SEE: Final = f"{codes.ROOT}/fhir/StructureDefinition/see"
MOST_ALTERNATIVES: Final = 3

_HTTP: Final = "http."
_NOT_SHOWN: Final = "…"


class _Facts(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return ""


def parameter(name: str) -> str:
    """The expression of an HTTP parameter or header (``http.service-type``)."""
    return f"{_HTTP}{name}"


def reply(problem: Failed, request: Request, help_base: str) -> Reply:
    """The reply to a request that met ``problem``. ``help_base`` is where the pages of the codes are."""
    rule = problems.rule(problem.code)
    body = resource((problem, *problem.also), request.language, request.id)
    headers = [
        ("Content-Language", request.language),
        ("Vary", "Accept, Accept-Language"),
        ("Link", f'<{help_base}/{rule.code}>; rel="help"'),
    ]
    wait = problem.retry_after if problem.retry_after is not None else rule.wait
    if wait is not None:
        headers.append(("Retry-After", str(max(1, math.ceil(wait)))))
    if problem.replayed:
        headers.append(("Idempotent-Replayed", "true"))
    if rule.status == 401:
        headers.append(("WWW-Authenticate", 'Bearer realm="fhir"'))
    if rule.status == 405:
        headers.append(("Allow", problem.facts["allow"]))
    return Reply(rule.status, body, headers, outcome=rule.code)


def resource(found: Iterable[Failed], language: Language, request_id: str | None) -> bytes:
    """The OperationOutcome as JSON. Without ``request_id`` it names no trace."""
    issues = [_issue(problem, problems.rule(problem.code), language, request_id) for problem in found]
    return orjson.dumps({"resourceType": "OperationOutcome", "language": language, "issue": issues})


def receipt(answer: Unknown) -> Failed:
    """The problem of a write whose outcome is not known: its receipt will tell."""
    see = [Link(f"Task/{answer.task_id}")]
    if answer.target is not None:
        see.append(Link(f"Appointment/{answer.target}"))
    return Failed(answer.code, retry_after=answer.retry_after, see=see, replayed=answer.replayed)


def missing(one: Missing, language: Language) -> bytes:
    """The warning that an installation's data is not in a Bundle."""
    since = times.iso(datetime.fromtimestamp(one.since, UTC)) if one.since is not None else "not known"
    facts = {"name": one.name, "installation": one.installation, "since": since}
    return resource([Failed("incomplete", one.why, facts=facts)], language, None)


def fewer(limit: int, language: Language) -> bytes:
    """The remark that a page holds at most ``limit`` entries, though more were asked for."""
    facts = {"limit": str(limit)}
    return resource([Failed("fewer", expression=[parameter("_count")], facts=facts)], language, None)


def _issue(problem: Failed, rule: Rule, language: Language, request_id: str | None) -> dict[str, Any]:
    issue: dict[str, Any] = {
        "severity": rule.severity,
        "code": rule.issue,
        "details": {
            "coding": [
                {"system": codes.ERRORS, "code": rule.code},
                {"system": CERTAINTY, "code": rule.certainty},
            ],
            "text": text(problem, rule, language),
        },
        "diagnostics": _diagnostics(problem, rule, request_id),
    }
    if blamed := _blamed(problem, rule):
        issue["expression"] = list(blamed)
    extensions = [
        {"url": ALTERNATIVE, "valueReference": _reference(one.reference, one.display)}
        for one in problem.alternatives[:MOST_ALTERNATIVES]
    ]
    extensions += [{"url": SEE, "valueReference": _reference(one.reference, one.display)} for one in problem.see]
    return ({"extension": extensions} if extensions else {}) | issue


def text(problem: Failed, rule: Rule, language: Language) -> str:
    """What people are told."""
    where = ", ".join(one.removeprefix(_HTTP) for one in _blamed(problem, rule)) or _NOT_SHOWN
    return rule.texts[language].format_map(_Facts({"where": where, **problem.facts}))


def _blamed(problem: Failed, rule: Rule) -> tuple[str, ...]:
    return problem.expression or rule.blames


def _diagnostics(problem: Failed, rule: Rule, request_id: str | None) -> str:
    """What developers are told. The 404 names no trace: it must be the same for what is hidden and what is not."""
    facts = _Facts({"why": problem.detail, "what": problem.detail, **problem.facts})
    hint = rule.hint.format_map(facts)
    parts = [hint if problem.detail in hint else f"{problem.detail.rstrip('.')}. {hint}", f"Next: {rule.next}"]
    if request_id and rule.code != "not-found":
        parts.append(f"Trace: {request_id}")
    return hetu.mask(" ".join(part.strip().rstrip(".") + "." for part in parts))


def _reference(reference: str, display: str) -> dict[str, str]:
    return {"reference": reference} | ({"display": display} if display else {})
