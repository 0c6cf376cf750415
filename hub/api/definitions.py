"""The SearchParameters that this API defines itself, as FHIR resources."""

from __future__ import annotations

from typing import Any

from canonical import codes
from hub.api.interactions import KINDS

_PUBLISHED = "2026-11-22"


def search_parameters() -> dict[str, dict[str, Any]]:
    """Every published SearchParameter by its id (``Slot-municipality``)."""
    return {
        f"{kind.name}-{param.name}": {
            "resourceType": "SearchParameter",
            "id": f"{kind.name}-{param.name}",
            "url": canonical(kind.name, param.name),
            "version": "1",
            "name": param.name.capitalize(),
            "status": "active",
            "experimental": False,
            "date": _PUBLISHED,
            "publisher": "Sotesilta",
            "description": param.documentation,
            "code": param.name,
            "base": [kind.name],
            "type": param.type,
            "multipleOr": True,
            "multipleAnd": False,
        }
        for kind in KINDS.values()
        for param in kind.params
        if param.own
    }


def canonical(kind: str, name: str) -> str:
    """The canonical URL of a published SearchParameter."""
    return f"{codes.ROOT}/fhir/SearchParameter/{kind}-{name}"
