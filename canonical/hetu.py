"""The Finnish personal identity code (henkilötunnus, HETU).

Source: Digital and Population Data Services Agency. ``DDMMYY`` + century sign + ``NNN`` + check character. The sign
tells people apart (two persons may share all ten other characters), so it is never stripped, normalised or folded.
Numbers 900-999 are temporary or test numbers; hospitals give them to real people, so they are valid here.
"""

from __future__ import annotations

import re

from stdnum.exceptions import ValidationError
from stdnum.fi import hetu as _hetu

_SHAPE = re.compile(r"[0-9]{6}[-+YXWVUABCDEF][0-9]{3}[0-9A-FHJ-NPR-Y]")
_LENGTH = 11
_BEFORE = r"(?:(?<![0-9A-Za-z])|(?<=%[0-9A-Fa-f]{2})|(?<=\\[nrtbf]))"
"""What may stand before one in a text: nothing of a word, an encoded character of a URL, an escape of JSON."""
_ANYWHERE = re.compile(_BEFORE + r"[0-9]{6}(?:[-+YXWVUABCDEF]|%2[Bb])[0-9]{3}[0-9A-FHJ-NPR-Y](?![0-9A-Za-z])")


def is_valid(text: str) -> bool:
    """Whether ``text`` is a HETU exactly as written: eleven characters, capital letters, a right check character."""
    if not _SHAPE.fullmatch(text):
        return False
    try:
        return bool(_hetu.validate(text, allow_temporary=True) == text)
    except ValidationError:
        return False


def is_temporary(text: str) -> bool:
    """Whether the individual number is 900-999."""
    return text[7:10] >= "900"


def mask(text: str) -> str:
    """``text`` with everything shaped like a HETU replaced by ``******-****``."""
    return text if len(text) < _LENGTH else _ANYWHERE.sub("******-****", text)


def appears_in(text: str) -> bool:
    """Whether ``text`` holds something shaped like a HETU (whatever its check character)."""
    return _ANYWHERE.search(text) is not None
