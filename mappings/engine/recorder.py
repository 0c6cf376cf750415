"""What a mapping says while it works: its notes, and for whoever wants to know, where every element came from.

There is one way through a mapping. It is given a `Recorder`, which keeps the notes; or a `mappings.trace.Trace`, which
also keeps what was read by which rule. Mappings in Python take part by `Recorder.carry`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from canonical import codes
from canonical.notes import Note, NoteKind
from mappings.engine.tree import Seen


class Site(Protocol):
    """What a mapping must know of an installation."""

    @property
    def installation(self) -> str:
        """Its name in the configuration."""

    def system(self, what: str) -> str:
        """Its own identifier system, code system or extension of ``what``."""


class Recorder:
    """Keeps the notes, each once. ``seen`` is for the message's reader: what it tells which places are read."""

    def __init__(self, site: Site, notes: list[Note] | None = None) -> None:
        self.site = site
        self.seen: Seen = None
        self._notes = [] if notes is None else notes

    @property
    def notes(self) -> tuple[Note, ...]:
        """What was said, in order."""
        return tuple(self._notes)

    def note(self, kind: NoteKind, path: str, text: str) -> None:
        """Say something of ``path``. Codes may stand in the text; what people wrote, and who they are, may not."""
        self.say(Note(kind, path, text))

    def say(self, *notes: Note) -> None:
        """The same of notes that somebody else has written."""
        self._notes += [note for note in notes if note not in self._notes]

    def uri(self, name: str) -> str:
        """A name in a rule as the URI it stands for: ``RELEASE_DATE`` of `canonical.codes`, else the installation's."""
        return str(getattr(codes, name)) if name.isupper() else self.site.system(name)

    def begin(self, rule: Any) -> None:
        """A rule is about to read."""

    def made(self, rule: Any, element: str, value: Any) -> None:
        """The rule that began last has made ``element``."""

    def carry(self, element: str, function: Callable[..., Any], *given: Any) -> Any:
        """What ``function`` makes of what it is given; it stands for the rule by which ``element`` comes about."""
        return function(*given)
