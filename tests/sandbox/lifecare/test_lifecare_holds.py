"""Holding a time: `Slot/{id}/$hold`, `$release`, and booking or moving to what is held (INTERFACE.md §6.1)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.sandbox.lifecare.lifecare_bench import PLACER, Bench, entries, error

TOKEN = "https://lifecare.example/fhir/StructureDefinition/hold-token"
UNTIL = "https://lifecare.example/fhir/StructureDefinition/hold-until"


def parameters(**values: dict[str, Any]) -> dict[str, Any]:
    found = [{"name": name, **value} for name, value in values.items()]
    return {"resourceType": "Parameters", "parameter": found}


async def hold(bench: Bench, slot: str, key: str = "aino", placer: str | None = None) -> httpx.Response:
    asked: dict[str, dict[str, Any]] = {"patient": {"valueReference": {"reference": f"Patient/{bench.number(key)}"}}}
    if placer is not None:
        asked["identifier"] = {"valueIdentifier": {"system": PLACER, "value": placer}}
    return await bench.client.post(f"Slot/{slot}/$hold", json=parameters(**asked))


async def release(bench: Bench, slot: str, token: str) -> httpx.Response:
    return await bench.client.post(f"Slot/{slot}/$release", json=parameters(token={"valueString": token}))


def extension(answer: httpx.Response, url: str) -> str:
    (found,) = [one for one in answer.json()["extension"] if one["url"] == url]
    value: str = found.get("valueString") or found["valueInstant"]
    return value


def with_token(token: str) -> dict[str, Any]:
    return {"extension": [{"url": TOKEN, "valueString": token}]}


async def status(bench: Bench, slot: str) -> str:
    found: str = (await bench.client.get(f"Slot/{slot}")).json()["status"]
    return found


async def test_a_held_time_is_busy_tentative_and_its_holders_alone(bench: Bench) -> None:
    slot = (await bench.free())[0]["id"]
    bench.system.clock.freeze()
    held = await hold(bench, slot)
    assert (held.status_code, held.json()["status"]) == (200, "busy-tentative")
    until = bench.system.clock.now() + timedelta(minutes=10)
    assert extension(held, UNTIL) == until.isoformat(timespec="milliseconds")
    shown = (await bench.client.get(f"Slot/{slot}")).json()
    assert (shown["status"], "extension" in shown) == ("busy-tentative", False)
    assert slot not in [one["id"] for one in await bench.free()]
    found = await bench.client.get("Slot", params={"status": "busy-tentative"})
    assert [one["id"] for one in entries(found)] == [slot]
    for key in ("marja", "aino"):
        assert error(await bench.book(key, slot)) == (409, "conflict", "SLOT_TAKEN")
        assert error(await hold(bench, slot, key)) == (409, "conflict", "SLOT_TAKEN")
    made = await bench.book("aino", slot, placer="b-1", **with_token(extension(held, TOKEN)))
    assert made.status_code == 201
    assert TOKEN not in made.text
    assert await status(bench, slot) == "busy"


async def test_a_hold_is_asked_again_by_its_identifier(bench: Bench) -> None:
    slot, other = [one["id"] for one in await bench.free()][:2]
    first = await hold(bench, slot, placer="h-1")
    again = await hold(bench, slot, placer="h-1")
    assert (again.status_code, extension(again, TOKEN)) == (200, extension(first, TOKEN))
    assert extension(again, UNTIL) == extension(first, UNTIL)
    assert error(await hold(bench, other, placer="h-1")) == (409, "conflict", "HOLD_NOT_VALID")
    assert error(await hold(bench, slot, "marja", placer="h-1")) == (409, "conflict", "HOLD_NOT_VALID")
    assert await status(bench, other) == "free"


async def test_a_hold_ends_after_ten_minutes(bench: Bench) -> None:
    slot = (await bench.free(start="ge2027-03-24"))[0]["id"]
    token = extension(await hold(bench, slot), TOKEN)
    bench.system.clock.advance(timedelta(minutes=10))
    assert await status(bench, slot) == "free"
    late = await bench.book("aino", slot, **with_token(token))
    assert error(late) == (409, "conflict", "HOLD_NOT_VALID")
    assert (await bench.book("marja", slot)).status_code == 201


async def test_release_frees_the_time_and_may_be_repeated(bench: Bench) -> None:
    slot, other = [one["id"] for one in await bench.free()][:2]
    token = extension(await hold(bench, slot), TOKEN)
    assert error(await release(bench, other, token)) == (409, "conflict", "HOLD_NOT_VALID")
    for _ in range(2):
        answer = await release(bench, slot, token)
        assert (answer.status_code, answer.json()["status"]) == (200, "free")
    assert error(await bench.book("aino", slot, **with_token(token))) == (409, "conflict", "HOLD_NOT_VALID")


async def test_releasing_a_used_hold_leaves_the_booking(bench: Bench) -> None:
    slot = (await bench.free())[0]["id"]
    token = extension(await hold(bench, slot), TOKEN)
    made = await bench.book("aino", slot, **with_token(token))
    assert (await release(bench, slot, token)).json()["status"] == "busy"
    assert bench.kept(made.json()["id"]).holds_time
    assert error(await bench.book("aino", slot, **with_token(token))) == (409, "duplicate", "ALREADY_BOOKED")


async def test_a_visit_moves_to_a_held_time(bench: Bench) -> None:
    made = await bench.booked(**{"service-type": "YLE"})
    slot = (await bench.free(**{"service-type": "YLE"}))[3]["id"]
    token = extension(await hold(bench, slot), TOKEN)
    visit = made.json()
    target = {"slot": [{"reference": f"Slot/{slot}"}], "start": None, "end": None, "minutesDuration": None}
    assert error(await bench.put(visit, made.headers["etag"], **target)) == (409, "conflict", "SLOT_TAKEN")
    added = [*visit["extension"], *with_token("wrong")["extension"]]
    wrong = await bench.put(visit, made.headers["etag"], **target, extension=added)
    assert error(wrong) == (409, "conflict", "HOLD_NOT_VALID")
    added = [*visit["extension"], *with_token(token)["extension"]]
    moved = await bench.put(visit, made.headers["etag"], **target, extension=added)
    assert (moved.status_code, moved.json()["slot"][0]["reference"]) == (200, f"Slot/{slot}")
    assert TOKEN not in moved.text
    assert await status(bench, visit["slot"][0]["reference"].removeprefix("Slot/")) == "free"


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({}, "BAD_ELEMENT"),
        ({"patient": {"valueReference": {"reference": "Patient/0"}}}, "UNKNOWN_PATIENT"),
        ({"patient": {"valueReference": {"reference": "Slot/0"}}}, "BAD_VALUE"),
        ({"patient": {"valueString": "0"}}, "MISSING_ELEMENT"),
        ({"minutes": {"valueString": "60"}}, "BAD_VALUE"),
    ],
)
async def test_bad_holds_are_refused(bench: Bench, asked: dict[str, dict[str, Any]], code: str) -> None:
    slot = (await bench.free())[0]["id"]
    answer = await bench.client.post(f"Slot/{slot}/$hold", json=parameters(**asked))
    assert error(answer)[2] == code
    assert await status(bench, slot) == "free"


async def test_only_times_can_be_held_by_post(bench: Bench) -> None:
    assert error(await hold(bench, "C11-zz"))[0] == 404
    slot = (await bench.free())[0]["id"]
    assert error(await bench.client.get(f"Slot/{slot}/$hold")) == (405, "not-supported", "NOT_SUPPORTED")
    assert error(await bench.client.post(f"Slot/{slot}/$steal", json={}))[0] == 404


async def test_a_hold_loses_no_race(bench: Bench) -> None:
    bench.faults.arm("drop-answer", operation="hold")
    slot = (await bench.free())[0]["id"]
    with pytest.raises(httpx.RemoteProtocolError):
        await hold(bench, slot, placer="h-1")
    assert await status(bench, slot) == "busy-tentative"
    again = await hold(bench, slot, placer="h-1")
    assert (await bench.book("aino", slot, **with_token(extension(again, TOKEN)))).status_code == 201


async def test_the_desk_takes_kerttus_time_before_she_holds_it(bench: Bench) -> None:
    slot = (await bench.free())[0]["id"]
    assert error(await hold(bench, slot, "kerttu")) == (409, "conflict", "SLOT_TAKEN")
    assert await status(bench, slot) == "busy"
