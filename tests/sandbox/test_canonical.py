"""The canonical journal says the same of two runs of one test, and not of two tests that did different things."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from datetime import datetime

import pytest

from sandbox.canonical import canonical, headers, volatile
from sandbox.installations import SYSTEMS
from sandbox.journal import Journal

NOW = datetime.fromisoformat("2027-03-22T08:00:00+02:00")
VOLATILE = (headers("date"), volatile("placer", "(?P<v>[0-9a-f]{8})", numbered=True), volatile("id", "#(?P<v>.+)"))


def journal(*exchanges: tuple[str, str, str], answers_first: bool = False) -> Journal:
    """Of (operation, received, sent)."""
    made = Journal(lambda: NOW)
    numbers = [made.record("received", asked.encode(), operation=operation) for operation, asked, _ in exchanges]
    answers = list(zip(numbers, exchanges, strict=True))
    for number, (operation, _, answer) in reversed(answers) if answers_first else answers:
        made.record("sent", answer.encode(), operation=operation, answer_to=number)
    return made


def written(made: Journal) -> str:
    return canonical("here", "127.0.0.1:2000", VOLATILE, made.entries())


def test_what_is_new_in_every_run_is_labelled_or_left_out() -> None:
    one = journal(("book", "POST http://127.0.0.1:2000/\nDate: x\naaaaaaaa #1", "aaaaaaaa bbbbbbbb"))
    assert written(one) == (
        "== here\n\n-- book  2027-03-22T08:00:00+02:00\n"
        "-> POST http://<here>/\n   <placer-1> #<id>\n<- <placer-1> <placer-2>\n\n"
    )


def test_the_same_bytes_however_questions_and_answers_were_spread_in_time() -> None:
    questions = [("find", "b", "B"), ("find", "a", "A"), ("list", "c", "C"), ("find", "b", "B")]
    said = {
        written(journal(("book", "x", "X"), *some, ("cancel", "y", "Y"), answers_first=late))
        for some in itertools.permutations(questions)
        for late in (False, True)
    }
    assert len(said) == 1
    [text] = said
    assert [line[3:] for line in text.split("\n") if line.startswith("->")] == ["x", "a", "b", "c", "y"]


def test_commands_stand_in_their_order_and_all_of_them() -> None:
    there, back = ("book", "x", "X"), ("cancel", "y", "Y")
    assert written(journal(there, back)) != written(journal(back, there))
    assert written(journal(there, there)) != written(journal(there))
    assert written(journal(("find", "a", "A"), there)) != written(journal(there, ("find", "a", "A")))


def test_a_question_is_told_from_another_by_what_it_names() -> None:
    booked = ("book", "aaaaaaaa", "bbbbbbbb")
    assert written(journal(booked, ("list", "aaaaaaaa", ""))) != written(journal(booked, ("list", "bbbbbbbb", "")))


def test_how_a_client_begins_is_left_out() -> None:
    assert written(journal(("token", "a", "A"), ("directory", "b", "B"))) == ""


def test_what_is_no_text_can_be_seen_and_what_is_long_is_a_digest() -> None:
    assert "-> \\x02\\x7f" in written(journal(("book", "\x02\x7f", "")))
    long = "0123456789\n" * 4_000
    first, second, other = (written(journal(("find", "a", text))) for text in (long, long[:-500], "x" + long))
    assert first == second
    assert first != other
    assert len(first) < 1_000


def test_a_fault_and_what_bytes_cannot_say_are_part_of_it() -> None:
    made = Journal(lambda: NOW)
    number = made.record("received", b"x", operation="book", fault="drop-answer")
    made.record("sent", b"", operation="book", note="work done", answer_to=number)
    assert written(made).split("\n")[2:5] == [
        "-- book  2027-03-22T08:00:00+02:00  fault drop-answer",
        "-> x",
        "<- (work done)",
    ]


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_system_says_what_is_volatile_on_its_wire(system: str) -> None:
    found: Iterable[str] = [one.name for one in SYSTEMS[system].volatile()]
    assert "placer" in found
