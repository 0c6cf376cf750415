"""What an installation received and sent in a test, and what comes closest to what a test expected there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

from silta.testing.control import Control
from silta.testing.reading import Fields, read

BEFORE_THE_TEST: Final = frozenset({"token", "directory"})
"""Operations by which a hub begins: they are no messages of a test's."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message. ``number`` is the journal's, ``at`` the business time, ``kind`` what it is on this wire
    (``SRM^S01``, ``POST Appointment``), ``operation`` what it is on all (``book``). ``code`` is what an answer says
    (MSA-1, the HTTP status), ``answer`` the answer to a received one, where one was sent."""

    number: int
    direction: Literal["received", "sent"]
    at: datetime
    kind: str
    operation: str
    code: str
    text: str
    fields: Fields
    fault: str | None
    note: str
    answer: Message | None = None


Difference = tuple[str, str, str]
"""Where, what was expected, what there is."""


class Journal:
    """The messages of one installation since the test began, oldest first."""

    def __init__(self, control: Control, name: str, system: str, keep: Callable[[], Path]) -> None:
        self._control = control
        self._name, self._system = name, system
        self._keep = keep

    @property
    def messages(self) -> list[Message]:
        """All, but for what a hub asks when it begins: its token and the directory."""
        told = self._control.get(f"/installations/{self._name}/journal")
        told = [one for one in told if one["operation"] not in BEFORE_THE_TEST]
        answers = {one["answer_to"]: self._message(one, None) for one in told if one["answer_to"] is not None}
        return [self._message(one, answers.get(one["number"])) for one in told]

    def verify(
        self,
        *,
        received: str | None = None,
        sent: str | None = None,
        acked: str | None = None,
        where: Mapping[str, str] | None = None,
        times: int | None = 1,
    ) -> list[Message]:
        """The messages of that kind (``SRM^S01``, ``POST Appointment``) or operation (``book``) that the installation
        ``received`` or ``sent``, that were answered with ``acked`` and whose fields are as in ``where``.

        Raises AssertionError where there are not so many (None: at least one); it names the closest message, what
        differs there, and how to see all of it.
        """
        __tracebackhide__ = True
        wanted = received or sent
        if wanted is None or (received and sent):
            raise TypeError("Say what was received, or what was sent: one of the two.")
        direction = "received" if received else "sent"
        several = [one for one in self.messages if one.direction == direction]
        judged = [(one, _differences(one, wanted, acked, where or {})) for one in several]
        found = [one for one, differences in judged if not differences]
        if len(found) == times or (times is None and found):
            return found
        expected = f"{'at least 1' if times is None else times} x {wanted} {direction} by {self._name}"
        raise AssertionError(f"Expected {expected}. Got {len(found)}. {self._near(found, judged)}")

    def _near(self, found: Sequence[Message], judged: Sequence[tuple[Message, list[Difference]]]) -> str:
        if found:
            listed = "\n".join(f"   {_title(one)}{self._see(one)}" for one in found)
            return f"They are:\n{listed}"
        if not judged:
            return "Nothing was. Was it another installation? See: silta sandbox journal"
        closest, differences = min(judged, key=lambda one: (len(one[1]), -one[0].number))
        widths = [max(len(row[column]) for row in differences) for column in (0, 1)]
        lines = [
            f"   {place:<{widths[0]}}   expected {expected:<{widths[1]}}   got {got}"
            for place, expected, got in differences
        ]
        return "\n".join([f"Closest of {len(judged)}: {_title(closest)}", *lines, f"  {self._see(closest)}"])

    def _see(self, one: Message) -> str:
        return f" (whole: silta sandbox journal {self._name} {one.number} --file {self._keep()})"

    def _message(self, told: Mapping[str, Any], answer: Message | None) -> Message:
        known = read(self._system, told["text"])
        return Message(
            number=told["number"],
            direction=told["direction"],
            at=datetime.fromisoformat(told["virtual"]),
            kind=known.kind,
            operation=told["operation"],
            code=known.code,
            text=told["text"],
            fields=known.fields,
            fault=told["fault"],
            note=told["note"],
            answer=answer,
        )


def _title(one: Message) -> str:
    return f"{one.kind or one.operation}, number {one.number}, at {one.at:%Y-%m-%d %H:%M:%S}"


def _differences(one: Message, kind: str, acked: str | None, where: Mapping[str, str]) -> list[Difference]:
    found: list[Difference] = [] if kind in (one.kind, one.operation) else _kinds(one, kind)
    if acked is not None:
        got = one.answer.code if one.answer is not None else "no answer"
        found += [] if got == acked else [("answer", acked, got or one.answer.note if one.answer else got)]
    named = ((place, wanted, one.fields.get(place, "nothing")) for place, wanted in where.items())
    return found + [difference for difference in named if difference[1] != difference[2]]


def _kinds(one: Message, wanted: str) -> list[Difference]:
    """HL7's kind is two components of a field, others' is one word."""
    if "^" not in wanted or "^" not in one.kind:
        return [("kind", wanted, one.kind or "nothing")]
    pairs = zip(("MSH-9.1", "MSH-9.2"), wanted.split("^"), one.kind.split("^"), strict=False)
    return [(place, expected, got) for place, expected, got in pairs if expected != got]
