"""The options of a Lifecare installation, as the configuration names them."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, FilePath, SecretStr, ValidationError

from adapters.base import Installation
from adapters.errors import Misconfigured
from adapters.http.address import Address


class Options(BaseModel):
    """Times are seconds of real time.

    ``root`` is the root of the installation's own code systems (manual §3). ``quiescence`` is the manual's five seconds
    (§10) and one for the way. ``ca_file`` holds the certificates to trust instead of the machine's own.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    address: Address
    token_url: Address
    client_id: str = Field(min_length=1)
    client_secret: SecretStr = Field(min_length=1)
    root: str = Field(pattern=r"^urn:oid:[0-2](\.(0|[1-9][0-9]*))+$")
    limit: float = Field(15.0, gt=0, le=120)
    quiescence: float = Field(6.0, ge=5, le=600)
    connect_limit: float = Field(4.0, gt=0, le=60)
    connections: int = Field(100, ge=1, le=100, description="of reads; of writes as many again")
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
