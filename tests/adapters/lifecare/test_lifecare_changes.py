"""Moves and holds against a Lifecare that says what a test tells it to, and what V2015 is not asked."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from adapters.errors import (
    ForeignError,
    HoldExpired,
    Misconfigured,
    NoSuchTime,
    NotMovable,
    NotSupported,
    OutcomeUnknown,
    SlotTaken,
    StaleVersion,
    UnknownAppointment,
    UnknownPatient,
)
from adapters.lifecare.adapter import LifecareAdapter
from canonical.commands import Book, Hold, Move, Release
from canonical.model import TimeKey
from canonical.times import instant
from tests.adapters.lifecare.lifecare_stub import (
    AINO,
    PATIENT,
    PLACER,
    TIME,
    Lifecare,
    adapter_for,
    book,
    booked,
    call,
    fhir,
    golden,
    installation,
    outcome,
)

NEW = TimeKey("C12-hx2i0", TIME.start + timedelta(minutes=40), TIME.end + timedelta(minutes=40))
MOVE = Move(PLACER, AINO, PATIENT, "A20001", TIME.start, NEW, "1")
HOLD = Hold("h-31", AINO, NEW, PATIENT)
RELEASE = Release("r-31", PATIENT, NEW, "hT-1")
SLOT = {
    "resourceType": "Slot",
    "id": NEW.key,
    "extension": [
        {"url": "https://lifecare.example/fhir/StructureDefinition/hold-token", "valueString": "hT-1"},
        {
            "url": "https://lifecare.example/fhir/StructureDefinition/hold-until",
            "valueInstant": "2027-03-22T08:14:12.532+02:00",
        },
    ],
    "schedule": {"reference": "Schedule/C12"},
    "status": "busy-tentative",
    "start": "2027-03-23T08:40:00+02:00",
    "end": "2027-03-23T09:00:00+02:00",
}


def answering(put: httpx.Response, stored: Any = None) -> Lifecare:
    """Gives the appointment to whoever reads it, and ``put`` to whoever writes."""
    return Lifecare(lambda request: fhir(200, stored or booked()) if request.method == "GET" else put)


def moved(**changes: Any) -> dict[str, Any]:
    times = {"start": "2027-03-23T08:40:00+02:00", "end": "2027-03-23T09:00:00+02:00"}
    resource = booked(**times, slot=[{"reference": f"Slot/{NEW.key}"}], **changes)
    resource["meta"]["versionId"] = "2"
    return resource


async def test_move_sends_all_of_it_back_with_another_slot() -> None:
    lifecare = answering(fhir(200, moved()))
    done = await adapter_for(lifecare).perform(call(), replace(MOVE, reason="Töitä"))
    assert done.record is not None
    assert (done.record.local_id, done.record.version, done.native) == ("A20001", "2", "200")
    assert [note.path for note in done.notes] == ["Move.reason"]
    assert lifecare.asked() == ["GET Appointment/A20001", "PUT Appointment/A20001"]
    sent = json.loads(lifecare.requests[1].content)
    assert lifecare.requests[1].headers["If-Match"] == 'W/"1"'
    assert sent.pop("slot") == [{"reference": "Slot/C12-hx2i0"}]
    assert instant(sent.pop("start")) == NEW.start
    assert instant(sent.pop("end")) == NEW.end
    kept = {name: value for name, value in booked().items() if name not in ("slot", "start", "end", "minutesDuration")}
    assert sent == kept


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (409, "SLOT_TAKEN", SlotTaken),
        (409, "ALREADY_BOOKED", NotMovable),
        (412, "STALE_VERSION", StaleVersion),
        (422, "UNKNOWN_SLOT", NoSuchTime),
        (422, "SLOT_PAST", NoSuchTime),
        (422, "TIME_MISMATCH", NoSuchTime),
        (422, "OTHER_SERVICE", NotMovable),
        (422, "APPOINTMENT_PAST", NotMovable),
        (422, "NOT_CHANGEABLE", NotMovable),
        (422, "NO_CHANGE", NotMovable),
        (422, "CHANGE_NOT_ALLOWED", Misconfigured),
        (404, "NOT_FOUND", UnknownAppointment),
        (410, "GONE", UnknownAppointment),
        (500, "INTERNAL", OutcomeUnknown),
    ],
)
async def test_refusals_of_a_move(status: int, code: str, kind: type[ForeignError]) -> None:
    with pytest.raises(kind) as raised:
        await adapter_for(answering(outcome(status, code))).perform(call(), MOVE)
    assert raised.type is kind


@pytest.mark.parametrize(
    ("stored", "command", "kind"),
    [
        ({"status": "cancelled"}, MOVE, NotMovable),
        ({}, replace(MOVE, believed_version="7"), StaleVersion),
        ({}, replace(MOVE, believed_start=TIME.start + timedelta(hours=1)), StaleVersion),
        ({}, replace(MOVE, time=replace(NEW, key="no/slot")), NoSuchTime),
        ({}, replace(MOVE, local_id="no/id"), UnknownAppointment),
    ],
)
async def test_what_speaks_against_a_move_is_seen_before_it_is_sent(
    stored: dict[str, Any], command: Move, kind: type[ForeignError]
) -> None:
    lifecare = answering(fhir(200, moved()), booked(**stored))
    with pytest.raises(kind):
        await adapter_for(lifecare).perform(call(), command)
    assert not [one for one in lifecare.asked() if one.startswith("PUT")]


async def test_a_visit_that_was_deleted_is_unknown() -> None:
    adapter = adapter_for(lambda _: outcome(410, "GONE"))
    assert await adapter.appointment(call(), "A20001") is None
    with pytest.raises(UnknownAppointment):
        await adapter.perform(call(), MOVE)


async def test_look_at_a_move_is_the_appointment_as_it_is() -> None:
    found = await adapter_for(answering(outcome(500))).look(call(), MOVE)
    assert found is not None
    assert instant(found.resource["start"]) == TIME.start


async def test_hold_gives_its_token_and_its_end() -> None:
    lifecare = Lifecare(lambda _: fhir(200, SLOT))
    done = await adapter_for(lifecare).perform(call(), HOLD)
    assert done.record is None
    assert done.hold is not None
    assert (done.hold.token, done.hold.until.isoformat()) == ("hT-1", "2027-03-22T06:14:12.532000+00:00")
    assert lifecare.asked() == [f"POST Slot/{NEW.key}/$hold"]
    assert json.loads(lifecare.requests[0].content) == golden("hold", "expected")["body"] | {
        "parameter": [
            {"name": "patient", "valueReference": {"reference": "Patient/100001"}},
            {
                "name": "identifier",
                "valueIdentifier": {"system": "https://sotesilta.example/fhir/placer", "value": "h-31"},
            },
        ]
    }
    assert await adapter_for(lifecare).look(call(), HOLD) is None


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (404, "NOT_FOUND", NoSuchTime),
        (422, "SLOT_PAST", NoSuchTime),
        (422, "UNKNOWN_PATIENT", UnknownPatient),
        (409, "SLOT_TAKEN", SlotTaken),
        (409, "ALREADY_BOOKED", SlotTaken),
        (409, "HOLD_NOT_VALID", Misconfigured),
        (500, "", OutcomeUnknown),
    ],
)
async def test_refusals_of_a_hold(status: int, code: str, kind: type[ForeignError]) -> None:
    with pytest.raises(kind) as raised:
        await adapter_for(lambda _: outcome(status, code)).perform(call(), HOLD)
    assert raised.type is kind


@pytest.mark.parametrize("change", [{"id": "C9-other"}, {"extension": []}, {"resourceType": "Patient"}])
async def test_an_answer_that_is_no_hold_is_unknown(change: dict[str, Any]) -> None:
    with pytest.raises(OutcomeUnknown):
        await adapter_for(lambda _: fhir(200, SLOT | change)).perform(call(), HOLD)


async def test_a_slot_of_another_time_is_given_back() -> None:
    lifecare = Lifecare(lambda _: fhir(200, SLOT | {"start": "2027-03-23T09:40:00+02:00"}))
    with pytest.raises(NoSuchTime):
        await adapter_for(lifecare).perform(call(), HOLD)
    assert lifecare.asked() == [f"POST Slot/{NEW.key}/$hold", f"POST Slot/{NEW.key}/$release"]


async def test_release_gives_the_token() -> None:
    lifecare = Lifecare(lambda _: fhir(200, SLOT | {"status": "free"}))
    done = await adapter_for(lifecare).perform(call(), RELEASE)
    assert (done.record, done.hold, done.native) == (None, None, "200")
    assert json.loads(lifecare.requests[0].content)["parameter"] == [{"name": "token", "valueString": "hT-1"}]


async def test_booking_what_is_held_sends_the_token_and_hears_of_its_end() -> None:
    lifecare = Lifecare(lambda _: outcome(409, "HOLD_NOT_VALID"))
    with pytest.raises(HoldExpired):
        await adapter_for(lifecare).perform(call(), replace(book(), hold="hT-1"))
    url = "https://lifecare.example/fhir/StructureDefinition/hold-token"
    assert json.loads(lifecare.requests[0].content)["extension"] == [{"url": url, "valueString": "hT-1"}]


class TestV2015:
    """What the older release is not asked, and what it is asked otherwise."""

    @staticmethod
    def adapter(handler: Any) -> LifecareAdapter:
        old = replace(installation(), name="lifecare-askola", release="V2015")
        return LifecareAdapter(old, transport=httpx.MockTransport(handler))

    @pytest.mark.parametrize("command", [HOLD, RELEASE, replace(book(), hold="hT-1")], ids=lambda c: c.kind)
    async def test_nothing_is_sent_of_what_it_cannot_do(self, command: Hold | Release | Book) -> None:
        lifecare = Lifecare(lambda _: outcome(500))
        with pytest.raises(NotSupported) as raised:
            await self.adapter(lifecare).perform(call(), command)
        assert raised.value.capability == "hold"
        assert not lifecare.requests

    async def test_no_condition_is_sent_and_times_are_written_its_way(self) -> None:
        answer = booked(start="2027-03-23T08:00:00Z", end="2027-03-23T08:20:00Z", created="2027-03-22T08:04:12Z")
        lifecare = Lifecare(lambda _: fhir(201, answer))
        done = await self.adapter(lifecare).perform(call(), book())
        assert done.record is not None
        assert instant(done.record.resource["start"]) == TIME.start
        assert "If-None-Exist" not in lifecare.requests[0].headers
        assert json.loads(lifecare.requests[0].content)["start"] == "2027-03-23T08:00:00Z"

    async def test_a_time_with_a_true_offset_is_not_understood(self) -> None:
        with pytest.raises(OutcomeUnknown):
            await self.adapter(Lifecare(lambda _: fhir(201, booked()))).perform(call(), book())


def test_a_release_without_a_manual_is_refused() -> None:
    with pytest.raises(Misconfigured, match="MR2020 or V2015"):
        LifecareAdapter(replace(installation(), release="MR2021"))
