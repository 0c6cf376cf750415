"""Palvelutehtävä: what is not the client's does not exist for it (manual §4)."""

from __future__ import annotations

from pathlib import Path

from sandbox.engine.model import Appointment
from tests.sandbox.proconsona.conftest import opened
from tests.sandbox.proconsona.proconsona_bench import Bench, at, booking, cancel

SEARCH = '<asiakashaku xmlns="urn:proconsona:rajapinta:3"><henkilotunnus>{}</henkilotunnus></asiakashaku>'


def hidden_meeting(bench: Bench) -> Appointment:
    """A meeting of child protection."""
    hidden = {one.id for one in bench.system.calendars.values() if one.service == "LAS"}
    return next(one for one in bench.system.appointments() if one.calendar in hidden)


async def test_child_protection_is_nowhere(bench: Bench) -> None:
    one = hidden_meeting(bench)
    professional = bench.system.calendars[one.calendar].professional
    for target in (f"/tapaamiset/{one.id}", "/palvelut/LAS", f"/tyontekijat/{professional}"):
        assert (await bench.ask("GET", target)).error == (404, "EI_LOYDY")
    assert (await bench.change(one.id, one.version, cancel())).error == (404, "EI_LOYDY")
    assert (await bench.ask("GET", f"/tapaamiset?asiakas={one.patient}&kalenteri={one.calendar}")).all(
        "tapaaminen"
    ) == []
    for target in ("/palvelut", "/tyontekijat", "/vapaat-ajat?koko=200", "/muutokset"):
        content = (await bench.ask("GET", target)).content
        assert not any(text.encode() in content for text in (one.id, one.calendar, professional, '"3"', "LAS"))


async def test_its_times_cannot_be_booked(bench: Bench) -> None:
    now = bench.system.clock.now()
    (time, *_) = bench.system.free_times(now, now.replace(month=4), service="LAS")
    hidden = (time.calendar, time.start.isoformat())
    assert (await bench.ask("POST", "/tapaamiset", booking(bench.number("aino"), hidden))).error == (
        422,
        "TUNTEMATON_AIKA",
    )
    booked = await bench.booked()
    assert (await bench.change(booked.text("tunnus"), 1, at("siirra", hidden))).error == (422, "TUNTEMATON_AIKA")


async def test_the_same_answer_as_for_an_unknown_one(bench: Bench) -> None:
    one = hidden_meeting(bench)
    hidden = await bench.ask("GET", f"/tapaamiset/{one.id}")
    unknown = await bench.ask("GET", "/tapaamiset/00000000-0000-4000-8000-000000000000")
    assert (hidden.status, hidden.content) == (unknown.status, unknown.content)


async def test_a_client_with_the_right_sees_it(tmp_path: Path) -> None:
    async with opened(tmp_path, service_tasks="3") as bench:
        one = hidden_meeting(bench)
        read = await bench.ask("GET", f"/tapaamiset/{one.id}")
        assert (read.text("palvelu"), read.root.find("{*}palvelutehtava").get("koodi")) == ("LAS", "3")
        assert [service.findtext("{*}koodi") for service in (await bench.ask("GET", "/palvelut")).all("palvelu")] == [
            "LAS"
        ]
        customer = await bench.ask("GET", f"/asiakkaat/{one.patient}")
        assert [task.get("koodi") for task in customer.all("palvelutehtava")] == ["3"]


async def test_a_customer_of_other_tasks_does_not_exist(tmp_path: Path) -> None:
    async with opened(tmp_path, service_tasks="5") as bench:
        found = await bench.ask("POST", "/asiakkaat/haku", SEARCH.format("010594Y9021"))
        assert (found.status, found.all("asiakas")) == (200, [])
        assert (await bench.ask("GET", f"/asiakkaat/{bench.number('aino')}")).error == (404, "EI_LOYDY")
        assert (await bench.ask("GET", "/vapaat-ajat")).all("vapaaAika") == []


async def test_a_customers_tasks_are_those_of_his_meetings(bench: Bench) -> None:
    await bench.book("axel", (await bench.free("palvelu=IKA"))[0])
    found = await bench.ask("POST", "/asiakkaat/haku", SEARCH.format("010100A907P"))
    assert "1" in [one.get("koodi") for one in found.all("palvelutehtava")]
    kerttu = await bench.ask("POST", "/asiakkaat/haku", SEARCH.format("131052-902Y"))
    assert [one.get("koodi") for one in kerttu.all("palvelutehtava")] == ["6"]
