"""How a foreign call can fail, typed by what to do next.

```
ForeignError
├── Unavailable       certainly nothing happened; later may work
├── OutcomeUnknown    it was sent, and no usable answer came: look for the effect before anything else
│   └── AnotherPatient    an answer came, about somebody else: quarantine it, call a person
├── Refused           the record system said no; nothing happened; tell the caller
│   ├── TextNotCarried
│   ├── SlotTaken · NoSuchTime · HoldExpired · UnknownPatient · AlreadyRegistered
│   └── StaleVersion · NotCancellable · NotMovable · NoProposal · UnknownAppointment
├── Misconfigured     our side is wrong (credentials, names, addresses): stop, call a person; nothing happened
└── NotSupported      this installation cannot do it; the profile's capabilities say so too; nothing happened
```

``detail`` is for developers: protocol facts only (``AE 206 to SRM^S01 after 412 ms``), never personal data.
Adapters translate once, at their edge (``raise … from err``); nothing else of theirs escapes.
"""

from __future__ import annotations


class ForeignError(Exception):
    """A foreign call did not end well; see the subclasses."""

    def __init__(self, detail: str, *, native: str = "", retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.native = native
        self.retry_after = retry_after


class Unavailable(ForeignError):
    """The call certainly had no effect: refused connection, failed before the first byte, an orderly 429 or 503."""


class OutcomeUnknown(ForeignError):
    """The request left, and what became of it cannot be known from what came back."""


class AnotherPatient(OutcomeUnknown):
    """The answer is about another patient than was asked: it must not be shown to anybody."""


class Refused(ForeignError):
    """The record system understood and said no; nothing happened."""

    code = "refused-by-record-system"


class TextNotCarried(Refused):
    """A text cannot travel on this wire as it is (too long, or a character it lacks): nothing was sent."""

    code = "not-supported"


class SlotTaken(Refused):
    """The time went to somebody else."""

    code = "slot-taken"


class NoSuchTime(Refused):
    """There is no such time (any more)."""

    code = "no-such-time"


class HoldExpired(Refused):
    """The hold is over, or was never this person's of this time. The time itself may be free or taken by now."""

    code = "hold-expired"


class UnknownPatient(Refused):
    """The installation does not know the person."""

    code = "not-a-customer"


class AlreadyRegistered(Refused):
    """The person is a customer already."""

    code = "already-registered"


class StaleVersion(Refused):
    """The appointment is not any more what the caller believed."""

    code = "stale-version"


class NotCancellable(Refused):
    """The appointment is past, cancelled already, or may not be cancelled by the resident."""

    code = "not-cancellable"


class NotMovable(Refused):
    """The appointment is past, cancelled, or may not be moved by the resident, or not to that time."""

    code = "not-movable"


class NoProposal(Refused):
    """It is no proposal that waits for the resident (any more)."""

    code = "no-proposal"


class UnknownAppointment(Refused):
    """The installation has no such appointment."""

    code = "unknown-appointment"


class Misconfigured(ForeignError):
    """The call cannot work until a person changes something on our side; it had no effect."""


class NotSupported(ForeignError):
    """The installation cannot do this at all. ``capability`` is its name in the profile."""

    def __init__(self, detail: str, *, capability: str) -> None:
        super().__init__(detail)
        self.capability = capability
