"""The systems whose messages can be looked at: every folder of ``mappings`` with a ``reading.py``, and third parties'.

Such a module has ``SYSTEM``, a `System`. A package of somebody else's is named by its import path
(``--system acme.mapping``).
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module

import mappings
from canonical.fhir import Resource
from mappings.engine.mapping import Message
from mappings.engine.recorder import Recorder, Site
from mappings.engine.tree import Standing


class NoSystem(LookupError):
    """No system is called so, or none can read the file; the text says what to do."""


def _none() -> Mapping[str, Message]:
    return {}


@dataclass(frozen=True, slots=True)
class System:
    """How messages of one system are read whatever they hold. ``site`` is the installation that is shown.

    ``recognises(data)`` tells whether they are its messages at all; ``read(data, recorder)`` gives their resources, one
    at a time, and raises ValueError for what is none; ``places(data)`` gives every place that has a value. ``messages``
    are its rules, by file; none for one that is Python.
    """

    name: str
    site: Site
    recognises: Callable[[bytes], bool]
    read: Callable[[bytes, Recorder], Iterator[Resource]]
    places: Callable[[bytes], Iterator[Standing]]
    messages: Callable[[], Mapping[str, Message]] = field(default=_none)


def names() -> list[str]:
    """The systems of ours."""
    found = (one.name for one in pkgutil.iter_modules(mappings.__path__) if one.ispkg)
    return sorted(name for name in found if any(m.name == "reading" for m in _modules(name)))


def _modules(name: str) -> Iterator[pkgutil.ModuleInfo]:
    return pkgutil.iter_modules(import_module(f"mappings.{name}").__path__)


def system(name: str) -> System:
    """The system called ``name``, or of the package with this import path. Raises `NoSystem`."""
    package = f"mappings.{name}" if "." not in name else name
    try:
        found = import_module(f"{package}.reading").SYSTEM
    except (ModuleNotFoundError, AttributeError):
        raise NoSystem(f"no system is called {name}; there are {', '.join(names())}") from None
    assert isinstance(found, System)
    return found


def whose(data: bytes) -> System:
    """The system whose message ``data`` is, by what it looks like. Raises `NoSystem`."""
    for name in names():
        if (found := system(name)).recognises(data):
            return found
    raise NoSystem(f"no system knows such a message; name one: --system {' | '.join(names())}")
