"""Third parties' packages bring record systems by an entry point."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from adapters.base import Installation
from adapters.errors import Misconfigured
from adapters.systems import OURS, systems

ADAPTER = "def open(installation):\n    return ('opened', installation.name)\n"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed packages."""
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def install(site: Path, distribution: str, module: str, code: str, system: str = "kolmas") -> None:
    (site / f"{module}.py").write_text(code)
    info = site / f"{distribution.replace('-', '_')}-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[sotesilta.adapters]\n{system} = {module}:open\n")
    importlib.invalidate_caches()


def opened(system: str) -> object:
    return systems()[system](Installation("kolmas-1", system, "", ("638",), ("health",)))


def test_ours_are_there_without_being_imported() -> None:
    assert set(OURS) <= systems().keys()


def test_a_package_brings_a_system(site: Path) -> None:
    install(site, "sotesilta-kolmas", "kolmas_one", ADAPTER)
    assert opened("kolmas") == ("opened", "kolmas-1")


def test_a_package_is_not_imported_before_an_installation_needs_it(site: Path) -> None:
    install(site, "sotesilta-kolmas", "kolmas_unused", "raise ImportError('nobody asked')")
    assert "kolmas" in systems()
    assert "kolmas_unused" not in sys.modules


def test_a_package_that_does_not_load_says_what_to_do(site: Path) -> None:
    install(site, "sotesilta-kolmas", "kolmas_broken", "import no_such_module_at_all\n")
    with pytest.raises(LookupError, match=r"sotesilta-kolmas does not load .*no_such_module.* reinstall"):
        opened("kolmas")


def test_two_packages_of_one_system_are_told_apart_by_nobody(site: Path) -> None:
    install(site, "sotesilta-kolmas", "kolmas_first", ADAPTER)
    install(site, "toinen-kolmas", "kolmas_second", ADAPTER)
    with pytest.raises(LookupError, match=r"sotesilta-kolmas and toinen-kolmas both bring .* uninstall one"):
        opened("kolmas")


def test_nobody_takes_a_name_of_ours(site: Path) -> None:
    install(site, "sotesilta-pegasos", "kolmas_thief", "raise ImportError('not asked')", system="pegasos")
    with pytest.raises(Misconfigured, match="address"):
        opened("pegasos")
