"""The fixtures as a test meets them: what begins alike, what ends with its block, what is said of what fails."""

from __future__ import annotations

import contextlib
from datetime import datetime

import httpx
import pytest

from silta.testing import Clock, Hub, Installation
from silta.testing.control import SandboxRefused
from silta.testing.world import World


def armed(world: World, name: str) -> list[str]:
    """The faults that are on there, but for the test persons' behaviours."""
    return [one["kind"] for one in world.control.get(f"/installations/{name}/faults") if not one["standing"]]


@pytest.mark.parametrize("_round", [1, 2])
def test_every_test_begins_alike(_round: int, hub: Hub, mediatri: Installation, clock: Clock) -> None:
    assert clock.now() == datetime.fromisoformat("2027-03-22T08:00:00+02:00")
    assert hub.client("marja").get("/Task").raise_for_status().json()["total"] == 0
    clock.advance("25h")
    slot = hub.find_slot(at=mediatri)
    booked = hub.book(person="Marja", slot=slot)
    assert [one.start for one in mediatri.bookings(booked)] == [slot.start]
    assert mediatri.bookings(booked)[0].id == "600001"
    assert mediatri.journal.verify(received="VaraaAika", acked="200")[0].operation == "hold"


def test_a_fault_ends_with_its_block_however_that_ends(silta_world: World, hub: Hub, lifecare: Installation) -> None:
    askola = lifecare.at("askola")
    with (
        contextlib.suppress(ZeroDivisionError),
        askola.fault("slow", operation="book", seconds=1),
        lifecare.fault("refuse-connection"),
    ):
        assert armed(silta_world, askola.name) == ["slow"]
        with pytest.raises(AssertionError, match="Expected book to be confirmed"):
            hub.book(person="Aino", slot=hub.find_slot(at=askola), comment="x" * 100_000)
        _ = 1 / 0
    assert armed(silta_world, askola.name) == armed(silta_world, lifecare.name) == []
    assert hub.book(person="Aino", slot=hub.find_slot(at=lifecare)).said == "confirmed"


def test_the_desk_does_what_a_desk_does(hub: Hub, proconsona: Installation) -> None:
    sipoo = proconsona.at("proconsona-sipoo")
    first, second = sipoo.free_times()[0], sipoo.free_times()[-1]
    booking = sipoo.book("helvi", first, text="Arvio")
    assert sipoo.move(booking, second, reason="pyyntö").start == second.start
    assert sipoo.no_show(booking.id).status == "noshow"
    with pytest.raises(SandboxRefused) as refused:
        sipoo.cancel(booking)
    assert refused.value.code == "not-changeable"
    assert sipoo.count(person="Helvi", status="noshow") == 1
    assert [one["status"] for one in hub.appointments("helvi") if one["start"] == second.start.isoformat()] == [
        "noshow"
    ]


def test_a_move_and_a_cancellation(hub: Hub, lifecare: Installation) -> None:
    now, *later = hub.find_slots(at=lifecare, count=60)
    booked = hub.book(person="aino", slot=now)
    moved = hub.move(booked, to=next(one for one in later if one.calendar == now.calendar))
    assert moved.id == booked.id
    stale = hub.cancel(booked, expect="refused")
    assert (stale.code, stale.answer.status_code) == ("stale-version", 412)
    assert hub.cancel(moved.resource, person="aino", reason="En pääse.").resource["status"] == "cancelled"
    lifecare.journal.verify(received="PUT Appointment", acked="200", where={"status": "cancelled"})


@pytest.mark.hub(seed=7, at="2027-03-27T23:00")
def test_another_seed_and_another_night(clock: Clock, pegasos: Installation) -> None:
    assert clock.now().isoformat() == "2027-03-27T23:00:00+02:00"
    assert clock.advance("5h").isoformat() == "2027-03-28T05:00:00+03:00"
    assert pegasos.free_times(start="2027-03-29T08:00", end="2027-03-29T12:00")


def test_what_is_asked_wrongly_says_what_there_is(silta_world: World, pegasos: Installation, clock: Clock) -> None:
    with pytest.raises(LookupError, match="There are: lifecare-porvoo, pegasos-loviisa"):
        pegasos.at("porvoo")
    with pytest.raises(AssertionError, match="Nothing was"):
        pegasos.journal.verify(received="book")
    with pytest.raises(ValueError, match="comes twice or never"):
        clock.goto("2027-03-28T03:30")
    with pytest.raises(ValueError, match="no length of time"):
        clock.advance("a while")
    with pytest.raises(httpx.ConnectError):  # nobody asked for a hub: there is none
        httpx.get(silta_world.address)
