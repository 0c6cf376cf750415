"""Faults are matched, used up and ended as armed; test persons' behaviours never end."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.faults import KINDS, FaultBook, FaultError
from sandbox.population.test_persons import standing_faults

AINO, EERO, KERTTU, MIKAEL = "010594Y9021", "020594X903P", "131052-902Y", "240380-903N"


class Seconds:
    """A monotonic clock under the test's hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def kinds(book: FaultBook, operation: str, person: str | None, times: int) -> list[str | None]:
    taken = [book.take(operation, person) for _ in range(times)]
    return [None if fault is None else fault.kind for fault in taken]


def test_without_count_and_expiry_a_fault_is_for_one_request() -> None:
    book = FaultBook()
    book.arm("slow")
    assert kinds(book, "book", AINO, 2) == ["slow", None]
    assert book.armed() == []


def test_a_count_is_counted_by_matching_requests_only() -> None:
    book = FaultBook()
    book.arm("drop-answer", operation="book", person=AINO, count=2)
    assert kinds(book, "cancel", AINO, 1) == [None]
    assert kinds(book, "book", EERO, 1) == [None]
    assert kinds(book, "book", None, 1) == [None]
    assert kinds(book, "book", AINO, 3) == ["drop-answer", "drop-answer", None]


def test_an_expiry_ends_by_real_time() -> None:
    now = Seconds()
    book = FaultBook(now=now)
    fault = book.arm("error", seconds=5)
    assert kinds(book, "find", None, 3) == ["error"] * 3
    now.now += 4.9
    assert book.ends_in(fault) == pytest.approx(0.1)
    assert kinds(book, "find", None, 1) == ["error"]
    now.now += 0.2
    assert kinds(book, "find", None, 1) == [None]
    assert book.armed() == []


def test_count_and_expiry_end_by_whichever_comes_first() -> None:
    now = Seconds()
    book = FaultBook(now=now)
    book.arm("error", count=1, seconds=5)
    assert kinds(book, "find", None, 2) == ["error", None]
    book.arm("error", count=5, seconds=5)
    now.now += 6
    assert kinds(book, "find", None, 1) == [None]


def test_the_oldest_match_goes_first() -> None:
    book = FaultBook()
    book.arm("slow", operation="book")
    book.arm("garbage")
    assert kinds(book, "find", None, 1) == ["garbage"]
    book.arm("garbage")
    assert kinds(book, "book", None, 3) == ["slow", "garbage", None]


def test_clearing_ends_one_or_all_but_no_behaviour() -> None:
    book = FaultBook(standing_faults())
    first, _ = book.arm("slow", count=9), book.arm("garbage", count=9)
    assert book.clear(first.id) == 1
    assert book.clear(first.id) == 0
    assert kinds(book, "find", None, 1) == ["garbage"]
    assert book.clear() == 1
    assert kinds(book, "find", None, 1) == [None]
    assert kinds(book, "book", EERO, 1) == ["slow"]


@pytest.mark.parametrize(
    ("person", "behaviour"),
    [
        (EERO, {"book": "slow", "cancel": "slow", "list": "slow", "read": "slow"}),
        (KERTTU, {"book": "desk-takes-the-time"}),
        (MIKAEL, {"book": "drop-answer", "cancel": "drop-answer"}),
        (AINO, {}),
    ],
)
def test_the_behaviours_of_the_test_persons(person: str, behaviour: dict[str, str]) -> None:
    book = FaultBook(standing_faults())
    for operation in ("book", "cancel", "find", "list", "read", "register", "person"):
        assert kinds(book, operation, person, 3) == [behaviour.get(operation)] * 3
    slow = book.take("book", EERO)
    assert slow is not None
    assert slow.number("seconds") == 8


def test_an_armed_fault_goes_before_a_behaviour() -> None:
    book = FaultBook(standing_faults())
    book.arm("error", params={"code": "AR"})
    taken = book.take("book", MIKAEL)
    assert taken is not None
    assert (taken.kind, taken.text("code")) == ("error", "AR")
    assert kinds(book, "book", MIKAEL, 1) == ["drop-answer"]


def test_a_closed_listener_is_never_taken_by_a_request() -> None:
    now = Seconds()
    book = FaultBook(now=now)
    book.arm("refuse-connection", seconds=5)
    assert book.refusing
    assert kinds(book, "book", None, 1) == [None]
    assert book.refusing
    now.now += 5
    assert not book.refusing


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("slower", {}),
        ("slow", {"operation": "delete"}),
        ("slow", {"params": {"minutes": 3}}),
        ("slow", {"params": {"seconds": "three"}}),
        ("slow", {"params": {"seconds": -1}}),
        ("work-late", {"params": {"seconds": 21}}),
        ("pending-answer", {"params": {"decide": "perhaps"}}),
        ("refuse-connection", {"count": 3}),
        ("refuse-connection", {"person": AINO}),
    ],
)
def test_what_cannot_be_is_refused_and_not_armed(kind: str, wrong: dict[str, Any]) -> None:
    book = FaultBook()
    with pytest.raises(FaultError):
        book.arm(kind, **wrong)
    assert book.armed() == []


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_can_be_armed_with_all_its_parameters_present(kind: str) -> None:
    fault = FaultBook().arm(kind)
    assert set(fault.params) == set(KINDS[kind].params)
