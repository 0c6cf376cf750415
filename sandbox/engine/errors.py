"""Why the record system refuses. Nothing was changed when one of these is raised. No text names a person."""

from __future__ import annotations

from datetime import datetime


class EngineError(Exception):
    """The root of the record system's refusals."""


class UnknownPerson(EngineError):
    """The HETU is not in the population: the sandbox takes no other persons."""


class AlreadyCustomer(EngineError):
    """The person is a customer already; `number` is the patient number."""

    def __init__(self, number: str) -> None:
        super().__init__("The person is a customer of this installation already.")
        self.number = number


class UnknownPatient(EngineError):
    """No such patient number in this installation."""


class UnknownCalendar(EngineError):
    """No such calendar in this installation."""


class UnknownService(EngineError):
    """No such service in this installation."""


class NoSuchTime(EngineError):
    """The calendar has no such time, or it is in the past or not opened yet."""


class SlotTaken(EngineError):
    """The time is taken or blocked. `held_by_same_patient`: one of its bookings is this patient's own."""

    def __init__(self, *, held_by_same_patient: bool) -> None:
        super().__init__("The time is taken.")
        self.held_by_same_patient = held_by_same_patient


class NotFound(EngineError):
    """No such appointment in this installation."""


class StaleVersion(EngineError):
    """The appointment is not what the caller believed: `version` and `start` are the present ones."""

    def __init__(self, *, version: int, start: datetime) -> None:
        super().__init__("The appointment has changed.")
        self.version = version
        self.start = start


class NotCancellable(EngineError):
    """The appointment cannot be cancelled, moved or marked: by its `status`, or because it is in the `past`."""

    def __init__(self, *, status: str, past: bool) -> None:
        super().__init__(f"The appointment is {status}{' and in the past' if past else ''}.")
        self.status = status
        self.past = past


class NoSuchHold(EngineError):
    """No live hold has this token, for this patient at this time: never made, released, expired or another's."""


class NotProposed(EngineError):
    """The appointment waits for no answer of the resident: by its `status`, or because the desk must decide first."""

    def __init__(self, *, status: str) -> None:
        super().__init__(f"The appointment is {status} and waits for no answer.")
        self.status = status
