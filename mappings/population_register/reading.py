"""Any answer of the population register's, for ``silta map``. The mapping is Python, and its whole is one step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from canonical import codes, strict_json
from canonical.fhir import Resource
from mappings.engine.recorder import Recorder
from mappings.engine.tree import Standing
from mappings.json_tree import JsonNode
from mappings.population_register import decode
from mappings.tool.systems import System
from mappings.trace import Place


@dataclass(frozen=True, slots=True)
class _Register:
    installation: str = "population-register"

    def system(self, what: str) -> str:
        return codes.local(self.installation, what)


class _Followed(dict[str, Any]):
    """The answer, which tells what of it is read."""

    def __init__(self, found: dict[str, Any], seen: Callable[[Standing], None]) -> None:
        super().__init__(found)
        self._seen = seen

    def __getitem__(self, name: str) -> Any:
        found = super().__getitem__(name)
        for leaf in JsonNode({name: found}, "person").leaves():
            self._seen(Place(leaf.place))
        return found

    def get(self, name: str, default: Any = None) -> Any:
        found = super().get(name, default)
        return found if found is default else self[name]


def _recognises(data: bytes) -> bool:
    try:
        found = strict_json.loads(data)
    except ValueError:
        return False
    return isinstance(found, dict) and {"hetu", "non_disclosure"} <= found.keys()


def _read(data: bytes, recorder: Recorder) -> Iterator[Resource]:
    found = strict_json.loads(data)
    if recorder.seen is not None:
        found = _Followed(found, recorder.seen)
    yield recorder.carry("Patient", decode, found).patient


def _places(data: bytes) -> Iterator[Standing]:
    return JsonNode(strict_json.loads(data), "person").leaves()


SYSTEM: Final = System("population_register", _Register(), _recognises, _read, _places)
