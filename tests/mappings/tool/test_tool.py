"""``silta map``: what it tells of the repository's own samples, and what it says when something is wrong."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mappings.cli import app
from mappings.engine.mapping import every
from mappings.engine.recorder import Recorder
from mappings.tool import fields
from mappings.tool.covering import corpus, coverage
from mappings.tool.explaining import explain
from mappings.tool.systems import names, system, whose

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "tests" / "golden"
BOOKED = {
    "lifecare": ("appointment-booked/source.json", "Appointment.start", "Appointment.start"),
    "mediatri": ("book-answer/reply.xml", "Appointment.start", "alku/paiva"),
    "pegasos": ("book-answer/reply.hl7", "Appointment.start, end, minutesDuration", "SCH-11"),
    "population_register": ("child/source.json", "Patient", "person/birth_date"),
    "proconsona": ("meeting-booked/source.xml", "Appointment.start", "tapaaminen/alku"),
}


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, list(arguments))
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


def test_every_system_can_be_looked_at() -> None:
    assert names() == sorted(BOOKED)


@pytest.mark.parametrize("name", BOOKED)
def test_a_field_is_explained_by_its_source_and_its_rule(name: str) -> None:
    file, element, place = BOOKED[name]
    code, output = run("explain", str(GOLDEN / name / file), "--json")
    told = json.loads(output)
    assert (code, told["system"]) == (0, name)
    [found] = [one for one in told["resources"][0]["fields"] if one["element"] == element]
    assert any(one["place"].endswith(place) for one in found["sources"])
    rule, _, line = found["rule"].rpartition(":")
    text = (ROOT / rule).read_text("utf-8").splitlines()[int(line) - 1]
    assert text.lstrip().startswith(("{", "def "))
    if rule.endswith(".toml"):
        assert element.rpartition(".")[2] in text


@pytest.mark.parametrize("name", BOOKED)
def test_what_is_explained_is_what_is_mapped(name: str) -> None:
    of, seen = system(name), 0
    for file in corpus(name, ()):
        data = file.read_bytes()
        try:
            plain, recorder = [], Recorder(of.site)
            plain += of.read(data, recorder)
        except ValueError:
            continue
        found = explain(data, of)
        assert [one.resource for one in found.made] == plain, file
        assert found.notes == recorder.notes, file
        assert whose(data).name == name
        seen += len(plain)
    assert seen > 1


@pytest.mark.parametrize("name", ["mediatri", "proconsona"])
def test_every_rule_is_used_by_some_sample(name: str) -> None:
    of = system(name)
    found = coverage(of, corpus(name, ()))
    rare = [
        one for one in found.unused if "as" in _row(one) and '"drop' not in _row(one) and '"constant"' not in _row(one)
    ]
    assert rare == []
    assert {rule.at for message in of.messages().values() for rule in every(message.rules)}


def _row(unused: str) -> str:
    file, line = unused.split(":")[:2]
    return (ROOT / file).read_text("utf-8").splitlines()[int(line) - 1]


def test_what_nobody_carries_is_found(tmp_path: Path) -> None:
    code, output = run("coverage", "mediatri", str(GOLDEN / "mediatri" / "what-the-manual-does-not-promise"), "--json")
    told = json.loads(output)
    assert code == 0
    assert any(place.endswith("ajanvaraus/uusi/b") for place in told["unmapped"])
    assert "priority" in told["unmade"]["Appointment"]
    assert "comment" not in told["unmade"]["Appointment"] or "description" not in told["unmade"]["Appointment"]
    assert any("canonical.json" in one for one in told["unread"])
    code, output = run("coverage", "mediatri", str(tmp_path))
    assert code == 1
    assert "name a folder" in output


@pytest.mark.parametrize("arguments", [("explain", "FILE"), ("coverage", "proconsona"), ("watch", "FILE", "--once")])
def test_people_can_read_it(arguments: tuple[str, ...]) -> None:
    file = str(GOLDEN / "proconsona" / "meeting-cancelled" / "source.xml")
    code, output = run(*(file if one == "FILE" else one for one in arguments))
    assert code == 0
    assert "laajennus/huone" in output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("explain", "no-such-file"), "No such file"),
        (("explain", "README.md"), "--system"),
        (("explain", "README.md", "--system", "medatri"), "there are lifecare, mediatri"),
        (("explain", "README.md", "--system", "mediatri"), "Try: silta map"),
        (("coverage", "medatri"), "there are lifecare, mediatri"),
        (("doc", "medatri"), "there are lifecare, mediatri"),
    ],
)
def test_an_error_says_what_to_do_next(arguments: tuple[str, ...], said: str) -> None:
    code, output = run(*(str(ROOT / one) if one.endswith("README.md") else one for one in arguments))
    assert code == 1
    assert said in output
    assert "Traceback" not in output


@pytest.mark.parametrize("name", BOOKED)
def test_the_field_tables_are_up_to_date(name: str) -> None:
    assert not fields.is_stale(system(name))


def test_a_field_table_that_is_not_up_to_date_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fields, "FOLDER", tmp_path)
    (tmp_path / "mediatri").mkdir()
    assert run("doc", "mediatri", "--check")[0] == 1
    assert run("doc", "mediatri")[0] == 0
    assert run("doc", "mediatri", "--check")[0] == 0
    file = tmp_path / "mediatri" / "FIELDS.md"
    file.write_text("About us.\n" + file.read_text("utf-8").replace("`moment`", "`instant`"), "utf-8")
    assert run("doc", "mediatri", "--check")[0] == 1
    run("doc", "mediatri")
    assert "`moment`" in file.read_text("utf-8")
    assert file.read_text("utf-8").startswith("About us.\n")


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[tuple[Path, subprocess.Popen[str]]]:
    """A copy of the mappings, and a message of theirs that is watched."""
    for part in ("canonical", "mappings"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    file = tmp_path / "message.xml"
    shutil.copy(GOLDEN / "mediatri" / "book-answer" / "reply.xml", file)
    command = [sys.executable, "-m", "mappings", "watch", str(file)]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        yield tmp_path, process
        process.kill()


def test_a_change_of_the_message_or_of_a_rule_is_seen_at_once(watched: tuple[Path, subprocess.Popen[str]]) -> None:
    folder, process = watched
    assert _until_done(process)[-1].startswith("mediatri, ")
    message, rules = folder / "message.xml", folder / "mappings" / "mediatri" / "rules" / "appointments.toml"
    message.write_text(message.read_text("utf-8").replace("VARATTU", "PERUTTU"), "utf-8")
    assert '+   "status": "cancelled",' in _until_done(process)
    right = rules.read_text("utf-8")
    rules.write_text(right.replace('to = "created", as', 'to = "creatd", as'), "utf-8")
    assert "appointments.toml:40: R4's Appointment has no creatd" in _until_done(process)[-1]
    rules.write_text(re.sub(r'  \{ from = "luotu!".*\n', "", right), "utf-8")
    after = _until_done(process)
    assert any(line.startswith("unmapped") and "luotu/paiva" in line for line in after)
    assert any(line.startswith("-") and '"created"' in line for line in after)


def _until_done(process: subprocess.Popen[str]) -> list[str]:
    """The lines of one view: it ends with the system and the time it took, or with what is wrong."""
    lines: list[str] = []
    out: Any = process.stdout
    while not re.search(r"^\w+, [\d.]+ ms$|appointments\.toml:\d+: R4", (lines or [""])[-1]):
        line = out.readline()
        assert line, lines
        lines.append(line.rstrip("\n"))
    return lines


def test_of_several_records_in_one_answer_each_has_its_own_steps() -> None:
    data = (GOLDEN / "mediatri" / "directory" / "1-yksikot.xml").read_bytes()
    for one in explain(data, system("mediatri")).made:
        key = [code["value"] for code in one.resource["identifier"] if code["system"].endswith("/unit")]
        assert [step.value for step in one.steps if step.element.endswith(".id")] == key
        assert {step.element.partition(".")[0] for step in one.steps} <= {one.resource["resourceType"], ""}
