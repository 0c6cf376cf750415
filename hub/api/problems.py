"""The error contract as data: ``problems.toml``, read once when it is first needed."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final, Literal

from hub.usecases.ports import Language

Certainty = Literal["done", "nothing-done", "not-known"]

LANGUAGES: Final[tuple[Language, ...]] = ("fi", "sv", "en")


@dataclass(frozen=True, slots=True)
class Rule:
    """One code of the contract. ``texts`` are for people, by language; ``hint`` and ``next`` for developers. Texts and
    hints are templates of `str.format`. ``wait`` is for Retry-After, in seconds. ``blames`` is the expression of what
    is to blame where the case names nothing nearer; empty where nothing of the request is."""

    code: str
    status: int
    issue: str
    severity: Literal["error", "warning", "information"]
    certainty: Certainty
    texts: Mapping[Language, str]
    hint: str
    next: str
    wait: int | None
    blames: tuple[str, ...]


@cache
def contract() -> Mapping[str, Rule]:
    """Every code, in the order of the file."""
    text = resources.files("hub.api").joinpath("problems.toml").read_text("utf-8")
    return {code: _rule(code, raw) for code, raw in tomllib.loads(text).items()}


def rule(code: str) -> Rule:
    """The rule of ``code``. A code that is not in the contract is a defect: KeyError."""
    return contract()[code]


def _rule(code: str, raw: Mapping[str, Any]) -> Rule:
    return Rule(
        code=code,
        status=raw["status"],
        issue=raw["issue"],
        severity=raw.get("severity", "error"),
        certainty=raw["certainty"],
        texts={language: raw[language] for language in LANGUAGES},
        hint=raw["hint"],
        next=raw["next"],
        wait=raw.get("wait"),
        blames=(raw["blames"],) if "blames" in raw else (),
    )
