"""Sealed columns, keyed hashes and tokens."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.sealing import TOKEN_BYTES, TOKEN_LETTERS, CannotOpen, Sealer

SEALER = Sealer(bytes(range(32)))
OTHER = Sealer(bytes(32))


@given(st.binary(max_size=200))
def test_what_was_sealed_is_opened(data: bytes) -> None:
    assert SEALER.open(SEALER.seal(data, "command.payload"), "command.payload") == data


def test_the_same_bytes_are_sealed_differently_each_time() -> None:
    assert SEALER.seal(b"x", "a.b") != SEALER.seal(b"x", "a.b")


def test_sealed_bytes_do_not_hold_what_was_sealed() -> None:
    assert b"010190-9996" not in SEALER.seal(b"010190-9996" * 20, "person.hetu")


def test_sealed_bytes_of_one_column_do_not_open_in_another() -> None:
    with pytest.raises(CannotOpen):
        SEALER.open(SEALER.seal(b"x", "person.hetu"), "resource.json")


def test_another_key_does_not_open_and_says_so() -> None:
    with pytest.raises(CannotOpen, match="another key"):
        OTHER.open(SEALER.seal(b"x", "a.b"), "a.b")


@pytest.mark.parametrize("place", range(4 + 12 + 3 + 16))
def test_a_changed_byte_is_noticed(place: int) -> None:
    sealed = bytearray(SEALER.seal(b"abc", "a.b"))
    sealed[place] ^= 1
    with pytest.raises(CannotOpen):
        SEALER.open(bytes(sealed), "a.b")


@pytest.mark.parametrize("length", [0, 3, 4, 15, 16, 31])
def test_bytes_cut_short_are_noticed(length: int) -> None:
    with pytest.raises(CannotOpen):
        SEALER.open(SEALER.seal(b"", "a.b")[:length], "a.b")


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_only_a_whole_key_is_a_key(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Sealer(bytes(length))


def test_a_keyed_hash_is_stable_and_needs_the_key_and_the_context() -> None:
    hashed = SEALER.keyed_hash("010190-9996")
    assert hashed == Sealer(bytes(range(32))).keyed_hash("010190-9996")
    assert re.fullmatch(r"[0-9a-f]{64}", hashed)
    others = {OTHER.keyed_hash("010190-9996"), SEALER.keyed_hash("010190-9996", "x"), SEALER.keyed_hash("010190+9996")}
    assert hashed not in others
    assert len(others) == 3


@given(st.binary(min_size=1, max_size=TOKEN_BYTES))
def test_a_token_carries_its_data_in_the_letters_of_an_id(data: bytes) -> None:
    token = SEALER.token(data)
    assert re.fullmatch(r"[A-Za-z0-9.-]{1,64}", token)
    assert token == SEALER.token(data)
    assert SEALER.untoken(token) == data


def test_the_longest_token_is_as_long_as_an_id_may_be() -> None:
    assert len(SEALER.token(bytes(TOKEN_BYTES))) == TOKEN_LETTERS
    for length in (0, TOKEN_BYTES + 1):
        with pytest.raises(ValueError, match="1 to 32 bytes"):
            SEALER.token(bytes(length))


@given(st.one_of(st.text(max_size=80), st.from_regex(r"[A-Za-z0-9.-]{1,64}", fullmatch=True)))
def test_nothing_else_is_a_token(text: str) -> None:
    assert SEALER.untoken(text) is None


@given(st.binary(min_size=1, max_size=TOKEN_BYTES), st.data())
def test_no_other_spelling_of_a_token_is_one(data: bytes, draw: st.DataObject) -> None:
    token = SEALER.token(data)
    place = draw.draw(st.integers(0, len(token) - 1))
    letter = draw.draw(st.sampled_from("ABab019-."))
    other = token[:place] + letter + token[place + 1 :]
    assert other == token or SEALER.untoken(other) is None
    for spelling in (token + "=", token + "\n", " " + token, token + "A", token[:-1]):
        assert SEALER.untoken(spelling) is None


def test_a_token_of_one_context_or_key_is_none_of_another() -> None:
    token = SEALER.token(b"x", "slot")
    assert SEALER.untoken(token, "cursor") is None
    assert OTHER.untoken(token, "slot") is None
