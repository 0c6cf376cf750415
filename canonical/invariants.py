"""The rules between elements that FHIR R4 states for the types this hub speaks (the constraints of each type's page).

Each is asked only of an object that is valid in itself; best-practice rules (dom-6) are not here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Invariant:
    """``key`` is R4's; ``element`` is the element of the object to blame, empty for the object itself."""

    key: str
    holds: Callable[[Object], bool]
    says: str
    element: str = ""


def _not_after(first: str, second: str) -> bool:
    """Whether one dateTime is not after another, as far as their common precision tells."""
    if len(first) > 10 and len(second) > 10:
        return datetime.fromisoformat(first) <= datetime.fromisoformat(second)
    common = min(len(first), len(second), 10)
    return first[:common] <= second[:common]


def _period(o: Object) -> bool:
    return "start" not in o or "end" not in o or _not_after(o["start"], o["end"])


def _has(o: Object, element: str) -> bool:
    """Whether an element is there: one that says only why its value is absent is (FHIRPath ``exists()``)."""
    return element in o or f"_{element}" in o


def _has_value(o: Object) -> bool:
    return any(name.startswith(("value", "_value")) for name in o)


def _name_or(o: Object, other: str) -> bool:
    return "name" in o or "_name" in o or other in o


def _no(o: Object, list_name: str, element: str, code: str) -> bool:
    return not any(one.get(element) == code for one in o.get(list_name, ()))


def _entries(o: Object) -> list[Object]:
    entries: list[Object] = o.get("entry", [])
    return entries


def _full_urls_differ(o: Object) -> bool:
    urls = [
        (e["fullUrl"], e.get("resource", {}).get("meta", {}).get("versionId")) for e in _entries(o) if "fullUrl" in e
    ]
    return o.get("type") == "history" or len(urls) == len(set(urls))


def _unique(o: Object, list_name: str, *elements: str) -> bool:
    keys = [tuple(one.get(e) for e in elements) for one in o.get(list_name, ())]
    return len(keys) == len(set(keys))


_WITH_REQUESTS: Final = ("batch", "transaction", "history")
_QUANTITY: Final = (Invariant("qty-3", lambda o: "code" not in o or "system" in o, "a coded unit names its system"),)

BY_TYPE: Final[Mapping[str, tuple[Invariant, ...]]] = {
    "Appointment": (
        Invariant("app-2", lambda o: _has(o, "start") == _has(o, "end"), "start and end stand together or not at all"),
        Invariant(
            "app-3",
            lambda o: (_has(o, "start") and _has(o, "end")) or o.get("status") in ("proposed", "cancelled", "waitlist"),
            "only proposed, cancelled or waitlist may be without start and end",
        ),
        Invariant(
            "app-4",
            lambda o: "cancelationReason" not in o or o.get("status") in ("cancelled", "no-show", "noshow"),
            "only a cancelled appointment has a cancelationReason",
            "cancelationReason",
        ),
    ),
    "AppointmentParticipant": (
        Invariant("app-1", lambda o: "type" in o or "actor" in o, "a participant has a type or an actor"),
    ),
    "Attachment": (Invariant("att-1", lambda o: "data" not in o or "contentType" in o, "data needs a contentType"),),
    "Bundle": (
        Invariant(
            "bdl-1", lambda o: "total" not in o or o.get("type") in ("searchset", "history"), "total is for searches"
        ),
        Invariant(
            "bdl-2",
            lambda o: o.get("type") == "searchset" or all("search" not in e for e in _entries(o)),
            "entry.search is for searches",
        ),
        Invariant(
            "bdl-3",
            lambda o: all(("request" in e) == (o.get("type") in _WITH_REQUESTS) for e in _entries(o)),
            "entry.request stands in every entry of a batch, transaction or history, and nowhere else",
        ),
        Invariant("bdl-7", _full_urls_differ, "fullUrl is unique in a bundle"),
        Invariant(
            "bdl-8",
            lambda o: all("/_history/" not in e.get("fullUrl", "") for e in _entries(o)),
            "fullUrl names no version",
        ),
    ),
    "BundleEntry": (
        Invariant(
            "bdl-5",
            lambda o: "resource" in o or "request" in o or "response" in o,
            "an entry has a resource, or a request or response",
        ),
    ),
    "CapabilityStatement": (
        Invariant("cpb-1", lambda o: bool({"rest", "messaging", "document"} & o.keys()), "it describes something"),
        Invariant(
            "cpb-2",
            lambda o: bool({"description", "software", "implementation"} & o.keys()),
            "it has a description, software or implementation",
        ),
        Invariant(
            "cpb-14",
            lambda o: o.get("kind") != "instance" or "implementation" in o,
            "an instance names its implementation",
        ),
        Invariant(
            "cpb-15",
            lambda o: o.get("kind") != "capability" or ("implementation" not in o and "software" in o),
            "a capability names its software and no implementation",
        ),
    ),
    "CapabilityStatementRest": (
        Invariant("cpb-9", lambda o: _unique(o, "resource", "type"), "a resource type is listed once"),
    ),
    "CapabilityStatementRestResource": (
        Invariant("cpb-12", lambda o: _unique(o, "searchParam", "name"), "a search parameter is listed once"),
    ),
    "ContactPoint": (Invariant("cpt-2", lambda o: "value" not in o or "system" in o, "a value needs a system"),),
    "Extension": (
        Invariant("ext-1", lambda o: ("extension" in o) != _has_value(o), "an extension has a value or extensions"),
    ),
    "Organization": (
        Invariant("org-1", lambda o: _name_or(o, "identifier"), "it has a name or an identifier"),
        Invariant("org-2", lambda o: _no(o, "address", "use", "home"), "an organization has no home"),
        Invariant("org-3", lambda o: _no(o, "telecom", "use", "home"), "an organization has no home"),
    ),
    "PatientContact": (
        Invariant(
            "pat-1",
            lambda o: bool({"name", "telecom", "address", "organization"} & o.keys()),
            "a contact has details or an organization",
        ),
    ),
    "Period": (Invariant("per-1", _period, "it ends before it starts", "end"),),
    "Quantity": _QUANTITY,
    "Age": _QUANTITY,
    "Count": _QUANTITY,
    "Distance": _QUANTITY,
    "Duration": _QUANTITY,
    "QuestionnaireResponseItem": (
        Invariant("qrs-1", lambda o: "item" not in o or "answer" not in o, "an item has answers or items, not both"),
    ),
    "Ratio": (
        Invariant(
            "rat-1",
            lambda o: ("numerator" in o) == ("denominator" in o) and ("numerator" in o or "extension" in o),
            "numerator and denominator stand together",
        ),
    ),
    "SearchParameter": (
        Invariant("spd-1", lambda o: "xpath" not in o or "xpathUsage" in o, "an xpath needs its usage"),
        Invariant("spd-2", lambda o: "chain" not in o or o.get("type") == "reference", "only references are chained"),
        Invariant(
            "spd-3",
            lambda o: "comparator" not in o or o.get("type") in ("number", "date", "quantity"),
            "only numbers, dates and quantities are compared",
        ),
    ),
    "Task": (
        Invariant(
            "inv-1",
            lambda o: (
                "lastModified" not in o or "authoredOn" not in o or _not_after(o["authoredOn"], o["lastModified"])
            ),
            "it was modified before it was written",
            "lastModified",
        ),
    ),
    "TimingRepeat": (
        Invariant("tim-1", lambda o: "duration" not in o or "durationUnit" in o, "a duration needs its unit"),
        Invariant("tim-2", lambda o: "period" not in o or "periodUnit" in o, "a period needs its unit"),
        Invariant("tim-4", lambda o: "duration" not in o or o["duration"] >= 0, "a duration is not negative"),
        Invariant("tim-5", lambda o: "period" not in o or o["period"] >= 0, "a period is not negative"),
        Invariant("tim-6", lambda o: "periodMax" not in o or "period" in o, "periodMax needs a period"),
        Invariant("tim-7", lambda o: "durationMax" not in o or "duration" in o, "durationMax needs a duration"),
        Invariant("tim-8", lambda o: "countMax" not in o or "count" in o, "countMax needs a count"),
        Invariant("tim-10", lambda o: "timeOfDay" not in o or "when" not in o, "timeOfDay or when, not both"),
    ),
}
