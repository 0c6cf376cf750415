"""The operations on Appointments, and the batch, in the OpenAPI document."""

from __future__ import annotations

from typing import Any, Final

from hub.api import openapi, schemas
from hub.api.batch import MOST_ENTRIES
from hub.api.message import FHIR_JSON
from hub.api.operations import FIND, OPERATIONS, Operation
from hub.api.settings import ApiSettings

_OF_A_TIME: Final = (
    *openapi.WRITE,
    "slot-taken",
    "no-such-time",
    "slot-past",
    "unknown-slot",
    "not-a-customer",
    "not-bookable",
    "duplicate",
    "hold-expired",
)
_FIND: Final = (*openapi.SEARCH, "another-patient", "municipality-required")
_PARAMETERS: Final = (*openapi.BODY, "bad-json", "bad-structure", "bad-value", "required-element", "invariant")
_BATCH: Final = (
    *openapi.ANY_CALL,
    *_PARAMETERS,
    "business-rule",
    "not-supported",
    "too-costly",
    "bad-key",
    "unknown-parameter",
    "answer-withheld",
    "internal-unknown",
)


def document(settings: ApiSettings, only: str | None = None) -> dict[str, Any]:
    """The whole OpenAPI document, or that of one type."""
    made = openapi.document(settings, only)
    components: dict[str, Any] = made["components"]["schemas"]
    if only in (None, "Appointment"):
        components["Proposed"] = schemas.proposed()
        components["Parameters"] = _any_parameters()
        for one in OPERATIONS.values():
            made["paths"][f"/fhir/Appointment/${one.name}"] = _path(one)
    if only is None:
        components["Batch"] = schemas.batch(MOST_ENTRIES)
        components["BatchResponse"] = _batch_response()
        made["paths"]["/fhir"] = {"post": _batch()}
    return made


def _path(one: Operation) -> dict[str, Any]:
    if one.name == "find":
        got = openapi.operation("find", "Find proposed Appointments", _FIND, "Bundle")
        posted = (*_FIND, *_PARAMETERS, "not-supported")
        sent = openapi.operation("postFind", "Find proposed Appointments", posted, "Bundle")
        said = {"description": one.documentation}
        return {
            "get": got | said | {"parameters": openapi.parameters(FIND)},
            "post": sent | said | {"requestBody": openapi.request_body("Parameters")},
        }
    codes: tuple[str, ...] = (*openapi.BOOK, "hold-expired") if one.name == "book" else _OF_A_TIME
    summary = {"hold": "Hold a time", "book": "Book a proposed Appointment", "release": "Give a held time back"}[
        one.name
    ]
    status = "201" if one.name == "book" else "200"
    answer = "OperationOutcome" if one.name == "release" else "Bundle"
    described = openapi.operation(f"{one.name}Proposed", summary, codes, answer, status=status)
    if one.name == "book":
        answers = [{"$ref": f"#/components/schemas/{name}"} for name in ("Bundle", "Appointment")]
        described["responses"]["201"]["content"][FHIR_JSON]["schema"] = {"anyOf": answers}
    return {
        "post": described
        | {
            "description": one.documentation,
            "parameters": [openapi.key(), *([openapi.prefer()] if one.name == "book" else [])],
            "requestBody": openapi.request_body("Proposed"),
        }
    }


def _batch() -> dict[str, Any]:
    about = (
        f"At most {MOST_ENTRIES} reads, searches, bookings and changes, each answered and audited as if it had come "
        "alone; nothing binds them together. An Idempotency-Key of the batch is `<key>/<index>` for each of its writes."
    )
    described = openapi.operation("batch", "Several requests in one", _BATCH, "BatchResponse")
    return described | {
        "description": about,
        "parameters": [openapi.key()],
        "requestBody": openapi.request_body("Batch"),
    }


def _any_parameters() -> dict[str, Any]:
    one = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
    return {
        "type": "object",
        "properties": {
            "resourceType": {"const": "Parameters"},
            "parameter": {"type": "array", "items": one, "minItems": 1},
        },
        "required": ["resourceType"],
    }


def _batch_response() -> dict[str, Any]:
    response = {"type": "object", "properties": {"status": {"type": "string"}}, "required": ["status"]}
    entry = {"type": "object", "properties": {"response": response}, "required": ["response"]}
    return {
        "type": "object",
        "properties": {
            "resourceType": {"const": "Bundle"},
            "type": {"const": "batch-response"},
            "entry": {"type": "array", "items": entry, "minItems": 1},
        },
        "required": ["resourceType", "type"],
    }
