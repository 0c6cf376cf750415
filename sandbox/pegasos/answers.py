"""Building answers: MSH, MSA, ERR, QAK around the data segments of a request's kind (manual section 3)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from sandbox.pegasos.er7 import Segment, components, encode, escape, fitting_set, segment
from sandbox.pegasos.localtime import stamp
from sandbox.pegasos.messages import Header, Names
from sandbox.pegasos.refusals import TABLE_0357, Error, Place, Refusal

DONE_TEXT = "Käsitelty"
COMMIT_TEXT = "Vastaanotettu"


class AnswerWriter:
    """Writes the answers of one installation. Control ids are business time and a running number."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._number = 0

    def accept(self, header: Header, data: Sequence[str], at: datetime) -> bytes:
        """Return the `AA` answer with these data segments; `at` is the business time of the answer."""
        kind = header.kind
        message_type = "ACK" if kind is None else kind.answer
        msa = segment("MSA", [(1, "AA"), (2, escape(header.control_id)), (3, DONE_TEXT)])
        return self._encode(header, message_type, [msa, *data], at)

    def refuse(self, header: Header, refusal: Refusal, at: datetime) -> bytes:
        """Return the `AE` or `AR` answer for a refusal."""
        return self.error(header, refusal.error, refusal.place, refusal.text, at)

    def error(self, header: Header, error: Error, place: Place, text: str, at: datetime) -> bytes:
        """Return the answer for an error, whatever combination of codes it holds."""
        msa = segment("MSA", [(1, error.ack), (2, escape(header.control_id)), (3, escape(text))])
        segments = [msa, segment("ERR", [(1, _error_field(error, place))])]
        kind = header.kind
        if kind is not None and kind.structure == "SQM_S25":
            segments.append(segment("QAK", [(1, escape(header.query_tag)), (2, "AR" if error.ack == "AR" else "AE")]))
        message_type = _plain_ack(header.event) if kind is None else kind.refusal
        return self._encode(header, message_type, segments, at)

    def commit(self, header: Header, at: datetime) -> bytes:
        """Return the accept acknowledgement `CA`: the message will be carried out, and its answer follows."""
        msa = segment("MSA", [(1, "CA"), (2, escape(header.control_id)), (3, COMMIT_TEXT)])
        return self._encode(header, _plain_ack(header.event), [msa], at)

    def reject(self, header: Header, error: Error, place: Place, text: str, at: datetime) -> bytes:
        """Return the accept acknowledgement `CR` (or `CE`) for an error: no answer follows."""
        ack = error.ack if error.ack in ("CE", "CR") else "CR"
        msa = segment("MSA", [(1, ack), (2, escape(header.control_id)), (3, escape(text))])
        return self._encode(
            header, _plain_ack(header.event), [msa, segment("ERR", [(1, _error_field(error, place))])], at
        )

    def _encode(self, header: Header, message_type: str, segments: list[str], at: datetime) -> bytes:
        self._number = (self._number + 1) % 1_000_000
        texts = [*segments, *header.sender]
        named_set = fitting_set(texts, header.character_set)
        msh = [
            (1, "^~\\&"),
            (2, escape(self._names.receiving_application)),
            (3, escape(self._names.receiving_facility)),
            (4, escape(header.sender[0])),
            (5, escape(header.sender[1])),
            (6, stamp(at)),
            (8, message_type),
            (9, f"{stamp(at)}{self._number:06d}"),
            (10, "P"),
            (11, "2.4"),
            *([(14, "NE"), (15, "NE")] if header.accept else []),
            (17, named_set),
        ]
        # MSH-1 is the delimiter after the name, so the other fields stand one place earlier than their numbers.
        return encode([segment("MSH", msh), *segments], named_set)


def found(query_tag: str, *, hits: int, given: int, remaining: int) -> str:
    """Return the QAK segment of a query that was carried out."""
    status = "OK" if hits else "NF"
    return segment("QAK", [(1, escape(query_tag)), (2, status), (4, str(hits)), (5, str(given)), (6, str(remaining))])


def repeated(one: Segment) -> str:
    """Return a segment of the request as it came, with the standard delimiters."""
    return segment(one.name, [(number, one.standard_field(number)) for number in range(1, len(one.fields))])


def _error_field(error: Error, place: Place) -> str:
    code = "&".join(
        escape(part) for part in (error.hl7, TABLE_0357[error.hl7], "HL70357", error.own, error.name, "99PEGVIR")
    )
    where = components(
        place.segment,
        str(place.sequence) if place.segment and place.sequence else "",
        str(place.field) if place.field else "",
    )
    return f"{where}{'^' * (3 - where.count('^'))}{code}"


def _plain_ack(event: str) -> str:
    return f"ACK^{event}^ACK" if re.fullmatch(r"[A-Z0-9]{3}", event) else "ACK"
