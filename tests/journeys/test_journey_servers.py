"""The whole hub on PostgreSQL and RabbitMQ: several processes are one hub, and whatever dies, the truth is told."""

from __future__ import annotations

import contextlib
import json
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from hub import failpoints
from tests.journeys.conftest import Demo
from tests.journeys.portal import different_starts as starts
from tests.journeys.servers import Servers, started
from tests.journeys.test_journey_crashes import POINTS, again

pytestmark = [pytest.mark.postgres, pytest.mark.rabbitmq]
SYSTEMS = ("lifecare-porvoo", "pegasos-loviisa")
LIVE = ("booked", "pending")


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory, rabbitmq_url: str) -> Iterator[Servers]:
    with started(tmp_path_factory.mktemp("servers") / "state", rabbitmq_url) as running:
        yield running


def live(demo: Demo, installation: str, token: str, start: str) -> int:
    """How many live bookings of that time the person has in the record system."""
    found = demo.bookings(installation, person=token)
    return len([b for b in found if b["start"] == start and b["status"] in LIVE])


def until(true: Any, what: str, within: float = 20.0) -> None:
    end = time.monotonic() + within
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.1)


@pytest.mark.parametrize("installation", SYSTEMS)
def test_what_is_booked_through_one_process_is_listed_and_cancelled_through_the_other(
    servers: Servers, installation: str
) -> None:
    a, b = servers.a, servers.b
    with a.client("aino") as here, b.client("aino") as there:
        slot = a.slots(here, installation, 40)[-1]
        booked = a.book(here, slot, comment="Selkä on kipeä.")
        assert booked.status_code == 201, booked.text
        appointment = booked.json()
        listed = there.get("/Appointment").raise_for_status().json()
        assert appointment["id"] in [e["resource"]["id"] for e in listed["entry"]]
        assert there.get(f"/Appointment/{appointment['id']}").json() == appointment
        assert live(a, installation, "aino", slot["start"]) == 1
        cancelled = b.cancel(there, appointment)
        assert cancelled.status_code == 200, cancelled.text
        assert here.get(f"/Appointment/{appointment['id']}").json()["status"] == "cancelled"
        assert live(a, installation, "aino", slot["start"]) == 0


def test_an_unknown_outcome_is_settled_by_a_worker_though_the_queue_was_emptied(servers: Servers) -> None:
    """Nobody else settles it; the queue holds ids and no word of a person; and it may be lost."""
    demo, worker = servers.a, servers.parts["worker-1"]
    assert worker.stop() == 0
    with demo.client("marja") as marja:
        slot = demo.slots(marja, "pegasos-loviisa", 60)[-1]
        person = demo.person("marja")
        demo.fault("pegasos-loviisa", "drop-answer", "book", person=person["hetu"], count=1)
        answer = demo.book(marja, slot, comment="Salaisuus")
        assert answer.status_code == 202, answer.text
        receipt = answer.headers["Content-Location"].split("/fhir", 1)[1]
        until(servers.queued, "the sweepers never found the command")
        for message in servers.queued():
            assert_only_an_id(message, receipt.rsplit("/", 1)[1], [person["hetu"], *person["name"].split(), "Salais"])
        servers.purge()
        until(servers.queued, "a lost wake-up was not sent again")
        assert marja.get(receipt).json()["status"] == "in-progress"
        servers.purge()
        worker.start()
        assert demo.receipt(marja, answer)["status"] == "completed"
        assert live(demo, "pegasos-loviisa", "marja", slot["start"]) == 1
    until(lambda: not servers.queued(), "wake-ups are left though nothing is open")


def assert_only_an_id(message: bytes, command_id: str, secrets: list[str]) -> None:
    told = json.loads(message)
    assert told["args"] == [command_id]
    assert told["kwargs"] == {}
    assert not [secret for secret in secrets if secret.casefold() in message.decode().casefold()]


def one_key(servers: Servers, token: str, installation: str, slot: dict[str, Any], times: int = 10) -> None:
    """The same request at once through both processes: everybody gets the same answer in the end, for one effect."""
    key = uuid.uuid4().hex

    def ask(number: int) -> httpx.Response:
        demo = (servers.a, servers.b)[number % 2]
        with demo.client(token) as client:
            return again(demo, lambda: demo.book(client, slot, key))

    with ThreadPoolExecutor(times) as pool:
        answers = list(pool.map(ask, range(times)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({(answer.content, answer.headers["Location"], answer.headers["ETag"]) for answer in answers}) == 1
    assert len([answer for answer in answers if "Idempotent-Replayed" not in answer.headers]) <= 1
    assert live(servers.a, installation, token, slot["start"]) == 1


@pytest.mark.parametrize("installation", SYSTEMS)
def test_one_key_has_one_effect_through_two_processes(servers: Servers, installation: str) -> None:
    with servers.a.client("onni") as onni:
        slot = starts(servers.a, onni, installation)[0]
    one_key(servers, "onni", installation, slot)


@pytest.mark.long
@pytest.mark.parametrize("installation", SYSTEMS)
def test_each_of_thirty_keys_has_one_effect(servers: Servers, installation: str) -> None:
    with servers.a.client("onni") as onni:
        slots = starts(servers.a, onni, installation)[10:40]
    for slot in slots:
        one_key(servers, "onni", installation, slot)


@pytest.mark.parametrize("installation", SYSTEMS)
def test_a_time_has_one_winner_whichever_process_is_asked(servers: Servers, installation: str) -> None:
    with servers.a.client("aino") as aino:
        slot = starts(servers.a, aino, installation)[2]

    def ask(number: int) -> int:
        demo, token = (servers.a, servers.b)[number % 2], ("aino", "marja", "onni", "helvi")[number // 2 % 4]
        with demo.client(token) as client:
            return demo.book(client, slot).status_code

    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(ask, range(16)))
    assert set(statuses) == {201, 409}
    assert statuses.count(201) == 1


def test_every_connection_to_the_database_breaks_and_the_hub_goes_on(servers: Servers) -> None:
    demo = servers.a
    with demo.client("helvi") as helvi:
        slot = starts(demo, helvi, "lifecare-porvoo")[4]
        key = uuid.uuid4().hex
        servers.cut_off()
        answer = again(demo, lambda: demo.book(helvi, slot, key))
        assert answer.status_code == 201, answer.text
        assert live(demo, "lifecare-porvoo", "helvi", slot["start"]) == 1
    time.sleep(1)
    assert all(part.process is None or part.process.poll() is None for part in servers.parts.values())


def test_while_the_broker_is_away_workers_find_out_what_is_unknown(servers: Servers) -> None:
    demo = servers.a
    with demo.client("marja") as marja:
        slot = starts(demo, marja, "lifecare-porvoo")[8]
        servers.relay.cut()
        demo.fault("lifecare-porvoo", "drop-answer", "book", person=demo.person("marja")["hetu"], count=1)
        answer = demo.book(marja, slot)
        assert answer.status_code == 202, answer.text
        assert demo.receipt(marja, answer)["status"] == "completed"
        assert live(demo, "lifecare-porvoo", "marja", slot["start"]) == 1
    servers.relay.mend()
    until(servers.consumers, "no worker came back to the queue")
    assert all(part.process is None or part.process.poll() is None for part in servers.parts.values())


def test_a_process_that_is_stopped_ends_what_it_works_on(servers: Servers) -> None:
    demo, part = servers.b, servers.parts["b"]
    with demo.client("helvi") as helvi, ThreadPoolExecutor(1) as pool:
        slot = starts(demo, helvi, "pegasos-loviisa")[6]
        demo.fault(
            "pegasos-loviisa", "slow", "book", person=demo.person("helvi")["hetu"], count=1, params={"seconds": 2}
        )
        answer = pool.submit(demo.book, helvi, slot)
        time.sleep(0.7)
        assert part.stop() == 0
        assert answer.result().status_code == 201, answer.result().text
        assert live(demo, "pegasos-loviisa", "helvi", slot["start"]) == 1
    part.start()
    demo.wait_ready()


def dies_booking(servers: Servers, point: str, slot: dict[str, Any], key: str) -> None:
    """The second API process dies there, and is started again."""
    part, demo = servers.parts["b"], servers.b
    with demo.client("aino") as aino:
        failpoints.arm(part.failpoints, point)
        with contextlib.suppress(httpx.TransportError):
            demo.book(aino, slot, key)
    assert part.ended() == -9
    part.start()
    demo.wait_ready()


def assert_true(servers: Servers, booked: list[tuple[str, dict[str, Any], str]]) -> list[int]:
    """Each (installation, time, key): what the portal is told in the end is what the record system has. Statuses."""
    demo, statuses = servers.a, []
    for installation, slot, key in booked:
        with demo.client("aino") as aino:
            final = again(demo, lambda: demo.book(aino, slot, key))  # noqa: B023
            effects = live(demo, installation, "aino", slot["start"])
            assert effects == (1 if final.status_code == 201 else 0), (final.status_code, final.text)
            with servers.b.client("aino") as there:
                assert servers.b.book(there, slot, key).content == final.content
        statuses.append(final.status_code)
    return statuses


def test_what_a_dead_process_held_is_ended_by_who_lives(servers: Servers) -> None:
    """A worker dies while it looks, an API process at three points of a write; then another worker ends it all."""
    demo, first, second = servers.a, servers.parts["worker-1"], servers.parts["worker-2"]
    with demo.client("aino") as aino:
        times = {name: starts(demo, aino, name)[20:25] for name in SYSTEMS}
        demo.fault("pegasos-loviisa", "drop-answer", "book", person=demo.person("aino")["hetu"], count=1)
        failpoints.arm(first.failpoints, "looked")
        lost, key = times["pegasos-loviisa"][0], uuid.uuid4().hex
        assert demo.book(aino, lost, key).status_code == 202
        assert first.ended() == -9
    booked = [("pegasos-loviisa", lost, key)]
    second.start()
    for number, (point, name) in enumerate(
        zip(("accepted", "sent", "before-outcome"), (*SYSTEMS, SYSTEMS[0]), strict=True), 1
    ):
        booked.append((name, times[name][number], uuid.uuid4().hex))
        dies_booking(servers, point, *booked[-1][1:])
    statuses = assert_true(servers, booked)
    assert (statuses[0], statuses[-1]) == (201, 201), "what the record system had done before anybody died stands"
    second.stop()
    first.start()


@pytest.mark.long
@pytest.mark.parametrize("installation", SYSTEMS)
def test_a_booking_survives_an_api_process_dying_at_each_point(servers: Servers, installation: str) -> None:
    with servers.a.client("aino") as aino:
        times = starts(servers.a, aino, installation)[30:]
    booked = []
    for point, slot in zip(POINTS, times, strict=False):
        booked.append((installation, slot, uuid.uuid4().hex))
        dies_booking(servers, point, *booked[-1][1:])
    assert_true(servers, booked)


def test_nothing_of_a_person_stands_in_clear_and_nothing_is_written_beside_a_configuration(servers: Servers) -> None:
    """After all the journeys before."""
    hidden = [p["hetu"] for p in servers.a.told["persons"]] + ["Testinen", "Testikatu", "Salaisuus"]
    hidden += [text.encode().hex() for text in hidden]
    rows = 0
    for row in servers.stored():
        rows += 1
        assert not [text for text in hidden if text in row]
    assert rows > 100
    for part in servers.parts.values():
        assert [file.name for file in part.config.parent.iterdir()] == ["hub.toml"]
        if part.log.exists():
            log = part.log.read_text()
            assert not [text for text in hidden if text in log]
            assert "guest:guest" not in log
