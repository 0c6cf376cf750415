"""JSON as RFC 8259 means it: what ordinary readers let through is refused, and nothing good is."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical.strict_json import MAX_DEPTH, BadJson, dumps, loads

ATTACKS: dict[str, bytes] = {
    "nothing": b"",
    "white space only": b" \n",
    "duplicate name": b'{"a":1,"a":2}',
    "duplicate name, escaped": b'{"a":1,"\\u0061":2}',
    "duplicate name, deep": b'{"x":[{"a":{"b":1,"b":1}}]}',
    "duplicate name, empty": b'{"":1,"":1}',
    "NaN": b'{"a":NaN}',
    "Infinity": b"Infinity",
    "minus Infinity": b"[-Infinity]",
    "lone high surrogate": b'"\\ud83e"',
    "lone low surrogate": b'"\\udd12"',
    "surrogates swapped": b'"\\udd12\\ud83e"',
    "surrogate in a name": b'{"\\ud83e":1}',
    "surrogate in UTF-8": b'"\xed\xa0\x80"',
    "NUL": b'"\\u0000"',
    "NUL in a name": b'{"a\\u0000b":1}',
    "NUL, bare": b'"\x00"',
    "NUL after the end": b"{}\x00",
    "bare control character": b'"a\nb"',
    "bare tab": b'"a\tb"',
    "byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "UTF-16 without a mark": '{"a":1}'.encode("utf-16-le"),
    "ISO-8859-1": '{"a":"ä"}'.encode("iso-8859-1"),
    "overlong UTF-8": b'"\xc0\xaf"',
    "cut UTF-8": b'"\xc3',
    "number beyond a double": b"1e400",
    "number below a double": b"1e-400",
    "a number of digits": b"1" * 41,
    "a number of decimals": b"0." + b"1" * 41,
    "an exponent of digits": b"1e" + b"9" * 41,
    "leading zero": b"01",
    "plus": b"+1",
    "bare point": b".5",
    "trailing point": b"5.",
    "hexadecimal": b"0x10",
    "underscore": b"1_000",
    "other digits": "١".encode(),
    "trailing comma": b"[1,]",
    "trailing comma in an object": b'{"a":1,}',
    "single quotes": b"{'a':1}",
    "no quotes": b"{a:1}",
    "comment": b"{}/* */",
    "two values": b"{} {}",
    "cut": b'{"a":[1,2',
    "bad escape": b'"\\x41"',
    "short escape": b'"\\u12"',
    "Python's words": b"[True, None]",
    "a deep list": b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
    "a deep list, never closed": b"[" * 100_000,
    "a deep object": b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1),
    "depth after a text with a quote": b'["\\"",' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"]",
    "depth after a text that ends in a backslash": b'["\\\\",' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"]",
}

characters = st.characters(exclude_characters="\x00", exclude_categories=["Cs"])
texts = st.text(characters, max_size=20)
decimals = st.decimals(-(10**12), 10**12, allow_nan=False, places=6)
scalars = st.none() | st.booleans() | st.integers(-(2**63) + 1, 2**63 - 1) | decimals | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=20
)


@pytest.mark.parametrize("data", ATTACKS.values(), ids=ATTACKS.keys())
def test_attack_is_refused(data: bytes) -> None:
    with pytest.raises(BadJson):
        loads(data)


def test_refusal_says_where_but_never_what() -> None:
    for data in (b'{"a":"salaisuus" x}', b'{"salaisuus":1,"salaisuus":2}', b'"salaisuus\xff"', b'["salaisuus",NaN]'):
        with pytest.raises(BadJson) as refused:
            loads(data)
        assert str(refused.value)
        assert "salaisuus" not in str(refused.value)
        assert refused.value.__context__ is None or refused.value.__suppress_context__ or "NaN" in str(refused.value)


@given(values)
def test_what_is_written_is_read_again(value: Any) -> None:
    assert loads(dumps(value)) == value


@given(values)
def test_it_reads_what_others_write(value: Any) -> None:
    written = json.dumps(value, default=float).encode()
    assert loads(written) == json.loads(written, parse_float=Decimal)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_as_others_read_them_or_refused(data: bytes) -> None:
    try:
        value = loads(data)
    except BadJson:
        return
    assert value == json.loads(data, parse_float=Decimal)


@pytest.mark.parametrize("digits", ["1.10", "0.1", "1.0", "100.00", "-0.00", "1E+2", "3.141592653589793238462643"])
def test_decimals_keep_their_digits(digits: str) -> None:
    assert dumps(loads(digits.encode())) == digits.encode()


@pytest.mark.parametrize("digits", [str(2**63), str(-(2**63) - 1), "9" * 40, "9" * 5000])
def test_a_whole_number_that_could_not_be_written_again_is_refused(digits: str) -> None:
    with pytest.raises(BadJson):
        loads(digits.encode())


def test_depth_is_counted_outside_of_texts() -> None:
    assert loads(dumps({"a": "[" * 1000})) == {"a": "[" * 1000}
    deepest = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    assert loads(deepest) is not None
    assert loads(b'["\\\\[[","' + b"[" * 100 + b'"]')


def test_pairs_of_surrogates_are_one_character() -> None:
    assert loads(b'"\\ud83e\\udd12"') == "🤒"


@pytest.mark.parametrize("value", [{1, 2}, object(), b"x", 1j])
def test_what_is_not_json_is_not_written(value: object) -> None:
    with pytest.raises(TypeError):
        dumps(value)
