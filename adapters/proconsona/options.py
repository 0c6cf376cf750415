"""The options of a ProConsona installation, as the configuration names them."""

from __future__ import annotations

from typing import Self

from pydantic import Field, FilePath, SecretStr, model_validator

from adapters.http.address import Address
from adapters.options import InstallationOptions


class Options(InstallationOptions):
    """Times are seconds of real time.

    ``address`` is the base of the interface (``…/rajapinta/v3``); ``api_key`` names us and is no secret, ``secret``
    signs. ``quiescence`` is the manual's ten seconds (§12) and one for the way. ``ca_file`` holds the certificates to
    trust instead of the machine's own; ``certificate`` and ``certificate_key`` (PEM) are what we show where the
    installation asks for mutual TLS.
    """

    address: Address
    api_key: str = Field(pattern=r"^[!-~]{1,200}$")
    secret: SecretStr = Field(min_length=1)
    limit: float = Field(15.0, gt=0, le=120)
    quiescence: float = Field(11.0, ge=10, le=600)
    connect_limit: float = Field(4.0, gt=0, le=60)
    connections: int = Field(100, ge=1, le=100, description="of reads; of writes as many again")
    ca_file: FilePath | None = None
    certificate: FilePath | None = None
    certificate_key: FilePath | None = None

    @model_validator(mode="after")
    def _certificate_has_its_key(self) -> Self:
        if self.certificate_key is not None and self.certificate is None:
            raise ValueError("certificate_key without certificate")
        if self.certificate is not None and not self.address.startswith("https://"):
            raise ValueError("certificate: mutual TLS needs an address that begins with https://")
        return self
