"""The splitter and joiner: strict about what a message is, exact about what it says."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical import hl7
from canonical.hl7 import BadMessage, NotCarried

HEADER = "MSH|^~\\&|A|B|C|D|20270322081500||SRR^S01|1|P|2.4"
LATIN = st.text(st.characters(max_codepoint=0xFF))
ANY = st.text(st.characters(exclude_categories=["Cs"]))
PUNCTUATION = sorted(set(string.punctuation) - set(".-"))
"""What may delimit, but for the dot of ``.br`` and the dash of ``UTF-8``."""


def message(*lines: str, end: str = "\r") -> bytes:
    return (end.join((HEADER, *lines)) + end).encode("iso-8859-1")


class TestSplit:
    def test_fields_are_counted_as_the_standard_counts_them(self) -> None:
        found = hl7.split(message("PID|1||a&b^c~d^^e||Meikä^Maija"))
        assert found.header[1].text() == "|"
        assert found.header[3].text() == "A"
        assert found.header[9].text(2) == "S01"
        pid = found.first("PID")
        assert pid is not None
        assert [value.text(1, 2) for value in pid.each(3)] == ["b", ""]
        assert pid[3].text(2) == "c"
        assert [value.text(3) for value in pid.each(3)] == ["", "e"]
        assert pid[5].text(2) == "Maija"
        assert pid[99].text() == ""
        assert pid.filled() == [1, 3, 5]

    def test_last_segment_may_lack_its_end(self) -> None:
        assert len(hl7.split(message("PID|1").removesuffix(b"\r")).segments) == 2

    def test_hl7_null_is_nothing(self) -> None:
        segment = hl7.split(message('NTE|""|x^""|""')).segments[1]
        assert not segment[1]
        assert segment[1].text() == segment[2].text(2) == segment[3].whole() == ""
        assert segment.filled() == [2]

    @pytest.mark.parametrize(
        "data",
        [
            pytest.param(b"", id="nothing"),
            pytest.param(b"\r", id="an empty segment"),
            pytest.param(b"PID|1\r" + message(), id="no MSH first"),
            pytest.param(b" " + message(), id="a blank before MSH"),
            pytest.param(b"FHS|^~\\&|A\r" + message(), id="a batch"),
            pytest.param(message(HEADER), id="two MSH"),
            pytest.param(message("PID|1", end="\n"), id="LF ends"),
            pytest.param(message("PID|1", end="\r\n"), id="CR LF ends"),
            pytest.param(message("PID|a\tb"), id="a tab"),
            pytest.param(message("PID|a\x0bb"), id="a VT"),
            pytest.param(message("PID|a\x1cb"), id="an FS"),
            pytest.param(message("PID|a\x00b"), id="a NUL"),
            pytest.param(message("", "PID|1"), id="an empty segment inside"),
            pytest.param(message("pid|1"), id="a small segment name"),
            pytest.param(message("PIDX|1"), id="a long segment name"),
            pytest.param(message("PI"), id="a short segment name"),
            pytest.param(b"MSH|^~\\&\xe4", id="delimiters not ASCII"),
            pytest.param(b"MSH|^~\\\r", id="four delimiters"),
            pytest.param(b"MSH|^~\\&#|A\r", id="six delimiters"),
            pytest.param(b"MSH|^~\\||A\r", id="the same delimiter twice"),
            pytest.param(b"MSHA^~\\&A\r", id="a letter as a delimiter"),
            pytest.param(b"MSH|1~\\&|A\r", id="a digit as a delimiter"),
            pytest.param(b"MSH ^~\\& A\r", id="a blank as a delimiter"),
            pytest.param(message().replace(b"2.4\r", b"2.4||||||UNICODE\r"), id="an unknown character set"),
            pytest.param(message("NTE|\xe4").replace(b"2.4\r", b"2.4||||||UNICODE UTF-8\r"), id="not UTF-8"),
            pytest.param(message("NTE|\xe4").replace(b"2.4\r", b"2.4||||||ASCII\r"), id="not ASCII"),
        ],
    )
    def test_what_is_no_message_is_refused(self, data: bytes) -> None:
        with pytest.raises(BadMessage):
            hl7.split(data)

    def test_too_long_is_refused(self) -> None:
        assert hl7.split(message("NTE|x"), max_bytes=100)
        with pytest.raises(BadMessage, match="longer than"):
            hl7.split(message("NTE|" + "x" * 100), max_bytes=100)

    def test_too_many_segments_are_refused(self) -> None:
        with pytest.raises(BadMessage, match="segments"):
            hl7.split(message(*["NTE"] * hl7.MAX_SEGMENTS))

    def test_a_million_separators_are_split(self) -> None:
        segment = hl7.split(message("NTE" + "|" * 1_000_000)).segments[1]
        assert segment.filled() == []

    @pytest.mark.parametrize(
        ("said", "data"), [("", b"\xe4"), ("8859/1", b"\xe4"), ("UNICODE UTF-8", b"\xc3\xa4"), ("ASCII", b"\\X61\\")]
    )
    def test_msh_18_decides_the_character_set(self, said: str, data: bytes) -> None:
        raw = message().replace(b"2.4\r", b"2.4||||||" + said.encode() + b"\r") + b"NTE|" + data + b"\r"
        assert hl7.split(raw).segments[1][1].text() == ("a" if said == "ASCII" else "ä")

    @given(st.permutations(PUNCTUATION).map(lambda order: "".join(order[:5])), ANY)
    def test_any_legal_delimiters_say_the_same(self, five: str, text: str) -> None:
        field, component, repetition, escape, sub = tuple(five)
        names = {field: "F", component: "S", repetition: "R", escape: "E", sub: "T", "\n": ".br"}
        names |= {chr(n): f"X{n:02x}" for n in (*range(10), *range(11, 32), 127)}
        leaf = "".join(f"{escape}{names[c]}{escape}" if c in names else c for c in text)
        lines = [
            f"MSH{field}{component}{repetition}{escape}{sub}{field * 16}UNICODE UTF-8",
            f"NTE{field}{field}a{repetition}b{component}c{sub}{leaf or escape}",
        ]
        value = hl7.split("\r".join(lines).encode()).segments[1].each(2)[1]
        assert value.text(1) == "b"
        if text != hl7.NULL:
            assert value.text(2, 2) == (text or escape)


class TestEscapes:
    @pytest.mark.parametrize(
        ("written", "meant"),
        [
            ("\\F\\\\S\\\\T\\\\R\\\\E\\", "|^&~\\"),
            ("a\\.br\\b", "a\nb"),
            ("\\X41\\\\XE4F6\\", "Aäö"),
            ("\\XE4\\", "ä"),
            ("\\X4\\", "\\X4\\"),
            ("\\H\\bold\\N\\", "\\H\\bold\\N\\"),
            ("\\Zxx\\", "\\Zxx\\"),
            ("100 \\ 2", "100 \\ 2"),
            ("\\", "\\"),
            ("\\\\", "\\\\"),
            ("\\E\\F\\E\\", "\\F\\"),
        ],
    )
    def test_sequences(self, written: str, meant: str) -> None:
        assert hl7.STANDARD.unescape(written) == meant

    def test_bytes_that_are_not_of_the_set_stay_as_written(self) -> None:
        assert hl7.Rules(codec="utf-8").unescape("\\XE4\\") == "\\XE4\\"

    @given(LATIN)
    def test_any_latin_text_comes_back(self, text: str) -> None:
        assert hl7.STANDARD.unescape(hl7.escape(text)) == text

    @given(ANY)
    def test_any_text_comes_back_in_utf_8(self, text: str) -> None:
        assert hl7.Rules(codec="utf-8").unescape(hl7.escape(text, "utf-8")) == text


HOSTILE = st.lists(
    st.sampled_from(["|", "^", "~", "\\", "&", "\r", "\n", "\x0b", "\x1c", "\\X0D\\", '""', "&x;", "ä", "MSH|^~\\&"])
).map("".join)


class TestJoin:
    @given(st.one_of(LATIN, HOSTILE))
    def test_text_of_a_citizen_never_adds_a_segment_or_a_field(self, text: str) -> None:
        raw = hl7.join([("MSH", {9: ("SRM", "S01")}), ("NTE", {3: text}), ("ARQ", {7: ("", (text, text)), 8: "x"})])
        assert not {0x0B, 0x1C, 0x0A} & set(raw)
        found = hl7.split(raw)
        assert [segment.name for segment in found.segments] == ["MSH", "NTE", "ARQ"]
        _, nte, arq = found.segments
        assert nte[3].text() == nte[3].whole() == text
        assert nte.filled() == ([3] if text else [])
        assert arq[7].text(2, 1) == arq[7].text(2, 2) == text
        assert arq[8].text() == "x"

    @given(ANY)
    def test_text_is_carried_or_refused_never_bent(self, text: str) -> None:
        if all(c <= "\xff" for c in text):
            raw = hl7.join([("MSH", {}), ("NTE", {3: text})])
            assert hl7.split(raw).segments[1][3].text() == text
        else:
            with pytest.raises(NotCarried) as refused:
                hl7.join([("MSH", {}), ("NTE", {3: text})])
            assert str(refused.value) == "NTE-3 has characters that 8859/1 does not carry"

    def test_repetitions_components_and_subcomponents(self) -> None:
        raw = hl7.join([("MSH", {}), ("PID", {3: [("1", "", "", ("VRK", "1.2", "ISO")), "2"], 5: ("a", "")})])
        assert raw.split(b"\r")[1] == b"PID|||1^^^VRK&1.2&ISO~2||a"

    def test_a_lone_surrogate_is_refused(self) -> None:
        with pytest.raises(NotCarried):
            hl7.join([("MSH", {}), ("NTE", {3: "\ud800"})], "UNICODE UTF-8")
