"""The options of a Lifecare installation, as the configuration names them."""

from __future__ import annotations

from pydantic import ConfigDict, Field, FilePath, SecretStr

from adapters.http.address import Address
from adapters.options import InstallationOptions


class Options(InstallationOptions):
    """Times are seconds of real time.

    ``root`` is the root of the installation's own code systems (manual §3). ``quiescence`` is the manual's five seconds
    (§10) and one for the way. ``ca_file`` holds the certificates to trust instead of the machine's own.
    """

    model_config = ConfigDict(str_strip_whitespace=True)

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
