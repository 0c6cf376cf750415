"""What the mappings must know of one installation: its names, and what its services are called here."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from canonical import codes, fhir
from canonical.fhir import Element
from canonical.notes import NoteKind
from mappings.engine.recorder import Recorder
from mappings.engine.tables import table
from mappings.xml_tree import Schema


@dataclass(frozen=True, slots=True)
class Site:
    """One installation, by its name in the configuration."""

    installation: str

    def system(self, what: str) -> str:
        """The installation's own identifier or code system, or extension, of ``what``."""
        return codes.local(self.installation, what)

    def service(self, code: str, path: str, recorder: Recorder) -> tuple[Element, list[Element]]:
        """A service as concepts: its type (the local code and the national one) and its categories.

        The messages about bookings and times hold the local code alone. A code that is not in the table stays as it
        is, with a note; one that the table gives no national code has none.
        """
        row = table(__package__, "service", keys=2).get((self.installation, code))
        if row is None:
            recorder.note(NoteKind.UNKNOWN_CODE, path, f"{code} is not in the table of services; it is kept")
            return fhir.concept(fhir.coding(self.system("service"), code)), []
        return self.classified(code, row["name"], row["national"], row["category"])

    def classified(self, code: str, name: str, national: str, category: str) -> tuple[Element, list[Element]]:
        """The same of a service whose national codes are given; ``""`` for none."""
        codings = [fhir.coding(self.system("service"), code, name)]
        if national:
            codings.append(fhir.coding(codes.SERVICE, national))
        categories = [fhir.concept(fhir.coding(codes.SERVICE_CATEGORY, category))] if category else []
        return fhir.concept(*codings), categories

    def places(self, code: str, left: int) -> list[Element]:
        """How many places a time of a group service has and how many are left; nothing for a time of one person's."""
        row = table(__package__, "service", keys=2).get((self.installation, code))
        capacity = int(row["places"]) if row else left
        if capacity < 2:
            return []
        inner = [{"url": "capacity", "valuePositiveInt": capacity}, {"url": "left", "valueUnsignedInt": left}]
        return [{"url": self.system("places"), "extension": inner if row else inner[1:]}]


@cache
def schema() -> Schema:
    """What the vendor's schema knows, for the rules."""
    return Schema(str(__package__), "mediatri.xsd")
