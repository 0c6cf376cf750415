"""HL7 v2 encoding rules: the bytes of one message to segments, and segments to bytes. Small, strict and pure.

Source: HL7 v2.4 chapter 2 (§2.7 delimiters, §2.10 escapes, §2.14.9 MSH), strictly: segments end in CR and nothing else,
control characters only as escapes, MSH-18 names the character set.

A field, component or subcomponent is read by its number, counted from 1, and comes unescaped; what is absent, empty or
HL7 null (``""``) reads as ``""``. Splitting is lazy: a message costs one split into segments until somebody asks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, NamedTuple

from canonical import messages

MAX_BYTES: Final = 1 << 20
MAX_SEGMENTS: Final = 100_000
NULL: Final = '""'

CHARSETS: Final[Mapping[str, str]] = {"8859/1": "iso-8859-1", "UNICODE UTF-8": "utf-8", "ASCII": "ascii"}
"""MSH-18 (HL7 table 0211) to Python's codec, as far as Pegasos (the first to need them) writes them."""
TABLE_0211: Final[Mapping[str, str]] = {
    **{f"8859/{part}": f"iso-8859-{part}" for part in (2, 3, 4, 5, 6, 7, 8, 9, 15)},
    "UTF-8": "utf-8",
    **CHARSETS,
}
"""The same of other senders, as far as the table's sets have eight bits or are UTF-8, which many call by that name."""

_CONTROL = re.compile(r"[\x00-\x0c\x0e-\x1f\x7f]")
_SEGMENT_NAME = re.compile(r"[A-Z][A-Z0-9]{2}")
_HEX = re.compile(r"X((?:[0-9A-Fa-f]{2})+)")


class BadMessage(messages.BadMessage):
    """The bytes are no acceptable HL7 message. The text says where and why, never what they hold."""


class NotCarried(ValueError):
    """A text holds characters that the message's character set does not have. ``where`` names the field."""

    def __init__(self, where: str, charset: str) -> None:
        super().__init__(f"{where} has characters that {charset} does not carry")
        self.where = where


class Place(NamedTuple):
    """A field of a message: ``SCH-11``, and the number of its segment as its line."""

    place: str
    line: int


Seen = Callable[[Place], None] | None
"""Is told of every field that is read; None while nobody follows."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How one message is written: its five delimiters and its character set (a Python codec name)."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"
    codec: str = "iso-8859-1"

    def unescape(self, text: str) -> str:
        """``text`` as it was meant. A formatting sequence (``\\H\\`` …) stays as it is written."""
        if self.escape not in text:
            return text
        return _sequences(self.escape).sub(self._meaning, text)

    def _meaning(self, match: re.Match[str]) -> str:
        sequence = match[1]
        if sequence in ("F", "S", "T", "R", "E"):
            return {
                "F": self.field, "S": self.component, "T": self.subcomponent, "R": self.repetition, "E": self.escape,
            }[sequence]  # fmt: skip
        if sequence == ".br":
            return "\n"
        if found := _HEX.fullmatch(sequence):
            try:
                return bytes.fromhex(found[1]).decode(self.codec)
            except UnicodeDecodeError:
                return match[0]
        return match[0]


STANDARD: Final = Rules()


@lru_cache(maxsize=32)
def _sequences(escape: str) -> re.Pattern[str]:
    return re.compile(f"{re.escape(escape)}([^{re.escape(escape)}]*){re.escape(escape)}")


class Value:
    """One field, or one repetition of it, as it stands in the message."""

    __slots__ = ("raw", "rules")

    def __init__(self, raw: str, rules: Rules) -> None:
        self.raw: Final = raw
        self.rules: Final = rules

    def __bool__(self) -> bool:
        return self.raw not in ("", NULL)

    def text(self, component: int = 1, sub: int = 1) -> str:
        """A leaf, unescaped."""
        found, rules = self.raw, self.rules
        if rules.component in found:
            found = _part(found, rules.component, component)
        elif component != 1:
            return ""
        if rules.subcomponent in found:
            found = _part(found, rules.subcomponent, sub)
        elif sub != 1:
            return ""
        if rules.escape in found:
            return rules.unescape(found)
        return "" if found == NULL else found

    def whole(self) -> str:
        """All of it as one text, unescaped: for texts, which have no components even if somebody forgot to escape."""
        return "" if self.raw == NULL else self.rules.unescape(self.raw)

    def verbatim(self, component: int = 0) -> str:
        """A component, or (0) all of it, as somebody wrote it: two quotation marks are just that. For people's own
        texts, which systems give back as they came, and leave out where there are none."""
        part = self.raw if component == 0 else _part(self.raw, self.rules.component, component)
        return self.rules.unescape(part)


class _Followed(Value):
    """A value that tells when it is read."""

    __slots__ = ("_place", "_seen")

    def __init__(self, raw: str, rules: Rules, place: Place, seen: Callable[[Place], None]) -> None:
        super().__init__(raw, rules)
        self._place, self._seen = place, seen

    def text(self, component: int = 1, sub: int = 1) -> str:
        self._seen(self._place)
        return super().text(component, sub)

    def whole(self) -> str:
        self._seen(self._place)
        return super().whole()

    def verbatim(self, component: int = 0) -> str:
        self._seen(self._place)
        return super().verbatim(component)


def _part(text: str, delimiter: str, number: int) -> str:
    parts = text.split(delimiter, number)
    return parts[number - 1] if number <= len(parts) else ""


class Segment:
    """One segment: ``segment[3]`` is the first repetition of field 3, ``segment.each(3)`` all of them."""

    __slots__ = ("_fields", "_position", "_rules", "_seen", "name", "raw")

    def __init__(self, raw: str, rules: Rules, position: int = 0, seen: Seen = None) -> None:
        self.raw: Final = raw
        self.name: Final = raw[:3]
        self._rules = rules
        self._fields: list[str] | None = None
        self._position, self._seen = position, seen

    def place(self, number: int) -> Place:
        """Where a field stands: its name, and the number of the segment in the message."""
        return Place(f"{self.name}-{number}", self._position)

    def _raw_field(self, number: int) -> str:
        if self._fields is None:
            fields = self.raw.split(self._rules.field)
            if self.name == "MSH":  # MSH-1 is the delimiter itself
                fields.insert(1, self._rules.field)
            self._fields = fields
        return self._fields[number] if number < len(self._fields) else ""

    def __getitem__(self, number: int) -> Value:
        raw = self._raw_field(number)
        if self._rules.repetition in raw:
            raw = raw.split(self._rules.repetition, 1)[0]
        return self._value(raw, number)

    def _value(self, raw: str, number: int) -> Value:
        if self._seen is None:
            return Value(raw, self._rules)
        return _Followed(raw, self._rules, self.place(number), self._seen)

    def repetitions(self, number: int) -> list[Value]:
        """Every repetition of a field, empty ones too."""
        return [self._value(raw, number) for raw in self._raw_field(number).split(self._rules.repetition)]

    def each(self, number: int) -> list[Value]:
        """Every repetition of a field that has a value."""
        return [value for value in self.repetitions(number) if value]

    def filled(self) -> list[int]:
        """The numbers of the fields that have a value."""
        self._raw_field(0)
        return [n for n, raw in enumerate(self._fields or ()) if raw and n and raw != NULL]


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it came: its segments in order, its rules."""

    segments: tuple[Segment, ...]
    rules: Rules

    @property
    def header(self) -> Segment:
        """MSH."""
        return self.segments[0]

    def first(self, name: str) -> Segment | None:
        """The first segment called ``name``, or None."""
        return next((segment for segment in self.segments if segment.name == name), None)

    def all(self, name: str) -> Iterator[Segment]:
        """Every segment called ``name``, in order."""
        return (segment for segment in self.segments if segment.name == name)


def unframed(data: bytes) -> bytes:
    """A message as it is kept in files, as it travels: without MLLP's frame, every line end (LF, CR LF) a CR."""
    text = data.removeprefix(b"\x0b").removesuffix(b"\r").removesuffix(b"\x1c")
    return text.replace(b"\r\n", b"\r").replace(b"\n", b"\r").rstrip(b"\r")


def split(
    data: bytes,
    *,
    default_charset: str = "8859/1",
    max_bytes: int = MAX_BYTES,
    charsets: Mapping[str, str] = CHARSETS,
    seen: Seen = None,
) -> Message:
    """The message of ``data`` (without MLLP's frame), decoded by its own MSH-18, else by ISO-8859-1, or
    by what ``default_charset`` says; both are among ``charsets``. ``seen`` is told of the fields that are read.

    Strict: any other segment end than CR, any control character, a second MSH, delimiters that are not five different
    printable non-alphanumeric ASCII characters, a nameless segment, or more than the limits raise `BadMessage`.
    """
    if len(data) > max_bytes:
        raise BadMessage(f"longer than {max_bytes} bytes")
    if data.count(b"\r") > MAX_SEGMENTS:
        raise BadMessage(f"more than {MAX_SEGMENTS} segments")
    rules = _rules(data, default_charset, charsets)
    try:
        text = data.decode(rules.codec)
    except UnicodeDecodeError as err:
        raise BadMessage(f"not {rules.codec} at byte {err.start}") from None
    if found := _CONTROL.search(text):
        raise BadMessage(f"control character {ord(found[0]):#04x} at {found.start()}")
    lines = text.removesuffix("\r").split("\r")
    segments = tuple(Segment(line, rules, position, seen) for position, line in enumerate(lines, 1))
    for position, segment in enumerate(segments, 1):
        if not _SEGMENT_NAME.fullmatch(segment.name) or segment.raw[3:4] not in ("", rules.field):
            raise BadMessage(f"segment {position} has no name")
        if segment.name == "MSH" and position > 1:
            raise BadMessage(f"segment {position} is a second MSH")
    return Message(segments, rules)


def misdeclared(data: bytes, message: Message) -> bool:
    """Whether a message that says ISO-8859-1 is written in UTF-8: every byte reads as some letter of ISO-8859-1, so
    nothing else would notice, and names would be shown garbled. Free text (NTE) is not looked at: it may be anything.
    """
    if message.rules.codec != "iso-8859-1":
        return False
    return any(not line.isascii() and _is_utf8(line) for line in data.split(b"\r") if not line.startswith(b"NTE"))


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _rules(data: bytes, default_charset: str, charsets: Mapping[str, str]) -> Rules:
    """What MSH-1, MSH-2 and MSH-18 say; read byte by byte, because the character set is not known before."""
    header = data.split(b"\r", 1)[0].decode("iso-8859-1")
    delimiters = header[3:8]
    if not header.startswith("MSH") or header[8:9] not in ("", delimiters[:1]):
        raise BadMessage("does not begin with a readable MSH")
    if len(delimiters) != 5 or len(set(delimiters)) != 5 or any(not "!" <= c <= "~" or c.isalnum() for c in delimiters):
        raise BadMessage("MSH-1 and MSH-2 are not five different printable delimiters")
    rules = Rules(*delimiters)
    charset = Segment(header, rules)[18].text() or default_charset
    if charset not in charsets:
        raise BadMessage("MSH-18 names a character set that is not known here")
    return replace(rules, codec=charsets[charset])


# Writing

Component = str | tuple[str, ...]
"""A component: a text, or its subcomponents."""
Field = str | tuple[Component, ...] | list["str | tuple[Component, ...]"]
"""A field: a text, its components, or a list of repetitions of these."""

_SPECIAL = re.compile(r"[|^~\\&\x00-\x1f\x7f-\x9f]")
_SEQUENCES: Final = {"|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\", "\\": "\\E\\", "\n": "\\.br\\"}


def escape(text: str, codec: str = STANDARD.codec) -> str:
    """``text`` as a leaf between the standard delimiters: `Rules.unescape` gives exactly ``text`` again.

    A text that is just two quotation marks would read as HL7 null, so its first one travels as a hexadecimal escape.
    Raises UnicodeEncodeError for control characters outside ``codec`` only; the joiner checks the rest.
    """
    if text == NULL:
        return '\\X22\\"'

    def sequence(match: re.Match[str]) -> str:
        character = match[0]
        return _SEQUENCES.get(character) or f"\\X{character.encode(codec).hex().upper()}\\"

    return _SPECIAL.sub(sequence, text)


def _encode_field(value: Field, codec: str) -> str:
    if isinstance(value, str):
        return escape(value, codec)
    if isinstance(value, list):
        return "~".join(_encode_field(one, codec) for one in value)
    components = (c if isinstance(c, tuple) else (c,) for c in value)
    joined = ("&".join(escape(sub, codec) for sub in subs).rstrip("&") for subs in components)
    return "^".join(joined).rstrip("^")


def join(segments: Sequence[tuple[str, Mapping[int, Field]]], charset: str = "8859/1") -> bytes:
    """The bytes of a message: (name, fields by number) in order, the first one MSH without its fields 1, 2 and 18.

    Standard delimiters, CR after every segment, MSH-18 says ``charset`` (a key of `CHARSETS`). Raises `NotCarried` for
    a text the character set cannot express: nothing is ever replaced.
    """
    codec = CHARSETS[charset]
    lines: list[bytes] = []
    for name, fields in segments:
        named = {**fields, 18: charset} if name == "MSH" else fields
        parts = [name, *[""] * max(named, default=0)]
        for number, value in named.items():
            parts[number] = _field(f"{name}-{number}", value, codec, charset)
        if name == "MSH":
            parts[1:3] = ["^~\\&"]
        lines.append("|".join(parts).encode(codec) + b"\r")
    return b"".join(lines)


def _field(where: str, value: Field, codec: str, charset: str) -> str:
    try:
        text = _encode_field(value, codec)
        text.encode(codec)
    except UnicodeEncodeError:
        raise NotCarried(where, charset) from None
    return text
