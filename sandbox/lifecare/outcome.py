"""Answers and refusals: every error of INTERFACE.md §9, with its OperationOutcome."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import orjson

from sandbox.http.answer import Answer
from sandbox.lifecare import codes

Json = dict[str, object]

FHIR_JSON: Final = "application/fhir+json; charset=utf-8"


class _Error(NamedTuple):
    status: int
    issue: str
    text: str


ERRORS: Final[Mapping[str, _Error]] = {
    "NOT_JSON": _Error(400, "structure", "The body is not JSON."),
    "NOT_UTF8": _Error(400, "structure", "The body is not UTF-8."),
    "NOT_AN_OBJECT": _Error(400, "structure", "The body is not a JSON object."),
    "WRONG_TYPE": _Error(400, "structure", "The body is another resource than the address says."),
    "UNKNOWN_ELEMENT": _Error(400, "structure", "FHIR R4 knows no such element here."),
    "BAD_ELEMENT": _Error(400, "structure", "The element has another JSON type or cardinality than FHIR R4 says."),
    "MISSING_ELEMENT": _Error(400, "required", "A required element is missing."),
    "BAD_VALUE": _Error(400, "value", "The value does not have the form it must have."),
    "BAD_PARAMETER": _Error(400, "invalid", "A search parameter is unknown or its value cannot be used."),
    "BAD_PAGE": _Error(400, "invalid", "The page link is not one that this installation gave for this search."),
    "BAD_CONDITION": _Error(400, "invalid", "If-None-Exist must be identifier=system|value, as in the body."),
    "HETU_IN_URL": _Error(400, "invalid", "A personal identity code must not be in an address or a header. Use POST."),
    "PATIENT_SEARCH_BY_GET": _Error(400, "invalid", "Patients are searched with POST Patient/_search only."),
    "PERIOD_TOO_LONG": _Error(400, "too-costly", "Ask for at most 62 days at a time."),
    "TOKEN_MISSING": _Error(401, "login", "An access token is required."),
    "TOKEN_INVALID": _Error(401, "login", "The access token is not valid."),
    "TOKEN_EXPIRED": _Error(401, "login", "The access token has expired."),
    "NOT_FOUND": _Error(404, "not-found", "There is no such resource."),
    "UNKNOWN_TYPE": _Error(404, "not-supported", "There is no such resource type or address."),
    "GONE": _Error(410, "deleted", "The resource has been deleted."),
    "NOT_SUPPORTED": _Error(405, "not-supported", "This interaction is not supported."),
    "NOT_ACCEPTABLE": _Error(406, "not-supported", "Only FHIR JSON can be given."),
    "REQUEST_TOO_SLOW": _Error(408, "timeout", "The request did not arrive in time."),
    "SLOT_TAKEN": _Error(409, "conflict", "The time has been taken."),
    "HOLD_NOT_VALID": _Error(409, "conflict", "No such hold is live for this time and patient."),
    "ALREADY_BOOKED": _Error(409, "duplicate", "The patient already has this time."),
    "ALREADY_REGISTERED": _Error(409, "duplicate", "The person is already a customer of this installation."),
    "IF_MATCH_MISSING": _Error(412, "conflict", "If-Match is required: read the resource first."),
    "STALE_VERSION": _Error(412, "conflict", "The resource has changed: read it again."),
    "MULTIPLE_MATCHES": _Error(412, "multiple-matches", "Several appointments have that identifier."),
    "TOO_LONG": _Error(413, "too-long", "The body is larger than 1 MiB."),
    "UNSUPPORTED_MEDIA_TYPE": _Error(415, "not-supported", "The content type is not supported here."),
    "NOT_STORED": _Error(422, "not-supported", "This system does not store the element."),
    "UNKNOWN_SLOT": _Error(422, "business-rule", "There is no such time."),
    "SLOT_PAST": _Error(422, "business-rule", "The time has passed."),
    "UNKNOWN_PATIENT": _Error(422, "business-rule", "There is no such patient."),
    "UNKNOWN_PERSON": _Error(422, "business-rule", "The population register does not know the person."),
    "TIME_MISMATCH": _Error(422, "business-rule", "The times are not those of the slot."),
    "OTHER_SERVICE": _Error(422, "business-rule", "An appointment can be moved within its service only."),
    "CHANGE_NOT_ALLOWED": _Error(422, "business-rule", "The element must not be changed."),
    "NO_CHANGE": _Error(422, "business-rule", "The update changes nothing."),
    "ALREADY_CANCELLED": _Error(422, "business-rule", "The appointment has been cancelled already."),
    "NOT_CHANGEABLE": _Error(422, "business-rule", "The appointment cannot be changed in its present status."),
    "APPOINTMENT_PAST": _Error(422, "business-rule", "The appointment has begun."),
    "STATUS_NOT_ALLOWED": _Error(422, "business-rule", "The status is not allowed here."),
    "REASON_MISSING": _Error(422, "required", "A cancellation needs a cancelationReason."),
    "UNKNOWN_REASON": _Error(422, "code-invalid", "The cause of cancellation is not of the installation's list."),
    "TEXT_TOO_LONG": _Error(422, "too-long", "The text is too long."),
    "TOO_MANY_REQUESTS": _Error(429, "throttled", "Too many requests."),
    "INTERNAL": _Error(500, "exception", "A fault in Lifecare. The work may or may not have been done."),
    "UNAVAILABLE": _Error(503, "transient", "Lifecare cannot answer now."),
}


class Refusal(Exception):
    """The request is answered with an error of ERRORS. `hint` is for developers and holds nothing of the request."""

    def __init__(
        self, code: str, expression: str | None = None, *, hint: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(code)
        self.code = code
        self.expression = expression
        self.hint = hint
        self.headers = dict(headers or {})

    def answer(self) -> Answer:
        """Return the error as it is sent."""
        error = ERRORS[self.code]
        body = operation_outcome(error.issue, self.code, error.text, expression=self.expression, hint=self.hint)
        return Answer(error.status, orjson.dumps(body), {"content-type": FHIR_JSON, **self.headers})


def operation_outcome(issue: str, code: str, text: str, *, expression: str | None = None, hint: str = "") -> Json:
    """Return an OperationOutcome with one issue of severity error."""
    found: Json = {
        "severity": "error",
        "code": issue,
        "details": {"coding": [{"system": codes.ERROR_CODES, "code": code}], "text": text},
    }
    if hint:
        found["diagnostics"] = hint
    if expression is not None:
        found["expression"] = [expression]
    return {"resourceType": "OperationOutcome", "issue": [found]}


def of_status(status: int) -> Answer:
    """Return the error that Lifecare, or a proxy before it, sends with a status asked for by a fault."""
    by_status = {error.status: code for code, error in reversed(list(ERRORS.items()))}
    code = by_status.get(status, "UNAVAILABLE" if status in (502, 504) else "INTERNAL")
    error = ERRORS[code]
    headers = {"content-type": FHIR_JSON}
    if status == 429:
        headers["retry-after"] = "1"
    if status == 401:
        headers["www-authenticate"] = 'Bearer realm="lifecare"'
    return Answer(status, orjson.dumps(operation_outcome(error.issue, code, error.text)), headers)
