"""What the master says on the wire: requests in, words and rows out. The other end of `adapters.memory.mapping`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from adapters.memory.master import Appointment, Belief, Hold, Master, Patient, Refusal, Request, Time
from canonical import times

Row = dict[str, Any]
DONE: Final = "done"
NOT_UNDERSTOOD: Final = "not-understood"


class Face:
    """The interface of one `Master`: one request is one step, answered by its word and its rows."""

    def __init__(self, master: Master) -> None:
        self.master = master
        self._operations: dict[str, Callable[[Row], list[Row]]] = {
            "probe": lambda _: [],
            "directory": lambda _: self._directory(),
            "find": self._find,
            "time": self._time,
            "person": self._person,
            "list": lambda r: [self._appointment(a) for a in self.master.appointments(patient=r["patient"])],
            "look": lambda r: [self._appointment(a) for a in self.master.appointments(placer_id=r["placer"])],
            "read": self._read,
            "register": lambda r: [self._patient(self.master.register(r["hetu"], r["placer"]))],
            "book": self._book,
            "cancel": self._cancel,
            "move": self._move,
            "hold": self._hold,
            "release": self._release,
            "accept": lambda r: [self._appointment(self.master.accept(r["id"], _belief(r)))],
            "propose": self._propose,
        }

    def answer(self, request: Row, *, pending: bool = False, wrong: bool = False) -> Row:
        """Do the work and say so. ``pending`` leaves a booking undecided; ``wrong`` answers about somebody else."""
        try:
            work = self._operations[request["operation"]]
            rows = self._book(request, "pending") if pending else work(request)
            word = DONE
        except Refusal as err:
            rows, word = [], err.code
        except (KeyError, TypeError, ValueError):
            rows, word = [], NOT_UNDERSTOOD
        return {
            "answers": request.get("number"),
            "word": word,
            "rows": [self._of_another(row) for row in rows] if wrong else rows,
        }

    def _directory(self) -> list[Row]:
        master = self.master
        return [
            *({"kind": "unit", "id": u.id, "name": u.name} for u in master.units.values()),
            *(
                {
                    "kind": "service", "id": s.id, "code": s.code, "name": s.name, "national": s.national,
                    "sector": s.sector,
                    "units": sorted({c.unit for c in master.calendars.values() if c.service == s.id}),
                }
                for s in master.services.values()
            ),
            *({"kind": "professional", "id": p.id, "family": p.family, "given": p.given}
              for p in master.professionals.values()),
            *(
                {"kind": "calendar", "id": c.id, "unit": c.unit, "service": c.service, "professional": c.professional}
                for c in master.calendars.values()
            ),
        ]  # fmt: skip

    def _find(self, request: Row) -> list[Row]:
        found = self.master.free(
            times.instant(request["start"]), times.instant(request["end"]), request["services"], request["calendars"]
        )
        return [self._free(time) for time in found]

    def _time(self, request: Row) -> list[Row]:
        time = self.master.free_time(request["key"], times.instant(request["start"]))
        return [] if time is None else [self._free(time)]

    def _person(self, request: Row) -> list[Row]:
        patient = self.master.patient_of(request["hetu"])
        return [] if patient is None else [self._patient(patient)]

    def _read(self, request: Row) -> list[Row]:
        found = self.master.appointment(request["id"])
        return [] if found is None else [self._appointment(found)]

    def _book(self, request: Row, status: str = "booked") -> list[Row]:
        wanted = Request(
            patient=request["patient"],
            key=request["key"],
            start=times.instant(request["start"]),
            placer_id=request["placer"],
            comment=request["comment"],
            reason=request["reason"],
            hold=request["hold"],
        )
        return [self._appointment(self.master.book(wanted, status=status))]

    def _cancel(self, request: Row) -> list[Row]:
        cancelled = self.master.cancel(request["id"], _belief(request), reason=request["reason"])
        return [self._appointment(cancelled)]

    def _move(self, request: Row) -> list[Row]:
        return [self._appointment(self.master.change(request["id"], _belief(request), *_to(request)))]

    def _propose(self, request: Row) -> list[Row]:
        asked = self.master.ask_for(request["id"], _belief(request), *_to(request), comment=request["comment"])
        return [self._appointment(asked)]

    def _hold(self, request: Row) -> list[Row]:
        return [_held(self.master.hold(request["patient"], *_to(request), request["placer"]))]

    def _release(self, request: Row) -> list[Row]:
        self.master.release(request["patient"], request["token"])
        return []

    def _free(self, time: Time) -> Row:
        return {"kind": "free", "key": time.key, **self._where(time.calendar), **_when(time)}

    def _where(self, calendar: str) -> Row:
        service = self.master.services[self.master.calendars[calendar].service]
        return {
            "calendar": calendar,
            "unit": self.master.calendars[calendar].unit,
            "professional": self.master.calendars[calendar].professional,
            "service": service.id,
            "code": service.code,
            "national": service.national,
        }

    def _patient(self, patient: Patient) -> Row:
        return {
            "kind": "patient", "id": patient.number, "hetu": patient.hetu, "phone": patient.phone,
            "language": patient.language,
        }  # fmt: skip

    def _appointment(self, found: Appointment) -> Row:
        return {
            "kind": "appointment",
            "id": found.id,
            "patient": found.patient,
            "status": found.status,
            "placer": found.placer_id,
            "comment": found.comment,
            "reason": found.reason,
            "cancel_reason": found.cancel_reason,
            "restriction": found.restriction,
            "version": str(found.version) if self.master.rules.versions else None,
            **self._where(found.calendar),
            **_when(found),
        }

    def _of_another(self, row: Row) -> Row:
        """The same row about the first customer whom it is not about."""
        whose = {"appointment": "patient", "hold": "patient", "patient": "id"}.get(row["kind"])
        if whose is None:
            return row
        other = next(p for p in self.master.patients() if p.number != row[whose])
        return self._patient(other) if row["kind"] == "patient" else row | {"patient": other.number}


def _when(time: Time | Appointment) -> Row:
    return {"start": times.iso(time.start), "end": times.iso(time.end)}


def _belief(request: Row) -> Belief:
    return Belief(request["patient"], times.instant(request["start"]), request["version"])


def _to(request: Row) -> tuple[str, datetime]:
    """Which time is wanted."""
    return request["key"], times.instant(request["at"])


def _held(hold: Hold) -> Row:
    return {"kind": "hold", "patient": hold.patient, "token": hold.token, "until": times.iso(hold.until)}
