"""The configuration is read whole, and every problem is said with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.config import ConfigurationError, load

GOOD = """
[hub]
profile = "sandbox"
public_url = "http://127.0.0.1:8080"
store = "sqlite:////tmp/x.sqlite"
key = "3YUc1ibzr0U4QtVUiq07Y2Pr1zE5doskm74NZvtfCwY"
[county]
name = "Itä-Uusimaa"
[register]
address = "http://127.0.0.1:8082"
api_key = "k"
[[installation]]
name = "lifecare-askola"
system = "lifecare"
municipalities = ["018"]
sectors = ["health"]
[[route]]
municipality = "018"
sector = "health"
installation = "lifecare-askola"
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "hub.toml"
    file.write_text(text, "utf-8")
    return file


def test_a_good_one_is_read_and_codes_stay_strings(tmp_path: Path) -> None:
    settings = load(written(tmp_path, GOOD))
    assert settings.routing().routes[0].municipality == "018"
    assert settings.installations()[0].name == "lifecare-askola"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('profile = "sandbox"', 'profile = "test"'), "hub.profile"),
        (('installation = "lifecare-askola"', 'installation = "lifecare-porvo"'), "lifecare-porvo"),
        (('municipality = "018"\nsector', "municipality = 18\nsector"), "route.0.municipality"),
        (('api_key = "k"', 'api_kei = "k"'), "register.api_kei"),
        (('name = "Itä-Uusimaa"', ""), "county.name"),
        (('profile = "sandbox"', 'profile = "production"\nclock = "file:/x"'), "system clock"),
        (('key = "3Y', 'broker = "amqp://127.0.0.1"\nkey = "3Y'), "broker needs PostgreSQL"),
        (('key = "3Y', 'broker = "redis://127.0.0.1"\nkey = "3Y'), "hub.broker"),
        (("[county]", "[county"), "not TOML"),
        (('key = "3Y', 'key = "env:SILTA_NO_SUCH_VARIABLE" # '), "SILTA_NO_SUCH_VARIABLE"),
    ],
)
def test_each_problem_is_named(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load(written(tmp_path, GOOD.replace(*change)))
    assert any(said in problem for problem in raised.value.problems)


def test_all_problems_are_listed_at_once(tmp_path: Path) -> None:
    text = GOOD.replace('profile = "sandbox"', 'profile = "x"').replace('api_key = "k"', 'api_key = ""')
    with pytest.raises(ConfigurationError) as raised:
        load(written(tmp_path, text))
    assert len(raised.value.problems) == 2


def test_a_secret_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SILTA_TEST_KEY", "of-the-register")
    settings = load(written(tmp_path, GOOD.replace('api_key = "k"', 'api_key = "env:SILTA_TEST_KEY"')))
    assert settings.register_.api_key == "of-the-register"


def test_no_problem_repeats_a_hetu(tmp_path: Path) -> None:
    token = '\n[[token]]\nsha256 = "zz"\nclient = "c"\nresident = "010594Y9022"\n'
    with pytest.raises(ConfigurationError) as raised:
        load(written(tmp_path, GOOD + token))
    assert "010594Y9022" not in str(raised.value)
