"""Reading a request as far as all are alike: bytes, MSH, structure, required fields (manual sections 2 and 3)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sandbox.pegasos.dictionary import check_required, check_structure
from sandbox.pegasos.er7 import Delimiters, Segment, check_bytes, decode, read_delimiters, read_segments
from sandbox.pegasos.refusals import Place, Refusal, bad_structure

_CONTROL_ID_LENGTH: Final = 20


@dataclass(frozen=True, slots=True)
class Kind:
    """A request that is served: its structure, and what MSH-9 says of the answer with data and of the one without."""

    structure: str
    answer: str
    refusal: str


KINDS: Final[Mapping[tuple[str, str], Kind]] = {
    ("SRM", "S01"): Kind("SRM_S01", "SRR^S01^SRR_S01", "SRR^S01^SRR_S01"),
    ("SRM", "S02"): Kind("SRM_S01", "SRR^S02^SRR_S01", "SRR^S02^SRR_S01"),
    ("SRM", "S04"): Kind("SRM_S01", "SRR^S04^SRR_S01", "SRR^S04^SRR_S01"),
    ("SQM", "S25"): Kind("SQM_S25", "SQR^S25^SQR_S25", "SQR^S25^SQR_S25"),
    ("QRY", "A19"): Kind("QRY_A19", "ADR^A19^ADR_A19", "ACK^A19^ACK"),
    ("ADT", "A28"): Kind("ADT_A05", "ACK^A28^ACK", "ACK^A28^ACK"),
    ("MFQ", "M01"): Kind("MFQ_M01", "MFR^M01^MFR_M01", "ACK^M01^ACK"),
}


@dataclass(slots=True)
class Header:
    """What an answer needs to know of its request, as far as it could be read.

    `accept` is what an installation in enhanced mode was asked for: `AL` an accept acknowledgement whatever comes, `ER`
    one if the message cannot be accepted; empty for none.
    """

    control_id: str = ""
    sender: tuple[str, str] = ("", "")
    character_set: str = ""
    type: str = ""
    event: str = ""
    query_tag: str = ""
    accept: str = ""

    @property
    def kind(self) -> Kind | None:
        """The kind of the request, or None if it is not one that is served."""
        return KINDS.get((self.type, self.event))


@dataclass(frozen=True, slots=True)
class Request:
    """A request that is well formed; its values have not been looked at."""

    header: Header
    segments: tuple[Segment, ...] = field(repr=False)

    def first(self, name: str) -> Segment | None:
        """Return the first segment of a name, or None."""
        return next((one for one in self.segments if one.name == name), None)

    def the(self, name: str) -> Segment:
        """Return the first segment of a name. Raises Refusal if there is none."""
        found = self.first(name)
        if found is None:
            raise bad_structure(f"{name} is missing")
        return found

    def all(self, name: str) -> list[Segment]:
        """Return every segment of a name."""
        return [one for one in self.segments if one.name == name]

    def at_most_one(self, *names: str) -> None:
        """Raise Refusal if there are more segments of one of these names."""
        for name in names:
            found = self.all(name)
            if len(found) > 1:
                raise bad_structure(f"only one {name} is taken", found[1].place())


@dataclass(frozen=True, slots=True)
class Names:
    """Who may speak: what MSH-3 to MSH-6 of a request must say; and whether it may ask for enhanced mode."""

    sending_application: str
    sending_facility: str
    receiving_application: str
    receiving_facility: str
    enhanced: bool = False


def is_readable(raw: bytes) -> bool:
    """Whether a block can be answered: it begins with an MSH segment."""
    return raw[:3] == b"MSH" and raw[3:4] not in (b"", b"\r")


def read_request(raw: bytes, names: Names, header: Header) -> Request:
    """Return the request in a block that `is_readable`; `header` is filled in on the way, also when it is refused.

    Raises Refusal with the first fault found, in the order of the manual's section 3.
    """
    first_line = raw.split(b"\r", 1)[0].decode("iso-8859-1")
    _guess_control_id(header, first_line)
    guess = read_delimiters(first_line)
    _fill_header(header, read_segments(first_line, guess)[0], names)
    check_bytes(raw)
    text, codec = decode(raw, header.character_set)
    delimiters = Delimiters(
        guess.field, guess.component, guess.repetition, guess.escape, guess.subcomponent, codec=codec
    )
    segments = tuple(read_segments(text, delimiters))
    _fill_header(header, segments[0], names)
    _check_header(segments[0], names, header)
    _check_segments(segments, header)
    return Request(header, segments)


def _guess_control_id(header: Header, first_line: str) -> None:
    """Take MSH-10 from a header that may not be well formed, so that the sender can tell which message was refused."""
    fields = first_line.split(first_line[3], 10)
    if len(fields) > 9 and re.fullmatch(r"[A-Za-z0-9._-]{1,20}", fields[9]):
        header.control_id = fields[9]


def _fill_header(header: Header, msh: Segment, names: Names) -> None:
    header.control_id = msh.text(10)[:_CONTROL_ID_LENGTH]
    header.sender = (msh.text(3)[:50], msh.text(4)[:50])
    header.character_set = msh.text(18)
    header.type, header.event = msh.text(9, 1), msh.text(9, 2)
    header.accept = msh.text(15) if names.enhanced and msh.text(15) in ("AL", "ER") else ""


def _check_header(msh: Segment, names: Names, header: Header) -> None:
    expected = (
        names.sending_application,
        names.sending_facility,
        names.receiving_application,
        names.receiving_facility,
    )
    for number, name in zip((3, 4, 5, 6), expected, strict=True):
        if msh.text(number) != name:
            raise Refusal("X02", msh.place(number), f"MSH-{number} is not the name agreed")
    accepts = ("", "NE", "AL", "ER") if names.enhanced else ("", "NE")
    for number, allowed in ((15, accepts), (16, ("", "AL"))):
        if msh.text(number) not in allowed:
            raise Refusal("X02", msh.place(number), "this acknowledgement is not in use")
    if len(msh.text(10)) > _CONTROL_ID_LENGTH:
        raise Refusal("M03", msh.place(10), "MSH-10 is longer than 20 characters")
    if msh.text(11) != "P":
        raise Refusal("M07", msh.place(11))
    if msh.text(12) != "2.4":
        raise Refusal("M08", msh.place(12))
    if header.kind is None:
        known_type = any(message_type == header.type for message_type, _ in KINDS)
        raise Refusal("M06" if known_type else "M05", msh.place(9))


def _check_segments(segments: tuple[Segment, ...], header: Header) -> None:
    kind = header.kind
    if kind is None:
        return
    _fill_query_tag(header, segments)
    check_structure(kind.structure, segments)
    stated = segments[0].text(9, 3)
    if stated not in ("", kind.structure, f"{header.type}_{header.event}"):
        raise Refusal("M01", Place("MSH", 1, 9), "MSH-9.3 is another structure")
    check_required(segments)


def _fill_query_tag(header: Header, segments: tuple[Segment, ...]) -> None:
    tag = next((one.text(4) for one in segments if one.name == "QRD"), "")
    header.query_tag = tag if re.fullmatch(r"[ -~]{0,32}", tag) else ""
