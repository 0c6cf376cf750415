"""`silta route explain`: the rule and its line, other days, the rest of the county."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from hub.cli import app
from hub.explaining import Days, Lines, explain, lines_of
from hub.routing import Route, Routing

CONFIG = """
[hub]
profile = "sandbox"
public_url = "http://127.0.0.1:8080"
store = "sqlite:////tmp/x.sqlite"
key = "3YUc1ibzr0U4QtVUiq07Y2Pr1zE5doskm74NZvtfCwY"
[county]
name = "Itä-Uusimaa"
open = true
[register]
address = "http://127.0.0.1:8082"
api_key = "k"
[[installation]]
name = "porvoo"
system = "lifecare"
municipalities = ["638", "504"]
sectors = ["health"]
[[route]]
municipality = "638"
sector = "health"
installation = "porvoo"
[[route]]  # Myrskylä
municipality = "504"
sector = "health"
installation = "porvoo"
first = 2023-01-01
"""
LINE = CONFIG.splitlines().index("[[route]]  # Myrskylä") + 1
OPEN = CONFIG.splitlines().index("open = true") + 1


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "hub.toml"
    file.write_text(CONFIG, "utf-8")
    return file


def told(config: Path, *arguments: str) -> dict[str, Any]:
    done = CliRunner().invoke(app, ["route", "explain", "--config", str(config), "--json", *arguments])
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.output)
    return found


def test_the_rule_is_named_with_its_line_and_what_another_day_would_give(config: Path) -> None:
    found = told(config, "--municipality", "504", "--sector", "health", "--day", "2027-03-22")
    assert (found["installation"], found["rule"]["line"], found["rule"]["first"]) == ("porvoo", LINE, "2023-01-01")
    assert "from 2023-01-01 on" in found["why"]
    assert found["other_days"] == [{"first": None, "last": "2022-12-31", "installation": None, "rule": None}]
    assert found["file"] == str(config)


@pytest.mark.parametrize(("day", "installation"), [("2022-12-31", None), ("2023-01-01", "porvoo")])
def test_the_first_day_is_the_first_day(config: Path, day: str, installation: str | None) -> None:
    found = told(config, "--municipality", "504", "--sector", "health", "--day", day)
    assert found["installation"] == installation
    assert [one["installation"] for one in found["other_days"]] == ["porvoo" if installation is None else None]


def test_an_open_county_is_explained(config: Path) -> None:
    with config.open("a", encoding="utf-8") as file:
        file.write('[[installation]]\nname = "loviisa"\nsystem = "pegasos"\nmunicipalities = ["434"]\n')
        file.write('sectors = ["health"]\n[[route]]\nmunicipality = "434"\nsector = "health"\n')
        file.write('installation = "loviisa"\n')
    asked = ["--municipality", "504", "--sector", "health"]
    elsewhere = told(config, *asked, "--day", "2027-03-22")["elsewhere"]
    assert (elsewhere["open"], elsewhere["line"]) == (True, OPEN)
    assert [(one["installation"], one["municipality"]) for one in elsewhere["rules"]] == [("loviisa", "434")]
    before = told(config, *asked, "--day", "2022-12-31")["elsewhere"]
    assert before["rules"] == []
    assert "not the county's" in before["why"]
    config.write_text(config.read_text("utf-8").replace("open = true", "open = false"), "utf-8")
    closed = told(config, *asked, "--day", "2027-03-22")["elsewhere"]
    assert (closed["rules"], "not open" in closed["why"]) == ([], True)


def test_people_read_file_and_line(config: Path) -> None:
    arguments = ["--municipality", "504", "--sector", "health", "--day", "2027-03-22"]
    said = CliRunner().invoke(app, ["route", "explain", "--config", str(config), *arguments]).output
    assert said.startswith(f"504 health on 2027-03-22: porvoo  ({config}:{LINE})")
    assert "until 2022-12-31: nobody" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--municipality", "18", "--sector", "health"], "--municipality 018"),
        (["--municipality", "018", "--sector", "health", "--day", "22.3.2027"], "--day 2027-03-22"),
        (["--municipality", "018", "--sector", "dental"], "oral"),
    ],
)
def test_what_cannot_be_asked_is_told_with_what_can(config: Path, arguments: list[str], said: str) -> None:
    done = CliRunner().invoke(app, ["route", "explain", "--config", str(config), *arguments])
    assert done.exit_code == 2
    assert said in done.output


def test_a_municipality_without_a_rule_is_told_with_those_that_have_one(config: Path) -> None:
    found = told(config, "--municipality", "091", "--sector", "health", "--day", "2027-03-22")
    assert found["installation"] is None
    assert "504, 638" in found["why"]


def test_all_days_are_covered_once() -> None:
    routes = [
        Route("504", "health", "b", date(2023, 1, 1), date(2024, 6, 30)),
        Route("504", "health", "a", None, date(2020, 12, 31)),
        Route("504", "health", "c", date(2024, 7, 1), None),
        Route("504", "oral", "d"),
    ]
    found = explain(Routing(routes, open_county=False), Lines(), "504", "health", date(2021, 5, 5))
    spans = [(one.first, one.last, one.rule.route.installation if one.rule else None) for one in found.days]
    assert spans == [
        (None, date(2020, 12, 31), "a"),
        (date(2021, 1, 1), date(2022, 12, 31), None),
        (date(2023, 1, 1), date(2024, 6, 30), "b"),
        (date(2024, 7, 1), None, "c"),
    ]
    assert found.now == Days(date(2021, 1, 1), date(2022, 12, 31), None)
    nobody = explain(Routing([], open_county=True), Lines(), "504", "health", date(2021, 5, 5))
    assert (nobody.days, nobody.elsewhere) == ([Days(None, None, None)], [])


def test_lines_that_cannot_be_known_are_not_made_up() -> None:
    assert lines_of('route = [{municipality = "018"}]', 1).routes == {}
    assert lines_of(CONFIG, 2).routes[1] == LINE
