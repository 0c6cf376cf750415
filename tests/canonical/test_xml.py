"""The XML parser accepts documents and nothing that hides in them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from canonical.xml import BadXml, loads

BILLION_LAUGHS = b"""<!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;">
<!ENTITY lol3 "&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;">]><a>&lol3;</a>"""


def test_a_document_is_read() -> None:
    assert loads("<a xmlns='urn:x'><b>åäö</b></a>".encode()).find("{urn:x}b").text == "åäö"


@pytest.mark.parametrize(
    "bad",
    [
        BILLION_LAUGHS,
        b"<!DOCTYPE a SYSTEM 'http://127.0.0.1:9/a.dtd'><a/>",
        b"<!DOCTYPE a><a/>",
        b"<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>",
        b"<!DOCTYPE a [<!ENTITY % p SYSTEM 'http://127.0.0.1:9/p'>%p;]><a/>",
        b"<a>",
        b"",
        b"<a>&undefined;</a>",
        b"<a>" * 300 + b"</a>" * 300,
        b"<a>\xff</a>",
    ],
)
def test_what_hides_is_refused(bad: bytes) -> None:
    with pytest.raises(BadXml):
        loads(bad)


def test_too_large_is_refused_unread() -> None:
    with pytest.raises(BadXml):
        loads(b"<a>" + b"x" * 100 + b"</a>", max_bytes=50)


@pytest.mark.parametrize("module", ["xml.etree.ElementTree", "xml.dom.minidom", "xml.sax", "pickle"])
def test_every_other_parser_is_banned_by_the_lint(module: str) -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--select", "TID251", "--stdin-filename", "hub/x.py", "-"],
        input=f"import {module}\n",
        text=True,
        capture_output=True,
        check=False,
    )
    assert checked.returncode == 1, checked.stdout
    assert "TID251" in checked.stdout
