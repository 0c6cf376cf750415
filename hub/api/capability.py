"""The CapabilityStatement: from the table of interactions, and from what the installations' adapters can really do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from adapters.base import Capability
from hub.api import definitions, shaping
from hub.api.interactions import KINDS, Interaction, Kind
from hub.api.operations import OPERATIONS
from hub.api.settings import ApiSettings
from hub.usecases.ports import InstallationState

_PUBLISHED: Final = "2026-11-22"
_NEEDS: Final[dict[Interaction, Capability]] = {"create": Capability.BOOK, "update": Capability.CANCEL}
_SECURITY: Final = (
    "Every request but of metadata and SearchParameter carries `Authorization: Bearer <token>`. A resident's token "
    "sees that resident's data (or the data of the one person they act for); a portal's own token sees the directory, "
    "and free times of a named municipality. A token in a URL is refused. What a token may not see answers 404, as if "
    "it were not there."
)
_WRITING: Final = (
    "`Idempotency-Key`: the same key and body get the same answer for at least 24 hours. `If-None-Exist` as in FHIR. "
    "An update needs `If-Match`; it may cancel, and nothing else. 201 and 200 mean that the record system confirmed "
    "it; 202 that nobody knows yet: the Task in Content-Location will tell. 409, 422 and 424 mean that nothing was "
    "done."
)


def statement(installations: Sequence[InstallationState], settings: ApiSettings) -> dict[str, Any]:
    """The CapabilityStatement as JSON. What no installation can do is not in it."""
    able = {capability for one in installations for capability in one.profile.capabilities}
    return {
        "resourceType": "CapabilityStatement",
        "id": "sotesilta",
        "url": f"{settings.base}/metadata",
        "version": settings.version,
        "name": "Sotesilta",
        "title": "Sotesilta: one FHIR API before the record systems of health and social care",
        "status": "active",
        "date": _PUBLISHED,
        "publisher": "Sotesilta",
        "kind": "instance",
        "software": {"name": "Sotesilta", "version": settings.version},
        "implementation": {"description": "Sotesilta, FHIR API for portals", "url": settings.base},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "rest": [
            {
                "mode": "server",
                "documentation": _installations(installations),
                "security": {"cors": False, "description": _SECURITY},
                "resource": [_resource(kind, able) for kind in KINDS.values()],
            }
        ],
    }


def interactions(kind: Kind, able: Iterable[Capability]) -> list[Interaction]:
    """What can be done with a type, where ``able`` is what any installation can."""
    return [one for one in kind.interactions if one not in _NEEDS or _NEEDS[one] in able]


def _resource(kind: Kind, able: set[Capability]) -> dict[str, Any]:
    offered = interactions(kind, able)
    writes = "create" in offered or "update" in offered
    resource: dict[str, Any] = {
        "type": kind.name,
        "documentation": f"{kind.documentation} {_WRITING}" if writes else kind.documentation,
        "interaction": [{"code": one} for one in offered],
        "versioning": _versioning(kind, offered),
        "readHistory": "vread" in offered,
        **({"searchInclude": includes} if (includes := shaping.includes(kind)) else {}),
        "updateCreate": False,
        "conditionalCreate": "create" in offered,
        "conditionalRead": "not-match" if "vread" in offered else "not-supported",
        "conditionalUpdate": False,
        "conditionalDelete": "not-supported",
        "referencePolicy": ["literal", "local"],
    }
    params = [_param(kind, index) for index in range(len(kind.params))]
    return resource | ({"searchParam": params} if params else {}) | _operations(kind, able)


def _operations(kind: Kind, able: set[Capability]) -> dict[str, Any]:
    if kind.name != "Appointment":
        return {}
    offered = [one for one in OPERATIONS.values() if one.needs is None or one.needs in able]
    told = [{"name": o.name, "definition": o.definition, "documentation": o.documentation} for o in offered]
    return {"operation": told}


def _versioning(kind: Kind, offered: list[Interaction]) -> str:
    if "update" in offered:
        return "versioned-update"
    return "versioned" if "vread" in offered else "no-version"


def _param(kind: Kind, index: int) -> dict[str, Any]:
    param = kind.params[index]
    definition = {"definition": definitions.canonical(kind.name, param.name)} if param.own else {}
    return {
        "name": param.name,
        **definition,
        "type": param.type,
        "documentation": param.documentation,
    }


def _installations(installations: Sequence[InstallationState]) -> str:
    """What each installation can and cannot do, in Markdown: the statement itself is their union."""
    lines = [
        "Behind this API are the record systems below. The statement is their union; what one of them cannot do stands "
        "on its HealthcareServices and in this list.",
        "",
    ]
    for one in installations:
        can = ", ".join(sorted(one.profile.capabilities)) or "nothing"
        lines.append(f"* `{one.name}` ({one.system} {one.release}".rstrip() + f"): {can}.")
        lines += [f"  * not `{gap}`: {why}" for gap, why in sorted(one.profile.gaps.items())]
    return "\n".join(lines).strip()
