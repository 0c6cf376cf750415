"""The options of a Mediatri installation, as the configuration names them."""

from __future__ import annotations

from pydantic import ConfigDict, Field, FilePath, SecretStr

from adapters.http.address import Address
from adapters.options import InstallationOptions


class Options(InstallationOptions):
    """Times are seconds of real time.

    ``address`` is that of the service (``http://host:port/ws/Ajanvaraus``). ``limit`` and ``quiescence`` are the
    manual's: wait 15 s (§1); work ends within 10 s (§13), and one for the way. ``ca_file`` holds the certificates to
    trust instead of the machine's own.
    """

    model_config = ConfigDict(str_strip_whitespace=True)

    address: Address
    username: str = Field(min_length=1)
    password: SecretStr = Field(min_length=1)
    limit: float = Field(15.0, gt=0, le=120)
    quiescence: float = Field(11.0, ge=10, le=600)
    connect_limit: float = Field(4.0, gt=0, le=60)
    ca_file: FilePath | None = None
