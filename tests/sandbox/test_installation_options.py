"""The options of an installation: from its data file, and over them from sandbox.toml."""

from __future__ import annotations

from pathlib import Path

from sandbox.config import config_toml, load_config, new_config
from sandbox.world import World


def test_options_of_an_installation_survive_the_file(tmp_path: Path) -> None:
    config = new_config(0)
    settings = config.installations["pegasos-loviisa"].model_copy(
        update={"options": {"acknowledgement": "enhanced", "limit": 3, "strict": True}}
    )
    config = config.model_copy(update={"installations": config.installations | {"pegasos-loviisa": settings}})
    (tmp_path / "sandbox.toml").write_text(config_toml(config), "utf-8")
    assert load_config(tmp_path) == config
    world = World(config.model_copy(update={"residents": 60}), tmp_path)
    assert world.installations["pegasos-loviisa"].config.options == settings.options
    assert world.installations["lifecare-porvoo"].config.options == {"root": "2.999.638"}
    world.close()
