"""The names and streets the population is put together from (`data/names.toml`)."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

_FILE = Path(__file__).parent.parent / "data" / "names.toml"


class Names(BaseModel):
    """Lists of words; the Finnish and the Swedish ones apart."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    family_fi: tuple[str, ...]
    family_sv: tuple[str, ...]
    family_noble: tuple[str, ...]
    given_fi: tuple[str, ...]
    given_sv: tuple[str, ...]
    streets_fi: tuple[str, ...]
    streets_sv: tuple[str, ...]
    visit_texts: tuple[str, ...]
    visit_texts_social: tuple[str, ...]


@lru_cache(maxsize=1)
def load_names() -> Names:
    """Return the lists of the data file, read once."""
    return Names.model_validate(tomllib.loads(_FILE.read_text(encoding="utf-8")))
