"""The canonical journal: what was said, without what is another in two runs of one test.

Two runs from one snapshot, with the clock frozen, give the same bytes. So that they do:

* What is new in every run stands as its name: `<control-id>`. What ties messages together, a client's own ids and the
  tokens of holds, stands as a name with a number, by first appearance: `<placer-1>`. Each system says what of its wire
  is such, in its own `volatile.py`. The records' own ids are the seed's, and stay.
* Times are those of the business clock. Real times, addresses and sizes are left out.
* Commands stand in their order. Questions between two commands are asked side by side, and again when an outcome is
  looked for: they are put in the order of the alphabet, and one asked twice with the same answer stands once.
* How a client begins is no matter of a test: tokens and the directory are left out.
* A long message is its beginning and a digest.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

from sandbox.journal import Entry

QUESTIONS: Final = frozenset({"find", "list", "read", "person"})
LEFT_OUT: Final = frozenset({"token", "directory"})
LONGEST: Final = 4_000
"""Characters of a message that is shown whole; of a longer one SHOWN are, and COUNTED make its digest. The journal cuts
what is longer still after so many bytes, which is elsewhere in two runs: what is counted ends before that."""
SHOWN: Final = 400
COUNTED: Final = 24_000

_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Volatile:
    """What the group `v` of a pattern finds is another one in every run. It stands as its name, or not at all if that
    is empty; a `numbered` one is told from others of its name."""

    pattern: re.Pattern[str]
    name: str
    numbered: bool = False


def volatile(name: str, pattern: str, *, numbered: bool = False) -> Volatile:
    """Return what is volatile; `^` and `$` of the pattern are those of a line."""
    return Volatile(re.compile(pattern, re.MULTILINE), name, numbered)


def headers(*names: str) -> Volatile:
    """Return lines of an HTTP head, which are left out."""
    return volatile("", rf"(?i)(?P<v>^(?:{'|'.join(names)}): .*\n)")


@dataclass(slots=True)
class _Exchange:
    """A message and what answered it."""

    entries: list[Entry]

    @property
    def operation(self) -> str:
        return self.entries[0].operation

    @property
    def is_question(self) -> bool:
        return self.operation in QUESTIONS


@dataclass(slots=True)
class _Writer:
    """Writes the exchanges of one installation. What was seen keeps its number."""

    name: str
    volatile: Sequence[Volatile]
    _labels: dict[tuple[str, str], str] = field(default_factory=dict)

    def text(self, exchange: _Exchange, *, final: bool) -> str:
        """Return an exchange as it stands in the journal; only when it is `final` are new numbers given."""
        first = exchange.entries[0]
        fault = f"  fault {first.fault}" if first.fault else ""
        head = f"-- {exchange.operation or 'no operation'}  {first.virtual.isoformat(timespec='seconds')}{fault}"
        return "\n".join([head, *(self._message(one, final) for one in exchange.entries)])

    def _message(self, entry: Entry, final: bool) -> str:
        arrow = {"received": "->", "sent": "<-"}[entry.direction]
        text = str(entry.as_json()["text"]).replace("\r\n", "\n").replace("\r", "\n")
        for one in self.volatile:
            text = self._without(text, one, final)
        text = _shortened(_CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)).rstrip("\n")
        note = "" if not entry.note or entry.note.startswith("the first ") else f"({entry.note})"
        lines = [*([text] if text else []), *([note] if note else [])]
        lines = "\n".join(lines).split("\n")
        return "\n".join(f"{arrow if not number else '  '} {line}".rstrip() for number, line in enumerate(lines))

    def _without(self, text: str, one: Volatile, final: bool) -> str:
        def instead(found: re.Match[str]) -> str:
            start, end = (place - found.start() for place in found.span("v"))
            return found[0][:start] + self._label(one, found["v"], final) + found[0][end:]

        return one.pattern.sub(instead, text)

    def _label(self, one: Volatile, value: str, final: bool) -> str:
        if not one.numbered:
            return f"<{one.name}>" if one.name else ""
        known = self._labels.get((one.name, value))
        if known is None and final:
            number = sum(name == one.name for name, _ in self._labels) + 1
            known = self._labels[one.name, value] = f"<{one.name}-{number}>"
        return known or f"<{one.name}>"


def canonical(name: str, address: str, volatile: Sequence[Volatile], entries: Iterable[Entry]) -> str:
    """Return the canonical journal of one installation; empty if nothing was said. `address` is its host and port."""
    own = Volatile(re.compile(f"(?P<v>{re.escape(address)})"), name)
    writer = _Writer(name, (own, *volatile))
    told = [one for one in _exchanges(entries) if one.operation not in LEFT_OUT]
    texts = [
        writer.text(one, final=True)
        for is_question, several in groupby(told, lambda one: one.is_question)
        for one in (_in_order(several, writer) if is_question else several)
    ]
    return "\n\n".join([f"== {name}", *texts]) + "\n\n" if texts else ""


def _exchanges(entries: Iterable[Entry]) -> Iterator[_Exchange]:
    found: dict[int, _Exchange] = {}
    for entry in entries:
        asked = found.get(entry.answer_to or 0)
        if asked is None:
            found[entry.number] = _Exchange([entry])
        else:
            asked.entries.append(entry)
    yield from found.values()


def _in_order(questions: Iterable[_Exchange], writer: _Writer) -> list[_Exchange]:
    different = {writer.text(one, final=False): one for one in questions}
    return [different[text] for text in sorted(different)]


def _shortened(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    digest = hashlib.sha256(text[:COUNTED].encode("utf-8")).hexdigest()[:16]
    return f"{text[:SHOWN]}\n… long, {digest}"
