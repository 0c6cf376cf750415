"""One TOML file, read once, validated whole: every problem is listed, with its place and what to do.

A text value ``env:NAME`` is taken from the environment variable ``NAME``: that is where secrets of production belong.
"""

from __future__ import annotations

import os
import tomllib
from datetime import date
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from adapters.base import Installation
from canonical import hetu
from hub.routing import Route, Routing, overlaps


class ConfigurationError(Exception):
    """The configuration cannot be used; ``problems`` lists all of them."""

    def __init__(self, file: Path, problems: list[str]) -> None:
        super().__init__(f"{file}: " + "; ".join(problems))
        self.file, self.problems = file, problems


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class HubSection(_Section):
    """Times are seconds of real time."""

    profile: Literal["sandbox", "production"] = "production"
    host: str = "127.0.0.1"
    port: int = Field(8080, ge=1, le=65535)
    public_url: str = Field(pattern=r"^https?://[^/]+$")
    store: str = Field(pattern=r"^(sqlite:///|postgresql\+psycopg://)")
    key: str = Field(min_length=43, description="32 random bytes, base64url: seals what is stored")
    broker: str = Field("", pattern=r"^(amqps?://.+)?$")
    queue: str = Field("sotesilta", pattern=r"^[a-z0-9-]{1,80}$", description="hubs that share a broker have one each")
    clock: str = Field("system", pattern=r"^(system|file:.+)$")
    failpoints: str | None = None
    deadline: float = Field(10.0, gt=0, le=60)
    search_deadline: float = Field(10.0, gt=0, le=60)
    proven_window: float = Field(5.0, ge=0, le=300)
    ask_again: float = Field(
        300.0, ge=0, description="how long an installation that does not know a person is not asked again about them"
    )
    directory_every: float = Field(600.0, gt=0)
    shared_for: float = Field(2.0, ge=0, le=2, description="how long an answer about free times serves all who ask it")
    patience: float = Field(0.1, ge=0, le=60, description="how long a merged search waits for all before it asks on")
    match_temporary_ids: bool = False
    first_look: float = Field(1.0, gt=0)
    longest_wait: float = Field(10.0, gt=0)
    give_up: float = Field(86400.0, gt=0)
    keys_kept: float = Field(48 * 3600.0, ge=24 * 3600.0, description="how long an Idempotency-Key is remembered")


class RegisterSection(_Section):
    """The population register."""

    address: str = Field(pattern=r"^https?://")
    api_key: str = Field(min_length=1)


class InstallationSection(_Section):
    """One installation; ``options`` are its adapter's own, and the adapter checks them."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{1,39}$")
    system: str
    release: str = ""
    municipalities: list[str] = Field(min_length=1)
    sectors: list[Literal["health", "oral", "social"]] = Field(min_length=1)
    options: dict[str, Any] = Field(default_factory=dict)


class RouteSection(_Section):
    """One route: see `hub.routing.Route`."""

    municipality: str = Field(pattern=r"^[0-9]{3}$")
    sector: Literal["health", "oral", "social"]
    installation: str
    first: date | None = None
    last: date | None = None


class CountySection(_Section):
    """``open``: residents may book in the whole county, not only where their own municipality is served."""

    name: str
    open: bool = False


class TokenSection(_Section):
    """A static token, by the SHA-256 of its text. Without ``resident`` it is a portal's own: directory only."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    client: str = Field(min_length=1)
    resident: str | None = None
    acting_for: str | None = None
    purpose: str = "PATRQT"
    example: str | None = Field(None, description="the token itself, sandbox only: for the examples of /docs")

    @field_validator("resident", "acting_for")
    @classmethod
    def _hetu(cls, value: str | None) -> str | None:
        if value is not None and not hetu.is_valid(value):
            raise ValueError("not a HETU")
        return value


class Settings(_Section):
    """The whole file."""

    hub: HubSection
    county: CountySection
    register_: RegisterSection = Field(alias="register")
    installation: list[InstallationSection] = Field(default_factory=list)
    route: list[RouteSection] = Field(default_factory=list)
    token: list[TokenSection] = Field(default_factory=list)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [one.name for one in self.installation]
        wrong = [f"installation {name} is named twice" for name in sorted(set(names)) if names.count(name) > 1]
        wrong += [f"route to unknown installation {r.installation}" for r in self.route if r.installation not in names]
        wrong += overlaps(self.routing().routes)
        if self.hub.broker and self.hub.store.startswith("sqlite:"):
            wrong.append("hub.broker needs PostgreSQL: a SQLite store has one owner, which is its own worker")
        if self.hub.profile == "production":
            wrong += ["production keeps no example tokens" for t in self.token if t.example]
            wrong += ["production has no failpoints"] if self.hub.failpoints else []
            wrong += ["production runs on the system clock"] if self.hub.clock != "system" else []
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    def routing(self) -> Routing:
        routes = [Route(r.municipality, r.sector, r.installation, r.first, r.last) for r in self.route]
        return Routing(routes, self.county.open)

    def installations(self) -> list[Installation]:
        return [
            Installation(i.name, i.system, i.release, tuple(i.municipalities), tuple(i.sectors), i.options)
            for i in self.installation
        ]


def load(file: Path) -> Settings:
    """Read and validate; raises `ConfigurationError` with every problem."""
    try:
        with file.open("rb") as opened:
            raw = tomllib.load(opened)
    except FileNotFoundError:
        raise ConfigurationError(file, ["there is no such file; `silta demo` makes one to start from"]) from None
    except tomllib.TOMLDecodeError as err:
        raise ConfigurationError(file, [f"not TOML: {err}"]) from None
    problems: list[str] = []
    filled = _from_environment(raw, (), problems)
    if problems:
        raise ConfigurationError(file, problems)
    try:
        return Settings.model_validate(filled)
    except ValidationError as err:
        listed = [f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in err.errors(include_input=False)]
        raise ConfigurationError(file, listed) from None


def _from_environment(value: Any, path: tuple[str, ...], problems: list[str]) -> Any:
    if isinstance(value, dict):
        return {name: _from_environment(inner, (*path, name), problems) for name, inner in value.items()}
    if isinstance(value, list):
        return [_from_environment(inner, (*path, str(i)), problems) for i, inner in enumerate(value)]
    if isinstance(value, str) and value.startswith("env:"):
        name = value.removeprefix("env:")
        if name not in os.environ:
            problems.append(f"{'.'.join(path)}: set the environment variable {name}")
        return os.environ.get(name, "")
    return value
