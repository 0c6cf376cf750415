"""The control interface over real HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from sandbox.config import SandboxConfig
from sandbox.faults import KINDS
from sandbox.listener import bind
from sandbox.serve import Running, ServeError, running
from tests.plain_http import PLAIN

AINO = "010594Y9021"
INSTALLATIONS = ("lifecare-porvoo", "pegasos-loviisa")


@pytest_asyncio.fixture
async def control(sandbox: Running) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        verify=PLAIN, base_url=f"http://127.0.0.1:{sandbox.control.port}", timeout=10
    ) as client:
        yield client


async def free_times(control: httpx.AsyncClient, name: str, **query: str) -> list[dict[str, Any]]:
    answer = await control.get(f"/installations/{name}/free-times", params=query)
    assert answer.status_code == 200
    found: list[dict[str, Any]] = answer.json()
    return found


def refusal(answer: httpx.Response) -> tuple[int, str]:
    body = answer.json()
    assert set(body) == {"error", "message"}
    return answer.status_code, body["error"]


async def test_it_is_ready_and_tells_what_there_is(control: httpx.AsyncClient) -> None:
    ready = await control.get("/readyz")
    assert (ready.status_code, ready.json()["ready"], ready.json()["seed"]) == (200, True, 42)
    installations = (await control.get("/installations")).json()
    assert [one["name"] for one in installations] == list(INSTALLATIONS)
    assert all(one["listening"] for one in installations)
    persons = {one["key"]: one for one in (await control.get("/persons")).json()}
    assert set(persons) == {"aino", "eero", "kerttu", "mikael", "onni", "lilja", "helvi", "axel", "marja"}
    assert persons["lilja"]["guardians"] == ["aino"]


@pytest.mark.parametrize("name", INSTALLATIONS)
async def test_the_desk_books_moves_cancels_and_everyone_sees_it_in_one_shape(
    control: httpx.AsyncClient, name: str
) -> None:
    first, second = (await free_times(control, name))[5:7]
    book = {"person": "aino", "calendar": first["calendar"], "start": first["start"], "text": "å ä ö"}
    made = await control.post(f"/installations/{name}/desk/book", json=book)
    assert made.status_code == 201
    booking = made.json()
    assert (booking["person"], booking["status"], booking["booked_by"]) == (AINO, "booked", "desk")
    assert {booking[key] == first[key] for key in ("calendar", "unit", "service", "start", "end")} == {True}

    by_key = await control.get(f"/installations/{name}/bookings", params={"person": "aino", "status": "booked"})
    by_hetu = await control.post(f"/installations/{name}/bookings/search", json={"person": AINO, "status": "booked"})
    assert booking in by_key.json()
    assert by_key.json() == by_hetu.json()

    move = {"id": booking["id"], "start": second["start"], "calendar": second["calendar"]}
    moved = (await control.post(f"/installations/{name}/desk/move", json=move)).json()
    assert (moved["id"], moved["start"], moved["version"]) == (booking["id"], second["start"], 2)
    cancelled = await control.post(f"/installations/{name}/desk/cancel", json={"id": booking["id"], "reason": "sick"})
    assert (cancelled.json()["status"], cancelled.json()["reason"]) == ("cancelled", "sick")
    assert (await control.get(f"/installations/{name}/bookings/{booking['id']}")).json() == cancelled.json()
    again = await control.post(f"/installations/{name}/desk/cancel", json={"id": booking["id"]})
    assert refusal(again) == (409, "not-changeable")


async def test_many_desks_race_for_one_time_and_one_wins(control: httpx.AsyncClient) -> None:
    time = next(one for one in await free_times(control, "pegasos-loviisa") if one["left"] == 1)
    book = {"calendar": time["calendar"], "start": time["start"]}
    posts = [
        control.post("/installations/pegasos-loviisa/desk/book", json=book | {"person": person})
        for person in ("aino", "eero", "kerttu", "mikael", "onni", "helvi", "axel", "marja") * 3
    ]
    answers = await asyncio.gather(*posts)
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 23
    found = await control.get(
        "/installations/pegasos-loviisa/bookings",
        params={"calendar": time["calendar"], "start": time["start"], "end": time["end"]},
    )
    assert len(found.json()) == 1


async def test_the_desk_registers_a_newcomer_and_finds_a_calendar(control: httpx.AsyncClient) -> None:
    time = (await free_times(control, "pegasos-loviisa", service="1020"))[0]
    book = {"person": "lilja", "service": "1020", "start": time["start"]}
    made = await control.post("/installations/pegasos-loviisa/desk/book", json=book)
    assert (made.status_code, made.json()["service"], made.json()["start"]) == (201, "1020", time["start"])


async def test_a_no_show_and_the_clock(control: httpx.AsyncClient) -> None:
    time = (await free_times(control, "lifecare-porvoo"))[0]
    book = {"person": "aino", "calendar": time["calendar"], "start": time["start"]}
    made = (await control.post("/installations/lifecare-porvoo/desk/book", json=book)).json()
    frozen = await control.post("/clock/freeze", json={"at": time["end"]})
    assert frozen.json()["frozen"] is True
    assert datetime.fromisoformat(frozen.json()["now"]) == datetime.fromisoformat(time["end"])
    marked = await control.post("/installations/lifecare-porvoo/desk/no-show", json={"id": made["id"]})
    assert marked.json()["status"] == "noshow"
    advanced = (await control.post("/clock/advance", json={"seconds": 86_400})).json()
    elapsed = datetime.fromisoformat(advanced["now"]) - datetime.fromisoformat(time["end"])
    assert elapsed.total_seconds() == 86_400
    assert (await control.post("/clock/run")).json()["frozen"] is False
    put = await control.put("/clock", json={"now": "2027-05-01T12:00:00+03:00", "frozen": True})
    assert put.json()["now"] == "2027-05-01T12:00:00+03:00"
    assert refusal(await control.put("/clock", json={"now": "2199-05-01T12:00:00+03:00"})) == (422, "out-of-reach")
    assert refusal(await control.put("/clock", json={"now": "2027-05-01T12:00:00"})) == (422, "bad-request")


@pytest.mark.parametrize("name", INSTALLATIONS)
async def test_faults_are_armed_listed_and_ended(control: httpx.AsyncClient, name: str) -> None:
    path = f"/installations/{name}/faults"
    asked = {"kind": "slow", "operation": "book", "person": "aino", "count": 3, "params": {"seconds": 2}}
    armed = await control.post(path, json=asked)
    assert armed.status_code == 201
    fault = armed.json()
    assert (fault["person"], fault["left"], fault["params"]) == (AINO, 3, {"seconds": 2})
    assert (await control.get(path)).json()[0] == fault
    assert (await control.delete(f"{path}/{fault['id']}")).json() == {"ended": 1}
    assert refusal(await control.delete(f"{path}/{fault['id']}")) == (404, "unknown-fault")
    assert refusal(await control.delete(f"{path}/standing-1")) == (404, "unknown-fault")
    assert all(one["standing"] for one in (await control.get(path)).json())
    assert refusal(await control.post(path, json={"kind": "nonsense"})) == (422, "bad-fault")


@pytest.mark.parametrize("name", INSTALLATIONS)
async def test_a_refused_connection_is_refused_and_comes_back(
    control: httpx.AsyncClient, sandbox: Running, name: str
) -> None:
    face = sandbox.world.installations[name].face
    assert face is not None
    await _connect(face.port)
    armed = await control.post(f"/installations/{name}/faults", json={"kind": "refuse-connection", "seconds": 60})
    assert armed.status_code == 201
    with pytest.raises(ConnectionRefusedError):
        await _connect(face.port)
    listening = {one["name"]: one["listening"] for one in (await control.get("/installations")).json()}
    assert listening == {other: other != name for other in INSTALLATIONS}
    await control.delete(f"/installations/{name}/faults")
    await _connect(face.port)


async def test_a_closed_listener_opens_by_itself(control: httpx.AsyncClient, sandbox: Running) -> None:
    face = sandbox.world.installations["pegasos-loviisa"].face
    assert face is not None
    await control.post("/installations/pegasos-loviisa/faults", json={"kind": "refuse-connection", "seconds": 0.3})
    with pytest.raises(ConnectionRefusedError):
        await _connect(face.port)
    async with asyncio.timeout(10):
        while (await control.get("/installations")).json()[1]["listening"] is False:
            await asyncio.sleep(0.05)
        await sandbox.upkeep.apply()
    await _connect(face.port)


async def test_the_kinds_say_who_can_show_them(control: httpx.AsyncClient) -> None:
    kinds = {one["kind"]: one for one in (await control.get("/faults/kinds")).json()}
    assert set(kinds) == set(KINDS)
    assert kinds["html-200"]["installations"] == ["lifecare-porvoo"]
    for kind in ("drop-answer", "desk-takes-the-time", "slow", "refuse-connection", "pending-answer"):
        assert kinds[kind]["installations"] == list(INSTALLATIONS)
    refused = await control.post("/installations/pegasos-loviisa/faults", json={"kind": "html-200"})
    assert refusal(refused) == (422, "bad-fault")


async def test_a_reset_brings_everything_back(control: httpx.AsyncClient, sandbox: Running) -> None:
    await control.post("/clock/freeze", json={"at": "2027-03-22T08:00:00+02:00"})
    before = (await control.get("/installations/pegasos-loviisa/bookings")).json()
    time = (await free_times(control, "pegasos-loviisa"))[0]
    book = {"person": "aino", "calendar": time["calendar"], "start": time["start"]}
    await control.post("/installations/pegasos-loviisa/desk/book", json=book)
    await control.post("/installations/pegasos-loviisa/faults", json={"kind": "refuse-connection", "seconds": 600})
    sandbox.world.installations["pegasos-loviisa"].journal.record("received", b"x")
    answer = await control.post("/reset")
    assert (answer.status_code, answer.json()["seed"]) == (200, 42)
    assert (await control.get("/installations/pegasos-loviisa/bookings")).json() == before
    assert (await control.get("/installations/pegasos-loviisa/journal")).json() == []
    assert (await control.get("/clock")).json()["frozen"] is False
    face = sandbox.world.installations["pegasos-loviisa"].face
    assert face is not None
    await _connect(face.port)
    assert (await control.post("/reset", json={"seed": 7})).json()["seed"] == 7
    assert (await control.get("/installations/pegasos-loviisa/bookings")).json() != before


async def test_a_hetu_does_not_go_into_a_url_nor_out_in_an_error(control: httpx.AsyncClient) -> None:
    in_url = await control.get("/installations/pegasos-loviisa/bookings", params={"person": AINO})
    assert refusal(in_url) == (404, "unknown-key")
    wrong_body = await control.post("/installations/pegasos-loviisa/bookings/search", json={"hetu": AINO})
    assert refusal(wrong_body) == (422, "bad-request")
    stranger = await control.post(
        "/installations/pegasos-loviisa/desk/book", json={"person": AINO.lower(), "start": "2027-03-23T08:00:00+02:00"}
    )
    assert refusal(stranger) == (404, "unknown-person")
    for answer in (in_url, wrong_body, stranger):
        assert AINO.lower() not in answer.text.lower()


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("desk/book", {"person": "aino", "start": "2027-03-23T08:01:00+02:00"}, (422, "no-such-time")),
        ("desk/book", {"person": "aino", "start": "9999-12-31T23:59:59+00:00"}, (422, "no-such-time")),
        ("desk/book", {"person": "aino", "start": "2027-03-23T08:00:00"}, (422, "bad-request")),
        (
            "desk/book",
            {"person": "aino", "service": "-", "start": "2027-03-23T08:00:00+02:00"},
            (404, "unknown-service"),
        ),
        ("desk/cancel", {"id": "-"}, (404, "unknown-appointment")),
        ("desk/decide", {"id": "-", "decision": "booked"}, (404, "unknown-appointment")),
    ],
)
async def test_refusals_name_the_next_step(
    control: httpx.AsyncClient, path: str, body: dict[str, str], expected: tuple[int, str]
) -> None:
    answer = await control.post(f"/installations/lifecare-porvoo/{path}", json=body)
    assert refusal(answer) == expected
    assert "GET /" in answer.json()["message"] or "openapi" in answer.json()["message"]


async def test_a_number_is_no_time(control: httpx.AsyncClient) -> None:
    for start in ("2027", "0.5"):
        answer = await control.get("/installations/lifecare-porvoo/free-times", params={"start": start})
        assert refusal(answer) == (422, "bad-request")


async def test_an_unknown_installation_is_told_the_known_ones(control: httpx.AsyncClient) -> None:
    answer = await control.get("/installations/x/bookings")
    assert refusal(answer) == (404, "unknown-installation")
    assert "pegasos-loviisa" in answer.json()["message"]


async def test_the_journal_tells_bytes_and_pages(control: httpx.AsyncClient, sandbox: Running) -> None:
    journal = sandbox.world.installations["pegasos-loviisa"].journal
    journal.record("received", b"MSH|\xe4", operation="book", fault="slow")
    journal.record("sent", "ä".encode())
    entries = (await control.get("/installations/pegasos-loviisa/journal")).json()
    assert [one["text"] for one in entries[-2:]] == ["MSH|ä", "ä"]
    assert (entries[-2]["operation"], entries[-2]["fault"], entries[-2]["base64"]) == ("book", "slow", "TVNIfOQ=")
    later = await control.get(
        "/installations/pegasos-loviisa/journal", params={"since": entries[-2]["number"], "limit": 1}
    )
    assert later.json() == entries[-1:]


async def test_every_route_is_documented(control: httpx.AsyncClient) -> None:
    document = (await control.get("/openapi.json")).json()
    for path in ("/readyz", "/reset", "/clock/advance", "/installations/{name}/desk/no-show", "/faults/kinds"):
        assert path in document["paths"]
    for methods in document["paths"].values():
        for operation in methods.values():
            assert operation["summary"]
            assert operation["tags"]


async def test_a_face_without_a_port_is_told_and_the_others_go_on(config: SandboxConfig, tmp_path: Path) -> None:
    taken = bind("127.0.0.1", 0)
    taken.listen()
    port = taken.getsockname()[1]
    settings = dict(config.installations)
    settings["pegasos-loviisa"] = settings["pegasos-loviisa"].model_copy(update={"port": port})
    try:
        async with (
            running(config.model_copy(update={"installations": settings}), tmp_path) as sandbox,
            httpx.AsyncClient(verify=PLAIN, base_url=f"http://127.0.0.1:{sandbox.control.port}") as control,
        ):
            ready = await control.get("/readyz")
            assert ready.status_code == 503
            assert str(port) in ready.json()["problems"][0]
            assert "sandbox.toml" in ready.json()["problems"][0]
            assert [one["listening"] for one in (await control.get("/installations")).json()] == [True, False]
            assert await free_times(control, "pegasos-loviisa")
            arm = await control.post("/installations/pegasos-loviisa/faults", json={"kind": "slow"})
            assert refusal(arm) == (409, "not-listening")
    finally:
        taken.close()


async def test_without_its_control_port_the_sandbox_does_not_start(config: SandboxConfig, tmp_path: Path) -> None:
    taken = bind("127.0.0.1", 0)
    taken.listen()
    busy = config.model_copy(update={"control_port": taken.getsockname()[1]})
    try:
        with pytest.raises(ServeError, match="change the port"):
            async with running(busy, tmp_path):
                pass
    finally:
        taken.close()


async def _connect(port: int) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()
    await writer.wait_closed()
