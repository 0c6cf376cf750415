"""Connections: one request at a time on each, none reused whose answer was lost, nothing sent that was not recorded."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from adapters.base import Done, Installation
from adapters.errors import Misconfigured, OutcomeUnknown, Refused, Unavailable
from adapters.mllp.link import Closed, Link
from adapters.pegasos import PegasosAdapter
from adapters.pegasos import open as open_pegasos
from canonical.commands import Book, Cancel
from canonical.model import FreeQuery, LocalPatient, Person, TimeKey

HETU = "010594Y9021"
PATIENT = LocalPatient("100042", HETU)
START = datetime(2027, 3, 24, 7, 30, tzinfo=UTC)
END = START + timedelta(minutes=30)
PERSON = Person(HETU, "Testinen", ("Aino",), date(1994, 5, 1), "fi", "638")
BOOK = Book("7b0f6c1e", PERSON, TimeKey("4007/1010", START, END), PATIENT)
MSH = "MSH|^~\\&|PEGASOS|LOVIISA|SOTESILTA|ITAUUSIMAA|20270322081501||{kind}|P17|P|2.4||||||8859/1\rMSA|AA|{id}\r"
SRR = (
    "SCH|7b0f6c1e^SOTESILTA|700123^PEGASOS|||4007|||Normal^^HL70277|30|min|^^M30^20270324093000^20270324100000||||||||||||||"
    "Booked^^HL70278\rZPA|20270324093000|+0200\rZSI|1\rPID|1||010594Y9021^^^VRK&1.2.246.21&ISO^NNFIN~100042^^^LOVIISA^PI\r"
)
ADR = "PID|1||010594Y9021^^^VRK&1.2.246.21&ISO^NNFIN~100042^^^LOVIISA^PI\rZSU||N\r"
REPLIES = {"SRM^S01": ("SRR^S01", SRR), "QRY^A19": ("ADR^A19", ADR), "SQM^S25": ("SQR^S25", "QAK|1|NF\r")}


def good(turn: Any) -> bytes:
    kind, body = REPLIES[turn.operation]
    return b"\x0b" + (MSH.format(kind=kind, id=turn.control_id) + body).encode("iso-8859-1") + b"\x1c\r"


async def answers(turn: Any) -> None:
    await turn.send(good(turn))


async def is_silent(turn: Any) -> None:
    return


def adapter_with(bench: Any, **options: Any) -> PegasosAdapter:
    known = bench.adapter.installation
    return PegasosAdapter(replace(known, options={**known.options, **options}))


class TestReuse:
    async def test_one_connection_carries_many_requests(self, bench: Any) -> None:
        bench.pegasos.scripts = [answers]
        for _ in range(5):
            await bench.adapter.find_person(bench.call(), HETU)
        assert bench.pegasos.connections == 1
        assert len({turn.control_id for turn in bench.pegasos.turns}) == 5

    async def test_late_answer_is_never_taken_for_another_requests(self, bench: Any) -> None:
        late = asyncio.Event()

        async def answers_late(turn: Any) -> None:
            await late.wait()
            await turn.send(good(turn))

        bench.pegasos.scripts = [answers_late, answers]
        with pytest.raises(OutcomeUnknown):
            await bench.adapter.perform(bench.call(0.2), BOOK)
        second = asyncio.create_task(bench.adapter.perform(bench.call(), BOOK))
        late.set()
        assert isinstance(await second, Done)
        assert [turn.connection for turn in bench.pegasos.turns] == [1, 2]

    async def test_connection_the_peer_closed_is_not_written_to(self, bench: Any) -> None:
        bench.pegasos.scripts = [answers]
        await bench.adapter.find_person(bench.call(), HETU)
        await bench.pegasos.stop()
        await bench.pegasos.start()
        assert isinstance(await bench.adapter.perform(bench.call(), BOOK), Done)
        assert [turn.connection for turn in bench.pegasos.turns] == [1, 2]

    async def test_connection_closed_at_the_last_moment_is_not_written_to(self, bench: Any) -> None:
        """The end of the stream is in the system's buffer, the loop has not seen it yet."""
        bench.pegasos.scripts = [answers]
        await bench.adapter.find_person(bench.call(), HETU)
        writer = bench.pegasos.turns[0].writer
        bench.kept.before = lambda: writer.get_extra_info("socket").shutdown(socket.SHUT_WR)
        assert isinstance(await bench.adapter.perform(bench.call(), BOOK), Done)
        assert [turn.connection for turn in bench.pegasos.turns] == [1, 2]

    async def test_connection_with_stray_bytes_is_not_reused(self, bench: Any) -> None:
        async def strays_and_answers(turn: Any) -> None:
            await turn.send(b"\r\n" + good(turn))

        bench.pegasos.scripts = [strays_and_answers, answers]
        assert isinstance(await bench.adapter.perform(bench.call(), BOOK), Done)
        await bench.adapter.find_person(bench.call(), HETU)
        assert [turn.connection for turn in bench.pegasos.turns] == [1, 2]

    async def test_peer_that_closed_and_stays_away_is_unavailable(self, bench: Any) -> None:
        bench.pegasos.scripts = [answers]
        await bench.adapter.find_person(bench.call(), HETU)
        await bench.pegasos.stop()
        with pytest.raises(Unavailable):
            await bench.adapter.perform(bench.call(), BOOK)
        assert len(bench.pegasos.turns) == 1

    @pytest.mark.parametrize("more", [b"x", b"\x0bMSH", b"\x0b\x1c\r", None])
    async def test_connection_with_more_than_the_answer_is_not_reused(self, bench: Any, more: bytes | None) -> None:
        async def answers_and_more(turn: Any) -> None:
            await turn.send(good(turn) + (good(turn) if more is None else more))

        bench.pegasos.scripts = [answers_and_more, answers]
        assert isinstance(await bench.adapter.perform(bench.call(), BOOK), Done)
        await bench.adapter.find_person(bench.call(), HETU)
        assert [turn.connection for turn in bench.pegasos.turns] == [1, 2]

    @pytest.mark.parametrize("more", [b"x" * 1_000_000, b"\x0b\x1c\r"])
    async def test_connection_that_speaks_unasked_is_closed(self, bench: Any, more: bytes) -> None:
        bench.pegasos.scripts = [answers]
        await bench.adapter.find_person(bench.call(), HETU)
        with pytest.raises(ConnectionError):
            while True:
                await bench.pegasos.turns[0].send(more)
                await asyncio.sleep(0)
        await bench.adapter.find_person(bench.call(), HETU)
        assert [turn.connection for turn in bench.pegasos.turns] == [1, 2]

    async def test_call_that_is_given_up_closes_its_connection(self, bench: Any) -> None:
        bench.pegasos.scripts = [is_silent, answers]
        task = asyncio.create_task(bench.adapter.perform(bench.call(), BOOK))
        await bench.pegasos.until(lambda: len(bench.pegasos.turns) == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert bench.kept.came == [("0", b"", "cancelled", ())]
        await bench.pegasos.until(lambda: bench.pegasos.open == 0)
        await bench.adapter.find_person(bench.call(), HETU)
        assert bench.pegasos.turns[-1].connection == 2


class TestPool:
    async def test_each_request_has_a_connection_to_itself(self, bench: Any) -> None:
        go = asyncio.Event()

        async def waits(turn: Any) -> None:
            await go.wait()
            await turn.send(good(turn))

        bench.pegasos.scripts = [waits]
        adapter = adapter_with(bench, pool=3)
        tasks = [asyncio.create_task(adapter.find_person(bench.call(), HETU)) for _ in range(8)]
        await bench.pegasos.until(lambda: len(bench.pegasos.turns) == 3)
        assert sorted(turn.connection for turn in bench.pegasos.turns) == [1, 2, 3]
        go.set()
        assert await asyncio.gather(*tasks) == [PATIENT] * 8
        assert bench.pegasos.most_open == 3
        assert bench.pegasos.connections == 3
        await adapter.close()

    async def test_no_place_in_time_is_unavailable_and_nothing_is_sent(self, bench: Any) -> None:
        bench.pegasos.scripts = [is_silent]
        adapter = adapter_with(bench, pool=1)
        first = asyncio.create_task(adapter.perform(bench.call(1.0), BOOK))
        await bench.pegasos.until(lambda: len(bench.pegasos.turns) == 1)
        with pytest.raises(Unavailable):
            await adapter.perform(bench.call(0.2), BOOK)
        with pytest.raises(OutcomeUnknown):
            await first
        assert len(bench.pegasos.turns) == 1
        await adapter.close()

    async def test_closed_adapter_sends_nothing(self, bench: Any) -> None:
        bench.pegasos.scripts = [answers]
        await bench.adapter.find_person(bench.call(), HETU)
        await bench.adapter.close()
        with pytest.raises(Unavailable):
            await bench.adapter.perform(bench.call(), BOOK)
        await bench.pegasos.until(lambda: bench.pegasos.open == 0)

    async def test_nobody_listening_is_unavailable(self, bench: Any) -> None:
        await bench.pegasos.stop()
        with pytest.raises(Unavailable) as found:
            await bench.adapter.perform(bench.call(), BOOK)
        assert "ConnectionRefusedError" in found.value.detail
        assert bench.kept.came == [("0", b"", "unavailable", ())]


class TestRecord:
    async def test_bytes_are_kept_before_any_leaves(self, bench: Any) -> None:
        bench.pegasos.scripts = [answers]
        seen: list[int] = []
        bench.kept.before = lambda: seen.append(bench.pegasos.connections)
        await bench.adapter.perform(bench.call(), BOOK)
        assert seen == [0]
        [(operation, raw)] = bench.kept.sent
        assert operation == "SRM^S01"
        assert raw == bench.pegasos.turns[0].message
        [(exchange, reply, outcome, notes)] = bench.kept.came
        assert (exchange, outcome) == ("0", "done")
        assert reply == good(bench.pegasos.turns[0])[1:-2]
        assert [note.path for note in notes] == ["ZSI"]

    async def test_what_cannot_be_kept_is_not_sent(self, bench: Any) -> None:
        class DiskFull(Exception):
            pass

        def fails() -> None:
            raise DiskFull

        bench.pegasos.scripts = [answers]
        bench.kept.before = fails
        with pytest.raises(DiskFull):
            await bench.adapter.perform(bench.call(), BOOK)
        assert bench.pegasos.connections == 0
        assert bench.kept.came == []

    async def test_points_are_reached_in_order(self, bench: Any) -> None:
        reached: list[tuple[str, int]] = []
        go = asyncio.Event()

        async def waits(turn: Any) -> None:
            await go.wait()
            await turn.send(good(turn))

        bench.pegasos.scripts = [waits]
        call = bench.call(reached=lambda name: reached.append((name, len(bench.pegasos.turns))))
        task = asyncio.create_task(bench.adapter.perform(call, BOOK))
        await bench.pegasos.until(lambda: len(bench.pegasos.turns) == 1)
        await asyncio.sleep(0)
        assert [name for name, _ in reached] == ["sent"]
        go.set()
        await task
        assert [name for name, _ in reached] == ["sent", "replied"]

    async def test_whoever_dies_at_a_point_leaves_no_connection_behind(self, bench: Any) -> None:
        class Killed(Exception):
            pass

        def dies(name: str) -> None:
            raise Killed(name)

        bench.pegasos.scripts = [answers]
        with pytest.raises(Killed):
            await bench.adapter.perform(bench.call(reached=dies), BOOK)
        await bench.adapter.find_person(bench.call(), HETU)
        assert bench.pegasos.connections == 2

    @pytest.mark.parametrize(
        ("command", "why"),
        [
            (replace(BOOK, comment="\ud800"), "character-set"),
            (replace(BOOK, comment="a" * 32_769), "text-too-long"),
            (replace(BOOK, comment="a\x0bb"), "control-character"),
            (replace(BOOK, reason="a" * 200), "text-too-long"),
            (Cancel("c", PATIENT, "700123", START, None, "a" * 200), "text-too-long"),
            (replace(BOOK, time=TimeKey("nonsense", START, END)), ""),
        ],
    )
    async def test_what_cannot_be_carried_is_refused_unsent(self, bench: Any, command: Any, why: str) -> None:
        with pytest.raises(Refused) as found:
            await bench.adapter.perform(bench.call(), command)
        assert found.value.native == why
        assert bench.kept.sent == []
        assert bench.pegasos.connections == 0

    @pytest.mark.parametrize(
        "command",
        [
            replace(BOOK, comment="kipeä 🤒"),
            replace(BOOK, reason="€"),
        ],
    )
    async def test_what_iso_8859_1_lacks_goes_in_utf_8_and_msh_18_says_so(self, bench: Any, command: Any) -> None:
        bench.pegasos.scripts = [answers]
        await bench.adapter.perform(bench.call(), command)
        message = bench.pegasos.turns[0].message
        assert message.split(b"\r")[0].endswith(b"|UNICODE UTF-8")
        assert any(text.encode() in message for text in ("🤒", "€"))

    async def test_an_answer_that_lies_about_its_character_set_is_no_answer(self, bench: Any) -> None:
        async def garbled(turn: Any) -> None:
            told = good(turn)
            assert not told.isascii()
            await turn.send(told.decode("iso-8859-1").encode("utf-8"))

        bench.pegasos.scripts = [garbled]
        with pytest.raises(OutcomeUnknown):
            await bench.adapter.perform(bench.call(), BOOK)

    async def test_utf_8_carries_every_text_where_it_is_agreed(self, bench: Any) -> None:
        bench.pegasos.scripts = [answers]
        adapter = adapter_with(bench, charset="UNICODE UTF-8")
        assert isinstance(await adapter.perform(bench.call(), replace(BOOK, comment="kipeä 🤒")), Done)
        assert "kipeä 🤒".encode() in bench.pegasos.turns[0].message
        await adapter.close()


class TestSending:
    """A message that is longer than all the buffers on the way has been sent when the last byte has left."""

    LONG = b"x" * 20_000_000

    @pytest.fixture
    async def peer(self) -> AsyncIterator[Any]:
        """A connection, and its other end, which takes in nothing until it is told to."""
        loop = asyncio.get_running_loop()
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            listener.setblocking(False)
            link = Link("127.0.0.1", listener.getsockname()[1], size=1, max_reply=1000)
            async with link.connection() as connection:
                other, _ = await loop.sock_accept(listener)
                yield connection, other
                other.close()

    async def test_message_half_sent_has_not_been_sent(self, peer: Any) -> None:
        connection, other = peer
        loop = asyncio.get_running_loop()
        sending = asyncio.create_task(connection.send(self.LONG))
        count = 0
        while count < len(self.LONG) // 2:
            count += len(await loop.sock_recv(other, 100_000))
        assert not sending.done()
        while count < len(self.LONG) + 3:
            count += len(await loop.sock_recv(other, 100_000))
        await sending

    async def test_peer_that_goes_away_meanwhile_is_noticed(self, peer: Any) -> None:
        connection, other = peer
        sending = asyncio.create_task(connection.send(self.LONG))
        await asyncio.get_running_loop().sock_recv(other, 1000)
        other.close()
        with pytest.raises(Closed):
            await sending
        assert not connection.is_reusable()


class TestPages:
    async def test_query_goes_on_to_the_last_page(self, bench: Any) -> None:
        async def first(turn: Any) -> None:
            await turn.send(good(turn)[:-2] + b"DSC|next-4007|I\r\x1c\r")

        bench.pegasos.scripts = [first, answers]
        assert await bench.adapter.appointments(bench.call(), PATIENT) == []
        one, two = (turn.message for turn in bench.pegasos.turns)
        assert b"DSC|" not in one
        assert two.endswith(b"RGS|1\rDSC|next-4007\r")

    async def test_query_without_end_is_given_up(self, bench: Any) -> None:
        async def always_more(turn: Any) -> None:
            await turn.send(good(turn)[:-2] + b"DSC|again|I\r\x1c\r")

        bench.pegasos.scripts = [always_more]
        with pytest.raises(Unavailable):
            await bench.adapter.find_free(bench.call(), FreeQuery(START, END))

    async def test_long_span_is_asked_for_in_parts(self, bench: Any) -> None:
        bench.pegasos.scripts = [answers]
        await bench.adapter.find_free(bench.call(), FreeQuery(START, START + timedelta(days=200), services=("1010",)))
        spans = [turn.message.split(b"QRF|LOVIISA|")[1].split(b"\r")[0] for turn in bench.pegasos.turns]
        assert spans == [
            b"20270324093000|20270622103000",
            b"20270622103000|20270920103000",
            b"20270920103000|20271010103000",
        ]


class TestOptions:
    @pytest.mark.parametrize(
        "wrong",
        [
            {"address": "http://127.0.0.1:1"},
            {"address": "mllp://127.0.0.1"},
            {"address": "mllp://127.0.0.1:99999"},
            {"charset": "8859/2"},
            {"pool": 0},
            {"limit": 0},
            {"sending_application": ""},
            {"processing_id": "X"},
            {"password": "x"},
        ],
    )
    async def test_wrong_options_are_refused_at_once(self, bench: Any, wrong: dict[str, Any]) -> None:
        options = {**bench.adapter.installation.options, **wrong}
        with pytest.raises(Misconfigured):
            open_pegasos(Installation("x", "pegasos", "2.4", (), (), options))

    async def test_defaults_outlast_the_longest_service_time(self, bench: Any) -> None:
        known = bench.adapter.installation
        options = {name: value for name, value in known.options.items() if name not in ("limit", "quiescence")}
        adapter = open_pegasos(replace(known, options=options))
        assert (adapter.profile.limit, adapter.profile.quiescence) == (22.0, 25.0)
        assert adapter.profile.text_limit == 32_768
