"""The contract suite, run on the adapter of one package, and an account of it that people can read."""

from __future__ import annotations

import contextlib
import io
import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from adapters.base import Capability
from adapters.systems import GROUP, OURS

TO_DO: Final = "to do:"
"""How the reason of a gap begins that nobody has looked into yet."""
_AREAS: Final = {
    "DirectoryContract": "directory",
    "FreeTimesContract": "find",
    "PersonContract": "person",
    "BookingContract": "book",
    "CancelContract": "cancel",
    "MoveContract": "move",
    "HoldContract": "hold",
    "ProposalContract": "proposals",
    "CapabilityContract": "capabilities",
    "FaultContract": "faults",
    "ExchangeContract": "exchanges",
    "TextContract": "texts",
    "NightContract": "nights",
}
OWN: Final = "own tests"
_NAMED: Final = 3
"""Tests that are named of those that one reason keeps from passing."""
_SAID: Final = re.compile(r"^Skipped: ")


class CannotExamine(Exception):
    """The suite cannot be run; the text ends with what to do."""


@dataclass(slots=True)
class Account:
    """What came of it. ``areas`` counts outcomes by area; ``failed`` is (test, first line of why); ``gaps`` are the
    profile's, ``absent`` what the wire cannot have or the subject does not bring, by reason."""

    name: str
    folder: str
    areas: dict[str, Counter[str]] = field(default_factory=dict)
    failed: list[tuple[str, str]] = field(default_factory=list)
    gaps: dict[str, str] = field(default_factory=dict)
    absent: Counter[str] = field(default_factory=Counter)

    @property
    def to_do(self) -> dict[str, str]:
        """The gaps that nobody has looked into yet."""
        return {name: why for name, why in self.gaps.items() if why.startswith(TO_DO)}

    @property
    def declared(self) -> dict[str, str]:
        """The gaps that are the system's."""
        return {name: why for name, why in self.gaps.items() if not why.startswith(TO_DO)}

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "name": self.name,
            "folder": self.folder,
            "areas": {area: dict(counted) for area, counted in self.areas.items()},
            "failed": [{"test": test, "why": why} for test, why in self.failed],
            "to_do": self.to_do,
            "declared": self.declared,
            "absent": dict(self.absent),
        }

    def as_text(self) -> str:
        """For people."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"{self.name}: {self.folder}\n"
        yield f"  {'':<14}{'pass':>6}{'to do':>7}{'gap':>6}{'absent':>8}"
        for area in (*_AREAS.values(), OWN):
            if counted := self.areas.get(area):
                numbers = (counted["pass"], counted["to do"], counted["gap"], counted["absent"])
                yield f"  {area:<14}{numbers[0]:>6}{numbers[1]:>7}{numbers[2]:>6}{numbers[3]:>8}"
        if self.failed or self.to_do:
            yield "\nTo do"
            yield from self._reasons()
            yield from (f"  {name}: {why.removeprefix(TO_DO).strip()}" for name, why in self.to_do.items())
        if self.declared:
            yield "\nDeclared gaps (each proven to be one)"
            yield from (f"  {name}: {why}" for name, why in self.declared.items())
        if self.absent:
            yield "\nAbsent: what this wire or this test environment does not have"
            yield from (f"  {why}" for why in self.absent)
        yield ""
        yield self._verdict()

    def _reasons(self) -> Iterator[str]:
        """Why tests fail, in the order in which it began: one cause may keep many from passing."""
        by_reason: dict[str, list[str]] = {}
        for test, why in self.failed:
            by_reason.setdefault(why, []).append(test)
        for why, tests in by_reason.items():
            more = f" and {len(tests) - _NAMED} more" if len(tests) > _NAMED else ""
            yield f"  {why}\n      {', '.join(tests[:_NAMED])}{more}"

    def _verdict(self) -> str:
        passed = sum(counted["pass"] for counted in self.areas.values())
        if self.failed:
            return f"{len(self.failed)} fail, {passed} pass. Next: silta adapter test {self.name} --only TEST"
        if self.to_do:
            return (
                f"{passed} pass. Next: for each capability to do, implement it or write the reason why it is missing."
            )
        return f"{passed} pass, nothing is to do."


def examine(name: str, folder: Path | None, only: str) -> Account:
    """Run the tests of a system's package. Raises `CannotExamine`."""
    try:
        import pytest
    except ModuleNotFoundError:
        raise CannotExamine("pytest is not installed. Install it: python -m pip install 'sotesilta[test]'") from None
    found = folder or _folder_of(name)
    tests = found if name in OURS else found / "tests"
    if not tests.is_dir():
        raise CannotExamine(f"{found} has no tests. Name the folder of the package with --folder")
    account, output = Account(name, str(found)), io.StringIO()
    arguments = [str(tests), "-q", "-p", "no:cacheprovider", *(["-k", only] if only else [])]
    if (found / "pyproject.toml").exists():
        arguments += ["-c", str(found / "pyproject.toml"), "--rootdir", str(found)]
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        status = pytest.main(arguments, plugins=[_Keeper(account)])
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        lines = output.getvalue().strip().splitlines()
        said = "\n".join([line for line in lines if line.startswith(("E  ", "ERROR"))] or lines[-5:])
        raise CannotExamine(f"the tests of {found} do not run:\n{said}\nMend that, and run it again.")
    return account


class _Keeper:
    """A plugin of pytest's that keeps the account."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._areas: dict[str, str] = {}

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        for item in items:
            owner = getattr(item.function, "__qualname__", "").partition(".")[0]
            self._areas[item.nodeid] = _AREAS.get(owner, OWN)

    def pytest_runtest_teardown(self, item: Any) -> None:
        subject = item.funcargs.get("subject")
        profile = getattr(getattr(subject, "adapter", None), "profile", None)
        if profile is not None:
            self._account.gaps |= {str(name): why for name, why in profile.gaps.items()}

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.when != "call" and report.outcome == "passed":
            return
        counted = self._account.areas.setdefault(self._areas[report.nodeid], Counter())
        if report.outcome == "skipped":
            counted[self._skipped(_SAID.sub("", str(report.longrepr[2])))] += 1
        elif report.outcome == "failed":
            counted["to do"] += 1
            self._account.failed.append((_test(report.nodeid), _why(report)))
        else:
            counted["pass"] += 1

    def _skipped(self, why: str) -> str:
        capability, _, reason = why.partition(": ")
        if capability in set(Capability):
            return "to do" if reason.startswith(TO_DO) else "gap"
        self._account.absent[why] += 1
        return "absent"


def _test(nodeid: str) -> str:
    return nodeid.rpartition("::")[2]


def _why(report: Any) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash is not None else str(report.longrepr)
    return next(iter(text.splitlines()), "")[:200]


def _folder_of(name: str) -> Path:
    """Where the package of a system is: here, beside us, or where it was installed from."""
    if name in OURS and (ours := Path.cwd() / "tests" / "adapters" / name).is_dir():
        return ours
    for one in (Path.cwd(), Path.cwd() / f"sotesilta-{name}"):
        if name in _brings(one):
            return one
    for point in entry_points(group=GROUP, name=name):
        told = point.dist.read_text("direct_url.json") if point.dist else None
        if told and (url := re.search(r'"url": *"(file:[^"]+)"', told)):
            return Path(unquote(urlsplit(url[1]).path))
    raise CannotExamine(
        f"no package of {name!r} is here or in ./sotesilta-{name}. "
        f"Make one (silta adapter new {name} --transport rest), or name its folder with --folder"
    )


def _brings(folder: Path) -> Mapping[str, str]:
    """The systems that the package in ``folder`` brings."""
    try:
        project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8")).get("project", {})
    except (OSError, tomllib.TOMLDecodeError):
        return {}
    found: Mapping[str, str] = project.get("entry-points", {}).get(GROUP, {})
    return found
