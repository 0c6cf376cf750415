"""Everything personal that touches a disk or an id passes here: sealed bytes, keyed hashes, sealed tokens.

One 32-byte key from configuration; every use has its own sub-key (HKDF-SHA256, RFC 5869), so that nothing made for one
purpose is good for another. Pure: no files, no clock; chance only for nonces.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_KEY_BYTES: Final = 32
_ID_BYTES: Final = 4
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_LETTERS: Final = b"-."
TOKEN_LETTERS: Final = 64
"""What FHIR allows an id to have."""
TOKEN_BYTES: Final = TOKEN_LETTERS * 6 // 8 - _TAG_BYTES
"""The most bytes one token carries: 32."""


class CannotOpen(Exception):
    """The sealed bytes were made with another key or for another place, or were changed. Never says what they hold."""


class Sealer:
    """Seals, hashes and makes tokens with the sub-keys of one key. Safe to share between threads."""

    def __init__(self, key: bytes) -> None:
        """``key`` is 32 random bytes; ValueError for any other length."""
        if len(key) != _KEY_BYTES:
            raise ValueError(f"the sealing key is {_KEY_BYTES} bytes, not {len(key)}")
        self._key = key
        self._key_id = self._derive("key id", _ID_BYTES)
        self._siv = AESSIV(self._derive("tokens", 64))
        self._ciphers: dict[str, AESGCM] = {}
        self._hash_keys: dict[str, bytes] = {}

    def _derive(self, purpose: str, length: int = _KEY_BYTES) -> bytes:
        info = b"sotesilta/1/" + purpose.encode()
        return HKDF(algorithm=SHA256(), length=length, salt=None, info=info).derive(self._key)

    def _cipher(self, context: str) -> AESGCM:
        found = self._ciphers.get(context)
        if found is None:
            # A key for each context: each has its own allowance of 2**32 random nonces (NIST SP 800-38D, 8.3).
            found = self._ciphers[context] = AESGCM(self._derive(f"seal/{context}"))
        return found

    def seal(self, data: bytes, context: str) -> bytes:
        """``data`` sealed with AES-256-GCM for ``context`` (``table.column``): key id, nonce, ciphertext with tag."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return self._key_id + nonce + self._cipher(context).encrypt(nonce, data, context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """What `seal` was given, for the same context; raises `CannotOpen`."""
        if sealed[:_ID_BYTES] != self._key_id:
            raise CannotOpen("sealed with another key")
        nonce, rest = sealed[_ID_BYTES : _ID_BYTES + _NONCE_BYTES], sealed[_ID_BYTES + _NONCE_BYTES :]
        if len(rest) < _TAG_BYTES:
            raise CannotOpen("too short to be sealed bytes")
        try:
            return self._cipher(context).decrypt(nonce, rest, context.encode())
        except InvalidTag:
            raise CannotOpen(f"not sealed for {context}, or changed since") from None

    def keyed_hash(self, text: str, context: str = "hetu") -> str:
        """HMAC-SHA256 of ``text`` in hex: equal texts of one context can be found, nothing can be learned from it."""
        key = self._hash_keys.get(context)
        if key is None:
            key = self._hash_keys[context] = self._derive(f"hash/{context}")
        return hmac.digest(key, text.encode(), "sha256").hex()

    def token(self, data: bytes, context: str = "slot") -> str:
        """``data`` as a sealed id: the same for the same data, written in ``A-Z a-z 0-9 - .``, at most 64 letters.

        AES-SIV (RFC 5297): nobody without the key can read or make one. ValueError for more than `TOKEN_BYTES` bytes.
        """
        if not 0 < len(data) <= TOKEN_BYTES:
            raise ValueError(f"a token carries 1 to {TOKEN_BYTES} bytes, not {len(data)}")
        return base64.b64encode(self._siv.encrypt(data, [context.encode()]), _LETTERS).rstrip(b"=").decode()

    def untoken(self, token: str, context: str = "slot") -> bytes | None:
        """The data of `token`, or None for anything that `token` did not write."""
        if len(token) > TOKEN_LETTERS or not token.isascii():
            return None
        try:
            sealed = base64.b64decode(token.encode() + b"=" * (-len(token) % 4), _LETTERS, validate=True)
            data = self._siv.decrypt(sealed, [context.encode()])
        except (binascii.Error, InvalidTag, ValueError):
            return None
        # Base64 leaves spare bits in its last letter: only the one way in which we write it is an id.
        return data if data and self.token(data, context) == token else None
