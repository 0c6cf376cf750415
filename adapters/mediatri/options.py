"""The options of a Mediatri installation, as the configuration names them."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, FilePath, SecretStr, ValidationError

from adapters.base import Installation
from adapters.errors import Misconfigured
from adapters.http.address import Address


class Options(BaseModel):
    """Times are seconds of real time.

    ``address`` is that of the service (``http://host:port/ws/Ajanvaraus``). ``limit`` and ``quiescence`` are the
    manual's: wait 15 s (§1); work ends within 10 s (§13), and one for the way. ``ca_file`` holds the certificates to
    trust instead of the machine's own.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    address: Address
    username: str = Field(min_length=1)
    password: SecretStr = Field(min_length=1)
    limit: float = Field(15.0, gt=0, le=120)
    quiescence: float = Field(11.0, ge=10, le=600)
    connect_limit: float = Field(4.0, gt=0, le=60)
    ca_file: FilePath | None = None

    def shown(self) -> dict[str, Any]:
        """The options for people to see: secrets masked."""
        return self.model_dump(mode="json")

    @classmethod
    def of(cls, installation: Installation) -> Self:
        """The installation's options; raises `Misconfigured` that lists every problem, without the values."""
        try:
            return cls.model_validate(dict(installation.options))
        except ValidationError as err:
            listed = (f"options.{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in err.errors(include_input=False))
            raise Misconfigured(f"{installation.name}: {'; '.join(listed)}") from None
