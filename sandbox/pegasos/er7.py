"""The vertical-bar encoding (ER7) of HL7 v2: reading with any legal delimiters, writing with `|^~\\&`.

Pure. Nothing is cut or dropped: a sequence that is not understood is kept as the characters it is written with.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sandbox.pegasos.refusals import Place, Refusal, bad_structure

NULL: Final = '""'
MOST_SEGMENTS: Final = 5_000
"""The most segments a message may have: more would cost time that other clients wait for."""

_SEGMENT_NAME = re.compile(r"[A-Z][A-Z0-9]{2}")
_CONTROL = re.compile(rb"[\x00-\x0c\x0e-\x1f]")
_SPECIAL = re.compile(r"[|^~\\&\x00-\x1f]")
_CHARACTER_SETS: Final = {"": "iso-8859-1", "8859/1": "iso-8859-1", "ASCII": "ascii", "UNICODE UTF-8": "utf-8"}


@dataclass(frozen=True, slots=True)
class Delimiters:
    """The five delimiters of a message (MSH-1, MSH-2) and the character set its `\\X..\\` escapes are in."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"
    codec: str = "iso-8859-1"

    def unescape(self, text: str) -> str:
        """Return the plain text of a value. Raises Refusal for an `\\X..\\` that is not of the character set."""
        if self.escape not in text:
            return text
        pattern = f"{re.escape(self.escape)}([^{re.escape(self.escape)}]*){re.escape(self.escape)}"
        return re.sub(pattern, self._replace, text)

    def _replace(self, found: re.Match[str]) -> str:
        name = found[1]
        plain = {
            "F": self.field,
            "S": self.component,
            "T": self.subcomponent,
            "R": self.repetition,
            "E": self.escape,
            ".br": "\n",
        }.get(name)
        if plain is not None:
            return plain
        if re.fullmatch(r"X(?:[0-9A-Fa-f]{2})+", name):
            try:
                return bytes.fromhex(name[1:]).decode(self.codec)
            except UnicodeDecodeError as err:
                raise Refusal("M03", detail="hexadecimal escape not of the character set") from err
        return found[0]


STANDARD: Final = Delimiters()


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment as it came: `fields[n]` is field n, encoded, `fields[0]` the name; `sequence` counts from 1."""

    fields: tuple[str, ...]
    sequence: int
    delimiters: Delimiters

    @property
    def name(self) -> str:
        return self.fields[0]

    def place(self, field: int = 0) -> Place:
        """Return where this segment, or one of its fields, is."""
        return Place(self.name, self.sequence, field)

    def raw(self, field: int) -> str:
        """Return a field as it is written, "" if absent or null."""
        text = self.fields[field] if field < len(self.fields) else ""
        return "" if text == NULL else text

    def has(self, field: int) -> bool:
        """Whether the field holds any value: one made of delimiters and nulls only does not."""
        d = self.delimiters
        return bool(self.raw(field).replace(NULL, "").strip(d.component + d.repetition + d.subcomponent))

    def repetitions(self, field: int) -> list[tuple[tuple[str, ...], ...]]:
        """Return a field as repetitions of components of subcomponents, in plain text."""
        d = self.delimiters
        return [
            tuple(
                tuple("" if part == NULL else d.unescape(part) for part in component.split(d.subcomponent))
                for component in repetition.split(d.component)
            )
            for repetition in self.raw(field).split(d.repetition)
        ]

    def text(self, field: int, component: int = 1, subcomponent: int = 1) -> str:
        """Return one value of the field's first repetition in plain text, "" if it is not there."""
        d = self.delimiters
        value = self.raw(field).split(d.repetition, 1)[0]
        for delimiter, number in ((d.component, component), (d.subcomponent, subcomponent)):
            parts = value.split(delimiter, number)
            value = parts[number - 1] if number <= len(parts) else ""
        return "" if value == NULL else d.unescape(value)

    def whole_texts(self, field: int) -> list[str]:
        """Return each repetition of a free text, undivided: a `^` that the sender forgot to escape stays in it."""
        return [self.delimiters.unescape(part) for part in self.raw(field).split(self.delimiters.repetition)]

    def standard_field(self, field: int) -> str:
        """Return a field written again with the standard delimiters; every value and empty place is kept."""
        return "~".join(
            "^".join("&".join(escape(part) for part in component) for component in repetition)
            for repetition in self.repetitions(field)
        )


def escape(text: str) -> str:
    """Return a plain text as a value, for the standard delimiters; a line break becomes `\\.br\\`."""
    return _SPECIAL.sub(lambda found: _ESCAPES[found[0]], text) if _SPECIAL.search(text) else text


_ESCAPES: Final = {chr(code): f"\\X{code:02X}\\" for code in range(0x20)} | {
    "|": "\\F\\",
    "^": "\\S\\",
    "~": "\\R\\",
    "\\": "\\E\\",
    "&": "\\T\\",
    "\n": "\\.br\\",
}


def components(*values: str) -> str:
    """Return plain texts as the components of a field; empty ones at the end are left out."""
    return "^".join(escape(value) for value in values).rstrip("^")


def segment(name: str, values: Iterable[tuple[int, str]]) -> str:
    """Return a segment from (field number, encoded field) pairs; the rest is empty."""
    fields = [name]
    for number, value in sorted(values):
        fields += [""] * (number - len(fields))
        fields.append(value)
    return "|".join(fields).rstrip("|")


def decode(raw: bytes, named_set: str) -> tuple[str, str]:
    """Return (text, Python codec) of a message by the character set that its MSH-18 names. Raises Refusal."""
    codec = _CHARACTER_SETS.get(named_set)
    if codec is None:
        raise Refusal("M03", Place("MSH", 1, 18), "MSH-18 character set not supported")
    try:
        return raw.decode(codec), codec
    except UnicodeDecodeError as err:
        raise Refusal("M03", NOT_OF_SET, "bytes are not of the character set") from err


NOT_OF_SET: Final = Place("MSH", 1, 18)


def check_bytes(raw: bytes) -> None:
    """Raise Refusal if a message holds a control character other than the segment end."""
    found = _CONTROL.search(raw)
    if found is not None:
        raise bad_structure(f"control character 0x{found[0][0]:02X}; segments end in CR alone")


def read_delimiters(start: str) -> Delimiters:
    """Return the delimiters that a message beginning with MSH declares. Raises Refusal if they are not legal."""
    mark = start[3:4]
    declared = start[3:8]
    legal = len(set(declared)) == 5 and all(_legal_delimiter(one) for one in declared)
    if not legal or start[8:9] not in (mark, ""):
        raise bad_structure("delimiters in MSH-1 and MSH-2", Place("MSH", 1, 2))
    return Delimiters(*declared)


def _legal_delimiter(one: str) -> bool:
    return " " < one < "\x7f" and not one.isalnum() and one != '"'


def read_segments(text: str, delimiters: Delimiters) -> list[Segment]:
    """Return the segments of a message. Raises Refusal for a line that is not a segment."""
    if text.count("\r") > MOST_SEGMENTS:
        raise bad_structure(f"more than {MOST_SEGMENTS} segments")
    counts: dict[str, int] = {}
    found: list[Segment] = []
    for line in text.rstrip("\r").split("\r"):
        fields = line.split(delimiters.field)
        if not _SEGMENT_NAME.fullmatch(fields[0]):
            raise bad_structure(f"segment {len(found) + 1} has no name")
        counts[fields[0]] = counts.get(fields[0], 0) + 1
        if fields[0] == "MSH":
            fields.insert(1, delimiters.field)
        found.append(Segment(tuple(fields), counts[fields[0]], delimiters))
    return found


def encode(segments: Sequence[str], named_set: str) -> bytes:
    """Return a message of encoded segments as bytes, in the character set named (MSH-18).

    What the set cannot express is the caller's to avoid: see `fitting_set`.
    """
    return ("\r".join(segments) + "\r").encode(_CHARACTER_SETS[named_set])


def fitting_set(segments: Sequence[str], wanted: str) -> str:
    """Return `wanted` if it is supported and can express the segments, else the narrowest set that can."""
    text = "".join(segments)
    for named_set in (wanted, "8859/1"):
        try:
            text.encode(_CHARACTER_SETS.get(named_set, "ascii"))
        except UnicodeEncodeError:
            continue
        if named_set in _CHARACTER_SETS:
            return named_set
    return "UNICODE UTF-8"
