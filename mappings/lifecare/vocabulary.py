"""The names of one installation: its code and identifier systems, its services, and what they are called here.

The tables beside this module are for people to read and correct; a local code that they do not know stays as it is.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from canonical import codes
from mappings.lifecare.clocks import TRUE, Clock

CANCELATION_REASON: Final = "6.30"
"""Below the root: the system of causes of cancellation (manual §3)."""


@dataclass(frozen=True, slots=True)
class Service:
    """A local service code: its code in the national nomenclature and its sector, "" where there is none."""

    national: str
    sector: str


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """``systems``: the vendor's system to ours; ``services``: by local code; ``sector``: of every service not in the
    table ("" where that cannot be said); ``clock``: how the release writes times."""

    installation: str
    root: str
    systems: Mapping[str, str]
    services: Mapping[str, Service]
    sector: str
    clock: Clock = TRUE

    def system(self, what: str) -> str:
        """The installation's own identifier or code system of ``what``, as it is called here."""
        return codes.local(self.installation, what)

    @property
    def service(self) -> str:
        """The system of local service codes, as it is called here."""
        return self.system("service")

    @property
    def appointment(self) -> str:
        """The system of the installation's appointment numbers, as it is called here."""
        return self.system("appointment")


def vocabulary(installation: str, root: str, sectors: Sequence[str], clock: Clock = TRUE) -> Vocabulary:
    """The names of ``installation``, whose own systems begin with ``root`` (``urn:oid:2.999.638``).

    Where the installation has one sector only, that is the sector of services that the table does not know.
    """
    systems = {f"{root}.{row['suffix']}": codes.local(installation, row["what"]) for row in rows("systems")}
    own = [row for row in rows("services") if row["root"] == root]
    services = {row["code"]: Service(row["national"], row["sector"]) for row in own}
    sector = sectors[0] if len(sectors) == 1 else ""
    return Vocabulary(installation, root, MappingProxyType(systems), MappingProxyType(services), sector, clock)


@cache
def elements() -> Mapping[str, frozenset[str]]:
    """The elements carried over of each kind of resource: those that R4 knows (beside those of every resource), and of
    Patient those that are the installation's own to say."""
    return {row["kind"]: frozenset(row["elements"].split()) for row in rows("elements")}


@cache
def restrictions() -> Mapping[str, str]:
    """What the codes of the national classification are called that says who may see a minor's appointment."""
    return {row["code"]: row["display"] for row in rows("restriction-parent")}


def rows(table: str) -> Iterator[dict[str, str]]:
    """The rows of one of the tables beside this module."""
    with files(__package__).joinpath("tables", f"{table}.csv").open(encoding="utf-8") as opened:
        yield from csv.DictReader(opened)
