"""Who asks. Every read of the store takes one; there is no default."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Access:
    """A client (portal), perhaps on behalf of a resident, who perhaps acts for another person.

    ``resident`` and ``acting_for`` are hub Patient ids. ``purpose`` is why the data is used, for the audit record.
    """

    client: str
    resident: str | None
    acting_for: str | None
    purpose: str

    @property
    def subject(self) -> str | None:
        """Whose data this is about: the person acted for, else the resident, else nobody."""
        return self.acting_for or self.resident

    @property
    def is_proxy(self) -> bool:
        """Whether somebody acts for somebody else: minors' hidden visits do not exist then."""
        return self.acting_for is not None and self.acting_for != self.resident
