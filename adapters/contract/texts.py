"""Texts of residents: each arrives as it was written, or is refused before anything is sent."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from adapters.base import Capability, Done
from adapters.contract import checks
from adapters.contract.exam import Exam, needs, record_of, unexpected
from adapters.errors import NotSupported, Refused
from canonical.commands import Command
from canonical.notes import NoteKind

CARRIED: Final[dict[str, str]] = {
    "finnish": "Särkyä ja öisin yskää, Åsa",
    "delimiters": "a|b^c&d~e",
    "backslash": "C:\\polku\\x",
    "an escape of HL7": "\\F\\ \\X0D\\ \\.br\\ \\E\\",
    "a segment of HL7": "MSH|^~\\&|X|Y",
    "quotes": '"kyllä" \'ei\' \\" \\u0041',
    "markup": "<script>alert(1)</script> <b/>",
    "cdata": "loppu ]]> tästä",
    "entities": "&x; &amp; &#13; &lt;",
    "json": '{"status":"cancelled"}',
    "template": "${x} {{x}} %s %n %0d%0a",
    "spaces inside": "a  b",
    "null": "null",
}
"""Ordinary letters and every delimiter of a wire: an installation that claims to carry comments carries these."""

CARRIED_OR_REFUSED: Final[dict[str, str]] = {
    "hl7 null": '""',
    "line feed": "eka\ntoka",
    "carriage return": "eka\rtoka",
    "both": "eka\r\ntoka",
    "injected segment": "hei\rAIS|1|A|MUU",
    "tab": "a\tb",
    "spaces around": " a ",
    "emoji": "kipeä 🤒",
    "two scripts": "żółć Ω я",
    "euro and dash": "5 € – no “joo”",
    "combining": "a\u0308",
    "right to left": "\u202eabc",
    "C1 control": "a\u0085b",
    "line separator": "a\u2028b",
    "vertical tab, file separator": "a\x0b\x1cb",
    "byte order mark": "\ufeffa",
}
"""What a character set or a rule of the installation may not permit: then it is refused, never bent."""


class TextContract:
    """`Book.comment`, `Book.reason` and `Cancel.reason`."""

    @pytest.mark.parametrize("text", CARRIED.values(), ids=CARRIED.keys())
    async def test_text_arrives_as_it_was_written(self, exam: Exam, text: str) -> None:
        needs(exam.subject, Capability.BOOK, Capability.COMMENT)
        assert await self._carried(exam, text), "refused, but it has to be carried"

    @pytest.mark.parametrize("text", CARRIED_OR_REFUSED.values(), ids=CARRIED_OR_REFUSED.keys())
    async def test_text_arrives_as_it_was_written_or_is_refused_unsent(self, exam: Exam, text: str) -> None:
        needs(exam.subject, Capability.BOOK, Capability.COMMENT)
        await self._carried(exam, text)

    async def test_longest_text_arrives(self, exam: Exam) -> None:
        needs(exam.subject, Capability.BOOK, Capability.COMMENT)
        limit = exam.adapter.profile.text_limit
        assert await self._carried(exam, ("ä|" * limit)[:limit])

    async def test_text_over_the_limit_is_refused_unsent(self, exam: Exam) -> None:
        needs(exam.subject, Capability.BOOK, Capability.COMMENT)
        assert not await self._carried(exam, "a" * (exam.adapter.profile.text_limit + 1))

    async def test_no_text_is_no_element(self, exam: Exam) -> None:
        needs(exam.subject, Capability.BOOK)
        _, record = await exam.booked(exam.subject.known[0])
        assert "comment" not in record.resource

    async def test_reason_of_a_booking_arrives_or_is_said_lost(self, exam: Exam) -> None:
        needs(exam.subject, Capability.BOOK)
        command = replace(await exam.book(exam.subject.known[0]), reason="Olkapää |^~\\& <1>")
        await self._said(exam, command, command.reason)

    async def test_reason_of_a_cancel_arrives_or_is_said_lost(self, exam: Exam) -> None:
        needs(exam.subject, Capability.BOOK, Capability.CANCEL)
        command = replace(exam.cancel(*await exam.booked(exam.subject.known[0])), reason="Hyvä jo |^~\\& <1>")
        await self._said(exam, command, command.reason)

    async def test_reason_of_a_move_arrives_or_is_said_lost(self, exam: Exam) -> None:
        needs(exam.subject, Capability.BOOK, Capability.MOVE)
        command = replace(await exam.move(*await exam.booked(exam.subject.known[0])), reason="Työ |^~\\& <1>")
        await self._said(exam, command, command.reason)

    async def test_comment_of_an_own_proposal_arrives_or_is_said_lost(self, exam: Exam) -> None:
        needs(exam.subject, Capability.ANSWER_PROPOSALS)
        command = replace(
            await exam.propose(*await exam.proposal(exam.subject.known[0])), comment="Iltapäivä |^~\\& <1>"
        )
        await self._said(exam, command, command.comment)

    async def _carried(self, exam: Exam, text: str) -> bool:
        """Whether the comment arrived, byte for byte; if not, it was refused before anything was sent."""
        command = await exam.book(exam.subject.known[0], comment=text)
        before = len(exam.ledger.exchanges)
        outcome = await exam.attempt(command)
        if isinstance(outcome, Refused | NotSupported):
            assert outcome.detail, "refused without saying why"
            checks.no_personal_data(outcome, [text])
            assert len(exam.ledger.exchanges) == before, "refused, but after something had been sent"
            assert await exam.effects(command) == 0
            return False
        record = record_of(outcome)
        checks.well_formed(record)
        assert record.resource.get("comment") == text, "the answer holds another text"
        seen = await exam.adapter.appointment(exam.call(), record.local_id)
        assert seen is not None
        assert seen.resource.get("comment") == text, "the record system holds another text"
        return True

    async def _said(self, exam: Exam, command: Command, text: str) -> None:
        """Assert that a text was carried, or that its loss was said: by a note, or by a refusal before sending."""
        before = len(exam.ledger.exchanges)
        outcome = await exam.attempt(command)
        if isinstance(outcome, Refused | NotSupported):
            assert len(exam.ledger.exchanges) == before, "refused, but after something had been sent"
            return
        if not isinstance(outcome, Done):
            unexpected(outcome)
        record = record_of(outcome)
        notes = (*outcome.notes, *record.notes)
        arrived = text in checks.texts(record.resource)
        assert arrived or any(note.kind is NoteKind.DROPPED for note in notes), "a reason dropped in silence"
