"""The configuration of a sandbox: DIR/sandbox.toml, written by `init` when absent.

Secrets are random, never from the seed. The file is readable by its owner alone (mode 0600).
"""

from __future__ import annotations

import os
import secrets
import socket
import tomllib
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from sandbox.face import Option
from sandbox.installations import INSTALLATIONS, SYSTEMS, all_names, has_data, load_installation
from sandbox.population.build import LEAST_RESIDENTS, MOST_RESIDENTS

FILE: Final = "sandbox.toml"
DEFAULT_PORT_BASE: Final = 8081
DEFAULT_START: Final = datetime.fromisoformat("2027-03-22T08:00:00+02:00")
DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_RESIDENTS: Final = 2_000


class ConfigError(Exception):
    """The configuration cannot be used; the text says what is wrong and what to do."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RegisterSettings(_Strict):
    """Where the population register listens, and the key its clients present."""

    port: int = Field(ge=0, le=65535)
    api_key: str = Field(min_length=16)


class InstallationSettings(_Strict):
    """Where an installation listens, and the credentials of its one client. `options` go before the data file's."""

    port: int = Field(ge=0, le=65535)
    credentials: dict[str, str]
    options: dict[str, Option] = {}


class SandboxConfig(_Strict):
    """All of sandbox.toml. `start` is the first virtual instant of the clock; `host` must be a loopback address."""

    seed: int = 42
    residents: int = Field(default=DEFAULT_RESIDENTS, ge=LEAST_RESIDENTS, le=MOST_RESIDENTS)
    start: AwareDatetime = DEFAULT_START
    host: str = Field(default=DEFAULT_HOST, pattern=r"^(127\.\d+\.\d+\.\d+|localhost)$")
    control_port: int = Field(ge=0, le=65535)
    register_: RegisterSettings = Field(alias="register")
    installations: dict[str, InstallationSettings]


def new_config(
    port_base: int = DEFAULT_PORT_BASE,
    *,
    host: str = DEFAULT_HOST,
    pick_ports: bool = True,
    installations: Sequence[str] = INSTALLATIONS,
    residents: int = DEFAULT_RESIDENTS,
) -> SandboxConfig:
    """Return a fresh configuration with new secrets, of the default installations or those named.

    Ports count up from `port_base` (control, register, installations); busy ones are passed over. With a `port_base` of
    0, or without `pick_ports`, nothing is tried.
    """
    ports = _Ports(host, port_base, check=pick_ports and port_base > 0)
    control, register = ports.take(), ports.take()
    settings = {
        name: InstallationSettings(
            port=ports.take(), credentials=SYSTEMS[load_installation(name).system].new_credentials(name)
        )
        for name in installations
    }
    return SandboxConfig.model_validate(
        {
            "residents": residents,
            "host": host,
            "control_port": control,
            "register": RegisterSettings(port=register, api_key=secrets.token_urlsafe(24)),
            "installations": settings,
        }
    )


def load_config(state: Path) -> SandboxConfig:
    """Return the configuration of a state directory. Raises ConfigError if it is absent or wrong."""
    path = state / FILE
    try:
        config = SandboxConfig.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as err:
        raise ConfigError(f"{path} is not there. Write it: silta sandbox init --state {state}") from err
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as err:
        raise ConfigError(f"{path} is not TOML: {err}. Mend that line, or delete the file and run init again.") from err
    except ValidationError as err:
        # Only the places are told: the values may be secrets.
        places = ", ".join(f"{'.'.join(str(part) for part in e['loc'])} ({e['msg']})" for e in err.errors())
        raise ConfigError(f"{path} is wrong at: {places}. Mend it, or delete the file and run init again.") from err
    _check_known(path, config.installations)
    return config


def init_config(
    state: Path,
    port_base: int = DEFAULT_PORT_BASE,
    installations: Sequence[str] = INSTALLATIONS,
    residents: int = DEFAULT_RESIDENTS,
) -> tuple[SandboxConfig, bool]:
    """Return the configuration of a state directory, written first if absent, and whether it was written.

    Raises ConfigError as `load_config` does, for an installation there is not, or when the directory cannot be written.
    """
    path = state / FILE
    if path.exists():
        return load_config(state), False
    _check_known(path, installations)
    config = new_config(port_base, installations=installations, residents=residents)
    try:
        state.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as err:
        raise ConfigError(f"{path} cannot be written ({err.strerror}). Name another directory with --state.") from err
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(config_toml(config))
    return config, True


def _check_known(path: Path, installations: Iterable[str]) -> None:
    unknown = sorted(name for name in installations if not has_data(name))
    if unknown:
        raise ConfigError(
            f"{path}: no installation is named {', '.join(unknown)}. Name some of these: {', '.join(all_names())}."
        )


def config_toml(config: SandboxConfig) -> str:
    """Return the configuration as the text of sandbox.toml."""
    lines = [
        "# The sandbox's configuration. Delete the file to get a new one (new secrets, new ports).",
        "# `seed`, `residents` and `start` take effect at the first start and at a reset.",
        f"seed = {config.seed}",
        f"residents = {config.residents}",
        f"start = {_quoted(config.start.isoformat())}",
        f"host = {_quoted(config.host)}",
        f"control_port = {config.control_port}",
        "",
        "[register]",
        f"port = {config.register_.port}",
        f"api_key = {_quoted(config.register_.api_key)}",
    ]
    for name, settings in config.installations.items():
        lines += ["", f"[installations.{name}]", f"port = {settings.port}", f"[installations.{name}.credentials]"]
        lines += [f"{key} = {_quoted(value)}" for key, value in settings.credentials.items()]
        if settings.options:
            lines += [f"[installations.{name}.options]"]
            lines += [f"{key} = {_literal(value)}" for key, value in settings.options.items()]
    return "\n".join(lines) + "\n"


def _literal(value: Option) -> str:
    return _quoted(value) if isinstance(value, str) else str(value).lower()


def _quoted(text: str) -> str:
    """Return a TOML basic string; what is written here holds no control characters."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


class _Ports:
    def __init__(self, host: str, base: int, *, check: bool) -> None:
        self._host, self._next, self._check = host, base, check

    def take(self) -> int:
        """Return the next port that is free now; 0 (any) stays 0."""
        if self._next == 0:
            return 0
        while self._check and not _is_free(self._host, self._next):
            self._next += 1
            if self._next > 65535:
                raise ConfigError("No free port is left above --port-base. Name a lower one.")
        self._next += 1
        return self._next - 1


def _is_free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
