"""Moves, and enhanced acknowledgement mode: what an answer means where there may be two of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from adapters.base import Done
from adapters.errors import (
    AnotherPatient,
    Misconfigured,
    NoSuchTime,
    NotMovable,
    NotSupported,
    OutcomeUnknown,
    Refused,
    SlotTaken,
    StaleVersion,
    Unavailable,
    UnknownAppointment,
)
from canonical.commands import Move
from canonical.model import TimeKey
from tests.adapters.pegasos.conftest import Bench, adapter_to
from tests.adapters.pegasos.test_pegasos_answers import BOOK, PATIENT, PERSON, START, answer, error, outcome, says

NEW = TimeKey("4007/1010", START, START + timedelta(minutes=30))
MOVE = Move("abba", PERSON, PATIENT, "700123", START - timedelta(hours=1), NEW, "3", "Töitä")

REFUSALS = [
    (("AE", "206", "A01"), SlotTaken),
    (("AE", "206", "A02"), SlotTaken),
    (("AE", "206", "A06"), StaleVersion),
    (("AE", "206", "A07"), NotMovable),
    (("AE", "204", "A03"), NoSuchTime),
    (("AE", "204", "K02"), NoSuchTime),
    (("AE", "204", "A04"), UnknownAppointment),
    (("AE", "207", "X01"), OutcomeUnknown),
    (("AR", "207", "X03"), Unavailable),
    (("AR", "201", "M06"), NotSupported),
]


async def test_move_is_done_and_its_reason_is_said_to_reach_the_unit_only(bench: Bench) -> None:
    bench.pegasos.scripts = [says()]
    done = await bench.adapter.perform(bench.call(), MOVE)
    assert done.record is not None
    assert (done.native, done.record.local_id, done.record.version) == ("AA", "700123", "1")
    assert [note.path for note in done.notes if note.path == "Move.reason"] == ["Move.reason"]
    sent = bench.kept.sent[0][1].decode("iso-8859-1")
    assert "ZPA|20270324083000|+0200|||+0200" in sent


@pytest.mark.parametrize(("said", "kind"), REFUSALS, ids=[" ".join(said) for said, _ in REFUSALS])
async def test_refusals_of_a_move(bench: Bench, said: tuple[str, str, str], kind: type[Exception]) -> None:
    bench.pegasos.scripts = [says(ack=said[0], err=error(*said[1:]))]
    found = await outcome(bench.adapter.perform(bench.call(), MOVE))
    assert isinstance(found, kind), found


async def test_answer_about_another_appointment_or_person_is_none(bench: Bench) -> None:
    bench.pegasos.scripts = [says(number="700999")]
    assert type(await outcome(bench.adapter.perform(bench.call(), MOVE))) is OutcomeUnknown
    bench.pegasos.scripts = [says(patient="999", hetu="020594X903P")]
    assert type(await outcome(bench.adapter.perform(bench.call(), MOVE))) is AnotherPatient


async def test_a_time_of_another_system_is_not_moved_to(bench: Bench) -> None:
    elsewhere = replace(MOVE, time=replace(NEW, key="no key of Pegasos"))
    assert isinstance(await outcome(bench.adapter.perform(bench.call(), elsewhere)), NoSuchTime)
    assert not bench.kept.sent


class TestEnhanced:
    """``CA`` says that it will be done, not that it was."""

    @pytest.fixture
    async def bench(self, bench: Bench) -> AsyncIterator[Bench]:
        plain, bench.adapter = bench.adapter, adapter_to(bench.pegasos.port, acknowledgement="enhanced")
        yield bench
        await bench.adapter.close()
        await plain.close()

    async def test_answer_after_the_acknowledgement_is_the_answer(self, bench: Bench) -> None:
        bench.pegasos.scripts = [both(answer)]
        done = await outcome(bench.adapter.perform(bench.call(), BOOK))
        assert isinstance(done, Done), done
        [(_, raw, word, notes)] = bench.kept.came
        assert (word, b"|CA|" in raw, [note.path for note in notes]) == ("done", False, ["MSA-1"])
        assert b"|AL|AL|" in bench.kept.sent[0][1]

    async def test_answer_without_an_acknowledgement_is_taken_too(self, bench: Bench) -> None:
        bench.pegasos.scripts = [says()]
        assert isinstance(await outcome(bench.adapter.perform(bench.call(), BOOK)), Done)

    async def test_refusal_after_the_acknowledgement_is_a_refusal(self, bench: Bench) -> None:
        bench.pegasos.scripts = [both(lambda turn: answer(turn, ack="AE", err=error("206", "A01")))]
        assert isinstance(await outcome(bench.adapter.perform(bench.call(), BOOK)), SlotTaken)

    async def test_acknowledgement_and_nothing_after_it_is_unknown(self, bench: Bench) -> None:
        bench.pegasos.scripts = [both(lambda turn: b"")]
        assert type(await outcome(bench.adapter.perform(bench.call(0.4), BOOK))) is OutcomeUnknown
        assert [(raw, word) for _, raw, word, _ in bench.kept.came] == [(b"", "unknown")]

    @pytest.mark.parametrize("ack", ["CR", "CE"])
    @pytest.mark.parametrize(
        ("code", "own", "kind"),
        [("102", "M03", Refused), ("207", "X02", Misconfigured), ("101", "M02", Misconfigured), ("999", "Q9", Refused)],
    )
    async def test_rejection_means_that_nothing_was_done(
        self, bench: Bench, ack: str, code: str, own: str, kind: type[Exception]
    ) -> None:
        bench.pegasos.scripts = [says(ack=ack, err=error(code, own), kind="ACK^S01^ACK")]
        assert type(await outcome(bench.adapter.perform(bench.call(), BOOK))) is kind

    async def test_queries_are_answered_as_ever(self, bench: Bench) -> None:
        bench.pegasos.scripts = [says()]
        assert await bench.adapter.find_person(bench.call(), PERSON.hetu) is not None
        assert b"|AL|" not in bench.kept.sent[0][1]


def both(reply: Callable[[Any], bytes]) -> Callable[[Any], Awaitable[None]]:
    """A script: ``CA``, then what ``reply`` makes."""

    async def script(turn: Any) -> None:
        accepted = answer(turn, ack="CA", kind="ACK^S01^ACK")
        await turn.send(accepted)
        await turn.send(reply(turn))

    return script
