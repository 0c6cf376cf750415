"""The OpenAPI 3.1 document, whole or of one resource type, from the same tables as everything else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from hub.api import bodies, problems, schemas, searchparams, shaping
from hub.api.interactions import INCLUDE, KINDS, RESULT_PARAMS, SORT, Kind, Param
from hub.api.message import FHIR_JSON, FORM
from hub.api.schemas import Schema
from hub.api.settings import ApiSettings

KEY_SCOPE: Final = (
    "A fresh UUID for every new request. The same key and body get the same answer for at least 24 hours, and have one "
    "effect at most; the same key with another body is 422 `key-reused`. A key belongs to one client (portal), one "
    "resident, the person they act for, and one route: for a change that of this very Appointment, with the same "
    "If-Match. Elsewhere the same text is another key."
)
_DATE: Final = (
    r"(eq|gt|lt|ge|le|sa|eb)?(19|20|21)[0-9]{2}(-(0[1-9]|1[0-2])(-(0[1-9]|1[0-9]|2[0-8])"
    r"(T([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?Z)?)?)?"
)
_NOT_CARRIED: Final = (
    "What is said of the service or of who takes part must be the Slot's, or is left out (422 `slot-contradicted`). "
    'Any other element of an R4 Appointment is taken, and named in a `Warning: 199 - "not-carried: …"` where no record '
    "system has a place for it (with `Prefer: return=OperationOutcome` in an issue, too); `Prefer: handling=strict` "
    "has it refused instead (422 `not-supported`)."
)
_CHANGES: Final = (
    "The resource as it was read, with one change. `status` `cancelled` cancels it (`cancelationReason.text` says why) "
    "and declines a proposal. Another `slot`, of the same service and record system, moves it, or leaves it as it is; "
    "its id stays; `start` and `end` are that Slot's, as they were, or left out. A proposal of the unit's (`pending`, "
    "the patient's `participant.status` `needs-action`) is accepted with `participant.status` `accepted`; another "
    "`slot` asks the unit for that time, and it stays `pending`. While the outcome of a change is not known (202) the "
    "Appointment shows its last proven state with the tag `outcome-unknown`."
)
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_SMALL: Final = "One small document per type: /openapi/{type}.json."
_PAGES: Final = "An answer that is a problem names its codes; each has its page, /errors/{code}."
_ELEMENTS: Final[Schema] = {"type": "string", "enum": ["id", "id,meta", "meta"]}
"""Every type has these; any element of the type may be named."""
ANY_CALL: Final = ("login", "not-acceptable", "hetu-in-url", "headers-too-large", "throttled", "no-store", "internal")
_READ: Final = (*ANY_CALL, "forbidden", "not-found", "unknown-parameter", "record-system-failed", "misconfigured")
SEARCH: Final = (
    *ANY_CALL,
    "forbidden",
    "unknown-parameter",
    "bad-parameter",
    "bad-cursor",
    "too-costly",
    "record-system-failed",
)
BODY: Final = ("unsupported-media-type", "too-large", "too-slow")
WRITE: Final = (
    *ANY_CALL,
    *BODY,
    "forbidden",
    "another-patient",
    "bad-json",
    "bad-structure",
    "bad-value",
    "required-element",
    "invariant",
    "business-rule",
    "not-supported",
    "text-too-long",
    "too-costly",
    "bad-key",
    "key-reused",
    "in-flight",
    "unknown-parameter",
    "outcome-unknown",
    "record-system-failed",
    "refused-by-record-system",
    "expired",
    "not-done",
    "misconfigured",
    "answer-withheld",
    "internal-unknown",
)
BOOK: Final = (
    *WRITE,
    "slot-taken",
    "duplicate",
    "no-such-time",
    "slot-past",
    "unknown-slot",
    "slot-mismatch",
    "slot-contradicted",
    "slot-required",
    "patient-required",
    "not-a-customer",
    "not-bookable",
    "multiple-matches",
    "bad-parameter",
)
_CHANGE: Final = (
    *WRITE,
    "slot-taken",
    "no-such-time",
    "duplicate",
    "slot-past",
    "unknown-slot",
    "slot-mismatch",
    "not-a-customer",
    "not-movable",
    "no-proposal",
    "declined",
    "not-found",
    "if-match-required",
    "bad-if-match",
    "stale-version",
    "not-changeable",
    "not-cancellable",
    "unknown-appointment",
)


def document(settings: ApiSettings, only: str | None = None) -> dict[str, Any]:
    """The document of all types, or of one."""
    components: dict[str, Schema] = {}
    schemas.resource("OperationOutcome", components)
    paths: dict[str, Any] = {}
    for kind in KINDS.values():
        if only in (None, kind.name):
            paths |= _paths(kind, components)
    if only is None:
        schemas.resource("CapabilityStatement", components)
        paths["/fhir/metadata"] = {"get": _metadata()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Sotesilta FHIR API" + (f": {only}" if only else ""),
            "version": settings.version,
            "summary": "One FHIR R4 API before the record systems of health and social care",
            "description": f"{KINDS[only].documentation if only else _SMALL} {_PAGES}",
        },
        "servers": [{"url": settings.public_url}],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            "responses": {"Problem": _answer("A problem of the contract", "OperationOutcome")},
            "headers": {"X-Request-Id": {"schema": {"type": "string", "pattern": "^req_[0-9a-f]{20}$"}}},
        },
    }


def _paths(kind: Kind, components: dict[str, Schema]) -> dict[str, Any]:
    schemas.resource(kind.name, components)
    components["Bundle"] = _bundle()
    base = f"/fhir/{kind.name}"
    collection: dict[str, Any] = {"get": _search(kind)}
    instance: dict[str, Any] = {"get": _read(kind)}
    paths: dict[str, Any] = {base: collection, f"{base}/_search": {"post": _post_search(kind)}}
    if "create" in kind.interactions:
        components["Booking"] = schemas.booking()
        collection["post"] = _create(kind)
    if "update" in kind.interactions:
        instance["put"] = _update(kind)
    paths[f"{base}/{{id}}"] = instance
    if "history-instance" in kind.interactions:
        paths[f"{base}/{{id}}/_history"] = {"get": _history(kind)}
    if "vread" in kind.interactions:
        paths[f"{base}/{{id}}/_history/{{version}}"] = {"get": _vread(kind)}
    return paths


def _metadata() -> dict[str, Any]:
    described = operation(
        "metadata", "What this API can do", ("not-acceptable", "unknown-parameter"), "CapabilityStatement"
    )
    return described | {"security": [], "parameters": [_format()]}


def _search(kind: Kind) -> dict[str, Any]:
    described = operation(f"search{kind.name}", f"Search {kind.name}", _codes(kind, SEARCH), "Bundle")
    described["responses"]["200"]["links"] = {"first": _link(kind, "$response.body#/entry/0/resource/id")}
    return _opened(kind, described) | {"description": kind.documentation, "parameters": parameters(kind)}


def _post_search(kind: Kind) -> dict[str, Any]:
    fields = {one["name"]: one["schema"] for one in parameters(kind)}
    form = {"schema": {"type": "object", "properties": fields, "additionalProperties": False}}
    codes = _codes(kind, (*SEARCH, *BODY))
    described = operation(f"postSearch{kind.name}", f"Search {kind.name}, parameters in the body", codes, "Bundle")
    return _opened(kind, described) | {"requestBody": {"content": {FORM: form}}}


def _read(kind: Kind) -> dict[str, Any]:
    codes = tuple(c for c in _codes(kind, _READ) if kind.personal or c != "forbidden" or kind.public)
    described = operation(f"read{kind.name}", f"Read one {kind.name}", codes, kind.name)
    described["responses"]["304"] = _answer("Not changed since the version of If-None-Match")
    headers = [_header("If-None-Match", 'An ETag: 304 when it is still the version (`W/"3"`).')]
    return _opened(kind, described) | {"parameters": [_path("id", schemas.ID), _format(), *_shape(), *headers]}


def _vread(kind: Kind) -> dict[str, Any]:
    described = operation(f"vread{kind.name}", f"Read one version of a {kind.name}", _codes(kind, _READ), kind.name)
    described["responses"]["304"] = _answer("Not changed since the version of If-None-Match")
    version = _path("version", "^[1-9][0-9]{0,17}$")
    return described | {"parameters": [_path("id", schemas.ID), version, _format(), *_shape()]}


def _history(kind: Kind) -> dict[str, Any]:
    codes = (*_codes(kind, _READ), "bad-parameter", "bad-cursor")
    described = operation(
        f"history{kind.name}", f"What the hub has seen of one {kind.name}, newest first", codes, "Bundle"
    )
    count = {"name": "_count", "in": "query", "description": "Most versions of a page.", "schema": _COUNT}
    return described | {"parameters": [_path("id", schemas.ID), _format(), count]}


def _shape() -> list[dict[str, Any]]:
    """The parameters of how much of a resource is sent."""
    said = {one.name: one for one in RESULT_PARAMS}
    values = [one for one in said["_summary"].values if one != "count"]
    return [
        {"name": name, "in": "query", "description": said[name].documentation, "schema": schema}
        for name, schema in (("_summary", {"type": "string", "enum": values}), ("_elements", _ELEMENTS))
    ]


def _create(kind: Kind) -> dict[str, Any]:
    described = operation("book", "Book a free time", BOOK, kind.name, status="201")
    described["responses"]["200"] = _answer("If-None-Exist found it; nothing was done", kind.name)
    described["responses"]["201"]["links"] = {"booked": _link(kind, "$response.body#/id")}
    once = _header("If-None-Exist", "Search parameters: book only if nothing matches. Best: your own identifier.")
    once["schema"] = {"type": "string", "pattern": "^identifier=[A-Za-z0-9][A-Za-z0-9.:-]{0,99}$"}
    return described | {
        "description": f"{kind.documentation} 201 means that the record system confirmed it. {_NOT_CARRIED}",
        "parameters": [key(), prefer(), once],
        "requestBody": request_body("Booking"),
    }


def _update(kind: Kind) -> dict[str, Any]:
    described = operation("change", "Cancel or move an appointment, or answer a proposal", _CHANGE, kind.name)
    match = _header("If-Match", "The ETag of the version the change is based on.") | {"required": True}
    match["schema"] = {"type": "string", "pattern": '^(W/)?"[1-9][0-9]{0,17}"$'}
    return described | {
        "description": _CHANGES,
        "parameters": [_path("id", schemas.ID), match, key(), prefer()],
        "requestBody": request_body(kind.name),
    }


def _link(kind: Kind, identity: str) -> dict[str, Any]:
    return {"operationId": f"read{kind.name}", "parameters": {"id": identity}}


def _opened(kind: Kind, described: dict[str, Any]) -> dict[str, Any]:
    """Without a token, where the type is public."""
    return described | ({"security": []} if kind.public else {})


def operation(name: str, summary: str, codes: Iterable[str], schema: str, *, status: str = "200") -> dict[str, Any]:
    """An operation that is answered by ``schema``, or by a problem of the contract: one of ``codes``."""
    responses = {status: _answer("Done", schema)}
    by_status: dict[int, list[str]] = {}
    for code in dict.fromkeys(codes):
        by_status.setdefault(problems.rule(code).status, []).append(code)
    for number, several in sorted(by_status.items()):
        responses[str(number)] = {"$ref": "#/components/responses/Problem", "description": ", ".join(several)}
    return {"operationId": name, "summary": summary, "responses": responses}


def _answer(description: str, schema: str | None = None) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "description": description,
        "headers": {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}},
    }
    if schema:
        answer["content"] = {FHIR_JSON: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return answer


def _codes(kind: Kind, codes: tuple[str, ...]) -> tuple[str, ...]:
    """The codes of a read or search of this type: a public one asks for no token, a Slot may want a municipality."""
    if kind.public:
        return tuple(one for one in codes if one not in ("login", "forbidden", "record-system-failed", "misconfigured"))
    return (*codes, "municipality-required") if kind.name == "Slot" else codes


def parameters(kind: Kind) -> list[dict[str, Any]]:
    """The parameters of a search."""
    parameters = [
        {"name": p.name, "in": "query", "description": p.documentation, "schema": _schema(p)} for p in kind.params
    ]
    for result in RESULT_PARAMS:
        if result.name == "_cursor":
            continue  # never made by hand
        schema: Schema = {"type": "string", "enum": list(result.values)} if result.values else {"const": "json"}
        schema = {"_count": _COUNT, "_elements": _ELEMENTS}.get(result.name, schema)
        parameters.append({"name": result.name, "in": "query", "description": result.documentation, "schema": schema})
    for name in (INCLUDE, f"{INCLUDE}:iterate") if (known := shaping.includes(kind)) else ():
        schema = {"type": "array", "items": {"type": "string", "enum": known}}
        said = "References to follow; what they lead to comes along." + (" From what came along, too." * (":" in name))
        parameters.append({"name": name, "in": "query", "description": said, "schema": schema})
    if kind.sort:
        orders = {"type": "string", "enum": [order for order, _ in kind.sort]}
        parameters.append({"name": SORT, "in": "query", "description": "The order.", "schema": orders})
    return parameters


def _schema(param: Param) -> Schema:
    if param.codes:
        return {"type": "string", "enum": list(param.codes)}
    match param.type:
        case "date":
            return {"type": "string", "pattern": f"^{_DATE}$"}
        case "reference":
            return {"type": "string", "pattern": rf"^(({'|'.join(param.targets)})/)?[A-Za-z0-9\-.]{{1,64}}$"}
        case _ if param.name == "_id":
            return {"type": "string", "pattern": schemas.ID}
        case _ if param.pattern:
            return {"type": "string", "pattern": f"^{param.pattern}$"}
        case _:
            return {"type": "string", "pattern": searchparams.TOKEN if param.type == "token" else searchparams.TEXT}


def _path(name: str, pattern: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "pattern": pattern}}


def _header(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": description, "schema": {"type": "string"}}


def key() -> dict[str, Any]:
    """The header Idempotency-Key."""
    key = _header("Idempotency-Key", KEY_SCOPE)
    return key | {"schema": {"type": "string", "pattern": bodies.KEY_PATTERN}}


def prefer() -> dict[str, Any]:
    """The header Prefer."""
    kinds = "`return=representation` (the default), `minimal` or `OperationOutcome`"
    return _header("Prefer", f"{kinds}; `handling=strict`: carry everything or refuse.")


def _format() -> dict[str, Any]:
    return {"name": "_format", "in": "query", "description": "`json`.", "schema": {"const": "json"}}


def request_body(schema: str) -> dict[str, Any]:
    """A body in FHIR JSON."""
    return {"required": True, "content": {FHIR_JSON: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}}


def _bundle() -> Schema:
    entry = {
        "type": "object",
        "properties": {
            "fullUrl": {"type": "string"},
            "resource": {"type": "object", "required": ["resourceType"]},
            "search": {"type": "object", "properties": {"mode": {"enum": ["match", "include", "outcome"]}}},
        },
        "required": ["resource", "search"],
    }
    return {
        "type": "object",
        "properties": {
            "resourceType": {"const": "Bundle"},
            "type": {"const": "searchset"},
            "total": {"type": "integer", "minimum": 0},
            "link": {"type": "array", "items": {"type": "object", "required": ["relation", "url"]}},
            "entry": {"type": "array", "items": entry, "minItems": 1},
        },
        "required": ["resourceType", "type", "link"],
    }
