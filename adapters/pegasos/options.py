"""The options of one Pegasos installation, as the configuration gives them."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, field_validator

from adapters.options import InstallationOptions
from mappings.pegasos.site import Site


class Options(InstallationOptions):
    """Times are in seconds, sizes in bytes.

    ``sending_*`` and ``receiving_*`` are the names agreed at commissioning (MSH-3 to MSH-6). ``limit`` is how long one
    call listens: Pegasos's maximum service time is 20 s. ``quiescence`` is how long it may still work on a request
    whose answer was lost, and must be longer than that. ``pool`` is the most connections at a time, one request each.
    ``page`` is how many records a query asks for at once. ``acknowledgement`` is the mode agreed at commissioning: in
    ``enhanced`` mode writes are acknowledged before they are answered.
    """

    model_config = ConfigDict(strict=True)

    address: str
    sending_application: str = Field(min_length=1, max_length=50)
    sending_facility: str = Field(min_length=1, max_length=50)
    receiving_application: str = Field(min_length=1, max_length=50)
    receiving_facility: str = Field(min_length=1, max_length=50)
    charset: Literal["8859/1", "UNICODE UTF-8"] = "8859/1"
    acknowledgement: Literal["original", "enhanced"] = "original"
    processing_id: str = Field(default="P", pattern=r"^[PTD]$")
    pool: int = Field(default=32, ge=1, le=1000)
    limit: float = Field(default=22.0, gt=0)
    quiescence: float = Field(default=25.0, gt=0)
    max_reply: int = Field(default=4 << 20, ge=1 << 10)
    page: int = Field(default=100, ge=1, le=1000)

    @field_validator("address")
    @classmethod
    def _mllp(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme != "mllp" or not parts.hostname or not parts.port or parts.path or parts.query:
            raise ValueError("an address is written mllp://host:port")
        return value

    @property
    def host(self) -> str:
        return str(urlsplit(self.address).hostname)

    @property
    def port(self) -> int:
        return int(urlsplit(self.address).port or 0)

    def site(self, installation: str) -> Site:
        """What the mappings need to know."""
        return Site(
            installation,
            self.sending_application,
            self.sending_facility,
            self.receiving_application,
            self.receiving_facility,
            self.processing_id,
            self.charset,
            enhanced=self.acknowledgement == "enhanced",
        )
