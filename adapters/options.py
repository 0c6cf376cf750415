"""The options of an installation, as the configuration names them."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from adapters.base import Installation
from adapters.errors import Misconfigured


class InstallationOptions(BaseModel):
    """What a system's own options inherit: none is unknown, none changes, and what is wrong is said without values."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def shown(self) -> dict[str, Any]:
        """The options for people to see: secrets masked."""
        return self.model_dump(mode="json")

    @classmethod
    def of(cls, installation: Installation) -> Self:
        """The installation's options; raises `Misconfigured` that lists every problem, without the values."""
        try:
            return cls.model_validate(dict(installation.options))
        except ValidationError as err:
            found = err.errors(include_input=False)
            listed = (f"{'.'.join(('options', *map(str, one['loc'])))}: {one['msg']}" for one in found)
            raise Misconfigured(f"{installation.name}: {'; '.join(listed)}") from None
