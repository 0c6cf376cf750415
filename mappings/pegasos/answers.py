"""MSA and ERR: what an answer says before one looks at what it carries. Source: Pegasos's manual §3."""

from __future__ import annotations

from dataclasses import dataclass

from canonical.hl7 import BadMessage, Message
from mappings.pegasos import tables

DONE = "done"
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Answer:
    """MSA-1 and MSA-2, and of ERR-1: the code of table 0357, Pegasos's own code, and what is to blame (``AIS-4``)."""

    ack: str
    control_id: str
    code: str = ""
    own: str = ""
    where: str = ""

    @property
    def native(self) -> str:
        """The answer in its own words: ``AA``, ``AE 206 A01``."""
        return " ".join(part for part in (self.ack, self.code, self.own) if part)

    @property
    def verdict(self) -> str:
        """The word of ``error.csv``: `DONE`, one of its verdicts, or `UNKNOWN` for a code the manual does not have.

        A known code of table 0357 with an own code that is new decides by itself; a code that is missing or foreign, an
        acknowledgement code that is none of original mode (``CA``, ``CR`` …), say nothing of what was done.
        """
        return DONE if self.ack == "AA" else self._meaning(self.ack) or UNKNOWN

    @property
    def is_accepted(self) -> bool:
        """Whether it is only the accept acknowledgement of enhanced mode: the answer is still to come (manual §13)."""
        return self.ack == "CA"

    @property
    def rejection(self) -> str | None:
        """The verdict of an accept acknowledgement that says no: ``CR``, and ``CE``, which is to be taken for one. It
        comes for what gives ``AR`` in original mode; nothing was done. None for any other answer."""
        if self.ack not in ("CR", "CE"):
            return None
        verdict = self._meaning("AR") or self._meaning("AE")
        return "refused" if verdict in (None, UNKNOWN) else verdict

    def _meaning(self, ack: str) -> str | None:
        known = tables.table("error", keys=3)
        row = known.get((ack, self.code, self.own)) or known.get((ack, self.code, ""))
        return row["verdict"] if row else None


def answer(message: Message) -> Answer:
    """The answer's MSA and ERR; raises `BadMessage` for a message without MSA."""
    msa, err = message.first("MSA"), message.first("ERR")
    if msa is None:
        raise BadMessage("no MSA")
    ack, control_id = msa[1].text(), msa[2].text()
    if ack == "AA" or err is None:
        return Answer(ack, control_id)
    blame = err[1]
    where = "-".join(part for part in (blame.text(1), blame.text(3)) if part)
    return Answer(ack, control_id, blame.text(4, 1), blame.text(4, 4), where)


def expect(message: Message, kind: str) -> None:
    """Raise `BadMessage` unless MSH-9 begins with ``kind`` (``SRR^S01``)."""
    value = message.header[9]
    if f"{value.text(1)}^{value.text(2)}" != kind:
        raise BadMessage(f"MSH-9 is not {kind}")


def continuation(message: Message) -> str:
    """The pointer of DSC-1 if more remains, else ``""``."""
    dsc = message.first("DSC")
    return dsc[1].text() if dsc else ""
