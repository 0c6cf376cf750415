"""Enhanced acknowledgement mode, an option of the installation: CA first, then the answer (manual section 13)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from sandbox.pegasos.face import PegasosFace
from sandbox.world import World
from tests.sandbox.pegasos.pegasos_bench import AINO, Answer, Client, Pegasos, book, judge, message, msh, query


@pytest.fixture
async def enhanced(world: World) -> AsyncIterator[Pegasos]:
    one = world.installations["pegasos-loviisa"]
    config = replace(one.config, options={"acknowledgement": "enhanced"})
    face = PegasosFace(config, one.system, one.faults, one.journal, message_seconds=2.0)
    await face.start()
    mock = Pegasos(face, one.system, one.faults, one.journal, world)
    yield mock
    for client in mock.clients:
        client.close()
    await face.stop()


@pytest.fixture
async def line(enhanced: Pegasos) -> Client:
    return await enhanced.connect()


def asking(text: str, accept: str, application: str = "AL") -> str:
    """The message with MSH-15 and MSH-16."""
    head, _, rest = text.partition("\r")
    fields = [*head.split("|"), *[""] * 18][:18]
    fields[14:16] = [accept, application]
    return f"{'|'.join(fields).rstrip('|')}\r{rest}"


async def receive(line: Client) -> Answer:
    raw = await line.block()
    judge(raw)
    return Answer(raw)


async def test_the_answer_follows_the_accept_acknowledgement(enhanced: Pegasos, line: Client) -> None:
    text = asking(book(enhanced.system, enhanced.free(), AINO), "AL")
    taken = await line.ask(text)
    answer = await receive(line)
    assert (taken.code, taken.names, taken.lines[0][8]) == ("CA", ["MSH", "MSA"], "ACK^S01^ACK")
    assert (answer.code, answer.status) == ("AA", "Booked")
    control = text.split("|")[9]
    assert (taken.get("MSA", 2), answer.get("MSA", 2)) == (control, control)
    assert taken.lines[0][9] != answer.lines[0][9]
    assert answer.lines[0][14:16] == ["NE", "NE"]
    notes = [entry.note for entry in enhanced.journal.entries()]
    assert notes == ["", "accepted", ""]


async def test_a_rule_refuses_after_the_acceptance(enhanced: Pegasos, line: Client) -> None:
    time = enhanced.free()
    text = book(enhanced.system, time, AINO)
    assert (await line.ask(asking(text, "NE"))).code == "AA"
    assert (await line.ask(asking(text, "AL"))).code == "CA"
    assert (await receive(line)).error == ("AE", "206", "A02")


async def test_what_cannot_be_accepted_has_no_answer(enhanced: Pegasos, line: Client) -> None:
    bad = message(msh("SRM^S03^SRM_S01", f15="AL", f16="AL"), "ARQ|1")
    for text in (bad, bad.replace("|AL|AL", "|ER|AL")):
        refused = await line.ask(text)
        assert (refused.error, refused.lines[0][8]) == (("CR", "201", "M06"), "ACK^S03^ACK")
    # The next thing on the line is what the next request gets.
    assert (await line.ask(asking(query("SBK", "PLACER", arq="none"), "ER"))).code == "AA"


@pytest.mark.parametrize(("accept", "application"), [("", ""), ("NE", "AL"), ("NE", "")])
async def test_original_mode_stays_possible(enhanced: Pegasos, line: Client, accept: str, application: str) -> None:
    answer = await line.ask(asking(book(enhanced.system, enhanced.free(), AINO), accept, application))
    assert (answer.code, [*filter(None, answer.lines[0][14:16])]) == ("AA", [])


@pytest.mark.parametrize(("accept", "application"), [("SU", "AL"), ("XX", ""), ("AL", "NE"), ("AL", "ER")])
async def test_other_acknowledgements_are_not_in_use(
    enhanced: Pegasos, line: Client, accept: str, application: str
) -> None:
    answer = await line.ask(asking(book(enhanced.system, enhanced.free(), AINO), accept, application))
    assert answer.error == ("CR" if accept == "AL" else "AR", "207", "X02")
    assert enhanced.live(AINO) == []


async def test_an_installation_without_the_option_refuses_it(pegasos: Pegasos, client: Client) -> None:
    answer = await client.ask(asking(book(pegasos.system, pegasos.free(), AINO), "AL"))
    assert answer.error == ("AR", "207", "X02")
    assert pegasos.live(AINO) == []


async def test_the_answer_may_be_lost_after_the_acceptance(enhanced: Pegasos, line: Client) -> None:
    enhanced.faults.arm("drop-answer", operation="book")
    taken = await line.ask(asking(book(enhanced.system, enhanced.free(), AINO), "AL"))
    assert taken.code == "CA"
    assert await line.ended() == b""
    assert len(enhanced.live(AINO)) == 1


@pytest.mark.parametrize("kind", ["slow", "work-late"])
async def test_the_acceptance_comes_before_the_answer(enhanced: Pegasos, line: Client, kind: str) -> None:
    enhanced.faults.arm(kind, operation="book", params={"seconds": 0.5})
    assert (await line.ask(asking(book(enhanced.system, enhanced.free(), AINO), "AL"))).code == "CA"
    assert len(enhanced.live(AINO)) == (1 if kind == "slow" else 0)
    assert (await receive(line)).code == "AA"
    assert len(enhanced.live(AINO)) == 1


@pytest.mark.parametrize("code", ["CR 207", "CE 207"])
async def test_a_named_error_may_be_one_of_acceptance(enhanced: Pegasos, line: Client, code: str) -> None:
    enhanced.faults.arm("error", operation="book", params={"code": code})
    answer = await line.ask(asking(book(enhanced.system, enhanced.free(), AINO), "AL"))
    assert answer.error[:2] == tuple(code.split())
    assert enhanced.live(AINO) == []


async def test_a_request_that_is_not_taken_is_not_accepted(enhanced: Pegasos, line: Client) -> None:
    enhanced.faults.arm("drop-request", operation="book")
    text = asking(book(enhanced.system, enhanced.free(), AINO), "AL")
    await line.send(b"\x0b" + text.encode("iso-8859-1") + b"\x1c\r")
    assert await line.ended() == b""
    assert enhanced.live(AINO) == []


async def test_too_much_is_not_accepted(enhanced: Pegasos, line: Client) -> None:
    head = asking(book(enhanced.system, enhanced.free(), AINO), "AL").encode("iso-8859-1")
    await line.send(b"\x0b" + head + b"NTE|1|P|" + b"x" * 1_100_000)
    answer = await receive(line)
    assert answer.error == ("CR", "207", "X03")
