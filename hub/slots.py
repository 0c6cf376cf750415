"""The ids of free times. Free times are not stored: the id itself carries what is needed to book one, sealed."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta
from typing import Final

from canonical.model import TimeKey
from hub.sealing import TOKEN_BYTES, Sealer

_HEAD: Final = struct.Struct(">BIH")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE: Final = timedelta(minutes=1)
KEY_BYTES: Final = TOKEN_BYTES - _HEAD.size
"""The longest key of a free time, in bytes of UTF-8: 25."""


class KeyTooLong(ValueError):
    """The free time does not fit into an id: a key over `KEY_BYTES`, odd seconds, or over 45 days."""


class SlotIds:
    """Writes and reads the hub's Slot ids: one byte of installation, minutes of start, minutes of length, the key."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def encode(self, installation_index: int, time: TimeKey) -> str:
        """The id of ``time`` at the installation of that index (0-255): always the same, at most 64 letters of
        ``A-Z a-z 0-9 - .``. Raises `KeyTooLong`; ValueError for an index that is none."""
        if not 0 <= installation_index <= 255:
            raise ValueError("an installation's index is 0 to 255")
        start, odd = divmod(time.start - _EPOCH, _MINUTE)
        length, odd_length = divmod(time.end - time.start, _MINUTE)
        key = time.key.encode()
        if odd or odd_length or not 0 <= start < 2**32 or not 0 <= length < 2**16 or len(key) > KEY_BYTES:
            raise KeyTooLong("the free time does not fit into an id")
        return self._sealer.token(_HEAD.pack(installation_index, start, length) + key)

    def decode(self, slot_id: str) -> tuple[int, TimeKey] | None:
        """What `encode` was given (times in UTC), or None for any other text."""
        data = self._sealer.untoken(slot_id)
        if data is None or len(data) < _HEAD.size:
            return None
        index, start, length = _HEAD.unpack_from(data)
        begins = _EPOCH + start * _MINUTE
        return index, TimeKey(data[_HEAD.size :].decode(), begins, begins + length * _MINUTE)
