"""Personal identity codes: exactly as issued, told apart by their sign, and found wherever they should not be."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical import hetu

SIGNS = {18: "+", 19: "-YXWVU", 20: "ABCDEF"}
AINO = "010594Y9021"

births = st.dates(date(1850, 1, 1), date(2027, 3, 22))


def issued(born: date, number: int, sign: str) -> str:
    """The code of its parts, by the definition."""
    digits = f"{born:%d%m%y}{number:03}"
    return f"{digits[:6]}{sign}{digits[6:]}{'0123456789ABCDEFHJKLMNPRSTUVWXY'[int(digits) % 31]}"


@st.composite
def codes(draw: st.DrawFn) -> str:
    born = draw(births)
    return issued(born, draw(st.integers(2, 999)), draw(st.sampled_from(SIGNS[born.year // 100])))


@given(codes())
def test_every_code_is_valid_with_each_sign_of_its_century(code: str) -> None:
    assert hetu.is_valid(code)
    signs = next(signs for signs in SIGNS.values() if code[6] in signs)
    assert all(hetu.is_valid(f"{code[:6]}{sign}{code[7:]}") for sign in signs)


@given(codes(), st.data())
def test_one_wrong_character_is_noticed(code: str, data: st.DataObject) -> None:
    place = data.draw(st.sampled_from([0, 1, 2, 3, 4, 5, 7, 8, 9]))
    other = data.draw(st.sampled_from([d for d in "0123456789" if d != code[place]]))
    assert not hetu.is_valid(code[:place] + other + code[place + 1 :])


@given(codes())
def test_it_is_never_folded(code: str) -> None:
    spoilt = {code.lower(), f" {code}", f"{code} ", f"{code}\n", code.replace(code[6], "", 1), code.replace("-", "−")}
    assert not any(hetu.is_valid(text) for text in spoilt - {code})


@pytest.mark.parametrize(
    "code",
    [
        "",
        "010594Y902",
        "010594Y90211",
        "010594Y9022",
        "010594G9021",
        "310294-900X",
        "290223A9005",
        "000594Y9021",
        "010190-999X",
        "٠١٠٥٩٤Y9021",
        "010594Y9021\x00",
    ],
)
def test_what_is_no_code(code: str) -> None:
    assert not hetu.is_valid(code)


def test_two_persons_may_differ_in_nothing_but_the_sign() -> None:
    one, two = "010594Y9021", "010594X9021"
    assert hetu.is_valid(one)
    assert hetu.is_valid(two)
    assert one != two


@given(codes())
def test_numbers_from_900_are_temporary(code: str) -> None:
    assert hetu.is_temporary(code) == (int(code[7:10]) >= 900)


TEXTS = [
    "{}",
    "potilas {}, Porvoo",
    "({})",
    '{{"value":"{}"}}',
    "PID|1||{}^^^VRK&1.2.246.21&ISO^NNFIN",
    "identifier=urn:oid:1.2.246.21|{}",
    "/fhir/Patient?identifier={}&x=1",
    "_{}_",
    "{}.",
]
ENCODED = ["identifier=urn:oid:1.2.246.21%7C{}", "q%3D{}", "%22{}%22", "a%20{}"]


@pytest.mark.parametrize("text", TEXTS)
@given(code=codes())
def test_it_is_found_and_masked_in_texts(text: str, code: str) -> None:
    written = text.format(code)
    assert hetu.appears_in(written)
    assert code not in hetu.mask(written)
    assert hetu.mask(written) == text.format("******-****")
    assert not hetu.appears_in(hetu.mask(written))


@pytest.mark.parametrize("text", ENCODED)
def test_it_is_found_and_masked_after_an_encoded_character(text: str) -> None:
    written = text.format(AINO)
    assert hetu.appears_in(written)
    assert AINO not in hetu.mask(written)


def test_an_encoded_plus_is_a_sign() -> None:
    code = issued(date(1899, 5, 1), 902, "+")
    for written in (code, code.replace("+", "%2B"), code.replace("+", "%2b")):
        assert hetu.appears_in(f"x={written}")
        assert hetu.mask(f"x={written}") == "x=******-****"


def test_a_wrong_check_character_is_masked_all_the_same() -> None:
    assert hetu.appears_in("010594Y9022")


@pytest.mark.parametrize(
    "text",
    ["", "2027-03-22", "1.2.246.21", "20270322081500", "A10231", "6c1e9d2a4f387b0f", "+358 50 000 0001", "******-****"],
)
def test_other_things_are_left_alone(text: str) -> None:
    assert not hetu.appears_in(text)
    assert hetu.mask(text) == text


@given(st.lists(codes(), min_size=2, max_size=4))
def test_each_of_several_is_masked(found: list[str]) -> None:
    assert hetu.mask(",".join(found)) == ",".join(["******-****"] * len(found))
