"""Reading what a client sent: JSON resources, element by element, each refusal naming its place (INTERFACE.md §2)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson

from sandbox.lifecare import codes
from sandbox.lifecare.outcome import Refusal

APPOINTMENT_ELEMENTS: Final = frozenset(
    {
        "resourceType",
        "id",
        "meta",
        "implicitRules",
        "language",
        "text",
        "contained",
        "extension",
        "modifierExtension",
        "identifier",
        "status",
        "cancelationReason",
        "serviceCategory",
        "serviceType",
        "specialty",
        "appointmentType",
        "reasonCode",
        "reasonReference",
        "priority",
        "description",
        "supportingInformation",
        "start",
        "end",
        "minutesDuration",
        "slot",
        "created",
        "comment",
        "patientInstruction",
        "basedOn",
        "participant",
        "requestedPeriod",
    }
)
PATIENT_ELEMENTS: Final = frozenset(
    {
        "resourceType",
        "id",
        "meta",
        "implicitRules",
        "language",
        "text",
        "contained",
        "extension",
        "modifierExtension",
        "identifier",
        "active",
        "name",
        "telecom",
        "gender",
        "birthDate",
        "deceasedBoolean",
        "deceasedDateTime",
        "address",
        "maritalStatus",
        "multipleBirthBoolean",
        "multipleBirthInteger",
        "photo",
        "contact",
        "communication",
        "generalPractitioner",
        "managingOrganization",
        "link",
    }
)
"""Every element that FHIR R4 (4.0.1) gives these resources."""

_HETU_ANYWHERE: Final = re.compile(
    r"(?<![0-9A-Za-z])[0-3]\d[01]\d{3}[-+ A-FU-Y]\d{3}[0-9A-Y](?![0-9A-Za-z])", re.ASCII | re.IGNORECASE
)
_PLACER_VALUE: Final = re.compile(r"[A-Za-z0-9._:-]+", re.ASCII)
_PLACER_SYSTEM: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-{}~]+", re.ASCII)


Placer = tuple[str, str]
"""System and value of the client's own id."""


def parse_resource(body: bytes, kind: str) -> Node:
    """Return the resource in a body. Raises Refusal (400) when it is not JSON or not a resource of this kind."""
    try:
        body.decode("utf-8")
        data = orjson.loads(body)
    except UnicodeDecodeError as err:
        raise Refusal("NOT_UTF8") from err
    except orjson.JSONDecodeError as err:
        raise Refusal("NOT_JSON") from err
    if not isinstance(data, dict):
        raise Refusal("NOT_AN_OBJECT")
    if data.get("resourceType") != kind:
        raise Refusal("WRONG_TYPE", "resourceType")
    return Node(data, kind)


@dataclass(frozen=True, slots=True)
class Node:
    """A JSON object of the request and its place, such as `Appointment.participant[0]`."""

    data: dict[str, Any]
    path: str

    def at(self, name: str) -> str:
        """Return the place of an element, for `expression`."""
        return f"{self.path}.{name}" if name.isidentifier() and len(name) <= 64 else self.path

    def only(self, stored: Iterable[str], known: Iterable[str] = ()) -> None:
        """Refuse elements that are not `stored`: 422 when R4 knows them, 400 when it does not."""
        allowed = {*stored}
        r4 = {*known}
        for name in self.data:
            if name not in allowed:
                raise Refusal("NOT_STORED" if name.removeprefix("_") in r4 else "UNKNOWN_ELEMENT", self.at(name))

    def text(self, name: str, *, limit: int, required: bool = True) -> str:
        """Return a string element ("" when it is absent and not required)."""
        value = self.data.get(name)
        if value is None and name not in self.data:
            if required:
                raise Refusal("MISSING_ELEMENT", self.at(name))
            return ""
        if not isinstance(value, str):
            raise Refusal("BAD_ELEMENT", self.at(name))
        if not value.strip() or any((ord(sign) < 32 and sign != "\n") or ord(sign) == 127 for sign in value):
            raise Refusal("BAD_VALUE", self.at(name))
        if len(value) > limit:
            raise Refusal("TEXT_TOO_LONG", self.at(name))
        return value

    def child(self, name: str) -> Node:
        """Return an object element. Raises Refusal (400) when it is missing or not an object."""
        if name not in self.data:
            raise Refusal("MISSING_ELEMENT", self.at(name))
        return self._node(self.data[name], self.at(name))

    def children(self, name: str) -> list[Node]:
        """Return the objects of a list element; none when it is absent."""
        if name not in self.data:
            return []
        value = self.data[name]
        if not isinstance(value, list) or not value:
            raise Refusal("BAD_ELEMENT", self.at(name))
        return list(self._numbered(value, self.at(name)))

    def single(self, name: str) -> Node:
        """Return the only object of a list element."""
        found = self.children(name)
        if not found:
            raise Refusal("MISSING_ELEMENT", self.at(name))
        if len(found) > 1:
            raise Refusal("BAD_ELEMENT", self.at(name))
        return found[0]

    def reference(self, kind: str) -> str:
        """Return the id of this Reference to a resource of `kind`. A display is let be."""
        self.only(("reference", "display", "type"), ("id", "extension", "identifier"))
        match = re.fullmatch(rf"{kind}/([A-Za-z0-9.-]{{1,64}})", self.text("reference", limit=128), re.ASCII)
        if match is None:
            raise Refusal("BAD_VALUE", self.at("reference"))
        return match[1]

    def _numbered(self, values: list[Any], path: str) -> Iterator[Node]:
        for number, value in enumerate(values):
            yield self._node(value, f"{path}[{number}]")

    def _node(self, value: Any, path: str) -> Node:
        if not isinstance(value, dict):
            raise Refusal("BAD_ELEMENT", path)
        return Node(value, path)


def read_placer(identifier: Node) -> Placer:
    """Return the client's own id that an Identifier holds. Raises Refusal (400, 422)."""
    identifier.only(("system", "value", "type", "use"), ("id", "extension", "period", "assigner"))
    if "type" in identifier.data:
        coding = identifier.child("type").single("coding")
        if coding.text("code", limit=64) != "PLAC":
            raise Refusal("BAD_VALUE", identifier.at("type"))
    system, value = identifier.text("system", limit=128), identifier.text("value", limit=64)
    if not _PLACER_SYSTEM.fullmatch(system):
        raise Refusal("BAD_VALUE", identifier.at("system"))
    if not _PLACER_VALUE.fullmatch(value) or holds_hetu(value):
        raise Refusal("BAD_VALUE", identifier.at("value"))
    return system, value


def take_hold_token(resource: Node) -> tuple[str | None, Node]:
    """Return the token of a hold that the resource carries, if any, and the resource without that extension."""
    found = [one for one in resource.children("extension") if one.data.get("url") == codes.HOLD_TOKEN_EXTENSION]
    if not found:
        return None, resource
    if len(found) > 1:
        raise Refusal("BAD_ELEMENT", resource.at("extension"))
    found[0].only(("url", "valueString"), ("id", "extension"))
    rest = [one for one in resource.data["extension"] if one is not found[0].data]
    others = {name: value for name, value in resource.data.items() if name != "extension"}
    data = others | ({"extension": rest} if rest else {})
    return found[0].text("valueString", limit=64), Node(data, resource.path)


def holds_hetu(text: str) -> bool:
    """Whether something of the form of a personal identity code stands anywhere in a text (an address, a header)."""
    return _HETU_ANYWHERE.search(text) is not None
