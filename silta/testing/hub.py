"""The hub, as a portal asks it: in the name of one of the test persons, over its real API."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

import httpx

from silta.testing.control import PLAIN
from silta.testing.desk import Installation
from silta.testing.outcome import Outcome, Resource, Slot, Word
from silta.testing.times import Length, Moment, instant, seconds

_LIMIT: Final = 40.0
_POLL: Final = 0.1
_PAGE: Final = 100
_FINAL: Final[Mapping[str, Word]] = {"completed": "confirmed", "rejected": "refused", "on-hold": "unknown"}
Wanted = Word | None
Parameters = list[tuple[str, str | int | float | bool | None]]


class Hub:
    """A hub of this test's own, which knows nothing yet but what the record systems tell it.

    ``person`` is always a test person's key (``aino``; capital letters do not matter), or the name of a token where
    one acts for another (``lilja-by-aino``).
    """

    def __init__(self, address: str, tokens: Mapping[str, str]) -> None:
        self.address: str = address
        """The FHIR base address."""
        self._tokens = tokens
        self._clients: dict[str, httpx.Client] = {}
        self._patients: dict[str, str] = {}

    def client(self, person: str) -> httpx.Client:
        """An httpx client with the base address and the person's token, for anything else. It is closed with the test.

        Raises KeyError for a person without a token.
        """
        key = person.lower()
        if key not in self._clients:
            if key not in self._tokens:
                raise KeyError(f"There is no token {person!r}. There are: {', '.join(self._tokens)}.")
            headers = {"Authorization": f"Bearer {self._tokens[key]}"}
            self._clients[key] = httpx.Client(
                base_url=self.address, headers=headers, timeout=_LIMIT, trust_env=False, verify=PLAIN
            )
        return self._clients[key]

    # ---- free times

    def find_slots(
        self,
        service: str | None = None,
        *,
        person: str = "aino",
        at: Installation | None = None,
        start: Moment | None = None,
        end: Moment | None = None,
        count: int = 10,
    ) -> list[Slot]:
        """The first ``count`` free times that the person may book, by start; of one ``service`` (a code, as in
        ``EE``), at one installation, from ``start`` and before ``end`` (from now, for two weeks)."""
        asked: Parameters = [("status", "free"), ("_count", str(_PAGE if at else count))]
        asked += [("_include", "Slot:schedule")]
        asked += [("service-type", service)] if service else []
        asked += [("start", f"ge{instant(start).isoformat()}")] if start else []
        asked += [("start", f"lt{instant(end).isoformat()}")] if end else []
        if at is not None:
            asked += [("municipality", at.municipality), ("sector", ",".join(at.sectors))]
        found: list[Slot] = []
        for entries in self._pages(person, "/Slot", asked):
            calendars = dict(_calendars(entries))
            slots = (_slot(one["resource"], calendars) for one in entries if one["search"]["mode"] == "match")
            found += [one for one in slots if at is None or one.installation == at.name]
            if len(found) >= count:
                break
        return found[:count]

    def find_slot(
        self,
        service: str | None = None,
        *,
        person: str = "aino",
        at: Installation | None = None,
        start: Moment | None = None,
        end: Moment | None = None,
    ) -> Slot:
        """The first of `find_slots`. Raises LookupError where there is none."""
        found = self.find_slots(service, person=person, at=at, start=start, end=end, count=1)
        if not found:
            raise LookupError("There is no such free time. Ask for another service, installation or span.")
        return found[0]

    # ---- commands

    def book(
        self,
        *,
        person: str,
        slot: Slot,
        comment: str | None = None,
        key: str | None = None,
        expect: Wanted = "confirmed",
    ) -> Outcome:
        """Book a free time; ``key`` is an Idempotency-Key.

        Raises AssertionError, which says what the hub said, where that is not what was expected (None: anything).
        """
        __tracebackhide__ = True
        patient = {"actor": {"reference": f"Patient/{self._patient(person)}"}, "status": "accepted"}
        body: Resource = {
            "resourceType": "Appointment",
            "status": "booked",
            "slot": [{"reference": f"Slot/{slot.id}"}],
            "participant": [patient],
        }
        body |= {"comment": comment} if comment else {}
        headers = {"Idempotency-Key": key} if key else {}
        answer = self.client(person).post("/Appointment", json=body, headers=headers)
        return _judged("book", person, answer, expect)

    def move(
        self,
        appointment: Outcome | Resource,
        *,
        to: Slot,
        person: str | None = None,
        expect: Wanted = "confirmed",
    ) -> Outcome:
        """Move an appointment to another free time; whose it is must be said of a bare resource. Raises as `book`."""
        __tracebackhide__ = True
        who, seen = _whose(appointment, person)
        kept = {name: value for name, value in seen.items() if name not in ("start", "end", "minutesDuration")}
        return self._put("move", who, kept | {"slot": [{"reference": f"Slot/{to.id}"}]}, expect)

    def cancel(
        self,
        appointment: Outcome | Resource,
        *,
        reason: str | None = None,
        person: str | None = None,
        expect: Wanted = "confirmed",
    ) -> Outcome:
        """Cancel an appointment; whose it is must be said of a bare resource. Raises as `book`."""
        __tracebackhide__ = True
        who, seen = _whose(appointment, person)
        why: Resource = {"cancelationReason": {"text": reason}} if reason else {}
        return self._put("cancel", who, seen | {"status": "cancelled"} | why, expect)

    def settles(self, outcome: Outcome, *, to: Word = "confirmed", within: Length = "30s") -> Outcome:
        """Wait, in real time, until it is known what became of a command; the Appointment as it is then.

        Raises AssertionError where that is something else, or not known in time.
        """
        __tracebackhide__ = True
        client, until = self.client(outcome.person), time.monotonic() + seconds(within)
        task = client.get(outcome.receipt).raise_for_status().json()
        while task["status"] not in _FINAL and time.monotonic() < until:
            time.sleep(_POLL)
            task = client.get(outcome.receipt).raise_for_status().json()
        said = _FINAL.get(task["status"], "unknown")
        reason = task.get("statusReason", {}).get("text", "")
        if said != to:
            when = f"within {within}" if task["status"] not in _FINAL else "in the end"
            raise AssertionError(f"Expected {outcome.command} to be {to} {when}; its receipt says {said} {reason}")
        focus = task.get("focus", {}).get("reference")
        read = client.get(f"/{focus}") if focus else client.get(outcome.receipt)
        return Outcome(said, outcome.person, outcome.command, read.raise_for_status())

    def appointments(self, person: str) -> list[Resource]:
        """All the person's Appointments, which the hub asks every record system for."""
        pages = self._pages(person, "/Appointment", [("_count", str(_PAGE))])
        return [one["resource"] for entries in pages for one in entries if one["search"]["mode"] == "match"]

    def close(self) -> None:
        """Let go of the connections."""
        for client in self._clients.values():
            client.close()

    # ---- inside

    def _put(self, command: str, person: str, resource: Resource, expect: Wanted) -> Outcome:
        __tracebackhide__ = True
        match = {"If-Match": f'W/"{resource["meta"]["versionId"]}"'}
        answer = self.client(person).put(f"/Appointment/{resource['id']}", json=resource, headers=match)
        return _judged(command, person, answer, expect)

    def _patient(self, person: str) -> str:
        if person not in self._patients:
            bundle = self.client(person).get("/Patient").raise_for_status().json()
            self._patients[person] = str(bundle["entry"][0]["resource"]["id"])
        return self._patients[person]

    def _pages(self, person: str, path: str, asked: Parameters) -> Iterator[list[Resource]]:
        answer = self.client(person).get(path, params=asked)
        while True:
            if answer.is_error:
                raise AssertionError(f"The hub answered {answer.status_code} to GET {path}: {answer.text[:500]}")
            bundle = answer.json()
            yield bundle.get("entry", [])
            following = next((one["url"] for one in bundle["link"] if one["relation"] == "next"), None)
            if following is None:
                return
            answer = self.client(person).get(following)


def _judged(command: str, person: str, answer: httpx.Response, expect: Wanted) -> Outcome:
    __tracebackhide__ = True
    said: Word = "unknown"
    if answer.status_code in (200, 201):
        said = "confirmed"
    elif 400 <= answer.status_code < 500:
        said = "refused"
    elif answer.status_code != httpx.codes.ACCEPTED:
        raise AssertionError(f"The hub answered {answer.status_code} to {command}: {answer.text[:500]}")
    outcome = Outcome(said, person, command, answer)
    if expect not in (None, said):
        raise AssertionError(f"Expected {command} to be {expect}. It was: {outcome}")
    return outcome


def _whose(appointment: Outcome | Resource, person: str | None) -> tuple[str, Resource]:
    if isinstance(appointment, Outcome):
        return person or appointment.person, appointment.resource
    if person is None:
        raise TypeError("Say whose the appointment is: person=")
    return person, appointment


def _calendars(entries: list[Resource]) -> Iterator[tuple[str, str]]:
    """(reference, the record system's own id) of the Schedules that came along."""
    for resource in (one["resource"] for one in entries if one["resource"]["resourceType"] == "Schedule"):
        for identifier in resource.get("identifier", []):
            if identifier.get("system", "").endswith("/schedule"):
                yield f"Schedule/{resource['id']}", str(identifier["value"])


def _slot(resource: Resource, calendars: Mapping[str, str]) -> Slot:
    concepts = resource.get("serviceType", [])
    return Slot(
        id=resource["id"],
        start=datetime.fromisoformat(resource["start"]),
        end=datetime.fromisoformat(resource["end"]),
        installation=resource["meta"]["source"].rpartition("/")[2],
        calendar=calendars.get(resource["schedule"]["reference"], ""),
        services=tuple(coding["code"] for concept in concepts for coding in concept.get("coding", [])),
        resource=resource,
    )
